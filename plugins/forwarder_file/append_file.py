"""The file that grows, the marker beside it, and what is done at its end after a crash.

**Marker.** Beside ``auth.ndjson`` lies ``.auth.ndjson.mark``. Before a batch is appended, it says
where the batch begins: what is behind it may come again after a crash, what is before it never
does. It is synced when it moves into another file, and then every 64 MiB: after a power cut an old
one points further back in the same file, and more than necessary is recognised. It never points
behind the end of the file, because each batch is synced before the next is marked. It is locked
while the output is open, so two outputs cannot write to one file.

**Recovery.** A process that is killed leaves part of a batch, cut anywhere. After a power cut there
may also be stretches of NUL bytes, where earlier data did not reach the disk and later data did.

- Behind the marker, all that follows the first damaged line is of the last batch: it was not
  synced, so it comes again, and is cut.
- Where the marker does not fit the file (the file was copied here, or the marker was deleted), or
  lines of other programs follow the damage, only damaged lines at the very end are cut.
- A line is damaged if it begins like a document, or with NUL, is not one, and has a NUL in it or no
  newline: that is what kills and power cuts leave. Other text was written by other programs, and
  stays.
- A whole document that lacks only its newline gets it.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import orjson

MODE = 0o640
"""Of new files, whatever the umask: only a group can be given the right to read them."""
UNMARKED_BYTES = 1 << 26
"""How much of the end of a file without a marker is searched: 64 MiB, six times as much as the
batches that shippers commonly send, and read in a fraction of a second."""
SYNC_BYTES = 1 << 26
"""How far the marker moves before it is synced again: what has to be read after a power cut."""
_PROOF_BYTES = 4096
"""How much before the marker has to be unchanged: as a rule a whole document, with its id."""
_MARKER = re.compile(rb"(\d{20}) (\d{20}) ([0-9a-f]{32})\n")


class AppendFile:
    """A regular file open for appending: a batch is added whole or not at all."""

    def __init__(self, path: Path) -> None:
        is_new = not path.exists()
        # Without O_NONBLOCK, opening a pipe would wait for a reader; it does not affect files.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        self.descriptor = os.open(path, flags, MODE)
        try:
            status = os.fstat(self.descriptor)
            if not stat.S_ISREG(status.st_mode):
                words = "it is not a regular file; name another"
                raise OSError(0, words, str(path))  # noqa: TRY301 - closed as after any error
            if is_new:
                os.fchmod(self.descriptor, MODE)
                sync_folder(path.parent)
        except BaseException:
            self.close()
            raise
        self.last_write = status.st_mtime  # seconds since 1970

    @property
    def size(self) -> int:
        """Current size in bytes."""
        return os.fstat(self.descriptor).st_size

    def is_at(self, path: Path) -> bool:
        """Tell whether the path still leads to this file."""
        try:
            return os.path.samestat(path.stat(), os.fstat(self.descriptor))
        except FileNotFoundError:
            return False

    def append(self, data: bytes) -> None:
        """Append and sync.

        After a failure, what was written is removed as far as the disk allows; the file must then
        be opened and recovered again.
        """
        start, written = self.size, 0
        try:
            while written < len(data):
                written += os.write(self.descriptor, memoryview(data)[written:])
            os.fsync(self.descriptor)
        except OSError:
            # What could not be synced goes too: the system may count it as written by now.
            with contextlib.suppress(OSError):
                if self.size == start + written:  # nothing of others is behind it
                    os.ftruncate(self.descriptor, start)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)


class MarkerPosition(NamedTuple):
    """Where a batch begins."""

    inode: int
    offset: int  # bytes from the start of the file
    proof: str  # hash of what is before it

    @classmethod
    def at(cls, descriptor: int, offset: int) -> Self:
        """Describe a position in an open file."""
        start = max(0, offset - _PROOF_BYTES)
        before = os.pread(descriptor, offset - start, start)
        proof = hashlib.blake2b(before, digest_size=16).hexdigest()
        return cls(os.fstat(descriptor).st_ino, offset, proof)

    def is_in(self, descriptor: int) -> bool:
        """Tell whether a file is the marked one; inodes are reused."""
        size = os.fstat(descriptor).st_size
        return size >= self.offset and self == MarkerPosition.at(descriptor, self.offset)


class BatchMarker:
    """The marker of one file, open and locked."""

    def __init__(self, path: Path) -> None:
        """Lock the marker of a file; raises BlockingIOError if another output holds it."""
        self.path = path.with_name(f".{path.name}.mark")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self.path, flags, MODE)
        self._synced: MarkerPosition | None = None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise

    def read(self) -> MarkerPosition | None:
        """Return the position; None if there is none or it is unreadable."""
        found = _MARKER.fullmatch(os.pread(self._descriptor, 1024, 0))
        return MarkerPosition(int(found[1]), int(found[2]), found[3].decode()) if found else None

    def set(self, position: MarkerPosition) -> None:
        """Record where a batch begins, in one short write that is never seen half done."""
        text = f"{position.inode:020d} {position.offset:020d} {position.proof}\n".encode()
        if os.fstat(self._descriptor).st_size != len(text):
            os.ftruncate(self._descriptor, 0)
            sync_folder(self.path.parent)  # it was created just now
        os.pwrite(self._descriptor, text, 0)
        last = self._synced
        if (
            last is None
            or last.inode != position.inode
            or not last.offset <= position.offset < last.offset + SYNC_BYTES
        ):
            os.fdatasync(self._descriptor)
            self._synced = position

    def close(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)


Known = tuple[str, int]
"""A document, by its id and a hash of its content. One that comes with the same id and another
content is no repetition: its log was read again, and more of its connection was known."""
OF_OTHERS: Known = ("", 0)
"""In place of that, for a line of another program, and for a document without an id."""


def recover(descriptor: int, position: MarkerPosition | None) -> tuple[set[Known], int]:
    """Repair the end of an open file.

    Returns the documents that may come again and the offset of the first of them.
    """
    size = os.fstat(descriptor).st_size
    is_marked = position is not None and position.is_in(descriptor)
    start = position.offset if position and is_marked else max(0, size - UNMARKED_BYTES)
    known: list[Known] = []
    at = end = start
    damage: tuple[int, int] | None = None  # where it begins, and how many documents are before it
    for line in _lines(descriptor, start):
        document = recognise(line)
        if document is None:
            damage = damage or (at, len(known))
        else:
            end = at + len(line)
            if document != OF_OTHERS:
                known.append(document)
            elif damage is not None:
                is_marked = False
        at += len(line)
    if damage and is_marked:
        end = damage[0]
        del known[damage[1] :]
    if end < size:
        os.ftruncate(descriptor, end)
    if end and os.pread(descriptor, 1, end - 1) != b"\n":
        os.write(descriptor, b"\n")
    if known or end < size:
        os.fsync(descriptor)  # what is recognised counts as written
    return set(known), start


def known_after_marker(path: Path, position: MarkerPosition) -> set[Known]:
    """Return the documents behind the marker in a renamed file; none if it is another file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not position.is_in(descriptor):
            return set()
        os.fsync(descriptor)  # what is recognised counts as written
        found = set(map(recognise, _lines(descriptor, position.offset)))
        return {x for x in found if x is not None and x != OF_OTHERS}
    finally:
        os.close(descriptor)


def _lines(descriptor: int, start: int) -> Iterator[bytes]:
    with open(os.dup(descriptor), "rb") as file:  # noqa: PTH123 - a descriptor
        file.seek(start)
        yield from file


def recognise(line: bytes) -> Known | None:
    """Return what the document in a line is recognised by; None for a damaged line.

    The path of its log does not count: the log may be parsed again after a crash, and may have been
    rotated meanwhile.
    """
    if not line.startswith((b"{", b"\0")):
        return OF_OTHERS
    try:
        document = orjson.loads(line)
        id_ = document["event"]["id"]
    except orjson.JSONDecodeError:
        return None if b"\0" in line or not line.endswith(b"\n") else OF_OTHERS
    except (KeyError, TypeError):
        return OF_OTHERS
    if not isinstance(id_, str) or not id_:
        return OF_OTHERS
    if isinstance(document.get("log"), dict):
        document["log"].pop("file", None)
    return id_, hash(orjson.dumps(document))


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
