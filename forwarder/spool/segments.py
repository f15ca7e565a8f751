"""Segments: the rows of the spool, each a run of compressed documents, and who reads them.

Decompressed, a segment has two lines for each document: its id and its body. The id is in the body
again a few hundred bytes later, where zstandard finds it: it costs next to nothing. Lines are cut
and joined by whole segments, never document by document.

A reader decompresses a segment once, which serves many batches; one at a time is in memory. What
was committed just now is kept in memory as well, and not decompressed at all, which was a tenth of
what a storm costs from the log to a file.
"""

import sqlite3
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import orjson
import structlog
import zstandard

from forwarder.events import Document, new_document
from forwarder.spool.schema import (
    DAMAGE,
    SharedConnection,
    checksum,
    connect,
    load_state,
    put_state,
)

MAX_SEGMENT_BYTES = 1 << 20
"""Of bodies in one row. A reader has one row decompressed in memory; below a megabyte zstandard
finds less that is alike, above this nothing is gained."""
RECENT_BYTES = 24_000_000  # of bodies: a batch as it is by default, and the commit behind it
_LEVEL = 1  # higher levels save little and take longer by far
_TRIM_BYTES, _TRIM_ROWS = 8 << 20, 1000
"""What is deleted in one transaction: some hundredths of a second. An output that is removed from
the configuration may leave gigabytes."""

_log = structlog.get_logger(__name__)


class Segment(NamedTuple):
    """Compressed documents."""

    documents: int  # how many
    checksum: int  # CRC-32 of ``data``. SQLite does not notice when the content of a page changes
    data: bytes
    first: int = 0  # serial number of the first document; 0 before it is stored


class DamagedSegmentError(Exception):
    """A segment that cannot be read; the spool goes on without it."""

    def __init__(self, first: int, reason: str) -> None:
        super().__init__(reason)
        self.first = first  # serial number of its first document


def compress(documents: Sequence[Document]) -> list[Segment]:
    """Compress documents, in order, into as many segments as their size asks for.

    An id or a body with a newline in it raises ValueError.
    """
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return [_compress(compressor, part) for part in _cut(documents)]


def decompress(segment: Segment) -> list[Document]:
    """Return the documents of a segment; raises DamagedSegmentError if it is damaged."""
    if checksum(segment.data) != segment.checksum:
        raise DamagedSegmentError(segment.first, "the checksum does not match")
    try:
        content = zstandard.ZstdDecompressor().decompress(segment.data)
    except zstandard.ZstdError as error:
        raise DamagedSegmentError(segment.first, f"it cannot be decompressed: {error}") from error
    lines = content.split(b"\n")
    if len(lines) != 2 * segment.documents:
        reason = f"{len(lines)} lines are not {segment.documents} documents"
        raise DamagedSegmentError(segment.first, reason)
    ids = b"\n".join(lines[0::2]).decode().split("\n")
    return list(map(new_document, zip(ids, lines[1::2], strict=True)))


