"""Health of an output, for its log, ``status`` and metrics.

- Whether it delivers: logged once a change, and noted in the spool.
- What it rejects: logged at once and then once an hour, and noted in the spool.
- How long its calls take, how large its batches are, and in which call it hangs.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import accumulate

import structlog

from forwarder.masking import NO_MASK, Mask
from forwarder.spool.cursors import OutputError, Rejecting
from forwarder.spool.dead_letters import DeadLetter
from forwarder.spool.errors import GoneError, SpoolError
from forwarder.spool.spool import Spool
from forwarder.text import error_text, shortened

_QUIET_SECONDS = 60.0  # after an outage: a server that fails now and then would fill the log
NOTE_AFTER = timedelta(seconds=10)  # status shows a longer call; a busy server takes seconds
WARN_AFTER = timedelta(minutes=2)  # a longer call is logged; one request may take 90 s
_BEFORE = "before this start: "

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

DOCUMENTS = (1, 10, 100, 1_000, 10_000, 100_000)
"""Upper bounds of the sizes of batches; the largest is what the settings allow."""
SECONDS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)
"""Upper bounds of how long a call takes: of a local file to that of a server that hangs."""

_log = structlog.get_logger(__name__)


class OutputHealth:
    """Whether an output delivers; for its worker's thread."""

    def __init__(
        self, name: str, spool: Spool, clock: Callable[[], float], mask: Mask = NO_MASK
    ) -> None:
        self._name = name
        self._mask = mask
        self._spool = spool
        self._clock = clock
        self.failures = 0  # attempts in a row that achieved nothing
        self._began = time.monotonic()  # when nothing was delivered any more
        self._quiet_until = 0.0
        self._is_of_spool = False  # whether the last attempt failed for want of the spool
        self._is_logged = False  # that nothing is delivered, and not yet that it is again
        self._has_filtered = False

    def begin(self) -> None:
        """Take over the trouble of the last run, marked as old: the target may have changed."""
        trouble = self._trouble
        if trouble is not None:
            error = _BEFORE + trouble.error.removeprefix(_BEFORE)
            self._note(trouble._replace(stopped=False, error=error))

    def fail(self, error: BaseException, *, of_spool: bool = False) -> None:
        """Note that an attempt achieved nothing; ``of_spool``: the output has no part in it."""
        words = self._words(error)
        self.failures += 1
        self._is_of_spool = of_spool
        if self._trouble is None:
            self._began = time.monotonic()
        self._note_error(words)
        if time.monotonic() >= self._quiet_until and not self._is_logged:
            self._is_logged = True
            _log.warning(
                "Output unavailable; delivery is retried until it succeeds.",
                output=self._name,
                error=words,
            )

    def prepare(self) -> None:
        """Note a success that delivers nothing, such as ``open``: it ends backoff only.

        It also ends trouble with the spool, but does not show that the output delivers.
        """
        self.failures = 0
        if self._is_of_spool:
            self.succeed()

    def succeed(self) -> None:
        """Note that the output delivered or rejected documents."""
        self.failures = 0
        self._is_of_spool = False
        if self._is_logged:
            self._is_logged = False
            now = time.monotonic()
            self._quiet_until = now + _QUIET_SECONDS
            seconds = round(now - self._began)
            _log.info("Output recovered; delivery resumed.", output=self._name, seconds=seconds)
        if self._trouble is not None:
            self._note(None)

    def note_filtered(self) -> None:
        """Log the first time that the filter of the output drops documents."""
        if not self._has_filtered:
            self._has_filtered = True
            _log.info(
                "Filter drops documents of the output; status counts them.", output=self._name
            )

    def stop(self, error: BaseException) -> None:
        """Log that the output is stopped for good, and why."""
        text = self._words(error, typed=not isinstance(error, SpoolError))
        self._note_error(text, stopped=True)
        if isinstance(error, GoneError):
            return  # no documents are left, and the service says so
        is_bug = not isinstance(error, SpoolError | OSError)
        _log.error(
            "Output stopped until the service is restarted; its documents stay in the spool, and"
            " the other outputs go on.",
            output=self._name,
            error=text,
            exc_info=error if is_bug else None,
        )

    def fail_to_close(self, error: BaseException) -> None:
        """Log that an output could not be closed, and why."""
        _log.error(
            "Output could not be closed.",
            output=self._name,
            error=self._words(error, typed=True),
            exc_info=None if isinstance(error, SpoolError | OSError) else error,
        )

    def _words(self, error: BaseException, *, typed: bool = False) -> str:
        return shortened(self._mask(error_text(error, typed=typed, whole=True)))

    @property
    def _trouble(self) -> OutputError | None:
        return self._spool.outputs[self._name].trouble

    def _note_error(self, words: str, *, stopped: bool = False) -> None:
        now, before = self._clock(), self._trouble
        self._note(OutputError(words, now, before.since if before else now, stopped))

    def _note(self, trouble: OutputError | None) -> None:
        """Write for ``status``; if it cannot be written now, the next change is."""
        with suppress(SpoolError):
            self._spool.note(self._name, trouble)


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


