"""The output ``opensearch``: documents into data streams or indices, each of them once."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from urllib.parse import quote, urlencode

from forwarder_bulk.output import BulkOutput
from forwarder_bulk.response import FILTER, show_page
from forwarder_bulk.settings import ClusterSettings
from forwarder_bulk.targets import Request
from forwarder_bulk.transport import HttpPool, Reply, as_finding, parse_shallow

from forwarder import Expected, Finding, OutputPlugin, Unavailable, hookimpl

_HEADERS = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}


class OpenSearchOutput(BulkOutput):
    """Ships to one cluster. A node is used until it cannot be reached; then the next one is."""

    def __init__(self, settings: ClusterSettings) -> None:
        super().__init__(settings)
        self._nodes = deque[HttpPool]()  # the one that is used comes first

    def connect(self) -> None:  # type: ignore[explicit-override]  # not in Python 3.11
        """Make a pool for each node; nothing is sent yet."""
        self._nodes.extend(HttpPool(x, self._settings) for x in self._settings.urls())

    def post(self, request: Request) -> Reply:  # type: ignore[explicit-override]
        """Make one request."""
        if not self._nodes:
            raise RuntimeError("write was called before open")
        where = "" if request.where is None else f"/{quote(request.where)}"
        pipeline = self._settings.pipeline
        parameters = {"filter_path": FILTER} | ({} if pipeline is None else {"pipeline": pipeline})
        node = self._nodes[0]
        try:
            reply = node.request(
                "POST", f"{where}/_bulk?{urlencode(parameters)}", request.body, _HEADERS
            )
        except Unavailable:
            with self._lock:
                if node is self._nodes[0]:
                    self._nodes.rotate(-1)
            raise
        _check_product(reply)
        return reply

    def close(self) -> None:  # type: ignore[explicit-override]
        """Close the connections."""
        while self._nodes:
            self._nodes.pop().close()


def _check_product(reply: Reply) -> None:
    if "x-elastic-product" in reply.headers:
        raise Unavailable(f"{reply.url} is Elasticsearch; use type: elasticsearch")


def check(settings: ClusterSettings, _: Expected) -> Iterator[Finding]:
    """Look at each node; nothing is written."""
    for url in settings.hosts:
        try:
            with closing(HttpPool(url, settings)) as pool:
                yield _judge(pool.request("GET", "/"))
        except Unavailable as error:
            yield as_finding(str(error))


def _judge(reply: Reply) -> Finding:
    url = reply.url
    match reply.status, parse_shallow(reply.body):
        case 200, {"version": {"number": str(number), "distribution": "opensearch"}}:
            text = f"{url} is OpenSearch {number}, and takes the credentials"
            return Finding(good=True, text=text)
        case 200, _:
            return as_finding(
                f"{url} is not OpenSearch; see whether hosts is right; for Elasticsearch, use type:"
                " elasticsearch"
            )
        case 401, _:
            return as_finding(
                f"{url} does not take the credentials; give a valid username and password, or a"
                " client certificate"
            )
        case 403, _:
            text = f"{url} takes the credentials; its version cannot be seen with them"
            return Finding(good=True, text=text)
        case _:
            return as_finding(
                f"{url} answers {reply.status}: {show_page(reply.body)}; see how the server is,"
                " and whether hosts is right"
            )


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``opensearch``."""
    return [
        OutputPlugin(
            name="opensearch",
            config=ClusterSettings,
            build=OpenSearchOutput,
            check=check,
            knows_ids=True,
        )
    ]
