"""Which pieces behind a line are its continuation, and how they are joined.

Logs that were copied from a terminal or a document are wrapped: what does not begin with a
timestamp continues the line before, unless that one is whole by its form. So a traceback, or the
output of another program, behind a whole line is no part of it, and never becomes a user's name.

Some copies break lines between words, others cut them at a width, within words. Pieces are joined
with a blank, or with nothing where only that gives a known form. Where both do:

* Of three pieces or more, those that all have one width, but for the last, were cut at it.
* Two pieces were cut, too, if the seam is within a name: hardly any has a blank. They were not cut
  where the text at the seam is made of words, as the answer of a server and the name of an
  interface are, nor if the second piece is the wider one.
* What the file's wrapped lines before it show goes first: a line that is only known with nothing
  at its seam was cut, and so are those behind it. One that is only known with a blank was wrapped
  between words, and so are those behind it that are indented alike, as long as none was cut. (With
  more blanks before it, a continuation may be one that was cut before a blank of its own.)

* A login ends in the name of a profile, which may be cut, too: if what is behind is a single word
  and the last piece, and the pieces look cut.

A seam within a user is believed of pieces that all have one width, of two, and where the file was
wrapped between words.

A single blank before a continuation is the text's own: nobody indents by one.

What no rule can decide, in the first wrapped line of a file, of two pieces: a user with a blank at
which it was broken, an answer that was cut within a word, and a user that was cut before a blank of
its own where the continuation is indented, too.

Of a file no more is remembered than which of the two its wrapped lines have shown.
"""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise

from forwarder.mail_logs.endings import End, Ending, find_message, matters, read_ending, shorten

MAX_PIECES = 32
"""Pieces of which a line is put together. An address has at most 320 characters (RFC 3696), and a
line of a login some 150 more: that is 12 pieces at a width of 40."""

_NAME = re.compile(rb"[ \t]*[\w.@-]+\s*")

State = tuple[bool, int] | None
"""Whether a line was cut, and not wrapped between words; the blanks before its continuation. None
where no line has shown it."""


class Wraps:
    """Remembers how the lines of one file were wrapped.

    Attributes:
        state: What another one needs to go on with the file.
    """

    __slots__ = ("state",)

    def __init__(self, state: State = None) -> None:
        """Start with what another one had, or with nothing known."""
        self.state = state

    def note(self, shown: State) -> None:
        """Take notice of what a line shows. A copy may lose the blank at which a line was cut."""
        if shown is not None and not (self.state and self.state[0] and not shown[0]):
            self.state = shown


def join(pieces: Sequence[bytes], wraps: Wraps | None = None) -> tuple[bytes, int]:
    """Put a line together again.

    Args:
        pieces: Its first one, and whatever is behind it up to the next line; none is empty.
        wraps: How lines of the file before it were wrapped; takes notice of this one.

    Returns:
        The line, and how many of the pieces it is made of.
    """
    first = pieces[0].removesuffix(b"\r")
    if len(pieces) == 1:
        return first, 1
    wraps = wraps or Wraps()
    best, best_end, own, shown = None, End.UNKNOWN, None, None
    for number in range(1, min(len(pieces), MAX_PIECES) + 1):
        line, end, is_own, shows = _join_known(pieces[:number], wraps.state)
        if own is None and is_own is not None:
            own = line, number, is_own
        # What is cut is a login anyhow: only the least of it that is one counts.
        if end > (End.CUT if best_end else End.UNKNOWN):
            best, best_end, shown = (line, number), end, shows
        if end is End.WHOLE or (end is End.NAMED and not _is_name_cut(pieces, number)):
            break
    if best is not None:
        wraps.note(shown)
        return best
    if own is not None and own[2]:
        return own[:2]
    return _with_blanks(pieces), len(pieces)


