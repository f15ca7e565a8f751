"""From the inputs into the spool: what is read becomes documents, committed with its positions.

One transaction holds the documents, how far each log was read, and the parser's state. So whatever
ends the program, what was read is neither lost nor delivered twice.

Rules:

* A commit waits until the last one is a while ago (:data:`COMMIT_SECONDS`), or until much was read
  (:data:`COMMIT_BYTES`): a storm costs few writes to disk, and a single login is there at once.
* One commit is in progress at a time, in a thread of its own. One that fails is tried again as it
  is until it succeeds or the program ends. In the latter case nothing more is written: the next
  positions would claim that it had succeeded.
* While the spool is full, or the disk refuses a commit, nothing is read: files wait on disk. They
  are still looked for, and what is deleted unread counts as lost.
* If the parser process dies or hangs, another one continues from the last commit; a few times only,
  if there is no commit in between.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from forwarder.app.input_status import STATUS_PREFIX, InputStatus
from forwarder.app.parser_client import PREFIX as PARSER_PREFIX
from forwarder.app.parser_client import CheckpointReply, Parsed, ParserClient, ParserSettings
from forwarder.config.load import Config, file_sources, named_files
from forwarder.errors import ParserDiedError
from forwarder.events import Document
from forwarder.inputs.chunk import Chunk
from forwarder.inputs.files.checkpoint import PREFIX as FILE_PREFIX
from forwarder.inputs.files.tailer import FileTailer
from forwarder.spool.errors import BlockedError
from forwarder.spool.spool import Spool
from forwarder.spool.writer import Pause

if TYPE_CHECKING:
    from forwarder.app.runtime import LiveInputs
    from forwarder.inputs.stdin import StandardInput
    from forwarder.inputs.syslog.receiver import Receiver

COMMIT_SECONDS = 0.1
"""Between commits; a login waits for others no longer. Ten writes a second are no load."""
COMMIT_BYTES = 4_000_000  # documents in memory before they are committed; four rows of the spool
COMMIT_READ_BYTES = 16 << 20
"""Of logs, before their positions are committed: standard input keeps in memory what may have to be
read again."""
WAIT_SECONDS = 1.0  # how often a spool that refuses is tried again; how long a read waits
SAY_SECONDS = 5.0
"""How long a full spool pauses reading before that is logged. An output that is slower than reading
fills it again and again, for moments."""
MAX_DEATHS = 5  # of the parser, without a commit in between: what it dies of may be in the logs

State = Iterable[tuple[str, bytes | None]]

_log = structlog.get_logger(__name__)


class Ingest:
    """Reads all inputs. For one thread, except :meth:`ask_to_stop`."""

    def __init__(
        self, config: Config, spool: Spool, live: "LiveInputs", *, once: bool = False
    ) -> None:
        """Continue from the saved state; with ``once``, read to the end, and do not wait."""
        self._config = config
        self._spool = spool
        self._once = once
        self._stop = threading.Event()
        self._reloads = False
        self._files = file_sources(config, spool.folder)
        self._follows_files = any(x.paths for x in self._files)
        self._tailer = self._open_tailer()
        self._live = live
        self._live.open(config, spool, once=once)
        # Standard input has an end in any case.
        self._ends = once or self._sources == [self._live.stdin]
        self._deaths = 0
        self._begin()
        self.status = InputStatus(
            self._tailer,
            named_files(config.inputs),
            dict(spool.load_state(STATUS_PREFIX)),
            listeners=lambda: self._live.counts,
            name_of=config.appliances.name_of,
            silence=lambda name: None if once else config.silence_of(name),
        )
        self.committer = Committer(spool, self._stop, self._note_changes)
        self.alive_at = time.monotonic()  # when its loop last went round
        self.is_complete = False  # whether all was read to its end, where it has one, and committed

    def _open_tailer(self) -> FileTailer:
        spool = self._spool
        return FileTailer(
            self._files,
            # Without files to follow, positions stay as they are.
            spool.iter_state(FILE_PREFIX) if self._follows_files else (),
            lambda key: dict(spool.load_state(key)).get(key, b""),
            once=self._once,
        )

    def _begin(self) -> None:
        self._documents: list[Document] = []
        self._document_bytes = self._read_bytes = 0
        self._has_read = False  # anything since the last checkpoint was requested
        self._asked_at = -math.inf  # when that was
        self._is_asked = False  # whether a checkpoint is on its way
        # When a tick will release messages; at first, what waits in the saved state is not known.
        self._due: float | None = 0.0
        # Positions to delete with the next commit: what was read of them may be on its way.
        self._forgotten: list[str] = []
        self._deleted: list[str] = []  # and logs that the parser may forget

    @property
    def _sources(self) -> "list[StandardInput | Receiver | FileTailer]":
        return [*self._live.sources, *([self._tailer] if self._follows_files else [])]

    def ask_to_stop(self, *, reloads: bool = False) -> None:
        """Stop soon, with everything committed, from any thread; sockets outlive reloads."""
        self._reloads = reloads
        self._stop.set()
        self._wake()

    def _wake(self) -> None:
        for source in self._sources:
            source.wake()

    def run(self) -> None:
        """Read until asked to stop, or to the end; raises SpoolError and ParserError."""
        try:
            while True:
                state = self._spool.load_state(PARSER_PREFIX)
                try:
                    parser = ParserClient(ParserSettings.of(self._config), state, self._wake)
                    with closing(parser) as self._parser:
                        self.is_complete = self._run() and not self.committer.is_given_up
                        return
                except ParserDiedError as error:
                    if not self._go_back(error):
                        raise
        finally:
            self.committer.close()
            self._tailer.close()
            if not self._reloads:
                self._live.close()

    def _go_back(self, error: ParserDiedError) -> bool:
        """Go back to the last commit; return whether to try again."""
        self._deaths += 1
        if self._deaths > MAX_DEATHS:
            return False
        _log.error("Parser process restarted; nothing is lost.", reason=str(error))
        # Each time later: what it dies of may be a lack of memory that passes.
        self._stop.wait((self._deaths - 1) * WAIT_SECONDS)
        self.committer.wait()
        if self.committer.is_given_up:
            return False
        self._tailer.close()
        self._tailer = self.status.tailer = self._open_tailer()
        for source in self._live.sources:
            source.rewind()
        self._begin()
        return True

    def _run(self) -> bool:
        """Read; return whether the end was reached."""
        ended = False
        while not self._stop.is_set() and not ended:
            self.alive_at = time.monotonic()
            self.committer.check()
            if not self.committer.has_space():
                self._commit_all()
                self.committer.wait()
                self.committer.wait_for_space()
                self._note_changes()
                continue
            chunks = self._read()
            for chunk in chunks:
                self._feed(chunk)
            self._tick()
            self.status.log_problems()
            # Only now: the parser has to have what was read before a checkpoint is saved.
            self._collect()
            if not self._is_asked and self._is_due(idle=not chunks):
                self._ask()
            ended = self._ends and not chunks and all(x.drained for x in self._sources)
        for chunk in self._live.settle(reloads=self._reloads):
            self._feed(chunk)
        self._wait_for_checkpoint()
        self.status.due = 0.0
        self._commit_all()
        self.status.finish()
        self.committer.wait()
        return ended

    def _read(self) -> list[Chunk]:
        wait = WAIT_SECONDS
        if self._has_read and not self._is_asked:
            wait = max(0.0, self._asked_at + COMMIT_SECONDS - time.monotonic())
        if self._due is not None:
            wait = min(wait, max(0.0, self._due - time.time()))
        # Of several sources none may keep the others waiting.
        sources = self._sources
        share = wait if len(sources) == 1 else min(wait, COMMIT_SECONDS) / max(1, len(sources))
        return [*chain.from_iterable(x.read(share) for x in sources)]

    def _note_changes(self) -> None:
        """Note which files come and go, and what is lost, while nothing is read."""
        self.alive_at = time.monotonic()
        if self._follows_files:
            self._tailer.scan()
        self.status.log_problems()

    def _feed(self, chunk: Chunk) -> None:
        self._parser.feed(chunk)
        self._read_bytes += len(chunk.data)
        self._has_read = True

    def _tick(self) -> None:
        """Release messages that have waited long enough; new messages do so as well."""
        # With --once no message can arrive any more.
        now = math.inf if self._once else time.time()
        if self._due is not None and now >= self._due:
            self._parser.tick(now)
            self._due = None
            self._has_read = True

    def _collect(self, *, wait: bool = False) -> None:
        """Take the parser's replies, and commit at each checkpoint."""
        for reply in self._parser.replies(wait=wait):
            match reply:
                case Parsed():
                    self._documents += reply.documents()
                    self._document_bytes += len(reply.bodies)
                    self._due = reply.due
                case CheckpointReply():
                    self._is_asked = False
                    self._commit(reply)

    def _ask(self) -> None:
        """Begin to commit what was read so far; what is read meanwhile is of the next one."""
        self._parser.ask(self._deleted)
        self._deleted, self._read_bytes = [], 0
        self._is_asked, self._has_read, self._asked_at = True, False, time.monotonic()

    def _commit_all(self) -> None:
        self._wait_for_checkpoint()
        self._ask()
        self._wait_for_checkpoint()
        if self._forgotten:  # nothing is on its way any more
            self._ask()
            self._wait_for_checkpoint()

    def _wait_for_checkpoint(self) -> None:
        while self._is_asked:
            self._collect(wait=True)

    def _is_due(self, *, idle: bool) -> bool:
        if self._document_bytes >= COMMIT_BYTES or self._read_bytes >= COMMIT_READ_BYTES:
            return True
        if not self._has_read:  # files may have moved though nothing was read
            return self.status.is_due
        is_late = time.monotonic() >= self._asked_at + COMMIT_SECONDS
        return is_late or (idle and self._once)

    def _commit(self, checkpoint: CheckpointReply) -> None:
        """Commit the documents before a checkpoint with it, and with the positions of files."""
        self._deaths = 0
        state = [*checkpoint.changes, *((key, None) for key in self._forgotten)]
        self._deleted += [x.removeprefix(FILE_PREFIX) for x in self._forgotten]
        live = [*self._live.save(checkpoint.consumed)]
        files = self._tailer.save(checkpoint.consumed)
        self._deleted += [key for key, value in live if value is None]
        self._forgotten = [key for key, value in files if value is None]
        state += (*live, *((key, value) for key, value in files if value is not None))
        state += self.status.take(checkpoint)
        if self._documents or state:
            self.committer.commit(self._documents, state)
        self._documents, self._document_bytes = [], 0


