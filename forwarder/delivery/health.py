"""Health of an output: logged once a change, and noted in the spool for ``status``."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import structlog

from forwarder.masking import NO_MASK, Mask
from forwarder.spool import GoneError, OutputError, Spool, SpoolError
from forwarder.text import error_text, shortened

_QUIET_SECONDS = 60.0  # after an outage: a server that fails now and then would fill the log
NOTE_AFTER = timedelta(seconds=10)  # status shows a longer call; a busy server takes seconds
WARN_AFTER = timedelta(minutes=2)  # a longer call is logged; one request may take 90 s
_BEFORE = "before this start: "

_log = structlog.get_logger(__name__)


class OutputHealth:
    """Whether an output delivers; for its worker's thread, except :attr:`trouble`."""

    def __init__(
        self, name: str, spool: Spool, clock: Callable[[], float], mask: Mask = NO_MASK
    ) -> None:
        self._name = name
        self._mask = mask
        self._spool = spool
        self._clock = clock
        self.trouble: OutputError | None = None  # why nothing is delivered
        self.failures = 0  # attempts in a row that achieved nothing
        self.retried = 0  # documents that were handed over again; not told to the spool yet
        self._began = self._quiet_until = 0.0
        self._is_failing = self._is_of_spool = False  # the last attempt; for want of the spool
        self._is_logged = False  # that nothing is delivered, and not yet that it is again
        self._has_filtered = False

    def begin(self) -> None:
        """Take over the trouble of the last run, marked as old: the target may have changed."""
        trouble = self._spool.outputs[self._name].trouble
        if trouble is not None:
            error = _BEFORE + trouble.error.removeprefix(_BEFORE)
            self.trouble = trouble._replace(stopped=False, error=error)
            self._note()

    def fail(self, error: BaseException, *, of_spool: bool = False) -> None:
        """Note that an attempt achieved nothing; ``of_spool``: the output has no part in it."""
        words = self._words(error)
        self.failures += 1
        self._note_trouble(words)
        if not self._is_failing:
            self._began = time.monotonic()
        self._is_failing, self._is_of_spool = True, of_spool
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
        self._is_failing = self._is_of_spool = False
        if self._is_logged:
            self._is_logged = False
            now = time.monotonic()
            self._quiet_until = now + _QUIET_SECONDS
            seconds = round(now - self._began)
            _log.info("Output recovered; delivery resumed.", output=self._name, seconds=seconds)
        if self.trouble is not None:
            self.trouble = None
            self._note()

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
        self._note_trouble(text, stopped=True)
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

    def _note_trouble(self, words: str, *, stopped: bool = False) -> None:
        now = self._clock()
        self.trouble = OutputError(words, now, self.trouble.since if self.trouble else now, stopped)
        self._note()

    def _note(self) -> None:
        """Write for ``status``; if it cannot be written now, the next change is."""
        retried, self.retried = self.retried, 0
        with suppress(SpoolError):
            self._spool.note(self._name, self.trouble, retried=retried)


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
