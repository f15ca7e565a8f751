"""Where in its file a line of a block stands, found only for the lines that become events."""

from bisect import bisect_right

from forwarder.events import SyslogHeader
from forwarder.mail_logs.framing import Block
from forwarder.mail_logs.grammar import STAMP_BYTES

Place = tuple[int, bytes, int, bytes, SyslogHeader | None]
"""A line as its file has it: bytes from the start of the file; the line, verbatim; where the
message begins in it, in bytes; its level; its syslog header."""


class Places:
    """Finds the lines of one block, asked for in their order."""

    __slots__ = ("_block", "_position")

    def __init__(self, block: Block) -> None:
        """Start at the block's beginning."""
        self._block = block
        self._position = block.start

    def find(self, line: bytes, message: int) -> Place:
        """Find the next line with these bytes.

        Args:
            line: As the block has it, without the newline.
            message: Where its message begins, in bytes.
        """
        block = self._block
        # The newline of the next line may stand behind the block; the last of a file has none.
        position = block.text.find(b"\n" + line + b"\n", self._position, block.end + 1)
        if position < 0:
            position = block.end - len(line) - 1
        self._position = position + 1
        level = line[STAMP_BYTES : message - 2]
        if block.lines is None:
            original = line.removesuffix(b"\r")
            return block.offset + position + 1, original, message, level, None
        rewritten = block.lines[bisect_right(block.lines, position, key=lambda x: x.position) - 1]
        return (
            rewritten.offset,
            rewritten.original,
            rewritten.message,
            level,
            rewritten.header,
        )
