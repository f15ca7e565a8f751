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

UTC_MARK = b"UTC"
"""In place of the day's name: framing has converted this stamp to UTC."""

MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DATE_BYTES = 11
_CLOCK = re.compile(rb"\d\d:\d\d: \d{4}")
"""Without its seconds."""
_SECONDS = {b"%02d" % x: x for x in range(60)} | {b"60": 59}
"""By their digits. A leap second is written :60; no calendar arithmetic here has one."""
_WHOLE_MINUTE = b"00.000Z"
_Minute = tuple[int, bytes, bytes, str]
"""The fields of an instant at the beginning of a minute, its texts without their seconds."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, the cheapest arithmetic there is
_ZERO = timedelta(0)
_MINUTE = timedelta(minutes=1)


class Clock:
    """Reads stamps.

    Attributes:
        offset: Local time minus UTC by the header of a file; None without one.
        instants: At this offset, by their stamps; None for a stamp that no calendar has. To ask
            here costs no call; see :meth:`read`.
        zone: Of stamps that no file header covers; None if the operator gave none.
        assumed_utc: Whether a stamp was taken for UTC because nothing said otherwise.
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        self.zone = zone
        self.offset: timedelta | None = None
        self.instants = BoundedCache(self._convert)
        self._minutes = BoundedCache(self._convert_minute)
        self.assumed_utc = False

    def read(self, stamp: bytes, offset: timedelta | None) -> Instant | None:
        """Convert a stamp at an offset; None for a stamp that no calendar has.

        Args:
            stamp: ``Wed Apr 22 11:43:59 2009``, 24 bytes; of the day's name only ``UTC`` counts.
            offset: Local time minus UTC by the header of its file; None without one.
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
        """Convert a stamp without its seconds."""
        if not _CLOCK.fullmatch(minute, _DATE_BYTES):
            return None
        try:
            local = datetime(  # noqa: DTZ001 - the offset is found below
                int(minute[18:22]),
                MONTHS.index(minute[4:7]) + 1,
                int(minute[8:10]),
                int(minute[11:13]),
                int(minute[14:16]),
            )
            offset = self._offset_at(local, minute)
            # As the document has it; no zone of today has odd seconds.
            offset -= offset % _MINUTE
            epoch, text, compact, zone = _instant(local - offset, offset)
        except (ValueError, OverflowError):
            return None
        return epoch, text[: -len(_WHOLE_MINUTE)], compact[:-3], zone

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
    """Return the wall clock as the stamp of a file, 24 bytes: ``UTC Apr 22 11:43:59 2009``.

    Args:
        moment: Its zone is ignored.
        mark: Three bytes in place of the day's name.
    """
    clock = (moment.day, moment.hour, moment.minute, moment.second, moment.year)
    return b"%b %b %2d %02d:%02d:%02d %04d" % (mark, MONTHS[moment.month - 1], *clock)


def format_offset(offset: timedelta) -> str:
    """Return local time minus UTC as ``event.timezone`` has it, ``+02:00``, without odd seconds."""
    minutes = abs(offset) // _MINUTE
    return f"{'-' if offset < _ZERO else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _instant(utc: datetime, offset: timedelta) -> Instant:
    text = utc.isoformat().encode()
    return Instant(
        epoch=(utc - _EPOCH) // timedelta(seconds=1),
        utc=text + b".000Z",
        compact=text.replace(b"-", b"").replace(b":", b"") + b"Z",
        offset=format_offset(offset),
    )
