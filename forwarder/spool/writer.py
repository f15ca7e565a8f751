"""The one process and the one connection that write: locks, transactions and limits.

One process at a time has the spool open: it holds the kernel's lock on a file beside the database,
which ends with the process. The file also says why reading is paused, which the database may be
unable to take: a few bytes are written over others, for which a full disk has space.

SQLite has one writer anyhow; with one connection under a lock no thread waits for another's
timeout. Other processes write for milliseconds, and are waited for.

Three things can block writing more documents:

- the documents that wait have reached their limit. State does not count, as no output would make it
  less; nor do dead letters, which have a limit of their own for each output;
- the log of changes (WAL) cannot be emptied, because another process reads an old state for long;
- the disk itself is nearly full. What is left must hold the log once more, or what is in it could
  never be copied into the database, and the outputs could not move their cursors.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import orjson

from forwarder.spool.errors import BlockedError, GoneError, SpoolError, unwritable
from forwarder.spool.schema import BUSY_SECONDS, SYNCED, SharedConnection, put_state

_LOCK = "spool.lock"
_LOCK_SECONDS = 2.0  # to try: commands that look whether the service runs hold it for a moment
_LOCK_PAUSE = 0.05
_MAX_REASON = 2000  # characters: all of the file is in one block of the disk
MAX_WAL_BYTES = 64 << 20
"""Above, no more documents are taken until the log of changes is empty again. It is emptied every
4 MB; this much means that another process holds it."""
_RESERVE_BYTES = 1 << 20  # that stay free on the disk beyond the log of changes
_VACUUM_BYTES = 16 << 20  # less is not worth the work of giving it back to the disk
_VACUUM_PAGES = 256  # to give back at a time: some milliseconds
_CHECKPOINT_SECONDS = 1.0  # between two attempts to empty the log of changes
_CHECKPOINT_MILLISECONDS = 100  # to wait there for others that read; our own readers take less


class Pause(NamedTuple):
    """A pause of reading."""

    since: float  # seconds since 1970
    reason: str  # and what ends it


class Holder(NamedTuple):
    """The process that has the spool open, as it notes it in the lock file, in JSON."""

    process: int = 0  # 0 in the moment before it has noted anything
    pause: Pause | None = None  # none while it reads


class Lock:
    """The lock of a state folder, held until it is closed or the process ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock of a state folder; raises SpoolError if another process holds it."""
        path = folder / _LOCK
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                self._wait(path)
                self._write(None)
            except BaseException:
                os.close(self._file)
                raise
        except OSError as error:
            words = f"{str(path)!r} cannot be written: {error.strerror}"
            raise unwritable(
                error, f"{words}; make that possible, or name another state folder"
            ) from error

    def _wait(self, path: Path) -> None:
        end = time.monotonic() + _LOCK_SECONDS
        while not _take(self._file, fcntl.LOCK_EX):
            if time.monotonic() > end:
                process = _read(path.read_bytes()).process
                raise SpoolError(
                    f"the spool in {str(path.parent)!r} is in use by process {process}; stop that"
                    " one first, or give this one a state folder of its own"
                )
            time.sleep(_LOCK_PAUSE)

    def note_pause(self, pause: Pause | None) -> None:
        """Note why reading is paused; None when it goes on."""
        with suppress(OSError):
            self._write(pause)

    def _write(self, pause: Pause | None) -> None:
        noted = pause and [pause.since, pause.reason[:_MAX_REASON]]
        content = orjson.dumps([os.getpid(), noted]) + b"\n"
        os.pwrite(self._file, content, 0)
        os.truncate(self._file, len(content))

    def close(self) -> None:
        """Release it. The file stays: if it were removed, two processes could hold two locks."""
        os.close(self._file)


def held(folder: Path) -> Holder | None:
    """Return the process that has the spool of a folder open; None if there is none."""
    try:
        with (folder / _LOCK).open("rb") as file:
            return None if _take(file.fileno(), fcntl.LOCK_SH) else _read(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return None


def _take(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(content: bytes) -> Holder:
    """Parse what a process noted; empty if that is not possible, as after a power cut."""
    try:
        # Behind the first line there may be the rest of a longer one, for a moment.
        process, pause = orjson.loads(content.partition(b"\n")[0])
        return Holder(int(process), pause and Pause(float(pause[0]), str(pause[1])))
    except (ValueError, TypeError):
        return Holder()


class DiskUsage(NamedTuple):
    """What the spool takes on disk, in bytes."""

    used: int  # by documents: what counts against the limit
    file: int  # size of the database on disk, with free pages
    empty: int  # of that, free pages
    wal: int  # size of the log of changes on disk
    free: int  # free on the disk


class Writer(SharedConnection):
    """Writes to the database, and measures what it takes."""

    def __init__(self, path: Path, connection: sqlite3.Connection, max_bytes: int) -> None:
        super().__init__(path, connection)
        self.max_bytes = max_bytes
        self._is_durable = True
        self._next_checkpoint = 0.0
        self.usage = DiskUsage(0, 0, 0, 0, 0)
        self.is_synced = False  # whether all is on disk; a killed process may not have seen to it
        self.measure()

    @property
    def is_at_limit(self) -> bool:
        """Whether documents take as much as they may, as of the last measure."""
        return self.usage.used >= self.max_bytes

    @property
    def blocked_reason(self) -> str | None:
        """Why no more documents should be written, as of the last measure."""
        usage = self.usage
        if self.is_at_limit:
            return f"the spool is full: {usage.used:,} bytes of {self.max_bytes:,}"
        if usage.wal > MAX_WAL_BYTES:
            return (
                f"the log of changes {str(wal_of(self._path))!r} has {usage.wal:,} bytes and cannot"
                " be emptied: another process has been reading the database for long; end it"
            )
        return self._disk_reason()

    def _disk_reason(self, size: int = 0) -> str | None:
        """Return why so many bytes of documents cannot be written; None if they can."""
        # They are written twice: to the log of changes, and from there.
        needed = self.usage.wal + _RESERVE_BYTES + 2 * size
        if self.usage.free >= needed:
            return None
        return (
            f"only {self.usage.free:,} bytes are free on the disk of {str(self._path.parent)!r},"
            f" and {needed:,} are needed; free some space"
        )

    @contextmanager
    def transaction(self, *, size: int = 0, durable: bool) -> Iterator[sqlite3.Connection]:
        """Write all or nothing; of documents, ``size`` bytes.

        A ``durable`` transaction is on disk at the end, with all that was written before.
        """
        with self.locked() as connection:
            if size:
                self.measure()
                reason = self._disk_reason(size)
                if reason is not None:
                    raise BlockedError(reason)
            _roll_back(connection)
            if durable != self._is_durable:
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._is_durable = durable
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                if durable and not self.is_synced:
                    # SQLite syncs nothing for a transaction that changes no page.
                    put_state(connection, [(SYNCED, str(time.time_ns()).encode())])
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            self.is_synced = durable
            self.measure()

    def check_size(self, connection: sqlite3.Connection) -> None:
        """Raise :class:`BlockedError` where documents take more than the limit, uncommitted too."""
        if usage_of(self._path, connection).used > self.max_bytes:
            raise BlockedError(
                f"the documents take more space than spool.max_bytes, {self.max_bytes:,} bytes:"
                " raise it, or begin at a later log"
            )

    def measure(self) -> None:
        """Measure what is used, outside a transaction, and free space where that is quick."""
        with self.locked() as connection:
            try:
                self._path.stat()
            except FileNotFoundError:
                # SQLite would go on writing to a file that has no name, and ends with the process.
                what = self._path if self._path.parent.exists() else self._path.parent
                raise GoneError(
                    f"{str(what)!r} was deleted while this ran, and what waited in it for outputs"
                    " is lost; start the service again: it makes a new one, and reads all logs that"
                    " are there from their beginning"
                ) from None
            except OSError:
                return  # as far as is known, nothing has changed
            self.usage = usage = usage_of(self._path, connection)
            if usage.wal > MAX_WAL_BYTES // 4 or usage.free < usage.wal + _RESERVE_BYTES:
                self._empty_wal(connection)
            if self.usage.empty > max(_VACUUM_BYTES, self.usage.file // 2):
                # A queue that is empty has its free pages at the end, where they are only cut off.
                # With a full disk there is no hurry. By execute, Python would stop after one page.
                with suppress(sqlite3.OperationalError):
                    connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
                self.usage = usage_of(self._path, connection)

    def _empty_wal(self, connection: sqlite3.Connection) -> None:
        """Give the log of changes back to the disk, if no other process holds it."""
        now = time.monotonic()
        if now < self._next_checkpoint:
            return
        self._next_checkpoint = now + _CHECKPOINT_SECONDS
        connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_MILLISECONDS}")
        # On a full disk, what was committed stays in the log, and is safe there.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
        self.usage = usage_of(self._path, connection)


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction that failed; on a broken disk, only the next attempt may succeed."""
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def usage_of(path: Path, connection: sqlite3.Connection) -> DiskUsage:
    """Measure what a database takes."""
    page, pages, free, used = connection.execute(
        "SELECT page_size, page_count, freelist_count, size"
        " FROM pragma_page_size, pragma_page_count, pragma_freelist_count, blocks_size"
    ).fetchone()
    disk = os.statvfs(path.parent)
    return DiskUsage(
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
