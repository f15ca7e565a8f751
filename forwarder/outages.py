"""Whether an output delivers: said in the log once a change, and noted for ``status``."""

import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from forwarder.spool import GoneError, Spool, SpoolError
from forwarder.spool.progress import Trouble
from forwarder.visible import words_of

_NOTE_SECONDS = 10.0
"""How often the last error is written for ``status`` while an output fails."""

_QUIET_SECONDS = 60.0
"""After an outage that was logged, one that is short is not. A server that fails now and then would
fill the log."""
_SHORT_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class Outages:
    """Those of one output; for the thread of its worker, but for :attr:`trouble`."""

    def __init__(self, name: str, spool: Spool, clock: Callable[[], float]) -> None:
        """Start with an output that delivers, as far as is known.

        Args:
            name: Of the output in the configuration.
            spool: Where it is noted.
            clock: Seconds since 1970; only shown, never reckoned with.
        """
        self._name = name
        self._spool = spool
        self._clock = clock
        self.trouble: Trouble | None = None
        """Why nothing is delivered; None while it is."""
        self.failures = 0
        """Attempts in a row that achieved nothing."""
        self.retried = 0
        """Documents that were handed over again; not told to the spool yet."""
        self._began = self._noted = self._quiet_until = 0.0
        self._is_logged = False
        """Whether it was logged that nothing can be delivered, and not yet that it can again."""

    def fail(self, error: str) -> None:
        """Take notice that an attempt achieved nothing, and why."""
        now = self._clock()
        is_new = self.trouble is None
        self.trouble = Trouble(error, now, self.trouble.since if self.trouble else now)
        if is_new:
            self._began = time.monotonic()
        self._say(error)
        if is_new or time.monotonic() - self._noted > _NOTE_SECONDS:
            self._note()

    def succeed(self) -> None:
        """Take notice that an output delivers."""
        self.failures = 0
        if self._is_logged:
            self._is_logged = False
            now = time.monotonic()
            self._quiet_until = now + _QUIET_SECONDS
            _log.info(
                "It can be delivered to an output again.",
                output=self._name,
                seconds=round(now - self._began),
            )
        if self.trouble is not None or self._spool.progress(self._name).trouble is not None:
            self.trouble = None
            self._note()

    def stop(self, error: BaseException) -> None:
        """Say that an output is stopped for good, and why."""
        now = self._clock()
        text = words_of(error, typed=not isinstance(error, SpoolError))
        since = self.trouble.since if self.trouble else now
        self.trouble = Trouble(text, now, since, stopped=True)
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

    def fail_to_close(self, error: BaseException) -> None:
        """Say that an output that has nothing in hand could not be closed, and why."""
        _log.error(
            "An output could not be closed; what it has taken is delivered.",
            output=self._name,
            error=words_of(error, typed=True),
            exc_info=None if isinstance(error, SpoolError | OSError) else error,
        )

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
