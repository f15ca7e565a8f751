"""Parts of a batch: the documents of one request each, and the request, made and packed once."""

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from forwarder import Document
from forwarder_bulk.targets import Request

_LEAST = 500
"""Documents. Fewer are not cut into parts: each request has its own price of some milliseconds, on
both sides, and a server puts what it gets at once to disk at once."""
_MOST = 2_500
"""Documents, some 5 MB: Elastic says that requests beyond 5 to 15 MB gain nothing."""

Documents = Sequence[Document]


class Part:
    """Documents, and the request for them. Any thread may ask for it."""

    def __init__(self, documents: Documents, make: Callable[[Documents], Request]) -> None:
        """Make nothing yet.

        Args:
            documents: At least one.
            make: Makes a request for documents.
        """
        self.documents = documents
        self._make = make
        self._request: Request | None = None
        self._lock = threading.Lock()

    def request(self) -> Request:
        """Give the request; it is made by whoever asks first, and others wait for it."""
        with self._lock:
            if self._request is None:
                self._request = self._make(self.documents)
            return self._request

    def halves(self) -> "tuple[Part, Part]":
        """Cut it in two; it must have two documents."""
        middle = len(self.documents) // 2
        first, second = self.documents[:middle], self.documents[middle:]
        return Part(first, self._make), Part(second, self._make)


def cut(
    documents: Documents, workers: int, max_documents: int, max_bytes: int | None
) -> list[Documents]:
    """Cut a batch into what is sent at once: less and less, as the last one is waited for.

    Args:
        documents: All of them.
        workers: How many parts may be on their way at once.
        max_documents: In a part.
        max_bytes: In the bodies of a part, unless one document alone has more.
    """
    parts = []
    start = 0
    while start < len(documents):
        share = min(_share(len(documents) - start, workers), max_documents)
        part = documents[start : start + share]
        if max_bytes is not None:
            ends = list(accumulate([len(x.body) for x in part]))
            part = part[: max(1, bisect_right(ends, max_bytes))]
        parts.append(part)
        start += len(part)
    return parts


def _share(left: int, workers: int) -> int:
    """Say how many of those that are left come next."""
    if workers > 1 and left > _LEAST:
        half = -(-left // 2)
        # Less than two of the least are cut evenly.
        return min(max(half // workers, _LEAST), half, _MOST)
    return min(left, _MOST)
