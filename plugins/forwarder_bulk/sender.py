"""Sending a batch: in parts, several at once, smaller ones where the server asks for it.

A batch is cut into parts that become smaller towards its end, and whoever is free takes the next
one: so all that may be on their way at once are, nearly until the last. Requests are made while
others are on their way. All are final before :meth:`Sender.write` returns. The parts are smaller
still

- after a 413: half of the bytes that were too many, until the output is opened anew;
- after a 429, of a request or of most of its documents: half of the documents; with each part that
  is taken it is a quarter more again.

After an answer that says to wait, nothing more of the batch is sent. Where the server puts off some
documents of a request and takes most of them, the rest of the batch is.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from forwarder import Document, Failure, Unavailable
from forwarder_bulk.meanings import Meaning
from forwarder_bulk.packing import Packed, pack
from forwarder_bulk.parts import Part, cut
from forwarder_bulk.response import Judgement, Reply, judge
from forwarder_bulk.targets import Request, Targets

_GROWN = 20_000
"""Documents. More than any batch has: from there, nothing is held back any more."""

_FEWEST = 50
"""Documents, some 100 KB. A request that is put off although it is small is not put off for its
size, and to send one document at a time afterwards would take long for nothing."""

Post = Callable[[Request], Reply]
"""Makes one request.

Raises:
    Unavailable: There is no answer.
"""


class Sender:
    """Sends batches to one cluster."""

    def __init__(self, post: Post, targets: Targets, workers: int) -> None:
        """Prepare; nothing is sent yet.

        Args:
            post: Called by several threads at once.
            targets: Where documents go.
            workers: How many requests may be on their way at once.
        """
        self._post = post
        self._targets = targets
        self._workers = workers
        self._max_documents = _GROWN
        self._max_bytes: int | None = None
        self._rest_until = 0.0
        """By the monotonic clock: the server asked to be left alone until then, and nobody said so
        to the caller yet."""
        self._rest_said = ""
        self._lock = threading.Lock()

    def write(self, documents: Sequence[Document]) -> list[Failure]:
        """Send a batch.

        Returns:
            What was not delivered.

        Raises:
            Unavailable: The server takes nothing of any batch: it does not answer, or it does not
                take a whole request. Nothing of this one was delivered or refused.
        """
        left = self._rest_until - time.monotonic()
        if left > 0:
            self._rest_until = 0.0  # said once: whoever calls again has waited as long as it may be
            raise Unavailable(self._rest_said, retry_after=timedelta(seconds=left))
        parts = cut(documents, self._workers, self._max_documents, self._max_bytes)
        batch = _Batch(self, [Part(x, self._make) for x in parts])
        batch.run(self._workers)
        if batch.error is not None:
            raise batch.error
        if batch.said is None:
            return batch.failures
        unsent = [y for x in batch.waiting for y in x.documents]
        if (
            batch.is_of_all
            and len(batch.failures) == len(documents) - len(unsent)
            and all(x.retryable for x in batch.failures)
        ):
            raise Unavailable(batch.said, retry_after=batch.retry_after)
        if batch.retry_after is not None:
            self._rest_until = time.monotonic() + batch.retry_after.total_seconds()
            self._rest_said = batch.said
        return [*batch.failures, *_later(unsent, batch.said, batch.status)]

    def send(self, part: Part) -> Judgement:
        """Make one request, and learn from the answer how much to send at once."""
        request = part.request()
        count = len(part.documents)
        judgement = judge(self._post(request), part.documents, request.target, datetime.now(UTC))
        with self._lock:
            if judgement.is_busy:
                self._max_documents = max(_FEWEST, min(self._max_documents, count) // 2)
            elif judgement.meaning is Meaning.EACH:
                self._max_documents = min(_GROWN, self._max_documents * 5 // 4 + 1)
            elif judgement.status == 413 and count > 1:  # noqa: PLR2004 - as in the table
                self._max_bytes = min(self._max_bytes or request.size, request.size // 2)
        return judgement

    def _make(self, documents: Sequence[Document]) -> Request:
        request = self._targets.request(documents)
        return request._replace(body=Packed(pack(request.body)), size=len(request.body))


class _Batch:
    """A batch on its way."""

    def __init__(self, sender: Sender, parts: Sequence[Part]) -> None:
        self._sender = sender
        self._lock = threading.Lock()
        self.waiting = deque(parts)
        """Not sent yet."""
        self.failures: list[Failure] = []
        self.said: str | None = None
        """Why nothing more is sent."""
        self.is_of_all = False
        """Whether this was said of a whole request, and not of the documents of one."""
        self.status: int | None = None
        self.retry_after: timedelta | None = None
        self.error: BaseException | None = None
        """A bug."""

    def run(self, workers: int) -> None:
        """Send all parts, and come back when all is over."""
        if len(self.waiting) == 1:
            self._work()
            return
        parts = list(self.waiting)
        # Threads of their own for each batch cost a thousandth of what a batch does. They do not
        # keep the program from ending while a server hangs, as those of an executor would.
        helpers = [
            threading.Thread(target=self._work, name="bulk", daemon=True)
            for _ in range(min(workers, len(parts)))
        ]
        for helper in helpers:
            helper.start()
        self._prepare(parts)
        for helper in helpers:
            helper.join()

    def _prepare(self, parts: Sequence[Part]) -> None:
        """Make requests while others are on their way: who sends need not wait for them."""
        try:
            for part in parts:
                if self.said is not None or self.error is not None:
                    break
                part.request()
        except BaseException as error:  # noqa: BLE001 - it is raised where the batch came from
            self.error = self.error or error

    def _work(self) -> None:
        try:
            while part := self._next():
                self._send(part)
        except BaseException as error:  # noqa: BLE001 - it is raised where the batch came from
            self.error = self.error or error

    def _next(self) -> Part | None:
        with self._lock:
            if self.said is not None or self.error is not None or not self.waiting:
                return None
            return self.waiting.popleft()

    def _send(self, part: Part) -> None:
        documents = part.documents
        try:
            judgement = self._sender.send(part)
        except Unavailable as error:
            self.is_of_all = True
            self._stop(_later(documents, str(error), None), str(error), None, error.retry_after)
            return
        match judgement.meaning:
            case Meaning.EACH:
                busy = [x for x in judgement.failures if x.retryable] if judgement.is_busy else ()
                if busy:
                    first = busy[0]
                    self._stop(
                        judgement.failures, first.reason, first.status, judgement.retry_after
                    )
                else:
                    self._keep(judgement.failures)
            case Meaning.SPLIT if len(documents) > 1:
                with self._lock:
                    self.waiting.extendleft(reversed(part.halves()))
            case Meaning.SPLIT:
                self._keep([Failure(documents[0], judgement.said, status=judgement.status)])
            case _:
                self.is_of_all = True
                failures = _later(documents, judgement.said, judgement.status)
                self._stop(failures, judgement.said, judgement.status, judgement.retry_after)

    def _keep(self, failures: Sequence[Failure]) -> None:
        with self._lock:
            self.failures += failures

    def _stop(
        self,
        failures: Sequence[Failure],
        said: str,
        status: int | None,
        retry_after: timedelta | None,
    ) -> None:
        with self._lock:
            self.failures += failures
            if self.said is None:
                self.said, self.status = said, status
            if retry_after is not None:
                self.retry_after = max(self.retry_after or retry_after, retry_after)


def _later(documents: Sequence[Document], said: str, status: int | None) -> list[Failure]:
    return [Failure(x, said, retryable=True, status=status) for x in documents]
