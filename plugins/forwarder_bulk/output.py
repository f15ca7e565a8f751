"""Ships batches to Elasticsearch or OpenSearch in bulk requests, and names where documents go.

Each document is created with its id, so one that comes again is recognised, and is there once.
Nothing else is asked of the cluster, so a key needs ``auto_configure`` and ``create_doc`` and
nothing more.

A batch is cut into parts that become smaller towards its end, and each free thread takes the next
one: so all that may be in flight at once are, nearly until the last. All are final before
:meth:`BulkOutput.write` returns. The parts are smaller still

- after a 413: half of the bytes that were too many, until the output is opened again;
- after a 429, of a request or of most of its documents: half of the documents; with each part that
  is taken it is a quarter more again.

After an answer that says to wait, nothing more of the batch is sent. Where the server postpones
some documents of a request and takes most of them, the rest of the batch is.

A data stream is named after what the document says of itself: type, dataset and namespace. The
names could not be chosen otherwise: the mapping of Elasticsearch takes a document only into the
data stream that it names. An index is named by a pattern with the time of the event in it, not of
the moment. So the same document always goes to the same index, and its ``_id`` is found there
however late it comes again. A data stream looks for an ``_id`` only in the newest of its indices.
"""

import logging
import re
import threading
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from forwarder import Document, Expected, Failure, Unavailable
from forwarder_bulk.response import BulkResult, Disposition, interpret
from forwarder_bulk.settings import ClusterSettings
from forwarder_bulk.transport import Reply, UnreachableError, compress

_log = logging.getLogger(__name__)

_LEAST = 500
"""Documents. Fewer are not cut into parts: each request has its own price of some milliseconds, on
both sides, and a server puts what it gets at once to disk at once."""
_MOST = 2_500  # documents, some 5 MB: Elastic says that requests beyond 5 to 15 MB gain nothing
_UNLIMITED = 20_000  # documents; more than any batch has
_FEWEST = 50
"""Documents, some 100 KB. A request that is postponed although it is small is not postponed for its
size, and to send one document at a time afterwards would take long for nothing."""

_PREFIX = "logs-cisco_esa.auth-"  # before the namespace
ANY = f"{_PREFIX}*"  # all data streams of our documents
DEFAULT = f"{_PREFIX}default"  # for a document that does not say it

# Within the text of a value each quotation mark has a backslash before it. So what an attacker
# writes there never looks like a key and its value.
_DATA_STREAM = re.compile(
    rb'"data_stream":\{"type":"([^"\\]+)","dataset":"([^"\\]+)","namespace":"([^"\\]+)"\}'
)
_APPLIANCE = re.compile(rb'"host":\{"name":"((?:[^"\\]|\\.)*)"')
_TIME = re.compile(rb'"@timestamp": ?"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')

_NOT_IN_NAMESPACE = re.compile(r'[-\\/*?"<>|,#:\s\x00-\x1f]')
_MAX_NAMESPACE_BYTES = 100  # as Elastic has it for the parts of a data stream's name


