"""Opens the database of a state folder, and replaces a damaged one.

At a start, only what is needed then is read and checked: the ends of the tables, and the state.
Documents and dead letters carry checksums, and are checked when they are read. Where damage is
found, a mark is made, and with this mark all of the database is read when it is opened next.

A database is made under another name and renamed when it is whole, so what bears the right name
was whole once: an empty file there is damage, not a beginning. A damaged one is never written to
again; it is renamed and kept, and what can be read of it is carried over into a new one: one pass
over each table, which ends where the table is broken. The state is read from its last key, because
its version, cursors and positions stand behind the open connections.

    spool.lock                      the lock of the process that has it open, and what that notes
    spool.db                        the database
    spool.db-wal, spool.db-shm      its log of changes, and the index of that
    spool.db.new                    one that is being made
    spool.db.suspect                the mark: damage was found
    spool.db.damaged-TIME           a damaged one that was replaced
    spool.db.damaged-TIME-block-N   a damaged segment of documents

What is renamed is closed before, so that all of it is in one file, and synced with its name: after
a power cut there is the old one, the new one, or one that is still to be renamed.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from forwarder.spool.cursors import LOST_END, load_outputs
from forwarder.spool.errors import (
    explained,
    is_damage,
    suspicion,
    unwritable,
)
from forwarder.spool.schema import (
    COUNT_BLOCKS,
    VERSIONS,
    connect,
    connect_to_read,
    create,
    migrate,
    put_state,
    refuse_newer,
    version_of,
)
from forwarder.spool.segments import checksum
from forwarder.spool.writer import size_of, wal_of

NAME = "spool.db"
_BESIDE = ("-wal", "-shm", "-journal")
"""The last one of a database that does not have a log of changes yet."""
_TABLES = {
    "state": ("checksum, key, value", 2, "key DESC"),
    "blocks": ("checksum, packed, first, documents, time", 1, "first"),
    "dead_letters": (
        "checksum, id, packed, number, output, time, status, replay, size, reason",
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


class Recovered(NamedTuple):
    """What was carried over from a damaged database."""

    documents: int
    dead_letters: int
    state: int  # values: positions, open connections, cursors
    positions: str  # whether the state is ``complete``, ``partial`` or ``lost``
    lost_documents: int  # that some output has not had yet, as far as can be told
    complete: bool
    """Whether every row could be read; if not, more may be lost than could be counted."""


def prepare_folder(folder: Path) -> None:
    """Make the state folder, for its owner only; raises SpoolError if that cannot be."""
    try:
        missing = [x for x in (folder, *folder.parents) if not x.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for made in missing:
            with suppress(PermissionError):  # some folders may be written and not read
                sync_folder(made.parent)
        mode = folder.stat().st_mode
    except OSError as error:
        raise unwritable(
            error,
            f"the state folder {str(folder)!r} cannot be made: {error.strerror}; make it, and give"
            " it to the user that this runs as",
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):  # it may be a folder that others use on purpose
        _log.warning("Other users may enter the state folder; run chmod 700.", folder=str(folder))


def open_database(folder: Path, committed: int) -> tuple[sqlite3.Connection, Recovered | None]:
    """Open the database of a folder whose lock is held; make it if there is none.

    The newest document was before ``committed``, as far as is known. Returns a connection, and what
    was carried over where the database was damaged.

    Raises:
        SpoolError: It is of a newer version, or a new one does not fit on the disk.
    """
    path = folder / NAME
    new = path.with_name(path.name + ".new")
    recovered = None
    with explained(path):
        if path.exists():
            _remove(new)  # of a process that did not finish it
            fault = _find_fault(path, thorough=suspicion(path).exists())
            if fault is not None:
                recovered = _replace(path, new, fault, committed)
            suspicion(path).unlink(missing_ok=True)
        else:
            if not _is_finished(new):
                _remove(new)
                create(new).close()
            _rename(new, path)
        try:
            return _connect(path), recovered
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            recovered = _replace(path, new, str(error), committed)
        return _connect(path), recovered


def _connect(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _find_fault(path: Path, *, thorough: bool) -> str | None:
    """Return what is wrong with a database, without changing it; None if nothing was found.

    To be thorough is to read all of it, and not only what a start needs.
    """
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with closing(connect_to_read(path)) as connection:
            refuse_newer(connection, path)
            fault = _bad_structure(connection) if thorough else _bad_ends(connection, path)
            if fault is None and version_of(connection) > 0:
                checked = ("state", "dead_letters") if thorough else ("state",)
                fault = _bad_value(connection, checked)
            return fault
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return str(error)


def _bad_structure(connection: sqlite3.Connection) -> str | None:
    found = [x for (x,) in connection.execute("PRAGMA integrity_check(3)")]
    return _lost_version(connection) if found == ["ok"] else "; ".join(found)


def _bad_ends(connection: sqlite3.Connection, path: Path) -> str | None:
    if not size_of(wal_of(path)):  # with one, a copy from it may have been under way
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        if path.stat().st_size < pages * page:
            return "its end is missing"
    fault = _lost_version(connection)
    for table in ("blocks", "dead_letters") if version_of(connection) else ():
        for order in ("", "DESC"):
            statement = f"SELECT * FROM {table} ORDER BY 1 {order} LIMIT 1"  # noqa: S608 - our own text
            connection.execute(statement).fetchone()
    return fault


def _lost_version(connection: sqlite3.Connection) -> str | None:
    """Tables and version are written at once."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    lost = bool(tables) and version_of(connection) == 0
    return "its tables are there, and its version is gone" if lost else None


