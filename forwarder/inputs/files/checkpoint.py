"""How far each log was read: what is saved, and what is remembered of it.

A log is content, not a name or an inode: a file that is renamed, copied, compressed or sent again
is the same log and continues where that ends. Its current file is the one that it is read from. A
log without one, because its file is gone, is kept for :data:`KEEP`, in case the file returns, and
of these only the youngest :data:`MAX_GONE`, or as many as there were files at a time: a share that
is away for a while takes all of its files with it. After a start, nothing is forgotten before all
files were compared.

A saved position is a line with a JSON object, followed by the bytes that the rest of the program
wants back. Keys are ``file/`` and a random name that is chosen when the log is begun; it does not
depend on the path, so a renamed file keeps it.
"""

import json
import os
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import dropwhile, groupby
from math import inf
from sys import intern
from typing import Any, NamedTuple
from uuid import uuid4

from forwarder.errors import ForwarderError
from forwarder.inputs.chunk import Kind
from forwarder.inputs.files.discovery import FileSource, FileStat, scan
from forwarder.inputs.files.file_handle import (
    NOTHING,
    FileError,
    FileHandle,
    Fingerprint,
    Index,
    Inode,
)
from forwarder.inputs.files.paths import reading_order
from forwarder.text import quoted

PREFIX = "file/"  # of all keys of this input

STARTED = PREFIX + "started"
"""The key of the list of patterns that were followed before; ``start_at`` is not for them."""

KEEP = timedelta(days=30)
"""Appliances send again what failed before, within hours; backups come back within weeks."""

MAX_GONE = 10_000
"""Logs without a file, some 10 MB of memory: a file a minute for a week. There may be more where
there were more files at a time, which took as much memory."""


class PositionError(ForwarderError):
    """A saved position cannot be used."""

    def __init__(self, key: str, error: Exception) -> None:
        super().__init__(
            f"the position {key!r} in the state cannot be read ({error!r}); move the state folder "
            f"away and start again, which reads all files again"
        )


@dataclass(slots=True, eq=False)
class LogState:
    """One log that was begun; up to :attr:`gone` it is saved."""

    key: str
    appliance: str
    path: str  # where it was last
    inode: Inode = (0, 0)  # a hint where to look first; never proof
    fingerprint: Fingerprint = NOTHING
    """Of all that is in documents; its size is the offset to continue from."""
    resume: bytes | None = b""
    """Opaque; None after a start: it is in the state alone. Of 100,000 files it would take much."""
    size: int = 0  # the most bytes of it that were ever seen, decompressed
    ended: bool = False  # whether its end was handed over
    lost: int = 0  # bytes that were seen and are gone
    gone: float | None = None  # since when its file is gone, in seconds from 1970
    read: Fingerprint = NOTHING  # of all that was handed over
    current_file: Inode | None = None
    copies: frozenset[Inode] = frozenset()
    """Files that hold nothing that the log does not get from its current file."""
    in_flight: tuple[tuple[Fingerprint, bytes], ...] = ()
    """What was handed over and is not in documents, each chunk with what was before it."""
    needs_resume: bool = False
    """Whether the next chunk goes with what was saved: after a restart, and after an end."""
    last_kind: Kind = Kind.MORE  # of the last chunk
    gone_since: float = inf  # seconds of the monotonic clock when it lost its file

    @property
    def unread(self) -> int:
        """Bytes that were seen on the disk and not read."""
        return max(self.size - self.read.size, 0)


_FIELDS = ("appliance", "path", "inode", "size", "lost", "gone")


def encode(log: LogState, resume: bytes) -> bytes:
    """Return a log as it is saved, with the bytes to give back."""
    size, checksum, head, tail = log.fingerprint
    saved = {name: getattr(log, name) for name in _FIELDS} | {
        # The end counts only together with all that is before it.
        "ended": log.ended and not log.in_flight,
        "offset": size,
        "checksum": checksum,
        "head": b64encode(head).decode(),
        "tail": b64encode(tail).decode(),
    }
    # The json of the standard library: paths may hold bytes that are not UTF-8, and it keeps them.
    return json.dumps(saved, separators=(",", ":")).encode() + b"\n" + resume


