"""Which year a timestamp without one gets.

The first of a file gets the year that the operator gave, or the latest one in which it is not after
the time of the file. From there on, years follow the lines.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from forwarder.mail_logs.timestamps import MONTHS

_FIRST = datetime(1, 1, 1, tzinfo=UTC)

_AHEAD = timedelta(days=1)
"""By which a stamp may be ahead of the time of its file: zones and clocks differ."""

_BACK = timedelta(days=31)
"""By which a stamp may be earlier than the one before. Further back is the next year, unless that
is still to come: logs are put together in some order."""


class YearState(NamedTuple):
    """What is known of the years of a file."""

    near: datetime  # a time that its first line is not after, with a day for zones
    year: int | None  # of its first line, if the operator gave it
    before: datetime | None  # the date of the last line that had no year


class YearFinder:
    """Finds the years of one file, line by line.

    Attributes:
        state: What another one needs to go on with the file.
    """

    def __init__(
        self, near: datetime, year: int | None = None, latest: datetime | None = None
    ) -> None:
        """Start a file; for the arguments see :class:`~forwarder.mail_logs.framer.Framer`."""
        self.state = YearState(_ahead(near), year, None)
        self._latest = None if latest is None else _ahead(latest)
        # The last date and its year: most lines are of one day.
        self._dated: tuple[bytes, bytes, bytes] = (b"", b"", b"")

    def find(self, month: bytes, day: bytes) -> bytes:
        """Return the year of a date, as ``Apr`` and ``22``; ``0000`` where there is none."""
        if self._dated[:2] == (month, day):
            return self._dated[2]
        near, year, before = self.state
        number = MONTHS.index(month) + 1
        if year is not None and before is None:
            self.state = YearState(near, year, datetime(year, number, 1, tzinfo=UTC))
            return b"%04d" % year
        try:
            found = self._find(number, int(day), near, before)
        except (ValueError, OverflowError):
            return b"0000"
        self.state = YearState(near, year, found)
        self._dated = month, day, b"%04d" % found.year
        return self._dated[2]

    def restart(self, near: datetime) -> None:
        """Find years from a time on, whatever lines said before."""
        self.resume(YearState(_ahead(near), None, None))

    def resume(self, state: YearState) -> None:
        """Go on where another one was."""
        self.state = state
        self._dated = (b"", b"", b"")

    def _find(self, month: int, day: int, near: datetime, before: datetime | None) -> datetime:
        if before is None:
            return _latest(month, day, near)
        found = _following(month, day, max(before, _FIRST + _BACK) - _BACK)
        if self._latest is not None and before <= self._latest < found:
            return _latest(month, day, self._latest)
        return found


def _latest(month: int, day: int, limit: datetime) -> datetime:
    """Return the latest such date that is not after a limit, else raise ValueError."""
    # Two leap years are up to eight years apart.
    return _first(range(limit.year, limit.year - 9, -1), month, day, lambda x: x <= limit)


def _following(month: int, day: int, since: datetime) -> datetime:
    """Return such a date that is within the year behind a moment, else raise ValueError."""
    return _first(range(since.year, since.year + 2), month, day, lambda x: x >= since)


def _first(years: range, month: int, day: int, fits: Callable[[datetime], bool]) -> datetime:
    for year in years:
        with suppress(ValueError):
            date = datetime(year, month, day, tzinfo=UTC)
            if fits(date):
                return date
    raise ValueError(f"no year has a day {day} in month {month}")


def _ahead(moment: datetime) -> datetime:
    return min(moment, datetime.max.replace(tzinfo=UTC) - _AHEAD) + _AHEAD