def _bad_value(connection: sqlite3.Connection, tables: Iterable[str]) -> str | None:
    """Look for a value that changed unnoticed by SQLite."""
    for table in tables:
        for row in connection.execute(f"SELECT {_TABLES[table][0]} FROM {table}"):  # noqa: S608
            if not _is_whole(table, row):
                return f"{table}: {row[1]!r} does not match its checksum"
    return None


def _is_whole(table: str, row: tuple[Any, ...]) -> bool:
    """Tell whether a row matches its checksum, which stands first."""
    parts = row[1 : 1 + _TABLES[table][1]]
    try:
        found = checksum(*[x.encode() if isinstance(x, str) else x for x in parts])
        return bool(found == row[0])
    except TypeError:
        return False  # a number where bytes should be


def _is_finished(new: Path) -> bool:
    """Tell whether a new database is whole, so that only its name is still to be given.

    What its log of changes has is copied into it.
    """
    if not new.exists():
        return False
    try:
        with closing(connect(new)) as connection:
            is_current = version_of(connection) == len(VERSIONS)
        return is_current and _find_fault(new, thorough=True) is None
    except sqlite3.DatabaseError:
        return False


def _replace(path: Path, new: Path, fault: str, committed: int) -> Recovered:
    """Make a new database of what can be read of a damaged one, and keep that one aside."""
    with closing(create(new)) as connection:
        recovered = _recover(path, connection, committed)
    aside = free_name(path)
    sync_folder(path.parent)  # or else the old one might go and the new one not be there
    # The database goes first: if this is the last that happens, there is a new one and no old one.
    path.rename(aside)
    _rename(new, path, aside)
    if recovered.positions != "complete":
        words = _POSITIONS_LOST
    else:
        words = _NOTHING_LOST if recovered.complete else _DOCUMENTS_LOST
    _log.error(words, fault=fault, aside=str(aside), **recovered._asdict())
    return recovered


def _recover(path: Path, into: sqlite3.Connection, committed: int) -> Recovered:
    """Copy what can be read of a damaged database into a new, empty one."""
    rows = dict.fromkeys(_TABLES, 0)
    broken = set[str]()
    runs = list[tuple[int, int]]()
    into.execute("BEGIN IMMEDIATE")
    for table, (columns, *_) in _TABLES.items():
        places = ", ".join("?" * len(columns.split(",")))
        statement = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - our own text
        for row in _read_table(path, table):
            if row is None:
                broken.add(table)
                continue
            into.execute(statement, row)
            rows[table] += 1
            if table == "blocks":
                runs.append(row[2:4])
    into.execute(COUNT_BLOCKS)
    put_state(into, [(LOST_END, b"%d" % committed)])
    cursors = [x.cursor for x in load_outputs(into).values()]
    into.execute("COMMIT")
    lost, at = 0, min(cursors, default=0)
    for first, documents in runs:
        lost += max(0, first - at) if at else 0
        at = max(at, first + documents)
    lost += max(0, max([committed, *cursors]) - at) if cursors else 0
    positions = "lost" if "state" in broken else "complete"
    return Recovered(
        documents=sum(x for _, x in runs),
        dead_letters=rows["dead_letters"],
        state=rows["state"],
        positions="partial" if "state" in broken and rows["state"] else positions,
        lost_documents=lost,
        complete=not broken,
    )


def _read_table(path: Path, table: str) -> Iterator[tuple[Any, ...] | None]:
    """Read the rows of a damaged database up to where it is broken; None for each bad place."""
    columns, _, order = _TABLES[table]
    try:
        with closing(connect_to_read(path)) as source:
            for row in source.execute(f"SELECT {columns} FROM {table} ORDER BY {order}"):  # noqa: S608
                yield row if _is_whole(table, row) else None
    except sqlite3.DatabaseError:
        yield None


def _rename(new: Path, path: Path, aside: Path | None = None) -> None:
    """Give a new database its name; files of an old one must not be taken for its own."""
    for ending in _BESIDE[:2]:
        old = path.with_name(path.name + ending)
        if not old.exists():
            continue
        if aside is None:
            aside = free_name(path)
            _log.error(
                "The spool's log of changes was found without its database and has been kept. If"
                " the database was deleted, its contents are lost.",
                aside=aside.name + ending,
            )
        old.rename(aside.with_name(aside.name + ending))
    new.rename(path)
    sync_folder(path.parent)


def free_name(path: Path, ending: str = "") -> Path:
    """Return a name beside the database for what is damaged."""
    stem = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{ending}"
    candidate, number = path.with_name(stem), 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{stem}-{number}")
    return candidate


def _remove(path: Path) -> None:
    for ending in ("", *_BESIDE):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have a rename on disk."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
