"""How much the spool may take on disk, and what to do when it takes more.

Three things can stand in the way of writing more documents:

- the documents that wait have reached their limit. What is remembered of logs does not count: no
  output would make it less. Nor do dead letters, which have a limit of their own for each output;
- the log of changes (WAL) cannot be emptied, because another process reads an old state for long;
- the disk itself is nearly full. What is left must hold the log once more, or what is in it could
  never be copied into the database, and the outputs could not move their cursors.
"""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

DEFAULT_MAX_BYTES = 1_000_000_000
"""About ten million logins."""
MAX_WAL_BYTES = 64 << 20
"""Above, no more documents are taken until the log of changes is empty again. It is emptied every
4 MB; this much means that somebody is in the way."""
_RESERVE = 1 << 20
"""Bytes that stay free on the disk beyond the log of changes."""
_VACUUM_BYTES = 16 << 20
"""Less is not worth the work of giving it back to the disk."""
_VACUUM_STEP = 256
"""Pages to give back at a time: some milliseconds."""
_PAUSE = 1.0
"""Seconds between two attempts to empty the log of changes."""
_CHECKPOINT_MILLISECONDS = 100
"""How long to wait there for others who read. Ours take less."""


class Usage(NamedTuple):
    """What the spool takes, in bytes."""

    used: int
    """By documents: what counts against the limit."""
    file: int
    """Size of the database on disk, with free pages."""
    empty: int
    """Of that, free pages."""
    wal: int
    """Size of the log of changes on disk."""
    free: int
    """Free on the disk."""


class Room:
    """Knows how much there is. The spool calls it under its lock."""

    def __init__(self, path: Path, max_bytes: int, max_wal_bytes: int) -> None:
        """Know nothing before the first measure.

        Args:
            path: The database.
            max_bytes: Its limit.
            max_wal_bytes: The limit of its log of changes.
        """
        self._path = path
        self.max_bytes = max_bytes
        self._max_wal_bytes = max_wal_bytes
        self._next_attempt = 0.0
        self.usage = Usage(0, 0, 0, 0, 0)

    def measure(self, connection: sqlite3.Connection) -> None:
        """Look what is used now, outside a transaction, and make room where that is quick."""
        self._look(connection)
        usage = self.usage
        if usage.wal > self._max_wal_bytes // 4 or usage.free < self._needed:
            self._shrink(connection)
        if usage.empty > max(_VACUUM_BYTES, usage.file // 2):
            self._give_back(connection)

    @property
    def is_at_limit(self) -> bool:
        """Whether documents take as much as they may."""
        return self.usage.used >= self.max_bytes

    def obstacle(self, more: int = 0) -> str | None:
        """Say why no more documents should be written; None if they may.

        Args:
            more: Bytes that are to be written.
        """
        usage = self.usage
        if self.is_at_limit:
            return f"the spool is full: {usage.used:,} bytes of {self.max_bytes:,}"
        if usage.wal > self._max_wal_bytes:
            return (
                f"the log of changes {str(wal_of(self._path))!r} has {usage.wal:,} bytes, more than"
                f" {self._max_wal_bytes:,}, and cannot be emptied: another process has been"
                " reading the database for long; end it"
            )
        return self.disk_obstacle(more)

    def disk_obstacle(self, more: int) -> str | None:
        """Say why documents cannot be written, whatever the limits are; None if they can.

        Args:
            more: Bytes that are to be written. They are written twice: to the log and from there.
        """
        needed = self._needed + 2 * more
        if self.usage.free < needed:
            return (
                f"only {self.usage.free:,} bytes are free on the disk of"
                f" {str(self._path.parent)!r}, and {needed:,} are needed; make room there"
            )
        return None

    @property
    def _needed(self) -> int:
        return self.usage.wal + _RESERVE

    def _look(self, connection: sqlite3.Connection) -> None:
        self.usage = usage_of(self._path, connection)

    def _shrink(self, connection: sqlite3.Connection) -> None:
        """Empty the log of changes and give it back to the disk, if nobody is in the way."""
        now = time.monotonic()
        if now < self._next_attempt:
            return
        self._next_attempt = now + _PAUSE
        (before,) = connection.execute("PRAGMA busy_timeout").fetchone()
        connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_MILLISECONDS}")
        # On a full disk, what was committed stays in the log, and is safe there.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute(f"PRAGMA busy_timeout = {before}")
        self._look(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        """Give a few free pages back to the disk, where most of a large file is free.

        A queue that is empty has its free pages at the end, where they are only cut off. Of a full
        one nothing is moved about.
        """
        with suppress(sqlite3.OperationalError):  # the disk is full: there is no hurry
            # By execute, Python would stop after the first page.
            connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_STEP})")
        self._look(connection)


def usage_of(path: Path, connection: sqlite3.Connection) -> Usage:
    """Look what a database takes."""
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (used,) = connection.execute("SELECT size FROM blocks_size").fetchone()
    disk = os.statvfs(path.parent)
    return Usage(
        used=used,
        file=pages * page,
        empty=free * page,
        wal=size_of(wal_of(path)),
        free=disk.f_bavail * disk.f_frsize,
    )


def wal_of(path: Path) -> Path:
    """Return the path of the log of changes of a database."""
    return path.with_name(path.name + "-wal")


def size_of(path: Path) -> int:
    """Return the size of a file in bytes; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
