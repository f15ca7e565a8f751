"""Calls of an output that do not come back for long: noted for ``status``, and warned of once.

The thread of the worker hangs in the call, so another one has to look.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import structlog

from forwarder.spool import OutputError, Spool, SpoolError

NOTE_AFTER = timedelta(seconds=10)
"""From then on ``status`` says it. A busy server takes seconds; whoever looks after more of them
wants to know."""
WARN_AFTER = timedelta(minutes=2)
"""From then on the log has it: longer than a single request may take (90 s, as Filebeat has it)."""

_log = structlog.get_logger(__name__)


class Attempts:
    """Those of one output: one thread makes them, another looks how long they take."""

    def __init__(self, name: str, spool: Spool, clock: Callable[[], float]) -> None:
        """Begin with none.

        Args:
            name: Of the output in the configuration.
            spool: Where it is noted.
            clock: Seconds since 1970; only shown, never reckoned with.
        """
        self._name = name
        self._spool = spool
        self._clock = clock
        self._lock = threading.Lock()
        """What is noted is the last that was true."""
        self._call = ""
        """The method that was called; empty for none."""
        self._since = self._began = 0.0
        self._is_noted = self._is_logged = False

    @contextmanager
    def calling(self, method: str) -> Iterator[None]:
        """Call a method of the output; when it comes back, that is noted and said in its turn."""
        with self._lock:
            self._since, self._began = self._clock(), time.monotonic()
            self._call = method
        try:
            yield
        finally:
            with self._lock:
                self._end()

    def look(self) -> None:
        """Look how long a call has been going on; from a thread that is not the output's."""
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
                    "An output has not come back from a call for long; its documents wait, and the"
                    " other outputs go on.",
                    output=self._name,
                    call=self._call,
                    seconds=round(elapsed.total_seconds()),
                )

    def leave(self) -> None:
        """Note, where a call still goes on, that nobody waits for it any more."""
        with self._lock:
            if not self._call or self._call == "close":  # which has everything
                return
            error = f"it did not come back from {self._call} before the service ended"
            with suppress(SpoolError):
                trouble = OutputError(error, self._clock(), self._since)
                self._spool.note_attempt(self._name, None)
                self._spool.note(self._name, trouble)

    def _end(self) -> None:
        if self._is_noted:
            self._note(None)
        if self._is_logged:
            _log.info(
                "An output has come back from a call.",
                output=self._name,
                call=self._call,
                seconds=round(time.monotonic() - self._began),
            )
        self._call = ""
        self._is_noted = self._is_logged = False

    def _note(self, since: float | None) -> None:
        with suppress(SpoolError):  # as when the program ends, or the disk is full
            self._spool.note_attempt(self._name, since)
