"""The spool itself: what ingest writes, and what the workers of outputs read.

One connection writes, under a lock; SQLite has one writer anyhow, and this way nobody waits for
somebody else's timeout. Each output reads by a connection of its own, without the lock. What is
long (packing, unpacking) happens outside.

A commit of documents is on disk when it returns. A cursor is written at once and is on disk within
a second: the death of the process costs no more than the batch in hand, that of the machine at
most the deliveries of a second, which are then made again.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import orjson
import structlog

from forwarder.documents import Document
from forwarder.spool import letters
from forwarder.spool.blocks import pack
from forwarder.spool.failures import BlockedError, explained
from forwarder.spool.letters import DeadLetter
from forwarder.spool.locking import Lock
from forwarder.spool.opening import NAME, bad_blocks, keep_aside, open_database, prepare_folder
from forwarder.spool.progress import PREFIX, Batch, Progress, Trouble, dump, load
from forwarder.spool.reading import BadBlock, Reader
from forwarder.spool.room import DEFAULT_MAX_BYTES, MAX_WAL_BYTES, Room, Usage
from forwarder.spool.schema import connect
from forwarder.spool.state import DAMAGE, LIMIT, load_state, put_state

_DEAD_LETTER_SHARE = 4
"""Dead letters may take a quarter of the limit. They are part of what counts against it, and
documents that can be delivered need room, too."""
_SYNC_SECONDS = 1.0
"""How long a cursor may stay in the memory of the machine."""
_LOOK_SECONDS = 0.25
"""How often somebody who waits for room looks whether he is to stop."""

_log = structlog.get_logger(__name__)


class Spool:
    """Documents on their way, and what must survive with them."""

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_wal_bytes: int = MAX_WAL_BYTES,
    ) -> Self:
        """Open the spool of a folder; make it if there is none.

        All of it is read, to see whether it is whole: some seconds for a gigabyte.

        Args:
            folder: The state folder.
            max_bytes: What the database may take on disk before :attr:`is_full`; one commit more
                may still be written.
            max_wal_bytes: The same for its log of changes.

        Raises:
            SpoolError: Another process has it, or a newer version has written it, or it cannot be
                read or written.
        """
        prepare_folder(folder)
        lock = Lock(folder)
        try:
            return cls(folder, lock, max_bytes=max_bytes, max_wal_bytes=max_wal_bytes)
        except BaseException:
            lock.close()
            raise

    def __init__(self, folder: Path, lock: Lock, *, max_bytes: int, max_wal_bytes: int) -> None:
        """Use :meth:`open`."""
        self._path = folder / NAME
        self._lock_file = lock
        self._max_dead_letter_bytes = max_bytes // _DEAD_LETTER_SHARE
        self._room = Room(self._path, max_bytes, max_wal_bytes)
        self._lock = threading.Lock()
        """Of the writing connection, and of what is remembered of what it wrote."""
        self._changed = threading.Condition()
        self._readers: dict[str, Reader] = {}
        self._writer = open_database(folder)
        try:
            self._load()
            self.commit((), [(LIMIT, orjson.dumps(max_bytes))])
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        """Let go of the spool. No other method may be running."""
        with self._lock:
            for reader in self._readers.values():
                reader.close()
            self._writer.close()
            self._lock_file.close()

    def commit(
        self, documents: Sequence[Document], state: Iterable[tuple[str, bytes | None]] = ()
    ) -> None:
        """Write documents, and whatever must agree with them: all of it or nothing.

        Args:
            documents: Any number, in the order of reading.
            state: Keys and values; None deletes. Of a key that is there twice, the last counts.

        Raises:
            BlockedError: Nothing was written; the same may be tried again after a pause.
            DamagedError: The database is broken.
        """
        blocks = pack(documents)
        now = _now()
        with self._lock, explained(self._path):
            if blocks:
                self._check_disk(sum([len(x.packed) for x in blocks]))
            with self._transaction(durable=True) as run:
                first = self._next
                for block in blocks:
                    run(
                        "INSERT INTO blocks VALUES (?, ?, ?, ?, ?)",
                        (first, block.documents, now, *block[1:]),
                    )
                    first += block.documents
                put_state(self._writer, state)
            self._next = first
        if documents:
            self.wake()

    def load_state(self, prefix: str) -> list[tuple[str, bytes]]:
        """Return the state whose keys begin with a prefix, in the order of the keys.

        Raises:
            DamagedError: The database is broken.
        """
        with self._lock, explained(self._path):
            return load_state(self._writer, prefix)

    @property
    def is_full(self) -> bool:
        """Whether ingest should pause; it may still commit what it has in hand."""
        return self._obstacle is not None

    @property
    def obstacle(self) -> str | None:
        """Why it should, in words; None if it need not."""
        return self._obstacle

    @property
    def usage(self) -> Usage:
        """What it takes on disk."""
        return self._room.usage

    def wait_for_room(self, stop: threading.Event, timeout: float) -> bool:
        """Wait until there is room again.

        Args:
            stop: Ends the waiting.
            timeout: Seconds to wait at most.

        Returns:
            Whether there is room.
        """
        end = time.monotonic() + timeout
        while self.is_full and not stop.is_set():
            left = end - time.monotonic()
            if left <= 0:
                break
            self.wait(lambda: not self.is_full, min(left, _LOOK_SECONDS))
            if self.is_full:
                # The disk and other processes do not tell when they are out of the way.
                with self._lock, suppress(BlockedError), explained(self._path):
                    self._measure()
        return not self.is_full

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until something is true that changes with a commit, an advance or :meth:`wake`.

        Args:
            condition: Quick, and without the spool's other methods that wait.
            timeout: Seconds to wait at most.
        """
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def wake(self) -> None:
        """Let everybody who waits look again."""
        with self._changed:
            self._changed.notify_all()

    def add_outputs(self, names: Iterable[str]) -> None:
        """Say which outputs there are; all others are forgotten.

        A new one begins at the oldest document that is still there.

        Raises:
            BlockedError: It cannot be written now.
        """
        wanted = list(dict.fromkeys(names))
        with self._lock, explained(self._path):
            (oldest,) = self._writer.execute("SELECT min(first) FROM blocks").fetchone()
            new = Progress(oldest or self._next)
            outputs = {x: self._outputs.get(x, new) for x in wanted}
            forgotten = {x: y for x, y in self._outputs.items() if x not in outputs}
            with self._transaction(durable=True):
                values = [(PREFIX + x, dump(y)) for x, y in outputs.items()]
                put_state(self._writer, [*values, *((PREFIX + x, None) for x in forgotten)])
            self._outputs = outputs
            for name in wanted:
                if name not in self._readers:
                    self._readers[name] = Reader(connect(self._path))
        for name, progress in forgotten.items():
            _log.warning(
                "An output is no longer in the configuration and has been forgotten.",
                output=name,
                undelivered=self._next - progress.cursor,
            )

    def progress(self, output: str) -> Progress:
        """Say how far an output is."""
        return self._outputs[output]

    def pending(self, output: str) -> int:
        """Count the documents that an output has not had yet."""
        return self._next - self._outputs[output].cursor

    def read(self, output: str, *, max_documents: int, max_bytes: int) -> Batch:
        """Read what an output is to deliver next: dead letters to be replayed before all else.

        Only one thread reads for an output. What is damaged is set aside and stepped over.

        Args:
            output: Its name.
            max_documents: At most so many.
            max_bytes: At most so many bytes of bodies, unless one document alone has more.

        Raises:
            BlockedError: It cannot be read now.
            DamagedError: The database is broken.
        """
        reader = self._readers[output]
        with explained(self._path):
            found = letters.replays(reader.connection, output, max_documents, max_bytes)
            if found:
                return Batch([x.document for x in found], letters=found)
            while (cursor := self._outputs[output].cursor) < (end := self._next):
                try:
                    batch = reader.read(cursor, max_documents=max_documents, max_bytes=max_bytes)
                except BadBlock as bad:
                    self._set_aside(bad.first, bad.block.documents, bad.block.packed, str(bad))
                    continue
                if batch.documents:
                    return batch
                self.advance(output, Batch((), end))
        return Batch(())

    def advance(
        self,
        output: str,
        batch: Batch,
        dead_letters: Sequence[DeadLetter] = (),
        *,
        retried: int = 0,
    ) -> None:
        """Move the cursor of an output behind a batch, together with what it refused.

        Args:
            output: Its name.
            batch: As it was read, or the first documents of it.
            dead_letters: Documents of it that were refused; those that were replayed with their
                numbers.
            retried: How many documents were handed over more than once.

        Raises:
            BlockedError: Nothing was written; the same may be tried again after a pause.
            DamagedError: The database is broken.
        """
        before = self._outputs[output]
        cursor = before.cursor if batch.letters else max(before.cursor, batch.end)
        gap = 0 if batch.letters else max(0, batch.start - before.cursor)
        with self._lock, explained(self._path):
            before = self._outputs[output]
            after = before._replace(
                cursor=cursor,
                delivered=before.delivered + len(batch.documents) - len(dead_letters),
                rejected=before.rejected + len(dead_letters),
                retried=before.retried + retried,
                missing=before.missing + gap,
            )
            others = [y.cursor for x, y in self._outputs.items() if x != output]
            self._check_dead_letters(dead_letters)
            durable = time.monotonic() - self._synced > _SYNC_SECONDS
            with self._transaction(durable=durable) as run:
                size = letters.store(self._writer, dead_letters)
                again = {x.number for x in dead_letters}
                letters.remove(
                    self._writer, [x.number for x in batch.letters if x.number not in again]
                )
                put_state(self._writer, [(PREFIX + output, dump(after))])
                trimmed = self._trim(run, min([cursor, *others]))
            self._dead_letter_bytes += size
            self._trimmed = trimmed
            self._outputs[output] = after
        self.wake()

    def note(self, output: str, trouble: Trouble | None, *, retried: int = 0) -> None:
        """Remember that an output does not deliver, and why; or that it does again.

        Raises:
            BlockedError: It is remembered as long as the service runs.
        """
        with self._lock, explained(self._path):
            before = self._outputs[output]
            last = (trouble.error, trouble.time) if trouble else before.last_error
            after = before._replace(
                trouble=trouble, last_error=last, retried=before.retried + retried
            )
            self._outputs[output] = after
            with self._transaction(durable=False):
                put_state(self._writer, [(PREFIX + output, dump(after))])

    def settle(self, output: str) -> None:
        """Let the cursor of an output be on disk; done already when nothing has moved.

        Raises:
            BlockedError: It cannot be written now.
        """
        with self._lock, explained(self._path):
            if self._unsynced:
                with self._transaction(durable=True):
                    put_state(self._writer, [(PREFIX + output, dump(self._outputs[output]))])

    def _load(self) -> None:
        """Find out where everything stands."""
        with explained(self._path):
            run = self._writer.execute
            state = load_state(self._writer, PREFIX)
            self._outputs = {x.removeprefix(PREFIX): load(y) for x, y in state}
            last = run(
                "SELECT first + documents FROM blocks ORDER BY first DESC LIMIT 1"
            ).fetchone()
            cursors = [x.cursor for x in self._outputs.values()]
            self._next = max([1, *cursors, *(last or ())])
            self._trimmed = 0
            self._durable = True
            self._unsynced = False
            self._synced = time.monotonic()
            self._dead_letter_bytes = letters.size_of_all(self._writer)
            self._obstacle: str | None = None
            self._measure()
            for first, documents, packed in bad_blocks(self._writer):
                self._set_aside(first, documents, packed, "the checksum does not match")

    @contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """Do something wholly or not at all. Under the lock.

        Args:
            durable: Whether it must be on disk at the end.
        """
        run = self._writer.execute
        if self._writer.in_transaction:  # the disk did not even allow to take the last one back
            run("ROLLBACK")
        if durable != self._durable:
            run(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        run("BEGIN IMMEDIATE")
        try:
            yield run
            run("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if self._writer.in_transaction:
                    run("ROLLBACK")
            raise
        self._unsynced = not durable
        if durable:
            self._synced = time.monotonic()
        self._measure()

    def _measure(self) -> None:
        self._room.measure(self._writer)
        self._obstacle = self._room.obstacle()

    def _check_disk(self, size: int) -> None:
        self._measure()
        obstacle = self._room.disk_obstacle(size)
        if obstacle is not None:
            raise BlockedError(obstacle)

    def _check_dead_letters(self, new: Sequence[DeadLetter]) -> None:
        """Refuse more dead letters than there may be. Documents wait until somebody has looked."""
        if not any(x.number == 0 for x in new):
            return
        if self._dead_letter_bytes >= self._max_dead_letter_bytes:
            # Another process may have purged some.
            self._dead_letter_bytes = letters.size_of_all(self._writer)
        if self._dead_letter_bytes >= self._max_dead_letter_bytes:
            raise BlockedError(
                f"dead letters take {self._dead_letter_bytes:,} bytes, and may take"
                f" {self._max_dead_letter_bytes:,}: find out why documents are refused (dead-letters"
                " list), then replay or purge them"
            )

    def _trim(self, run: Callable[..., sqlite3.Cursor], lowest: int) -> int:
        """Delete the blocks that every output has had.

        Returns:
            The serial number below which there is nothing.
        """
        (bound,) = run("SELECT max(first) FROM blocks WHERE first <= ?", (lowest,)).fetchone()
        bound = lowest if lowest >= self._next or bound is None else bound
        if bound > self._trimmed:
            run("DELETE FROM blocks WHERE first < ?", (bound,))
        self._room.give_back(self._writer)
        return max(bound, self._trimmed)

    def _set_aside(self, first: int, documents: int, packed: bytes, reason: str) -> None:
        """Take a damaged block out of the way of the others."""
        with self._lock, explained(self._path):
            there = self._writer.execute("SELECT 1 FROM blocks WHERE first = ?", (first,))
            if there.fetchone() is None:
                return  # another output came upon it before
            aside = keep_aside(self._path, first, packed)
            with self._transaction(durable=True) as run:
                run("DELETE FROM blocks WHERE first = ?", (first,))
                blocks, lost = orjson.loads(
                    dict(load_state(self._writer, DAMAGE)).get(DAMAGE, b"[0,0]")
                )
                put_state(self._writer, [(DAMAGE, orjson.dumps([blocks + 1, lost + documents]))])
        _log.error(
            "A block of documents in the spool is damaged and has been set aside; the outputs that"
            " have not had them go on behind it. Logs can be read again with the command rewind.",
            documents=documents,
            fault=reason,
            aside=str(aside),
        )


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
