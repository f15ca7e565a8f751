"""Opens the database of a state folder, and replaces a damaged one.

At a start, only the ends of the tables and the state are read and checked. Documents and dead
letters carry checksums, and are checked when they are read. Where damage is found, a mark is made,
and with this mark all of the database is read when it is opened next.

A database is made under another name, closed, synced and renamed, so what bears the right name was
whole once: an empty file there is damage. A damaged one is never written to again; it is kept under
another name, and what can be read of it is copied into a new one: one pass over each table, which
ends where the table is broken. The state is read from its last key, because its version, cursors
and positions stand behind the open connections.

    spool.lock                      the lock of the process that has it open, and what that notes
    spool.db                        the database
    spool.db-wal, spool.db-shm      its log of changes, and the index of that
    spool.db.new                    one that is being made
    spool.db.suspect                the mark: damage was found
    spool.db.damaged-TIME           a damaged one that was replaced
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import structlog

from forwarder.spool import schema
from forwarder.spool.errors import explained, is_damage, suspicion, unwritable
from forwarder.spool.schema import checksum

NAME = "spool.db"
_TABLES = {
    "state": ("checksum, key, value", 2, "key DESC"),
    "blocks": ("checksum, compressed, first, documents, time", 1, "first"),
    "dead_letters": (
        "checksum, id, compressed, number, output, time, status, replay, size, reason",
        2,
        "number",
    ),
}
"""Columns, how many of them behind the checksum it is made of, and the order to read them in."""
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
    """Make the state folder, for its owner only; raises SpoolError if that cannot be."""
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
    if mode & (stat.S_IRWXG | stat.S_IRWXO):  # it may be a folder that others use on purpose
        _log.warning("Other users may enter the state folder; run chmod 700.", folder=str(folder))


def open_database(folder: Path) -> tuple[sqlite3.Connection, bool]:
    """Open the database of a folder whose lock is held; make it if there is none.

    Returns a connection, and whether the database was damaged and has been replaced. Raises
    SpoolError where it is of a newer version, or a new one does not fit on the disk.
    """
    path = folder / NAME
    fault = None
    with explained(path):
        for unfinished in folder.glob(f"{_new(path).name}*"):
            unfinished.unlink()
        if not path.exists():
            aside = _aside(path)
            schema.create(_new(path)).close()
            if Path(f"{path}-wal").exists():
                _log.error(
                    "The spool's log of changes was found without its database and has been kept."
                    " If the database was deleted, its contents are lost.",
                    aside=f"{aside.name}-wal",
                )
            _rename(path, aside)
        else:
            fault = _find_fault(path, thorough=suspicion(path).exists())
            if fault is not None:
                _replace(path, fault)
            suspicion(path).unlink(missing_ok=True)
        connection = schema.connect(path)
        try:
            schema.migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection, fault is not None


def _new(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _aside(path: Path) -> Path:
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return path.with_name(f"{path.name}.damaged-{time}")


def _find_fault(path: Path, *, thorough: bool) -> str | None:
    """Return what is wrong with a database, without changing it; None if nothing was found.

    To be thorough is to read all of it, and not only the state and the ends of the tables.
    """
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with closing(schema.connect_to_read(path)) as connection:
            schema.refuse_newer(connection, path)
            if schema.version_of(connection) == 0:  # tables and version are written at once
                return "its version is gone"
            return next(_find_faults(connection, thorough=thorough), None)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return str(error)


def _find_faults(connection: sqlite3.Connection, *, thorough: bool) -> Iterator[str]:
    if thorough:
        found = [x for (x,) in connection.execute("PRAGMA integrity_check(3)")]
        if found != ["ok"]:
            yield "; ".join(found)
    else:
        for table, order in product(("blocks", "dead_letters"), ("ASC", "DESC")):
            statement = f"SELECT * FROM {table} ORDER BY 1 {order} LIMIT 1"  # noqa: S608 - our own text
            connection.execute(statement).fetchone()
    for table in ("state", "dead_letters") if thorough else ("state",):
        for row in connection.execute(f"SELECT {_columns(connection, table)} FROM {table}"):  # noqa: S608
            if not _is_whole(table, row):  # it changed unnoticed by SQLite
                yield f"{table}: {row[1]!r} does not match its checksum"


def _is_whole(table: str, row: tuple[Any, ...]) -> bool:
    """Tell whether a row matches its checksum, which stands first."""
    parts = row[1 : 1 + _TABLES[table][1]]
    try:
        found = checksum(*[x.encode() if isinstance(x, str) else x for x in parts])
        return bool(found == row[0])
    except TypeError:
        return False  # a number where bytes should be


def _replace(path: Path, fault: str) -> None:
    """Make a new database of what can be read of a damaged one, and keep that one aside."""
    copied = dict.fromkeys(_TABLES, 0)  # rows, but of blocks, documents
    broken = set[str]()
    with closing(schema.create(_new(path))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for table, (columns, *_) in _TABLES.items():
            places = ", ".join("?" * len(columns.split(",")))
            statement = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - our own text
            for row in _read_table(path, table):
                if row is None:
                    broken.add(table)
                    continue
                connection.execute(statement, row)
                copied[table] += row[3] if table == "blocks" else 1
        connection.execute(schema.COUNT_BLOCKS)
        connection.execute("COMMIT")
    aside = _aside(path)
    try:
        os.link(path, aside)
    except OSError as error:
        words = f"the damaged {str(path)!r} cannot be kept as {aside.name!r}: {error.strerror}"
        raise unwritable(error, f"{words}; move it away") from error
    _rename(path, aside)
    message = _DOCUMENTS_LOST if broken else _NOTHING_LOST
    if "state" in broken:
        message = _POSITIONS_LOST
    _log.error(
        message,
        fault=fault,
        aside=str(aside),
        complete=not broken,
        state=copied["state"],
        documents=copied["blocks"],
        dead_letters=copied["dead_letters"],
    )


def _read_table(path: Path, table: str) -> Iterator[tuple[Any, ...] | None]:
    """Read the rows of a damaged database up to where it is broken; None for each bad place."""
    order = _TABLES[table][2]
    try:
        with closing(schema.connect_to_read(path)) as source:
            columns = _columns(source, table)
            for row in source.execute(f"SELECT {columns} FROM {table} ORDER BY {order}"):  # noqa: S608
                yield row if _is_whole(table, row) else None
    except sqlite3.DatabaseError:
        yield None


def _columns(connection: sqlite3.Connection, table: str) -> str:
    columns, is_old = _TABLES[table][0], schema.version_of(connection) == 1
    return columns.replace("compressed", "packed") if is_old else columns


def _rename(path: Path, aside: Path) -> None:
    """Give a new database its name; the log of an old one must not be taken for its own."""
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
    _sync_folder(path.parent)
    _new(path).replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
