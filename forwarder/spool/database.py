"""Opens the database, and sets it aside when it is damaged.

At a start, only what is needed then is read and checked: the ends of the tables, and the state.
Documents and dead letters carry checksums, and are checked when they are read. Whoever comes upon
damage makes a mark, and with this mark all of the database is read when it is opened next.

A database is made under another name and renamed when it is whole, so what bears the right name
was whole once: an empty file there is damage, not a beginning. A damaged one is never written to
again; it is renamed and kept, and what can be read of it is carried over into a new one.

    spool.db                        the database
    spool.db-wal, spool.db-shm      its log of changes, and the index of that
    spool.db.new                    one that is being made
    spool.db.suspect                the mark: somebody has come upon damage
    spool.db.damaged-TIME           one that was set aside
    spool.db.damaged-TIME-block-N   a block of documents that was

What is renamed is closed before, so that all of it is in one file, and synced with its name: after
a power cut there is the old one, the new one, or one that is still to be renamed.
"""

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import structlog

from forwarder.spool.errors import BlockedError, explained, is_damage, suspicion, unwritable
from forwarder.spool.room import size_of, wal_of
from forwarder.spool.salvaging import Salvaged, is_whole, salvage
from forwarder.spool.schema import (
    connect,
    connect_to_read,
    create,
    has_lost_version,
    has_tables,
    is_current,
    migrate,
    refuse_newer,
)

NAME = "spool.db"
_BESIDE = ("-wal", "-shm")
_JOURNAL = "-journal"
"""Of a database that is not yet one with a log of changes."""
_OTHERS = 0o077

_REPLACED = "The spool was damaged and has been replaced; the damaged file was kept. "
_NOTHING_LOST = _REPLACED + "Nothing in it was lost."
_DOCUMENTS_LOST = _REPLACED + (
    "Positions in the logs were carried over; documents or dead letters were lost. To deliver them"
    " again, run esa-forwarder rewind for the logs that they came from."
)
_POSITIONS_LOST = _REPLACED + (
    "Positions in the logs were lost, all or some: these logs are read again without a rewind, from"
    " where start_at says. Outputs that do not recognize ids, such as file and stdout, may get"
    " documents twice."
)

_log = structlog.get_logger(__name__)


