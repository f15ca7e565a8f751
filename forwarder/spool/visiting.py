"""How commands look into the spool, whether or not the service runs.

Nobody who only looks changes anything: no file is made, and none is locked for longer than a
moment. As long as the service runs, or its log of changes is there, SQLite needs both files to
read; otherwise the database is read as a file that nobody changes, which leaves no traces.
"""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from forwarder.spool.database import NAME
from forwarder.spool.errors import SpoolError, explained
from forwarder.spool.locking import holder
from forwarder.spool.room import size_of
from forwarder.spool.schema import VERSIONS, connect, connect_to_read, refuse_newer, version_of

_Result = TypeVar("_Result")


def look(folder: Path, ask: Callable[[sqlite3.Connection], _Result]) -> _Result:
    """Ask the spool of a folder something.

    Args:
        folder: The state folder.
        ask: Called with a connection that cannot write; called again if the service began to run
            meanwhile. It is to be quick, or to hold no transaction open for long.

    Raises:
        SpoolError: There is no spool, or it cannot be read.
    """
    path = existing(folder)
    while True:
        still = _is_still(folder)
        try:
            with explained(path), closing(connect_to_read(path, is_still=still)) as connection:
                _check_version(connection, path)
                answer = ask(connection)
        except (SpoolError, sqlite3.Error):
            if still and not _is_still(folder):
                continue
            raise
        if not still or _is_still(folder):
            return answer


@contextmanager
def changing(folder: Path) -> Iterator[sqlite3.Connection]:
    """Change something in the spool of a folder, in one transaction.

    Args:
        folder: The state folder.

    Raises:
        SpoolError: There is no spool, or it cannot be written.
    """
    path = existing(folder)
    with explained(path), closing(connect(path)) as connection:
        _check_version(connection, path)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def existing(folder: Path) -> Path:
    """Return the path of the database of a folder.

    Raises:
        SpoolError: There is none, or it cannot be read.
    """
    path = folder / NAME
    try:
        found = stat.S_ISREG(path.stat().st_mode)
        path.open("rb").close()
    except FileNotFoundError:
        found = False
    except NotADirectoryError as error:
        wrong = "no folder; name one that is" if folder.exists() else "within a file; name another"
        raise SpoolError(f"the state folder {str(folder)!r} is {wrong}") from error
    except OSError as error:
        raise SpoolError(
            f"{str(path)!r} cannot be read: {error.strerror}; run this as the user that the service"
            " runs as"
        ) from error
    if not found:
        raise SpoolError(
            f"there is no spool in {str(folder)!r}: the service has not run with this state folder"
            " yet"
        )
    return path


def _is_still(folder: Path) -> bool:
    """Say whether nobody writes, and nothing waits to be copied into the database."""
    path = folder / NAME
    return holder(folder) is None and size_of(path.with_name(path.name + "-wal")) == 0


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    refuse_newer(connection, path)
    found = version_of(connection)
    if found < len(VERSIONS):
        raise SpoolError(
            f"{str(path)!r} has version {found}, and this program has {len(VERSIONS)}: start the"
            " service once, it brings the spool up to date"
        )
