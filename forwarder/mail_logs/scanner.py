"""Blocks of whole lines, and the lines in them that matter.

One expression, run once over the whole block, finds the lines that may matter, in order: 99 of 100
lines never become a Python object. It knows only the heads of the forms, so what it finds may still
have none of them.

Nearly all lines of a block are of one day and one level, so they begin with the same text, which
is compared three times as fast as a class of characters. So each day and level has its own
expressions. One that checks the framing and finds the lines that matter in a single pass is a tenth
faster than two, but slow to compile: it is made for a day with many lines.
"""

import re
from bisect import bisect_right
from itertools import chain
from typing import NamedTuple

from forwarder.events import Event, SyslogHeader
from forwarder.mail_logs.event_ids import FileHeader
from forwarder.mail_logs.grammar import DATE_BYTES, LEVEL, STAMP_BYTES, find_message, message_of

MAX_DAYS = 1024
"""Days and levels whose expressions are kept: a hostile log must not fill memory with dates."""

WORTH_BYTES = 2 << 20
"""Of a day. A single pass over so much saves the time that its expression takes to compile."""

NEW_INBOUND = (b"New SMTP ICID", b"New smtp ICID")
NEW_OUTBOUND = (b"New SMTP DCID", b"New smtp DCID")
INBOUND_LOGIN = (b"SMTP Auth: (ICID", b"SMTP Auth (ICID")
KILLED_INBOUND = (b"SMTP server connection killed ICID:", b"SMTP server connection killed ICID")
KILLED_OUTBOUND = (b"SMTP server connection killed DCID:", b"SMTP server connection killed DCID")
"""Heads as :func:`scan` returns them, in both spellings that were seen."""

_INFO, _INFO_LEVEL = b"Info: ", b"Info"

# Every line of a log passes through here, so frequent words come first and nothing is tried twice.
# An empty alternative instead of "?", and classes instead of words, save a tenth of the time.
_MESSAGE = (
    rb"(?:"
    # Lookaheads exclude lines about messages that are of no use.
    rb"(ICID|DCID:?|New [Ss][Mm][Tt][Pp] [ID]CID|MID(?= \d++ (?:ICID \d++ R|r))|Start MID"
    rb"|SMTP Auth:? \(ICID|Message aborted MID|SMTP server connection killed [ID]CID:?)"
    rb" ++(\d++) *+(close\b|TLS(?= +(?:success|failed)\b)|ICID|ready|ACCEPT(?= +SG )"
    rb"|\) (?:succeeded|failed)(?= for user: (.*))|(?:RELAY|REJECT)(?= +SG )|Delayed(?= )"
    rb"|lost\b|)"
    rb"|SMTP Auth|Version: |Time offset from UTC: ).*"
)
# The bytes of the timestamp do not matter, so they are skipped in one step.
_SCAN = re.compile(rb"\n((?s:.{25})" + LEVEL + rb"+: " + _MESSAGE + rb")", re.MULTILINE)

Match = tuple[bytes, bytes, bytes, bytes, bytes]
"""A line that may matter: the whole line; its head (empty for a login of another kind or a file
header); the number behind the head (of a connection or a message); the word behind that if it
distinguishes forms of ``ICID`` and ``DCID``; of a client's login, the rest from the user on."""

Location = tuple[int, bytes, int, bytes, SyslogHeader | None]
"""A line in its file: bytes from the start of the file; the line, verbatim; where its message
begins, in bytes; its level; its syslog header."""


class Line(NamedTuple):
    """A line as its file has it."""

    position: int  # of the newline before it, in the block's text
    offset: int  # bytes from the start of the file
    original: bytes
    message: int  # where the message begins in `original`, in bytes
    header: SyslogHeader | None


class Block(NamedTuple):
    """Whole lines of one host, each behind a newline, in the framing of a file."""

    text: bytes
    start: int  # of the first line's newline in the text
    end: int  # behind the last line, where the newline of the next may be
    offset: int  # of the text's first byte, in bytes from the start of the file
    host: str | None  # from the syslog headers of all its lines; None without headers
    lines: tuple[Line, ...] | None  # of rewritten text, in order; None for the file's own bytes
    matches: list[Match] | None  # the lines that matter; None if not scanned yet

    def line_at(self, newline: int) -> Line:
        """Find the line behind a newline of the text."""
        if self.lines is not None:
            return self.lines[bisect_right(self.lines, newline, key=lambda x: x.position) - 1]
        begin = newline + 1
        end = self.text.find(b"\n", begin, self.end)
        original = self.text[begin : self.end if end < 0 else end].removesuffix(b"\r")
        return Line(newline, self.offset + begin, original, find_message(original), None)

    @property
    def first_stamp(self) -> bytes:
        """The stamp of the first line, in the framing of a file."""
        return self._stamp(self.start)

    @property
    def last_stamp(self) -> bytes:
        """The stamp of the last line."""
        return self._stamp(self.text.rfind(b"\n", self.start, self.end))

    def _stamp(self, newline: int) -> bytes:
        return self.text[newline + 1 : newline + STAMP_BYTES]


