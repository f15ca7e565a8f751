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

_NEAR_BYTES = 29_000
"""Looked through first: for less than 100 bytes among less than 30,000 Python needs no table of
what it looks for, and mostly the next login is that near."""


class Places:
    """Finds the lines of one block, asked for in their order."""

    __slots__ = ("_end", "_lines", "_offset", "_position", "_text")

    def __init__(self, block: Block) -> None:
        """Start at the block's beginning."""
        self._text, self._position, self._end, self._offset, _, self._lines = block

    def find(self, line: bytes, mark: bytes) -> Place:
        """Find the next line with these bytes.

        Args:
            line: As the block has it, without the newline.
            mark: A part of the line that few lines have, to look for first; if it is in none,
                nothing is wrong, but it takes longer.
        """
        text, begun, size = self._text, self._position, len(line)
        position = text.find(mark, begun, begun + _NEAR_BYTES) - line.find(mark)
        # A line lies between newlines; the same bytes may be a part of another one.
        if not (
            begun < position < self._end - size
            and text[position - 1] == text[position + size] == _NEWLINE
            and text.startswith(line, position)
        ):
            position = self._search(line)
        self._position = position + size
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

    def _search(self, line: bytes) -> int:
        """Find a line that is far away, or at the end of its block."""
        # The newline of the next line may stand behind the block; the last of a file has none.
        position = self._text.find(b"\n" + line + b"\n", self._position, self._end + 1)
        return position + 1 if position >= 0 else self._end - len(line)


_NEWLINE = ord("\n")
_INFO = b"Info: "
_INFO_LEVEL = b"Info"
