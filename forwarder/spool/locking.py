"""One process at a time: a lock on a file beside the database, with the number of its process.

The lock is the kernel's: it ends with the process, however that ends.
"""

import fcntl
import os
import time
from pathlib import Path

from forwarder.spool.failures import SpoolError, unwritable

NAME = "spool.lock"
_PATIENCE = 2.0
"""Seconds. Commands that look whether the service runs hold the lock for a moment."""
_PAUSE = 0.05


class Lock:
    """Held until it is closed, or the process ends."""

    def __init__(self, folder: Path, patience: float = _PATIENCE) -> None:
        """Take the lock.

        Args:
            folder: Where the spool is.
            patience: Seconds to try.

        Raises:
            SpoolError: Another process holds it.
        """
        path = folder / NAME
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritable(path, error) from error
        give_up = time.monotonic() + patience
        while not _lock(self._file, fcntl.LOCK_EX):
            if time.monotonic() > give_up:
                os.close(self._file)
                raise SpoolError(
                    f"the spool in {str(folder)!r} is in use by process {_pid(path)}; stop that"
                    " one first, or give this one a state folder of its own"
                )
            time.sleep(_PAUSE)
        try:
            os.truncate(self._file, 0)
            os.pwrite(self._file, b"%d\n" % os.getpid(), 0)
        except OSError as error:
            os.close(self._file)
            raise _unwritable(path, error) from error

    def close(self) -> None:
        """Let go. The file stays: to remove it would let two processes hold two locks."""
        os.close(self._file)


def holder(folder: Path) -> int | None:
    """Return the number of the process that has a spool open; None if there is none."""
    path = folder / NAME
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _lock(file, fcntl.LOCK_SH) else _pid(path)
    finally:
        os.close(file)


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(path: Path) -> int:
    """Read who holds a lock; 0 in the moment before it has said so."""
    text = path.read_bytes().strip()
    return int(text) if text.isdigit() else 0


def _unwritable(path: Path, error: OSError) -> SpoolError:
    return unwritable(
        error,
        f"{str(path)!r} cannot be written: {error.strerror}; make that possible, or name another"
        " state folder",
    )