class BlockReader:
    """A block on its way through the join."""

    __slots__ = (
        *("_end", "_first", "_lines", "_offset", "_position", "_text"),
        *("arrival", "events", "header", "matches"),
    )

    def __init__(self, block: Block, header: FileHeader, arrival: float = 0.0) -> None:
        self._text, self._position, self._end, self._offset, _, self._lines, matches = block
        if matches is None:
            matches = scan(block.text, block.start, block.end)
        self._first = matches[0] if matches else None
        self.matches = iter(matches)  # the lines that matter and are still to be read
        self.header = header  # a file header in the block changes it
        self.arrival = arrival  # of messages, in seconds since 1970; 0 for a file
        self.events: list[Event] = []  # of the lines so far, in order

    def has_more(self) -> bool:
        """Read lines of a file header up to the next other line; False if there is none.

        If the header has another serial number, its rest is left.
        """
        first, self._first = self._first, None
        if first is not None and first[1]:  # nearly always; nothing needs to be put back
            return True
        for match in self.matches:
            if match[1] or not self.header.read(message_of(match[0])):
                self.matches = chain((match,), self.matches)
                return True
            if self.header.is_moved:
                return True
        return False

    def locate(self, line: bytes) -> Location:
        """Find the next line with these bytes, without newline; only events need it."""
        # With its newlines, as the same bytes may be part of another line. A long text is searched
        # in long leaps, twice as fast as a short mark that few lines have.
        position = self._text.find(b"\n%b\n" % line, self._position, self._end + 1) + 1
        # The last line of a file may have no newline.
        position = position or self._end - len(line)
        self._position = position + len(line)
        if line.startswith(_INFO, STAMP_BYTES):
            # Nearly always; and the same object is compared fastest.
            level, message = _INFO_LEVEL, STAMP_BYTES + len(_INFO)
        else:
            message = find_message(line)
            level = line[STAMP_BYTES : message - 2]
        if self._lines is None:
            return self._offset + position, line.removesuffix(b"\r"), message, level, None
        after = bisect_right(self._lines, position - 1, key=lambda x: x.position)
        _, offset, original, message, header = self._lines[after - 1]
        return offset, original, message, level, header


def scan(text: bytes, start: int, end: int) -> list[Match]:
    """Find the lines that may matter, in order; ``start`` is the newline before the first.

    Each line has a timestamp of 25 bytes and a level.
    """
    return _SCAN.findall(text, start, end)


class Days:
    """The days of a log, by date and level."""

    def __init__(self) -> None:
        self._days: dict[tuple[bytes, bytes, bytes], _Day] = {}

    def scan(self, text: bytes, start: int, end: int) -> tuple[int, list[Match]]:
        """Scan lines while they have the day and level of the first, whose newline is ``start``.

        Return the newline before the first other line, or ``end``, and the lines before it that
        matter.
        """
        stamp = text[start + 1 : start + 1 + STAMP_BYTES]
        level = text[start + 1 + STAMP_BYTES : text.index(b": ", start + STAMP_BYTES)]
        # The date, and the year with the space behind it.
        key = stamp[:DATE_BYTES], stamp[20:], level
        day = self._days.get(key)
        if day is None:
            if len(self._days) >= MAX_DAYS:
                self._days.clear()
            day = self._days[key] = _Day(*key)
        return day.scan(text, start, end)


class _Day:
    def __init__(self, date: bytes, year: bytes, level: bytes) -> None:
        # The clock is skipped in one step: no newline in it is followed by a date. A line whose
        # message begins with a space has to be rewritten.
        self._begin = re.escape(date) + rb"(?s:.{8}) " + re.escape(year) + level + rb": "
        self._other = re.compile(rb"\n(?!" + self._begin + rb"[^ ])")
        self._proof: re.Pattern[bytes] | None = None
        """Finds the same as :func:`scan`. At the first line that begins otherwise, the rest is one
        last match, without a line."""
        self._scanned = 0

    def scan(self, text: bytes, start: int, end: int) -> tuple[int, list[Match]]:
        """See :meth:`Days.scan`."""
        if self._proof is None:
            stop = self._find_other(text, start, end)
            self._scanned += stop - start
            if self._scanned > WORTH_BYTES:
                begin = self._begin
                proof = rb"\n(?:(" + begin + _MESSAGE + rb")|(?!" + begin + rb"[^ ])(?s:.*))"
                self._proof = re.compile(proof, re.MULTILINE)
            return stop, scan(text, start, stop)
        matches: list[Match] = self._proof.findall(text, start, end)
        if not matches or matches[-1][0]:
            return end, matches
        matches.pop()
        return self._find_other(text, start, end), matches

    def _find_other(self, text: bytes, start: int, end: int) -> int:
        found = self._other.search(text, start, end)
        return end if found is None else found.start()
