"""Reads files in turn: finds out which log a file is, or continues where its log stopped.

At a rotation the last lines of the old file and the first of the new one come within a moment, and
a scan may find the new one only. But whatever is in the old one was written before there was
anything in the new one, whatever its name is now. So when a file with bytes is seen first, all
files are scanned once more before it is compared, and files that are earlier in the order are read
first. A file is the one that was seen if it has not changed since, or begins as it did.

A file that is written to has a live name. At its end it is idle: more may come, and an unterminated
line waits for its rest, however long. Any other file is being copied or uploaded, or written to by
a logger that does not know yet that its file was renamed. It is complete when it is gzip with the
right checksum at its end, or when it did not change for :data:`SETTLE`. If it grows after that, its
new bytes are read; only a line across its former end is then in two pieces. Its last line, which
may be wrapped, counts as whole after a pause, or when another file is to be read.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from math import inf

from forwarder.inputs.block_reader import describe_damage, instant
from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.checkpoint import LogState
from forwarder.inputs.files.discovery import FileStat
from forwarder.inputs.files.file_handle import FileError, FileHandle, Inode
from forwarder.inputs.files.identify import identify, recognise
from forwarder.inputs.files.paths import time_in_name
from forwarder.inputs.files.read_queue import Event, File, Files, State

SETTLE = timedelta(seconds=10)
"""An upload never pauses longer, except where it is broken off: SCP and SFTP send as fast as they
can, and a write arrives at NFS clients within 3 seconds (``acregmin``)."""

PAUSE = timedelta(seconds=1)
"""How long a file that is copied or uploaded must rest before its last line counts as whole: a
wrapped line continues behind its newline."""

_SEEN_BYTES = 4096  # remembered of a file that waits for a scan: beyond any header

_HEADER_BYTES = 8192
"""Where a log is begun at its end, the header that an appliance writes first is among these."""


class LogReader:
    """Takes the turns of files."""

    def __init__(
        self,
        files: Files,
        *,
        once: bool,
        block_bytes: int,
        now: Callable[[], float],
    ) -> None:
        """Read at most ``block_bytes`` at a time; ``once`` if more is not waited for."""
        self._files = files
        self._logs = files.logs
        self._block_bytes = block_bytes
        self._once = once
        self._now = now
        self._due: list[tuple[float, Inode]] = []
        self._held: dict[str, dict[Inode, File]] = {}
        """By appliance: files at their end, whose last line is not parsed, as it may continue."""
        self.problems: list[str] = []

    @property
    def due(self) -> float:
        """When to look at a file again though nothing changes, in seconds of the clock."""
        return self._due[0][0] if self._due else inf

    def wake_due(self) -> None:
        """Let files have turns that were to wait until now."""
        while self.due <= self._now():
            file = self._files.get(heappop(self._due)[1])
            self._files.queue.unblock()
            if file is not None:
                self._files.on(file, Event.DUE)

    def take_turn(self, file: File) -> Chunk | None:
        """Compare a file, or read at most one block.

        The last line of another file of the appliance comes before what is in this one.
        """
        is_expected = file.state is State.EXPECTED
        held = {} if is_expected else self._held.get(file.stat.appliance, {})
        held.pop(file.inode, None)
        while held:
            _, other = held.popitem()
            if other.is_current and other.log is not None and other.log.last_kind is Kind.MORE:
                return self._hand_over(other, other.log, b"", Kind.IDLE)
        try:
            if is_expected:
                recognise(self._files, file)
            elif file.state is State.READ and file.log is not None:
                return self._read(file, file.log)
            else:
                return self._compare(file)
        except FileNotFoundError:
            self._retry_later(file)
            self._files.scan_is_due = True
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
            self._files.drop(file)

    def _report(self, file: File, problem: str | None) -> None:
        if problem is not None and problem != file.problem:
            self.problems.append(problem)
        file.problem = problem

    def _rested(self, file: File) -> timedelta:
        return timedelta(seconds=self._now() - file.changed_at)

    def _look_again(self, file: File, after: timedelta) -> None:
        heappush(self._due, (self._now() + after.total_seconds(), file.inode))

    def _compare(self, file: File) -> Chunk | None:
        """Find out which log a file is, and begin that at once if it is new."""
        self._files.on(file, Event.REPLACED)  # it may have been taken from its log meanwhile
        if file.comparison is None:
            if not self._may_begin(file):
                self._files.queue.block(file.inode)
                return None
            settled = self._rested(file) >= SETTLE
            file.comparison = identify(self._files, file, settled=settled)
        try:
            next(file.comparison)
        except StopIteration as stop:
            file.comparison = None
            if stop.value:
                self._look_again(file, SETTLE - self._rested(file))
            if not file.here and not file.is_current:
                self._files.drop(file)
            elif file.state is State.READ and file.log is not None and not file.log.read.size:
                return self._read(file, file.log)
        return None

    def _may_begin(self, file: File) -> bool:
        """Whether all that is older than a new file was found."""
        handle = self._files.handles.open(file.path, file.inode)
        unchanged = handle.stamp == (file.stat.size, file.stat.modified_ns)
        if file.head:
            unchanged = handle.bytes_at(0, len(file.head)) == file.head
        if not unchanged:
            file.seen_in = self._files.scans
        if self._files.scans > file.seen_in or not handle.stamp[0]:
            file.head = b""
            return True
        file.head = handle.bytes_at(0, _SEEN_BYTES)
        self._files.scan_is_due = True
        return False

    def _read(self, file: File, log: LogState) -> Chunk | None:
        """Read what follows in the current file of a log; the file rests if it is at its end."""
        handle = self._files.handles.open(file.path, file.inode)
        data = handle.read_after(log.read, self._block_bytes)
        if data is None:
            self._files.replace(file)
            return None
        if not handle.is_gzip:
            self._logs.see(log, handle.stamp[0])
        if handle.pending:
            return None
        if not data:
            return self._end(file, log, handle)
        self._report(file, None)
        at_rest = not handle.is_gzip and len(data) < self._block_bytes and file.is_live
        if at_rest:
            self._files.on(file, Event.ENDED)
        return self._hand_over(file, log, data, Kind.IDLE if at_rest else Kind.MORE)

    def _end(self, file: File, log: LogState, handle: FileHandle) -> Chunk | None:
        self._files.on(file, Event.ENDED)
        kind, again = self._decide_end(file, log, handle)
        problem = None
        if handle.fault is not None or (kind is Kind.MORE and again is None):
            problem = f"{file.path!r} {describe_damage(handle.fault, log.read.size)}"
        self._report(file, problem)
        if kind is Kind.MORE and not handle.is_gzip:
            self._held.setdefault(file.stat.appliance, {})[file.inode] = file
        if handle.fault is not None:
            self._files.handles.close(file.inode)  # from the beginning, when it changes
            return None
        news = kind not in {Kind.MORE, log.last_kind} and not log.ended and log.read.size > 0
        chunk = self._hand_over(file, log, b"", kind) if news else None
        if again is not None:
            self._look_again(file, again)
        if kind is Kind.END:
            self._logs.end(log)
            self._files.handles.close(file.inode)
            if not file.here:
                self._files.drop(file)
        return chunk

    def _decide_end(
        self, file: File, log: LogState, handle: FileHandle
    ) -> tuple[Kind, timedelta | None]:
        """Decide what the end of a file means, and after what time to decide again, if at all."""
        rested = self._rested(file)
        if handle.is_gzip:
            if handle.complete:
                return Kind.END, None
            return Kind.MORE, None if rested >= SETTLE else SETTLE - rested
        if file.is_live:
            return Kind.IDLE, None
        is_terminated = log.read.tail.endswith(b"\n") or not file.here
        if rested >= SETTLE or (self._once and is_terminated):
            return Kind.END, None
        if rested >= PAUSE:
            return Kind.IDLE, SETTLE - rested
        return Kind.MORE, PAUSE - rested

    def _hand_over(self, file: File, log: LogState, data: bytes, kind: Kind) -> Chunk:
        resume, head = None, b""
        if log.needs_resume:
            handle = self._files.handles.open(file.path, file.inode)
            # What was saved fits only where it was saved.
            if 0 < log.fingerprint.size == log.read.size:
                resume = self._logs.resume_of(log)
                if not resume and not handle.is_gzip:
                    head = handle.bytes_at(0, min(log.read.size, _HEADER_BYTES))
                    head = head[: head.rfind(b"\n") + 1]
            log.needs_resume = False
        log.last_kind = kind
        offset = log.read.size
        if data:
            log.ended = False
            self._logs.advance(log, data)
        return Chunk(
            key=log.key,
            appliance=log.appliance,
            path=file.path,
            near=time_in_name(file.path) or modified_at(file.stat),
            data=data,
            kind=kind,
            resume=resume,
            offset=offset,
            named=file.stat.named,
            input=file.stat.input,
            head=head,
        )


def modified_at(stat: FileStat) -> datetime:
    """Return when a file changed last, aware UTC; now, if the system has no sane time for it."""
    return instant(stat.modified_ns / 1e9) or datetime.now(UTC)
