"""From the inputs into the spool: what is read becomes documents, committed with its positions.

One transaction holds the documents, how far each log was read, and all that the core has to
remember of it. So whatever ends the program, what was read is neither lost nor doubled.

Rules:

* Nothing is committed in part: a commit that is refused is tried again as it is.
* While the spool is full, or the disk refuses a commit, nothing is read: files wait on disk. It is
  still looked which come and go, and what is gone unread counts as lost.
* Where the process of the core dies or hangs, another one goes on from what was committed last, as
  if the service had been started again; a few times, if nothing is committed between.
* A commit waits for more, but not for long (:data:`COMMIT_SECONDS`, :data:`COMMIT_BYTES`): a storm
  costs few writes to disk, and a single login is there at once.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import structlog

from forwarder.app.committing import WAIT_SECONDS, Committer
from forwarder.app.input_status import STATUS_PREFIX, InputStatus
from forwarder.app.parser_client import PREFIX as PARSER_PREFIX
from forwarder.app.parser_client import CheckpointReply, Parsed, ParserClient, ParserSettings
from forwarder.config.load import Config, file_sources, named_files
from forwarder.config.models import StdinSettings
from forwarder.errors import ParserDiedError
from forwarder.inputs.chunk import Chunk
from forwarder.inputs.files.positions import PREFIX as FILE_PREFIX
from forwarder.inputs.files.tailer import FileTailer
from forwarder.inputs.stdin import KEY as STDIN_KEY
from forwarder.inputs.stdin import StandardInput
from forwarder.spool import Spool

if TYPE_CHECKING:
    from forwarder.events import Document

COMMIT_SECONDS = 0.1
"""A login may wait so long for others. Ten writes to disk a second are no load for any."""

COMMIT_BYTES = 4_000_000
"""Documents in memory before they are committed; four rows of the spool."""

COMMIT_READ_BYTES = 16 << 20
"""Of logs, before their positions are committed: the inputs keep in memory what may come again."""


MAX_DEATHS = 5
"""Of the process of the core, without a commit between: what it dies of may be in the logs."""

_log = structlog.get_logger(__name__)


class Source(Protocol):
    """Gives pieces of logs."""

    def read(self, timeout: float) -> list[Chunk]:
        """Read what is there, or wait for something for so many seconds."""

    @property
    def drained(self) -> bool:
        """Whether all that is there was read."""

    def wake(self) -> None:
        """Let a read that waits return; from any thread."""

    def close(self) -> None:
        """Let go of everything."""


class Ingest:
    """Reads all inputs; for one thread, but for :meth:`ask_to_stop`."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        *,
        once: bool = False,
        standard_input: StandardInput | None = None,
    ) -> None:
        """Go on where the spool says.

        Args:
            config: What to read, and what is in the documents.
            spool: Where they go.
            once: Whether to read to the end and wait for nothing.
            standard_input: The one that was read before, if there was any.

        Raises:
            ForwarderError: What is in the spool cannot be understood.
        """
        self._spool = spool
        self._once = once
        self._stop = threading.Event()
        self._parser_settings = ParserSettings.of(config.inputs, config.documents)
        self._config = config
        self._deaths = 0
        self._following = _follow(config, spool, once=once)
        self.standard_input = standard_input
        """Outlives this one: what was read of it and is not in documents is read again."""
        self._standard_inputs = [*self._open_standard_input()]
        self._sources: list[Source] = [*self._standard_inputs]
        if self._following is not None:
            self._sources.append(self._following)
        # Standard input has an end in any case.
        self._ends = once or self._following is None
        self._pending: list[Document] = []
        self._pending_bytes = 0
        self._taken_bytes = 0
        self._is_asked = False
        """Whether a snapshot of the core is on its way."""
        self._forgotten: list[tuple[str, None]] = []
        """Positions to be deleted with the next commit: what was read of them may be on its way."""
        self._since: float | None = None
        self._status = InputStatus(
            self._following,
            named_files(config.inputs),
            dict(spool.load_state(STATUS_PREFIX)),
        )
        self._committer = Committer(spool, self._stop, self._notice)
        self.is_complete = False
        """Whether all was read to its end and committed; never so where more is waited for."""

    def run(self) -> None:
        """Read until somebody asks to stop, or to the end where nothing is waited for.

        Raises:
            SpoolError: The database is damaged.
            ParserError: The core has failed.
        """
        try:
            ended: bool | None = None
            while ended is None:
                state = self._spool.load_state(PARSER_PREFIX)
                try:
                    with closing(
                        ParserClient(self._parser_settings, state, self._wake)
                    ) as self._core:
                        ended = self._run()
                except ParserDiedError as error:
                    if not self._go_back(error):
                        raise
            self.is_complete = ended and not self._committer.is_given_up
        finally:
            self._committer.close()
            for source in self._sources:
                source.close()

    def _go_back(self, error: ParserDiedError) -> bool:
        """Go back to what was committed last; give whether that is of use."""
        self._deaths += 1
        if self._deaths > MAX_DEATHS:
            return False
        _log.error("Parser process restarted; nothing is lost.", reason=str(error))
        # Each time later: what it dies of may be a want of memory that passes.
        self._stop.wait((self._deaths - 1) * WAIT_SECONDS)
        self._committer.wait()
        if self._committer.is_given_up:
            return False
        if self._following is not None:
            before = self._following
            self._following = _follow(self._config, self._spool, once=self._once)
            self._status.follow(self._following)
            self._sources = [*self._standard_inputs, *filter(None, [self._following])]
            before.close()
        for source in self._standard_inputs:
            source.rewind()
        self._pending, self._pending_bytes = [], 0
        self._taken_bytes, self._is_asked, self._since = 0, False, None
        self._forgotten = []
        return True

    def _run(self) -> bool:
        """Read; return whether that was to the end."""
        ended = False
        while not self._stop.is_set():
            self._committer.check()
            if not self._spool.wait_for_space(self._stop, 0):
                self._commit_all()
                self._committer.wait()
                self._committer.wait_for_room()
                self._notice()
                continue
            pieces = self._read()
            for piece in pieces:
                self._take(piece)
            self._status.log_problems()
            # Only now: what was read before a snapshot is saved has to be with the core by then.
            self._collect()
            if not self._is_asked and self._is_due(idle=not pieces):
                self._ask()
            if self._ends and not pieces and all(x.drained for x in self._sources):
                ended = True
                break
        for piece in chain.from_iterable(x.settle() for x in self._standard_inputs):
            self._take(piece)
        self._wait_for_snapshot()
        self._status.renew()
        self._commit_all()
        self._status.finish()
        self._committer.wait()
        return ended

    @property
    def problems(self) -> int:
        """What could not be read, or is lost; each was logged."""
        return self._status.problems

    @property
    def is_blocked(self) -> bool:
        """Whether it waits for the spool; from any thread."""
        return self._committer.is_blocked

    def ask_to_stop(self) -> None:
        """End soon, with everything committed that was read; from any thread."""
        self._stop.set()
        self._wake()

    def _open_standard_input(self) -> Iterator[StandardInput]:
        for number, settings in enumerate(self._config.inputs):
            if not isinstance(settings, StdinSettings):
                continue
            appliance, named = settings.appliance or "unknown", settings.appliance is not None
            if self.standard_input is None:
                self.standard_input = StandardInput(appliance, named=named, input_number=number)
            else:
                self.standard_input.reopen(appliance, named=named, input_number=number)
            yield self.standard_input

    def _wake(self) -> None:
        for source in self._sources:
            source.wake()

    def _read(self) -> list[Chunk]:
        wait = WAIT_SECONDS
        if self._since is not None and not self._is_asked:
            wait = max(0.0, self._since + COMMIT_SECONDS - time.monotonic())
        # Of several sources none may keep the others waiting.
        share = wait if len(self._sources) == 1 else min(wait, COMMIT_SECONDS) / len(self._sources)
        return [*chain.from_iterable(x.read(share) for x in self._sources)]

    def _notice(self) -> None:
        """While nothing is read, take note of files that come and go, and of what is lost."""
        if self._following is not None:
            self._following.notice()
        self._status.log_problems()

    def _take(self, piece: Chunk) -> None:
        self._core.feed(piece)
        self._taken_bytes += len(piece.data)
        if self._since is None:
            self._since = time.monotonic()
        self._ask_if_much()

    def _collect(self, *, wait: bool = False) -> None:
        """Take what the core has answered, and commit where it has said how far it is."""
        for answer in self._core.replies(wait=wait):
            match answer:
                case Parsed():
                    made = answer.documents()
                    self._pending += made
                    self._pending_bytes += len(answer.bodies)
                case CheckpointReply():
                    self._is_asked = False
                    self._commit(answer)
        self._ask_if_much()

    def _ask_if_much(self) -> None:
        if not self._is_asked and (
            self._pending_bytes >= COMMIT_BYTES or self._taken_bytes >= COMMIT_READ_BYTES
        ):
            self._ask()

    def _ask(self) -> None:
        """Begin to commit what was taken so far; what comes until the answer is with the next."""
        self._core.ask()
        self._is_asked = True
        self._taken_bytes = 0
        self._since = None

    def _commit_all(self) -> None:
        """Commit all that was taken."""
        self._wait_for_snapshot()
        self._ask()
        self._wait_for_snapshot()
        if self._forgotten:  # nothing is on its way any more
            self._ask()
            self._wait_for_snapshot()

    def _wait_for_snapshot(self) -> None:
        while self._is_asked:
            self._collect(wait=True)

    def _is_due(self, *, idle: bool) -> bool:
        if self._since is None:
            # Files may have moved though nothing came of them.
            return self._status.is_due
        return time.monotonic() - self._since >= COMMIT_SECONDS or (idle and self._once)

    def _commit(self, snapshot: CheckpointReply) -> None:
        """Commit what there is; wait as long as the disk refuses what was before it.

        Args:
            snapshot: Of the core, behind all that is pending.
        """
        self._deaths = 0
        if STDIN_KEY in snapshot.consumed:
            for source in self._standard_inputs:
                source.save(*snapshot.consumed[STDIN_KEY])
        state: list[tuple[str, bytes | None]] = [*snapshot.changes, *self._forgotten]
        forgotten = [x.removeprefix(FILE_PREFIX) for x, _ in self._forgotten]
        self._forgotten = []
        if self._following is not None:
            for key, value in self._following.save(snapshot.consumed):
                if value is None:
                    self._forgotten.append((key, None))
                else:
                    state.append((key, value))
        self._core.saved(forgotten)
        state += self._status.take(snapshot)
        if self._pending or state:
            self._committer.commit(self._pending, state)
        self._pending = []
        self._pending_bytes = 0


def _follow(config: Config, spool: Spool, *, once: bool) -> FileTailer | None:
    followed = file_sources(config, spool.folder)
    if not any(x.paths for x in followed):
        return None
    return FileTailer(
        followed,
        spool.iter_state(FILE_PREFIX),
        fetch=lambda key: dict(spool.load_state(key)).get(key, b""),
        once=once,
        watch=not once,
    )
