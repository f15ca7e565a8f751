"""The log's own time: timestamps, the years they lack, and clocks that are wrong.

A stamp is local time with whole seconds and no zone. Its offset comes from the stamp itself (marked
``UTC`` by framing), else from the header of its file, else from the operator's time zone. Without
any of them it is UTC, and a warning says so.

When clocks are set back, an hour occurs twice. A zone does not tell which one a line means, so the
first is taken: the offset before the change. With a file header there is no such doubt.

If the first stamp of a file has no year, it gets the operator's, or the latest that does not make
it later than the file. From there on, years follow the lines.

A message never arrives before it is written, but it may be delayed. So an appliance's clock is
behind only if everything that arrives for a while is.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from forwarder.cache import BoundedCache
from forwarder.events import Instant, new_instant

UTC_MARK = b"UTC"  # instead of the day's name: framing has converted the stamp to UTC

MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_CLOCK = re.compile(rb"(?s:...) (\w{3}) ([ \d]\d) (\d\d):(\d\d): (\d{4})")  # without its seconds
_SECONDS = {b"%02d" % x: x for x in range(60)} | {b"60": 59}
"""By their digits. A leap second is written :60, which datetime does not have."""
_Minute = tuple[int, bytes, bytes, str]
"""The fields of an instant at the beginning of a minute, its texts without their seconds."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, the cheapest arithmetic there is
_ZERO = timedelta(0)
_MINUTE = timedelta(minutes=1)

_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)  # by which a stamp may be ahead of its file: zones and clocks differ
_BACK = timedelta(days=31)
"""By which a stamp may be earlier than the one before; further back means the next year, unless
that lies in the future. Logs may be concatenated in any order."""

MAX_SKEW_SECONDS = 300
"""Between two clocks; the default of Kerberos. Also how long everything has to be late."""
_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


class Clock:
    """Reads stamps."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self.zone = zone  # of stamps without a file header; None if the operator gave none
        self.offset: timedelta | None = None  # local time minus UTC by the header of a file
        self.instants = BoundedCache(self._convert)
        """By stamp, at this offset. A look-up here costs no call, unlike :meth:`read`."""
        self._minutes = BoundedCache(self._convert_minute)
        self.assumed_utc = False  # whether a stamp was taken as UTC for want of an offset

    def read(self, stamp: bytes, offset: timedelta | None) -> Instant | None:
        """Convert a stamp of 24 bytes, ``Wed Apr 22 11:43:59 2009``, at the offset of its file.

        The day's name is ignored unless it is ``UTC``. None for a time that does not exist.
        """
        if offset is not self.offset:
            self.set_offset(offset)
        return self.instants[stamp]

    def set_offset(self, offset: timedelta | None) -> None:
        """Use the offset of another file."""
        self.offset = offset
        self.instants.clear()
        self._minutes.clear()

    def set_zone(self, zone: tzinfo | None) -> None:
        """Use the zone of another file."""
        self.zone = zone
        self.set_offset(self.offset)

    def _convert(self, stamp: bytes) -> Instant | None:
        # Most seconds are new, but few minutes are: what a minute has in common is made once.
        second = _SECONDS.get(stamp[17:19])
        minute = self._minutes[stamp[:17] + stamp[19:]]
        if second is None or minute is None:
            return None
        epoch, text, compact, zone = minute
        digits = b"%02d" % second
        return new_instant(
            (epoch + second, b"%b%b.000Z" % (text, digits), b"%b%bZ" % (compact, digits), zone)
        )

    def _convert_minute(self, minute: bytes) -> _Minute | None:
        found = _CLOCK.fullmatch(minute)
        if found is None:
            return None
        month, day, hour, minutes, year = found.groups()
        try:
            date = int(year), MONTHS.index(month) + 1, int(day)
            local = datetime(*date, int(hour), int(minutes))  # noqa: DTZ001 - found below
            offset = self._offset_at(local, minute)
            # As the document has it; no zone has odd seconds today.
            offset -= offset % _MINUTE
            utc = local - offset
        except (ValueError, OverflowError):
            return None
        text = utc.isoformat().encode()[:-2]
        compact = text.replace(b"-", b"").replace(b":", b"")
        return (utc - _EPOCH) // timedelta(seconds=1), text, compact, format_offset(offset)

    def _offset_at(self, local: datetime, stamp: bytes) -> timedelta:
        if stamp[:3] == UTC_MARK:
            return _ZERO
        if self.offset is not None:
            return self.offset
        if self.zone is not None:
            return local.replace(tzinfo=self.zone).utcoffset() or _ZERO
        self.assumed_utc = True
        return _ZERO


def format_stamp(moment: datetime, mark: bytes) -> bytes:
    """Return local time as the stamp of a file, 24 bytes, with a mark for the day's name."""
    clock = (moment.day, moment.hour, moment.minute, moment.second, moment.year)
    return b"%b %b %2d %02d:%02d:%02d %04d" % (mark, MONTHS[moment.month - 1], *clock)


