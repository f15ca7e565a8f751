"""The documents that were committed last, as they were made: who keeps up need not unpack them.

Unpacking, and cutting into documents, was a tenth of what a storm costs from the log to a file.
What is here is in the database as well; nothing depends on it.
"""

import threading
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from forwarder.events import Document

MAX_BYTES = 24_000_000
"""Of bodies. A batch as it is if nothing is said, and the commit behind it."""


class _Run(NamedTuple):
    """The documents of one commit."""

    first: int
    """Serial number of the first."""
    documents: Sequence[Document]
    size: int
    """Bytes of the bodies."""


class Recent:
    """What was committed last; any thread may call it."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Begin with nothing.

        Args:
            max_bytes: Of bodies; a commit that has more by itself is not kept.
        """
        self._max_bytes = max_bytes
        self._runs: list[_Run] = []
        self._firsts: list[int] = []
        """Those of the runs, for the search: of small commits there are thousands."""
        self._size = 0
        self._lock = threading.Lock()

    def add(self, first: int, documents: Sequence[Document]) -> None:
        """Keep what was committed; what is oldest goes.

        Args:
            first: Serial number of the first; behind all that were added before.
            documents: Nobody changes them any more.
        """
        run = _Run(first, documents, sum([len(x.body) for x in documents]))
        with self._lock:
            self._runs.append(run)
            self._firsts.append(first)
            self._size += run.size
            number = 0
            size = self._size
            while size > self._max_bytes:
                size -= self._runs[number].size
                number += 1
            self._drop(number)

    def forget(self, before: int) -> None:
        """Let go of what nobody will ask for: all before a serial number."""
        with self._lock:
            number = bisect_right(self._firsts, before) - 1
            if number >= 0 and self._end(number) <= before:
                number += 1
            self._drop(max(number, 0))

    def find(self, number: int) -> tuple[int, Sequence[Document]] | None:
        """Give the commit that has a document, and the serial number of its first."""
        with self._lock:
            at = bisect_right(self._firsts, number) - 1
            if at < 0 or self._end(at) <= number:
                return None
            return self._runs[at].first, self._runs[at].documents

    def _end(self, at: int) -> int:
        run = self._runs[at]
        return run.first + len(run.documents)

    def _drop(self, number: int) -> None:
        """Let go of the oldest."""
        self._size -= sum([x.size for x in self._runs[:number]])
        del self._runs[:number], self._firsts[:number]
