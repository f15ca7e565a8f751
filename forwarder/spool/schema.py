"""The tables of the spool, and the state among them.

    blocks        segments of documents, compressed, in the order of reading
    state         what must survive together with them: positions, open connections, cursors
    dead_letters  documents that an output rejected

Documents have serial numbers, counted from 1. A segment is known by the number of its first
document, so a cursor is one number: of the next document to be delivered. What is missing between
two segments is lost, and can be counted.

A key of the state begins with the name of its owner: ``output/`` and ``spool/`` are the spool's
own. Each value has a checksum.
"""

import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import orjson

from forwarder.spool.errors import ClosedError, DamagedError, SpoolError, explained

LIMITS = "spool/limits"  # of the last start: [max_bytes, max_letter_bytes] in JSON
DAMAGE = "spool/damage"  # what was deleted because it was damaged: [segments, documents] in JSON
SYNCED = "spool/synced"
"""When cursors were last synced for their own sake, in nanoseconds: a value that always changes."""

COUNT_BLOCKS = (  # for a database where it is not known yet
    "UPDATE blocks_size SET size = (SELECT coalesce(sum(length(compressed)), 0) FROM blocks)"
)

VERSIONS: Sequence[Sequence[str]] = (
    # Version 1. Small columns stand before large ones: they are read without these. What SQLite
    # itself does not notice, changed bytes within a value, a checksum shows.
    (
        """
        CREATE TABLE blocks (
            first     INTEGER PRIMARY KEY,  -- serial number of its first document
            documents INTEGER NOT NULL,     -- how many
            time      INTEGER NOT NULL,     -- of the commit; milliseconds since 1970
            checksum  INTEGER NOT NULL,     -- of packed
            packed    BLOB NOT NULL
        )
        """,
        # By which rows are counted without reading the documents in them.
        "CREATE INDEX blocks_by_size ON blocks (documents)",
        """
        CREATE TABLE state (
            key      TEXT PRIMARY KEY,
            checksum INTEGER NOT NULL,  -- of key and value
            value    BLOB NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE dead_letters (
            number   INTEGER PRIMARY KEY AUTOINCREMENT,
            output   TEXT NOT NULL,
            time     INTEGER NOT NULL,   -- of the answer; milliseconds since 1970
            status   INTEGER,            -- of the answer
            replay   INTEGER NOT NULL,   -- 1: to be delivered again
            size     INTEGER NOT NULL,   -- of packed, in bytes
            id       TEXT NOT NULL,      -- of the document
            reason   TEXT NOT NULL,
            checksum INTEGER NOT NULL,   -- of id and packed
            packed   BLOB NOT NULL       -- the body
        )
        """,
        "CREATE INDEX dead_letters_of_outputs ON dead_letters (output, replay, size)",
        "CREATE INDEX replays ON dead_letters (output, number) WHERE replay = 1",
    ),
    # Version 2. Dead letters are counted as they come and go, by whatever writes to the table:
    # there may be millions, and start, status and the limit of each output ask how many there are.
    (
        "ALTER TABLE blocks RENAME COLUMN packed TO compressed",
        "ALTER TABLE dead_letters RENAME COLUMN packed TO compressed",
        """
        CREATE TABLE dead_letter_counts (
            output  TEXT PRIMARY KEY,
            number  INTEGER NOT NULL,
            replays INTEGER NOT NULL,  -- how many of them are to be delivered again
            size    INTEGER NOT NULL   -- of all, in bytes
        ) WITHOUT ROWID
        """,
        """
        INSERT INTO dead_letter_counts
        SELECT output, count(*), sum(replay > 0), sum(size) FROM dead_letters GROUP BY output
        """,
        """
        CREATE TRIGGER dead_letter_added AFTER INSERT ON dead_letters BEGIN
            INSERT INTO dead_letter_counts VALUES (new.output, 1, new.replay > 0, new.size)
            ON CONFLICT (output) DO UPDATE SET
                number = number + 1, replays = replays + (new.replay > 0), size = size + new.size;
        END
        """,
        """
        CREATE TRIGGER dead_letter_marked AFTER UPDATE OF replay ON dead_letters
        WHEN old.replay <> new.replay BEGIN
            UPDATE dead_letter_counts SET
                replays = replays + (new.replay > 0) - (old.replay > 0)
            WHERE output = new.output;
        END
        """,
        """
        CREATE TRIGGER dead_letter_removed AFTER DELETE ON dead_letters BEGIN
            UPDATE dead_letter_counts SET
                number = number - 1, replays = replays - (old.replay > 0), size = size - old.size
            WHERE output = old.output;
        END
        """,
        # What the blocks take is what has a limit; pages would have to be told apart by what is in
        # them. No trigger: to delete a row, it would read the blob.
        "CREATE TABLE blocks_size (size INTEGER NOT NULL)",
        "INSERT INTO blocks_size VALUES (0)",
        COUNT_BLOCKS,
        # The letters of one output are listed in the order of their numbers.
        "CREATE INDEX dead_letters_by_output ON dead_letters (output)",
        "DROP INDEX dead_letters_of_outputs",
        # The column replay may be 2 now: to be delivered again, because an output put it off.
        "CREATE INDEX put_off ON dead_letters (output, number) WHERE replay = 2",
        # Rows of blocks are no longer counted.
        "DROP INDEX blocks_by_size",
    ),
)
"""What each version adds to the one before it. A version that was released is never changed."""

