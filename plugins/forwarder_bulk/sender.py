"""Sending a batch: in several requests at once, smaller ones where the server asks for it.

A batch is cut into parts that become smaller towards its end, and each free thread takes the next
one: so all that may be in flight at once are, nearly until the last. Requests are made while others
are in flight. All are final before :meth:`Sender.write` returns. The parts are smaller still

- after a 413: half of the bytes that were too many, until the output is opened again;
- after a 429, of a request or of most of its documents: half of the documents; with each part that
  is taken it is a quarter more again.

After an answer that says to wait, nothing more of the batch is sent. Where the server postpones
some documents of a request and takes most of them, the rest of the batch is.
"""

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from forwarder import Document, Failure, Unavailable
from forwarder_bulk.response import BulkResult, Disposition, Reply, interpret
from forwarder_bulk.targets import Request, Targets
from forwarder_bulk.transport import compress

_LEAST = 500
"""Documents. Fewer are not cut into parts: each request has its own price of some milliseconds, on
both sides, and a server puts what it gets at once to disk at once."""
_MOST = 2_500
"""Documents, some 5 MB: Elastic says that requests beyond 5 to 15 MB gain nothing."""
_UNLIMITED = 20_000
"""Documents; more than any batch has."""
_FEWEST = 50
"""Documents, some 100 KB. A request that is postponed although it is small is not postponed for its
size, and to send one document at a time afterwards would take long for nothing."""


class Part:
    """Documents and the request for them, which is made and compressed once, by any thread."""

    def __init__(self, documents: Sequence[Document], targets: Targets) -> None:
        self.documents = documents
        self._targets = targets
        self._request: Request | None = None
        self._lock = threading.Lock()

    def request(self) -> Request:
        """Return the request; the first thread that asks makes it, and others wait for it."""
        with self._lock:
            if self._request is None:
                made = self._targets.request(self.documents)
                self._request = made._replace(body=compress(made.body), size=len(made.body))
            return self._request

    def halves(self) -> "tuple[Part, Part]":
        """Cut it in two; it must have two documents."""
        middle = len(self.documents) // 2
        halves = self.documents[:middle], self.documents[middle:]
        return Part(halves[0], self._targets), Part(halves[1], self._targets)


