"""Blocks of whole lines, and the lines in them that matter.

One expression, run once over the whole block, finds the lines that may matter, in their order:
ninety-nine of a hundred lines never become a Python object. It knows only the heads of the
patterns; what it finds may still be none of them.

Nearly all lines of a block are of one day and at one level. What they begin with is a literal,
which is compared three times as fast as a class; so each day and level has expressions of its own.
The one that proves that lines are lines of a file, and finds those that matter at once, takes a
tenth less time than two, but takes long to compile: it is made for a day of which much has come.
"""

import re
from bisect import bisect_right
from itertools import chain
from typing import NamedTuple

from forwarder.events import Event, SyslogHeader
from forwarder.mail_logs.event_ids import FileHeader
from forwarder.mail_logs.grammar import DATE_BYTES, LEVEL, STAMP_BYTES, find_message, message_of

MAX_DAYS = 1024
"""Days and levels whose expressions are kept; a hostile log must not fill memory with dates."""

WORTH_BYTES = 2 << 20
"""Of a day. To go over so much in one step saves the time that it takes to compile the
expression."""

NEW_INBOUND = (b"New SMTP ICID", b"New smtp ICID")
NEW_OUTBOUND = (b"New SMTP DCID", b"New smtp DCID")
INBOUND_LOGIN = (b"SMTP Auth: (ICID", b"SMTP Auth (ICID")
KILLED_INBOUND = (b"SMTP server connection killed ICID:", b"SMTP server connection killed ICID")
KILLED_OUTBOUND = (b"SMTP server connection killed DCID:", b"SMTP server connection killed DCID")
"""Heads as :func:`scan` gives them, in both ways that were seen."""

_INFO, _INFO_LEVEL = b"Info: ", b"Info"

# The frequent words first, and nothing that is tried twice: every line of a log comes by here. An
# alternative that is empty in place of "?", and classes in place of words, save a tenth of it.
_MESSAGE = (
    rb"(?:"
    # Lookaheads leave out the message lines that carry nothing of use.
    rb"(ICID|DCID:?|New [Ss][Mm][Tt][Pp] [ID]CID|MID(?= \d++ (?:ICID \d++ R|r))|Start MID"
    rb"|SMTP Auth:? \(ICID|Message aborted MID|SMTP server connection killed [ID]CID:?)"
    rb" ++(\d++) *+(close\b|TLS(?= +(?:success|failed)\b)|ICID|ready|ACCEPT(?= +SG )"
    rb"|\) (?:succeeded|failed)(?= for user: (.*))|(?:RELAY|REJECT)(?= +SG )|Delayed(?= )"
    rb"|lost\b|)"
    rb"|SMTP Auth|Version: |Time offset from UTC: ).*"
)
# What the timestamp's bytes may be does not matter, so they are passed over in one step.
_SCAN = re.compile(rb"\n((?s:.{25})" + LEVEL + rb"+: " + _MESSAGE + rb")", re.MULTILINE)

Match = tuple[bytes, bytes, bytes, bytes, bytes]
"""A line that may matter: the whole line; its head (empty for a login line of another kind or a
file header); the number behind the head (of a connection or a message); the word behind that,
where it is one that tells the patterns of ``ICID`` and ``DCID`` apart; of a client's login, what
follows from the user on."""

Location = tuple[int, bytes, int, bytes, SyslogHeader | None]
"""A line as its file has it: bytes from the start of the file; the line, verbatim; where the
message begins in it, in bytes; its level; its syslog header."""


class Line(NamedTuple):
    """A line as its file has it."""

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
    """Of the first line's newline in the text; what is before is not part of the block."""
    end: int
    """Behind the last line, where the newline of the next may stand."""
    offset: int
    """Of the text's first byte, in bytes from the start of the file."""
    host: str | None
    """From the syslog header of all of its lines; None where they have none."""
    lines: tuple[Line, ...] | None
    """For rewritten lines, in order; None where text is the file's own bytes."""
    matches: list[Match] | None
    """The lines that matter; None where the block was not scanned yet."""

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
        """The stamp of the first line, as a file would have it."""
        return self._stamp(self.start)

    @property
    def last_stamp(self) -> bytes:
        """That of the last line."""
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
        self.matches = iter(matches)  # the lines that matter and were not read yet
        self.header = header  # of their file; a file header in the block changes it
        self.arrival = arrival  # of messages, in seconds since 1970; 0 for a file
        self.events: list[Event] = []  # at the lines so far, in order

    def has_more(self) -> bool:
        """Read what comes next of the file's header; False if no other line is left.

        Where the header says another serial number, the rest of it is left.
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
        """Find the next line with these bytes, without newline; only events need to know."""
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
        after = bisect_right(self._lines, position - 1, key=lambda x: x.position)
        _, offset, original, message, header = self._lines[after - 1]
        return offset, original, message, level, header


def scan(text: bytes, start: int, end: int) -> list[Match]:
    """Find the lines that may matter, in their order; ``start`` is at the newline before one.

    Each line has a timestamp of 25 bytes and a level.
    """
    return _SCAN.findall(text, start, end)


class Days:
    """The days of a log, by their dates and levels."""

    def __init__(self) -> None:
        self._days: dict[tuple[bytes, bytes, bytes], _Day] = {}

    def scan(self, text: bytes, start: int, end: int) -> tuple[int, list[Match]]:
        """Scan the lines of the day and level of the first one, whose newline is at ``start``.

        Return the newline before the first line of another day or level, ``end`` if there is none,
        and the lines before it that matter.
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
        # The clock is passed over in one step: no newline that is in it has a date behind. Where a
        # message begins with a space, its line is to be rewritten.
        self._begin = re.escape(date) + rb"(?s:.{8}) " + re.escape(year) + level + rb": "
        self._other = re.compile(rb"\n(?!" + self._begin + rb"[^ ])")
        self._proof: re.Pattern[bytes] | None = None
        """Finds the same as :func:`scan`; at the first line that begins otherwise it takes all that
        is left for a match without a line, the last one."""
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
