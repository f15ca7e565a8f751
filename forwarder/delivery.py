"""Takes documents from the spool to one output, in a thread of its own.

The rules:

- A batch is what lies behind the cursor: up to a number of documents, up to a number of bytes, or
  what has come together after a while.
- What is retryable is handed over again, after pauses that grow, until it is taken. Nothing but
  the end of the program ends this.
- What is refused becomes a dead letter in the same transaction that moves the cursor.
- An output that raises anything else has a bug, or an error of the system (OSError) that no pause
  mends. It is stopped, loudly; its documents stay.
- Only changes are logged: that nothing can be delivered, and that it can again. Short outages one
  after the other are logged once a minute.

Whatever one output does, no other notices. Two batches, of which one is read ahead where more than
that waits, and one row of the spool are in memory.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import tenacity

from forwarder.ahead import Ahead
from forwarder.attempts import Attempts
from forwarder.outages import Outages
from forwarder.output import Output, Unavailable
from forwarder.pausing import NO_TIME, DeliverySettings, pause
from forwarder.spool import BlockedError, ClosedError, LettersFullError, Spool, SpoolError
from forwarder.spool.letters import DeadLetter
from forwarder.spool.progress import Batch, Trouble
from forwarder.visible import words_of
from forwarder.work import Work, check_answer

_IDLE_SECONDS = 1.0
"""How often a worker without work looks for dead letters that a command wants replayed. New
documents wake it at once."""
__all__ = ["Delivery", "DeliverySettings"]

_Result = TypeVar("_Result")


class Delivery:
    """The worker of one output."""

    def __init__(  # noqa: PLR0913 - the last two are for tests
        self,
        name: str,
        output: Output,
        spool: Spool,
        settings: DeliverySettings = DeliverySettings(),  # noqa: B008 - it is frozen
        *,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is called before :meth:`start`.

        Args:
            name: Of the output in the configuration; the spool must know it.
            output: Called by the worker's thread only.
            spool: Where the documents come from.
            settings: Batches and pauses.
            chance: Numbers from 0 to 1, for the jitter.
            clock: Seconds since 1970; only shown, never reckoned with.
        """
        self.name = name
        self._output = output
        self._spool = spool
        self._settings = settings
        self._chance = chance
        self._clock = clock
        self._ahead = Ahead(
            lambda start: spool.read_ahead(
                name, start, max_documents=settings.max_documents, max_bytes=settings.max_bytes
            )
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"output {name}", daemon=True)
        self._ended = threading.Event()
        self._is_idle = False
        self._expects_more = True
        self._last_read = 0.0
        self._least_pause = NO_TIME
        self._outages = Outages(name, spool, clock)
        self.attempts = Attempts(name, spool, clock)
        self.judged = 0
        """Documents that were taken or refused, those of batches that are not whole yet as well."""
        self.error: BaseException | None = None
        """What stopped the output before anybody asked for it: a bug, or a broken spool."""

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the worker end after the batch in hand; a pause ends at once."""
        self._stop.set()
        self._spool.wake()

    def expect_no_more(self) -> None:
        """Take it that nothing more is committed: no document needs to wait for others."""
        self._expects_more = False
        self._spool.wake()

    def stop(self, within: timedelta) -> bool:
        """Stop after the batch in hand.

        Args:
            within: How long to wait for that.

        Returns:
            Whether it has ended. If not, the output does not come back from a call; its thread
            does not keep the program from ending.
        """
        self.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(within.total_seconds())
        return not self._thread.is_alive()

    def wait_until_drained(self, timeout: timedelta) -> bool:
        """Wait until nothing is left to be delivered.

        Returns:
            Whether that is so; False as well when the output has stopped before.
        """
        self._spool.wait(lambda: self.is_drained or self._ended.is_set(), timeout.total_seconds())
        return self.is_drained

    @property
    def is_drained(self) -> bool:
        """Whether everything in the spool is delivered or a dead letter."""
        return self._is_idle and self._spool.pending(self.name) == 0

    @property
    def trouble(self) -> Trouble | None:
        """Why nothing is delivered; None while it is."""
        return self._outages.trouble

    def _run(self) -> None:
        try:
            self._persist(self._open)
            try:
                self._deliver()
            finally:
                self._close()
        except (_StopError, ClosedError):
            pass  # the program ends; the second, when it did not wait for this output
        except BaseException as error:  # noqa: BLE001 - whatever it is, the others must go on
            self._give_up(error)
        finally:
            self._ended.set()
            self._spool.wake()

    def _open(self) -> None:
        try:
            with self.attempts.calling("open"):
                self._output.open()
        except BaseException:
            self._output.close()
            raise

    def _close(self) -> None:
        """Close the output; a fault in this is none in what was done before, and hides none."""
        try:
            with self.attempts.calling("close"):
                self._output.close()
        except BaseException as error:  # noqa: BLE001 - it is a plugin's
            self.error = error
            self._outages.fail_to_close(error)
            error.__traceback__ = None  # as below

    def _deliver(self) -> None:
        while True:
            self._wait_for_documents()
            batch = self._persist(self._read)
            self._is_idle = not batch.documents
            if batch.documents:
                self._hand_over(batch)
            else:
                with suppress(BlockedError):
                    self._spool.settle(self.name)
                self._spool.wake()  # somebody may wait until all is delivered

    def _wait_for_documents(self) -> None:
        """Let a batch come together. At once, if documents have waited during the last one."""
        settings = self._settings
        if self._is_idle:
            self._spool.wait(lambda: self._stop.is_set() or self._pending > 0, _IDLE_SECONDS)
            self._last_read = time.monotonic()
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
            raise _StopError

    @property
    def _pending(self) -> int:
        return self._spool.pending(self.name)

    def _read(self) -> Batch:
        self._last_read = time.monotonic()
        settings = self._settings
        return self._spool.read(
            self.name,
            max_documents=settings.max_documents,
            max_bytes=settings.max_bytes,
            ahead=self._ahead.take(),
        )

    def _hand_over(self, batch: Batch) -> None:
        work = Work(self.name, batch)
        # What is less than a batch would be joined by what comes meanwhile.
        if (
            not batch.letters
            and self._pending - len(batch.documents) >= self._settings.max_documents
        ):
            self._ahead.begin(batch.end)
        try:
            self._persist(lambda: self._finish(work))
        except BaseException:
            # What lies before the first document that was not taken need not come again.
            with suppress(SpoolError):
                self._advance(work.before_first_left())
            raise

    def _finish(self, work: Work) -> None:
        """Hand over what is left of a batch, and move the cursor.

        Raises:
            _LeftError: Something is left still.
            BlockedError: The cursor cannot be moved now. What was refused and finds no room among
                the dead letters is handed over again: an operator may have mended the other side.
        """
        if work.left:
            self._write(work)
        try:
            self._advance(work.whole())
        except LettersFullError:
            work.take_back_refused()
            self.judged -= len(work.left)
            raise

    def _write(self, work: Work) -> None:
        """Hand over what is left of a batch.

        Raises:
            _LeftError: Something is left still.
        """
        documents = [work.batch.documents[x] for x in work.left]
        if work.is_begun:
            self._outages.retried += len(documents)
        work.is_begun = True
        with self.attempts.calling("write"):
            failures = check_answer(self._output.write(documents))
        reason = work.judge(failures, datetime.fromtimestamp(self._clock(), UTC))
        self.judged += len(documents) - len(work.left)
        if len(work.left) < len(documents) and not work.is_stuck:
            self._outages.succeed()
        if reason is not None:
            raise _LeftError(reason, fruitless=len(work.left) == len(documents))

    def _advance(self, done: tuple[Batch, Sequence[DeadLetter]]) -> None:
        batch, letters = done
        if batch.documents:
            self._spool.advance(self.name, batch, letters, retried=self._outages.retried)
            self._outages.retried = 0

    def _persist(self, act: Callable[[], _Result]) -> _Result:
        """Do something until it succeeds or the program ends.

        Raises:
            _StopError: The program ends.
        """
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((Unavailable, BlockedError, _LeftError)),
            after=self._note_failure,
            wait=self._next_pause,
            sleep=self._sleep,
        )
        result = attempts(act)
        self._outages.succeed()
        return result

    def _next_pause(self, _: tenacity.RetryCallState) -> float:
        wait = pause(self._outages.failures, self._settings, self._least_pause, self._chance())
        return wait.total_seconds()

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _StopError

    def _note_failure(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._outages.failures += 1
        asked = error.retry_after if isinstance(error, Unavailable) else None
        self._least_pause = asked or NO_TIME
        if isinstance(error, _LeftError) and not error.fruitless:
            return  # it delivers, if not everything at once
        self._outages.fail("" if error is None else words_of(error))

    def _give_up(self, error: BaseException) -> None:
        self.error = error
        self._outages.stop(error)
        error.__traceback__ = None  # it would keep the batch in memory


class _LeftError(Exception):
    """Some documents are to be handed over again; the message is the reason of one."""

    def __init__(self, reason: str, *, fruitless: bool) -> None:
        super().__init__(reason)
        self.fruitless = fruitless


class _StopError(Exception):
    """The program ends."""