class Sender:
    """Sends batches to one cluster."""

    def __init__(self, post: Callable[[Request], Reply], targets: Targets, workers: int) -> None:
        """Send nothing yet.

        Args:
            post: Makes one request, or raises Unavailable; called by several threads at once.
            targets: Where documents go.
            workers: How many requests may be in flight at once.
        """
        self._post = post
        self._targets = targets
        self._workers = workers
        self._max_documents = _UNLIMITED
        self._max_bytes: int | None = None
        self._rest: tuple[float, str] | None = None
        """Until when, by the monotonic clock, the server asked to be left alone, and in which words
        it did; the caller has not been told yet."""
        self._lock = threading.Lock()

    def write(self, documents: Sequence[Document]) -> list[Failure]:
        """Send a batch.

        Returns:
            What was not delivered.

        Raises:
            Unavailable: The server takes nothing of any batch: it does not answer, or it does not
                take a whole request. Nothing of this one was delivered or rejected.
        """
        rest, self._rest = self._rest, None  # said once: the caller waits as long as it may
        if rest is not None and (left := rest[0] - time.monotonic()) > 0:
            raise Unavailable(rest[1], retry_after=timedelta(seconds=left))
        batch = _Batch(self, [Part(x, self._targets) for x in self._cut(documents)])
        batch.run(self._workers)
        if batch.error is not None:
            raise batch.error
        if batch.reason is None:
            return batch.failures
        unsent = [y for x in batch.waiting for y in x.documents]
        if (
            batch.is_of_all
            and len(batch.failures) == len(documents) - len(unsent)
            and all(x.retryable for x in batch.failures)
        ):
            raise Unavailable(batch.reason, retry_after=batch.retry_after)
        if batch.retry_after is not None:
            self._rest = time.monotonic() + batch.retry_after.total_seconds(), batch.reason
        return [*batch.failures, *_later(unsent, batch.reason, batch.status)]

    def send(self, part: Part) -> BulkResult:
        """Make one request, and learn from the answer how much to send at once."""
        request = part.request()
        count = len(part.documents)
        result = interpret(self._post(request), part.documents, request.target, datetime.now(UTC))
        with self._lock:
            if result.is_busy:
                self._max_documents = max(_FEWEST, min(self._max_documents, count) // 2)
            elif result.disposition is Disposition.EACH:
                self._max_documents = min(_UNLIMITED, self._max_documents * 5 // 4 + 1)
            elif result.status == 413 and count > 1:  # noqa: PLR2004 - as in the table
                self._max_bytes = min(self._max_bytes or request.size, request.size // 2)
        return result

    def _cut(self, documents: Sequence[Document]) -> Iterable[Sequence[Document]]:
        """Cut a batch into what is sent at once: less and less, as the last one is waited for."""
        max_documents, max_bytes = self._max_documents, self._max_bytes
        while documents:
            share = min(self._share(len(documents)), max_documents)
            if max_bytes is not None:
                ends = list(accumulate([len(x.body) for x in documents[:share]]))
                share = max(1, bisect_right(ends, max_bytes))
            yield documents[:share]
            documents = documents[share:]

    def _share(self, left: int) -> int:
        """Say how many of those that are left come next."""
        if self._workers > 1 and left > _LEAST:
            half = -(-left // 2)
            # Less than two of the least are cut evenly.
            return min(max(half // self._workers, _LEAST), half, _MOST)
        return min(left, _MOST)


class _Batch:
    """A batch in flight."""

    def __init__(self, sender: Sender, parts: Sequence[Part]) -> None:
        self._sender = sender
        self._lock = threading.Lock()
        self.waiting = deque(parts)
        """Not sent yet."""
        self.failures: list[Failure] = []
        self.reason: str | None = None
        """Why nothing more is sent."""
        self.is_of_all = False
        """Whether that is of a whole request, and not of the documents of one."""
        self.status: int | None = None
        self.retry_after: timedelta | None = None
        self.error: BaseException | None = None
        """A bug."""

    def run(self, workers: int) -> None:
        """Send all parts, and come back when all is over."""
        if len(self.waiting) == 1:
            self._run(self._send_all)
            return
        parts = list(self.waiting)
        # Threads of their own for each batch cost a thousandth of what a batch does. They do not
        # keep the program from ending while a server hangs, as those of an executor would.
        helpers = [
            threading.Thread(target=self._run, args=(self._send_all,), name="bulk", daemon=True)
            for _ in range(min(workers, len(parts)))
        ]
        for helper in helpers:
            helper.start()
        self._run(lambda: self._prepare(parts))
        for helper in helpers:
            helper.join()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the batch came from
            self.error = self.error or error

    def _prepare(self, parts: Sequence[Part]) -> None:
        """Make requests while others are in flight: the senders need not wait for them."""
        for part in parts:
            if self.reason is not None or self.error is not None:
                break
            part.request()

    def _send_all(self) -> None:
        while part := self._next():
            self._send(part)

    def _next(self) -> Part | None:
        with self._lock:
            if self.reason is not None or self.error is not None or not self.waiting:
                return None
            return self.waiting.popleft()

    def _send(self, part: Part) -> None:
        documents = part.documents
        try:
            result = self._sender.send(part)
        except Unavailable as error:
            self.is_of_all = True
            self._stop(_later(documents, str(error), None), error.retry_after)
            return
        match result.disposition:
            case Disposition.EACH:
                if result.is_busy:
                    self._stop(result.failures, result.retry_after)
                else:
                    self._keep(result.failures)
            case Disposition.SPLIT if len(documents) > 1:
                with self._lock:
                    self.waiting.extendleft(reversed(part.halves()))
            case Disposition.SPLIT:
                self._keep([Failure(documents[0], result.reason, status=result.status)])
            case _:
                self.is_of_all = True
                failures = _later(documents, result.reason, result.status)
                self._stop(failures, result.retry_after)

    def _keep(self, failures: Sequence[Failure]) -> None:
        with self._lock:
            self.failures += failures

    def _stop(self, failures: Sequence[Failure], retry_after: timedelta | None) -> None:
        """Send nothing more, for the reason of the first that is to come again."""
        first = next(x for x in failures if x.retryable)
        with self._lock:
            self.failures += failures
            if self.reason is None:
                self.reason, self.status = first.reason, first.status
            if retry_after is not None:
                self.retry_after = max(self.retry_after or retry_after, retry_after)


def _later(documents: Sequence[Document], reason: str, status: int | None) -> list[Failure]:
    return [Failure(x, reason, retryable=True, status=status) for x in documents]
