"""Goes over the lines of a day: proves that they are lines of a file, and picks those that matter.

Nearly all lines of a block are of one day and at one level. What they begin with is a literal,
which is compared three times as fast as a class; so each day and level has expressions of its own.
The one that proves and picks at once takes a tenth less time than two, but takes long to make: it
is made for a day of which much has come.
"""

import re

from forwarder.mail_logs import scanner
from forwarder.mail_logs.grammar import DATE_BYTES, STAMP_BYTES
from forwarder.mail_logs.scanner import Pick

MAX_DAYS = 1024
"""Days and levels whose expressions are kept; a hostile log must not fill memory with dates."""

WORTH_BYTES = 2 << 20
"""Of a day. To go over so much in one step saves the time that it takes to make the expression."""

YEAR_AT = 20
"""Where a stamp has its year, in bytes; a blank is behind it."""


class Days:
    """The days of a log, by their dates and levels."""

    __slots__ = ("_days",)

    def __init__(self) -> None:
        """Start with none."""
        self._days: dict[tuple[bytes, bytes, bytes], _Day] = {}

    def pass_over(self, text: bytes, start: int, end: int) -> tuple[int, list[Pick]]:
        """Go over the lines of the day and level of the first one.

        Args:
            text: Lines, each behind a newline.
            start: The newline before a line that has a timestamp and a level.
            end: Where to stop at the latest.

        Returns:
            The newline before the first line that is not of this day and level; ``end`` if there
            is none. The lines before it that matter.
        """
        stamp = text[start + 1 : start + 1 + STAMP_BYTES]
        level = text[start + 1 + STAMP_BYTES : text.index(b": ", start + STAMP_BYTES)]
        key = stamp[:DATE_BYTES], stamp[YEAR_AT:], level
        day = self._days.get(key)
        if day is None:
            if len(self._days) >= MAX_DAYS:
                self._days.clear()
            day = self._days[key] = _Day(*key)
        return day.pass_over(text, start, end)


class _Day:
    """A day at one level."""

    __slots__ = ("_begin", "_other", "_passed", "_proof")

    def __init__(self, date: bytes, year: bytes, level: bytes) -> None:
        # The clock is passed over in one step: no newline that is in it has a date behind. Where a
        # message begins with a blank, its line is to be rewritten.
        self._begin = re.escape(date) + rb"(?s:.{8}) " + re.escape(year) + level + rb": "
        self._other = re.compile(rb"\n(?!" + self._begin + rb"[^ ])")
        self._proof: re.Pattern[bytes] | None = None
        self._passed = 0

    def pass_over(self, text: bytes, start: int, end: int) -> tuple[int, list[Pick]]:
        """See :meth:`Days.pass_over`."""
        if self._proof is None:
            stop = self._find_other(text, start, end)
            self._passed += stop - start
            if self._passed > WORTH_BYTES:
                self._proof = scanner.compile_proof(self._begin)
            return stop, scanner.scan(text, start, stop)
        picks: list[Pick] = self._proof.findall(text, start, end)
        if not picks or picks[-1][0]:
            return end, picks
        # The last one stands for all that is not proved.
        picks.pop()
        return self._find_other(text, start, end), picks

    def _find_other(self, text: bytes, start: int, end: int) -> int:
        found = self._other.search(text, start, end)
        return end if found is None else found.start()
