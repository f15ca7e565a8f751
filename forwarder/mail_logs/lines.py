"""Where lines begin and end, and what is between them.

A piece is what lies between two newlines. It begins a line, is empty, or may continue the line
before it; its first bytes tell which (:data:`START_BYTES`), so that a piece without an end need not
be waited for. Thus a piece that begins with so many spaces or NUL bytes is empty, whatever follows.
Empty pieces are skipped, and spaces before a timestamp are not part of its line.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from forwarder.mail_logs.grammar import DATE
from forwarder.mail_logs.syslog import STAMP
from forwarder.mail_logs.wrapping import Wraps, join

MAX_LINE_BYTES = 1 << 16
"""A user name is at most 9 KB (RFC 4954, 12,288 octets of base64), and nothing else in these lines
is longer; Fluent Bit stops at 32 KiB, Vector throws away above 100 KiB."""

START_BYTES = 160  # more than any timestamp with its priority has, and the spaces before it

MAX_JUNK_BYTES = START_BYTES + 4
"""A newline, a byte order mark and as many NUL bytes as make a piece empty, whatever follows."""

_BOM = rb"(?:\xef\xbb\xbf)?"
_JUNK = re.compile(_BOM + rb"\x00*+")
# A BOM may stand before NUL bytes, and either or both before spaces.
START = re.compile(
    _BOM + rb"\x00*+[ \t]{0,32}+(?P<junk_end>)(?:" + STAMP + rb"|(?=" + DATE + rb"))"
)
_EMPTY = re.compile(_BOM + rb"(?:[\x00 \t\r]{%d}|[\x00 \t\r]*+\Z)" % START_BYTES)
_PIECE = re.compile(rb"\n(?P<blank>(?:[\x00 \t\r]*+\n)*+)(?P<piece>[^\n]*+)")
"""Many empty pieces go in one step."""
_BLANK = b"\n\x00 \t\r"

# What stamps are made of, up to a word that is not all there yet.
_WORDS = rb"Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_BEGUN = re.compile(rb"(?:[\d<>:.,+TZ \t-]|%b){0,%d}(?:[A-Z][a-z]?)?" % (_WORDS, START_BYTES))


class Found(NamedTuple):
    """A line in a stretch."""

    start: int  # where it begins, in bytes
    line: bytes
    is_truncated: bool
    has_dropped: bool  # whether something came behind it that is neither a line nor a part of it


def join_lines(stretch: bytes, wraps: Wraps | None) -> Iterator[Found]:
    """Join what is wrapped, and drop what is over :data:`MAX_LINE_BYTES`.

    The stretch has whole lines, each behind a newline. ``wraps`` is how lines before were wrapped;
    it learns from these. It is None where no line is: what does not begin one is dropped.
    """
    pieces: list[bytes] = []
    start = 0
    for found in _PIECE.finditer(stretch):
        at, piece = found.start("piece"), found["piece"]
        begun = START.match(piece)
        if begun:
            if pieces:
                yield _found(start, pieces, wraps)
            pieces, start = [piece[begun.start("junk_end") :]], at + begun.start("junk_end")
        # What begins behind the limit does not count: with small reads it would not be seen.
        elif not pieces or at - start > MAX_LINE_BYTES + 1 or _EMPTY.match(piece):
            continue
        else:
            pieces.append(piece)
        over = at + len(piece) - start - MAX_LINE_BYTES
        if over > 0:
            # The newline before the piece may be over the limit, too.
            pieces[-1] = pieces[-1][: max(len(pieces[-1]) - over, 0)]
            yield _found(start, pieces, wraps, is_truncated=True)
            pieces = []
    if pieces:
        yield _found(start, pieces, wraps)


def _found(
    start: int, pieces: list[bytes], wraps: Wraps | None, *, is_truncated: bool = False
) -> Found:
    line, number = (pieces[0], 1) if wraps is None else join(pieces, wraps)
    whole = number == len(pieces)
    return Found(start, line, is_truncated and whole, not whole)


def find_last_start(buffer: bytes) -> int:
    """Find the newline before the last line that begins with a timestamp; 0 if there is none."""
    position = buffer.rfind(b"\n")
    while position > 0 and not START.match(buffer, position + 1):
        if buffer[position - 1] in _BLANK:
            # Of pieces that are empty none begins a line.
            position = len(buffer[:position].rstrip(_BLANK))
        position = buffer.rfind(b"\n", 0, position)
    return max(position, 0)


def find_long_line(text: bytes, start: int, end: int) -> int:
    """Find the newline before the first line over the limit; ``end`` if there is none."""
    position = start
    while end - position > MAX_LINE_BYTES + 1:
        # The last newline within reach: all lines up to there are short enough.
        following = text.rfind(b"\n", position + 1, position + MAX_LINE_BYTES + 2)
        if following < 0:
            return position
        position = following
    return end


def find_begun(buffer: bytes) -> int:
    """Find a last piece that may become a timestamp: the newline before it, else the end."""
    newline = buffer.rfind(b"\n")
    piece = buffer[newline + 1 :]
    may_begin = newline >= 0 and piece and not START.match(piece) and _BEGUN.fullmatch(piece)
    return newline if may_begin else len(buffer)


def find_undecided(buffer: bytes) -> tuple[int, int]:
    """Find a last piece that is too short to tell what it is.

    Return the newline before it, and where the junk at its beginning ends; the end of the buffer,
    twice, if there is no such piece.
    """
    newline = buffer.rfind(b"\n")
    found = _JUNK.match(buffer, newline + 1)
    junk_end = newline + 1 if found is None else found.end()
    if newline < 0 or len(buffer) - junk_end > START_BYTES:
        return len(buffer), len(buffer)
    return newline, junk_end
