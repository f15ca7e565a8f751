"""Reading on: what follows where a log stopped, as a piece, and what its end means."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from forwarder.inputs.block_reader import describe_damage
from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.beginnings import may_begin
from forwarder.inputs.files.checkpoint import CheckpointStore, LogState
from forwarder.inputs.files.endings import EofFacts, decide
from forwarder.inputs.files.file_handle import FileHandle, HandleCache
from forwarder.inputs.files.paths import time_in_name
from forwarder.inputs.files.registry import File, Files, State
from forwarder.inputs.files.scanner import FileStat

_HEAD_BYTES = 8192
"""Where a log is begun at its end, the header that an appliance writes first is among these."""


class Step(NamedTuple):
    """What came of reading a file once."""

    piece: Chunk | None = None
    again: timedelta | None = None
    """When to read it again, if nothing changes."""
    problem: str | None = None
    replaced: bool = False
    """Whether the file holds something else by now; nothing of that was read."""
    finished: bool = False
    """Whether it is gone and was read to its end."""
    early: bool = False
    """Whether all files have to be looked at before it may be begun."""


class Reader:
    """Reads the files that are homes of logs."""

    def __init__(
        self,
        trails: CheckpointStore,
        files: Files,
        opened: HandleCache,
        *,
        once: bool,
        block_bytes: int,
    ) -> None:
        """Work with what is remembered and what is there."""
        self._block_bytes = block_bytes
        self._trails = trails
        self._files = files
        self._opened = opened
        self._once = once

    def read(self, file: File, trail: LogState, looks: int, idle: Callable[[], timedelta]) -> Step:
        """Read what follows, at most one block.

        Args:
            file: The file; it is let rest if it is at its end.
            trail: Its log.
            looks: How often all files were looked at.
            idle: Says how long ago it changed.

        Raises:
            SourceError: It cannot be read.
            MovedError: It is not where it was.
            OSError: It cannot be read.
        """
        source = self._opened.open(file.path, file.inode)
        data = source.read_behind(trail.read, self._block_bytes)
        if data is None:
            return Step(replaced=True)
        if not source.packed:
            self._trails.see(trail, source.size)
        if source.pending:
            return Step()
        if not data:
            return self._end(file, trail, source, idle())
        if not trail.read.size and not may_begin(file, source, data, looks):
            source.restart()
            return Step(early=True)
        at_rest = not source.packed and len(data) < self._block_bytes and file.is_live
        if at_rest and self._files.has_successor(file):
            at_rest = False
        kind = Kind.IDLE if at_rest else Kind.MORE
        if at_rest:
            self._files.set_state(file, State.REST)
        return Step(self._hand_over(file, trail, source, data, kind))

    def _end(self, file: File, trail: LogState, source: FileHandle, idle: timedelta) -> Step:
        succeeded = trail.position.live and self._files.has_successor(file)
        ending = decide(
            EofFacts(
                live=file.is_live and not succeeded,
                gone=not file.here,
                succeeded=succeeded,
                packed=source.packed,
                whole=source.complete,
                terminated=trail.read.tail.endswith(b"\n"),
                idle=idle,
                once=self._once,
            )
        )
        self._files.set_state(file, State.REST)
        problem = None
        if source.fault is not None or ending.stuck:
            problem = f"{file.path!r} {describe_damage(source.fault, trail.read.size)}"
        if source.fault is not None:
            # From the beginning, when it changes.
            self._opened.close(file.inode)
            return Step(problem=problem)
        news = (
            ending.kind not in {Kind.MORE, trail.said} and not trail.ended and trail.read.size > 0
        )
        piece = self._hand_over(file, trail, source, b"", ending.kind) if news else None
        finished = False
        if ending.kind is Kind.END:
            self._trails.end(trail)
            self._opened.close(file.inode)
            finished = not file.here
        return Step(piece, ending.again, problem, finished=finished)

    def _hand_over(
        self, file: File, trail: LogState, source: FileHandle, data: bytes, kind: Kind
    ) -> Chunk:
        resume, head = None, b""
        if trail.returns:
            # What was saved fits only where it was saved.
            if 0 < trail.position.fingerprint.size == trail.read.size:
                resume = self._trails.resume(trail)
                if not resume:
                    head = source.head(min(trail.read.size, _HEAD_BYTES))
            trail.returns = False
        trail.said = kind
        offset = trail.read.size
        if data:
            trail.ended = False
            self._trails.advance(trail, data)
        return Chunk(
            key=trail.key,
            appliance=trail.position.appliance,
            path=file.path,
            near=time_in_name(file.path) or modified_at(file.sighting),
            data=data,
            kind=kind,
            resume=resume,
            offset=offset,
            named=file.sighting.named,
            input=file.sighting.input,
            head=head,
        )


def modified_at(sighting: FileStat) -> datetime:
    """Return when a file changed last, aware UTC; now, if the system cannot say a sane time."""
    try:
        return datetime.fromtimestamp(sighting.modified_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):  # outside the years 1 to 9999
        return datetime.now(UTC)
