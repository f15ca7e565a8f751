"""Carries over what can be read of a damaged database.

A table is read from its beginning up to where it is broken, and then from its end. What lies
between two broken places is not looked for. Rows that do not match their checksum stay behind.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from forwarder.spool.cursors import PREFIX, load
from forwarder.spool.schema import COUNT_BLOCKS, connect_to_read
from forwarder.spool.segments import checksum


class Salvaged(NamedTuple):
    """What was carried over."""

    documents: int = 0
    dead_letters: int = 0
    state: int = 0
    """Values: positions, open connections, cursors."""
    positions: str = "lost"
    """Whether ``state`` is ``complete``, ``partial`` or ``lost``."""
    lost_documents: int = 0
    """That some output has not had yet, as far as can be told."""
    complete: bool = False
    """Whether every row could be read; if not, more may be lost than could be counted."""


class _Table(NamedTuple):
    name: str
    key: str
    columns: tuple[str, ...]
    """The checksum first, then what it is made of."""


_TABLES = (
    _Table("state", "key", ("checksum", "key", "value")),
    _Table("blocks", "first", ("checksum", "packed", "first", "documents", "time")),
    _Table(
        "dead_letters",
        "number",
        (
            *("checksum", "id", "packed", "number", "output", "time", "status", "replay"),
            *("size", "reason"),
        ),
    ),
)
_CHECKED = {"state": 2, "blocks": 1, "dead_letters": 2}
"""How many columns behind the checksum it is made of."""

_Row = tuple[Any, ...]


def salvage(path: Path, into: sqlite3.Connection) -> Salvaged:
    """Copy what can be read.

    Args:
        path: The damaged database; it is not written to.
        into: A new, empty one.
    """
    found: dict[str, list[_Row]] = {}
    complete, positions = True, "lost"
    into.execute("BEGIN IMMEDIATE")
    try:
        with closing(connect_to_read(path)) as source:
            for table in _TABLES:
                walk = _Walk(source, table)
                found[table.name] = _copy(table, walk, into)
                complete &= walk.complete
                if table.name == "state" and (walk.complete or found["state"]):
                    positions = "complete" if walk.complete else "partial"
    except sqlite3.DatabaseError:
        complete = False
    into.execute(COUNT_BLOCKS)
    into.execute("COMMIT")
    return _count(found, complete=complete)._replace(positions=positions)


def is_whole(table: str, row: _Row) -> bool:
    """Say whether a row of a table matches its checksum, which stands first."""
    parts = row[1 : 1 + _CHECKED[table]]
    try:
        found = checksum(*[x.encode() if isinstance(x, str) else x for x in parts])
        return bool(found == row[0])
    except TypeError:
        return False  # a number where bytes should be


class _Walk:
    """Goes over the rows of a table from both ends."""

    def __init__(self, connection: sqlite3.Connection, table: _Table) -> None:
        self._connection = connection
        self._table = table
        self._position = table.columns.index(table.key)
        self.complete = True

    def __iter__(self) -> Iterator[_Row]:
        last: object = None
        columns, table = ", ".join(self._table.columns), self._table.name
        select = f"SELECT {columns} FROM {table}"  # noqa: S608 - our own text
        key = self._table.key
        try:
            for row in self._connection.execute(f"{select} ORDER BY {key}"):
                last = row[self._position]
                yield from self._whole(row)
        except sqlite3.DatabaseError:
            self.complete = False
        else:
            return
        condition = "1" if last is None else f"{key} > ?"
        values = () if last is None else (last,)
        try:
            for row in self._connection.execute(
                f"{select} WHERE {condition} ORDER BY {key} DESC", values
            ):
                yield from self._whole(row)
        except sqlite3.DatabaseError:
            return

    def _whole(self, row: _Row) -> Iterator[_Row]:
        if is_whole(self._table.name, row):
            yield row
        else:
            self.complete = False


def _copy(table: _Table, rows: _Walk, into: sqlite3.Connection) -> list[_Row]:
    """Copy rows one by one.

    Returns:
        Of blocks and cursors what is needed to count; of others only how many there were.
    """
    places = ", ".join("?" * len(table.columns))
    columns = ", ".join(table.columns)
    insert = f"INSERT OR IGNORE INTO {table.name} ({columns}) VALUES ({places})"  # noqa: S608 - our own text
    kept: list[_Row] = []
    for row in rows:
        into.execute(insert, row)
        match table.name:
            case "blocks":
                kept.append(row[2:4])
            case "state":
                kept.append(row[1:] if row[1].startswith(PREFIX) else ())
            case _:
                kept.append(())
    return kept


def _count(found: dict[str, list[_Row]], *, complete: bool) -> Salvaged:
    blocks = sorted(found.get("blocks", ()))
    cursors = [load(x[1]).cursor for x in found.get("state", ()) if x]
    lost = 0
    at = min(cursors, default=0)
    for first, documents in blocks:
        lost += max(0, first - at) if at else 0
        at = max(at, first + documents)
    lost += max(0, max(cursors, default=0) - at)
    return Salvaged(
        documents=sum(x for _, x in blocks),
        dead_letters=len(found.get("dead_letters", ())),
        state=len(found.get("state", ())),
        lost_documents=lost,
        complete=complete,
    )
