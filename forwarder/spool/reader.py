"""Reads the rows of the spool for one output, behind its cursor.

A row is decompressed once and serves many batches; one row at a time is in memory. What was
committed just now is kept in memory as well, and not decompressed at all, which was a tenth of what
a storm costs from the log to a file.
"""

import sqlite3
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import orjson
import structlog

from forwarder.events import Document
from forwarder.spool.cursors import Backfill, Batch, end_of_own, next_own
from forwarder.spool.errors import ClosedError, explained
from forwarder.spool.schema import DAMAGE, connect, load_state, put_state
from forwarder.spool.segments import DamagedSegmentError, decompress, delete, find
from forwarder.spool.writer import Writer

RECENT_BYTES = 24_000_000  # of bodies: a batch as it is by default, and the commit behind it

_log = structlog.get_logger(__name__)


class Reader:
    """Reads for one output; one thread at a time, under its lock."""

    def __init__(self, path: Path, recent: "RecentCommits") -> None:
        self._path = path
        self._connection = connect(path)
        self._recent = recent
        self._lock = threading.Lock()
        self._is_open = True
        self._first = 0
        self._documents: Sequence[Document] = ()
        self._ends: Sequence[int] = ()

    def close(self) -> None:
        """Close the connection. SQLite must not be within a call for it meanwhile."""
        with self._lock:
            self._is_open = False
            self._connection.close()

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection; raises :class:`ClosedError` if it is no longer open."""
        with self._lock, explained(self._path):
            if not self._is_open:
                raise ClosedError("the spool is closed")
            yield self._connection

    def read(self, cursor: int, max_documents: int, max_bytes: int) -> Batch:
        """Read consecutive documents from a serial number on; what is missing is stepped over.

        The first alone may have more bytes of bodies than ``max_bytes``. Raises DamagedSegmentError
        where the next row is damaged, and nothing was read before it.
        """
        documents: list[Document] = []
        start = at = cursor
        while len(documents) < max_documents:
            if not self._first <= at < self._first + len(self._documents):
                try:
                    found = self._load(at)
                except DamagedSegmentError:
                    if documents:
                        break
                    raise
                if not found or (self._first > at and documents):
                    break
                at = max(at, self._first)
                start = start if documents else at
            part = self._cut(at, max_documents - len(documents), max_bytes, first=not documents)
            if not part:
                break
            documents += part
            max_bytes -= sum([len(x.body) for x in part])
            at += len(part)
        return Batch(documents, start)

    def _cut(
        self, number: int, max_documents: int, max_bytes: int, *, first: bool
    ) -> Sequence[Document]:
        """Take documents from the row in memory, from a serial number on."""
        start = number - self._first
        before = self._ends[start - 1] if start else 0
        end = bisect_right(self._ends, before + max_bytes, start)
        end = max(min(end, start + max_documents), start + first)
        return self._documents[start:end]

    def _load(self, number: int) -> bool:
        """Load the row that has a document, or the next one; tell whether there is one."""
        found = self._recent.find(number)
        if found is None:
            row = find(self._connection, number)
            if row is None:
                return False
            try:
                found = row[0], decompress(row[1])
            except ValueError as error:
                raise DamagedSegmentError(row[0], str(error)) from error
        self._first, self._documents = found
        self._ends = list(accumulate([len(x.body) for x in self._documents]))
        return True


class _Commit(NamedTuple):
    first: int  # serial number of the first document
    end: int  # serial number behind the last one
    documents: Sequence[Document]
    size: int  # bytes of the bodies


class RecentCommits:
    """The documents that were committed last, as they were made; any thread may call it."""

    def __init__(self, max_bytes: int = RECENT_BYTES) -> None:
        """Keep so many bytes of bodies; a commit that has more by itself is not kept."""
        self._max_bytes = max_bytes
        self._commits = deque[_Commit]()
        self._size = 0
        self._lock = threading.Lock()

    def add(self, first: int, documents: Sequence[Document]) -> None:
        """Keep a commit, which is behind all that were added before; the oldest go."""
        size = sum([len(x.body) for x in documents])
        with self._lock:
            self._commits.append(_Commit(first, first + len(documents), documents, size))
            self._size += size
            while self._size > self._max_bytes:
                self._size -= self._commits.popleft().size

    def forget(self, before: int) -> None:
        """Drop the commits that lie before a serial number."""
        with self._lock:
            while self._commits and self._commits[0].end <= before:
                self._size -= self._commits.popleft().size

    def find(self, number: int) -> tuple[int, Sequence[Document]] | None:
        """Return the commit that has a document, and the serial number of its first."""
        with self._lock:
            at = bisect_right(self._commits, number, key=attrgetter("first")) - 1
            if at < 0 or self._commits[at].end <= number:
                return None
            return self._commits[at].first, self._commits[at].documents


def waiting_ids(
    connection: sqlite3.Connection,
    backfills: Sequence[Backfill],
    output: str,
    cursor: int,
    end: int,
) -> set[str]:
    """Return the ids of the documents that an output has not had; damaged ones are not known."""
    found = set[str]()
    while (cursor := next_own(backfills, output, cursor)) < end and (
        row := find(connection, cursor)
    ):
        first, segment = row
        own = end_of_own(backfills, output, cursor, end)
        with suppress(ValueError):
            found.update(
                x.id for x in decompress(segment)[max(0, cursor - first) : max(0, own - first)]
            )
        cursor = min(own, first + segment.documents)
    return found


def skip_damaged(writer: Writer, error: DamagedSegmentError) -> None:
    """Delete a damaged segment, so that outputs go on behind it."""
    with writer.transaction(durable=True) as connection:
        found = find(connection, error.first)
        if found is None or found[0] != error.first:
            return  # another output found it before
        lost, _, data = found[1]
        delete(connection, error.first, len(data))
        before = dict(load_state(connection, DAMAGE)).get(DAMAGE, b"[0, 0]")
        rows, documents = orjson.loads(before)
        put_state(connection, [(DAMAGE, orjson.dumps([rows + 1, documents + lost]))])
    _log.error(
        "A damaged segment of the spool was deleted; outputs go on behind it. To deliver its"
        " documents, run esa-forwarder rewind for the logs that they came from.",
        documents=lost,
        fault=str(error),
    )
