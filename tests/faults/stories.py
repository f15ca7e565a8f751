"""Logs for a scene: few connections of the kinds that it is about, and the truth."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.corpus import Corpus
from tests.corpus.layout import Appliance, gather, lay_out
from tests.corpus.world import Deck, Tale, World, seeded

BEGIN = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)
MACHINES = tuple(
    Appliance(
        f"esa{number}.example.com",
        f"564D0123456789ABCDE{number}-0123456789A{number}",
        "14.2.0-620",
        timedelta(hours=number),
    )
    for number in range(1, 4)
)

Story = Callable[[Tale], None]


def tell(
    seed: int,
    stories: Sequence[Story],
    *,
    connections: int = 40,
    files: int = 3,
    appliances: int = 1,
) -> Corpus:
    """Return what appliances log, all with the same numbers.

    Args:
        seed: The same seed gives the same bytes.
        stories: Kinds of connections.
        connections: Stories that each appliance tells.
        files: Of ten minutes each; the last is the live one.
        appliances: How many; up to three.
    """
    return gather(
        tell_one(seed, stories, connections=connections, files=files, machine=machine)
        for machine in MACHINES[:appliances]
    )


def tell_one(  # noqa: PLR0913 - each has a name
    seed: int,
    stories: Sequence[Story],
    *,
    connections: int,
    files: int,
    machine: Appliance = MACHINES[0],
    begin: datetime = BEGIN,
    skip: int = 0,
) -> Corpus:
    """Return what one appliance logs.

    Args:
        seed: As above, like the next three.
        stories: Kinds of connections.
        connections: How many.
        files: How many.
        machine: The appliance.
        begin: When the first file begins.
        skip: Numbers of connections and messages that were used before.
    """
    world = World(seeded(seed, machine.name), begin)
    for _ in range(skip):
        world.next_icid()
        world.next_mid()
        world.next_dcid()
    deck = Deck(stories, world.chance)
    length = timedelta(minutes=10)
    for index in range(connections):
        deck.deal()(Tale(world, begin + length * files * index / connections))
    return lay_out(machine, world.lines, [begin + length * index for index in range(files)])


def prefixed(corpus: Corpus, prefix: bytes) -> Corpus:
    """Return a corpus in which each file begins with the same lines, which mean nothing."""
    return Corpus(
        {path: prefix + content for path, content in corpus.files.items()},
        [replace(event, offset=event.offset + len(prefix)) for event in corpus.expected],
    )
