"""Shipping to OpenSearch, as :mod:`forwarder_elasticsearch` does to Elasticsearch; and its check.

Its client chooses among the nodes; requests go through :class:`forwarder_bulk.transport.HttpPool`.
What the replies mean is in :mod:`forwarder_bulk.response`, how batches are sent in
:mod:`forwarder_bulk.output`.
"""

import logging
import ssl
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

import opensearchpy
from forwarder_bulk.output import BulkOutput, UnreachableError
from forwarder_bulk.response import FILTER, Reply, show_page
from forwarder_bulk.targets import Request
from forwarder_bulk.tls import make_context
from forwarder_bulk.transport import (
    Answer,
    HttpPool,
    as_finding,
    explain,
    is_late,
    parse_shallow,
)
from urllib3.exceptions import HTTPError

from forwarder import Expected, Finding, Unavailable
from forwarder_opensearch import Settings

_NO_ANSWER = (HTTPError, HTTPException)


class _Connection(opensearchpy.Connection):
    """The connections to one node."""

    def __init__(
        self,
        *,
        settings: Settings,
        context: ssl.SSLContext | None,
        **options: Any,  # noqa: ANN401 - as the client gives them
    ) -> None:
        super().__init__(**options)
        self.url = self.host + self.url_prefix
        self._pool = HttpPool(self.host, settings, context)

    def post(self, path: str, body: bytes) -> Answer:
        """Make a bulk request; any status is an answer."""
        kind = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
        return self._pool.urlopen("POST", self.url_prefix + path, body, {**self.headers, **kind})

    def close(self) -> None:
        self._pool.close()


class OpenSearchOutput(BulkOutput[Settings]):
    """Ships to one cluster."""

    def connect(self) -> opensearchpy.OpenSearch:  # type: ignore[explicit-override]  # not in Python 3.11
        """Make the client."""
        # It warns of each request that fails; here, only changes are logged.
        logging.getLogger("opensearch").setLevel(logging.ERROR)
        is_secure = any(x.startswith("https:") for x in self.settings.hosts)
        return opensearchpy.OpenSearch(
            list(self.settings.hosts),
            connection_class=_Connection,
            settings=self.settings,
            context=make_context(self.settings) if is_secure else None,
            max_retries=0,
            retry_on_status=(),
        )

    def post(self, client: opensearchpy.OpenSearch, request: Request) -> Reply:  # type: ignore[explicit-override]
        """Make one request, of the node that the client chooses."""
        index = "" if request.where is None else f"/{quote(request.where)}"
        pipeline = {} if self.settings.pipeline is None else {"pipeline": self.settings.pipeline}
        path = f"{index}/_bulk?{urlencode({'filter_path': FILTER, **pipeline})}"
        # The client's own method keeps status and headers of the reply to itself.
        connection = client.transport.get_connection()
        try:
            answer = connection.post(path, request.body)
        except _NO_ANSWER as error:
            client.transport.mark_dead(connection)
            kind = Unavailable if is_late(error) else UnreachableError
            raise kind(f"{connection.url} {explain(error)}") from error
        client.transport.connection_pool.mark_live(connection)
        if "x-elastic-product" in answer.headers:
            raise Unavailable(f"{connection.url} is Elasticsearch; use type: elasticsearch")
        return Reply(connection.url, answer.status, answer.headers, answer.data)


def check(settings: Settings, _: Expected) -> Iterator[Finding]:
    """Look at each node; nothing is written."""
    for url in settings.hosts:
        try:
            context = make_context(settings) if url.startswith("https:") else None
            with closing(HttpPool(url, settings, context)) as pool:
                yield _check(url, pool.urlopen("GET", "/"))
        except _NO_ANSWER as error:
            yield as_finding(f"{url} {explain(error)}")
        except Unavailable as error:
            yield as_finding(str(error))


def _check(url: str, answer: Answer) -> Finding:
    match answer.status, parse_shallow(answer.data):
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
                f"{url} answers {answer.status}: {show_page(answer.data)}; see how the server is,"
                " and whether hosts is right"
            )