class CallWatchdog:
    """The calls of one output: its worker hangs in one, and another thread looks for how long."""

    def __init__(self, name: str, spool: Spool, clock: Callable[[], float]) -> None:
        self._name = name
        self._spool = spool
        self._clock = clock
        self._lock = threading.Lock()
        self._call = ""  # the method; empty for none
        self._since = self._began = 0.0
        self._is_noted = self._is_logged = False

    @contextmanager
    def calling(self, method: str) -> Iterator[None]:
        """Watch a call of the output's ``method`` until it returns."""
        with self._lock:
            self._since, self._began = self._clock(), time.monotonic()
            self._call = method
        try:
            yield
        finally:
            with self._lock:
                if self._is_noted:
                    self._note(None)
                if self._is_logged:
                    _log.info(
                        "Output has returned from the call.",
                        output=self._name,
                        call=self._call,
                        seconds=round(time.monotonic() - self._began),
                    )
                self._call = ""
                self._is_noted = self._is_logged = False

    def look(self) -> None:
        """Look how long a call has been running; from another thread than the output's."""
        with self._lock:
            if not self._call:
                return
            elapsed = timedelta(seconds=time.monotonic() - self._began)
            if not self._is_noted and elapsed >= NOTE_AFTER:
                self._is_noted = True
                self._note(self._since)
            if not self._is_logged and elapsed >= WARN_AFTER:
                self._is_logged = True
                _log.warning(
                    "Output has not returned from a call for long; its documents wait, and the"
                    " other outputs go on.",
                    output=self._name,
                    call=self._call,
                    seconds=round(elapsed.total_seconds()),
                )

    def abandon(self) -> None:
        """Note for ``status`` that the service ends without waiting for a running call."""
        with self._lock:
            if not self._call or self._call == "close":  # all is delivered by then
                return
            error = f"it did not return from {self._call} before the service ended"
            with suppress(SpoolError):
                self._spool.note_attempt(self._name, None)
                self._spool.note(self._name, OutputError(error, self._clock(), self._since))

    def _note(self, since: float | None) -> None:
        with suppress(SpoolError):  # as when the program ends, or the disk is full
            self._spool.note_attempt(self._name, since)


class Histogram:
    """How many values were at most so large; one thread writes, others may read."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Return each bound, and how many values were not larger."""
        bounds = [*map(str, self._bounds), "+Inf"]
        return zip(bounds, accumulate(self._counts), strict=True)


class Meter:
    """Measures the calls of one output since it was started."""

    def __init__(self) -> None:
        self.documents = Histogram(DOCUMENTS)
        self.seconds = Histogram(SECONDS)
        self.delivered_at: float | None = None  # the last time; seconds since 1970

    def add(self, documents: int, seconds: float, *, delivered: bool) -> None:
        """Count a call that returned."""
        self.documents.add(documents)
        self.seconds.add(seconds)
        if delivered:
            self.delivered_at = time.time()
