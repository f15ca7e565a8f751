"""The file being read, as far as its lines depend on it."""

from dataclasses import replace
from datetime import timedelta, tzinfo
from typing import NamedTuple

from forwarder.events import Origin
from forwarder.mail_logs import grammar
from forwarder.mail_logs.identity import Begun, Identities, begin
from forwarder.mail_logs.timestamps import Clock

MAX_OFFSET = timedelta(hours=14)
"""No place on earth is further from UTC (the Line Islands)."""

UNKNOWN = -(1 << 60)
"""In place of a time that nobody has asked for."""

MAX_SERIAL = 128
"""Characters of a serial number that tell appliances apart; they have 33."""


class Source(NamedTuple):
    """A file on its way, as far as all of its lines share it."""

    base: str
    """Name of the file without what rotation adds; the same for all files of one log."""
    folder: str
    """Where the file was when it was begun, without what archives and dates add."""
    file: str | None
    """A name for the file that stays when it is renamed."""
    zone: tzinfo | None
    """Of stamps that no header covers; None if nobody gave one."""
    identities: Identities


class Log:
    """Lines of one appliance in the file being read: what its header said so far.

    Attributes:
        origin: Of its lines.
        source: The file.
        host: From syslog headers, where the operator named the appliance and the host has another
            name; None else.
        offset: Local time minus UTC by the header.
        begun: For ids.
        where: Appliance, base name, host and folder: what does not change in the file.
        is_moved: Whether a header has said another serial number since somebody cleared this.
        first: The time of the file's first line, in seconds since 1970; None if it has none;
            :data:`UNKNOWN` before somebody has asked for it.
    """

    __slots__ = ("begun", "first", "host", "is_moved", "offset", "origin", "source", "where")

    begun: Begun

    def __init__(self, origin: Origin, source: Source, host: str | None = None) -> None:
        """Start at the beginning of a file."""
        self.origin = origin
        self.source = source
        self.host = host
        self.where = origin.appliance, source.base, host, source.folder
        self.offset: timedelta | None = None
        self.is_moved = False
        self.first: int | None
        self._turn()

    def resume(self, serial: str | None, offset: timedelta | None) -> None:
        """Go on where another one was."""
        self.origin = replace(self.origin, serial=serial)
        self.offset = offset
        self._turn()

    def find_first(self, clock: Clock) -> int | None:
        """Find the time of the file's first line."""
        time = clock.read(self.source.identities.stamp, self.offset)
        self.first = None if time is None else time.epoch
        return self.first

    def read_header(self, message: bytes) -> bool:
        """Take a line of the file's header; False for any other."""
        if found := grammar.match(grammar.HEADER_OFFSET, message):
            offset = timedelta(seconds=int(found["seconds"]))
            if abs(offset) > MAX_OFFSET:
                return False
            self.offset = offset
            self._turn()
        elif found := grammar.match(grammar.HEADER_VERSION, message):
            serial = found["serial"].decode("utf-8", "replace")[:MAX_SERIAL]
            if serial != self.origin.serial:
                self.origin = replace(self.origin, serial=serial)
                self.is_moved = True
                self._turn()
        return found is not None

    def _turn(self) -> None:
        """Let ids depend on what the header says: the same stamp is another time then."""
        self.first = UNKNOWN
        appliance, serial = self.origin.appliance, self.origin.serial
        offset = None if self.offset is None else str(self.offset // timedelta(seconds=1))
        self.begun = begin(appliance, self.source.base, self.host, serial, offset)
