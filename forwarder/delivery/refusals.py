"""Documents that an output refuses: logged at once and then once an hour, and in ``status``."""

import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from forwarder.spool.cursors import Refusing
from forwarder.spool.dead_letters import DeadLetter
from forwarder.text import shortened

AGAIN_SECONDS = 3_600.0
"""After which refusals are logged again with their number: a wrong mapping refuses all day."""
_WINDOW = 10_000
"""Newest documents of which ``status`` counts the refused ones: a batch by default."""
_MERGED = 100
"""Documents that share an entry of the window, so that small batches take little memory."""
_MANY = 10
"""Refused documents in a row, or a whole batch, after which the output refuses everything. A single
refused document may be the only one for minutes."""

_SOME = (
    "Output refuses documents; they are kept as dead letters. Fix what the reason names, then"
    " run esa-forwarder dead-letters replay."
)
_ALL = (
    "Output refuses every document; they are kept as dead letters. Fix what the reason names,"
    " then run esa-forwarder dead-letters replay."
)

_log = structlog.get_logger(__name__)


class Refusals:
    """Refusals of one output; for its worker's thread.

    Attributes:
        refusing: For ``status``: how many of the newest documents were refused; None for none.
    """

    def __init__(
        self,
        name: str,
        before: Refusing | None,
        max_documents: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Continue from ``before``, what a run before this one noted; log nothing yet."""
        self._name = name
        self._many = min(_MANY, max_documents)
        self._clock = clock
        self.refusing = before
        # Answered documents and how many of them were refused, oldest first.
        self._window: deque[tuple[int, int]] = deque()
        if before is not None:
            self._window.append((before.of, before.number))
        self._in_row = 0  # refused since the last delivered one
        self._unlogged: DeadLetter | None = None  # the first one
        self._refused = self._judged = 0  # since the last line in the log
        self._logged_at: float | None = None
        self._logged_all = False

    def count(self, delivered: int, refused: Sequence[DeadLetter]) -> None:
        """Count an answer: how many documents were delivered, and which were refused."""
        self._judged += delivered + len(refused)
        self._refused += len(refused)
        if delivered:
            self._in_row = 0
            if self._logged_all:
                self._logged_all = False
                _log.info("Output delivers documents again.", output=self._name)
        else:
            self._in_row += len(refused)
        if refused:
            self._unlogged = self._unlogged or refused[0]
        self._slide(delivered + len(refused), refused)
        self.look()

    def look(self) -> None:
        """Log what is due."""
        if self._unlogged is None:
            return
        is_all = self._in_row >= self._many
        if (
            self._logged_at is None
            or self._clock() - self._logged_at >= AGAIN_SECONDS
            or (is_all and not self._logged_all)
        ):
            self._log_refusals(self._unlogged, is_all=is_all)

    def end(self) -> None:
        """Log the rest before the worker ends."""
        if self._unlogged is not None:
            self._log_refusals(self._unlogged, is_all=self._in_row >= self._many)

    def _slide(self, judged: int, refused: Sequence[DeadLetter]) -> None:
        window = self._window
        if window and window[-1][0] + judged <= _MERGED:
            before = window.pop()
            window.append((before[0] + judged, before[1] + len(refused)))
        else:
            window.append((judged, len(refused)))
        while sum(x for x, _ in window) - window[0][0] >= _WINDOW:
            window.popleft()
        number = sum(x for _, x in window)
        of = sum(x for x, _ in window)
        if not number:
            self.refusing = None
        elif refused:
            newest = refused[-1]
            self.refusing = Refusing(number, of, shortened(newest.reason), newest.time.timestamp())
        elif self.refusing is not None:
            self.refusing = self.refusing._replace(number=number, of=of)

    def _log_refusals(self, first: DeadLetter, *, is_all: bool) -> None:
        where: dict[str, object] = {}
        if first.source is not None:
            where = {"path": first.source.path, "offset": first.source.offset}
        (_log.error if is_all else _log.warning)(
            _ALL if is_all else _SOME,
            output=self._name,
            refused=self._refused,
            of=self._judged,
            reason=shortened(first.reason),
            **where,
        )
        self._unlogged = None
        self._refused = self._judged = 0
        self._logged_at = self._clock()
        self._logged_all = is_all