BUSY_SECONDS = 10.0
"""How long to wait for another process that writes. The commands write for milliseconds."""
_SETTINGS = """
    -- A commit is on disk when it returns.
    PRAGMA synchronous = FULL;
    -- 4 MB, after which the log of changes (WAL) is copied into the database. SQLite's own default.
    PRAGMA wal_autocheckpoint = 1000;
    -- What was deleted was on this disk anyhow; some builds of SQLite write zeros over it.
    PRAGMA secure_delete = OFF;
    -- Broken pages are noticed when they are read.
    PRAGMA cell_size_check = ON;
"""
_MAX_ROWS = 300
"""In one statement. While SQLite works, other threads may; each statement takes a turn of Python,
so one for each row would wait for as many. Some SQLites take no more than 999 values at once."""
_LAST = chr(0x10FFFF)  # stands behind all other characters


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that any thread may use, one at a time, with explicit transactions."""
    connection = _connect(path, "mode=rw")
    connection.executescript(_SETTINGS)
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


class SharedConnection:
    """A connection that threads use one at a time, until it is closed."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._is_open = True

    def close(self) -> None:
        """Close the connection. SQLite must not be within a call for it meanwhile."""
        with self._lock:
            self._is_open = False
            self._connection.close()

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection; the same thread may do so again meanwhile.

        Raises :class:`ClosedError` if it is closed, and SQLite's errors as those of the spool.
        """
        with self._lock, explained(self._path):
            if not self._is_open:
                raise ClosedError(f"{str(self._path)!r} is closed")
            yield self._connection


def connect_to_read(path: Path, *, is_still: bool = False) -> sqlite3.Connection:
    """Open a connection that cannot write.

    If no process writes to the database and it has no log of changes, no file is made for reading.
    """
    connection = _connect(path, "mode=ro&immutable=1" if is_still else "mode=ro")
    # Broken text is read too: the checksum of its row tells.
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    return connection


def create(path: Path) -> sqlite3.Connection:
    """Make a new database that only its owner may read, and open it."""
    path.touch(mode=0o600, exist_ok=False)
    connection = connect(path)
    try:
        # Free pages can be given back to the disk. Only an empty database takes this.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of a database; 0 if it has no tables yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    """Raise a :class:`SpoolError` where a newer version of the program made the database."""
    found = version_of(connection)
    if found > len(VERSIONS):
        raise SpoolError(
            f"{str(path)!r} has version {found}, and this program knows versions up to"
            f" {len(VERSIONS)}: a newer one wrote it; install that one again, or give this one a"
            " state folder of its own"
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a database to the newest version, in all steps or none; refuse a newer one."""
    refuse_newer(connection, path)
    with connection:  # it commits or rolls back
        connection.execute("BEGIN IMMEDIATE")
        for statement in chain.from_iterable(VERSIONS[version_of(connection) :]):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(VERSIONS)}")


def checksum(*parts: bytes) -> int:
    """Return the CRC-32 of bytes."""
    return zlib.crc32(b"".join(parts))


def put_state(connection: sqlite3.Connection, state: Iterable[tuple[str, bytes | None]]) -> None:
    """Write keys and values; None deletes. The last value of a key counts."""
    last = dict(state)
    if deleted := [x for x, value in last.items() if value is None]:
        connection.execute(
            "DELETE FROM state WHERE key IN (SELECT value FROM json_each(?))",
            (orjson.dumps(deleted).decode(),),
        )
    written = [(x, checksum(x.encode(), y), y) for x, y in last.items() if y is not None]
    for start in range(0, len(written), _MAX_ROWS):
        rows = written[start : start + _MAX_ROWS]
        marks = ", ".join(["(?, ?, ?)"] * len(rows))
        connection.execute(
            f"INSERT INTO state (key, checksum, value) VALUES {marks} ON CONFLICT (key) DO UPDATE"  # noqa: S608
            " SET checksum = excluded.checksum, value = excluded.value",
            [*chain.from_iterable(rows)],
        )


def load_state(
    connection: sqlite3.Connection, prefix: str, *, after: str = "", limit: int = -1
) -> list[tuple[str, bytes]]:
    """Return the state whose keys have a prefix, in their order, behind one of them.

    Raises DamagedError where a value does not match its checksum.
    """
    state = []
    for key, expected, value in connection.execute(
        "SELECT key, checksum, value FROM state WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
        (f"{after}\0" if after else prefix, prefix + _LAST, limit),
    ):
        if checksum(key.encode(), value) != expected:
            raise DamagedError(f"the state {key!r}")
        state.append((key, value))
    return state