def decode(key: str, value: bytes) -> LogState:
    """Read what is saved of a log under a key with the prefix; PositionError if it is not one."""
    try:
        saved = json.loads(value.partition(b"\n")[0])
        device, number = saved["inode"]
        # Earlier versions saved the first 64 bytes, and checksums behind them.
        head = b64decode(saved["head"]) if "head" in saved else b64decode(saved["marks"])[:64]
        tail = b64decode(saved["tail"])
        # Of a small log both are all of it: one object for both takes half the memory.
        read = Fingerprint(saved["offset"], saved["checksum"], head, head if tail == head else tail)
        fields = {name: saved[name] for name in _FIELDS}
        fields |= {"inode": (device, number), "appliance": intern(saved["appliance"])}
        key = key.removeprefix(PREFIX)
        log = LogState(key, **fields, ended=saved["ended"], fingerprint=read, resume=None)
    except (ValueError, KeyError, TypeError) as error:
        raise PositionError(key, error) from error
    log.read, log.needs_resume = read, True
    return log


def _decode_started(value: bytes) -> frozenset[str]:
    try:
        return frozenset(str(pattern) for pattern in json.loads(value))
    except (ValueError, TypeError) as error:
        raise PositionError(STARTED, error) from error


class CheckpointStore:
    """All logs, found by their key, by content and by inode."""

    def __init__(
        self,
        saved: Iterable[tuple[str, bytes]],
        fetch: Callable[[str], bytes],
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """Start with what was saved, or raise PositionError; ``fetch`` returns a value again."""
        self._fetch, self._monotonic, self._wall = fetch, monotonic, wall
        self.started: frozenset[str] = frozenset()  # patterns that were followed before
        self._logs: dict[str, LogState] = {}
        self._by_appliance: defaultdict[str, Index] = defaultdict(Index)
        self._gone: dict[str, LogState] = {}  # those without a file, the longest gone first
        self._inodes: dict[Inode, str] = {}
        self._changed: dict[str, None] = {}
        for key, value in saved:
            if key == STARTED:
                self.started = _decode_started(value)
                continue
            log = decode(key, value)
            self._logs[log.key] = log
            self._index(log).add(log.key, log.read.head)
        self._started_saved = self.started
        sought = [log for log in self._logs.values() if log.gone is None]
        self._seeks = bool(sought)  # the files of those
        self._most = len(sought)  # files at a time
        gone = (log for log in self._logs.values() if log.gone is not None)
        for log in (*sorted(gone, key=lambda x: x.gone or 0.0), *sought):
            self._lose_file(log)

    def get(self, key: str) -> LogState | None:
        """Return a log, if it is remembered."""
        return self._logs.get(key)

    @property
    def gone(self) -> list[LogState]:
        """Those without a file, in the order in which they lost it."""
        return list(self._gone.values())

    def begin(self, appliance: str, path: str) -> LogState:
        """Begin a log of which nothing was read yet."""
        key = uuid4().hex
        log = self._logs[key] = LogState(key, appliance, path)
        return log

    def find(self, appliance: str, fingerprint: Fingerprint) -> list[LogState]:
        """Find the logs that agree with the beginning of a file as far as heads tell."""
        return [self._logs[x] for x in self._by_appliance[appliance].find(fingerprint.head)]

    def find_by_inode(self, inode: Inode) -> LogState | None:
        """Find the log without a file that was last read from this inode: a hint, no more."""
        return self._gone.get(self._inodes.get(inode, ""))

    def set_file(self, log: LogState, inode: Inode, path: str) -> None:
        """Give a log its current file, or that another path."""
        self._forget_inode(log)
        self._gone.pop(log.key, None)
        self._put(log, path=path, inode=inode, gone=None, lost=0)
        # The very objects that the file has: equal ones would take memory twice.
        log.path, log.inode, log.current_file, log.gone_since = path, inode, inode, inf

    def lose_file(self, log: LogState) -> None:
        """Take the current file from a log; what was not read may be in another one."""
        self._put(log, gone=self._wall())
        self._lose_file(log)

    def advance(self, log: LogState, data: bytes) -> None:
        """Note that a chunk is handed over."""
        log.in_flight += ((log.read, data),)
        self._read_to(log, log.read.extend(data))

    def skip(self, log: LogState, to: Fingerprint) -> None:
        """Note that what is before is not handed over."""
        log.needs_resume = True
        self._read_to(log, to)
        self._put(log, fingerprint=to)

    def see(self, log: LogState, size: int) -> None:
        """Note how many bytes of a log are there."""
        log.size = max(log.size, size)

    def lose(self, log: LogState) -> int:
        """Give up on what was seen and not read; return how many bytes that is."""
        lost = log.unread
        self._put(log, size=log.read.size, lost=log.lost + lost)
        return lost

    def save(self, key: str, offset: int, resume: bytes) -> None:
        """Note that everything before an offset, in bytes of the file, is in documents."""
        log = self._logs.get(key)
        if log is None:
            return
        fingerprint = log.fingerprint
        while log.in_flight and fingerprint.size < offset:
            (before, data), *rest = log.in_flight
            behind = rest[0][0] if rest else log.read
            if offset < behind.size:
                taken = offset - before.size
                behind = before.extend(data[:taken])
                rest.insert(0, (behind, data[taken:]))
            log.in_flight = tuple(rest)
            fingerprint = behind
        self._put(log, fingerprint=fingerprint, resume=resume)

    def resume_of(self, log: LogState) -> bytes:
        """Return what was saved with the position of a log, to give it back."""
        if log.resume is None:
            return self._fetch(PREFIX + log.key).partition(b"\n")[2]
        return log.resume

    def forget_old(self) -> None:
        """Forget logs that are without a file for too long, or are too many."""
        wall = self._wall()
        self._most = max(self._most, len(self._logs) - len(self._gone))
        excess = len(self._gone) - max(MAX_GONE, self._most)
        for log in [] if self._seeks else list(self._gone.values()):
            since = log.gone
            if excess <= 0 and (since is None or wall - since <= KEEP.total_seconds()):
                break
            self.forget(log)
            excess -= 1

    def stop_seeking(self) -> None:
        """Note that all files were compared: what is without a file now is gone."""
        if not self._seeks:
            return
        self._seeks = False
        for log in self._gone.values():
            if log.gone is None:
                self._put(log, gone=self._wall())
        # All logs were in them: what is left takes less memory.
        self._gone, self._inodes = dict(self._gone), dict(self._inodes)

    def forget(self, log: LogState) -> None:
        """Forget a log."""
        self._gone.pop(log.key, None)
        self._forget_inode(log)
        self._index(log).remove(log.key, log.read.head)
        del self._logs[log.key]
        self._changed.pop(log.key, None)
        if log.read.size:  # the reader of its chunks has to forget it, too
            self._changed[log.key] = None

    def end(self, log: LogState) -> None:
        """Note that the end of a log was handed over."""
        log.needs_resume = True
        if not log.ended:
            log.ended = True
            self._changed[log.key] = None

    def changes(self) -> list[tuple[str, bytes | None]]:
        """Return what has to be saved since the last time; None for what was forgotten."""
        pairs: list[tuple[str, bytes | None]] = []
        if self.started != self._started_saved:
            self._started_saved = self.started
            pairs.append((STARTED, json.dumps(sorted(self.started)).encode()))
        for key in self._changed:
            log = self._logs.get(key)
            if log is None:
                pairs.append((PREFIX + key, None))
            elif log.fingerprint.size:
                pairs.append((PREFIX + key, encode(log, self.resume_of(log))))
        self._changed.clear()
        return pairs

    def _index(self, log: LogState) -> Index:
        return self._by_appliance[log.appliance]

    def _put(self, log: LogState, **changes: Any) -> None:  # noqa: ANN401 - of what is saved
        for name, value in changes.items():
            if getattr(log, name) != value:
                setattr(log, name, value)
                self._changed[log.key] = None

    def _read_to(self, log: LogState, to: Fingerprint) -> None:
        if to.head != log.read.head:
            self._index(log).remove(log.key, log.read.head)
            self._index(log).add(log.key, to.head)
        log.read = to
        self.see(log, to.size)

    def _lose_file(self, log: LogState) -> None:
        log.current_file, log.gone_since = None, self._monotonic()
        self._gone[log.key] = log
        self._inodes[log.inode] = log.key

    def _forget_inode(self, log: LogState) -> None:
        if self._inodes.get(log.inode) == log.key:
            del self._inodes[log.inode]


class RewoundLog(NamedTuple):
    """A log that is forgotten, so that it is read again."""

    key: str  # of its position, with the prefix
    position: LogState
    path: str  # where it is now, or was last
    file: FileStat | None  # none if no file that is followed holds it under a name that is known


def logs_to_rewind(
    saved: Iterable[tuple[str, bytes]], name: str, inputs: Sequence[FileSource]
) -> list[RewoundLog]:
    """Find all logs that have to be forgotten for a path to be read again, in order of reading.

    A path stands for the log that was last read under it, and for the log whose file has that name
    now. These are forgotten, and all that are read after them of the same appliance: were only the
    one read again, its lines would be joined with connections that came long after it. For what was
    saved, while the files are not followed.
    """
    names = {os.path.abspath(name), os.path.realpath(name)}  # noqa: PTH100 - see paths.py
    files = scan(inputs).files.values()
    by_inode = {(x.appliance, x.inode): x for x in files}
    by_path = {x.path: x for x in files}
    logs = []
    for key, value in saved:
        if key == STARTED:
            continue
        position = decode(key, value)
        path = position.path
        candidates = (
            by_inode.get((position.appliance, position.inode)),
            *map(by_path.get, (path, path + ".gz", path.removesuffix(".gz"))),
        )
        file = next((x for x in candidates if x is not None and _still_is(x, position)), None)
        logs.append(RewoundLog(key, position, file.path if file else path, file))
    logs.sort(key=lambda x: (x.position.appliance, reading_order(x.path)))
    found: list[RewoundLog] = []
    for _, group in groupby(logs, key=lambda x: x.position.appliance):
        found += dropwhile(lambda x: not names & {x.path, x.position.path}, group)
    return found


def obstacles(
    logs: Iterable[RewoundLog], inputs: Sequence[FileSource], wall: float
) -> Iterator[str]:
    """Yield a sentence for each log that is forgotten and will not be read again."""
    for log in logs:
        if log.file is None:
            yield (
                f"{quoted(log.path)} is not there any more, or no input asks for it, and it"
                " cannot be read again; connections that go through it will miss what it said"
            )
            continue
        older = inputs[log.file.input].ignore_older
        if older is not None and wall - log.file.modified_ns / 1e9 > older.total_seconds():
            yield (
                f"{quoted(log.path)} was last changed before ignore_older of its input, and will"
                " not be read again; to read it, raise ignore_older before the service runs again"
            )


def _still_is(file: FileStat, position: LogState) -> bool:
    """Whether a file still is the log that it was: inodes and names are given again."""
    with suppress(OSError, FileError), closing(FileHandle(file.path, file.inode)) as handle:
        # To compare what is compressed, all of it would have to be decompressed.
        same = file.path.removesuffix(".gz") == position.path.removesuffix(".gz")
        return same if handle.is_gzip else handle.still_matches(position.fingerprint)
    return False
