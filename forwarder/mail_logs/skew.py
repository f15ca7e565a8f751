"""Whether the clock of an appliance is right, by when its messages arrive.

A message never arrives before it is written. It may arrive late, when it had to wait on its way;
so what is behind is the clock only if everything that arrives for a while is.
"""

from datetime import datetime

MAX_SKEW_SECONDS = 300
"""Between two clocks; Kerberos allows as much by default. Also for how long everything has to be
late."""


class Skew:
    """Compares the stamps of one appliance with the times of arrival."""

    __slots__ = ("_least", "_since", "arrival")

    def __init__(self) -> None:
        self.arrival: datetime | None = None  # of the last message that was compared
        self._since = 0.0
        self._least = 0.0  # of all since then: how far a stamp was ahead

    def compare(self, epoch: int, arrival: datetime) -> int | None:
        """Take the time of a message, in seconds since 1970, and when it arrived.

        Return by how many seconds the clock is ahead or, negative, behind; None if it may be right.
        """
        now = arrival.timestamp()
        ahead = epoch - now
        is_first, self.arrival = self.arrival is None, arrival
        least = ahead if is_first else max(ahead, self._least)
        if ahead > MAX_SKEW_SECONDS:
            return round(ahead)
        if is_first or now - self._since >= MAX_SKEW_SECONDS:
            self._since, self._least = now, ahead
            return round(least) if not is_first and least < -MAX_SKEW_SECONDS else None
        self._least = least
        return None


def say_skew(seconds: int) -> str:
    """Say by how much a clock is off."""
    unit, name = next(x for x in _UNITS if abs(seconds) >= 2 * x[0])
    return f"{abs(seconds) // unit:,} {name} {'ahead' if seconds > 0 else 'behind'}"


_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))
