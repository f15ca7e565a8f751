"""The file that grows: opened, appended to as a whole or not at all, and synced."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

MODE = 0o640
"""Of new files, whatever the umask: addresses and user names are not for everybody, and a group
can be given the right to read them."""


class CannotUndoError(OSError):
    """Part of a batch is in the file and cannot be taken away now."""


class GrowingFile:
    """A regular file that is open for appending."""

    def __init__(self, path: Path) -> None:
        """Open a file, or make it."""
        self.descriptor, is_new = _open(path)
        try:
            if is_new:
                os.fchmod(self.descriptor, MODE)
                sync_folder(path.parent)
            status = os.fstat(self.descriptor)
            if not stat.S_ISREG(status.st_mode):
                words = "it is no regular file; name another"
                raise OSError(0, words, str(path))  # noqa: TRY301 - closed as after any error
        except BaseException:
            self.close()
            raise
        self._size = status.st_size
        """As far as this has written, or looked."""
        self.last_write = status.st_mtime
        """Seconds since 1970."""

    @property
    def size(self) -> int:
        """Bytes that it has now, whoever wrote them."""
        return os.fstat(self.descriptor).st_size

    def take_over(self) -> bool:
        """Go on behind what others have done to it since the last write.

        Returns:
            Whether they have done anything.
        """
        size = self.size
        if size == self._size:
            return False
        if size and os.pread(self.descriptor, 1, size - 1) != b"\n":
            os.write(self.descriptor, b"\n")
        self._size = self.size
        return True

    def is_at(self, path: Path) -> bool:
        """Say whether the path still leads to this file: nobody moved it away or deleted it."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(status, os.fstat(self.descriptor))

    def is_deleted(self) -> bool:
        """Say whether no path leads to it any more."""
        return os.fstat(self.descriptor).st_nlink == 0

    def append(self, data: bytes, clock: Callable[[], float]) -> None:
        """Add to the end; on the disk when it returns.

        Raises:
            CannotUndoError: It failed, and part of the data may be in the file.
            OSError: It failed, and the file is as it was.
        """
        written = 0
        try:
            while written < len(data):
                written += os.write(self.descriptor, memoryview(data)[written:])
            os.fsync(self.descriptor)
        except OSError as error:
            # What could not be synced goes too: the system may take it for written by now.
            if not self._take_back(written):
                raise CannotUndoError(error.errno, error.strerror, error.filename) from error
            raise
        self._size += written
        self.last_write = clock()

    def _take_back(self, written: int) -> bool:
        """Cut off what was written last; say whether it is gone, and nothing else is."""
        try:
            if self.size == self._size + written:
                os.ftruncate(self.descriptor, self._size)
                return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)


def sync_folder(folder: Path) -> None:
    """Make sure that names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path) -> tuple[int, bool]:
    """Open a file; say whether it was made for that."""
    # A pipe without a reader would be waited for without O_NONBLOCK; files do not care.
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, MODE), True
    except FileExistsError:
        return os.open(path, flags), False
