"""Takes documents from the spool to one output, in a thread of its own.

The rules:

- A batch is what lies behind the cursor: up to a number of documents, up to a number of bytes, or
  what has come together after a while.
- What is retryable is handed over again until it is taken. Nothing but the end of the program ends
  this. As long as the output takes some of it, the rest follows at once or within a second; where
  it takes nothing, after pauses that grow.
- What an output does not take while it took most of a batch steps aside: it is kept with the dead
  letters, the cursor moves on, and it is tried again between other batches, after pauses of its
  own. So one document that is put off for ever holds up no other.
- What is refused becomes a dead letter in the same transaction that moves the cursor. Where there
  is no room for more of these, the rest waits, and only a little of it is handed over, to probe.
- The cursor is on disk before the next batch is handed over, so whatever ends the program, or the
  machine, only the last batch comes again.
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
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import tenacity

from forwarder.delivery.ahead import Ahead
from forwarder.delivery.attempts import Attempts
from forwarder.delivery.health import Outages
from forwarder.delivery.pausing import NO_TIME, DeliverySettings, pause, pause_for_rest
from forwarder.delivery.put_off import MOST, PutOff
from forwarder.delivery.refusals import Refusals
from forwarder.delivery.work import Work, check_answer
from forwarder.masking import NO_MASK, Mask
from forwarder.output import Output, Unavailable
from forwarder.spool import BlockedError, ClosedError, LettersFullError, Spool, SpoolError
from forwarder.spool.cursors import Batch, OutputError
from forwarder.spool.dead_letters import DeadLetter
from forwarder.text import shortened

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
        mask: Mask = NO_MASK,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is called before :meth:`start`.

        Args:
            name: Of the output in the configuration; the spool must know it.
            output: Called by the worker's thread only.
            spool: Where the documents come from.
            settings: Batches and pauses.
            mask: Takes secrets out of what the output says.
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
        self._mask = mask
        self._outages = Outages(name, spool, clock, mask)
        self._refusals = Refusals(name, spool.progress(name).refusing, settings.max_documents)
        self._put_off = PutOff(name, settings, chance)
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
        return self._is_idle and self.waiting == 0

    @property
    def waiting(self) -> int:
        """Documents that the output has not taken or refused yet."""
        return self._spool.pending(self.name) + self._put_off.number

    @property
    def trouble(self) -> OutputError | None:
        """Why nothing is delivered; None while it is."""
        return self._outages.trouble

    def _run(self) -> None:
        try:
            with suppress(BlockedError):
                self._outages.begin()
            self._put_off.succeed(self._spool.put_off(self.name))
            self._persist(self._open)
            try:
                self._deliver()
            finally:
                self._refusals.end()
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
            self._close(was_open=False)
            raise

    def _close(self, *, was_open: bool = True) -> None:
        """Close the output; a fault in this is none in what was done before, and hides none."""
        try:
            with self.attempts.calling("close"):
                self._output.close()
        except BaseException as error:  # noqa: BLE001 - it is a plugin's
            if was_open:
                self.error = error
            self._outages.fail_to_close(error, was_open=was_open)
            error.__traceback__ = None  # as below

    def _deliver(self) -> None:
        while True:
            self._wait_for_documents()
            self._refusals.look()
            batch = self._persist(self._read)
            self._is_idle = not batch.documents
            if batch.documents:
                self._hand_over(batch)
            else:
                with suppress(BlockedError):
                    self._spool.sync()
                self._spool.wake()  # somebody may wait until all is delivered

    def _wait_for_documents(self) -> None:
        """Let a batch come together. At once, if documents have waited during the last one."""
        settings = self._settings
        if self._is_idle:
            put_off = self._put_off.wait
            seconds = _IDLE_SECONDS if put_off is None else put_off.total_seconds()
            self._spool.wait(
                lambda: self._stop.is_set() or self._pending > 0, min(seconds, _IDLE_SECONDS)
            )
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
        is_due = self._put_off.is_due
        batch = self._spool.read(
            self.name,
            max_documents=settings.max_documents,
            max_bytes=settings.max_bytes,
            ahead=self._ahead.take(),
            put_off=is_due,
        )
        if is_due and not batch.letters:  # somebody has purged them
            self._put_off.succeed(self._spool.put_off(self.name))
        if batch.documents:
            self._spool.sync()
        return batch

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
        if work.is_put_off and not work.left:
            self._put_off.succeed(self._spool.put_off(self.name))

    def _finish(self, work: Work) -> None:
        """Hand over what is left of a batch, and move the cursor.

        Raises:
            _LeftError: Something is left still.
            BlockedError: The cursor cannot be moved now, or what was refused finds no room among
                the dead letters.
        """
        while work.left:
            self._write(work)
            if work.is_stored:
                return
            if work.left:  # a probe succeeded
                self._store(work)
                if self._stop.is_set():
                    raise _StopError
        self._store(work)

    def _store(self, work: Work) -> None:
        """Move the cursor over all of a batch before what is left of it."""
        done = work.before_first_left()
        self._advance(done)
        work.stored += len(done[0].documents)

    def _write(self, work: Work) -> None:
        """Hand over what is left of a batch.

        What was refused and finds no room among the dead letters is handed over again, as a probe:
        an operator may have mended the other side.

        Raises:
            _LeftError: Something is left still.
            LettersFullError: There is no room for all that was refused.
        """
        if work.handed:
            self._extend(work)
            self._outages.retried += sum(x < work.handed for x in work.next)
        documents = [work.batch.documents[x] for x in work.next]
        work.handed = len(work.batch.documents)
        with self.attempts.calling("write"):
            failures = check_answer(self._output.write(documents))
        failures = [x._replace(reason=self._mask(x.reason)) for x in failures]
        reason, refused = work.judge(failures, self._now())
        kept, full = self._find_room(work, refused)
        judged = len(documents) - work.again - (len(refused) - len(kept))
        self.judged += judged
        self._refusals.count(judged - len(kept), kept)
        if judged:
            self._outages.succeed()
            if work.is_put_off:
                self._put_off.succeed(self._put_off.number)
        if full is not None:
            self._store(work)
            raise full
        if reason is None:
            work.probe *= 2
            return
        # What was put off before has no right to keep others waiting for what it lacks.
        is_slow = not judged or (work.is_put_off and work.again * 2 > len(documents))
        if is_slow and self._step_aside(work, reason):
            return
        raise _LeftError(reason, left=work.again, handed=len(documents))

    def _find_room(
        self, work: Work, refused: Mapping[int, DeadLetter]
    ) -> tuple[Sequence[DeadLetter], LettersFullError | None]:
        """Take back what was refused now and has no room among the dead letters.

        Returns:
            What has room, and why the rest has none.
        """
        letters = list(refused.values())
        if not letters:
            return letters, None
        try:
            self._spool.check_letters(self.name, work.refused)
        except LettersFullError as full:
            room = full.fitting - (len(work.refused) - len(letters))
            work.take_back(list(refused)[room:])
            return letters[:room], full
        except BlockedError:
            pass  # it shows when it is stored
        return letters, None

    def _extend(self, work: Work) -> None:
        """Take along what has come meanwhile, where documents were put off one by one.

        A batch in which everything was put off may be a single document, and whether the output
        takes others shows only by them.
        """
        batch = work.batch
        if (
            work.is_answered
            and len(work.left) == len(batch.documents) < self._settings.max_documents
            and not batch.letters
            and self._pending > len(batch.documents)
        ):
            more = self._read()
            if more.start == batch.start and not more.letters:
                work.extend(more)

    def _step_aside(self, work: Work, reason: str) -> bool:
        """Let other documents pass what the output does not take, if that is little enough.

        Returns:
            Whether it is stored, and the cursor is behind it.
        """
        kept = 0 if work.is_put_off else len(work.left)
        if not work.can_step_aside or self._put_off.number + kept > MOST:
            return False
        try:
            self._advance(work.step_aside(self._now()))
        except BlockedError:  # as where there are too many dead letters
            return False
        work.is_stored = True
        number = self._spool.put_off(self.name)
        if work.is_put_off:
            self._put_off.fail(number, shortened(reason))
        else:
            self._put_off.add(number)
        return True

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _advance(self, done: tuple[Batch, Sequence[DeadLetter]]) -> None:
        batch, letters = done
        if batch.documents:
            self._spool.advance(
                self.name,
                batch,
                letters,
                retried=self._outages.retried,
                refusing=self._refusals.refusing,
            )
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
        self._outages.prepare()
        return result

    def _next_pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _LeftError) and error.left < error.handed:
            wait = pause_for_rest(error.left, error.handed, self._settings, self._chance())
        else:
            wait = pause(self._outages.failures, self._settings, self._least_pause, self._chance())
        return wait.total_seconds()

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _StopError

    def _note_failure(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is None or (isinstance(error, _LeftError) and error.left < error.handed):
            return  # it delivers, if not everything at once
        self._outages.failures += 1
        asked = error.retry_after if isinstance(error, Unavailable) else None
        self._least_pause = asked or NO_TIME
        self._outages.fail(error, of_spool=isinstance(error, BlockedError))
        clear_frames(error)

    def _give_up(self, error: BaseException) -> None:
        self.error = error
        self._outages.stop(error)
        error.__traceback__ = None  # it would keep the batch in memory


def clear_frames(error: BaseException | None) -> None:
    """Let go of what an attempt had in hand: its error may stay until garbage is collected.

    A library that keeps its error in a variable, as some do, makes a circle of error, traceback
    and frame; in the frames are requests and answers.
    """
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


class _LeftError(Exception):
    """Some documents are to be handed over again; the message is the reason of one."""

    def __init__(self, reason: str, *, left: int, handed: int) -> None:
        super().__init__(reason)
        self.left = left
        self.handed = handed


class _StopError(Exception):
    """The program ends."""
