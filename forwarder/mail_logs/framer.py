"""Cuts the bytes of a log into blocks of lines.

Rules:

* A line begins with a timestamp. Other text continues the line before, unless that is whole: logs
  copied from a terminal or a document are wrapped (see ``wrapping``). What is neither a line nor a
  continuation is dropped and counted.
* The last line waits for the next one, which shows that it is whole. The last line of a file is
  whole if a newline or its form shows it.
* Where the input is cut never changes a line.
* A line has at most :data:`MAX_LINE_BYTES`; the rest of it is dropped and counted.
* Bytes are not decoded. A carriage return before the newline stays in the line and is not part
  of any message; NUL bytes before a timestamp (a preallocated or truncated file) are skipped.

Most blocks contain only lines of a file (``Wed Apr 22 11:43:59 2009 Info: ...``). One expression
over the block verifies it (``scanner``), and the bytes pass unchanged. Other stretches, wrapped
lines and syslog, are rewritten line by line into the framing of a file.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from forwarder.events import Counters, Unparsed
from forwarder.mail_logs.grammar import LEVEL, REGULAR, STAMP_BYTES
from forwarder.mail_logs.scanner import Block, Days, Line, Match, scan
from forwarder.mail_logs.subscriptions import SHOWN_BYTES
from forwarder.mail_logs.syslog import NAMES, SyslogFraming, repeats_last
from forwarder.mail_logs.wrapping import (
    BOM,
    MAX_LINE_BYTES,
    START,
    START_BYTES,
    Wraps,
    is_partial,
    join_lines,
)

MAX_JUNK_BYTES = START_BYTES + 4
"""A newline, a byte order mark, and enough NUL bytes to make a piece empty, whatever follows."""

_LOGIN = re.compile(LEVEL + rb":[ \t]+(?:SMTP Auth|DCID: \d+ IP: )")
_FAR_PAST = datetime(1970, 1, 1, tzinfo=UTC)
_NEXT_REGULAR = re.compile(rb"\n(?=" + REGULAR.pattern + rb")")
# The first look-ahead spares empty lines the second.
_NEXT_START = re.compile(rb"\n(?=[^\r\n])(?=" + START.pattern + rb")")
_JUNK = re.compile(BOM + rb"\x00*+")
_BLANK = b"\n\x00 \t\r"
# The parts of stamps, up to a word that is still incomplete.
_BEGUN = re.compile(
    rb"(?:[\d<>:.,+TZ \t-]|%b){0,%d}(?:[A-Z][a-z]?)?" % (b"|".join(NAMES), START_BYTES)
)


class Framer:
    """Cuts one file into blocks."""

    def __init__(  # noqa: PLR0913 - each has a name
        self,
        near: datetime = _FAR_PAST,
        *,
        year: int | None = None,
        latest: datetime | None = None,
        may_wrap: bool = True,
        tags: frozenset[str] = frozenset(),
        count_lines: bool = True,
        counters: Counters | None = None,
        path: str | None = None,
    ) -> None:
        """Start a file.

        Args:
            near: Its first line is not later, give or take a day; for stamps without a year.
            year: Of the first line, if the operator gave it.
            latest: No line is later, give or take a day.
            may_wrap: Whether lines may be wrapped; syslog messages are not.
            tags: Of the syslog messages that are wanted; all lines if empty.
            count_lines: Count pieces of wrapped lines; it takes a twentieth of the time.
            counters: Count what is dropped here.
            path: Of the file, for what is not understood.
        """
        self._syslog = SyslogFraming(near, year, latest)
        self._may_wrap = may_wrap
        self._tags = tags
        self._counts_lines = count_lines
        self._days = Days()
        self._wraps = Wraps()
        self._unended = False
        self.counters = counters or Counters()
        self.path = path
        self.foreign_lines = 0  # with a timestamp, but not of a mail log
        self.first_foreign = b""  # the beginning of the first one
        self.is_partial = False  # whether the last line was dropped because it is incomplete
        self.go_on(0)

    @property
    def position(self) -> int:
        """Bytes from the start of the file; all before are in blocks that were returned."""
        return self._offset + bool(self._held)

    @property
    def is_within_line(self) -> bool:
        """Whether the bytes held are a line that may continue, or may become one."""
        held = self._held
        return START.match(held, 1) is not None or _find_begun(held) < len(held)

    def go_on(self, position: int, *, within: bool = False) -> None:
        """Continue at a position, which is behind a newline unless ``within`` a line."""
        # A newline is imagined before the first byte, so that every line has one.
        self._held = b"" if within else b"\n"
        self._offset = position - len(self._held)
        self._skipping = False  # whether the next bytes belong to a truncated line or to none

    def dump(self) -> list[Any]:
        """Return what another framer needs to continue the file, as JSON and bytes."""
        wraps = self._wraps
        known = None if wraps.was_cut is None else [wraps.was_cut, wraps.indent]
        return [self.position, self._skipping, not self._held, [*self._syslog.dump(), known]]

    def restore(self, values: list[Any]) -> None:
        """Continue where another framer was, with the bytes from its position."""
        position, skipping, within, (*syslog, wraps) = values
        self.go_on(position, within=within)
        self._skipping = skipping
        self._syslog.restore(syslog)
        self._wraps = Wraps(*wraps or ())

    def date(self, near: datetime) -> None:
        """Note that the next lines are from this time, give or take a day."""
        self._syslog.years.restart(near)

    def settle(self) -> list[Block]:
        """Return the last line if a newline ends it: no more comes for now.

        A later continuation is not part of it any more.
        """
        held = self._held
        if self._skipping or len(held) < 2 or not held.endswith(b"\n"):  # noqa: PLR2004 - a line
            return []
        blocks = list(self._frame(held, len(held) - 1))
        self._keep(held, len(held))
        return blocks

    def feed(self, data: bytes) -> list[Block]:
        """Take the next bytes, cut anywhere; return the lines now known to be whole."""
        if self._counts_lines:
            self.counters.lines += data.count(b"\n")
        if data:
            self._unended = not data.endswith(b"\n")
        buffer = self._held + data
        if self._skipping:
            begun = _NEXT_START.search(buffer)
            if begun is None:
                self._skip(buffer)
                return []
            self._skipping = False
            self._hold(buffer, begun.start())
            buffer = self._held
        start = _find_last_start(buffer)
        blocks = list(self._frame(buffer, start))
        self._hold(buffer, start)
        if len(self._held) > MAX_LINE_BYTES + 1:
            blocks += self._end_long_line()
        return blocks

    def finish(self) -> list[Block]:
        """Return the last line at the end of the file; if the file grows, the rest may be fed.

        A line without a newline is only returned if nothing seems to be missing from it.
        """
        self.counters.lines += self._unended
        self._unended = self.is_partial = False
        if self._skipping:
            return []
        held = self._held
        ended = held.endswith(b"\n")
        begun = len(held) if ended else _find_begun(held)
        wraps = replace(self._wraps)
        if begun < len(held):  # the line before it may be whole
            before = [x.line for x in join_lines(held[:begun], replace(wraps))]
            if not before or not is_partial(before[-1]):
                blocks = list(self._frame(held, begun))
                self._keep(held, begun + 1)
                return blocks
        blocks = list(self._frame(held, len(held) - ended))
        if not ended:
            last = b""
            if blocks:
                text, start, end, *_ = blocks[-1]
                last = text[text.rindex(b"\n", start, end) + 1 : end]
            self.is_partial = is_partial(last)
            # In case the file grows, keep the line: even one of no form may begin a login.
            if self.is_partial:
                self._wraps = wraps
                return []
            if not scan(b"\n" + last, 0, len(last) + 1):
                return blocks
        # If the file grows, the rest of a line that was returned belongs to none.
        self.go_on(self._offset + len(held), within=not ended)
        self._skipping = not ended
        return blocks

    def _hold(self, buffer: bytes, start: int) -> None:
        """Keep the last line, without the junk before it."""
        begun = START.match(buffer, start + 1)
        self._keep(buffer, begun.start("junk_end") if begun else start + 1)

    def _keep(self, buffer: bytes, start: int) -> None:
        self._held = b"\n" + buffer[start:]
        self._offset += start - 1

    def _end_long_line(self) -> list[Block]:
        """End the last line where it is over the limit, or nothing more belongs to it."""
        held = self._held
        newline, junk_end = _find_undecided(held)
        if newline <= MAX_LINE_BYTES + 1 and junk_end - newline <= MAX_JUNK_BYTES:
            return []
        blocks = list(self._frame(held, newline))
        self._skipping = True
        self._skip(held)
        return blocks

    def _skip(self, buffer: bytes) -> None:
        """Keep, of bytes that belong to no line, those that may begin one."""
        newline, junk_end = _find_undecided(buffer)
        if newline == len(buffer):
            self._held = b""
            self._offset += newline
        else:
            # The last of many NUL bytes stands for all.
            many = junk_end - newline > MAX_JUNK_BYTES
            self._keep(buffer, junk_end - 1 if many else newline + 1)

    def _frame(self, text: bytes, end: int) -> Iterator[Block]:
        """Cut whole lines into unchanged and rewritten stretches, in turn."""
        position = 0
        while position < end:
            start, (position, matches) = position, self._pass_over(text, position, end)
            if position > start and self._tags:
                self.counters.skipped_tags += text.count(b"\n", start, position)
            elif position > start:
                self._syslog.forget()
                yield Block(text, start, position, self._offset, None, None, matches)
            if position < end:
                following = _NEXT_REGULAR.search(text, position + 1, end)
                start, position = position, end if following is None else following.start()
                yield from self._rewrite(text[start:position], self._offset + start)

    def _pass_over(self, text: bytes, start: int, end: int) -> tuple[int, list[Match] | None]:
        """Skip lines that can pass unchanged.

        Return the newline before the first line that cannot, and the lines before it that matter,
        or None if they still have to be scanned.
        """
        position, matches = start, []
        while position < end and REGULAR.match(text, position + 1):
            before = position
            position, found = self._days.scan(text, position, end)
            matches += found
            if position == before:  # a message that is empty, at the end
                break
        if start < position < end and not START.match(text, position + 1):
            # A line that is continued stays with its continuation.
            continued, position = position, max(text.rfind(b"\n", start, position), start)
            if matches and matches[-1][0] == text[position + 1 : continued]:
                matches.pop()
        short = _find_long_line(text, start, position)
        return short, matches if short == position else None

    def _rewrite(self, stretch: bytes, offset: int) -> list[Block]:
        """Rewrite wrapped lines and syslog; drop other text."""
        blocks: list[Block] = []
        texts: list[bytes] = []
        lines: list[Line] = []
        size, host = 0, None
        for found in join_lines(stretch, self._wraps if self._may_wrap else None):
            start, line = found.start, found.line
            if found.is_truncated:
                self._note("truncated_lines", offset + start, line)
            if found.has_dropped:
                self._note("dropped_continuations", offset + start, line)
            header, times = None, 1
            if REGULAR.match(line):
                message = line.index(b": ", STAMP_BYTES) + 2
                text = b"\n" + line
                self._syslog.forget()
            else:
                framed = self._syslog.read(line)
                if framed is None:
                    self._drop(line, offset + start)
                    continue
                line, stamp, at, message, header, _, times, dropped = framed
                self.counters.dropped_repeats += dropped
                level = line[at : line.index(b":", at)]
                text = b"\n%b %b: %b" % (stamp, level, line[message:])
            if self._tags and (header is None or header.appname not in self._tags):
                self.counters.skipped_tags += times
                continue
            name = None if header is None else header.hostname
            if name != host and lines:
                # Lines stay in order: the same host may write with and without its name.
                blocks.append(_rewritten(texts, lines, offset, host))
                texts, lines, size = [], [], 0
            host = name
            for _ in range(times):
                lines.append(Line(size, offset + start, line, message, header))
                texts.append(text)
                size += len(text)
        if lines:
            blocks.append(_rewritten(texts, lines, offset, host))
        return blocks

    def _drop(self, line: bytes, offset: int) -> None:
        """Count a line that is not of a mail log or not understood."""
        self.foreign_lines += 1
        self.first_foreign = self.first_foreign or line[:SHOWN_BYTES]
        if offset == 0 and repeats_last(line):
            self.counters.orphaned_repeats += 1
        self._note("unparsed_logins" if _LOGIN.search(line) else "foreign_lines", offset, line)

    def _note(self, kind: str, offset: int, line: bytes) -> None:
        self.counters.note(Unparsed(kind, self.path, offset, line))


def _rewritten(texts: list[bytes], lines: list[Line], offset: int, host: str | None) -> Block:
    text = b"".join(texts)
    return Block(text, 0, len(text), offset, host, tuple(lines), None)


def _find_last_start(buffer: bytes) -> int:
    """Return the newline before the last line that begins with a timestamp, or 0."""
    position = buffer.rfind(b"\n")
    while position > 0 and not START.match(buffer, position + 1):
        if buffer[position - 1] in _BLANK:
            # Empty pieces do not begin a line.
            position = len(buffer[:position].rstrip(_BLANK))
        position = buffer.rfind(b"\n", 0, position)
    return max(position, 0)


def _find_long_line(text: bytes, start: int, end: int) -> int:
    """Return the newline before the first line over the limit, or ``end``."""
    position = start
    while end - position > MAX_LINE_BYTES + 1:
        # All lines up to the last newline within reach are short enough.
        following = text.rfind(b"\n", position + 1, position + MAX_LINE_BYTES + 2)
        if following < 0:
            return position
        position = following
    return end


def _find_begun(buffer: bytes) -> int:
    """Return the newline before a last piece that may become a timestamp, else the end."""
    newline = buffer.rfind(b"\n")
    piece = buffer[newline + 1 :]
    may_begin = newline >= 0 and piece and not START.match(piece) and _BEGUN.fullmatch(piece)
    return newline if may_begin else len(buffer)


def _find_undecided(buffer: bytes) -> tuple[int, int]:
    """Find a last piece that is too short to know what it is.

    Return the newline before it, and where the junk at its beginning ends; the end of the buffer,
    twice, if there is none.
    """
    newline = buffer.rfind(b"\n")
    found = _JUNK.match(buffer, newline + 1)
    junk_end = newline + 1 if found is None else found.end()
    if newline < 0 or len(buffer) - junk_end > START_BYTES:
        return len(buffer), len(buffer)
    return newline, junk_end