def _cut(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    """Cut what is too large for one segment; a document that is too large for any is alone."""
    ends = list(accumulate([len(x.body) for x in documents]))
    start = size = 0
    while start < len(documents):
        end = max(bisect_right(ends, size + MAX_SEGMENT_BYTES), start + 1)
        yield documents[start:end]
        start, size = end, ends[end - 1]


def _compress(compressor: zstandard.ZstdCompressor, documents: Sequence[Document]) -> Segment:
    ids, bodies = zip(*documents, strict=True)
    lines: list[bytes] = [b""] * (2 * len(documents))
    lines[0::2] = "\n".join(ids).encode().split(b"\n")
    lines[1::2] = bodies
    # To look for a byte is far quicker than to count it.
    if any(b"\n" in x for x in bodies):
        raise ValueError("a body has a newline in it")
    data = compressor.compress(b"\n".join(lines))
    return Segment(len(documents), checksum(data), data)


def insert(connection: sqlite3.Connection, first: int, segments: Sequence[Segment]) -> int:
    """Write rows; return the serial number behind them."""
    now = time.time_ns() // 1_000_000
    for segment in segments:
        connection.execute(
            "INSERT INTO blocks (first, documents, time, checksum, compressed)"
            " VALUES (?, ?, ?, ?, ?)",
            (first, segment.documents, now, segment.checksum, segment.data),
        )
        first += segment.documents
    if segments:
        add_size(connection, sum([len(x.data) for x in segments]))
    return first


def find(connection: sqlite3.Connection, number: int) -> Segment | None:
    """Return the segment that has a document, or the next one."""
    row = connection.execute(
        "SELECT documents, checksum, compressed, first FROM blocks"
        " WHERE first >= coalesce((SELECT max(first) FROM blocks WHERE first <= ?1), 0)"
        " AND first + documents > ?1 ORDER BY first LIMIT 1",
        (number,),
    ).fetchone()
    return None if row is None else Segment(*row)


def oldest_number(connection: sqlite3.Connection) -> int | None:
    """Return the serial number of the oldest document; None if there is none."""
    (first,) = connection.execute("SELECT min(first) FROM blocks").fetchone()
    return None if first is None else int(first)


def commit_time(connection: sqlite3.Connection, number: int) -> float | None:
    """Return when a document was committed; seconds since 1970."""
    found = connection.execute(
        "SELECT time FROM blocks WHERE first = (SELECT max(first) FROM blocks WHERE first <= ?)",
        (number,),
    ).fetchone()
    return None if found is None else found[0] / 1000


def add_size(connection: sqlite3.Connection, change: int) -> None:
    """Count what segments take, with each that is added or deleted."""
    connection.execute("UPDATE blocks_size SET size = size + ?", (change,))


def delete_damaged(connection: sqlite3.Connection, error: DamagedSegmentError) -> None:
    """Delete a damaged segment, so that outputs go on behind it."""
    segment = find(connection, error.first)
    if segment is None or segment.first != error.first:
        return  # another output found it before
    connection.execute("DELETE FROM blocks WHERE first = ?", (segment.first,))
    add_size(connection, -len(segment.data))
    before = dict(load_state(connection, DAMAGE)).get(DAMAGE, b"[0, 0]")
    rows, documents = orjson.loads(before)
    counts = orjson.dumps([rows + 1, documents + segment.documents])
    put_state(connection, [(DAMAGE, counts)])
    _log.error(
        "A damaged segment of the spool was deleted; outputs go on behind it. To deliver its"
        " documents, run esa-forwarder rewind for the logs that they came from.",
        documents=segment.documents,
        fault=str(error),
    )


def trim(connection: sqlite3.Connection, cursors: Sequence[int], end: int) -> bool:
    """Delete segments that every output has had, as many as takes no time; tell whether more are.

    Nothing is deleted while there are no outputs. The next commit begins at ``end``.
    """
    lowest = bound = min(cursors, default=0)
    if lowest < end:
        # The slowest output may be within a segment.
        (bound,) = connection.execute(
            "SELECT max(first) FROM blocks WHERE first <= ?", (lowest,)
        ).fetchone()
    # The length of a blob is read without its content.
    rows = connection.execute(
        "SELECT first, length(compressed) FROM blocks WHERE first < ? ORDER BY first LIMIT ?",
        (bound, _TRIM_ROWS),
    ).fetchall()
    number = trimmed = 0
    while number < len(rows) and trimmed <= _TRIM_BYTES:
        trimmed += rows[number][1]
        number += 1
    if number:
        connection.execute("DELETE FROM blocks WHERE first <= ?", (rows[number - 1][0],))
        add_size(connection, -trimmed)
    return number < len(rows) or len(rows) == _TRIM_ROWS


def find_end(connection: sqlite3.Connection, first: int, bound: int, max_bytes: int) -> int:
    """Return how far to drop documents, from the first that may go to the first that must stay.

    These are whole segments, at least one if there is any, until ``max_bytes`` are enough.
    """
    end = first
    for start, documents, size in connection.execute(
        "SELECT first, documents, length(compressed) FROM blocks WHERE first >="
        " coalesce((SELECT max(first) FROM blocks WHERE first <= ?), 0) ORDER BY first",
        (first,),
    ):
        if start + documents > bound or max_bytes <= 0:
            break
        end = start + documents
        max_bytes -= size
    return max(first, end)


class Reader(SharedConnection):
    """Reads segments for one output."""

    def __init__(self, path: Path, recent: "RecentCommits") -> None:
        super().__init__(path, connect(path))
        self._recent = recent
        self._first = 0
        self._documents: Sequence[Document] = ()
        self._offsets: Sequence[int] = ()  # bytes of bodies before each document, and of all

    def read(
        self, cursor: int, max_documents: int, max_bytes: int
    ) -> tuple[int, Sequence[Document]]:
        """Read consecutive documents from a serial number on; what is missing is stepped over.

        Returns the serial number of the first one, too. The first alone may have more bytes of
        bodies than ``max_bytes``. Raises DamagedSegmentError where the next segment is damaged, and
        nothing was read before it.
        """
        documents: list[Document] = []
        start = cursor
        while len(documents) < max_documents:
            number = start + len(documents)
            if not self._first <= number < self._first + len(self._documents):
                try:
                    found = self._load(number)
                except DamagedSegmentError:
                    if documents:
                        break
                    raise
                if not found or (documents and self._first > number):
                    break
                start = start if documents else max(start, self._first)
            at = start + len(documents) - self._first
            end = bisect_right(self._offsets, self._offsets[at] + max_bytes, at) - 1
            end = min(end, at + max_documents - len(documents))
            if not documents:
                end = max(end, at + 1)
            if end <= at:
                break
            max_bytes -= self._offsets[end] - self._offsets[at]
            documents += self._documents[at:end]
        return start, documents

    def _load(self, number: int) -> bool:
        """Load the segment that has a document, or the next one; tell whether there is one."""
        found = self._recent.find(number)
        if found is None:
            segment = find(self._connection, number)
            if segment is None:
                return False
            found = segment.first, decompress(segment)
        self._first, self._documents = found
        self._offsets = [*accumulate([len(x.body) for x in self._documents], initial=0)]
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
