"""Finds out which log a file is, by its content; a block at a time, so that others get their turn.

- A plain file at the inode where a log was last, with the first and last bytes that were read, is
  that log, whatever name it has now.
- A file that begins with all that was read of a log continues it, if the log's current
  file is gone: it was renamed, moved or compressed.
- If the log's current file is there, both files are compared as far as both go. A file that differs
  is a log of its own, whatever the two begin with. A file that is a beginning of the other is a
  copy and needs no reading. A file that is longer takes the place of a closed one (an upload that
  broke off and was made again); beside a live one it is a log of its own.
- A file that is a beginning of a log whose file is gone may be a copy on its way, or another log
  that has not differed yet. A live one is read at once; others, when they rest. So nothing is lost;
  what may happen is that the copy of a file that is gone, cut short, is read once more.
- Logs are compared within an appliance: what another one wrote is another log.
"""

from collections.abc import Generator, Mapping
from contextlib import closing
from enum import Enum, auto
from typing import TypeVar

from forwarder.inputs.block_reader import GZIP_MAGIC
from forwarder.inputs.files.checkpoint import LogState
from forwarder.inputs.files.file_handle import (
    HEAD_BYTES,
    NOTHING,
    TAIL_BYTES,
    FileError,
    FileHandle,
    Fingerprint,
    MovedError,
)
from forwarder.inputs.files.read_queue import Event, File, Files

BLOCK_BYTES = 1 << 17  # 128 KiB at once, as much as is read of a log

MAX_RIVALS = 8
"""Files that one is compared with byte by byte. More of them can only be many logs that begin with
the whole content of the file; then it is read as one of its own."""

_SKIP_LINE_BYTES = 1 << 16  # the longest line of which a start at the end finds the beginning

T = TypeVar("T")
Steps = Generator[None, None, T]  # yields after each block


class Relation(Enum):
    """How a file relates to the current file of a log, as far as both go."""

    NO_FILE = auto()
    BEGINNING = auto()  # it is the same or a beginning of it
    LONGER = auto()  # it begins with all of the other, which is not live
    DIFFERENT = auto()


class Identity(Enum):
    """What a file is."""

    CONTINUE = auto()  # the log continues in this file
    COPY = auto()  # all of it is in the log already, or is about to be read there
    NEW = auto()  # it is another log
    WAIT = auto()  # it is not known yet


def decide(relation: Relation, *, whole: bool, waits: bool) -> Identity:
    """Decide what a file is, beside one log; ``waits`` if it may be decided later.

    ``whole`` if it begins with all that was read of the log; if not, it ends within that.
    """
    match relation:
        case Relation.DIFFERENT:
            return Identity.NEW
        case Relation.BEGINNING:
            return Identity.COPY
        case Relation.LONGER:
            # If not whole, the other is damaged; there is nothing in this one that is new.
            return Identity.CONTINUE if whole else Identity.COPY
        case Relation.NO_FILE:
            if whole:
                return Identity.CONTINUE
            return Identity.WAIT if waits else Identity.NEW


def match_fingerprints(
    handle: FileHandle, known: Mapping[str, Fingerprint]
) -> Steps[tuple[list[str], list[str]]]:
    """Compare a file, from its beginning, with what was read of logs; ``known`` has that by key.

    Returns the keys of those of which it holds all that was read, the longest first, and of those
    that it may be a beginning of.
    """
    handle.restart()
    own = NOTHING
    whole: list[str] = []
    for key, other in sorted(known.items(), key=lambda item: item[1].size):
        while own.size < other.size and own.may_be(other):
            data = handle.read(min(BLOCK_BYTES, other.size - own.size))
            if not data and not handle.pending:
                longer = [x for x, y in known.items() if y.size > own.size and own.may_be(y)]
                return whole, sorted(longer)
            own = own.extend(data)
            yield
        if own.equals(other):
            whole.insert(0, key)
    return whole, []


def compare_content(handle: FileHandle, other: FileHandle) -> Steps[Relation]:
    """Compare a file with another, byte by byte as far as both go."""
    handle.restart()
    other.restart()
    while True:
        ours = yield from _read_block(handle, BLOCK_BYTES)
        theirs = yield from _read_block(other, BLOCK_BYTES)
        common = min(len(ours), len(theirs))
        if ours[:common] != theirs[:common]:
            return Relation.DIFFERENT
        if common < BLOCK_BYTES:
            return Relation.BEGINNING if len(ours) == common else Relation.LONGER
        yield


def _read_block(handle: FileHandle, size: int) -> Steps[bytes]:
    """Read a full block, or to the end: what is decompressed may come in less."""
    block = b""
    while len(block) < size:
        data = handle.read(size - len(block))
        if handle.pending:
            yield
        elif not data:
            break
        block += data
    return block


def recognise(files: Files, file: File) -> None:
    """Find out whether a file is the log that was last at its inode; compare it if not."""
    log = files.logs.find_by_inode(file.inode)
    handle = files.handles.open(file.path, file.inode)
    if log is None or not log.read.size or not handle.still_matches(log.read):
        files.on(file, Event.REPLACED)
        return
    file.is_gzip, file.skip = False, 0
    # Often nothing is left to read or to tell.
    ended = log.ended and not file.is_live and handle.stamp[0] == log.read.size
    files.set_log(file, log, Event.ENDED if ended else Event.IDENTIFIED)
    if ended:
        files.handles.close(file.inode)