def _join_known(pieces: Sequence[bytes], before: State) -> tuple[bytes, End, bool | None, State]:
    """Join pieces in the way that gives a known form.

    Args:
        pieces: One or more.
        before: What lines before have shown.

    Returns:
        The line; how it ends; whether it may become a login or describe one, None where nothing
        is known as there is no message yet; what it shows itself of how it was wrapped.
    """
    ways = [_with_blanks(pieces)]
    was_cut, between_words = before is not None and before[0], False
    if len(pieces) > 1:
        indent = _indent(pieces)
        between_words = before == (False, indent)
        if before == (True, indent - 1):
            indent -= 1
        ways += [_with_nothing(pieces, x) for x in dict.fromkeys((indent, 0))]
    is_own = None
    best = ways[0], Ending(End.UNKNOWN, b"")
    known = []
    for line in dict.fromkeys(ways):
        short = shorten(line)
        start = find_message(short)
        if start is None:
            continue
        is_own = matters(short[start:])
        ending = read_ending(short[start:])
        if ending.user is not None and not between_words and _is_torn(ending.user, short, pieces):
            ending = Ending(End.CUT, b"")
        if ending.end > End.CUT:
            known.append(line)
        is_text = best[1].text not in {b"", ending.text} and not was_cut
        # The first way holds, unless the second does as well and fits better.
        if ending.end > best[1].end or (
            ending.end is best[1].end is not End.UNKNOWN
            and (best[0], line) == (ways[0], ways[1])
            and best[0].split() != line.split()
            and not between_words
            and _is_cut(pieces, is_text=is_text)
        ):
            best = line, ending
    return best[0], best[1].end, is_own, _find_shown(pieces, known, ways[0])


def _find_shown(pieces: Sequence[bytes], known: Sequence[bytes], with_blanks: bytes) -> State:
    """Say what a line shows of how it was wrapped.

    Args:
        pieces: What it was put together of.
        known: The ways to join them that give a known form.
        with_blanks: The way that joins them so.
    """
    if len(pieces) == 1 or not known or any(map(_has_blank, pairwise(pieces))):
        return None
    if with_blanks not in known:
        return True, _indent(pieces)
    is_only = all(x.split() == with_blanks.split() for x in known)
    return (False, _indent(pieces)) if is_only else None


def _has_blank(seam: tuple[bytes, bytes]) -> bool:
    """Say whether a blank of the text may be at a seam, which then was no end of a word."""
    before, piece = seam
    is_single = piece[:1] in _BLANKS and piece[1:2] not in _BLANKS
    return is_single or before.removesuffix(b"\r").endswith(_BLANKS)


def _is_name_cut(pieces: Sequence[bytes], number: int) -> bool:
    """Say whether the name that so many pieces end in goes on: in one word, the last one."""
    is_last = len(pieces) == number + 1
    return is_last and _is_cut(pieces, is_text=False) and _NAME.fullmatch(pieces[-1]) is not None


def _is_cut(pieces: Sequence[bytes], *, is_text: bool) -> bool:
    """Say whether pieces were cut at a width, where their text does not show it."""
    first, *others, last = [x.removesuffix(b"\r") for x in pieces]
    width, indent = len(first), _indent(pieces)
    # Whoever indents pieces may count the blanks or not.
    if len(last) - indent > width or any(width not in {len(x), len(x) - indent} for x in others):
        return False
    return bool(others) or not is_text


def _is_torn(user: bytes, line: bytes, pieces: Sequence[bytes]) -> bool:
    """Say whether there are seams within a user, of pieces that were not cut at a width.

    A user hardly has a blank at which a line is broken; what stands there is somebody else's.

    Args:
        user: As the line has it.
        line: What matters of the line.
        pieces: What it was put together of.
    """
    if len(pieces) <= _TWO or _is_cut(pieces, is_text=False):
        return False
    # Blanks come and go at seams, so they do not count.
    begin = _count(line[: line.rindex(user + _USING)])
    end = begin + _count(user)
    seams = accumulate(map(_count, pieces))
    return any(begin < seam < end for seam in seams)


_TWO = 2
_USING = b" using AUTH mechanism: "


def _count(text: bytes) -> int:
    return sum(map(len, text.split()))


def _indent(pieces: Sequence[bytes]) -> int:
    least = min(len(x) - len(x.lstrip()) for x in pieces[1:])
    is_own = least == 1 and any(x.startswith(b" ") for x in pieces[1:])
    return 0 if is_own else least


def _with_blanks(pieces: Sequence[bytes]) -> bytes:
    first, *others = pieces
    if not others:
        return first.removesuffix(b"\r")
    parts = [first.rstrip(), *(x.strip() for x in others[:-1])]
    return b" ".join([*parts, others[-1].removesuffix(b"\r").lstrip()])


def _with_nothing(pieces: Sequence[bytes], indent: int) -> bytes:
    """Join pieces that were cut; a narrower one has lost the blank at its end."""
    pieces = [x.removesuffix(b"\r") for x in pieces]
    width = max([len(pieces[0]), *(len(x) - indent for x in pieces[1:-1])])
    parts = [pieces[0]]
    for before, piece in pairwise(pieces):
        text = piece[indent:]
        is_short = len(before) < width and not before.endswith(_BLANKS)
        parts += [b" ", text] if is_short and not text.startswith(_BLANKS) else [text]
    return b"".join(parts)


_BLANKS = (b" ", b"\t")
