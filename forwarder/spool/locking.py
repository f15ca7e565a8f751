"""One process at a time: a lock on a file beside the database, with its number and state.

The lock is the kernel's: it ends with the process, however that ends. The file has three lines:

    1234                    the number of the process
    00000000000000056789    the serial number behind the newest document that was committed
    {"since": ..., ...}     why nothing is read, if that is so

It has what the database cannot have: what is to be said while nothing can be written there (a few
bytes are written over others here, for which a full disk has room), and what the database is
compared with when it is opened next. Nothing of it is synced: an old number is a small one.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import orjson

from forwarder.spool.errors import SpoolError, unwritable

NAME = "spool.lock"
_PATIENCE = 2.0
"""Seconds. Commands that look whether the service runs hold the lock for a moment."""
_PAUSE = 0.05
_DIGITS = 20
_MAX_REASON = 2000
"""Characters: all of it is in one block of the disk."""


class Pause(NamedTuple):
    """That nothing is read."""

    since: float
    """Seconds since 1970."""
    reason: str
    """And what ends it, in words."""


class _Content(NamedTuple):
    process: int = 0
    """0 in the moment before it has said so."""
    committed: int = 0
    pause: Pause | None = None


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
                process = _read(path).process
                raise SpoolError(
                    f"the spool in {str(folder)!r} is in use by process {process}; stop that one"
                    " first, or give this one a state folder of its own"
                )
            time.sleep(_PAUSE)
        self._pause: Pause | None = None
        self.committed = _read(path).committed
        """The serial number behind the newest document, as far as the process before has said."""
        try:
            self._write()
        except OSError as error:
            os.close(self._file)
            raise _unwritable(path, error) from error

    def note_commit(self, committed: int) -> None:
        """Note the serial number behind the newest document that was committed."""
        self.committed = committed
        with suppress(OSError):  # an old one does no harm
            self._write()

    def note_pause(self, pause: Pause | None) -> None:
        """Note why nothing is read, or that it is."""
        self._pause = pause
        with suppress(OSError):
            self._write()

    def _write(self) -> None:
        pause = self._pause
        said = b"" if pause is None else orjson.dumps([pause.since, pause.reason[:_MAX_REASON]])
        content = b"%d\n%0*d\n%s\n" % (os.getpid(), _DIGITS, self.committed, said)
        os.pwrite(self._file, content, 0)
        os.truncate(self._file, len(content))

    def close(self) -> None:
        """Let go. The file stays: to remove it would let two processes hold two locks."""
        os.close(self._file)


def holder(folder: Path) -> int | None:
    """Return the number of the process that has a spool open; None if there is none."""
    content = _held(folder)
    return None if content is None else content.process


def pause_of(folder: Path) -> Pause | None:
    """Return why the process that has a spool open does not read; None if it does, or none has."""
    content = _held(folder)
    return None if content is None else content.pause


def _held(folder: Path) -> _Content | None:
    """Return what the process says that has the lock; None if there is none."""
    path = folder / NAME
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _lock(file, fcntl.LOCK_SH) else _read(path)
    finally:
        os.close(file)


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> _Content:
    """Read what a process has said; whatever cannot be read, it has not."""
    lines = [*path.read_bytes().split(b"\n"), b"", b"", b""]
    process, committed = (int(x) if x.isdigit() and len(x) <= _DIGITS else 0 for x in lines[:2])
    try:
        since, reason = orjson.loads(lines[2])
        pause = Pause(float(since), str(reason))
    except (ValueError, TypeError):
        pause = None
    return _Content(process, committed, pause)


def _unwritable(path: Path, error: OSError) -> SpoolError:
    return unwritable(
        error,
        f"{str(path)!r} cannot be written: {error.strerror}; make that possible, or name another"
        " state folder",
    )
