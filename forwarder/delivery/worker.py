"""Takes documents from the spool to one output, in a thread of its own.

The rules:

- What the filter of the output drops is passed over, and counts as done.
- A batch is what lies behind the cursor: up to a number of documents, up to a number of bytes, or
  what arrived within a while of the last batch. So a single login is delivered at once.
- Retryable documents are handed over again until they are delivered; only the end of the program
  ends this. While the output delivers some of a batch, the rest follows within a second; where it
  delivers nothing, after exponential backoff.
- Documents that an output postpones while it delivers most of a batch step aside: they are kept
  with the dead letters, the cursor moves on, and they are retried between other batches with a
  backoff of their own. So one document that is postponed for ever holds up no other.
- A rejected document becomes a dead letter in the transaction that moves the cursor. Where the dead
  letters are full, it is handed over again like a postponed one: the other side may be fixed.
- The cursor is on disk before the next batch is handed over, so after any crash only the last batch
  comes again.
- An output that raises anything else has a bug, or an OSError that no backoff fixes. It is stopped
  with an error; its documents stay.

Memory holds two batches, of which one is prefetched where more than that waits, and one row of the
spool.
"""

import math
import random
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import tenacity

from forwarder.delivery.health import CallWatchdog, Meter, OutputHealth, Rejections
from forwarder.delivery.retries import (
    MAX_POSTPONED,
    NO_TIME,
    SOON,
    DeliverySettings,
    InFlightBatch,
    LeftError,
    Postponed,
    backoff,
    check_answer,
)
from forwarder.ecs.filters import leave_out
from forwarder.masking import NO_MASK, Mask
from forwarder.output import Output, Unavailable
from forwarder.spool.cursors import Batch
from forwarder.spool.errors import BlockedError, ClosedError, SpoolError
from forwarder.spool.spool import Spool
from forwarder.text import shortened

_IDLE_SECONDS = 1.0
"""How often an idle worker looks for dead letters that a command wants replayed. New documents wake
it at once."""

_Result = TypeVar("_Result")


class StopError(Exception):
    """The program ends."""


