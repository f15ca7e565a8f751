"""The spool itself: what ingest writes, and what the workers of outputs read.

    commit(documents, state) ─▶ segments, state ─▶ read(output) ─▶ advance(output, batch, letters)

One transaction holds documents and whatever must agree with them. After a crash at any point, both
are there or neither is.

A commit of documents is on disk when it returns. A cursor is written at once, and is on disk before
the output gets its next batch, so neither a kill nor a power cut makes more come again than the
batch in hand. A commit of documents in between syncs all cursors; only where there was none,
:meth:`Spool.sync` does. Documents are compressed and decompressed outside the lock; each output has
a connection of its own.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import orjson
import structlog

from forwarder.events import Document
from forwarder.spool import cursors, segments
from forwarder.spool import dead_letters as letters
from forwarder.spool.cursors import (
    Backfill,
    Batch,
    OutputError,
    Overflow,
    Progress,
    Rejecting,
    count_own,
    own_runs,
    waiting_ids,
)
from forwarder.spool.database import NAME, open_database, prepare_folder
from forwarder.spool.dead_letters import DeadLetter
from forwarder.spool.errors import BlockedError, DamagedError, SpoolError
from forwarder.spool.schema import LIMITS, load_state, put_state
from forwarder.spool.segments import RECENT_BYTES, DamagedSegmentError, Reader, RecentCommits
from forwarder.spool.writer import Lock, Writer

_PAGE_ROWS = 1_000  # of the state, in memory at a time
_LOOK_SECONDS = 0.25  # how often a wait for space looks for an end and at the disk

_log = structlog.get_logger(__name__)


class Spool:
    """Documents on their way, and what must survive with them. Any thread may call it.

    What reads or writes raises :class:`BlockedError` where that is not possible now, with nothing
    written, and :class:`DamagedError` where the database is broken.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 1_000_000_000,
        max_letter_bytes: int = 250_000_000,
        recent_bytes: int = RECENT_BYTES,
    ) -> None:
        """Open the spool of a state folder; make it if there is none.

        The last commit and the last dead letter may go beyond the limits, which are those of the
        configuration by default; ``recent_bytes`` of bodies are kept in memory as well. Raises
        :class:`SpoolError` if another process has it, or a newer version wrote it, or it cannot be
        used.
        """
        prepare_folder(folder)
        self.folder = folder
        self._path = folder / NAME
        self._max_letter_bytes = max_letter_bytes
        self._changed = threading.Condition()
        self._readers: dict[str, Reader] = {}
        self._recent = RecentCommits(recent_bytes)
        self._overflow = Overflow()
        self._trims = False  # whether more segments can be trimmed than one transaction may
        self.was_damaged = False  # whether the database was replaced by what could be read of it
        self.tell: Callable[[Sequence[Document], str], None] = lambda _, __: None
        """Called with documents that were committed, and with those that an output accepted."""
        self.lock = Lock(folder)
        try:
            try:
                self._open(max_bytes)
            except DamagedError:  # it is marked now, so that all of it is read
                self._open(max_bytes)
        except BaseException:
            self.lock.close()
            raise

    def _open(self, max_bytes: int) -> None:
        connection, is_replaced = open_database(self.folder)
        self.was_damaged |= is_replaced
        try:
            self._writer = Writer(self._path, connection, max_bytes)
            with self._writer.locked():
                self.outputs = cursors.load_outputs(connection)
                self._next = cursors.next_number(connection, self.outputs)
                self._backfills = cursors.load_backfills(connection)
            self.commit((), [(LIMITS, orjson.dumps([max_bytes, self._max_letter_bytes]))])
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the spool; its methods raise :class:`ClosedError` from now on."""
        for reader in self._readers.values():
            reader.close()
        self._writer.close()
        self.lock.close()

    def commit(
        self, documents: Sequence[Document], state: Iterable[tuple[str, bytes | None]] = ()
    ) -> None:
        """Write documents, in the order of reading, and state that must agree with them.

        A value of None deletes its key. Of a key that is there twice, the last value counts.
        """
        rows = segments.compress(documents)
        size = sum([len(x.data) for x in rows])
        with self._writer.locked():
            with self._writer.transaction(size=size, durable=True) as connection:
                end = segments.insert(connection, self._next, rows)
                put_state(connection, state)
            if documents:
                if self.outputs:
                    self._recent.add(self._next, documents)
                self._next = end
        if documents:
            self.wake()
            self.tell(documents, "")

    def load_state(
        self, prefix: str, *, after: str = "", limit: int = -1
    ) -> list[tuple[str, bytes]]:
        """Return the state whose keys begin with a prefix, in order, behind one of them."""
        with self._writer.locked() as connection:
            return load_state(connection, prefix, after=after, limit=limit)

    def iter_state(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield the same by pages: the state of 100,000 files should not be in memory at once."""
        after = ""
        while page := self.load_state(prefix, after=after, limit=_PAGE_ROWS):
            yield from page
            after, _ = page[-1]

    @property
    def blocked_reason(self) -> str | None:
        """Why ingest should pause, and what ends it; it may still commit what it has in hand."""
        reason = self._writer.blocked_reason
        if reason is None or not self._writer.is_at_limit or not self.outputs:
            return reason
        name, slowest = min(self.outputs.items(), key=lambda x: x[1].cursor)
        trouble = slowest.trouble
        return (
            f"{reason}; reading resumes when output {name!r} has delivered more of the"
            f" {self.pending(name):,} documents that wait for it, which"
            f" {f'fails: {trouble.error}' if trouble else 'is slower than reading'}"
        )

    def wait_for_space(self, stop: threading.Event, timeout: float) -> bool:
        """Wait some seconds until the spool is no longer full; tell whether that is so."""
        end = time.monotonic() + timeout
        while True:
            with suppress(BlockedError):
                # Trim, or drop what waits for outputs that do not deliver.
                while self._writer.is_at_limit and not stop.is_set():
                    if not (self.trim() or self._drop()):
                        break
            seconds = min(end - time.monotonic(), _LOOK_SECONDS)
            if not self._writer.blocked_reason or stop.is_set() or seconds <= 0:
                return not self._writer.blocked_reason
            if not self.wait(lambda: not self._writer.blocked_reason, seconds):
                with suppress(BlockedError):  # the disk does not tell when it has space again
                    self._writer.measure()

    def _drop(self) -> bool:
        """Drop the oldest documents of stalled outputs, if another delivers; tell whether."""
        with self._writer.locked() as connection:
            limit = self._writer.max_bytes
            losing = self._overflow.choose(connection, self.outputs, self._backfills, limit)
            if losing:
                self._store(losing, durable=True)
        self._overflow.log(losing)
        return bool(losing)

    def trim(self) -> bool:
        """Trim some more of what every output has had; tell whether there was any."""
        if not self._trims:
            return False
        with self._writer.locked():
            self._store({})
        self.wake()
        return True

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait some seconds for a quick condition on commits and cursors; tell whether it holds."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def wake(self) -> None:
        """Wake all threads that wait, so that they look again."""
        with self._changed:
            self._changed.notify_all()

    def add_outputs(self, names: Iterable[str], *, blocking: Iterable[str] = ()) -> None:
        """Set which outputs there are, and forget the others; none of them may be reading.

        A new one begins at the oldest document. For a ``blocking`` one nothing is ever dropped.
        """
        with self._writer.locked() as connection:
            new = Progress(segments.oldest_number(connection) or self._next)
            known = self.outputs
            outputs = {x: known.get(x, new)._replace(attempt_since=None) for x in names}
            forgotten = {x: self.pending(x) for x in known if x not in outputs}
            self._store({**dict.fromkeys(forgotten), **outputs}, durable=True)
            self._overflow.begin(outputs, blocking)
            for name in forgotten.keys() & self._readers.keys():
                self._readers.pop(name).close()
            for name in outputs.keys() - self._readers.keys():
                self._readers[name] = Reader(self._path, self._recent)
        for name, undelivered in forgotten.items():
            _log.warning(
                "Output removed from the configuration; its undelivered documents are forgotten.",
                output=name,
                undelivered=undelivered,
            )
        self.wake()

    def pending(self, output: str) -> int:
        """Count the documents that an output has not had yet; those to be replayed do not count."""
        return count_own(self._backfills, output, self.outputs[output].cursor, self._next)

    def postponed(self, output: str) -> int:
        """Count the documents that an output postponed; :meth:`pending` does not count them."""
        with self._writer.locked() as connection:
            return letters.postponed_of(connection, output)[0]

    def read(
        self,
        output: str,
        *,
        max_documents: int,
        max_bytes: int,
        ahead: Batch | None = None,
        postponed: bool = False,
    ) -> Batch:
        """Read what an output is to deliver next: dead letters to be replayed before all else.

        What is damaged is deleted and stepped over. One document alone may have more than
        ``max_bytes``. What :meth:`read_ahead` gave is taken if it is what comes next; with
        ``postponed``, what the output postponed comes before it.
        """
        reader = self._readers[output]
        with reader.locked() as connection:
            limits = max_documents, max_bytes
            found = letters.replays(connection, output, *limits, postponed=postponed)
            if found:
                return Batch([x.document for x in found], letters=found)
            if ahead and ahead.documents and ahead.start == self.outputs[output].cursor:
                return ahead
            while (cursor := self.outputs[output].cursor) < self._next:
                start, end = self._next_run(output, cursor)
                try:
                    start, documents = reader.read(
                        start, min(max_documents, end - start), max_bytes
                    )
                except DamagedSegmentError as error:
                    with self._writer.transaction(durable=True) as writing:
                        segments.delete_damaged(writing, error)
                    continue
                if documents and start < end:
                    return Batch(documents, start)
                # There is nothing but what was damaged, or is for others.
                self.advance(output, Batch((), end), rejecting=self.outputs[output].rejecting)
        return Batch(())

    def read_ahead(self, output: str, start: int, *, max_documents: int, max_bytes: int) -> Batch:
        """Read what lies behind a batch in hand; nothing where :meth:`read` has to see to it."""
        reader = self._readers[output]
        first, end = self._next_run(output, start)
        with suppress(DamagedSegmentError, SpoolError), reader.locked():
            if first == start:
                start, documents = reader.read(start, min(max_documents, end - start), max_bytes)
                return Batch(documents, start)
        return Batch(())

    def _next_run(self, output: str, number: int) -> tuple[int, int]:
        """Return the next run of documents, from a serial number on, that are not for others."""
        runs = own_runs(self._backfills, output, number, self._next)
        return next(runs, (self._next, self._next))

    def advance(
        self,
        output: str,
        batch: Batch,
        dead_letters: Sequence[DeadLetter] = (),
        *,
        rejecting: Rejecting | None = None,
    ) -> None:
        """Move the cursor of an output behind a batch; some of it may become dead letters."""
        with self._writer.locked():
            before = self.outputs[output]
            missing = count_own(self._backfills, output, before.cursor, batch.start)
            after = before.behind(batch, dead_letters)._replace(
                missing=before.missing + missing, rejecting=rejecting
            )
            self._store({output: after}, batch.letters, dead_letters)
            if after.delivered > before.delivered:
                self._overflow.take(output)
        self.wake()

    def letters_full(self, output: str) -> BlockedError | None:
        """Return why an output may have no more dead letters; None while it may."""
        with suppress(BlockedError), self._writer.locked() as connection:
            count = letters.count(connection).get(output)
            if count and count.size >= self._max_letter_bytes:
                return BlockedError(
                    f"its dead letters take {count.size:,} bytes and may take"
                    f" {self._max_letter_bytes:,} (dead_letters.max_bytes), so it waits: find out"
                    " why documents are rejected (dead-letters list) and fix that, or delete them"
                    " (dead-letters purge), or raise the limit"
                )
        return None

    def note(self, output: str, trouble: OutputError | None) -> None:
        """Remember why an output does not deliver, or that it does; in memory in any case."""
        with self._writer.locked():
            before = self.outputs[output]
            last = (trouble.error, trouble.time) if trouble else before.last_error
            self._note(output, before._replace(trouble=trouble, last_error=last))

    def note_attempt(self, output: str, since: float | None) -> None:
        """Remember since when an attempt takes long, or that it is over."""
        with self._writer.locked():
            self._note(output, self.outputs[output]._replace(attempt_since=since))

    def _note(self, output: str, progress: Progress) -> None:
        self.outputs = self.outputs | {output: progress}
        with self._writer.transaction(durable=False) as connection:
            cursors.save_outputs(connection, {output: progress})

    def count_retried(self, output: str, number: int) -> None:
        """Count documents that are handed over again; written with what comes of it."""
        with self._writer.locked():
            before = self.outputs[output]
            self.outputs = self.outputs | {output: before._replace(retried=before.retried + number)}

    def settle_dropped(self, output: str) -> None:
        """Forget what was dropped for an output: it has it now, or does not need it."""
        with self._writer.locked():
            self._store({output: self.outputs[output]._replace(dropped=None)}, durable=True)

    def sync(self) -> None:
        """Have all cursors on disk: before more is delivered, and before a long wait."""
        if not self._writer.is_synced:
            with self._writer.transaction(durable=True):
                pass

    def backfill(self, output: str, parts: Iterable[Sequence[Document]]) -> int:
        """Write documents that do not wait for an output yet, for it alone, all or none.

        No output may be reading. Returns how many there were.
        """
        with self._writer.locked() as reading:
            first = number = self._next
            progress = self.outputs.get(output, Progress(segments.oldest_number(reading) or first))
            runs = own_runs(self._backfills, output, progress.cursor, first)
            waiting = waiting_ids(reading, runs)
            with self._writer.transaction(durable=True) as connection:
                for part in parts:
                    fresh = [x for x in part if x.id not in waiting]
                    waiting.update(x.id for x in fresh)
                    number = segments.insert(connection, number, segments.compress(fresh))
                    self._writer.check_size(connection)
                backfills = [*self._backfills, Backfill(output, first, number)]
                backfills = [x for x in backfills if x.start < x.end]
                cursors.save_backfills(connection, backfills)
                cursors.save_outputs(connection, {output: progress})
            self.outputs, self._backfills = self.outputs | {output: progress}, backfills
            self._next = number
        return number - first

    def _store(
        self,
        changed: Mapping[str, Progress | None],
        replayed: Sequence[DeadLetter] = (),
        dead_letters: Sequence[DeadLetter] = (),
        *,
        durable: bool = False,
    ) -> None:
        """Write how far outputs are, with their dead letters, and trim, in one transaction."""
        merged = {**self.outputs, **changed}
        outputs = {x: y for x, y in merged.items() if y is not None}
        found = [x.cursor for x in outputs.values()]
        lowest = min(found, default=0)
        with self._writer.transaction(durable=durable) as connection:
            letters.store(connection, replayed, dead_letters)
            cursors.save_outputs(connection, changed)
            backfills = [x for x in self._backfills if x.end > lowest]
            if len(backfills) < len(self._backfills):
                cursors.save_backfills(connection, backfills)
            trims = segments.trim(connection, found, self._next)
        self.outputs, self._backfills, self._trims = outputs, backfills, trims
        self._recent.forget(lowest)
