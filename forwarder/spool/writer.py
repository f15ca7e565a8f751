"""The one connection that writes, its lock and its transactions.

SQLite has one writer anyhow; with one connection under a lock nobody waits for somebody else's
timeout. Other processes write too, for milliseconds: they are waited for.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forwarder.spool.errors import BlockedError, ClosedError, GoneError, explained
from forwarder.spool.room import Room, Usage
from forwarder.spool.state import SYNCED, put_state


class Writer:
    """Writes to the database, and knows what that takes."""

    def __init__(self, path: Path, connection: sqlite3.Connection, room: Room) -> None:
        """Begin.

        Args:
            path: The database.
            connection: To it; closed with this.
            room: Its limits.
        """
        self._path = path
        self._connection = connection
        self._room = room
        self._lock = threading.RLock()
        self._is_open = True
        self._is_durable = True
        self._refused = 0
        """Bytes of documents for which there was no room on the disk."""
        self.is_settled = False  # a process that was killed may have synced nothing of its last
        """Whether all that was written is on disk."""
        self.obstacle: str | None = None
        """Why no more documents should be written, as of the last look."""
        self.look()

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._is_open = False
            self._connection.close()

    @property
    def usage(self) -> Usage:
        """What the database takes on disk, as of the last look."""
        return self._room.usage

    @property
    def is_at_limit(self) -> bool:
        """Whether documents take as much as they may, as of the last look."""
        return self._room.is_at_limit

    @property
    def max_bytes(self) -> int:
        """The limit of the database."""
        return self._room.max_bytes

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Have the connection for oneself. Within, one may ask for it again."""
        with self._lock, explained(self._path):
            if not self._is_open:
                raise ClosedError(f"{str(self._path)!r} is closed")
            yield self._connection

    def look(self) -> None:
        """Look what is used, and make room where that is quick."""
        with self.locked():
            self._look()

    @contextmanager
    def transaction(self, *, size: int = 0, durable: bool) -> Iterator[sqlite3.Connection]:
        """Do something wholly or not at all.

        Args:
            size: Bytes of documents that will be written.
            durable: Whether it must be on disk at the end, with all that was written before.

        Raises:
            BlockedError: Nothing was done; it may be tried again after a pause.
            DamagedError: The database is broken.
            GoneError: The database was deleted.
        """
        with self.locked() as connection:
            if size:
                self._check_disk(size)
            self._begin(connection, durable=durable)
            try:
                yield connection
                if durable and not self.is_settled:
                    # SQLite syncs nothing for a transaction that changes no page.
                    put_state(connection, [(SYNCED, str(time.time_ns()).encode())])
                connection.execute("COMMIT")
            except BaseException:
                self._take_back(connection)
                raise
            self.is_settled = durable
            self._look()

    def _begin(self, connection: sqlite3.Connection, *, durable: bool) -> None:
        self._take_back(connection)
        if durable != self._is_durable:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable
        connection.execute("BEGIN IMMEDIATE")

    @staticmethod
    def _take_back(connection: sqlite3.Connection) -> None:
        """End a transaction that failed; on a broken disk, only the next attempt may succeed."""
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")

    def _look(self) -> None:
        try:
            self._path.stat()
        except FileNotFoundError:
            # SQLite would go on writing to a file that has no name, and ends with the process.
            what = self._path if self._path.parent.exists() else self._path.parent
            raise GoneError(
                f"{str(what)!r} was deleted while this ran, and what waited in it for outputs is"
                " lost; start the service again: it makes a new one, and reads all logs that are"
                " there from their beginning"
            ) from None
        except OSError:
            return  # as far as is known, it is as it was
        self._room.measure(self._connection)
        self.obstacle = self._room.obstacle(self._refused)

    def _check_disk(self, size: int) -> None:
        self._refused = size
        self._look()
        obstacle = self._room.disk_obstacle(size)
        if obstacle is not None:
            raise BlockedError(obstacle)
        self._refused = 0
