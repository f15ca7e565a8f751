"""The documents that were committed last, as they were made: who keeps up need not unpack them.

Unpacking, and cutting into documents, was a tenth of what a storm costs from the log to a file.
What is here is in the database as well; nothing depends on it.
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from forwarder.documents import Document

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
        self._runs: deque[_Run] = deque()
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
            self._size += run.size
            while self._size > self._max_bytes:
                self._drop()

    def forget(self, before: int) -> None:
        """Let go of what nobody will ask for: all before a serial number."""
        with self._lock:
            while self._runs and self._runs[0].first + len(self._runs[0].documents) <= before:
                self._drop()

    def find(self, number: int) -> tuple[int, Sequence[Document]] | None:
        """Give the commit that has a document, and the serial number of its first."""
        with self._lock:
            for run in self._runs:
                if run.first <= number < run.first + len(run.documents):
                    return run.first, run.documents
        return None

    def _drop(self) -> None:
        self._size -= self._runs.popleft().size