def format_offset(offset: timedelta) -> str:
    """Return local time minus UTC as in ``event.timezone``: ``+02:00``, without odd seconds."""
    minutes = abs(offset) // _MINUTE
    return f"{'-' if offset < _ZERO else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


class YearFinder:
    """Finds the years of one file, line by line."""

    def __init__(
        self, near: datetime, year: int | None = None, latest: datetime | None = None
    ) -> None:
        """Start a file; see :class:`~forwarder.mail_logs.framer.Framer` for the arguments."""
        self._latest = None if latest is None else _ahead(latest)
        self.restart(near)
        self._year = year  # of the first line, if the operator gave it

    def restart(self, near: datetime) -> None:
        """Find the years of lines near a time, whatever lines said before."""
        self._near, self._year = _ahead(near), None
        self._before: datetime | None = None  # the date of the last line that had no year
        # The last date and its year: most lines are of one day.
        self._dated = b"", b"", b""

    def dump(self) -> list[Any]:
        """Return what another finder needs to continue the file, as JSON."""
        before = self._before and self._before.isoformat()
        return [self._near.isoformat(), self._year, before]

    def restore(self, near: str, year: int | None, before: str | None) -> None:
        """Continue where another finder was."""
        self._near, self._year = datetime.fromisoformat(near), year
        self._before = None if before is None else datetime.fromisoformat(before)

    def find(self, month: bytes, day: bytes) -> bytes:
        """Return the year of a date, such as ``Apr`` and ``22``; ``0000`` if it does not exist."""
        if self._dated[:2] == (month, day):
            return self._dated[2]
        number = MONTHS.index(month) + 1
        if self._year is not None and self._before is None:
            self._before = datetime(self._year, number, 1, tzinfo=UTC)
            return b"%04d" % self._year
        found = self._find(number, int(day))
        if found is None:
            return b"0000"
        self._before = found
        self._dated = month, day, b"%04d" % found.year
        return self._dated[2]

    def _find(self, month: int, day: int) -> datetime | None:
        before = self._before
        if before is None:
            return _latest(month, day, self._near)
        since = max(before, _FIRST + _BACK) - _BACK
        years = range(since.year, since.year + 2)
        found = next((x for x in _dates(years, month, day) if x >= since), None)
        if found and self._latest is not None and before <= self._latest < found:
            return _latest(month, day, self._latest)
        return found


def _latest(month: int, day: int, limit: datetime) -> datetime | None:
    """Return the latest such date up to a limit."""
    years = range(limit.year, limit.year - 9, -1)  # leap years are up to eight years apart
    return next((x for x in _dates(years, month, day) if x <= limit), None)


def _dates(years: range, month: int, day: int) -> Iterator[datetime]:
    """Yield a date in those years that have it."""
    for year in years:
        with suppress(ValueError):
            yield datetime(year, month, day, tzinfo=UTC)


def _ahead(moment: datetime) -> datetime:
    return min(moment, datetime.max.replace(tzinfo=UTC) - _AHEAD) + _AHEAD


class Skew:
    """Compares the stamps of one appliance with the times of arrival."""

    __slots__ = ("_least", "_since", "arrival")

    def __init__(self) -> None:
        self.arrival: datetime | None = None  # of the last message that was compared
        self._since = 0.0
        self._least = 0.0  # of all since then: how far a stamp was ahead

    def compare(self, epoch: int, arrival: datetime) -> int | None:
        """Compare the time of a message, in seconds since 1970, with that of its arrival.

        Return how many seconds the clock is ahead (behind if negative); None if it may be right.
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
    """Describe how much a clock is off."""
    unit, name = next(x for x in _UNITS if abs(seconds) >= 2 * x[0])
    return f"{abs(seconds) // unit:,} {name} {'ahead' if seconds > 0 else 'behind'}"