class BulkOutput(ABC):
    """Ships to one cluster."""

    def __init__(self, settings: ClusterSettings) -> None:
        """Only remember the settings; ``open`` connects."""
        self._settings = settings
        self._targets = Targets(settings.index, by_appliance=settings.namespace_by_appliance)
        self._has_warned = False
        self._max_documents = _UNLIMITED
        self._max_bytes: int | None = None
        self._lock = threading.Lock()  # of limits, and of the batch that is being sent

    def open(self) -> None:
        """Prepare the connections; nothing is sent yet."""
        if self._settings.verify == "none" and not self._has_warned:
            self._has_warned = True
            _log.warning(
                "The certificate of %s is not verified (verify: none): an attacker in between can"
                " read the documents and the credentials. Name the authority in ca_certs.",
                ", ".join(self._settings.urls()),
            )
        self.connect()
        self._max_documents, self._max_bytes = _UNLIMITED, None

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Ship a batch; raises Unavailable if the server currently accepts nothing at all."""
        batch = _Batch(deque(self._cut(documents)))
        # Unlike those of an executor, they do not keep the program from ending if a server hangs.
        helpers = [
            threading.Thread(target=self._work, args=(batch,), name="bulk", daemon=True)
            for _ in range(min(self._settings.workers, len(batch.waiting)) - 1)
        ]
        for helper in helpers:
            helper.start()
        self._work(batch)
        for helper in helpers:
            helper.join()
        if batch.error is not None:
            raise batch.error
        result = batch.stopped_by
        if result is None:
            return batch.failures
        unsent = [y for x in batch.waiting for y in x]
        failures = [*batch.failures, *_later(unsent, result)]
        if (
            not result.failures  # a whole request was turned down
            and len(failures) == len(documents)
            and all(x.retryable for x in failures)
        ):
            raise Unavailable(result.reason, retry_after=result.retry_after)
        return failures

    def _cut(self, documents: Sequence[Document]) -> Iterable[Sequence[Document]]:
        """Cut a batch into parts that get smaller: the last one is waited for."""
        while documents:
            share = min(self._share(len(documents)), self._max_documents)
            if self._max_bytes is not None:
                ends = list(accumulate([len(x.body) for x in documents[:share]]))
                share = max(1, bisect_right(ends, self._max_bytes))
            yield documents[:share]
            documents = documents[share:]

    def _share(self, left: int) -> int:
        if self._settings.workers > 1 and left > _LEAST:
            half = -(-left // 2)
            # Less than two of the least are cut evenly.
            return min(max(half // self._settings.workers, _LEAST), half, _MOST)
        return min(left, _MOST)

    def _work(self, batch: "_Batch") -> None:
        """Send parts until none is left or the batch is stopped."""
        try:
            while batch.stopped_by is None and batch.error is None:
                with self._lock:
                    if not batch.waiting:
                        return
                    documents = batch.waiting.popleft()
                self._send(batch, documents)
        except BaseException as error:  # noqa: BLE001 - it is raised where the batch came from
            batch.error = batch.error or error

    def _send(self, batch: "_Batch", documents: Sequence[Document]) -> None:
        """Send one request, record its result, and adjust how much to send at once."""
        request = self._targets.request(documents)
        try:
            reply = self._post(request._replace(body=compress(request.body)))
            result = interpret(reply, documents, request.where or "several data streams")
        except Unavailable as error:
            result = BulkResult(Disposition.LATER, [], str(error), None, error.retry_after)
        count, size = len(documents), len(request.body)
        with self._lock:
            match result.disposition:
                case Disposition.EACH:
                    self._max_documents = min(_UNLIMITED, self._max_documents * 5 // 4 + 1)
                    batch.failures += result.failures
                case Disposition.SPLIT if count > 1:
                    if result.status == 413:  # noqa: PLR2004 - as in the table
                        self._max_bytes = min(self._max_bytes or size, size // 2)
                    batch.waiting.extendleft((documents[count // 2 :], documents[: count // 2]))
                case Disposition.SPLIT:
                    batch.failures.append(
                        Failure(documents[0], result.reason, status=result.status)
                    )
                case disposition:
                    if disposition is Disposition.LESS:
                        self._max_documents = max(_FEWEST, min(self._max_documents, count) // 2)
                    batch.failures += result.failures or _later(documents, result)
                    if batch.stopped_by is None or not result.failures:
                        batch.stopped_by = result

    def _post(self, request: "Request") -> Reply:
        """Send one request; if a node cannot be reached, try the next one.

        One attempt more than there are nodes: an idle connection may have been closed meanwhile.
        """
        left = len(self._settings.urls())
        while True:
            try:
                return self.post(request)
            except UnreachableError:
                if not left:
                    raise
                left -= 1

    @abstractmethod
    def connect(self) -> None:
        """Prepare the connections; raises Unavailable if a file of the settings is unusable."""

    @abstractmethod
    def post(self, request: "Request") -> Reply:
        """Send one request to one node; after an UnreachableError, to another."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""


