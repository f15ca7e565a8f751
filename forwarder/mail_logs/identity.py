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
    """Gives ids to the events of one appliance.

    Attributes:
        current: How many times the line of an id came, in the generation that grows.
        previous: The same in the one before it.
        since: When the current one began, in seconds since 1970.
        repeated: Ids of the current one whose count has changed since somebody cleared this.
        place: The file of the last event, the first id in that file, and the latest time so far.
    """

    __slots__ = ("_begun", "_prefixes", "current", "place", "previous", "repeated", "since")

    def __init__(self, appliance: str) -> None:
        """Start with no line seen."""
        name = appliance.encode("utf-8", "surrogateescape")
        self._prefixes = {x: b"%b\0%b\0" % (name, x) for x in (b"inbound", b"outbound")}
        # Hashes that have taken in the prefix: a copy that goes on costs less than a new one.
        self._begun = {x: blake2b(y, digest_size=16) for x, y in self._prefixes.items()}
        self.current: dict[str, int] = {}
        self.previous: dict[str, int] = {}
        self.since = 0
        self.repeated: set[str] = set()
        self.place: tuple[str | None, str, int] = (None, "", 0)

    def identify(
        self, direction: bytes, number: bytes, line: bytes, epoch: int, file: str | None = None
    ) -> str:
        """Give the id of the next event of a line.

        Args:
            direction: ``inbound`` or ``outbound``.
            number: ICID or DCID; empty for none.
            line: Verbatim, without its end.
            epoch: Its time in seconds since 1970, UTC.
            file: A name of the file, the same for all of its lines.

        Returns:
            32 hex digits.
        """
        text = number + b"\0" + line
        said = self._begun[direction].copy()
        said.update(text)
        name = said.hexdigest()
        before, first, last = self.place
        if file != before:
            if epoch < last or name == first:
                last = self._forget(epoch)
            self.place = file, name, max(last, epoch)
        elif epoch > last:
            self.place = file, first, epoch
        passed = epoch - self.since
        if passed <= -MAX_LATE_SECONDS:
            self._forget(epoch)
            self.place = *self.place[:2], epoch
        elif passed >= GENERATION_SECONDS or len(self.current) >= MAX_GENERATION:
            self.previous, self.current = self.current, {}
            self.repeated.clear()
            self.since = epoch
        current = self.current
        if name not in current and name not in self.previous:
            current[name] = 1
            return name
        ordinal = current.get(name) or self.previous[name]
        current[name] = ordinal + 1
        self.repeated.add(name)
        # Beside the text, where no line can imitate it.
        text = self._prefixes[direction] + text
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

    def _forget(self, epoch: int) -> int:
        """Count anew from here."""
        self.previous, self.current = {}, {}
        self.repeated.clear()
        self.since = epoch
        return epoch
