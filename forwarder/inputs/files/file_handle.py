"""Open files, and the fingerprints by which a log is known under whatever name.

A fingerprint is of the bytes that were read, from the first to a position, and grows with each
byte. It has four parts:

- ``size``: how many bytes they are;
- ``head``: the first of them as they are. Only files of one head can be the same;
- ``checksum``: CRC-32 of all of them. It goes on from its own value, so it survives a restart
  without reading anything again. It is enough because it is only asked where head and tail agree at
  exactly one length, and who writes into the log from outside does not know the rest of it;
- ``tail``: the last 256 bytes, two or three lines. Each read begins there, so that a file that
  was truncated and written again is detected before a byte of it is taken for the rest of the old.
"""

import os
import stat
from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple
from zlib import crc32

from forwarder.errors import ForwarderError
from forwarder.inputs.block_reader import GZIP_MAGIC, GzipReader, is_too_short, refusal
from forwarder.inputs.block_reader import HEAD_BYTES as FORMAT_BYTES

HEAD_BYTES = 512
"""An appliance begins all logs of one second with the same three lines, some 180 bytes."""
TAIL_BYTES = 256
_SHORT_BYTES = 4096  # files up to here are compared as a whole: that costs no more

MAX_OPEN = 256
"""Files held open at a time: a quarter of the descriptors that a process has by default."""

Inode = tuple[int, int]
"""Device and number: identifies a file while it is there, and nothing afterwards."""


class FileError(ForwarderError):
    """A file is refused for its format; it is tried again."""


class MovedError(FileNotFoundError):
    """Another file has the name by now; a scan finds this one under its new name."""


class Fingerprint(NamedTuple):
    """Of the beginning of a file."""

    size: int = 0
    checksum: int | None = 0  # None where bytes were skipped without being read
    head: bytes = b""  # the first HEAD_BYTES; in the state of earlier versions fewer
    tail: bytes = b""

    def extend(self, data: bytes) -> "Fingerprint":
        """Return the fingerprint that covers the following bytes as well."""
        size, checksum, head, tail = self
        if len(head) == size:
            head += data[: HEAD_BYTES - size]
        tail = data[-TAIL_BYTES:] if len(data) >= TAIL_BYTES else (tail + data)[-TAIL_BYTES:]
        checksum = None if checksum is None else crc32(data, checksum)
        return Fingerprint(size + len(data), checksum, head, tail)

    def may_be(self, other: "Fingerprint") -> bool:
        """Whether both can be of one file, as far as heads tell."""
        return self.head.startswith(other.head) or other.head.startswith(self.head)

    def equals(self, other: "Fingerprint") -> bool:
        """Whether both cover the same bytes; either may have skipped some."""
        unread = None in (self.checksum, other.checksum)
        return (
            self.size == other.size
            and self.tail == other.tail
            and (unread or self.checksum == other.checksum)
            and self.may_be(other)
        )


NOTHING = Fingerprint()  # of no bytes


class Index:
    """Finds the logs that a file may be, by their heads."""

    def __init__(self) -> None:
        self._sorted: list[tuple[bytes, str]] = []  # heads and keys
        self._lengths: Counter[int] = Counter()  # of heads: few are not whole

    def add(self, key: str, head: bytes) -> None:
        """Add a log; without a head it is not found."""
        if head:
            insort(self._sorted, (head, key))
            self._lengths[len(head)] += 1

    def remove(self, key: str, head: bytes) -> None:
        """Remove a log that was added with this head."""
        if head:
            del self._sorted[bisect_left(self._sorted, (head, key))]
            self._lengths[len(head)] -= 1

    def find(self, head: bytes) -> list[str]:
        """Find the logs whose head agrees with this one as far as both go."""
        found = list(self._from(head, whole=False))
        for length, number in self._lengths.items():
            if number and length < len(head):
                found += self._from(head[:length], whole=True)
        return found

    def _from(self, head: bytes, *, whole: bool) -> Iterator[str]:
        """Yield those whose head begins with this one, or is this one."""
        for at in range(bisect_left(self._sorted, (head, "")), len(self._sorted)):
            longer, key = self._sorted[at]
            if longer != head and (whole or not longer.startswith(head)):
                break
            yield key