class Committer:
    """Writes to the spool in a thread of its own; logs when that fails and works again."""

    def __init__(
        self, spool: Spool, stop: threading.Event, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """Start; the thread that waits for a commit calls ``meanwhile`` now and then."""
        self._spool = spool
        self._stop = stop
        self._meanwhile = meanwhile
        self._since: float | None = None  # from 1970; since when nothing can be written
        self._is_logged = False
        self._is_waiting = False  # for space
        self._thread = ThreadPoolExecutor(1, "commit")
        self._in_progress: Future[None] | None = None
        self.is_given_up = False  # whether something was not written before the program ended

    @property
    def is_blocked(self) -> bool:
        """Whether writing fails, or the spool is full."""
        return self._since is not None

    def commit(self, documents: Sequence[Document], state: State) -> None:
        """Begin to commit documents and the state that belongs to them, after the commit before.

        Raises SpoolError if that found the database damaged.
        """
        self.wait()
        if not self.is_given_up:
            self._in_progress = self._thread.submit(self._persist, documents, state)

    def wait(self) -> None:
        """Wait for the commit in progress, if any, and raise its error if it failed."""
        while self._in_progress is not None:
            if wait([self._in_progress], WAIT_SECONDS).not_done:
                self._meanwhile()
            else:
                self._in_progress.result()
                self._in_progress = None

    def check(self) -> None:
        """Raise the error of a commit that failed."""
        if self._in_progress is not None and self._in_progress.done():
            self.wait()

    def close(self) -> None:
        """Wait for the commit in progress, and ignore whether it fails."""
        self._thread.shutdown()

    def has_space(self) -> bool:
        """Return whether the spool has space; end the pause if it was waited for."""
        has_space = self._spool.wait_for_space(self._stop, 0)
        if has_space and self._is_waiting:
            self._is_waiting = False
            self._resume("The spool has space again; reading resumed.")
        return has_space

    def wait_for_space(self) -> None:
        """Wait a moment for space in the spool; no commit may be in progress."""
        self._is_waiting = True
        self._pause(self._spool.blocked_reason or "the spool is full", SAY_SECONDS)
        self._spool.wait_for_space(self._stop, WAIT_SECONDS)

    def _persist(self, documents: Sequence[Document], state: State) -> None:
        refused = False
        while True:
            try:
                self._spool.commit(documents, state)
            except BlockedError as error:
                refused = True
                self._pause(str(error))
                if self._stop.wait(WAIT_SECONDS):
                    self.is_given_up = True
                    return
            else:
                break
        if refused:
            self._resume("The spool can be written again; reading resumed.")

    def _pause(self, reason: str, log_after: float = 0.0) -> None:
        """Note why nothing can be written; log it once if it lasts."""
        now = time.time()
        self._since = self._since or now
        self._spool.lock.note_pause(Pause(self._since, reason))
        if not self._is_logged and now - self._since >= log_after:
            self._is_logged = True
            _log.error(
                "Reading paused: nothing can be written to the spool. Logs wait on disk; those that"
                " are deleted meanwhile are lost.",
                reason=reason,
            )

    def _resume(self, event: str) -> None:
        if self._since is not None:
            self._spool.lock.note_pause(None)
            if self._is_logged:
                _log.info(event, seconds=round(time.time() - self._since))
            self._since, self._is_logged = None, False
