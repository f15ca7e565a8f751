"""Brings documents to a server in one way, in a process of its own that measures itself.

The clock runs from when the first documents are at hand, in the form that the way takes, until the
last of all is acknowledged. To connect is part of it; to start Python, to read files and to make a
client is not.
"""

import http.client
import json
import resource
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
from elasticsearch import Elasticsearch, helpers
from forwarder_bulk.response import FILTER

from forwarder.app.runtime import LiveInputs, Runtime
from forwarder.cache import tune_gc
from forwarder.config.load import load
from forwarder.events import Document
from forwarder.output import Failure, Output
from forwarder.plugins import find_outputs
from tests.spooling import wait_until_drained

STREAM = "logs-cisco_esa.auth-default"

_PATH = f"/{STREAM}/_bulk?require_data_stream=true&filter_path={FILTER}"
"""As the output asks, so that the server has the same to do."""
_LONGEST = timedelta(minutes=10)


class Way(StrEnum):
    """A way for documents to the server."""

    BODIES = "ready-made bodies"
    FORWARDER = "esa-forwarder"
    STREAMING = "streaming_bulk"
    PARALLEL = "parallel_bulk"


class Job(NamedTuple):
    """What is to be brought, and where."""

    way: str
    url: str
    authority: str
    """File with its certificate."""
    key: str
    """Encoded."""
    connections: int
    path: str
    """Of the documents, in the form that the way takes; of a configuration for the forwarder."""
    request: int
    """Documents in a request of a helper."""


class Taken(NamedTuple):
    """What it took."""

    seconds: float
    cpu_seconds: float
    """Of the client alone."""


class Clock:
    """Says how long it is since it was first started."""

    def __init__(self) -> None:
        self._begun: tuple[float, float] | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        self._begun = self._begun or self._now()

    def read(self) -> Taken:
        """Give what was taken since."""
        assert self._begun is not None
        return Taken(*(x - y for x, y in zip(self._now(), self._begun, strict=True)))

    @staticmethod
    def _now() -> tuple[float, float]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return time.monotonic(), used.ru_utime + used.ru_stime


class Timed:
    """An output that starts a clock when it gets its first batch."""

    def __init__(self, output: Output, clock: Clock) -> None:
        self._output = output
        self._clock = clock
        self.open, self.close = output.open, output.close

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Deliver a batch."""
        self._clock.start()
        return self._output.write(documents)


def measure(job: Job) -> Taken:
    """Do a job."""
    clock = Clock()
    act = _prepare(job, clock)
    # As the command does it: what is there by now is not looked through again.
    tune_gc()
    act()
    return clock.read()


def _prepare(job: Job, clock: Clock) -> Callable[[], None]:
    match Way(job.way):
        case Way.BODIES:
            return _bodies(job, clock)
        case Way.FORWARDER:
            return _forwarder(job, clock)
        case Way.STREAMING:
            return _helper(
                job, clock, lambda x, y: helpers.streaming_bulk(x, y, chunk_size=job.request)
            )
        case Way.PARALLEL:
            return _helper(
                job,
                clock,
                lambda x, y: helpers.parallel_bulk(
                    x, y, chunk_size=job.request, thread_count=job.connections
                ),
            )


def _bodies(job: Job, clock: Clock) -> Callable[[], None]:
    """Post what is ready, and look at the status of the answers only."""
    bodies = deque(x.read_bytes() for x in sorted(Path(job.path).iterdir()))
    context = ssl.create_default_context(cafile=job.authority)
    headers = {
        "authorization": f"ApiKey {job.key}",
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
    }
    address = urlsplit(job.url).netloc
    lock = threading.Lock()

    def take() -> bytes | None:
        with lock:
            return bodies.popleft() if bodies else None

    def post(_: int) -> None:
        connection = http.client.HTTPSConnection(address, context=context)
        while body := take():
            connection.request("POST", _PATH, body, headers)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said
        connection.close()

    def act() -> None:
        clock.start()
        with ThreadPoolExecutor(job.connections) as pool:
            list(pool.map(post, range(job.connections)))

    return act


def _forwarder(job: Job, clock: Clock) -> Callable[[], None]:
    """Deliver what waits in a spool, by what the service is made of."""
    config = load(Path(job.path), find_outputs)
    ((name, output),) = config.outputs.items()
    timed = Timed(output.plugin.build(output.settings), clock)
    running = Runtime(config, {name: timed}, LiveInputs(), once=True)
    (delivery,) = running.deliveries

    def act() -> None:
        delivery.start()
        delivery.expect_no_more()
        assert wait_until_drained(delivery, _LONGEST), running.spool.outputs[name].trouble

    return act


def _helper(
    job: Job,
    clock: Clock,
    helper: Callable[[Elasticsearch, Iterator[dict[str, Any]]], Iterable[object]],
) -> Callable[[], None]:
    """Give documents to a helper of Elastic's client.

    The client does not pack unless it is told to. Where it is, it takes 40 microseconds a document
    more: over a network, that may be worth it, and here it is slower.
    """
    documents = [orjson.loads(x) for x in Path(job.path).read_bytes().splitlines()]
    client = Elasticsearch(
        job.url,
        api_key=job.key,
        ca_certs=job.authority,
        connections_per_node=job.connections,
        request_timeout=90,
    )

    def actions() -> Iterator[dict[str, Any]]:
        for document in documents:
            yield {
                "_op_type": "create",
                "_index": STREAM,
                "_id": document["event"]["id"],
                "_source": document,
            }

    def act() -> None:
        clock.start()
        deque(helper(client, actions()), maxlen=0)

    return act


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Job(**json.loads(sys.argv[1])))))
