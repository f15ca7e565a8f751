"""Shipping to OpenSearch, as :mod:`forwarder_elasticsearch` does to Elasticsearch; and its check.

Its client chooses among the nodes; requests go through :class:`forwarder_bulk.transport.HttpPool`.
What the replies mean is in :mod:`forwarder_bulk.response`, how batches are sent in
:mod:`forwarder_bulk.sender`.
"""

import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

import opensearchpy
from forwarder_bulk.output import BulkOutput
from forwarder_bulk.response import FILTER, Reply, show_page
from forwarder_bulk.targets import Request
from forwarder_bulk.tls import make_context
from forwarder_bulk.transport import (
    Answer,
    HttpPool,
    explain,
    is_late,
    parse_shallow,
)
from urllib3.exceptions import HTTPError

from forwarder import Finding, Unavailable
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

    def request(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> Answer:
        """Make a request with a body of this kind; any status is an answer."""
        headers = {**self.headers, "content-type": kind}
        return self._pool.urlopen(method, self.url_prefix + path, body, headers)

    def close(self) -> None:
        self._pool.close()


class OpenSearchOutput(BulkOutput[Settings, opensearchpy.OpenSearch]):
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
        """Make one request; if a node cannot be reached, the next one is asked.

        Once more than there are nodes: a connection may be one that was cut while it was idle.
        """
        index = "" if request.where is None else f"/{quote(request.where)}"
        params: Mapping[str, str] = {"filter_path": FILTER}
        if self.settings.pipeline is not None:
            params = {**params, "pipeline": self.settings.pipeline}
        path = f"{index}/_bulk?{urlencode(params)}"
        left = len(self.settings.hosts)
        while True:
            # The client's own method keeps status and headers of the reply to itself.
            connection = client.transport.get_connection()
            try:
                answer = connection.request("POST", path, request.body, "application/x-ndjson")
            except _NO_ANSWER as error:
                client.transport.mark_dead(connection)
                # The server may be busy with it; asking the next one would double its work.
                if is_late(error) or not left:
                    raise Unavailable(f"{connection.url} {explain(error)}") from error
                left -= 1
                continue
            client.transport.connection_pool.mark_live(connection)
            headers = {key.lower(): value for key, value in answer.headers.items()}
            if "x-elastic-product" in headers:
                raise Unavailable(f"{connection.url} is Elasticsearch; use type: elasticsearch")
            return Reply(connection.url, answer.status, headers, answer.data)


def check(settings: Settings) -> Iterator[Finding]:
    """Look at each node; nothing is written."""
    for url in settings.hosts:
        try:
            context = make_context(settings) if url.startswith("https:") else None
            with closing(HttpPool(url, settings, context)) as pool:
                yield _check(url, pool.urlopen("GET", "/"))
        except (*_NO_ANSWER, Unavailable) as error:
            text = str(error) if isinstance(error, Unavailable) else f"{url} {explain(error)}"
            text, _, advice = text.partition("; ")
            yield _bad(text, f"{advice[:1].upper()}{advice[1:]}.")


def _check(url: str, answer: Answer) -> Finding:
    if answer.status == 401:  # noqa: PLR2004 - a status of HTTP, as those below
        advice = "Give a valid username and password, or a client certificate."
        return _bad(f"{url} does not take the credentials", advice)
    if answer.status == 403:  # noqa: PLR2004
        text = f"{url} takes the credentials; its version cannot be seen with them"
        return Finding(good=True, text=text)
    if answer.status != 200:  # noqa: PLR2004
        advice = "See how the server is, and whether hosts is right."
        return _bad(f"{url} answers {answer.status}: {show_page(answer.data)}", advice)
    found = parse_shallow(answer.data)
    version = found.get("version") if isinstance(found, dict) else None
    version = version if isinstance(version, dict) else {}
    number = version.get("number")
    if not isinstance(number, str) or version.get("distribution") != "opensearch":
        advice = "See whether hosts is right; for Elasticsearch, use type: elasticsearch."
        return _bad(f"{url} is not OpenSearch", advice)
    return Finding(good=True, text=f"{url} is OpenSearch {number}, and takes the credentials")


def _bad(text: str, advice: str) -> Finding:
    return Finding(good=False, text=text, advice=advice)
