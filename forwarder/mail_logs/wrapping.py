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

* A login ends in the name of a profile, which may be cut, too: if what is behind is a single word
  and the last piece, and the pieces look cut.

A seam within a user is believed of pieces that all have one width, and of two.

What no rule can decide of two pieces alone: a user with a blank at which its line was broken, and
an answer that was cut within a word.

Nothing is remembered from line to line.
"""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise

from forwarder.mail_logs.endings import End, Ending, find_message, matters, read_ending, shorten

MAX_PIECES = 32
"""Pieces of which a line is put together. An address has at most 320 characters (RFC 3696), and a
line of a login some 150 more: that is 12 pieces at a width of 40."""

_NAME = re.compile(rb"[ \t]*[\w.@-]+\s*")


def join(pieces: Sequence[bytes]) -> tuple[bytes, int]:
    """Put a line together again.

    Args:
        pieces: Its first one, and whatever is behind it up to the next line; none is empty.

    Returns:
        The line, and how many of the pieces it is made of.
    """
    first = pieces[0].removesuffix(b"\r")
    if len(pieces) == 1:
        return first, 1
    best, best_end, own = None, End.UNKNOWN, None
    for number in range(1, min(len(pieces), MAX_PIECES) + 1):
        line, end, is_own = _join_known(pieces[:number])
        if own is None and is_own is not None:
            own = line, number, is_own
        # What is cut is a login anyhow: only the least of it that is one counts.
        if end > (End.CUT if best_end else End.UNKNOWN):
            best, best_end = (line, number), end
        if end is End.WHOLE or (end is End.NAMED and not _is_name_cut(pieces, number)):
            break
    if best is not None:
        return best
    if own is not None and own[2]:
        return own[:2]
    return _with_blanks(pieces), len(pieces)


def _join_known(pieces: Sequence[bytes]) -> tuple[bytes, End, bool | None]:
    """Join pieces in the way that gives a known form.

    Returns:
        The line; how it ends; whether it may become a login or describe one, None where nothing
        is known as there is no message yet.
    """
    ways = [_with_blanks(pieces)]
    if len(pieces) > 1:
        ways += [_with_nothing(pieces, x) for x in dict.fromkeys((_indent(pieces), 0))]
    is_own = None
    best = ways[0], Ending(End.UNKNOWN, b"")
    for line in dict.fromkeys(ways):
        short = shorten(line)
        start = find_message(short)
        if start is None:
            continue
        is_own = matters(short[start:])
        ending = read_ending(short[start:])
        if ending.user is not None and _is_torn(ending.user, short, pieces):
            ending = Ending(End.CUT, b"")
        # The first way holds, unless the second does as well and fits better.
        if ending.end > best[1].end or (
            ending.end is best[1].end is not End.UNKNOWN
            and (best[0], line) == (ways[0], ways[1])
            and best[0].split() != line.split()
            and _is_cut(pieces, is_text=best[1].text not in {b"", ending.text})
        ):
            best = line, ending
    return best[0], best[1].end, is_own


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
    return min(len(x) - len(x.lstrip()) for x in pieces[1:])


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
