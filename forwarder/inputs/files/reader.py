"""Reads on where a log stopped, and decides what its end means.

**Beginning.** At a rotation the last lines of the old file and the first of the new one come within
a moment, and a scan may find the new one only. But whatever is in the old one was written before
there was anything in the new one, under whatever name it is now: before a file is renamed,
truncated or sent again, it is whole. So when the first bytes of a log were seen, all files are
scanned once more. What that scan finds and what comes earlier in the order has its turn first. A
file is known to be the one that was seen if it has not changed since, or begins as it did: a busy
one changes between any two scans.

**End.** A file that is written to has a live name. At its end it is idle: more may come, and an
unterminated line waits for its rest, however long. Any other file is being copied or uploaded, or
written to by a logger that was not told yet that its file was renamed. It is complete when

- it is gzip, and the check at its end is right; or
- it was followed under its live name, and its successor holds something; or
- it did not change for :data:`SETTLE`.

Should a complete file grow all the same, its new bytes are read; only a line that ended at its
end is then in two pieces. The last line of a file that is no longer written to is whole only after
a pause, because it may be wrapped. What comes behind that file waits for it, too, but not for long.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from forwarder.inputs.block_reader import describe_damage
from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.checkpoint import LogState
from forwarder.inputs.files.file_handle import FileHandle
from forwarder.inputs.files.paths import time_in_name
from forwarder.inputs.files.registry import Event, File, Files
from forwarder.inputs.files.scanner import FileStat

SETTLE = timedelta(seconds=10)
"""An upload never pauses longer, except where it is broken off: SCP and SFTP send as fast as they
can, and a write arrives at NFS clients within 3 seconds (``acregmin``)."""

PAUSE = timedelta(seconds=1)
"""So long a file that is copied or uploaded must rest before its last whole line is taken for
whole: a wrapped line goes on behind its newline."""

PATIENCE = 2 * PAUSE
"""A file that grows on and on is not waited for; one that was sent within a second is."""

_SEEN_BYTES = 4096  # remembered of a file that waits for a scan: beyond any header

_HEADER_BYTES = 8192
"""Where a log is begun at its end, the header that an appliance writes first is among these."""


class EofFacts(NamedTuple):
    """What is known of a file whose last byte was read."""

    live: bool  # whether its name is that of a file being written, and no newer one took its place
    gone: bool  # whether it was removed, and is still open
    succeeded: bool  # whether it was followed while live, and what is live now holds something
    is_gzip: bool
    whole: bool  # of a gzip file: whether the check at its end is right
    terminated: bool  # whether a newline is its last byte
    idle: timedelta  # since it changed
    once: bool  # whether more is not waited for


class EofDecision(NamedTuple):
    """What to do at the end of a file."""

    kind: Kind
    again: timedelta | None
    """When to decide again, if nothing changes; None if only a change matters."""
    stuck: bool = False
    """Whether the rest of a gzip file is missing for so long that it is a problem."""


def decide_eof(file: EofFacts) -> EofDecision:
    """Decide what the end of a file means."""
    settled = file.idle >= SETTLE
    if file.is_gzip:
        if file.whole:
            return EofDecision(Kind.END, None)
        return EofDecision(Kind.MORE, None if settled else SETTLE - file.idle, stuck=settled)
    if file.live and not file.gone:
        return EofDecision(Kind.IDLE, None)
    if settled or file.succeeded or (file.once and (file.terminated or file.gone)):
        return EofDecision(Kind.END, None)
    if file.idle >= PAUSE:
        return EofDecision(Kind.IDLE, SETTLE - file.idle)
    return EofDecision(Kind.MORE, PAUSE - file.idle)


class Step(NamedTuple):
    """What came of reading a file once."""

    chunk: Chunk | None = None
    again: timedelta | None = None  # when to read it again, if nothing changes
    problem: str | None = None
    replaced: bool = False  # whether the file holds something else by now; nothing of that was read
    finished: bool = False  # whether it is gone and was read to its end
    early: bool = False  # whether all files have to be scanned before it may be begun


class LogReader:
    """Reads the current files of logs."""

    def __init__(self, files: Files, *, once: bool, block_bytes: int) -> None:
        """Read at most ``block_bytes`` at a time; ``once`` if more is not waited for."""
        self._files = files
        self._logs = files.logs
        self._block_bytes = block_bytes
        self._once = once

    def read(self, file: File, log: LogState, scans: int, idle: Callable[[], timedelta]) -> Step:
        """Read what follows in the current file of a log, at most one block.

        The file rests if it is at its end. ``scans`` is how many there were, ``idle`` returns how
        long ago the file changed.
        """
        handle = self._files.handles.open(file.path, file.inode)
        data = handle.read_after(log.read, self._block_bytes)
        if data is None:
            return Step(replaced=True)
        if not handle.is_gzip:
            self._logs.see(log, handle.stamp[0])
        if handle.pending:
            return Step()
        if not data:
            return self._end(file, log, handle, idle())
        if not log.read.size and not _may_begin(file, handle, data, scans):
            handle.restart()
            return Step(early=True)
        at_rest = not handle.is_gzip and len(data) < self._block_bytes and file.is_live
        at_rest = at_rest and not self._files.has_successor(file)
        if at_rest:
            self._files.on(file, Event.ENDED)
        kind = Kind.IDLE if at_rest else Kind.MORE
        return Step(self._hand_over(file, log, handle, data, kind))

    def _end(self, file: File, log: LogState, handle: FileHandle, idle: timedelta) -> Step:
        succeeded = log.position.live and self._files.has_successor(file)
        end = decide_eof(
            EofFacts(
                live=file.is_live and not succeeded,
                gone=not file.here,
                succeeded=succeeded,
                is_gzip=handle.is_gzip,
                whole=handle.complete,
                terminated=log.read.tail.endswith(b"\n"),
                idle=idle,
                once=self._once,
            )
        )
        self._files.on(file, Event.ENDED)
        problem = None
        if handle.fault is not None or end.stuck:
            problem = f"{file.path!r} {describe_damage(handle.fault, log.read.size)}"
        if handle.fault is not None:
            self._files.handles.close(file.inode)  # from the beginning, when it changes
            return Step(problem=problem)
        news = end.kind not in {Kind.MORE, log.last_kind} and not log.ended and log.read.size > 0
        chunk = self._hand_over(file, log, handle, b"", end.kind) if news else None
        if end.kind is not Kind.END:
            return Step(chunk, end.again, problem)
        self._logs.end(log)
        self._files.handles.close(file.inode)
        return Step(chunk, end.again, problem, finished=not file.here)

    def _hand_over(
        self, file: File, log: LogState, handle: FileHandle, data: bytes, kind: Kind
    ) -> Chunk:
        resume, head = None, b""
        if log.needs_resume:
            # What was saved fits only where it was saved.
            if 0 < log.position.fingerprint.size == log.read.size:
                resume = self._logs.resume(log)
                head = b"" if resume else handle.head(min(log.read.size, _HEADER_BYTES))
            log.needs_resume = False
        log.last_kind = kind
        offset = log.read.size
        if data:
            log.ended = False
            self._logs.advance(log, data)
        return Chunk(
            key=log.key,
            appliance=log.position.appliance,
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


def _may_begin(file: File, handle: FileHandle, data: bytes, scans: int) -> bool:
    """Whether the first bytes of a log may be handed over; if not, after another scan."""
    unchanged = handle.stamp == (file.stat.size, file.stat.modified_ns)
    if file.head:
        unchanged = data.startswith(file.head)
    if not unchanged:
        file.seen_in = scans
    if scans > file.seen_in:
        file.head = b""
        return True
    file.head = data[:_SEEN_BYTES]
    return False


def modified_at(stat: FileStat) -> datetime:
    """Return when a file changed last, aware UTC; now, if the system has no sane time for it."""
    try:
        return datetime.fromtimestamp(stat.modified_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):  # outside the years 1 to 9999
        return datetime.now(UTC)
