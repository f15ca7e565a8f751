"""A small corpus with everything that misleads a parser, and the truth about it.

Several appliances use the same numbers at the same time, in different time zones. Connections are
interleaved; some begin before the first file and some outlast the last. The log's own time stays
under an hour, so that no connection gets old enough to expire.
"""

from datetime import UTC, datetime, timedelta

from tests.corpus.deliveries import DELIVERIES
from tests.corpus.layout import Appliance, gather, lay_out
from tests.corpus.reuse import REUSES
from tests.corpus.sessions import SESSIONS
from tests.corpus.truth import Corpus
from tests.corpus.world import Deck, Tale, World, seeded

# On the first appliance midnight and the end of a month fall into it, on the second neither.
_BEGIN = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)
_SPAN = timedelta(minutes=45)
# Connections that begin earlier have lines that are in no file.
_LEAD = timedelta(minutes=3)

# Behind Greenwich; half an hour off; and some more for those who ask for more.
_OFFSETS = (
    timedelta(hours=-5),
    timedelta(hours=5, minutes=30),
    timedelta(hours=2),
    timedelta(0),
    -timedelta(hours=3, minutes=30),
)
_VERSIONS = ("14.2.0-620", "7.6.3-019", "15.5.1-055")


def hostile(
    seed: int, *, connections: int = 400, appliances: int = 2, file_minutes: int = 9
) -> Corpus:
    """Return a corpus with everything unusual.

    Args:
        seed: The same seed gives the same bytes.
        connections: Stories an appliance, each of one inbound or outbound number; with the
            default every variant occurs on every appliance.
        appliances: How many of them, `esa1.example.com` and on.
        file_minutes: How long a file lasts; of 45 minutes.
    """
    machines = (
        Appliance(
            f"esa{index}.example.com",
            f"564D0123456789ABCDE{index:X}-0123456789A{index:X}",
            _VERSIONS[index % len(_VERSIONS)],
            _OFFSETS[(index - 1) % len(_OFFSETS)],
        )
        for index in range(1, appliances + 1)
    )
    return gather(
        _appliance(seed, machine, connections, timedelta(minutes=file_minutes))
        for machine in sorted(machines, key=lambda machine: machine.name)
    )


def _appliance(seed: int, machine: Appliance, connections: int, file: timedelta) -> Corpus:
    world = World(seeded(seed, "hostile", machine.name), _BEGIN)
    stories = Deck((*SESSIONS, *REUSES, *DELIVERIES), world.chance)
    for index in range(connections):
        start = _BEGIN - _LEAD + (_SPAN + _LEAD) * index / connections
        tale = Tale(world, start)
        tale.wait(0, 10)
        stories.deal()(tale)
    begins = [_BEGIN + file * index for index in range(_SPAN // file)]
    return lay_out(machine, world.lines, begins, _BEGIN + _SPAN)
