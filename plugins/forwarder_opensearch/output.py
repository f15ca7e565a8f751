"""Shipping to OpenSearch, as :mod:`forwarder_elasticsearch` does to Elasticsearch.

What the replies mean is in :mod:`forwarder_bulk.meanings`, how batches are sent in
:mod:`forwarder_bulk.sender`.
"""

import logging
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import opensearchpy
from forwarder_bulk.causes import find_causes
from forwarder_bulk.patience import is_over
from forwarder_bulk.response import FILTER, Reply
from forwarder_bulk.sender import Sender
from forwarder_bulk.targets import Request, Targets
from forwarder_bulk.transport import find_fault

from forwarder import Document, Failure, Unavailable
from forwarder_opensearch.connecting import connect
from forwarder_opensearch.settings import Settings

_ANY = range(100, 1000)
"""All that ``http.client`` takes for a status."""

_log = logging.getLogger(__name__)


class OpenSearchOutput:
    """Ships to one cluster."""

    def __init__(self, settings: Settings) -> None:
        """Connect nowhere yet."""
        self._settings = settings
        self._targets = Targets(settings.index, by_appliance=settings.namespace_by_appliance)
        self._client: opensearchpy.OpenSearch | None = None
        self._sender: Sender | None = None
        self._has_warned = False

    def open(self) -> None:
        """Make the client."""
        if self._settings.verify == "none" and not self._has_warned:
            self._has_warned = True
            _log.warning(
                "The certificate of %s is not verified (verify: none): anybody in between can read"
                " the documents and the credentials. Name the authority in ca_certs.",
                ", ".join(self._settings.urls()),
            )
        try:
            client = connect(self._settings)
        except (OSError, opensearchpy.OpenSearchException) as error:
            raise Unavailable(
                f"the files of the settings about TLS cannot be used: {error}; they have to be PEM"
            ) from error
        self._client = client
        self._sender = Sender(
            lambda request: self._post(client, request), self._targets, self._settings.workers
        )

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Ship a batch."""
        if self._sender is None:
            raise RuntimeError("write was called before open")
        return self._sender.write(documents)

    def close(self) -> None:
        """Hang up."""
        client, self._client, self._sender = self._client, None, None
        if client is not None:
            client.close()

    def _post(self, client: opensearchpy.OpenSearch, request: Request) -> Reply:
        """Make one request; of a node that cannot be reached, the next one is asked.

        Once more than there are nodes: a connection may be one that was cut while nobody looked.
        """
        left = len(self._settings.hosts)
        while True:
            # The client's own method keeps status and headers of the reply to itself.
            connection = client.transport.get_connection()
            try:
                reply = self._ask(connection, request)
            except opensearchpy.ConnectionError as error:
                client.transport.mark_dead(connection)
                if _is_late(error):
                    # It may be at work on it; to ask the next one would be to double its work.
                    raise Unavailable(f"{_url(connection)} {explain(error)}") from error
                if not left:
                    raise Unavailable(f"{_url(connection)} {explain(error)}") from error
                left -= 1
            else:
                client.transport.connection_pool.mark_live(connection)
                return reply

    def _ask(self, connection: Any, request: Request) -> Reply:  # noqa: ANN401 - the client has no type for it
        index = "" if request.where is None else f"/{quote(request.where)}"
        params = {"filter_path": FILTER}
        if self._settings.pipeline is not None:
            params["pipeline"] = self._settings.pipeline
        status, headers, text = connection.perform_request(
            "POST",
            f"{index}/_bulk",
            params=params,
            body=request.body,
            headers={"content-type": "application/x-ndjson"},
            ignore=_ANY,
        )
        found = {key.lower(): value for key, value in headers.items()}
        url = _url(connection)
        if "x-elastic-product" in found:
            raise Unavailable(f"{url} is Elasticsearch; say type: elasticsearch")
        return Reply(url, status, found, text.encode("utf-8", "surrogatepass"))


def _url(connection: Any) -> str:  # noqa: ANN401 - the client has no type for it
    return f"{connection.host}{connection.url_prefix}"


def _is_late(error: opensearchpy.ConnectionError) -> bool:
    return isinstance(error, opensearchpy.ConnectionTimeout) or is_over(error)


def explain(error: opensearchpy.ConnectionError) -> str:
    """Say what is wrong, and what to do."""
    if fault := find_fault(error):
        return fault
    if _is_late(error):
        return "does not answer in time; see how it is, or say a longer timeout"
    told = (x for x in find_causes(error) if isinstance(x, OSError) and x.strerror)
    found = next(told, None)
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"cannot be trusted: {found.verify_message}; see ca_certs, hosts and verify"
    words = error.error if found is None else found.strerror
    return f"cannot be reached: {words}; see whether it runs, and whether hosts is right"
