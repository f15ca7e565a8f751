"""Names for events: the same line of the same connection has the same name, always.

Two attempts within one second may be the very same line twice. They are two events, so an id
also holds how many times the line came before. Because the line holds its second, only lines of
the last seconds need to be remembered: two generations of them, the elder dropped in turn.

The same line in another file may be the next attempt, where a log was cut between the two, or the
same one, where files overlap. It is the next one where the file goes on: its first event is not
earlier than the last one before, nor is it the very event that the file before began with. All
lines of a file that overlaps are counted anew, and have the ids again that they had.
"""

from hashlib import blake2b

GENERATION_SECONDS = 10
"""Of the log's own time. Within one connection lines are at most a few seconds out of order."""

MAX_LATE_SECONDS = 60
"""A line is never that late. Where a file goes back further, logs were put together in it that
overlap: their lines are counted anew, too."""

MAX_GENERATION = 32_768
"""Ids of a generation, 6 MB. An appliance would need more than 3,000 logins a second; a line that
came again behind so many others would get its first id again."""


class Identities:
    """Gives ids to the events of one appliance."""

    __slots__ = ("_current", "_file", "_first", "_last", "_prefixes", "_previous", "_since")

    def __init__(self, appliance: str) -> None:
        """Start with no line seen."""
        name = appliance.encode("utf-8", "surrogateescape")
        self._prefixes = {x: b"%b\0%b\0" % (name, x) for x in (b"inbound", b"outbound")}
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}
        self._since = 0
        self._file: object = None
        self._first = ""
        self._last = 0

    def identify(
        self, direction: bytes, number: bytes, line: bytes, epoch: int, file: object = None
    ) -> str:
        """Give the id of the next event of a line.

        Args:
            direction: ``inbound`` or ``outbound``.
            number: ICID or DCID; empty for none.
            line: Verbatim, without its end.
            epoch: Its time in seconds since 1970, UTC.
            file: One object for all lines of a file.

        Returns:
            32 hex digits.
        """
        text = self._prefixes[direction] + number + b"\0" + line
        name = blake2b(text, digest_size=16).hexdigest()
        if file is not self._file:
            if epoch < self._last or name == self._first:
                self._forget(epoch)
            self._file, self._first = file, name
        self._last = max(self._last, epoch)
        passed = epoch - self._since
        if passed <= -MAX_LATE_SECONDS:
            self._forget(epoch)
        elif passed >= GENERATION_SECONDS or len(self._current) >= MAX_GENERATION:
            self._previous, self._current = self._current, {}
            self._since = epoch
        if name not in self._current and name not in self._previous:
            self._current[name] = 1
            return name
        ordinal = self._current.get(name) or self._previous[name]
        self._current[name] = ordinal + 1
        # Beside the text, where no line can imitate it.
        return blake2b(text, digest_size=16, person=b"%d" % ordinal).hexdigest()

    def name(self, direction: bytes, number: bytes, text: bytes) -> str:
        """Give the id of an event that no line says.

        Args:
            direction: ``inbound`` or ``outbound``.
            number: ICID or DCID.
            text: What stands for the line; it never comes again.
        """
        text = self._prefixes[direction] + number + b"\0" + text
        return blake2b(text, digest_size=16).hexdigest()

    def _forget(self, epoch: int) -> None:
        """Count anew from here."""
        self._previous, self._current = {}, {}
        self._since = self._last = epoch