@dataclass
class _Batch:
    waiting: deque[Sequence[Document]]  # not sent yet
    failures: list[Failure] = field(default_factory=list)
    stopped_by: BulkResult | None = None  # why nothing more is sent
    error: BaseException | None = None  # a bug


def _later(documents: Sequence[Document], result: BulkResult) -> list[Failure]:
    return [Failure(x, result.reason, retryable=True, status=result.status) for x in documents]


class Request(NamedTuple):
    """A bulk request for some documents."""

    where: str | None  # where all of them go; None where each line says it
    body: bytes  # NDJSON, with a newline at the end; later compressed


class Targets:
    """Names data streams and indices, and builds requests."""

    def __init__(self, index: str | None = None, *, by_appliance: bool = False) -> None:
        """Use an index pattern for ``strftime``, or data streams, optionally one per appliance."""
        self._index = index
        self._by_appliance = by_appliance
        self._usual: tuple[bytes, str] | None = None
        """What the documents of one place contain, and its name."""
        if index is not None and "%" not in index:
            self._usual = b"", index

    def request(self, documents: Sequence[Document]) -> Request:
        """Build the body of a request."""
        if self._usual is not None:
            key, name = self._usual
            if not [x for x in documents if key not in x.body]:
                return Request(name, _join_creates(documents))  # nearly always
        found = [self.place(x) for x in documents]
        names = {name for name, _ in found}
        if len(names) == 1:
            return Request(names.pop(), _join_creates([x for _, x in found]))
        lines = [
            b'{"create":{"_index":"%b","_id":"%b"}}\n%b\n' % (name.encode(), x.id.encode(), x.body)
            for name, x in found
        ]
        return Request(None, b"".join(lines))

    def place(self, document: Document) -> tuple[str, Document]:
        """Name where a document goes, and write that into the document where it differs."""
        body = document.body
        if self._index is not None:
            found = _TIME.search(body)
            # Only a document that was damaged by hand has no time.
            time = f"{found[1].decode() if found else '1970-01-01T00:00:00'}+00:00"
            return datetime.fromisoformat(time).strftime(self._index), document
        found = _DATA_STREAM.search(body)
        if found is None:
            return DEFAULT, document
        namespace = found[3]
        if not self._by_appliance:
            self._usual = found[0], b"-".join(found.groups()).decode()
        else:
            appliance = _APPLIANCE.search(body)
            if appliance is not None:
                namespace = sanitise(appliance[1].decode(errors="replace")).encode()
                body = body[: found.start(3)] + namespace + body[found.end(3) :]
                document = Document(document.id, body)
        return b"-".join((found[1], found[2], namespace)).decode(), document

    def expect(self, expected: Expected) -> tuple[str, ...]:
        """Name where documents will go; ANY or the pattern of the indices if that is not known."""
        if self._index is not None:
            return (pattern_of(self._index),)
        if not self._by_appliance:
            namespaces = {expected.namespace, *expected.own_namespaces}
            return tuple(sorted(_PREFIX + x for x in namespaces))
        return tuple(sorted({_PREFIX + sanitise(x) for x in expected.appliances})) or (ANY,)


def pattern_of(index: str) -> str:
    """Return the pattern that matches all indices of a setting ``index``."""
    return re.sub(r"(?:%.)+", "*", index)


def _join_creates(documents: Sequence[Document]) -> bytes:
    chunks: list[bytes] = []
    for id_, body in documents:  # joined all at once: each is copied once
        chunks += (b'{"create":{"_id":"', id_.encode(), b'"}}\n', body, b"\n")
    return b"".join(chunks)


def sanitise(appliance: str) -> str:
    """Turn the name of an appliance, such as ``esa1.example.com``, into a namespace."""
    text = _NOT_IN_NAMESPACE.sub("_", appliance.lower())
    return text.encode()[:_MAX_NAMESPACE_BYTES].decode(errors="ignore") or "default"
