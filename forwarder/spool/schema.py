"""The tables of the spool, and how they came to be what they are.

    blocks        documents, packed, in the order of reading
    state         whatever must survive together with them: positions, open connections, cursors
    dead_letters  documents that an output refused

Documents have serial numbers, counted from 1. A block is known by the number of its first
document, so a cursor is one number: of the next document to be delivered. What is missing between
two blocks is lost, and how much it is can be counted.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from forwarder.spool.errors import SpoolError

COUNT_BLOCKS = "UPDATE blocks_size SET size = (SELECT coalesce(sum(length(packed)), 0) FROM blocks)"
"""For a database of which nobody knows it."""

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
CHECKPOINT_PAGES = 1000
"""4 MB, after which the log of changes (WAL) is copied into the database. SQLite's own default."""
_SETTINGS = (
    # A commit is on disk when it returns.
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}",
    # What was deleted was on this disk anyhow; some builds of SQLite write zeros over it.
    "PRAGMA secure_delete = OFF",
    # Broken pages are noticed when they are read.
    "PRAGMA cell_size_check = ON",
)


def connect(path: Path, *, seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a connection that any thread may use, one at a time; transactions are spelt out.

    Args:
        path: An existing database.
        seconds: How long to wait for other processes.
    """
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        uri, uri=True, timeout=seconds, isolation_level=None, check_same_thread=False
    )
    try:
        for setting in _SETTINGS:
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path, *, is_still: bool = False) -> sqlite3.Connection:
    """Open a connection that cannot write.

    Args:
        path: An existing database.
        is_still: Whether nobody writes to it and no log of changes is there. Then no file is made
            for reading.
    """
    mode = "mode=ro&immutable=1" if is_still else "mode=ro"
    uri = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    # Text that is broken is read too: the checksum of its row tells.
    connection.text_factory = _decode
    return connection


def create(path: Path, versions: Sequence[Sequence[str]] = VERSIONS) -> sqlite3.Connection:
    """Make a new database for its owner's eyes only, and give a connection to it."""
    path.touch(mode=0o600, exist_ok=False)
    connection = connect(path)
    try:
        # Pages that are free can be given back to the disk. Only an empty database takes this.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection, path, versions)
    except BaseException:
        connection.close()
        raise
    return connection


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of a database; 0 if it has no tables yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def is_current(connection: sqlite3.Connection) -> bool:
    """Say whether a database has the tables that this program knows."""
    return version_of(connection) == len(VERSIONS)


def has_lost_version(connection: sqlite3.Connection) -> bool:
    """Say whether a database has tables and no version: both are written at once."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(tables) and version_of(connection) == 0


def has_tables(connection: sqlite3.Connection) -> bool:
    """Say whether a database has tables, of this version or an older one."""
    return 0 < version_of(connection) <= len(VERSIONS)


def refuse_newer(
    connection: sqlite3.Connection, path: Path, versions: Sequence[Sequence[str]] = VERSIONS
) -> None:
    """Leave alone what a newer version of the program has made.

    Raises:
        SpoolError: It is newer.
    """
    found = version_of(connection)
    if found > len(versions):
        raise SpoolError(
            f"{str(path)!r} has version {found}, and this program knows versions up to"
            f" {len(versions)}: a newer one has written it; install that one again, or give this"
            " one a state folder of its own"
        )


def migrate(
    connection: sqlite3.Connection, path: Path, versions: Sequence[Sequence[str]] = VERSIONS
) -> None:
    """Bring a database to the newest version: all steps, or none.

    Raises:
        SpoolError: It is newer than this program.
    """
    refuse_newer(connection, path, versions)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in versions[version_of(connection) :]:
            for statement in version:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(versions)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk ends it by itself
            connection.execute("ROLLBACK")
        raise


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")
