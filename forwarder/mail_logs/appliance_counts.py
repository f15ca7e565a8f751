"""Counts what is read of each appliance, how recent it is, and how many logins are joined.

It counts by block, since examining each line would double the cost of reading.
"""

from dataclasses import dataclass

from forwarder.events import Event, Instant

MAX_APPLIANCES = 1_024
"""A large fleet has hundreds; strangers may invent more names."""


@dataclass(slots=True)
class ApplianceCounts:
    """What was read of one appliance since the counts were last taken."""

    bytes: int = 0
    logins: int = 0  # whose line names a connection
    joined: int = 0  # of these, whose connection is known
    last_line: int | None = None  # time of the latest line, in seconds since 1970, if known
    open_connections: int = 0  # now, in both directions


class ApplianceCounters:
    """Counts by appliance."""

    def __init__(self) -> None:
        self._counts: dict[str, ApplianceCounts] = {}

    def count(self, appliance: str, size: int, last: Instant | None) -> None:
        """Count a block, by its size in bytes and the time of its last line."""
        counts = self._find(appliance)
        counts.bytes += size
        if last is not None:
            counts.last_line = max(last.epoch, counts.last_line or 0)

    def count_logins(self, events: list[Event]) -> None:
        """Count the logins among events."""
        for event in events:
            if event.session is None and event.connection is not None:
                counts = self._find(event.origin.appliance)
                counts.logins += 1
                counts.joined += event.connection.correlated

    def _find(self, appliance: str) -> ApplianceCounts:
        counts = self._counts.get(appliance)
        if counts is None:
            counts = ApplianceCounts()
            if len(self._counts) < MAX_APPLIANCES:
                self._counts[appliance] = counts
        return counts

    def take(self) -> dict[str, ApplianceCounts]:
        """Return the counts since the last time."""
        counts, self._counts = self._counts, {}
        return counts
