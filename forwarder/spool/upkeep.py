"""What keeps the tables in order: numbers, trimming, damage, and the limit of dead letters."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson
import structlog

from forwarder.spool import letters
from forwarder.spool.failures import BlockedError
from forwarder.spool.letters import DeadLetter
from forwarder.spool.opening import keep_aside
from forwarder.spool.progress import Progress
from forwarder.spool.reading import BadBlock
from forwarder.spool.state import DAMAGE, load_state, put_state
from forwarder.spool.writing import Writer

_DEAD_LETTER_SHARE = 4
"""Dead letters may take a quarter of the limit. They are part of what counts against it, and
documents that can be delivered need room, too."""

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


def trim(connection: sqlite3.Connection, outputs: Iterable[Progress], end: int) -> None:
    """Delete the blocks that every output has had.

    Args:
        connection: In a transaction.
        outputs: All there are; nothing is deleted as long as there are none.
        end: The serial number of the next document that is committed.
    """
    lowest = min((x.cursor for x in outputs), default=0)
    bound = lowest
    if lowest < end:
        # The slowest output may be within a block.
        (bound,) = connection.execute(
            "SELECT max(first) FROM blocks WHERE first <= ?", (lowest,)
        ).fetchone()
    connection.execute("DELETE FROM blocks WHERE first < ?", (bound,))


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


class DeadLetterLimit:
    """Stores dead letters as long as there are not too many. Under the lock of the writer."""

    def __init__(self, connection: sqlite3.Connection, max_bytes: int) -> None:
        """Count those that are there.

        Args:
            connection: To the database.
            max_bytes: The limit of the whole spool.
        """
        self._max_bytes = max_bytes // _DEAD_LETTER_SHARE
        self._bytes = letters.size_of_all(connection)

    def store(self, connection: sqlite3.Connection, new: Sequence[DeadLetter]) -> None:
        """Store dead letters, within a transaction.

        Raises:
            BlockedError: There are too many. Their output waits until somebody has looked.
        """
        if all(x.number for x in new):
            letters.store(connection, new)
            return
        if self._bytes >= self._max_bytes:
            self._bytes = letters.size_of_all(connection)  # another process may have purged some
        if self._bytes >= self._max_bytes:
            raise BlockedError(
                f"dead letters take {self._bytes:,} bytes and may take {self._max_bytes:,}: find"
                " out why documents are refused (dead-letters list), then replay or purge them"
            )
        self._bytes += letters.store(connection, new)