class Delivery:
    """The worker of one output."""

    def __init__(  # noqa: PLR0913 - the last two are for tests
        self,
        name: str,
        output: Output,
        spool: Spool,
        settings: DeliverySettings = DeliverySettings(),  # noqa: B008 - it is frozen
        *,
        mask: Mask = NO_MASK,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is called before :meth:`start`, and then by the worker's thread only.

        ``chance`` draws from 0 to 1 for the jitter; ``clock`` gives seconds since 1970, which are
        shown and never used to measure.
        """
        self.name = name
        self._output = output
        self._spool = spool
        self._settings = settings
        self._limits = {"max_documents": settings.max_documents, "max_bytes": settings.max_bytes}
        self._chance = chance
        self._clock = clock
        self._prefetcher = ThreadPoolExecutor(1, "prefetch")
        self._prefetched: Future[Batch] | None = None
        self._stop = threading.Event()
        # One for all calls: each is a cycle, and what it holds would wait for the collector.
        self._attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((Unavailable, BlockedError, LeftError)),
            wait=self._wait,
            sleep=self._sleep,
        )
        self._thread = threading.Thread(target=self._run, name=f"output {name}", daemon=True)
        self._is_idle = False
        self._expects_more = True
        self._last_read = -math.inf  # when a batch was read
        self._mask = mask
        self._health = OutputHealth(name, spool, clock, mask)
        self._rejections = Rejections(name, spool.outputs[name].rejecting, settings.max_documents)
        self._postponed = Postponed(name, settings, chance)
        self.watchdog = CallWatchdog(name, spool, clock)
        self.meter = Meter()
        self.judged = 0  # documents delivered, rejected or filtered, unfinished batches included
        self.error: BaseException | None = None
        """What stopped the output before it was asked to: a bug, or a broken spool."""

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the worker end after the batch in flight; a backoff ends at once."""
        self._stop.set()
        self._spool.wake()

    def expect_no_more(self) -> None:
        """Note that nothing more is committed: no document needs to wait for others."""
        self._expects_more = False
        self._spool.wake()

    def stop(self, within: timedelta) -> bool:
        """Stop after the batch in flight; tell whether no call kept the worker from ending."""
        self.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(within.total_seconds())
        return not self._thread.is_alive()

    @property
    def is_drained(self) -> bool:
        """Whether everything in the spool is delivered or a dead letter."""
        return self._is_idle and self.waiting == 0

    @property
    def waiting(self) -> int:
        """Documents that the output has neither delivered nor rejected yet."""
        return self._pending + self._postponed.number

    def _run(self) -> None:
        try:
            self._health.begin()
            self._postponed.succeed(self._count_postponed())
            self._retry(self._open)
            try:
                self._deliver()
            finally:
                self._rejections.end()
                self._close()
        except (StopError, ClosedError):
            pass  # the program ends, perhaps without waiting for this output
        except BaseException as error:  # noqa: BLE001 - whatever it is, the others must go on
            self.error = error
            self._health.stop(error)
            error.__traceback__ = None  # it would keep the batch in memory
        finally:
            self._prefetcher.shutdown(wait=False)
            self._spool.wake()

    def _open(self) -> None:
        try:
            with self.watchdog.calling("open"):
                self._output.open()
        except BaseException:
            self._close(was_open=False)
            raise

    def _close(self, *, was_open: bool = True) -> None:
        """Close the output; its error neither undoes nor hides what happened before."""
        try:
            with self.watchdog.calling("close"):
                self._output.close()
        except BaseException as error:  # noqa: BLE001 - it is a plugin's
            if was_open:
                self.error = error
            self._health.fail_to_close(error)
            error.__traceback__ = None  # as above

    def _deliver(self) -> None:
        while True:
            self._wait_for_documents()
            self._rejections.look()
            batch = self._retry(self._read)
            self._is_idle = not batch.documents
            if batch.documents:
                self._hand_over(batch)
            else:
                with suppress(BlockedError):
                    self._spool.sync()
                self._spool.wake()  # others may wait until all is delivered

    def _wait_for_documents(self) -> None:
        """Let a batch fill up, unless the last one is long enough ago."""
        settings = self._settings
        if self._is_idle:
            seconds = min(self._postponed.due_in, _IDLE_SECONDS)
            self._spool.wait(lambda: self._stop.is_set() or self._pending > 0, seconds)
        if self._pending:
            age = time.monotonic() - self._last_read
            self._spool.wait(
                lambda: (
                    self._stop.is_set()
                    or not self._expects_more
                    or self._pending >= settings.max_documents
                ),
                settings.max_age.total_seconds() - age,
            )
        if self._stop.is_set():
            raise StopError

    def _retry(self, act: Callable[[], _Result]) -> _Result:
        """Call until it raises neither Unavailable, BlockedError nor LeftError; or StopError."""
        result = self._attempts(act)
        self._health.prepare()
        return result

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return self._backoff(error).total_seconds()

    def _backoff(self, error: BaseException | None) -> timedelta:
        """Note why an attempt failed; return the wait before the next one."""
        if isinstance(error, LeftError) and error.left < error.handed:
            # It delivers, if not all at once. Where it delivers most, each attempt is at most
            # half as large as the one before.
            if error.left * 2 <= error.handed:
                return NO_TIME
            longest: timedelta = min(SOON, backoff(1, self._settings, NO_TIME, 1))
            return longest * self._chance()
        least = (isinstance(error, Unavailable) and error.retry_after) or NO_TIME
        if error is not None:
            self._health.fail(error, of_spool=isinstance(error, BlockedError))
            _clear_frames(error)
        return backoff(self._health.failures, self._settings, least, self._chance())

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StopError

    @property
    def _pending(self) -> int:
        return self._spool.pending(self.name)

    def _count_postponed(self) -> int:
        return self._retry(lambda: self._spool.postponed(self.name))

    def _read(self) -> Batch:
        begun = time.monotonic()
        is_due = self._postponed.due_in <= 0
        prefetched, self._prefetched = self._prefetched, None
        ahead = prefetched.result() if prefetched else None
        batch = self._spool.read(self.name, ahead=ahead, postponed=is_due, **self._limits)
        if is_due and not batch.letters:  # they were purged
            self._postponed.succeed(self._spool.postponed(self.name))
        if batch.documents:
            self._last_read = begun
            self._spool.sync()
        return batch

    def _hand_over(self, batch: Batch) -> None:
        work = InFlightBatch(self.name, batch, self._settings.rules)
        # The next batch is read while this one is on its way, as unpacking takes most of the time.
        # Less than a batch is not: more documents will join it.
        behind = self._pending - len(batch.documents)
        if not batch.letters and behind >= self._settings.max_documents:
            self._prefetched = self._prefetcher.submit(
                self._spool.read_ahead, self.name, batch.end, **self._limits
            )
        try:
            self._retry(lambda: self._finish(work))
        except BaseException:
            # What lies before the first undelivered document need not come again.
            with suppress(SpoolError):
                self._store(work)
            raise
        if work.is_aside or work.was_postponed:
            number = self._count_postponed()
            if not work.is_aside:
                self._postponed.succeed(number)
            elif work.was_postponed:
                self._postponed.fail(number, shortened(work.reason or ""))
            else:
                self._postponed.add(number)

    def _finish(self, work: InFlightBatch) -> None:
        """Hand over what is left of a batch, and move the cursor.

        Raises LeftError where something is still left, and BlockedError where the cursor cannot be
        moved now, or the dead letters are full.
        """
        if work.left:
            self._write(work)
        self._store(work)

    def _write(self, work: InFlightBatch) -> None:
        """Hand over what is left of a batch; raises as :meth:`_finish` does."""
        if work.is_handed:
            number = len(work.left)
            self._extend(work)
            self._spool.count_retried(self.name, number)
        documents = [work.batch.documents[x] for x in work.left]
        if self._settings.left_out:
            documents = [leave_out(x, self._settings.left_out) for x in documents]
        work.is_handed = True
        begun = time.monotonic()
        with self.watchdog.calling("write"):
            failures = check_answer(self._output.write(documents))
        seconds = time.monotonic() - begun
        self.meter.add(len(documents), seconds, delivered=len(failures) < len(documents))
        failures = [x._replace(reason=self._mask(x.reason)) for x in failures]
        full = None
        if not all(x.retryable for x in failures):
            full = self._spool.letters_full(self.name)
        now = datetime.fromtimestamp(self._clock(), UTC)
        rejected = work.judge(failures, now, keeps=full is None)
        failed = {x.document.id for x in failures}
        accepted = [x for x in documents if x.id not in failed] if failed else documents
        self._spool.tell(accepted, self.name)
        judged = len(documents) - len(work.left)
        self.judged += judged
        self._rejections.count(judged - len(rejected), rejected)
        if judged:
            self._health.succeed()
            if work.was_postponed:
                self._postponed.succeed(self._postponed.number)
        if full is not None:
            raise full
        if work.reason is None:
            return
        # Documents that were postponed before must not make others wait.
        is_slow = not judged or (work.was_postponed and len(work.left) * 2 > len(documents))
        added = 0 if work.was_postponed else len(work.left)
        if is_slow and work.can_step_aside and self._postponed.number + added <= MAX_POSTPONED:
            work.step_aside()
        else:
            raise LeftError(work.reason, left=len(work.left), handed=len(documents))

    def _extend(self, work: InFlightBatch) -> None:
        """Add documents that arrived meanwhile to a batch of which none was delivered or rejected.

        It may be a single document, and only others show whether the output delivers anything.
        """
        number = len(work.batch.documents)
        is_new = len(work.left) == len(work.wanted) and not work.batch.letters
        if is_new and number < min(self._settings.max_documents, self._pending):
            more = self._read()
            if more.start == work.batch.start and not more.letters:
                work.extend(more)

    def _store(self, work: InFlightBatch) -> None:
        """Move the cursor over all of a batch before what is left of it."""
        batch, letters = work.done()
        if batch.filtered:
            self._health.note_filtered()
            self.judged += batch.filtered
        if batch.documents:
            rejecting = self._rejections.rejecting
            self._spool.advance(self.name, batch, letters, rejecting=rejecting)


def _clear_frames(error: BaseException | None) -> None:
    """Release the requests and answers in the frames of an error.

    Libraries that keep an error in a variable make a cycle of error, traceback and frame, which
    would hold them until the next garbage collection.
    """
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
