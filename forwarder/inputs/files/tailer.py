"""Follows files: what is appended to them comes out once, under whatever name it is.

scan schedule ──▶ changes ──▶ identify ──▶ read queue ──▶ reader ──▶ chunks
which files are   new, gone   which log    whose turn     from where
there, and when   or changed  each is      it is          it stopped
                       └────── registry and checkpoints: each file, and how far each log was read
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import NamedTuple

from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.changes import ChangeTracker
from forwarder.inputs.files.checkpoint import (
    PREFIX,
    STARTED,
    CheckpointStore,
    Fetch,
    LogState,
    encode_started,
    positions_in,
)
from forwarder.inputs.files.discovery import say_passed_over
from forwarder.inputs.files.file_handle import FileError, Inode, MovedError, most_open
from forwarder.inputs.files.identify import BLOCK_BYTES, FileIdentifier
from forwarder.inputs.files.reader import PATIENCE, PAUSE, SETTLE, LogReader, modified_at
from forwarder.inputs.files.registry import Event, File, Files, State
from forwarder.inputs.files.scan_schedule import ScanScheduler
from forwarder.inputs.files.scanner import FOLLOW, FileSource

READ_BYTES = 1 << 20  # 1 MiB a call: enough for a commit, and soon over

_MAX_TURNS = 256  # files looked at in a call, some 30 ms: small files make no megabyte


class FileStatus(NamedTuple):
    """How far one log is."""

    key: str  # of the log, as its chunks have it
    path: str
    appliance: str
    size: int  # bytes that are known of, decompressed
    offset: int  # bytes that are in documents
    behind: int  # bytes that are there and not in documents
    lost: int  # bytes that were there and cannot be read any more
    modified: datetime | None  # when it changed last; None if it is gone


class FileTailer:
    """Follows files.

    All files of all inputs, because a file may move from one to another. For one thread, but for
    :meth:`wake`.
    """

    def __init__(  # noqa: PLR0913 - what a test sets has a name
        self,
        inputs: Sequence[FileSource],
        saved: Iterable[tuple[str, bytes]],
        *,
        fetch: Fetch | None = None,
        once: bool = False,
        watch: bool = True,
        max_open: int | None = None,
        block_bytes: int = BLOCK_BYTES,
        read_bytes: int = READ_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start; nothing is scanned before the first :meth:`read`.

        Args:
            inputs: What to follow.
            saved: All pairs of the state whose key begins with ``file/``.
            fetch: Returns what the state has under such a key; without, all is kept in memory.
            once: Whether to read to the end and wait for nothing but half-written files.
            watch: Whether to ask the system for events.
            max_open: Files open at a time, at least 4; None for as many as the system can spare.
            block_bytes: The largest chunk.
            read_bytes: After so many bytes, :meth:`read` returns.
            monotonic: Seconds, for waiting and resting.
            wall: Seconds from 1970, to compare with the times of files.

        Raises:
            PositionError: What was saved cannot be read.
        """
        self._once = once
        self._read_bytes = read_bytes
        self._monotonic, self._wall = monotonic, wall
        started: list[str] = []
        stored = None if fetch is None else lambda key: fetch(PREFIX + key)
        self._logs = CheckpointStore(positions_in(saved, started), monotonic(), stored)
        self._started = frozenset(started)
        self._patterns = frozenset(path for source in inputs for path in source.paths)
        self._started_saved = self._patterns <= self._started
        # Each appliance that has turns may hold one more open, to compare with.
        limit = max_open or most_open()
        at_once = max(limit // 4, 1)
        self._files = Files(self._logs, limit - at_once, at_once)
        self._queue = self._files.queue
        self._scheduler = ScanScheduler(inputs, self._owner, watch=watch)
        self._tracker = ChangeTracker(
            inputs,
            self._files,
            self._scheduler,
            started=self._started,
            monotonic=monotonic,
            wall=wall,
        )
        self._identifier = FileIdentifier(self._files, self._tracker.on_truncate)
        self._reader = LogReader(self._files, once=once, block_bytes=block_bytes)
        self._due: list[tuple[float, Inode]] = []
        """When to look at a file again though nothing changes."""
        self._idle = False
        self._new_problems: list[str] = []
        self._reported_links: frozenset[str] = frozenset()

    def read(self, timeout: float) -> list[Chunk]:
        """Read what is there.

        What is handed over is kept until :meth:`save` tells that it is in documents.

        Args:
            timeout: How long to wait for something, in seconds.

        Returns:
            Chunks, at most some :data:`READ_BYTES`; none if nothing came, or :meth:`wake` was
            called, or all is :attr:`drained` with ``once``.
        """
        deadline = self._monotonic() + timeout
        while True:
            self.scan()
            chunks = self._work()
            now = self._monotonic()
            if not chunks and self.drained:
                self._logs.stop_seeking(self._wall())
                if self._once:
                    self._new_problems += self._tracker.count_losses(timedelta(0))
                    return []
            if chunks or now >= deadline:
                return chunks
            if self._idle:
                until = min(deadline, self._due[0][0]) if self._due else deadline
                if self._scheduler.wait(now, until):
                    return []

    def scan(self) -> None:
        """Note files that come and go, and read nothing."""
        now = self._monotonic()
        while self._due and self._due[0][0] <= now:
            file = self._files.get(heappop(self._due)[1])
            self._queue.unblock()
            if file is not None:
                self._files.on(file, Event.DUE)
        changes = self._scheduler.look(now, self._files.paths)
        for stat in changes.some:
            self._tracker.update(stat)
        if changes.problem is not None:
            self._new_problems.append(changes.problem)
        if changes.everything is not None:
            self._new_problems += self._tracker.apply(changes.everything)
            self._queue.unblock()

    def save(self, consumed: Mapping[str, tuple[int, bytes]]) -> list[tuple[str, bytes | None]]:
        """Note what is in documents, and return what to save with them.

        Args:
            consumed: By key of the chunks, the offset up to which everything is in documents, and
                what to give back with the first chunk after a restart.

        Returns:
            Pairs for the state, None to delete. They are returned once, so they have to be saved.
        """
        for key, (offset, resume) in consumed.items():
            self._logs.save(key, offset, resume)
        pairs = [(PREFIX + key, value) for key, value in self._logs.changes()]
        if not self._started_saved and self._tracker.scans:
            self._started_saved = True
            pairs.append((STARTED, encode_started(self._patterns | self._started)))
        return pairs

    @property
    def drained(self) -> bool:
        """Whether all that is there now was read; a half-written file counts only if it rests."""
        waits = self._files.pending or self._scheduler.pending or (self._once and bool(self._due))
        return self._tracker.scans > 0 and not waits

    def take_problems(self) -> list[str]:
        """Return what went wrong since the last time: sentences, each reported once."""
        problems, self._new_problems = self._new_problems, []
        return problems

    @property
    def problems(self) -> list[str]:
        """What is wrong now: sentences."""
        of_files = (x.problem for x in self._files if x.problem is not None)
        links = self._tracker.links
        passed_over = [say_passed_over(links, FOLLOW)] if links else []
        return [*passed_over, *sorted({*self._tracker.problems, *of_files})]

    def take_links(self) -> str | None:
        """Return which links were not followed, if any of them was not reported before."""
        links = self._tracker.links
        if not self._reported_links.issuperset(links) and self._tracker.reported.is_new("links"):
            self._reported_links = frozenset(links)
            return say_passed_over(links, FOLLOW)
        return None

    @property
    def number(self) -> int:
        """How many files there are, but for those that are copies of others."""
        return sum(1 for x in self._files if x.log is None or x.is_current)

    @property
    def finds_files(self) -> bool | None:
        """Whether there is any file to follow, empty or not; None before the first scan."""
        return len(self._files) > 0 if self._tracker.scans else None

    def status(self) -> Iterator[FileStatus]:
        """Yield how far each log is; those that are gone only if something is lost."""
        for file in self._files:
            if file.log is not None and file.is_current:
                yield _status_of(file.log, file)
        for log in self._logs.gone:
            if log.position.lost:
                yield _status_of(log, None)

    @property
    def lost(self) -> int:
        """Bytes of logs that came and went before they were begun; no :meth:`status` has them."""
        return self._tracker.lost

    def wake(self) -> None:
        """Let :meth:`read` return soon; may be called from any thread."""
        self._scheduler.wake()

    def close(self) -> None:
        """Close all files; what was not saved is read again after a restart."""
        self._scheduler.close()
        self._files.handles.close_all()

    def _owner(self, inode: Inode) -> str | None:
        """Return which appliance had a file first."""
        file = self._files.get(inode)
        log = self._logs.find_by_inode(inode) if file is None else file.log
        if log is not None:
            return log.position.appliance
        return None if file is None else file.stat.appliance

    def _work(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        size = 0
        for _ in range(_MAX_TURNS):
            if size >= self._read_bytes:
                break
            file = self._files.take()
            self._idle = file is None
            if file is None:
                break
            chunk = self._take_turn(file)
            if chunk is not None:
                chunks.append(chunk)
                size += len(chunk.data)
        return chunks

    def _take_turn(self, file: File) -> Chunk | None:
        try:
            if file.state is State.READ:
                return self._read(file)
            self._identify(file)
        except MovedError:
            self._retry_later(file)
            self._scheduler.scan_soon()
        except FileError as error:
            self._retry_later(file)
            self._report(file, str(error))
        except OSError as error:
            self._retry_later(file)
            self._report(file, f"{file.path!r} cannot be read: {error.strerror}")
        return None

    def _retry_later(self, file: File) -> None:
        """Try a file again after the next scan."""
        self._files.handles.close(file.inode)
        if file.here:
            file.comparison = None
            self._files.on(file, Event.ERROR)
        else:
            self._tracker.drop(file)

    def _report(self, file: File, problem: str) -> None:
        if problem != file.problem:
            file.problem = problem
            if self._tracker.reported.is_new(problem):
                self._new_problems.append(problem)

    def _identify(self, file: File) -> None:
        steps = file.comparison
        if steps is None:
            settled = self._rested(file) >= SETTLE
            steps = file.comparison = self._identifier.identify(file, settled=settled)
        try:
            next(steps)
            self._files.on(file, Event.REPLACED)  # it takes more, so it has turns
        except StopIteration as stop:
            file.comparison = None
            if stop.value:
                self._look_again(file, SETTLE - self._rested(file))
            if not file.here and not file.is_current:
                self._tracker.drop(file)

    def _read(self, file: File) -> Chunk | None:
        log = file.log
        if log is None:  # it was taken from it meanwhile
            self._files.on(file, Event.REPLACED)
            return None
        if not log.read.size and self._waits_for_older(file):
            self._tracker.on_truncate(file, scan=False)
            return None
        step = self._reader.read(file, log, self._tracker.scans, lambda: self._rested(file))
        if step.early:
            self._tracker.on_truncate(file)
            self._queue.block(file.inode)
            return None
        if step.chunk is None or not step.chunk.data:
            unsure = step.again is not None and log.last_kind is Kind.MORE and not file.is_gzip
            pauses = unsure and log.read.size > 0
            self._files.pause(file, self._monotonic() if pauses else None)
        if step.replaced:
            self._tracker.on_truncate(file)
            return None
        if step.problem is None:
            file.problem = None
        else:
            self._report(file, step.problem)
        if step.again is not None:
            self._look_again(file, step.again)
        if step.finished:
            self._tracker.drop(file)
        return step.chunk

    def _waits_for_older(self, file: File) -> bool:
        """Whether what is older than a log that is not begun is read first."""
        if self._queue.yield_to_older(file.inode):  # that may hold the same
            return True
        patience = self._monotonic() - PATIENCE.total_seconds()
        if not self._files.has_paused_predecessor(file, patience):
            return False
        self._queue.block(file.inode)
        self._look_again(file, PAUSE)
        return True

    def _rested(self, file: File) -> timedelta:
        return timedelta(seconds=self._monotonic() - file.changed_at)

    def _look_again(self, file: File, after: timedelta) -> None:
        heappush(self._due, (self._monotonic() + after.total_seconds(), file.inode))


def _status_of(log: LogState, file: File | None) -> FileStatus:
    position = log.position
    offset = position.fingerprint.size
    # What remains at the end of a closed log is not a line, and is not waited for.
    behind = 0 if file is None else position.size - (log.read.size if log.ended else offset)
    return FileStatus(
        log.key,
        position.path,
        position.appliance,
        position.size,
        offset,
        behind,
        position.lost,
        None if file is None else modified_at(file.stat),
    )
