"""Follows files: what is appended to them comes out once, under whatever name it is.

scanner ─────▶ changes ───────▶ read queue ──▶ reader ───────────▶ chunks
which files    when to scan;    whose turn     compares with known logs (identify),
are there      new, gone        it is          reads from where each stopped
                   └── files and checkpoints: each file, and how far each log was read
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from forwarder.inputs.chunk import Chunk
from forwarder.inputs.files.changes import ChangeTracker
from forwarder.inputs.files.checkpoint import CheckpointStore, LogState
from forwarder.inputs.files.discovery import say_passed_over
from forwarder.inputs.files.file_handle import MAX_OPEN
from forwarder.inputs.files.identify import BLOCK_BYTES
from forwarder.inputs.files.read_queue import File, Files
from forwarder.inputs.files.reader import LogReader, modified_at
from forwarder.inputs.files.scanner import FOLLOW, FileSource

READ_BYTES = 1 << 20  # 1 MiB a call: enough for a commit, and soon over

_MAX_TURNS = 256  # files looked at in a call, some 30 ms: small files make no megabyte

_AGAIN_SECONDS = 3600.0  # what comes and goes, as a FIFO in place of a file, is reported so often
_MAX_REPORTED = 10_000  # sentences remembered, 2 MB: strangers make names; status has the rest


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
    """Follows the files of all inputs: one may move from one to another. For one thread."""

    def __init__(  # noqa: PLR0913 - what a test sets has a name
        self,
        inputs: Sequence[FileSource],
        saved: Iterable[tuple[str, bytes]],
        fetch: Callable[[str], bytes] = lambda _: b"",
        *,
        once: bool = False,
        max_open: int = MAX_OPEN,
        block_bytes: int = BLOCK_BYTES,
        read_bytes: int = READ_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start; nothing is scanned before the first :meth:`read`.

        ``saved`` are all pairs of the state whose key begins with ``file/``, of which ``fetch``
        returns a value again; PositionError if one cannot be read. With ``once``, it reads to the
        end and waits for nothing but half-written files. ``max_open`` is 4 at least.
        """
        self._once = once
        self._read_bytes = read_bytes
        self._monotonic = monotonic
        self._logs = CheckpointStore(saved, fetch, monotonic, wall)
        self._patterns = frozenset(path for source in inputs for path in source.paths)
        # Each appliance that has turns may hold one more open, to compare with.
        at_once = max(max_open // 4, 1)
        self._files = Files(self._logs, max_open - at_once, at_once)
        self._tracker = ChangeTracker(inputs, self._files, monotonic, wall)
        self._reader = LogReader(
            self._files, self._tracker, once=once, block_bytes=block_bytes, monotonic=monotonic
        )
        self._idle = False
        self._woken = threading.Event()
        self._reported: dict[str, float] = {}  # when, the longest ago first
        self._reported_links: frozenset[str] = frozenset()

    def read(self, timeout: float) -> list[Chunk]:
        """Read what is there, or wait for it for so many seconds.

        What is handed over is kept until :meth:`save` tells that it is in documents. Nothing is if
        nothing came, or :meth:`wake` was called, or all is :attr:`drained` with ``once``.
        """
        deadline = self._monotonic() + timeout
        while True:
            self.scan()
            chunks = self._work()
            now = self._monotonic()
            if not chunks and self.drained:
                self._logs.stop_seeking()
                if self._once:
                    self._tracker.count_losses(timedelta(0))
                    return []
            if chunks or now >= deadline:
                return chunks
            if self._idle:
                due = self._reader.due
                until = min(deadline, self._tracker.due, deadline if due is None else due)
                if self._woken.wait(max(until - now, 0)):
                    self._woken.clear()
                    return []

    def scan(self) -> None:
        """Note files that come and go, and read nothing."""
        self._reader.wake_due()
        problems = self._tracker.look()
        if problems is not None:
            self._reader.problems += problems
            self._files.queue.unblock()

    def save(self, consumed: Mapping[str, tuple[int, bytes]]) -> list[tuple[str, bytes | None]]:
        """Note what is in documents, and return what to save with them, None to delete.

        ``consumed`` has by key of the chunks the offset up to which everything is in documents, and
        what to give back with the first chunk after a restart.
        """
        for key, (offset, resume) in consumed.items():
            self._logs.save(key, offset, resume)
        if self._tracker.scans:
            self._logs.start(self._patterns)
        return self._logs.changes()

    @property
    def drained(self) -> bool:
        """Whether all that is there now was read; a half-written file counts only if it rests."""
        waits = self._once and self._reader.due is not None
        waits = waits or self._files.pending or self._tracker.scan_is_due
        return self._tracker.scans > 0 and not waits

    def take_problems(self) -> list[str]:
        """Return what went wrong since the last time: sentences, each once an hour at most."""
        problems, self._reader.problems = self._reader.problems, []
        return [x for x in problems if self._is_new(x)]

    def take_losses(self) -> list[str]:
        """Return what was deleted before it was read, since the last time, in the same way."""
        losses, self._tracker.losses = self._tracker.losses, []
        return [x for x in losses if self._is_new(x)]

    def _is_new(self, problem: str) -> bool:
        """Note that something is reported, if it was not for an hour: it may come and go."""
        now, reported = self._monotonic(), self._reported
        while reported and next(iter(reported.values())) <= now - _AGAIN_SECONDS:
            del reported[next(iter(reported))]
        if problem in reported or len(reported) >= _MAX_REPORTED:
            return False
        reported[problem] = now
        return True

    @property
    def problems(self) -> list[str]:
        """What is wrong now: sentences."""
        of_files = (x.problem for x in self._files if x.problem is not None)
        links = self._tracker.links
        passed_over = [say_passed_over(links, FOLLOW)] if links else []
        return [*passed_over, *sorted({*self._tracker.problems, *of_files})]

    def take_links(self) -> str | None:
        """Return which links were not followed, if there are others than the last time."""
        links = self._tracker.links
        if not self._reported_links.issuperset(links) and self._is_new("links"):
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
            if log.lost:
                yield _status_of(log, None)

    def wake(self) -> None:
        """Let :meth:`read` return soon; may be called from any thread."""
        self._woken.set()

    def close(self) -> None:
        """Close all files; what was not saved is read again after a restart."""
        for inode in list(self._files.handles):
            self._files.handles.close(inode)

    def _work(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        for _ in range(_MAX_TURNS):
            file = self._files.take()
            self._idle = file is None
            if file is None:
                break
            chunk = self._reader.take_turn(file)
            if chunk is not None:
                chunks.append(chunk)
                if sum(len(x.data) for x in chunks) >= self._read_bytes:
                    break
        return chunks


def _status_of(log: LogState, file: File | None) -> FileStatus:
    offset = log.fingerprint.size
    # What remains at the end of a closed log is not a line, and is not waited for.
    behind = 0 if file is None else log.size - (log.read.size if log.ended else offset)
    modified = None if file is None else modified_at(file.stat)
    place = log.key, log.path, log.appliance
    return FileStatus(*place, log.size, offset, behind, log.lost, modified)