def prepare_folder(folder: Path) -> None:
    """Make the folder, for its owner's eyes only.

    Raises:
        SpoolError: It cannot be made or used.
    """
    try:
        missing = [x for x in (folder, *folder.parents) if not x.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for made in missing:
            with suppress(PermissionError):  # some folders may be written and not read
                _sync_folder(made.parent)
        mode = folder.stat().st_mode
    except OSError as error:
        raise unwritable(
            error,
            f"the state folder {str(folder)!r} cannot be made: {error.strerror}; make it, and give"
            " it to the user that this runs as",
        ) from error
    if mode & _OTHERS:
        # Whoever named a folder that others use, too, would not thank us for closing it.
        _log.warning(
            "Others may enter the state folder; take the right from them: chmod 700.",
            folder=str(folder),
        )


def open_database(folder: Path) -> tuple[sqlite3.Connection, Salvaged | None]:
    """Open the database of a folder whose lock is held; make it if there is none.

    Returns:
        A connection, and what was carried over where the database was damaged.

    Raises:
        SpoolError: It is of a newer version, or there is no room for a new one.
    """
    path = folder / NAME
    new = _new(path)
    found = None
    with explained(path):
        if path.exists():
            _remove(new)  # of a process that did not come to the end
            is_suspect = suspicion(path).exists()
            fault = _fault(path) if is_suspect else _first_fault(path)
            if fault is not None:
                found = _replace(path, fault)
            suspicion(path).unlink(missing_ok=True)
        else:
            if not _is_finished(new):
                _remove(new)
                create(new).close()
            _rename(path, new)
        try:
            return _connect(path), found
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            found = _replace(path, str(error))
        return _connect(path), found


def _connect(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def keep_aside(path: Path, first: int, packed: bytes) -> Path:
    """Write a damaged block beside the database, before it is deleted there.

    Args:
        path: The database.
        first: Serial number of the block's first document.
        packed: What is left of it.

    Raises:
        BlockedError: It cannot be written.
    """
    aside = _free_name(path, f"-block-{first}")
    try:
        aside.touch(mode=0o600)
        with aside.open("wb") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        raise BlockedError(
            f"{str(aside)!r} cannot be written: {error.strerror}; it is tried again"
        ) from error
    return aside


def _fault(path: Path) -> str | None:
    """Read all of a database, without changing it.

    Returns:
        What is wrong with it, if anything is.
    """
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with closing(connect_to_read(path)) as connection:
            refuse_newer(connection, path)
            found = [x for (x,) in connection.execute("PRAGMA integrity_check(3)")]
            if found != ["ok"]:
                return "; ".join(found)
            if has_lost_version(connection):
                return "its tables are there, and its version is gone"
            return _bad_value(connection) if has_tables(connection) else None
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return str(error)


def _first_fault(path: Path) -> str | None:
    """Read of a database what a start needs, without changing it; however large it is.

    Returns:
        What is wrong with it, if anything is.
    """
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with closing(connect_to_read(path)) as connection:
            refuse_newer(connection, path)
            # With a log of changes, a copy into the database may have been under way.
            if not size_of(wal_of(path)):
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
                (page,) = connection.execute("PRAGMA page_size").fetchone()
                if path.stat().st_size < pages * page:
                    return "its end is missing"
            if has_lost_version(connection):
                return "its tables are there, and its version is gone"
            if not has_tables(connection):
                return None
            for table in ("blocks", "dead_letters"):
                for order in ("", "DESC"):
                    statement = f"SELECT * FROM {table} ORDER BY 1 {order} LIMIT 1"  # noqa: S608 - our own text
                    connection.execute(statement).fetchone()
            return _bad_state(connection)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return str(error)


def _bad_state(connection: sqlite3.Connection) -> str | None:
    for row in connection.execute("SELECT checksum, key, value FROM state"):
        if not is_whole("state", row):
            return f"the state {row[1]!r} does not match its checksum"
    return None


def _bad_value(connection: sqlite3.Connection) -> str | None:
    """Look whether a value has changed unnoticed by SQLite."""
    fault = _bad_state(connection)
    if fault is not None:
        return fault
    for row in connection.execute("SELECT checksum, id, packed, number FROM dead_letters"):
        if not is_whole("dead_letters", row):
            return f"dead letter {row[-1]} does not match its checksum"
    return None


def _is_finished(new: Path) -> bool:
    """Say whether a new database is whole, and only its name is still to be given.

    What its log of changes has is copied into it.
    """
    if not new.exists():
        return False
    try:
        with closing(connect(new)) as connection:
            begun = is_current(connection)
        return begun and _fault(new) is None
    except sqlite3.DatabaseError:
        return False


def _replace(path: Path, fault: str) -> Salvaged:
    """Make a new database of what can be read of a damaged one, and set that one aside."""
    with closing(create(_new(path))) as connection:
        found = salvage(path, connection)
    aside = _free_name(path)
    _sync_folder(path.parent)  # or else the old one might go and the new one not be there
    # The database goes first: if this is the last that happens, there is a new one and no old one.
    path.rename(aside)
    _rename(path, _new(path), aside)
    if found.positions != "complete":
        words = _POSITIONS_LOST
    else:
        words = _NOTHING_LOST if found.complete else _DOCUMENTS_LOST
    _log.error(words, fault=fault, aside=str(aside), **found._asdict())
    return found


def _rename(path: Path, new: Path, aside: Path | None = None) -> None:
    """Give a new database its name; what lies beside the old one must not be taken for its own.

    Args:
        path: The name.
        new: The database.
        aside: What the old one is called now, if there was one.
    """
    for ending in _BESIDE:
        old = path.with_name(path.name + ending)
        if not old.exists():
            continue
        if aside is None:
            aside = _free_name(path)
            _log.error(
                "There is a log of changes of the spool without its database; it has been set"
                " aside. If somebody has removed the database, what was in it is lost.",
                aside=aside.name + ending,
            )
        old.rename(aside.with_name(aside.name + ending))
    new.rename(path)
    _sync_folder(path.parent)


def _free_name(path: Path, ending: str = "") -> Path:
    stem = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{ending}"
    candidate, number = path.with_name(stem), 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{stem}-{number}")
    return candidate


def _new(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _remove(path: Path) -> None:
    for ending in ("", *_BESIDE, _JOURNAL):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Let a rename be on disk."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
