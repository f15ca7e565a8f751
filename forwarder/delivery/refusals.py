"""Documents that an output refuses: in the log at once and then once an hour, and in ``status``."""

import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from forwarder.spool.cursors import Refusing
from forwarder.spool.dead_letters import DeadLetter
from forwarder.text import shortened

AGAIN_SECONDS = 3_600.0
"""After which refusals are logged again, with their number: a wrong mapping refuses all day."""
_WINDOW = 10_000
"""Documents of which ``status`` says how many were refused: the newest ones, as many as are in a
batch by default."""
_MERGED = 100
"""Documents that are counted as one entry of the window, so that small batches take no memory."""
_MANY = 10
"""Documents in a row, or a whole batch, after which an output is said to refuse everything. A
single document that is refused may be the only one for minutes."""

_SOME = (
    "An output refuses documents; they are kept as dead letters. Fix what the reason names, then"
    " run esa-forwarder dead-letters replay."
)
_ALL = (
    "An output refuses every document; they are kept as dead letters. Fix what the reason names,"
    " then run esa-forwarder dead-letters replay."
)

_log = structlog.get_logger(__name__)


class Refusals:
    """Those of one output; for the thread of its worker."""

    def __init__(
        self,
        name: str,
        before: Refusing | None,
        max_documents: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Go on with what the spool knows; nothing is logged yet.

        Args:
            name: Of the output in the configuration.
            before: What ``status`` was told last, by a run before this one.
            max_documents: In a batch.
            clock: Seconds.
        """
        self._name = name
        self._many = min(_MANY, max_documents)
        self._clock = clock
        self.refusing = before
        """For ``status``: how many of the newest documents were refused; None for none of them."""
        self._window: deque[tuple[int, int]] = deque()
        """Judged documents and how many of them were refused, oldest first."""
        if before is not None:
            self._window.append((before.of, before.number))
        self._in_row = 0
        """Documents that were refused since the last one that was taken."""
        self._unsaid: DeadLetter | None = None
        """The first that was not logged."""
        self._refused = self._judged = 0
        """Documents since the last line in the log."""
        self._said_at: float | None = None
        self._said_all = False

    def count(self, taken: int, refused: Sequence[DeadLetter]) -> None:
        """Take notice of what an output said of some documents.

        Args:
            taken: How many were delivered.
            refused: Those that were refused for good.
        """
        self._judged += taken + len(refused)
        self._refused += len(refused)
        if taken:
            self._in_row = 0
            if self._said_all:
                self._said_all = False
                _log.info("An output takes documents again.", output=self._name)
        else:
            self._in_row += len(refused)
        if refused:
            self._unsaid = self._unsaid or refused[0]
        self._slide(taken + len(refused), refused)
        self.look()

    def look(self) -> None:
        """Log what is due."""
        if self._unsaid is None:
            return
        is_all = self._in_row >= self._many
        if (
            self._said_at is None
            or self._clock() - self._said_at >= AGAIN_SECONDS
            or (is_all and not self._said_all)
        ):
            self._say(self._unsaid, is_all=is_all)

    def end(self) -> None:
        """Log what was not yet: nobody will look again."""
        if self._unsaid is not None:
            self._say(self._unsaid, is_all=self._in_row >= self._many)

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

    def _say(self, first: DeadLetter, *, is_all: bool) -> None:
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
        self._unsaid = None
        self._refused = self._judged = 0
        self._said_at = self._clock()
        self._said_all = is_all
