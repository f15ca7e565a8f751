"""Which pieces behind a line are its continuation, and which are strangers.

Logs that were copied from a terminal or a document are wrapped: what does not begin with a
timestamp continues the line before. But a traceback, or the output of another program, that came
between the lines of a log that is not wrapped does not, and must not become part of a user's name.

What tells them apart is that wraps come from a fixed width. At a seam, the first word of the piece
behind did not fit any more, and no piece is wider than the width. So each seam says between which
limits the width is; rules:

* Pieces belong to a line for as long as one width is possible for all of its seams. The first one
  that cannot be so, and all behind it, are strangers.
* Two seams or more that agree are believed.
* One seam alone may agree by chance. It is believed if a seam in the lines before has such a width,
  too; not so if a line before is not wrapped and wider than that, if strangers follow, or if the
  line is whole without it. The nearest of the :data:`MAX_BEFORE` lines before decides.

All this depends on the lines of the file alone, never on where it is cut.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from forwarder.mail_logs.endings import is_whole

MAX_BEFORE = 8
"""Lines looked back at: among so many one is long. They are measured once a block."""


class Width(NamedTuple):
    """Of a wrapped line, in characters."""

    least: int
    """Its widest piece."""
    most: int
    """That at which no first word of a piece would have fitted on the piece before."""


Before = tuple[int, Width | None]
"""How wide a line was, in characters, and the width that its seams allow; None without seams."""


class Wraps:
    """Joins the wrapped lines of one file; remembers how wide the last ones were."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        """Start at the beginning of a file."""
        self._before: deque[Before] = deque(maxlen=MAX_BEFORE)

    @property
    def state(self) -> tuple[Before, ...]:
        """What another one needs to go on with the file."""
        return tuple(self._before)

    def resume(self, state: Iterable[Before]) -> None:
        """Go on where another one was."""
        self._before.clear()
        self._before.extend(state)

    def pass_by(self, text: bytes, start: int, end: int) -> None:
        """Take notice of lines that are not wrapped.

        Args:
            text: Lines, each behind a newline.
            start: The newline of the first line, in bytes.
            end: Behind the last line, in bytes.
        """
        sizes: list[int] = []
        while end > start and len(sizes) < MAX_BEFORE:
            newline = text.rfind(b"\n", start, end)
            sizes.append(_columns(text[newline + 1 : end]))
            end = newline
        self._before.extend((x, None) for x in reversed(sizes))

    def join(self, pieces: list[bytes], *, is_cut: bool) -> tuple[bytes, int]:
        """Put a line together again.

        Args:
            pieces: Its first one, and whatever is behind it up to the next line.
            is_cut: Whether the last one is not there to its end.

        Returns:
            The line, with one blank at each seam; and how many of the pieces it is made of.
        """
        number, width = (1, None) if len(pieces) == 1 else self._take(pieces, is_cut=is_cut)
        if width is None:
            self._before.append((_columns(pieces[0]), None))
        else:
            self._before.append((width.least, width))
        first, *others = pieces[:number]
        if not others:
            return first.removesuffix(b"\r"), 1
        parts = [first.rstrip(), *(x.strip() for x in others[:-1])]
        return b" ".join([*parts, others[-1].removesuffix(b"\r").lstrip()]), number

    def _take(self, pieces: list[bytes], *, is_cut: bool) -> tuple[int, Width | None]:
        """Say how many pieces belong together, and how wide they were."""
        last, number = _columns(pieces[0]), 1
        width = Width(last, _MOST)
        for piece in pieces[1:]:
            words = piece.split(maxsplit=1)
            first = _columns(words[0]) if words else 0
            if is_cut and number == len(pieces) - 1 and len(words) <= 1:
                first = _MOST
            # Whoever indents pieces may count the blanks or not.
            size = _columns(piece.lstrip())
            narrower = Width(max(width.least, size), min(width.most, last + first))
            if narrower.least > narrower.most:
                break
            width, last, number = narrower, _columns(piece), number + 1
        if number == 1 or (number == _ONE_SEAM and not self._is_likely(width, pieces)):
            return 1, None
        return number, width

    def _is_likely(self, width: Width, pieces: list[bytes]) -> bool:
        """Say whether a single seam is one."""
        for size, other in reversed(self._before):
            if other is not None and other.least <= width.most and width.least <= other.most:
                return True
            if other is None and size > width.most:
                return False
        return len(pieces) == _ONE_SEAM and not is_whole(pieces[0])


_ONE_SEAM = 2
_MOST = 1 << 20
"""Wider than any line."""


def _columns(piece: bytes) -> int:
    """Count characters, and none of the blanks at the end."""
    piece = piece.rstrip()
    return len(piece) if piece.isascii() else len(piece.decode("utf-8", "replace"))
