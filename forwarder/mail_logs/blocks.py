"""What framing hands over: whole lines, many at once."""

from typing import NamedTuple

from forwarder.events import SyslogHeader
from forwarder.mail_logs.scanner import Pick


class Line(NamedTuple):
    """What a rewritten line was."""

    position: int
    """Of the newline before it, in the block's text."""
    offset: int
    """Bytes from the start of the file."""
    original: bytes
    message: int
    """Where the message begins in ``original``, behind the level, in bytes."""
    header: SyslogHeader | None


class Block(NamedTuple):
    """Whole lines of one host, each behind a newline, each as a file would have it."""

    text: bytes
    start: int
    """Of the first line's newline in the text; what is before is no part of the block."""
    end: int
    """Behind the last line, where the newline of the next may stand."""
    offset: int
    """Of the text's first byte, in bytes from the start of the file."""
    host: str | None
    """From the syslog header of all of its lines; None where they have none."""
    lines: tuple[Line, ...] | None
    """For rewritten lines, in order; None where text is the file's own bytes."""
    picks: list[Pick] | None
    """The lines that matter; None where nobody has looked for them yet."""