class FileHandle:
    """An open file, read in order."""

    def __init__(self, path: str, inode: Inode) -> None:
        """Open the file that was seen at a path; FileNotFoundError if it is not there."""
        self._path = path
        self._descriptor = _open(path, inode)
        try:
            self.restart()
        except BaseException:
            self.close()
            raise

    @property
    def fault(self) -> str | None:
        """What is wrong with a gzip file; None if nothing is, so far."""
        return None if self._gzip is None else self._gzip.fault

    @property
    def complete(self) -> bool:
        """Whether the file may end here; always so for plain ones."""
        return self._gzip is None or self._gzip.complete

    @property
    def pending(self) -> bool:
        """Whether a gzip file gave nothing although there is more now: read again."""
        return self._gzip is not None and self._gzip.pending

    @property
    def stamp(self) -> tuple[int, int]:
        """Its size on disk now, and when it changed last, in nanoseconds from 1970."""
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns

    def restart(self) -> None:
        """Go back to the first byte, and find out again what the file is."""
        head = self._check_head()
        self.is_gzip = head.startswith(GZIP_MAGIC)
        self.unclear = is_too_short(head)  # whether it may yet turn out to be compressed
        self.position = 0  # of the next byte that `read` gives, in decompressed bytes
        self._head = b""
        self._gzip = None
        if self.is_gzip:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            self._gzip = GzipReader(partial(os.read, self._descriptor))

    def read(self, size: int) -> bytes:
        """Read what follows; b"" if there is nothing more now, unless it is :attr:`pending`."""
        if self._gzip is not None:
            data = self._gzip.read(size)
            if len(self._head) < FORMAT_BYTES:
                self._head += data[: FORMAT_BYTES - len(self._head)]
                self._refuse(self._head)
        else:
            data = os.pread(self._descriptor, size, self.position)
        self.position += len(data)
        return data

    def read_after(self, known: Fingerprint, size: int) -> bytes | None:
        """Read what follows the bytes that are known, if these are still there.

        One read gets both, so that the file is not replaced in between. b"" if there is nothing
        more now; None if the bytes before are not what they were, or a gzip file stands elsewhere.
        """
        if self._gzip is not None:
            return self.read(size) if self.position == known.size else None
        if known.size < FORMAT_BYTES:  # it was too short to be known for what it is
            self._check_head()
        tail = len(known.tail)
        data = os.pread(self._descriptor, tail + size, known.size - tail)
        if not data.startswith(known.tail):
            return None
        self.position = known.size + len(data) - tail
        return data[tail:]

    def still_matches(self, known: Fingerprint) -> bool:
        """Whether a plain file has the first and last bytes that it had, or all if it is short.

        Enough where the inode is the same; for anything else, compare all of it.
        """
        if self.is_gzip:
            return False
        begin = self.bytes_at(0, _SHORT_BYTES)
        if known.size <= _SHORT_BYTES:
            return known.equals(NOTHING.extend(begin[: known.size]))
        end = self.bytes_at(known.size - len(known.tail), len(known.tail))
        return begin.startswith(known.head) and end == known.tail

    def bytes_at(self, start: int, size: int) -> bytes:
        """Read from anywhere in a plain file."""
        return os.pread(self._descriptor, size, start)

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # nothing was written, so nothing is lost
            os.close(self._descriptor)

    def _check_head(self) -> bytes:
        head = self.bytes_at(0, FORMAT_BYTES)
        self._refuse(head)
        return head

    def _refuse(self, head: bytes) -> None:
        reason = refusal(head)
        if reason is not None:
            raise FileError(f"{self._path!r} {reason}; or leave it out of the pattern")


class HandleCache(OrderedDict[Inode, FileHandle]):
    """The files that are open, least recently used first: of thousands, those read last."""

    def __init__(self, limit: int = MAX_OPEN) -> None:
        """Start with none; at most ``limit`` are open at a time."""
        super().__init__()
        self._limit = limit

    def open(self, path: str, inode: Inode) -> FileHandle:
        """Return the open file, or open it and close the least recently used one."""
        if inode not in self:
            while len(self) >= self._limit:
                self.close(next(iter(self)))
            self[inode] = FileHandle(path, inode)
        self.move_to_end(inode)
        return self[inode]

    def close(self, inode: Inode) -> None:
        """Close a file, if it is open."""
        if inode in self:
            self.pop(inode).close()


def _open(path: str, inode: Inode) -> int:
    """Open a file, and nothing else that may have its name by now.

    A descriptor that is only a place (``O_PATH``) shows what is there, and to close it does nothing
    to the file: of the spool's files, even that would drop SQLite's locks. What it leads to does
    not change any more, so what is opened through it is what was seen.
    """
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        status = os.fstat(place)
        if (status.st_dev, status.st_ino) != inode or not stat.S_ISREG(status.st_mode):
            raise MovedError
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(place)
