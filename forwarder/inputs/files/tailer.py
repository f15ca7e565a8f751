"""Follows files: what is appended to them comes out once, under whatever name it is.

discovery ───▶ tailer ────────▶ read queue ──▶ reader ───────────▶ chunks
which files    when to scan;    whose turn     compares with known logs (identify),
are there      new, gone        it is          reads from where each stopped
                   └── files and checkpoints: each file, and how far each log was read

All files are scanned twice a second, or, where that costs much, so seldom that it takes a
two-hundredth of a processor: 10,000 files some every ten seconds. (The time that passes does not
count, or a busy machine would find new files after minutes.) Those with the name of a file that is
written to are looked at in between: so a new line waits for half a second among however many.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import NamedTuple

from forwarder.inputs.chunk import Chunk
from forwarder.inputs.files.checkpoint import CheckpointStore, LogState
from forwarder.inputs.files.discovery import (
    FileSource,
    FileStat,
    Scan,
    describe_links,
    restat,
    scan,
)
from forwarder.inputs.files.file_handle import MAX_OPEN, Inode
from forwarder.inputs.files.identify import BLOCK_BYTES
from forwarder.inputs.files.read_queue import Event, File, Files, State
from forwarder.inputs.files.reader import LogReader, modified_at

READ_BYTES = 1 << 20  # 1 MiB a call: enough for a commit, and soon over

_MAX_TURNS = 256  # files looked at in a call, some 30 ms: small files make no megabyte

POLL_SECONDS = 0.5  # between scans, at least
MAX_POLL_SECONDS = 60.0
_SHARE = 200  # a scan is one part in so many of the CPU time of the thread
_BUSY_SHARE = 3
"""Of the time that passes, which is much on a slow share. More scans are not made where they are
brought forward either: new files by the thousand must not take all time."""

GRACE = timedelta(minutes=1)
"""How long bytes that were seen and are gone are sought elsewhere before they count as lost: a file
that is moved or compressed is away for a moment."""

_MAX_TORN = 5
"""Scans one after the other that may miss a file: an account that makes and removes names all the
time must not keep the new files of others waiting for ever."""

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
        self._inputs = inputs
        self._once = once
        self._read_bytes = read_bytes
        self._monotonic, self._wall = monotonic, wall
        self._logs = CheckpointStore(saved, fetch, monotonic, wall)
        # Each appliance that has turns may hold one more open, to compare with.
        at_once = max(max_open // 4, 1)
        self._files = Files(self._logs, max_open - at_once, at_once)
        self._reader = LogReader(self._files, once=once, block_bytes=block_bytes, now=monotonic)
        self._scan_at = self._rescan_at = self._look_at = -inf
        self._torn = 0  # scans since the last that missed no file
        self._scan_problems: frozenset[str] = frozenset()  # what was wrong at the last scan
        self._links: tuple[str, ...] = ()  # links that were not followed then
        self._idle = False
        self._woken = threading.Event()
        self._losses: list[str] = []  # what was deleted before it was read: sentences
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
                    self._count_losses(timedelta(0))
                    return []
            if chunks or now >= deadline:
                return chunks
            if self._idle:
                until = min(deadline, self._look_at, self._next_scan, self._reader.due)
                if self._woken.wait(max(until - now, 0)):
                    self._woken.clear()
                    return []

    def scan(self) -> None:
        """Note files that come and go, if it is time, and read nothing."""
        self._reader.wake_due()
        now, begun, cpu_begun = self._monotonic(), time.perf_counter(), time.thread_time()
        found = None
        if now >= self._next_scan:
            self._files.scan_is_due = False
            found = scan(self._inputs, self._owner)
        elif now >= self._look_at:
            for stat in self._files.live:
                self._restat(stat)
        else:
            return
        cost = time.thread_time() - cpu_begun
        least = (time.perf_counter() - begun) * _BUSY_SHARE
        pause = max(POLL_SECONDS, cost * _SHARE, least)
        if found is None:
            self._look_at = now + pause
        else:
            self._rescan_at, self._look_at = now + least, now + POLL_SECONDS
            self._scan_at = now + min(pause, MAX_POLL_SECONDS)
            self._apply(found)

    def save(self, consumed: Mapping[str, tuple[int, bytes]]) -> list[tuple[str, bytes | None]]:
        """Note what is in documents, and return what to save with them, None to delete.

        ``consumed`` has by key of the chunks the offset up to which everything is in documents, and
        what to give back with the first chunk after a restart.
        """
        for key, (offset, resume) in consumed.items():
            self._logs.save(key, offset, resume)
        if self._files.scans:
            self._logs.started |= {path for source in self._inputs for path in source.paths}
        return self._logs.changes()

    @property
    def drained(self) -> bool:
        """Whether all that is there now was read; a half-written file counts only if it rests."""
        waits = self._once and self._reader.due < inf
        waits = waits or self._files.pending or self._files.scan_is_due
        return self._files.scans > 0 and not waits

    def take_problems(self) -> list[str]:
        """Return what went wrong since the last time: sentences, each once an hour at most."""
        problems, self._reader.problems = self._reader.problems, []
        return [x for x in problems if self._is_new(x)]

    def take_losses(self) -> list[str]:
        """Return what was deleted before it was read, since the last time, in the same way."""
        losses, self._losses = self._losses, []
        return [x for x in losses if self._is_new(x)]

    def take_links(self) -> str | None:
        """Return which links were not followed, if there are others than the last time."""
        if not self._reported_links.issuperset(self._links) and self._is_new("links"):
            self._reported_links = frozenset(self._links)
            return describe_links(self._links)
        return None

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
        of_links = [describe_links(self._links)] if self._links else []
        return [*of_links, *sorted({*self._scan_problems, *of_files})]

    @property
    def number(self) -> int:
        """How many files there are, but for those that are copies of others."""
        return sum(1 for x in self._files if x.log is None or x.is_current)

    @property
    def finds_files(self) -> bool | None:
        """Whether there is any file to follow, empty or not; None before the first scan."""
        return len(self._files) > 0 if self._files.scans else None

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

    @property
    def _next_scan(self) -> float:
        return self._rescan_at if self._files.scan_is_due else self._scan_at

    def _owner(self, inode: Inode) -> str | None:
        file = self._files.get(inode)
        log = self._logs.find_by_inode(inode) if file is None else file.log
        if log is not None:
            return log.appliance
        return None if file is None else file.stat.appliance

    def _apply(self, found: Scan) -> None:
        """Apply what a scan of all found to the files that are known."""
        is_first = not self._files.scans
        if found.is_complete or self._torn == _MAX_TORN:
            self._torn = 0
            self._files.scans += 1
        else:
            self._torn += 1
            self._files.scan_is_due = True
        for stat in found.files.values():
            self._update(stat, is_first=is_first)
        for file in self._files:
            self._files.on(file, Event.SCANNED)
            if file.inode not in found.files:
                self._on_remove(file)
        new = [x for x in dict.fromkeys(found.problems) if x not in self._scan_problems]
        self._reader.problems += new
        self._scan_problems, self._links = frozenset(found.problems), tuple(found.links)
        self._logs.forget_old()
        self._count_losses(GRACE)
        self._files.queue.unblock()

    def _restat(self, stat: FileStat) -> None:
        """Look at one file again, and apply what is found; if it is gone, all are scanned soon."""
        again = restat(stat, self._inputs[stat.input])
        if again is None:
            self._files.scan_is_due = True
        else:
            self._update(again)

    def _update(self, stat: FileStat, *, is_first: bool = False) -> None:
        """Apply what was found of one file; ``is_first`` at the first scan of all."""
        file = self._files.get(stat.inode)
        if file is None:
            self._on_create(stat, is_first=is_first)
            return
        old = file.stat
        if file.here and stat == old:
            return
        changed = (stat.size, stat.modified_ns) != (old.size, old.modified_ns)
        self._files.rename(file, stat)
        if changed:
            if stat.size < old.size:
                file.skip = 0  # nothing of what was there
            file.changed_at = self._monotonic()
            if not file.head:
                file.seen_in = self._files.scans
        if file.is_current and not (changed and self._may_be_replaced(file)):
            self._files.on(file, Event.DUE)
        elif changed and (file.is_current or file.state not in {State.EXPECTED, State.COMPARE}):
            self._files.replace(file)

    def _on_create(self, stat: FileStat, *, is_first: bool) -> None:
        source = self._inputs[stat.input]
        age = max(self._wall() - stat.modified_ns / 1e9, 0)
        file = File(stat, self._monotonic() - age, seen_in=self._files.scans)
        at_end = source.at_end and stat.pattern not in self._logs.started
        file.skip = stat.size if is_first and at_end else 0
        older = source.ignore_older
        is_old = older is not None and age > older.total_seconds()
        self._files.add(file)
        if self._logs.find_by_inode(stat.inode) is not None:
            self._files.on(file, Event.KNOWN_INODE)
        # When a plain file that is skipped grows, its old end has to be known; little is read.
        elif not is_old or (file.skip and not stat.path.endswith(".gz")):
            self._files.on(file, Event.REPLACED)

    def _on_remove(self, file: File) -> None:
        """Note that a file has no name any more; an open one is read to its end."""
        if file.inode in self._files.handles and (file.is_current or file.state is State.COMPARE):
            if file.here:
                file.changed_at = self._monotonic()
                self._files.unname(file)
                if file.is_current and self._may_be_replaced(file):
                    self._files.replace(file)
            if file.is_current:  # a process that has it open may write to it
                self._files.on(file, Event.DUE)
            return
        if file.log is None and file.state is not State.IGNORED and file.stat.size:
            # Never begun; if its bytes stay away, they count as lost.
            self._files.set_log(file, self._logs.begin(file.stat.appliance, file.path))
        if file.is_current and file.log is not None and not file.log.read.size:
            self._logs.see(file.log, file.stat.size)
        self._files.drop(file)

    def _count_losses(self, grace: timedelta) -> None:
        """Give up on what is unread of logs that have no file for longer than ``grace``."""
        since = self._monotonic() - grace.total_seconds()
        given_up = [x for x in self._logs.gone if x.gone_since <= since]
        paths = {x.path for x in self._files if x.here} if any(x.unread for x in given_up) else ()
        for log in given_up:
            began = log.read.size > 0
            if log.unread and (began or log.path + ".gz" not in paths):
                lost = self._logs.lose(log)
                self._losses.append(
                    f"{log.path!r} is gone, and {lost} bytes at its end were not read and are in no"
                    " other file that is followed; keep files for longer, or see in the status what"
                    " delays reading"
                )
            if not began and not log.lost:
                self._logs.forget(log)

    def _may_be_replaced(self, file: File) -> bool:
        """Whether reading on cannot find out that a file is another one by now.

        Reading looks at the bytes before; where there are none, or they would have to be
        decompressed, the file has to be compared again, unless it was open all the time.
        """
        began = file.log is not None and file.log.read.size > 0
        return not began or (file.is_gzip and file.inode not in self._files.handles)


def _status_of(log: LogState, file: File | None) -> FileStatus:
    offset = log.fingerprint.size
    # What remains at the end of a closed log is not a line, and is not waited for.
    behind = 0 if file is None else log.size - (log.read.size if log.ended else offset)
    modified = None if file is None else modified_at(file.stat)
    place = log.key, log.path, log.appliance
    return FileStatus(*place, log.size, offset, behind, log.lost, modified)
