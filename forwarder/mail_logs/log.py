"""The file being read, as far as its lines depend on it."""

from dataclasses import replace
from datetime import timedelta, tzinfo

from forwarder.events import Origin
from forwarder.mail_logs import grammar

MAX_OFFSET = timedelta(hours=14)
"""No place on earth is further from UTC (the Line Islands)."""


class Log:
    """The file being read: what its header said so far."""

    __slots__ = ("file", "offset", "origin", "zone")

    def __init__(self, appliance: str, path: str | None, zone: tzinfo | None = None) -> None:
        """Start at the beginning of a file.

        Args:
            appliance: Its name.
            path: Absolute; None for a stream.
            zone: Of its stamps, as long as no header covers them; None if nobody gave one.
        """
        self.origin = Origin(appliance, path, None)
        self.file = path
        """A name for it that stays when it is renamed."""
        self.offset: timedelta | None = None
        self.zone = zone

    def read_header(self, message: bytes) -> bool:
        """Take a line of the file's header; False for any other."""
        if found := grammar.match(grammar.HEADER_OFFSET, message):
            offset = timedelta(seconds=int(found["seconds"]))
            if abs(offset) > MAX_OFFSET:
                return False
            self.offset = offset
        elif found := grammar.match(grammar.HEADER_VERSION, message):
            serial = found["serial"].decode("utf-8", "replace")
            self.origin = replace(self.origin, serial=serial)
        return found is not None
