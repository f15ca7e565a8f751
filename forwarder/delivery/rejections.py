"""Documents that an output rejects: logged at once and then once an hour, and in ``status``."""

import time
from collections.abc import Callable, Sequence

import structlog

from forwarder.spool.cursors import Rejecting
from forwarder.spool.dead_letters import DeadLetter
from forwarder.text import shortened

AGAIN_SECONDS = 3_600.0  # until rejections are logged again: a wrong mapping rejects all day
_HALF_WINDOW = 5_000
"""``status`` counts the rejected ones of the newest documents: of one to two times as many."""
_MANY = 10
"""Rejected documents in a row, or a whole batch, after which the output rejects everything. A
single rejected document may be the only one for minutes."""

_KEPT = (
    "; they are kept as dead letters. Fix what the reason names, then run esa-forwarder"
    " dead-letters replay."
)

_log = structlog.get_logger(__name__)


class Rejections:
    """Rejections of one output; for its worker's thread."""

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
        self.rejecting = before  # for ``status``
        # Rejected documents and all that were answered, in the older and the newer half of what
        # status counts.
        self._older = 0, 0
        self._newer = (before.number, before.of) if before else (0, 0)
        self._in_row = 0  # rejected since the last delivered one
        self._unlogged: DeadLetter | None = None  # the first one
        self._rejected = self._judged = 0  # since the last line in the log
        self._logged_at = float("-inf")
        self._logged_all = False

    def count(self, delivered: int, rejected: Sequence[DeadLetter]) -> None:
        """Count an answer: how many documents were delivered, and which were rejected."""
        judged = delivered + len(rejected)
        self._judged += judged
        self._rejected += len(rejected)
        self._in_row = 0 if delivered else self._in_row + len(rejected)
        if delivered and self._logged_all:
            self._logged_all = False
            _log.info("Output delivers documents again.", output=self._name)
        self._unlogged = self._unlogged or next(iter(rejected), None)
        if self._newer[1] >= _HALF_WINDOW:
            self._older, self._newer = self._newer, (0, 0)
        self._newer = self._newer[0] + len(rejected), self._newer[1] + judged
        number, of = self._older[0] + self._newer[0], self._older[1] + self._newer[1]
        if self._in_row >= self._many:  # what it took before says nothing any more
            number = of = min(self._in_row, of)
        if rejected:
            newest = rejected[-1]
            self.rejecting = Rejecting(
                number, of, shortened(newest.reason), newest.time.timestamp()
            )
        elif self.rejecting is not None:
            self.rejecting = self.rejecting._replace(number=number, of=of) if number else None
        self.look()

    def look(self) -> None:
        """Log what is due."""
        is_over = self._clock() - self._logged_at >= AGAIN_SECONDS
        if is_over or (self._in_row >= self._many and not self._logged_all):
            self.end()

    def end(self) -> None:
        """Log what is not logged yet, such as before the worker ends."""
        first = self._unlogged
        if first is None:
            return
        self._logged_all = self._in_row >= self._many
        source = first.source
        (_log.error if self._logged_all else _log.warning)(
            ("Output rejects every document" if self._logged_all else "Output rejects documents")
            + _KEPT,
            output=self._name,
            rejected=self._rejected,
            of=self._judged,
            reason=shortened(first.reason),
            **({} if source is None else source._asdict()),
        )
        self._unlogged = None
        self._rejected = self._judged = 0
        self._logged_at = self._clock()
