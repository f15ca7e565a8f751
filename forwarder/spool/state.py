"""Whatever must survive together with documents: keys and values, each with a checksum.

A key begins with the name of its owner: ``output/`` and ``spool/`` are the spool's own.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from forwarder.spool.errors import DamagedError
from forwarder.spool.segments import checksum

LIMIT = "spool/max_bytes"
"""The limit that the service was last started with; a number in JSON."""
LETTER_LIMIT = "spool/max_letter_bytes"
"""The limit of the dead letters of one output, likewise."""
DAMAGE = "spool/damage"
"""What was set aside because it was damaged: [blocks, documents] in JSON."""
SYNCED = "spool/synced"
"""When cursors were last synced for their own sake, in nanoseconds: a value that always changes."""

_MAX_ROWS = 300
"""In one statement. While SQLite works, other threads may; each statement takes a turn of Python,
so one for each row would wait for as many. Some SQLites take no more than 999 values at once."""

_Row = TypeVar("_Row")


def put_state(connection: sqlite3.Connection, state: Iterable[tuple[str, bytes | None]]) -> None:
    """Write keys and values; None deletes. The last value of a key counts."""
    deleted, written = list[str](), list[tuple[str, int, bytes]]()
    for key, value in dict(state).items():
        if value is None:
            deleted.append(key)
        else:
            written.append((key, checksum(key.encode(), value), value))
    for keys in _chunks(deleted):
        marks = ", ".join("?" * len(keys))
        connection.execute(f"DELETE FROM state WHERE key IN ({marks})", keys)  # noqa: S608 - our own text
    for rows in _chunks(written):
        marks = ", ".join(["(?, ?, ?)"] * len(rows))
        connection.execute(
            f"INSERT INTO state (key, checksum, value) VALUES {marks} ON CONFLICT (key) DO UPDATE"  # noqa: S608
            " SET checksum = excluded.checksum, value = excluded.value",
            [*chain.from_iterable(rows)],
        )


def _chunks(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Cut into parts of one statement each."""
    return (rows[x : x + _MAX_ROWS] for x in range(0, len(rows), _MAX_ROWS))


def load_state(
    connection: sqlite3.Connection, prefix: str, *, after: str = "", limit: int = -1
) -> list[tuple[str, bytes]]:
    """Return what has a prefix, in the order of the keys.

    Args:
        connection: To the database.
        prefix: Of the keys.
        after: Only what comes behind this key.
        limit: The most rows; -1 for all.

    Raises:
        DamagedError: A value does not match its checksum.
    """
    condition, values = _beginning(prefix)
    if after and values:  # one lower bound, so that the index is entered there
        values = (f"{after}\0", *values[1:])
    select = f"SELECT key, checksum, value FROM state WHERE {condition} AND key > ?"  # noqa: S608 - our own text
    rows = connection.execute(f"{select} ORDER BY key LIMIT ?", (*values, after, limit))
    state = []
    for key, expected, value in rows:
        if checksum(key.encode(), value) != expected:
            raise DamagedError(
                f"the state {key!r} is damaged; start the service again: it sets the damaged"
                " database aside and carries over what can be read"
            )
        state.append((key, value))
    return state


def load_keys(connection: sqlite3.Connection, prefix: str) -> Iterator[str]:
    """Give all keys with a prefix."""
    condition, values = _beginning(prefix)
    select = f"SELECT key FROM state WHERE {condition}"  # noqa: S608 - our own text
    return (key for (key,) in connection.execute(select, values))


def _beginning(prefix: str) -> tuple[str, tuple[str, ...]]:
    """Give a condition that the index serves."""
    if not prefix:
        return "1", ()
    return "key >= ? AND key < ?", (prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1))
