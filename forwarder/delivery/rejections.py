"""Documents that an output rejects: logged at once and then once an hour, and in ``status``."""

import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from forwarder.spool.cursors import Rejecting
from forwarder.spool.dead_letters import DeadLetter
from forwarder.text import shortened

AGAIN_SECONDS = 3_600.0
"""After which rejections are logged again with their number: a wrong mapping rejects all day."""
_WINDOW = 10_000
"""Newest documents of which ``status`` counts the rejected ones: a batch by default."""
_MERGED = 100
"""Documents that share an entry of the window, so that small batches take little memory."""
_MANY = 10
"""Rejected documents in a row, or a whole batch, after which the output rejects everything. A
single rejected document may be the only one for minutes."""

_SOME = (
    "Output rejects documents; they are kept as dead letters. Fix what the reason names, then"
    " run esa-forwarder dead-letters replay."
)
_ALL = (
    "Output rejects every document; they are kept as dead letters. Fix what the reason names,"
    " then run esa-forwarder dead-letters replay."
)

_log = structlog.get_logger(__name__)


class Rejections:
    """Rejections of one output; for its worker's thread.

    Attributes:
        rejecting: For ``status``: how many of the newest documents were rejected; None for none.
    """

    def __init__(
        self,
        name: str,
        before: Rejecting | None,
        max_documents: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Continue from ``before``, what a run before this one noted; log nothing yet."""
        self._name = name
        self._many = min(_MANY, max_documents)
        self._clock = clock
        self.rejecting = before
        # Answered documents and how many of them were rejected, oldest first.
        self._window: deque[tuple[int, int]] = deque()
        if before is not None:
            self._window.append((before.of, before.number))
        self._in_row = 0  # rejected since the last delivered one
        self._unlogged: DeadLetter | None = None  # the first one
        self._rejected = self._judged = 0  # since the last line in the log
        self._logged_at: float | None = None
        self._logged_all = False

    def count(self, delivered: int, rejected: Sequence[DeadLetter]) -> None:
        """Count an answer: how many documents were delivered, and which were rejected."""
        self._judged += delivered + len(rejected)
        self._rejected += len(rejected)
        if delivered:
            self._in_row = 0
            if self._logged_all:
                self._logged_all = False
                _log.info("Output delivers documents again.", output=self._name)
        else:
            self._in_row += len(rejected)
        if rejected:
            self._unlogged = self._unlogged or rejected[0]
        self._slide(delivered + len(rejected), rejected)
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
            self._log_rejections(self._unlogged, is_all=is_all)

    def end(self) -> None:
        """Log the rest before the worker ends."""
        if self._unlogged is not None:
            self._log_rejections(self._unlogged, is_all=self._in_row >= self._many)

    def _slide(self, judged: int, rejected: Sequence[DeadLetter]) -> None:
        window = self._window
        if window and window[-1][0] + judged <= _MERGED:
            before = window.pop()
            window.append((before[0] + judged, before[1] + len(rejected)))
        else:
            window.append((judged, len(rejected)))
        while sum(x for x, _ in window) - window[0][0] >= _WINDOW:
            window.popleft()
        number = sum(x for _, x in window)
        of = sum(x for x, _ in window)
        if not number:
            self.rejecting = None
        elif rejected:
            newest = rejected[-1]
            self.rejecting = Rejecting(
                number, of, shortened(newest.reason), newest.time.timestamp()
            )
        elif self.rejecting is not None:
            self.rejecting = self.rejecting._replace(number=number, of=of)

    def _log_rejections(self, first: DeadLetter, *, is_all: bool) -> None:
        where: dict[str, object] = {}
        if first.source is not None:
            where = {"path": first.source.path, "offset": first.source.offset}
        (_log.error if is_all else _log.warning)(
            _ALL if is_all else _SOME,
            output=self._name,
            rejected=self._rejected,
            of=self._judged,
            reason=shortened(first.reason),
            **where,
        )
        self._unlogged = None
        self._rejected = self._judged = 0
        self._logged_at = self._clock()
        self._logged_all = is_all
