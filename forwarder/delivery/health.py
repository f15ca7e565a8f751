"""Whether an output delivers: said in the log once a change, and noted for ``status``."""

import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from forwarder.masking import NO_MASK, Mask
from forwarder.spool import GoneError, Spool, SpoolError
from forwarder.spool.cursors import OutputError
from forwarder.text import error_text, shortened

_NOTE_SECONDS = 10.0
"""How often the last error is written for ``status`` while an output fails."""

_QUIET_SECONDS = 60.0
"""After an outage that was logged, one that is short is not. A server that fails now and then would
fill the log."""
_SHORT_SECONDS = 10.0

_BEFORE = "before this start: "

_log = structlog.get_logger(__name__)


class Outages:
    """Those of one output; for the thread of its worker, but for :attr:`trouble`."""

    def __init__(
        self, name: str, spool: Spool, clock: Callable[[], float], mask: Mask = NO_MASK
    ) -> None:
        """Start with nothing known; :meth:`begin` asks the spool.

        Args:
            name: Of the output in the configuration.
            spool: Where it is noted.
            clock: Seconds since 1970; only shown, never reckoned with.
            mask: Takes secrets out of what the output says.
        """
        self._name = name
        self._mask = mask
        self._spool = spool
        self._clock = clock
        self.trouble: OutputError | None = None
        """Why nothing is delivered; None while it is."""
        self.failures = 0
        """Attempts in a row that achieved nothing."""
        self.retried = 0
        """Documents that were handed over again; not told to the spool yet."""
        self._began = self._noted = self._quiet_until = 0.0
        self._is_failing = self._is_of_spool = False
        """Whether the last attempt achieved nothing, and whether for want of the spool."""
        self._is_logged = False
        """Whether it was logged that nothing can be delivered, and not yet that it can again."""

    def begin(self) -> None:
        """Go on with the trouble that was there when the service ended; it is tried again now.

        Its words are marked as old: the output may have another target since.
        """
        trouble = self._spool.progress(self._name).trouble
        if trouble is not None:
            error = _BEFORE + trouble.error.removeprefix(_BEFORE)
            self.trouble = trouble._replace(stopped=False, error=error)
            self._note()

    def fail(self, error: BaseException, *, of_spool: bool = False) -> None:
        """Take notice that an attempt achieved nothing, and why.

        Args:
            error: Why.
            of_spool: Whether the output has no part in it.
        """
        now = self._clock()
        words = self._words(error)
        is_new = not self._is_failing
        self.trouble = OutputError(words, now, self.trouble.since if self.trouble else now)
        self._is_failing, self._is_of_spool = True, of_spool
        if is_new:
            self._began = time.monotonic()
        self._say(words)
        if is_new or time.monotonic() - self._noted > _NOTE_SECONDS:
            self._note()

    def prepare(self) -> None:
        """Take notice that something succeeded which delivers nothing: to open, to read, to note.

        It ends the pauses, and what was wrong with the spool. It does not show that the output
        delivers.
        """
        self.failures = 0
        if self._is_of_spool:
            self.succeed()

    def succeed(self) -> None:
        """Take notice that an output has taken or refused documents."""
        self.failures = 0
        self._is_failing = self._is_of_spool = False
        if self._is_logged:
            self._is_logged = False
            now = time.monotonic()
            self._quiet_until = now + _QUIET_SECONDS
            _log.info(
                "Output recovered; delivery resumed.",
                output=self._name,
                seconds=round(now - self._began),
            )
        if self.trouble is not None:
            self.trouble = None
            self._note()

    def stop(self, error: BaseException) -> None:
        """Say that an output is stopped for good, and why."""
        now = self._clock()
        text = self._words(error, typed=not isinstance(error, SpoolError))
        since = self.trouble.since if self.trouble else now
        self.trouble = OutputError(text, now, since, stopped=True)
        self._note()
        if isinstance(error, GoneError):
            return  # nothing is kept, and the service says so
        is_bug = not isinstance(error, SpoolError | OSError)
        _log.error(
            "An output has been stopped; the others go on, and its documents are kept. It begins"
            " again when the service is started anew.",
            output=self._name,
            error=text,
            exc_info=error if is_bug else None,
        )

    def fail_to_close(self, error: BaseException, *, was_open: bool) -> None:
        """Say that an output that has nothing in hand could not be closed, and why."""
        _log.error(
            "An output could not be closed; what it has taken is delivered."
            if was_open
            else "An output that could not be opened could not be closed either; it is opened again"
            " after a pause.",
            output=self._name,
            error=self._words(error, typed=True),
            exc_info=None if isinstance(error, SpoolError | OSError) else error,
        )

    def _words(self, error: BaseException, *, typed: bool = False) -> str:
        return shortened(self._mask(error_text(error, typed=typed, whole=True)))

    def _say(self, error: str) -> None:
        """Say once that nothing can be delivered."""
        now = time.monotonic()
        is_due = now >= self._quiet_until or now - self._began > _SHORT_SECONDS
        if is_due and not self._is_logged:
            self._is_logged = True
            _log.warning(
                "Nothing can be delivered to an output; it is tried again until it can.",
                output=self._name,
                error=error,
            )

    def _note(self) -> None:
        """Write for ``status``; what cannot be written now is written with the next change."""
        self._noted = time.monotonic()
        retried, self.retried = self.retried, 0
        with suppress(SpoolError):
            self._spool.note(self._name, self.trouble, retried=retried)
