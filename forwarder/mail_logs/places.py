"""Where in its file a line of a block stands, found only for the lines that become events."""

from bisect import bisect_right

from forwarder.events import SyslogHeader
from forwarder.mail_logs.blocks import Block
from forwarder.mail_logs.grammar import STAMP_BYTES, find_message

Place = tuple[int, bytes, int, bytes, SyslogHeader | None]
"""A line as its file has it: bytes from the start of the file; the line, verbatim; where the
message begins in it, in bytes; its level; its syslog header."""

Nowhere = tuple[None, None, int, None, None]
"""In place of a place, for what no line says."""


class Places:
    """Finds the lines of one block, asked for in their order."""

    __slots__ = ("_end", "_lines", "_offset", "_position", "_text")

    def __init__(self, block: Block) -> None:
        """Start at the block's beginning."""
        self._text, self._position, self._end, self._offset, _, self._lines, _ = block

    def find(self, line: bytes) -> Place:
        """Find the next line with these bytes.

        Args:
            line: As the block has it, without the newline.
        """
        # A line lies between newlines; the same bytes may be a part of another one. So long a text
        # is looked for in long leaps: in half the time of a short mark that few lines have.
        position = self._text.find(b"\n%b\n" % line, self._position, self._end + 1) + 1
        # The newline of the next line may stand behind the block; the last of a file has none.
        position = position or self._end - len(line)
        self._position = position + len(line)
        if line.startswith(_INFO, STAMP_BYTES):
            # Nearly all are, and a level that is one object is compared at once.
            level, message = _INFO_LEVEL, STAMP_BYTES + len(_INFO)
        else:
            message = find_message(line)
            level = line[STAMP_BYTES : message - 2]
        if self._lines is None:
            return self._offset + position, line.removesuffix(b"\r"), message, level, None
        rewritten = self._lines[
            bisect_right(self._lines, position - 1, key=lambda x: x.position) - 1
        ]
        return (
            rewritten.offset,
            rewritten.original,
            rewritten.message,
            level,
            rewritten.header,
        )


_INFO = b"Info: "
_INFO_LEVEL = b"Info"
