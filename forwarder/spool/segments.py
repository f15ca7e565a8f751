"""Segments: the rows of the spool, each a run of compressed documents.

Decompressed, a segment has two lines for each document: its id and its body. The id is in the body
again a few hundred bytes later, where zstandard finds it: it costs next to nothing. Lines are cut
and joined by whole segments, never document by document.
"""

import sqlite3
import time
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import zstandard

from forwarder.events import Document, new_document

MAX_SEGMENT_BYTES = 1 << 20
"""Of bodies in one row. A reader has one row decompressed in memory; below a megabyte zstandard
finds less that is alike, above this nothing is gained."""
_LEVEL = 1  # higher levels save little and take longer by far
_TRIM_BYTES, _TRIM_ROWS = 8 << 20, 1000
"""What is deleted in one transaction: some hundredths of a second. An output that is removed from
the configuration may leave gigabytes."""


class Segment(NamedTuple):
    """Compressed documents."""

    documents: int  # how many
    checksum: int  # CRC-32 of ``data``. SQLite does not notice when the content of a page changes
    data: bytes


class DamagedSegmentError(Exception):
    """A row that cannot be read; the spool goes on without it."""

    def __init__(self, first: int, reason: str) -> None:
        super().__init__(reason)
        self.first = first


def compress(documents: Sequence[Document]) -> list[Segment]:
    """Compress documents, in order, into as many segments as their size asks for.

    An id or a body with a newline in it raises ValueError.
    """
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return [_compress(compressor, part) for part in _cut(documents)]


def decompress(segment: Segment) -> list[Document]:
    """Return the documents of a segment; raises ValueError if it is damaged."""
    if checksum(segment.data) != segment.checksum:
        raise ValueError("the checksum does not match")
    try:
        content = zstandard.ZstdDecompressor().decompress(segment.data)
    except zstandard.ZstdError as error:
        raise ValueError(f"it cannot be decompressed: {error}") from error
    lines = content.split(b"\n")
    if len(lines) != 2 * segment.documents:
        raise ValueError(f"{len(lines)} lines are not {segment.documents} documents")
    ids = b"\n".join(lines[0::2]).decode().split("\n")
    return list(map(new_document, zip(ids, lines[1::2], strict=True)))


def checksum(*parts: bytes) -> int:
    """Return the CRC-32 of bytes."""
    return zlib.crc32(b"".join(parts))


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


def find(connection: sqlite3.Connection, number: int) -> tuple[int, Segment] | None:
    """Return the segment that has a document, or the next one, and its first serial number."""
    select = "SELECT first, documents, checksum, compressed FROM blocks WHERE first"
    last = f"{select} = (SELECT max(first) FROM blocks WHERE first <= ?)"  # noqa: S608 - our own text
    row = connection.execute(last, (number,)).fetchone()
    if row is None or row[0] + row[1] <= number:
        row = connection.execute(f"{select} > ? ORDER BY first LIMIT 1", (number,)).fetchone()
    return None if row is None else (row[0], Segment(*row[1:]))


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


def delete(connection: sqlite3.Connection, first: int, size: int) -> None:
    """Delete a segment, by the serial number of its first document."""
    connection.execute("DELETE FROM blocks WHERE first = ?", (first,))
    add_size(connection, -size)


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
    ends = [*accumulate([size for _, size in rows])]
    number = bisect_right(ends, _TRIM_BYTES) + 1
    if rows:
        last, _ = rows[:number][-1]
        connection.execute("DELETE FROM blocks WHERE first <= ?", (last,))
        add_size(connection, -sum(size for _, size in rows[:number]))
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
