"""The spool itself: what ingest writes, and what the workers of outputs read.

A commit of documents is on disk when it returns. A cursor is written at once, and is on disk before
the output gets its next batch: neither the death of the process nor a power cut makes more come
again than the batch in hand. The log of changes is synced as a whole, so a commit of documents in
between does that for all cursors; only where there was none, :meth:`Spool.settle` does it. What
takes long, packing and unpacking, is done outside the lock; each output reads by a connection of
its own.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import orjson
import structlog

from forwarder.events import Document
from forwarder.spool import dead_letters as letters
from forwarder.spool import dropping, upkeep
from forwarder.spool.backfills import (
    Backfill,
    count_others,
    end_of_own,
    forget,
    load_backfills,
    next_own,
    remember,
)
from forwarder.spool.cursors import PREFIX, Batch, Progress, Refusing, Trouble, dump, load
from forwarder.spool.database import NAME, open_database, prepare_folder
from forwarder.spool.dead_letters import DeadLetter
from forwarder.spool.errors import (
    BlockedError,
    DamagedError,
    LettersFullError,
    SpoolError,
    explained,
)
from forwarder.spool.locking import Lock, Pause
from forwarder.spool.reader import BadBlock, Reader
from forwarder.spool.recent import MAX_BYTES, Recent
from forwarder.spool.room import DEFAULT_MAX_BYTES, MAX_WAL_BYTES, Room, Usage, usage_of
from forwarder.spool.schema import connect
from forwarder.spool.segments import Block, pack
from forwarder.spool.state import LETTER_LIMIT, LIMIT, load_state, put_state
from forwarder.spool.upkeep import oldest_time
from forwarder.spool.writer import Writer

_PAGE_ROWS = 1_000
"""Of the state, in memory at a time."""

_LOOK_SECONDS = 0.25
"""How often somebody who waits for room looks whether he is to stop."""

_log = structlog.get_logger(__name__)


class Spool:
    """Documents on their way, and what must survive with them. Any thread may call it."""

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_letter_bytes: int = letters.DEFAULT_MAX_BYTES,
        max_wal_bytes: int = MAX_WAL_BYTES,
        recent_bytes: int = MAX_BYTES,
    ) -> Self:
        """Open the spool of a folder; make it if there is none.

        That takes no longer for a large one. Only where somebody has come upon damage before, all
        of it is read: some seconds for a gigabyte.

        Args:
            folder: The state folder.
            max_bytes: What the database may take on disk, without dead letters, before
                :attr:`is_full`; one commit more may still be written.
            max_letter_bytes: What the dead letters of one output may take; the last one may go
                beyond it.
            max_wal_bytes: The same for its log of changes.
            recent_bytes: Of bodies that were committed last, to be kept in memory as well.

        Raises:
            SpoolError: Another process has it, or a newer version has written it, or it cannot be
                read or written.
        """
        prepare_folder(folder)
        lock = Lock(folder)
        try:
            room = Room(folder / NAME, max_bytes, max_wal_bytes)
            recent = Recent(recent_bytes)
            try:
                return cls(folder, lock, room, recent, max_letter_bytes)
            except DamagedError:  # it is marked now, so that all of it is read
                return cls(folder, lock, room, recent, max_letter_bytes)
        except BaseException:
            lock.close()
            raise

    def __init__(
        self, folder: Path, lock: Lock, room: Room, recent: Recent, max_letter_bytes: int
    ) -> None:
        """Use :meth:`open`."""
        self._path = folder / NAME
        self._lock = lock
        self._changed = threading.Condition()
        self._readers: dict[str, Reader] = {}
        self._recent = recent
        self._max_letter_bytes = max_letter_bytes
        self._sayings = dropping.Sayings()
        self._blocking: frozenset[str] = frozenset()
        self._moved: dict[str, dropping.Moved] = {}
        self._refusing: set[str] = set()
        """Outputs that refused all of their last batch, or have too many dead letters."""
        self._trims = False
        """Whether there are more blocks than could be trimmed that every output has had."""
        was_there = _inode(self._path)
        connection, salvaged = open_database(folder)
        self.was_damaged = salvaged is not None
        """Whether the database was replaced by what could be read of it."""
        try:
            self._writer = Writer(self._path, connection, room)
            with self._writer.locked():
                self._outputs = {
                    key.removeprefix(PREFIX): load(value)
                    for key, value in load_state(connection, PREFIX)
                }
                self._next = upkeep.next_number(connection, self._outputs.values())
                self._backfills = load_backfills(connection)
            missing = lock.committed - self._next
            if missing > 0 and _inode(self._path) == was_there:
                _log.error(
                    "The newest documents are gone from the spool: its log of changes"
                    " (spool.db-wal) was damaged or removed while nothing ran. Positions in the"
                    " logs went back with them, so what is still in the logs is read again.",
                    documents=missing,
                )
            lock.note_commit(self._next)
            limits = {LIMIT: room.max_bytes, LETTER_LIMIT: max_letter_bytes}
            self.commit((), [(key, orjson.dumps(limit)) for key, limit in limits.items()])
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Let go of the spool. Whoever calls it afterwards gets a :class:`ClosedError`."""
        for reader in self._readers.values():
            reader.close()
        self._writer.close()
        self._lock.close()

    @property
    def folder(self) -> Path:
        """The state folder."""
        return self._path.parent

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
        size = sum([len(x.packed) for x in blocks])
        with self._writer.locked():
            with self._writer.transaction(size=size, durable=True) as connection:
                end = self._insert(connection, self._next, blocks)
                put_state(connection, state)
            if documents and self._outputs:
                self._recent.add(self._next, documents)
            self._next = end
            if documents:
                self._lock.note_commit(end)
        if documents:
            self.wake()

    def note_pause(self, pause: Pause | None) -> None:
        """Let ``status`` say that nothing is read, or that it is; also where the disk is full."""
        self._lock.note_pause(pause)

    def backfill(self, output: str, parts: Iterable[Sequence[Document]]) -> int:
        """Write documents for one output alone, all or none; no output may be reading.

        Args:
            output: Its name; it need not be known yet.
            parts: The documents, in order. Those that wait for it are left out.

        Returns:
            How many were written.

        Raises:
            BlockedError: There is no room for them, or they cannot be written now.
            DamagedError: The database is broken.
        """
        with self._writer.locked() as reading:
            oldest = upkeep.oldest_number(reading) or self._next
            progress = self._outputs.get(output, Progress(oldest))
            waiting = self._waiting(output, progress.cursor)
            first = number = self._next
            with self._writer.transaction(durable=True) as connection:
                for part in parts:
                    fresh = [x for x in part if x.id not in waiting]
                    waiting.update(x.id for x in fresh)
                    number = self._insert(connection, number, pack(fresh))
                    if usage_of(self._path, connection).used > self._writer.max_bytes:
                        raise BlockedError(
                            f"the documents take more room than spool.max_bytes,"
                            f" {self._writer.max_bytes:,} bytes: raise it, or begin at a later log"
                        )
                backfill = Backfill(output, first, number)
                if number > first:
                    remember(connection, backfill)
                put_state(connection, [(PREFIX + output, dump(progress))])
            self._outputs = self._outputs | {output: progress}
            if number > first:
                self._backfills = [*self._backfills, backfill]
            self._next = number
            self._lock.note_commit(number)
        return number - first

    def dropped(self, output: str) -> int:
        """Count the documents that were dropped for an output and are not settled yet."""
        progress = self._outputs.get(output)
        return progress.dropped.documents if progress and progress.dropped else 0

    def settle_dropped(self, output: str) -> None:
        """Forget what was dropped for an output: it has it now, or does without.

        Raises:
            BlockedError: It cannot be written now.
        """
        with self._writer.locked():
            after = self._outputs[output]._replace(dropped=None)
            with self._writer.transaction(durable=True) as connection:
                put_state(connection, [(PREFIX + output, dump(after))])
            self._outputs = self._outputs | {output: after}

    def _waiting(self, output: str, cursor: int) -> set[str]:
        """Return the ids of the documents that an output has not had yet."""
        found = set[str]()
        with closing(Reader(connect(self._path), Recent(0))) as reader, reader.locked():
            while (cursor := next_own(self._backfills, output, cursor)) < self._next:
                end = end_of_own(self._backfills, output, cursor, self._next)
                try:
                    batch = reader.read(cursor, max_documents=end - cursor, max_bytes=MAX_BYTES)
                except BadBlock as bad:
                    upkeep.set_aside(self._writer, self._path, bad)
                    continue
                found.update(x.id for x in batch.documents if batch.start < end)
                cursor = max(cursor + 1, batch.end) if batch.documents else end
        return found

    @staticmethod
    def _insert(connection: sqlite3.Connection, first: int, blocks: Sequence[Block]) -> int:
        """Write rows; return the serial number behind them."""
        now = time.time_ns() // 1_000_000
        for block in blocks:
            connection.execute(
                "INSERT INTO blocks (first, documents, time, checksum, packed)"
                " VALUES (?, ?, ?, ?, ?)",
                (first, block.documents, now, block.checksum, block.packed),
            )
            first += block.documents
        if blocks:
            upkeep.count_size(connection, sum([len(x.packed) for x in blocks]))
        return first

    def load_state(self, prefix: str) -> list[tuple[str, bytes]]:
        """Return the state whose keys begin with a prefix, in the order of the keys.

        Raises:
            DamagedError: The database is broken.
        """
        with self._writer.locked() as connection:
            return load_state(connection, prefix)

    def iter_state(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Give the same a page at a time: of 100,000 files it is more than should be in memory.

        Raises:
            DamagedError: The database is broken.
        """
        after = ""
        while True:
            with self._writer.locked() as connection:
                page = load_state(connection, prefix, after=after, limit=_PAGE_ROWS)
            yield from page
            if len(page) < _PAGE_ROWS:
                return
            after = page[-1][0]

    @property
    def is_full(self) -> bool:
        """Whether ingest should pause; it may still commit what it has in hand."""
        return self._writer.obstacle is not None

    @property
    def obstacle(self) -> str | None:
        """Why it should, in words, and what ends it; None if it need not."""
        obstacle = self._writer.obstacle
        outputs = self._outputs
        if obstacle is None or not self._writer.is_at_limit or not outputs:
            return obstacle
        name, slowest = min(outputs.items(), key=lambda x: x[1].cursor)
        trouble = slowest.trouble
        why = "which is slower than reading" if trouble is None else f"which fails: {trouble.error}"
        waiting = self.pending(name)
        return (
            f"{obstacle}; it has room again when output {name!r} has delivered more of the"
            f" {waiting:,} documents that wait for it, {why}"
        )

    @property
    def usage(self) -> Usage:
        """What it takes on disk."""
        return self._writer.usage

    def wait_for_room(self, stop: threading.Event, timeout: float) -> bool:
        """Wait until there is room again.

        Args:
            stop: Ends the waiting.
            timeout: Seconds to wait at most.

        Returns:
            Whether there is room.
        """
        end = time.monotonic() + timeout
        with suppress(BlockedError):
            self._make_room(stop)
        while self.is_full and not stop.is_set() and (left := end - time.monotonic()) > 0:
            if not self.wait(lambda: not self.is_full, min(left, _LOOK_SECONDS)):
                # The disk and other processes do not tell when they are out of the way.
                with suppress(BlockedError):
                    self._writer.look()
                    self._make_room(stop)
        return not self.is_full

    def _make_room(self, stop: threading.Event) -> None:
        """Trim, or drop what waits for outputs that do not deliver, until the spool is not full."""
        while self._writer.is_at_limit and not stop.is_set():
            if self._trims:
                self._trim()
            elif not self._drop():
                return

    def _drop(self) -> bool:
        """Drop the oldest documents of outputs that are stalled, if another output delivers.

        Returns:
            Whether any were dropped.
        """
        with self._writer.locked() as connection:
            before = self._outputs
            stalled = {
                name
                for name, x in before.items()
                if dropping.is_stalled(
                    x,
                    self._moved[name],
                    oldest_time(connection, x.cursor),
                    refuses=name in self._refusing,
                )
            }
            losing = sorted(stalled - self._blocking)
            others = before.keys() - losing
            if not losing or others <= stalled:
                return False
            bound = min(before[x].cursor for x in others)
            first = min(before[x].cursor for x in losing)
            end = dropping.find_end(connection, first, bound, self._writer.max_bytes)
            losing = [x for x in losing if before[x].cursor < end]
            after = {
                x: dropping.drop(connection, before[x], end, self._count_others(x, end))
                for x in losing
            }
            if not after:
                return False
            outputs = before | after
            with self._writer.transaction(durable=True):
                put_state(connection, [(PREFIX + x, dump(y)) for x, y in after.items()])
                self._trims = upkeep.trim(connection, outputs.values(), self._next)
            self._outputs = outputs
        self._recent.forget(min(x.cursor for x in outputs.values()))
        self._sayings.say(outputs, losing)
        return True

    def _count_others(self, output: str, end: int) -> int:
        """Count what an output would pass over up to a serial number."""
        cursor = self._outputs[output].cursor
        return count_others(self._backfills, output, cursor) - count_others(
            self._backfills, output, end
        )

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until something is true that changes with a commit, an advance or :meth:`wake`.

        Args:
            condition: Quick; must not write or wait itself.
            timeout: Seconds to wait at most.

        Returns:
            Whether it is true.
        """
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def wake(self) -> None:
        """Let everybody who waits look again."""
        with self._changed:
            self._changed.notify_all()

    def add_outputs(self, names: Iterable[str], *, blocking: Iterable[str] = ()) -> None:
        """Say which outputs there are; all others are forgotten. None of them may be reading.

        A new one begins at the oldest document that is still there.

        Args:
            names: All of them.
            blocking: Those for which all wait when the spool is full.

        Raises:
            BlockedError: It cannot be written now.
        """
        wanted = list(dict.fromkeys(names))
        with self._writer.locked():
            with self._writer.transaction(durable=True) as connection:
                new = Progress(upkeep.oldest_number(connection) or self._next)
                outputs = {
                    x: self._outputs.get(x, new)._replace(attempt_since=None) for x in wanted
                }
                forgotten = {x: self.pending(x) for x in self._outputs if x not in outputs}
                put_state(connection, [(PREFIX + x, None) for x in forgotten])
                put_state(connection, [(PREFIX + x, dump(y)) for x, y in outputs.items()])
                self._trims = upkeep.trim(connection, outputs.values(), self._next)
            self._outputs = outputs
            self._blocking = frozenset(blocking)
            self._moved = {x: dropping.now() for x in outputs}
            self._refusing.clear()
            for name in forgotten.keys() & self._readers.keys():
                self._readers.pop(name).close()
            for name in outputs.keys() - self._readers.keys():
                self._readers[name] = Reader(connect(self._path), self._recent)
        for name, undelivered in forgotten.items():
            _log.warning(
                "An output is no longer in the configuration and has been forgotten.",
                output=name,
                undelivered=undelivered,
            )
        self.wake()

    def progress(self, output: str) -> Progress:
        """Say how far an output is."""
        return self._outputs[output]

    def delivered(self) -> Mapping[str, int]:
        """Count the documents that each output took, ever."""
        return {name: progress.delivered for name, progress in self._outputs.items()}

    def pending(self, output: str) -> int:
        """Count the documents that an output has not had yet; those to be replayed do not count."""
        cursor = self._outputs[output].cursor
        return self._next - cursor - count_others(self._backfills, output, cursor)

    def put_off(self, output: str) -> int:
        """Count the documents that an output put off; :meth:`pending` does not count them."""
        with self._writer.locked() as connection:
            return letters.count_put_off(connection, output)

    def read(
        self,
        output: str,
        *,
        max_documents: int,
        max_bytes: int,
        ahead: Batch | None = None,
        put_off: bool = False,
    ) -> Batch:
        """Read what an output is to deliver next: dead letters to be replayed before all else.

        Only one thread reads for an output. What is damaged is set aside and stepped over.

        Args:
            output: Its name.
            max_documents: At most so many.
            max_bytes: At most so many bytes of bodies, unless one document alone has more.
            ahead: What :meth:`read_ahead` gave; taken if it is what comes next.
            put_off: Whether to try again what it put off.

        Raises:
            BlockedError: It cannot be read now.
            DamagedError: The database is broken.
        """
        reader = self._readers[output]
        with explained(self._path), reader.locked() as connection:
            found = letters.replays(connection, output, max_documents, max_bytes)
            if put_off and not found:
                found = letters.replays(connection, output, max_documents, max_bytes, put_off=True)
            if found:
                return Batch([x.document for x in found], letters=found)
            if ahead is not None and ahead.documents and ahead.start == self._cursor(output):
                return ahead
            while (cursor := self._cursor(output)) < self._next:
                if (own := next_own(self._backfills, output, cursor)) > cursor:
                    self._pass_over(output, own)
                    continue
                end = end_of_own(self._backfills, output, cursor, self._next)
                most = min(max_documents, end - cursor)
                try:
                    batch = reader.read(cursor, max_documents=most, max_bytes=max_bytes)
                except BadBlock as bad:
                    upkeep.set_aside(self._writer, self._path, bad)
                    continue
                if batch.documents and batch.start < end:
                    return batch
                # There is nothing but what was damaged.
                self.advance(output, Batch((), end), refusing=self._outputs[output].refusing)
        return Batch(())

    def read_ahead(self, output: str, start: int, *, max_documents: int, max_bytes: int) -> Batch:
        """Read what lies behind a batch that is on its way to an output.

        Args:
            output: Its name.
            start: Serial number of the first document.
            max_documents: As for :meth:`read`.
            max_bytes: As for :meth:`read`.

        Returns:
            Nothing, where something is damaged or cannot be read now: :meth:`read` sees to that.
        """
        reader = self._readers[output]
        most = min(max_documents, end_of_own(self._backfills, output, start, self._next) - start)
        with suppress(BadBlock, SpoolError), explained(self._path), reader.locked():
            if next_own(self._backfills, output, start) == start:
                return reader.read(start, max_documents=most, max_bytes=max_bytes)
        return Batch(())

    def _cursor(self, output: str) -> int:
        return self._outputs[output].cursor

    def _pass_over(self, output: str, end: int) -> None:
        """Move the cursor of an output behind documents that are for others."""
        with self._writer.locked():
            before = self._outputs[output]
            after = before._replace(cursor=max(before.cursor, end))
            self._move(output, after, lambda _: None)
        self.wake()

    def _move(
        self, output: str, after: Progress, act: Callable[[sqlite3.Connection], None]
    ) -> None:
        """Write how far an output is, and do what belongs to that, in one transaction."""
        outputs = self._outputs | {output: after}
        lowest = min(x.cursor for x in outputs.values())
        with self._writer.transaction(durable=False) as connection:
            act(connection)
            put_state(connection, [(PREFIX + output, dump(after))])
            backfills = forget(connection, self._backfills, lowest)
            trims = upkeep.trim(connection, outputs.values(), self._next)
        self._outputs, self._backfills, self._trims = outputs, backfills, trims
        self._recent.forget(lowest)

    def advance(
        self,
        output: str,
        batch: Batch,
        dead_letters: Sequence[DeadLetter] = (),
        *,
        retried: int = 0,
        refusing: Refusing | None = None,
    ) -> None:
        """Move the cursor of an output behind a batch, together with what it did not take.

        Args:
            output: Its name.
            batch: As it was read, or the first documents of it.
            dead_letters: Documents of it that were refused or put off; those that were replayed
                with their numbers.
            retried: How often documents were handed over again.
            refusing: How many of the newest documents were refused.

        Raises:
            LettersFullError: Nothing was written; there is no room for all that was refused.
            BlockedError: Nothing was written; the same may be tried again after a pause.
            DamagedError: The database is broken.
        """
        with self._writer.locked():
            before = self._outputs[output]
            after = before._replace(
                delivered=before.delivered + len(batch.documents) - len(dead_letters),
                rejected=before.rejected + sum(not x.put_off for x in dead_letters),
                retried=before.retried + retried,
                refusing=refusing,
            )
            if not batch.letters:
                missing = before.missing + max(0, batch.start - before.cursor)
                after = after._replace(cursor=max(before.cursor, batch.end), missing=missing)
                if before.dropped is not None:
                    # It had them in hand while they were dropped.
                    late = max(0, min(before.cursor, batch.end) - batch.start)
                    documents = before.dropped.documents - late
                    after = after._replace(dropped=before.dropped._replace(documents=documents))

            def keep_letters(connection: sqlite3.Connection) -> None:
                kept = {x.number for x in dead_letters}
                delivered = [x.number for x in batch.letters if x.number not in kept]
                letters.remove(connection, delivered)
                letters.store(connection, output, dead_letters, self._max_letter_bytes)

            self._move(output, after, keep_letters)
            if after.delivered > before.delivered:
                self._moved[output] = dropping.now()
                self._refusing.discard(output)
            elif any(not x.put_off for x in dead_letters):
                self._refusing.add(output)
        self.wake()

    def check_room(self, output: str, dead_letters: Sequence[DeadLetter]) -> None:
        """Look whether there is room for what an output refused.

        Raises:
            LettersFullError: Not for all of it; it says for how many.
            BlockedError: It cannot be read now.
        """
        with self._writer.locked() as connection:
            try:
                letters.check_room(connection, output, dead_letters, self._max_letter_bytes)
            except LettersFullError:
                self._refusing.add(output)
                raise

    def note(self, output: str, trouble: Trouble | None, *, retried: int = 0) -> None:
        """Remember that an output does not deliver, and why; or that it does again.

        Raises:
            BlockedError: It is remembered only as long as the service runs.
        """
        with self._writer.locked():
            before = self._outputs[output]
            last = (trouble.error, trouble.time) if trouble else before.last_error
            after = before._replace(
                trouble=trouble, last_error=last, retried=before.retried + retried
            )
            self._outputs = self._outputs | {output: after}
        self._write_progress(output)

    def note_attempt(self, output: str, since: float | None) -> None:
        """Remember that an attempt is going on for long, or that it is over.

        Raises:
            BlockedError: It is remembered only as long as the service runs.
        """
        with self._writer.locked():
            after = self._outputs[output]._replace(attempt_since=since)
            self._outputs = self._outputs | {output: after}
        self._write_progress(output)

    def tidy(self) -> bool:
        """Trim some more of what every output has had, if there is more than a batch's worth.

        Returns:
            Whether there is still more, and it can be done now.
        """
        try:
            return self._trims and self._trim()
        except SpoolError:
            return False

    def _trim(self) -> bool:
        with self._writer.locked():
            with self._writer.transaction(durable=False) as connection:
                trims = upkeep.trim(connection, self._outputs.values(), self._next)
            self._trims = trims
        self.wake()
        return trims

    def settle(self) -> None:
        """Let all cursors be on disk: before more is delivered, and before a long wait.

        Raises:
            BlockedError: It cannot be written now.
        """
        if not self._writer.is_settled:
            with self._writer.transaction(durable=True):
                pass

    def _write_progress(self, output: str) -> None:
        with self._writer.transaction(durable=False) as connection:
            put_state(connection, [(PREFIX + output, dump(self._outputs[output]))])


def _inode(path: Path) -> int | None:
    """Return which file this is; None if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
