"""Commits in a thread of its own: the next documents are made while the last are written to disk.

One commit is under way at a time, so what is committed is always all up to some point. One that
is refused is tried again as it is, until it succeeds or the program ends. Then nothing more is
written: the next positions would say that it is there. It is in the logs still, and is read again.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import structlog

from forwarder.events import Document
from forwarder.spool import BlockedError, Pause, Spool

WAIT_SECONDS = 1.0
"""How often a full spool, and a disk that refuses, are tried again."""

SAY_SECONDS = 5.0
"""How long a full spool pauses reading before that is said. An output that is slower than reading
does it again and again, for moments."""

_log = structlog.get_logger(__name__)


class Committer:
    """Writes to the spool for ingest; says once that it cannot, and once that it can again."""

    def __init__(
        self, spool: Spool, stop: threading.Event, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """Start with nothing to commit.

        Args:
            spool: Where everything goes.
            stop: Is set when the program ends.
            meanwhile: Is called from time to time by the thread that waits for the disk.
        """
        self._spool = spool
        self._stop = stop
        self._meanwhile = meanwhile
        self._began = self._since = 0.0
        self._is_said = False
        self._thread = ThreadPoolExecutor(1, "commit")
        self._under_way: Future[None] | None = None
        self.is_blocked = False
        """Whether nothing can be written now, or there is no room."""
        self.is_given_up = False
        """Whether something was not written, because the program ends."""

    def commit(
        self, documents: Sequence[Document], state: Iterable[tuple[str, bytes | None]]
    ) -> None:
        """Begin to commit, as soon as what was begun before is done.

        Args:
            documents: In the order of reading; nobody changes them any more.
            state: Whatever must agree with them.

        Raises:
            SpoolError: The database is damaged; so says an earlier commit.
        """
        self.wait()
        if self.is_given_up:
            return
        self._under_way = self._thread.submit(self._persist, documents, state)

    def wait(self) -> None:
        """Wait until all that was begun is on disk, or given up because the program ends.

        Raises:
            SpoolError: The database is damaged.
        """
        while self._under_way is not None:
            try:
                self._under_way.result(WAIT_SECONDS)
            except TimeoutError:
                if not self._under_way.done():
                    self._meanwhile()
                    continue
                raise
            self._under_way = None

    def check(self) -> None:
        """Look whether what was begun has failed.

        Raises:
            SpoolError: The database is damaged.
        """
        if self._under_way is not None and self._under_way.done():
            self.wait()

    def close(self) -> None:
        """Wait for what is under way, whatever comes of it."""
        self._thread.shutdown()

    def wait_for_room(self) -> None:
        """Wait for a while, until there is room in the spool; nothing may be under way."""
        self._pause(self._spool.blocked_reason or "the spool is full", SAY_SECONDS)
        if self._spool.wait_for_space(self._stop, WAIT_SECONDS):
            self._go_on("There is room in the spool again; reading goes on.")

    def _persist(
        self, documents: Sequence[Document], state: Iterable[tuple[str, bytes | None]]
    ) -> None:
        refused = False
        while True:
            try:
                self._spool.commit(documents, state)
                break
            except BlockedError as error:
                refused = True
                self._pause(str(error))
            if self._stop.wait(WAIT_SECONDS):
                self.is_given_up = True
                return
        if refused:
            self._go_on("The spool can be written again; reading goes on.")

    def _pause(self, reason: str, say_after: float = 0.0) -> None:
        """Note why nothing can be written; say it once, if it lasts."""
        if not self.is_blocked:
            self.is_blocked = True
            self._is_said = False
            self._began, self._since = time.monotonic(), time.time()
        self._spool.note_pause(Pause(self._since, reason))
        if not self._is_said and time.monotonic() - self._began >= say_after:
            self._is_said = True
            _log.error(
                "Reading pauses: nothing can be written to the spool. Logs wait on disk; those that"
                " are deleted meanwhile are lost.",
                reason=reason,
                since=_iso(self._since),
            )

    def _go_on(self, event: str) -> None:
        if self.is_blocked:
            self.is_blocked = False
            self._spool.note_pause(None)
            if self._is_said:
                _log.info(event, seconds=round(time.monotonic() - self._began))


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