def identify(files: Files, file: File, *, settled: bool) -> Steps[bool]:
    """Find out which log a file is, and let it be read, if it has to be.

    ``settled`` if it has not changed for so long that it is complete. Returns whether to try
    again when it has.
    """
    handle = files.handles.open(file.path, file.inode)
    handle.restart()  # it may have been shorter when it was opened, or something else
    if handle.unclear and (not settled or handle.bytes_at(0, 2) in {b"", GZIP_MAGIC[:1]}):
        files.on(file, Event.UNCLEAR)
        return not settled and handle.stamp[0] > 0
    identity, log = yield from _identify(files, file, handle, settled=settled)
    if identity is Identity.WAIT:
        files.on(file, Event.UNCLEAR)
        return True
    if log is None:
        log = files.logs.begin(file.stat.appliance, file.path)
        if file.skip:
            yield from _skip(files, handle, log, file.skip)
    elif identity is Identity.COPY:
        files.copy(file, log)
        return False
    yield from _go_to(handle, log.read.size)
    file.is_gzip = handle.is_gzip
    file.skip = 0  # what takes its place under this name is new
    files.set_log(file, log)
    return False


def _identify(
    files: Files, file: File, handle: FileHandle, *, settled: bool
) -> Steps[tuple[Identity, LogState | None]]:
    own = NOTHING.extend((yield from _read_block(handle, HEAD_BYTES)))
    logs = {x.key: x.read for x in files.logs.find(file.stat.appliance, own)}
    # A log that was read as another appliance's stays that, whatever name it has now.
    before = files.logs.find_by_inode(file.inode)
    if before is not None and before.read.size and before.read.may_be(own):
        logs[before.key] = before.read
    if not own.size or not logs:
        return Identity.NEW, None
    found: dict[Identity, LogState] = {}
    whole, beginning = yield from match_fingerprints(handle, logs)
    for key in whole[:MAX_RIVALS] + beginning[:MAX_RIVALS]:
        log = files.logs.get(key)
        if log is None:  # forgotten meanwhile
            continue
        relation = yield from _compare(files, file, handle, log)
        waits = not (settled or file.is_live)
        identity = decide(relation, whole=key in whole, waits=waits)
        found.setdefault(identity, log)
    # A copy is proven, byte by byte. Then the longest that may continue.
    for identity in (Identity.COPY, Identity.CONTINUE, Identity.WAIT):
        if identity in found:
            return identity, found[identity]
    return Identity.NEW, None


def _compare(files: Files, file: File, handle: FileHandle, log: LogState) -> Steps[Relation]:
    """Compare a file with the current one of a log; beside a live one, a longer one is another."""
    home = files.get(log.current_file)
    if home is None or home is file or not home.here:
        return Relation.NO_FILE
    try:
        with closing(FileHandle(home.path, home.inode)) as other:
            if _holds(other, home, log):
                relation = yield from compare_content(handle, other)
                if _holds(other, home, log) and log.current_file == home.inode:
                    is_other = relation is Relation.LONGER and home.is_live
                    return Relation.DIFFERENT if is_other else relation
    except (OSError, FileError):
        return Relation.NO_FILE
    if log.current_file == home.inode:
        files.replace(home)
    return Relation.NO_FILE


def _go_to(handle: FileHandle, size: int) -> Steps[None]:
    """Go to a position in a gzip file, by decompressing all before it."""
    if not handle.is_gzip or handle.position == size:
        return
    handle.restart()
    while handle.position < size:
        data = handle.read(min(BLOCK_BYTES, size - handle.position))
        if not data and not handle.pending:
            raise MovedError  # it was whole when it was compared
        yield


def _skip(files: Files, handle: FileHandle, log: LogState, size: int) -> Steps[None]:
    """Skip what a file held at the start, up to the end of its last whole line.

    Of a gzip file, all: its size does not tell what is in it.
    """
    handle.restart()
    if handle.is_gzip:
        own = NOTHING
        while (data := handle.read(BLOCK_BYTES)) or handle.pending:
            own = own.extend(data)
            yield
        files.logs.skip(log, own)
        return
    last = handle.bytes_at(max(size - _SKIP_LINE_BYTES, 0), min(size, _SKIP_LINE_BYTES))
    size -= len(last) - (last.rfind(b"\n") + 1)
    head = handle.bytes_at(0, min(size, HEAD_BYTES))
    tail = handle.bytes_at(max(size - TAIL_BYTES, 0), min(size, TAIL_BYTES))
    files.logs.skip(log, Fingerprint(size, None if size else 0, head, tail))


def _holds(handle: FileHandle, file: File, log: LogState) -> bool:
    """Whether a file still is the log; a gzip file that changes is taken from it at once."""
    return file.is_gzip if handle.is_gzip else handle.still_matches(log.read)
