"""The log's own time: stamps to instants.

A stamp is local time with whole seconds and no zone. Its offset comes, in this order, from the
stamp itself (marked ``UTC`` by framing), from the header of its file, from the time zone that the
operator gave, or is taken as zero; the last is remembered for a warning.

Where clocks are set back an hour happens twice, and a zone does not tell which one a line means:
the first one is taken, that is the offset before the change. A file header has no such doubt.
"""

import re
from datetime import datetime, timedelta, tzinfo

from forwarder.cache import BoundedCache
from forwarder.events import Instant, new_instant

UTC_MARK = b"UTC"  # in place of the day's name: framing has converted this stamp to UTC

MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_CLOCK = re.compile(rb"(?s:...) (\w{3}) ([ \d]\d) (\d\d):(\d\d): (\d{4})")  # without its seconds
_SECONDS = {b"%02d" % x: x for x in range(60)} | {b"60": 59}
"""By their digits. A leap second is written :60; no calendar arithmetic here has one."""
_Minute = tuple[int, bytes, bytes, str]
"""The fields of an instant at the beginning of a minute, its texts without their seconds."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, the cheapest arithmetic there is
_ZERO = timedelta(0)
_MINUTE = timedelta(minutes=1)


class Clock:
    """Reads stamps."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self.zone = zone  # of stamps that no file header covers; None if the operator gave none
        self.offset: timedelta | None = None  # local time minus UTC by the header of a file
        self.instants = BoundedCache(self._convert)
        """At this offset, by their stamps. To ask here costs no call; see :meth:`read`."""
        self._minutes = BoundedCache(self._convert_minute)
        self.assumed_utc = False  # whether a stamp was, because nothing said otherwise

    def read(self, stamp: bytes, offset: timedelta | None) -> Instant | None:
        """Convert a stamp of 24 bytes, ``Wed Apr 22 11:43:59 2009``, at the offset of its file.

        Of the day's name only ``UTC`` counts. None for a stamp that no calendar has.
        """
        if offset is not self.offset:
            self.set_offset(offset)
        return self.instants[stamp]

    def set_offset(self, offset: timedelta | None) -> None:
        """Use the offset of another file."""
        self.offset = offset
        self._forget()

    def set_zone(self, zone: tzinfo | None) -> None:
        """Use the zone of another file."""
        self.zone = zone
        self._forget()

    def _forget(self) -> None:
        self.instants.clear()
        self._minutes.clear()

    def _convert(self, stamp: bytes) -> Instant | None:
        # Most seconds are new, and few of the minutes: what a minute has in common is made once.
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
            # As the document has it; no zone of today has odd seconds.
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
    """Return a wall clock as the stamp of a file, 24 bytes, with a mark for the day's name."""
    clock = (moment.day, moment.hour, moment.minute, moment.second, moment.year)
    return b"%b %b %2d %02d:%02d:%02d %04d" % (mark, MONTHS[moment.month - 1], *clock)


def format_offset(offset: timedelta) -> str:
    """Return local time minus UTC as ``event.timezone`` has it, ``+02:00``, without odd seconds."""
    minutes = abs(offset) // _MINUTE
    return f"{'-' if offset < _ZERO else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
