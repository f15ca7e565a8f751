"""What can go wrong with the spool, told apart by what to do about it."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forwarder.errors import ForwarderError


class SpoolError(ForwarderError):
    """The spool cannot be used; the message says what to do."""


class BlockedError(SpoolError):
    """It cannot be read or written now, as with a full disk: wait, and try the same again.

    Nothing was written, not in part either.
    """


class LettersFullError(BlockedError):
    """The dead letters of an output have reached their limit; it waits, the others go on."""

    def __init__(self, message: str, room: int) -> None:
        """Say it.

        Args:
            message: What there is to know.
            room: How many of the new letters may be kept all the same: the first ones.
        """
        super().__init__(message)
        self.room = room


class DamagedError(SpoolError):
    """The database is broken. To open it again reads all of it, and sets it aside."""


class GoneError(SpoolError):
    """Somebody has deleted the files of a spool that is open; what is written to it is lost."""


class ClosedError(SpoolError):
    """It was closed by whoever had opened it."""


def unwritable(error: OSError, message: str) -> SpoolError:
    """Tell a full disk, which is waited for, from what somebody has to mend.

    Args:
        error: Of the system.
        message: What to say.
    """
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return BlockedError(message) if full else SpoolError(message)


_BLOCKED = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk does not read or write",
    sqlite3.SQLITE_READONLY: "the disk or the file may not be written",
    sqlite3.SQLITE_CANTOPEN: "a file cannot be opened",
    sqlite3.SQLITE_BUSY: "another process holds the database",
    sqlite3.SQLITE_LOCKED: "another process holds the database",
    sqlite3.SQLITE_NOMEM: "there is no memory",
}
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY = 0xFF
"""SQLite's codes have the kind in the low byte and the details above it."""


def suspicion(path: Path) -> Path:
    """Return the path of the mark beside a damaged database.

    Whoever comes upon damage makes it; with it, the next start reads all of the database.
    """
    return path.with_name(path.name + ".suspect")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite into those above; others are bugs and stay as they are.

    Args:
        path: The database, for the message, and for the mark where it is damaged.
    """
    try:
        with _explained(path):
            yield
    except DamagedError:
        with suppress(OSError):  # then it is come upon again
            suspicion(path).touch(mode=0o600)
        raise


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        kind = code(error)
        if kind in _BLOCKED:
            raise BlockedError(
                f"{_BLOCKED[kind]} ({error}): nothing can be written to {str(path)!r}; it is tried"
                " again"
            ) from error
        if kind in _DAMAGED:
            raise DamagedError(
                f"{str(path)!r} is damaged ({error}); start the service again: it sets the damaged"
                " database aside and carries over what can be read"
            ) from error
        raise


def code(error: sqlite3.Error) -> int:
    """Return the kind of an error; 0 for those that Python raises by itself."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether an error means that the file is broken."""
    return code(error) in _DAMAGED
