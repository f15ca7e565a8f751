"""Cuts what one connection sends into messages: both framings of RFC 6587, told apart by itself.

- Octet counting: ``129 <22>Apr 22 ...``, a length in bytes, a space, and the message, which begins
  with its priority. A number that no priority follows is part of a message.
- Any other message ends with a newline.
- A carriage return or a NUL behind a message is not part of it. A newline within one, which would
  make two lines of it, becomes ``#012``, as rsyslog writes it.
- A message that is incomplete when the connection ends is dropped: its sender sends it again.
"""

import re

MAX_MESSAGE_BYTES = 1 << 16
"""64 KiB: the longest line that is read of a file. RFC 5425 asks for 8 KiB."""

_LENGTH = re.compile(rb"([1-9]\d{0,7}) (?=<\d)")
"""Below 100 MB: what claims to be longer is not octet counting."""
_LENGTH_BEGINS = re.compile(rb"[1-9]\d{0,7}(?: <?)?\Z")
_LENGTH_AFTER_LINE = re.compile(rb"\n[\0\r\n]*(?=[1-9]\d{0,7} <\d)")
_BETWEEN = re.compile(rb"[\0\r\n]*")


def clean(message: bytes) -> bytes:
    """Return a message as one line, without what may end it."""
    return message.strip(b"\0\r\n").replace(b"\n", b"#012")


class MessageFramer:
    """Takes the bytes of one connection, cut anywhere."""

    __slots__ = ("_held", "_limit", "_skip_bytes", "_skip_line", "cut")

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        """Start a connection; the longest message has ``limit`` bytes."""
        self._limit = limit
        self._held = b""  # the beginning of a message; at most the limit and a length
        self._skip_bytes = 0  # of a message that was cut: its rest by its length,
        self._skip_line = False  # or up to the next newline
        self.cut = 0  # messages that were longer than the limit; only their beginning was returned

    @property
    def is_within(self) -> bool:
        """Whether a message has begun that is not complete."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the messages that are complete, as lines without newline."""
        messages: list[bytes] = []
        data = self._held + data
        position = 0
        while position < len(data):
            if self._skip_bytes or self._skip_line:
                position = self._skip(data, position)
                continue
            position = _BETWEEN.match(data, position).end()  # type: ignore[union-attr]
            found = _LENGTH.match(data, position)
            if found is not None:
                after = self._take_counted(data, found, messages)
            elif _LENGTH_BEGINS.match(data, position):
                break
            else:
                after = self._take_lines(data, position, messages)
            if after == position:
                break
            position = after
        self._held = data[position:]
        return messages

    def _take_counted(self, data: bytes, found: re.Match[bytes], messages: list[bytes]) -> int:
        """Take the message behind a length; return where to continue."""
        start, size = found.end(), int(found[1])
        if len(data) - start < min(size, self._limit + 1):
            return found.start()
        self._add(data[start : start + size], messages)
        self._skip_bytes = max(0, start + size - len(data))
        return start + size - self._skip_bytes

    def _take_lines(self, data: bytes, position: int, messages: list[bytes]) -> int:
        """Take all that newlines end, up to the next length; return where to continue."""
        found = _LENGTH_AFTER_LINE.search(data, position)
        end = found.end() if found is not None else data.rfind(b"\n", position) + 1
        if end:
            for line in data[position:end].split(b"\n"):
                self._add(line, messages)
            return end
        if len(data) - position <= self._limit:
            return position
        self._add(data[position:], messages)
        self._skip_line = True
        return len(data)

    def _add(self, message: bytes, messages: list[bytes]) -> None:
        message = message.lstrip(b"\0\r\n")
        if len(message) > self._limit:
            message = message[: self._limit]
            self.cut += 1
        if line := clean(message):
            messages.append(line)

    def _skip(self, data: bytes, position: int) -> int:
        if self._skip_line:
            end = data.find(b"\n", position) + 1
            self._skip_line = not end
            return end or len(data)
        size = min(self._skip_bytes, len(data) - position)
        self._skip_bytes -= size
        return position + size
