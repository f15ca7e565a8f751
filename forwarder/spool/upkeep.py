"""What keeps the tables in order: numbers, trimming, and damage."""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

import orjson
import structlog

from forwarder.spool.cursors import Progress
from forwarder.spool.database import keep_aside
from forwarder.spool.reader import BadBlock
from forwarder.spool.state import DAMAGE, load_state, put_state
from forwarder.spool.writer import Writer

_TRIM_BYTES = 8 << 20
_TRIM_ROWS = 1000
"""What is deleted in one transaction: some hundredths of a second. An output that is removed from
the configuration may leave gigabytes."""

_log = structlog.get_logger(__name__)


def next_number(connection: sqlite3.Connection, outputs: Iterable[Progress]) -> int:
    """Return the serial number of the next document that is committed."""
    (last,) = connection.execute("SELECT max(first) FROM blocks").fetchone()
    ends = connection.execute("SELECT first + documents FROM blocks WHERE first = ?", (last,))
    return max([1, *[x.cursor for x in outputs], *[int(x) for (x,) in ends]])


def oldest_number(connection: sqlite3.Connection) -> int | None:
    """Return the serial number of the oldest document; None if there is none."""
    (first,) = connection.execute("SELECT min(first) FROM blocks").fetchone()
    return None if first is None else int(first)


def oldest_time(connection: sqlite3.Connection, cursor: int) -> float | None:
    """Return when the document at a cursor was committed; seconds since 1970."""
    (time,) = connection.execute(
        "SELECT time FROM blocks WHERE first = (SELECT max(first) FROM blocks WHERE first <= ?)",
        (cursor,),
    ).fetchone() or (None,)
    return None if time is None else time / 1000


def count_size(connection: sqlite3.Connection, change: int) -> None:
    """Count what blocks take, with each that is added or deleted."""
    connection.execute("UPDATE blocks_size SET size = size + ?", (change,))


def trim(connection: sqlite3.Connection, outputs: Iterable[Progress], end: int) -> bool:
    """Delete blocks that every output has had: as many as takes no time.

    Args:
        connection: In a transaction.
        outputs: All there are; nothing is deleted as long as there are none.
        end: The serial number of the next document that is committed.

    Returns:
        Whether there are more.
    """
    lowest = min((x.cursor for x in outputs), default=0)
    bound = lowest
    if lowest < end:
        # The slowest output may be within a block.
        (bound,) = connection.execute(
            "SELECT max(first) FROM blocks WHERE first <= ?", (lowest,)
        ).fetchone()
    # Of a blob, its length is read without its content.
    rows = connection.execute(
        "SELECT first, length(packed) FROM blocks WHERE first < ? ORDER BY first LIMIT ?",
        (bound, _TRIM_ROWS),
    ).fetchall()
    ends = [*accumulate([size for _, size in rows])]
    number = bisect_right(ends, _TRIM_BYTES) + 1
    if rows:
        last, _ = rows[:number][-1]
        connection.execute("DELETE FROM blocks WHERE first <= ?", (last,))
        count_size(connection, -sum(size for _, size in rows[:number]))
    return number < len(rows) or len(rows) == _TRIM_ROWS


def set_aside(writer: Writer, path: Path, bad: BadBlock) -> None:
    """Take a damaged block out of the way of the others.

    Args:
        writer: Of the database.
        path: The database.
        bad: The block.

    Raises:
        BlockedError: It cannot be written elsewhere; it is left where it is.
    """
    with writer.transaction(durable=True) as connection:
        row = connection.execute(
            "SELECT documents, packed FROM blocks WHERE first = ?", (bad.first,)
        ).fetchone()
        if row is None:
            return  # another output came upon it before
        lost, packed = row
        aside = keep_aside(path, bad.first, packed)
        connection.execute("DELETE FROM blocks WHERE first = ?", (bad.first,))
        count_size(connection, -len(packed))
        before = dict(load_state(connection, DAMAGE)).get(DAMAGE, b"[0, 0]")
        blocks, documents = orjson.loads(before)
        after = [blocks + 1, documents + lost]
        put_state(connection, [(DAMAGE, orjson.dumps(after))])
    _log.error(
        "A block of documents in the spool is damaged and has been set aside; outputs go on behind"
        " it. Logs can be read again with the command rewind.",
        documents=lost,
        fault=str(bad),
        aside=str(aside),
    )
