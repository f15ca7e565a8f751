"""One appliance at work: its counters, its chances, and the telling of one connection in time."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Generic, Literal, TypeVar

from tests.corpus import forms
from tests.corpus.facts import Said
from tests.corpus.layout import Line
from tests.corpus.noise import FORGED, NOISE
from tests.corpus.variants import (
    ANSWERS,
    HATS,
    LISTENERS,
    REFUSED,
    REVERSE_DNS,
    SCHEMES,
    TLS,
    USERS,
    Hat,
    Listener,
    Tls,
)

T = TypeVar("T")

# ICIDs, DCIDs and MIDs count from the same number, and on every appliance: code that keeps them in
# one table mixes them up.
FIRST_NUMBER = 644_300
# The largest numbers that were seen; every eleventh connection has one.
_LARGE = 2**31 - 5_000
_LARGE_EVERY = 11


def seeded(*parts: object) -> Random:
    """Return a generator of chances that depends on nothing but these parts."""
    return Random(":".join(map(str, parts)))


class Deck(Generic[T]):
    """Deals cards in random order, each once before any comes again."""

    def __init__(self, cards: Sequence[T], chance: Random) -> None:
        self._cards = cards
        self._chance = chance
        self._dealt: Iterator[T] = iter(())

    def deal(self) -> T:
        """Return the next card."""
        for card in self._dealt:
            return card
        self._dealt = iter(self._chance.sample(self._cards, len(self._cards)))
        return next(self._dealt)


class World:
    """What the connections of one appliance share.

    Attributes:
        chance: The source of everything random.
        begin: When the first file begins, UTC.
        lines: All that was said so far, in no order.
    """

    def __init__(self, chance: Random, begin: datetime) -> None:
        self.chance = chance
        self.begin = begin
        self.lines: list[Line] = []
        self.users = Deck(USERS, chance)
        self.forged = Deck(FORGED, chance)
        self.names = Deck(REVERSE_DNS, chance)
        self.hats = Deck(HATS, chance)
        self.refused = Deck(REFUSED, chance)
        self.tls = Deck(TLS, chance)
        self.outbound_tls = Deck(TLS, chance)
        self.listeners = Deck(LISTENERS, chance)
        self.schemes = Deck(SCHEMES, chance)
        self.answers = Deck(ANSWERS, chance)
        self.noise = Deck(NOISE, chance)
        self.auths = Deck[forms.Auth]((b"SMTP Auth:", b"SMTP Auth"), chance)
        self.levels = Deck(("Info", "Warning", "Critical", "Alert", "Debug", "Trace"), chance)
        self._connections = 0
        self._messages = FIRST_NUMBER
        self._deliveries = FIRST_NUMBER
        self._unnamed: set[datetime] = set()

    def next_icid(self) -> int:
        """Return the number of the next inbound connection."""
        self._connections += 1
        large = self._connections % _LARGE_EVERY == 0
        return (_LARGE if large else FIRST_NUMBER) + self._connections

    def next_mid(self) -> int:
        """Return the number of the next message."""
        self._messages += 1
        return self._messages

    def next_dcid(self) -> int:
        """Return the number of the next outbound connection."""
        self._deliveries += 1
        return self._deliveries

    def address(self) -> str:
        """Return the address of some client."""
        return f"203.0.113.{self.chance.randrange(1, 255)}"

    def free_second(self, at: datetime) -> datetime:
        """Return a moment in a second that no line without a number was written in.

        Two equal ones in one second would be one event or two: the description does not say.

        Args:
            at: The first moment that will do.
        """
        while (second := at.replace(microsecond=0)) in self._unnamed:
            at += timedelta(seconds=1)
        self._unnamed.add(second)
        return at


class Tale:
    """Tells what happens on one connection, line after line."""

    def __init__(self, world: World, now: datetime) -> None:
        self.world = world
        self.now = now

    def wait(self, least: float, most: float | None = None) -> None:
        """Let time pass.

        Args:
            least: Seconds.
            most: Seconds; some time between both passes, `least` itself where it is None.
        """
        seconds = least if most is None else self.world.chance.uniform(least, most)
        self.now += timedelta(microseconds=round(seconds * 1_000_000))

    def next_second(self) -> None:
        """Wait for the beginning of the next whole second."""
        self.now = self.now.replace(microsecond=0) + timedelta(seconds=1)

    def say(self, said: Said, after: float | None = None) -> None:
        """Write the next line.

        Args:
            said: The line.
            after: Seconds since the line before; None for some short time.
        """
        if after is None:
            self.wait(0.05, 2.0)
        else:
            self.wait(after)
        self.world.lines.append(Line(self.now, said))

    def aside(self, level: str, template: bytes, number: int) -> None:
        """Write a line that means nothing, with the number of the connection in it."""
        self.say(Said(forge(template, number), None, level))

    def open(
        self,
        number: int,
        *,
        address: str | None = None,
        listener: Listener | None = None,
        hat: Hat | None = None,
    ) -> None:
        """Write the `New` line and the verdict.

        Args:
            number: The ICID.
            address: The client; some address where it is None.
            listener: The interface; the next one where it is None.
            hat: The verdict; the next one where it is None.
        """
        world = self.world
        host = world.names.deal()
        named = host is not None and host != "unknown"
        self.say(
            forms.new_inbound(
                number,
                listener or world.listeners.deal(),
                address or world.address(),
                None if host is None else host.replace("{n}", str(number)),
                verified=named and world.chance.random() < 0.5,
            )
        )
        self.say(forms.hat(number, hat or world.hats.deal()), after=0.1)

    def secure(self, number: int, tls: Tls | None = None) -> None:
        """Write the TLS line, `tls` or the next one that the deck deals, which may be none."""
        printed = tls or self.world.tls.deal()
        if printed is not None:
            self.say(forms.tls("inbound", number, printed))

    def succeed(self, number: int, user: bytes | None = None) -> None:
        """Write a login that succeeds, of `user` or of the next one."""
        self._login(number, "success", user)

    def fail(self, number: int, user: bytes | None = None) -> None:
        """Write a login that fails, of `user` or of the next one."""
        self._login(number, "failure", user)

    def close(self, number: int) -> None:
        """Write the end of the connection."""
        self.say(forms.ended("inbound", number))

    def _login(
        self, number: int, outcome: Literal["success", "failure"], user: bytes | None
    ) -> None:
        world = self.world
        name = forge(world.users.deal() if user is None else user, number)
        self.say(forms.login(number, outcome, name, world.schemes.deal(), world.auths.deal()))


def forge(template: bytes, number: int, mid: int | None = None) -> bytes:
    """Return a forged text with the numbers of the connection that it is said on.

    Args:
        template: Text with `{n}` and `{m}`.
        number: The ICID.
        mid: The MID, the same as the ICID where it is None.
    """
    text = template.replace(b"{n}", b"%d" % number)
    return text.replace(b"{m}", b"%d" % (number if mid is None else mid))
