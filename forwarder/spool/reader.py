"""Reads the rows of the spool for one output, behind its cursor.

A row is unpacked once and serves many batches. One row at a time is in memory. What was committed
just now is not unpacked at all: :mod:`forwarder.spool.recent` has it.
"""

import sqlite3
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate

from forwarder.events import Document
from forwarder.spool.cursors import Batch
from forwarder.spool.errors import ClosedError
from forwarder.spool.recent import Recent
from forwarder.spool.segments import Block, unpack

_SELECT = "SELECT first, documents, checksum, packed FROM blocks"


class BadBlock(Exception):  # noqa: N818 - raised to the spool, which goes on without it
    """A row that cannot be unpacked."""

    def __init__(self, first: int, reason: str) -> None:
        """Name it by the serial number of its first document."""
        super().__init__(reason)
        self.first = first


class Reader:
    """Reads for one output; one thread at a time, under its lock."""

    def __init__(self, connection: sqlite3.Connection, recent: Recent) -> None:
        """Begin anywhere.

        Args:
            connection: For this reader alone; closed with it.
            recent: What was committed last.
        """
        self._connection = connection
        self._recent = recent
        self._lock = threading.Lock()
        self._is_open = True
        self._first = 0
        self._documents: Sequence[Document] = ()
        self._ends: Sequence[int] = ()

    def close(self) -> None:
        """Let go of the connection. SQLite must not be within a call for it meanwhile."""
        with self._lock:
            self._is_open = False
            self._connection.close()

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Have the connection for oneself.

        Raises:
            ClosedError: It is no longer open.
        """
        with self._lock:
            if not self._is_open:
                raise ClosedError("the spool is closed")
            yield self._connection

    def read(self, cursor: int, *, max_documents: int, max_bytes: int) -> Batch:
        """Read documents that lie one behind the other, at least one if there is any.

        Args:
            cursor: Serial number to begin at; what is missing there is stepped over.
            max_documents: At most so many.
            max_bytes: At most so many in the bodies, unless the first alone has more.

        Raises:
            BadBlock: The next row is damaged, and nothing was read before it.
        """
        documents: list[Document] = []
        start = at = cursor
        while len(documents) < max_documents:
            if not self._has(at):
                try:
                    found = self._load(at)
                except BadBlock:
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

    def _has(self, number: int) -> bool:
        return self._first <= number < self._first + len(self._documents)

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
        """Find the row that has a document, or the next one behind it.

        Returns:
            Whether there is one.
        """
        found = self._recent.find(number) or self._unpack(number)
        if found is None:
            return False
        self._first, self._documents = found
        self._ends = list(accumulate([len(x.body) for x in self._documents]))
        return True

    def _unpack(self, number: int) -> tuple[int, Sequence[Document]] | None:
        run = self._connection.execute
        (before,) = run("SELECT max(first) FROM blocks WHERE first <= ?", (number,)).fetchone()
        row = run(f"{_SELECT} WHERE first = ?", (before,)).fetchone()
        if row is None or row[0] + row[1] <= number:
            row = run(f"{_SELECT} WHERE first > ? ORDER BY first LIMIT 1", (number,)).fetchone()
        if row is None:
            return None
        first, block = row[0], Block(*row[1:])
        try:
            return first, unpack(block)
        except ValueError as error:
            raise BadBlock(first, str(error)) from error
