"""Which year a timestamp without one gets.

The first of a file gets the year that the operator gave, or the latest one in which it is not after
the time of the file. From there on, years follow the lines.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from forwarder.mail_logs.timestamps import MONTHS

_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)  # by which a stamp may be ahead of its file: zones and clocks differ
_BACK = timedelta(days=31)
"""By which a stamp may be earlier than the one before. Further back is the next year, unless that
is still to come: logs are put together in some order."""


class YearState(NamedTuple):
    """What is known of the years of a file."""

    near: datetime  # a time that its first line is not after, with a day for zones
    year: int | None  # of its first line, if the operator gave it
    before: datetime | None  # the date of the last line that had no year


class YearFinder:
    """Finds the years of one file, line by line; another one goes on with its ``state``."""

    def __init__(
        self, near: datetime, year: int | None = None, latest: datetime | None = None
    ) -> None:
        """Start a file; for the arguments see :class:`~forwarder.mail_logs.framer.Framer`."""
        self.resume(YearState(_ahead(near), year, None))
        self._latest = None if latest is None else _ahead(latest)

    def resume(self, state: YearState) -> None:
        """Go on where another one was."""
        self.state = state
        # The last date and its year: most lines are of one day.
        self._dated: tuple[bytes, bytes, bytes] = (b"", b"", b"")

    def restart(self, near: datetime) -> None:
        """Find years from a time on, whatever lines said before."""
        self.resume(YearState(_ahead(near), None, None))

    def find(self, month: bytes, day: bytes) -> bytes:
        """Return the year of a date, as ``Apr`` and ``22``; ``0000`` where there is none."""
        if self._dated[:2] == (month, day):
            return self._dated[2]
        near, year, before = self.state
        number = MONTHS.index(month) + 1
        if year is not None and before is None:
            self.state = YearState(near, year, datetime(year, number, 1, tzinfo=UTC))
            return b"%04d" % year
        found = self._find(number, int(day), near, before)
        if found is None:
            return b"0000"
        self.state = YearState(near, year, found)
        self._dated = month, day, b"%04d" % found.year
        return self._dated[2]

    def _find(
        self, month: int, day: int, near: datetime, before: datetime | None
    ) -> datetime | None:
        if before is None:
            return _latest(month, day, near)
        since = max(before, _FIRST + _BACK) - _BACK
        years = range(since.year, since.year + 2)
        found = next((x for x in _dates(years, month, day) if x >= since), None)
        if found and self._latest is not None and before <= self._latest < found:
            return _latest(month, day, self._latest)
        return found


def _latest(month: int, day: int, limit: datetime) -> datetime | None:
    """Return the latest such date that is not after a limit."""
    years = range(limit.year, limit.year - 9, -1)  # leap years are up to eight years apart
    return next((x for x in _dates(years, month, day) if x <= limit), None)


def _dates(years: range, month: int, day: int) -> Iterator[datetime]:
    """Yield a date in those years that have it."""
    for year in years:
        with suppress(ValueError):
            yield datetime(year, month, day, tzinfo=UTC)


def _ahead(moment: datetime) -> datetime:
    return min(moment, datetime.max.replace(tzinfo=UTC) - _AHEAD) + _AHEAD
