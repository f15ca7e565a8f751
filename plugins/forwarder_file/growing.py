"""The file that grows: opened, appended to as a whole or not at all, and synced."""

import contextlib
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
        self.descriptor = _open(path)
        status = os.fstat(self.descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise OSError(0, "it is no regular file; name another", str(path))
        self.size = status.st_size
        self.last_write = status.st_mtime
        """Seconds since 1970."""

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
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self.descriptor, left) :]
            os.fsync(self.descriptor)
        except OSError as error:
            # What could not be synced goes too: the system may take it for written by now.
            try:
                os.ftruncate(self.descriptor, self.size)
            except OSError:
                raise CannotUndoError(error.errno, error.strerror, error.filename) from error
            raise
        self.size += len(data)
        self.last_write = clock()

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


def _open(path: Path) -> int:
    # A pipe without a reader would be waited for without O_NONBLOCK; files do not care.
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, MODE)
        try:
            os.fchmod(descriptor, MODE)
            sync_folder(path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor
    return os.open(path, flags)
