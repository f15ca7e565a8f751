"""Errors of the spool, told apart by what to do about them."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forwarder.errors import ForwarderError


class SpoolError(ForwarderError):
    """The spool cannot be used; the message says what to do."""


class BlockedError(SpoolError):
    """The spool cannot be read or written now; nothing was written: wait, and try again."""


class DamagedError(SpoolError):
    """The database is broken. Opening the spool again reads all of it and replaces it."""

    def __init__(self, what: str, error: object = "") -> None:
        shown = f" ({error})" if error else ""
        super().__init__(
            f"{what} is damaged{shown}; start the service again: it replaces the damaged database"
            " and carries over what can be read"
        )


class GoneError(SpoolError):
    """The files of an open spool were deleted; what is written to it is lost."""


class ClosedError(SpoolError):
    """The spool is closed."""


def unwritable(error: OSError, message: str) -> SpoolError:
    """Return BlockedError for a full disk, which may be waited for, else SpoolError."""
    is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return BlockedError(message) if is_full else SpoolError(message)


_BLOCKED = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk does not read or write",
    sqlite3.SQLITE_READONLY: "the disk or the file may not be written",
    sqlite3.SQLITE_CANTOPEN: "a file cannot be opened",
    sqlite3.SQLITE_BUSY: "another process holds the database",
    sqlite3.SQLITE_LOCKED: "another process holds the database",
    sqlite3.SQLITE_NOMEM: "there is no memory",
}


def suspicion(path: Path) -> Path:
    """Return the mark beside a database in which damage was found: the next start reads it all."""
    return path.with_name(path.name + ".suspect")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about a database into those above, and mark damage; others are bugs."""
    try:
        try:
            yield
        except sqlite3.Error as error:
            reason = _BLOCKED.get(_kind(error))
            if reason is not None:
                raise BlockedError(
                    f"{reason} ({error}): nothing can be written to {str(path)!r}; it is tried"
                    " again"
                ) from error
            if is_damage(error):
                raise DamagedError(repr(str(path)), error) from error
            raise
    except DamagedError:
        with suppress(OSError):  # the damage is found again
            suspicion(path).touch(mode=0o600)
        raise


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error means that the file is broken."""
    return _kind(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _kind(error: sqlite3.Error) -> int:
    """Return the low byte of SQLite's code, the kind; 0 for errors of Python itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
