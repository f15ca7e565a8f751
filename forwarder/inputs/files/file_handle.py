"""Open files: bytes from the beginning or from a position, plain or unpacked.

Descriptors are bounded: of 10,000 files only those that were read last are open.
"""

import os
import resource
import stat
from collections import OrderedDict
from contextlib import suppress
from functools import partial
from itertools import count

from forwarder.errors import ForwarderError
from forwarder.inputs.block_reader import GZIP_MAGIC, GzipReader, is_too_short, refusal
from forwarder.inputs.block_reader import HEAD_BYTES as FORMAT_BYTES
from forwarder.inputs.files.fingerprints import HEAD_BYTES, Fingerprint

MAX_OPEN = 256
"""Files held open at a time: a quarter of the descriptors that a process has by default."""

MIN_OPEN = 4
"""However few descriptors there are: one to read from, one to compare with, and two more."""


def most_open() -> int:
    """Say how many files to hold open: where descriptors are few, others need them, too."""
    few, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_OPEN if few == resource.RLIM_INFINITY else max(MIN_OPEN, min(MAX_OPEN, few // 4))


Inode = tuple[int, int]
"""Device and number: says which file this is as long as it is there, and nothing afterwards."""


class SourceError(ForwarderError):
    """A file cannot be opened or read now; it is tried again."""


class MovedError(Exception):
    """Another file has the name by now; looking at the folder again tells where this one is."""


class FileHandle:
    """An open file, read in order.

    Attributes:
        packed: Whether it is gzip and is unpacked.
        unclear: Whether it is so short that it may yet turn out to be packed.
        position: Of the next byte that :meth:`read` gives, in unpacked bytes from the start.
    """

    __slots__ = ("_descriptor", "_head", "_path", "_unpacking", "packed", "position", "unclear")

    def __init__(self, path: str, inode: Inode) -> None:
        """Open a file.

        Args:
            path: Where it was seen.
            inode: What was seen there.

        Raises:
            MovedError: Something else is there now, or nothing.
            SourceError: It may not be read, or is no log; see :mod:`forwarder.inputs.block_reader`.
        """
        self._path = path
        try:
            self._descriptor = _open(path, inode)
        except FileNotFoundError as error:
            raise MovedError from error
        except OSError as error:
            raise _refused(path, error) from error
        try:
            self.restart()
        except BaseException:
            self.close()
            raise

    @property
    def fault(self) -> str | None:
        """What is wrong with a packed file; None if nothing is, so far."""
        return None if self._unpacking is None else self._unpacking.fault

    @property
    def complete(self) -> bool:
        """Whether the file may end here; always so for plain ones."""
        return self._unpacking is None or self._unpacking.complete

    @property
    def size(self) -> int:
        """Its size on disk now, in bytes."""
        return os.fstat(self._descriptor).st_size

    @property
    def stamp(self) -> tuple[int, int]:
        """Its size now, and when it changed last, in nanoseconds from 1970."""
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns

    @property
    def pending(self) -> bool:
        """Whether a packed file gave nothing although there is more now: ask again."""
        return self._unpacking is not None and self._unpacking.pending

    def restart(self) -> None:
        """Go back to the first byte, and look anew what the file is.

        Raises:
            SourceError: It cannot be read, or is no log.
        """
        head = self._look_at_head()
        self.packed = head.startswith(GZIP_MAGIC)
        self.unclear = is_too_short(head)
        self.position = 0
        self._head = b""
        self._unpacking = None
        if self.packed:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            self._unpacking = GzipReader(partial(os.read, self._descriptor))

    def read(self, size: int) -> bytes:
        """Read what follows; b"" if there is nothing more now, unless it is :attr:`pending`.

        Raises:
            SourceError: What it unpacks to is no log.
        """
        if self._unpacking is not None:
            data = self._unpacking.read(size)
            if len(self._head) < FORMAT_BYTES:
                self._head += data[: FORMAT_BYTES - len(self._head)]
                self._refuse(self._head)
        else:
            data = os.pread(self._descriptor, size, self.position)
        self.position += len(data)
        return data

    def read_behind(self, known: Fingerprint, size: int) -> bytes | None:
        """Read what follows the bytes that are known, if these are still there.

        One read gets both, so that the file is not another one in between.

        Args:
            known: Of the bytes before. A packed file must stand behind them.
            size: The most bytes to return.

        Returns:
            The bytes; b"" if there is nothing more now; None if the bytes before the position
            are not what they were, or a packed file stands elsewhere.

        Raises:
            SourceError: It turns out to be no log.
        """
        if self._unpacking is not None:
            return self.read(size) if self.position == known.size else None
        if known.size < FORMAT_BYTES:  # it was too short to be known for what it is
            self._look_at_head()
        tail = len(known.tail)
        data = os.pread(self._descriptor, tail + size, known.size - tail)
        if not data.startswith(known.tail):
            return None
        self.position = known.size + len(data) - tail
        return data[tail:]

    def holds(self, known: Fingerprint) -> bool:
        """Say whether a plain file begins and goes on as it did, by its first and last bytes.

        Enough where the inode says the same; for anything else, compare all of it.
        """
        if self.packed:
            return False
        head = known.marks[:HEAD_BYTES]
        tail = known.tail
        return (
            os.pread(self._descriptor, len(head), 0) == head
            and os.pread(self._descriptor, len(tail), known.size - len(tail)) == tail
        )

    def bytes_at(self, start: int, size: int) -> bytes:
        """Read from anywhere in a plain file."""
        return os.pread(self._descriptor, size, start)

    def head(self, limit: int) -> bytes:
        """Read the whole lines among the first bytes, unpacked; at most so many bytes."""
        if self._unpacking is None:
            data = os.pread(self._descriptor, limit, 0)
        else:
            at = count()
            gzip = GzipReader(lambda size: os.pread(self._descriptor, size, next(at) * size))
            data = gzip.read_on(limit)
        return data[: data.rfind(b"\n") + 1]

    def close(self) -> None:
        """Close the file; it may be closed already."""
        if self._descriptor >= 0:
            with suppress(OSError):  # there is nothing to lose: nothing was written
                os.close(self._descriptor)
            self._descriptor = -1

    def _look_at_head(self) -> bytes:
        """Return the first bytes on disk, unless they are those of something that is no log."""
        try:
            head = os.pread(self._descriptor, FORMAT_BYTES, 0)
        except OSError as error:
            raise _refused(self._path, error) from error
        self._refuse(head)
        return head

    def _refuse(self, head: bytes) -> None:
        reason = refusal(head)
        if reason is not None:
            raise SourceError(f"{self._path!r} {reason}; or leave it out of the pattern")


class HandleCache:
    """The files that are open, those used longest ago first."""

    def __init__(self, limit: int = MAX_OPEN) -> None:
        """Start with none open.

        Args:
            limit: The most to hold open, at least 1.
        """
        self._limit = limit
        self._sources: OrderedDict[Inode, FileHandle] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, inode: Inode) -> bool:
        return inode in self._sources

    def open(self, path: str, inode: Inode) -> FileHandle:
        """Give the open file, or open it and close the one used longest ago.

        Raises:
            MovedError: Something else is there now, or nothing.
            SourceError: It may not be read, or is no log.
        """
        source = self._sources.get(inode)
        if source is None:
            while len(self._sources) >= self._limit:
                self.close(next(iter(self._sources)))
            source = self._sources[inode] = FileHandle(path, inode)
        self._sources.move_to_end(inode)
        return source

    def close(self, inode: Inode) -> None:
        """Close a file, if it is open."""
        source = self._sources.pop(inode, None)
        if source is not None:
            source.close()

    def close_all(self) -> None:
        """Close all files."""
        for inode in list(self._sources):
            self.close(inode)


def _open(path: str, inode: Inode) -> int:
    """Open a file, and nothing else that may have its name by now.

    A descriptor that is only a place (``O_PATH``) shows what is there, and to close it does nothing
    to the file: of the spool's files, even that would let go of SQLite's locks. What it leads to
    does not change any more, so what is opened through it is what was seen.

    Raises:
        MovedError: It is not the file that was seen.
        OSError: It cannot be opened.
    """
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        status = os.fstat(place)
        if (status.st_dev, status.st_ino) != inode or not stat.S_ISREG(status.st_mode):
            raise MovedError
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(place)


def _refused(path: str, error: OSError) -> SourceError:
    cure = "; give this user the right to read it" if isinstance(error, PermissionError) else ""
    return SourceError(f"{path!r} cannot be read: {error.strerror}{cure}")
