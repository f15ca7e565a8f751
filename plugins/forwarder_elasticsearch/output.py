"""Shipping to Elasticsearch, by its own client.

A batch goes into bulk requests with ``create`` and the document's id, as the bytes that it has: a
document that comes again is recognised, and is in the index once. Nothing else is asked of the
cluster, so a key needs ``auto_configure`` and ``create_doc`` on the data stream and nothing more.

The client chooses among the nodes. Its requests go through
:class:`forwarder_bulk.transport.HttpPool`, which knows proxies and limits answers, and it tries
nothing again: that is done where the documents are. What the replies mean is in
:mod:`forwarder_bulk.response`, how batches are sent in :mod:`forwarder_bulk.sender`.
"""

import logging
import traceback
from typing import Any
from urllib.parse import urlsplit

import elastic_transport
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, TransportError
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import Elasticsearch, UnsupportedProductError
from forwarder_bulk.output import BulkOutput
from forwarder_bulk.response import FILTER, Reply
from forwarder_bulk.targets import Request
from forwarder_bulk.transport import HttpPool, explain, is_late

from forwarder import Unavailable
from forwarder_elasticsearch.client import trust, wrong_product
from forwarder_elasticsearch.settings import Settings

_ANY_STATUS = range(100, 1000)
"""All that ``http.client`` takes for one; the client must not raise for any of them."""
_JSON = "application/json"


class ElasticsearchOutput(BulkOutput[Settings, Elasticsearch]):
    """Ships to one cluster."""

    def connect(self) -> Elasticsearch:  # type: ignore[explicit-override]  # not in Python 3.11
        """Make the client."""
        return _connect(self.settings).options(ignore_status=_ANY_STATUS)

    def post(self, client: Elasticsearch, request: Request) -> Reply:  # type: ignore[explicit-override]
        """Make one request; if a node cannot be reached, the next one is asked.

        Once more than there are nodes: a connection may be one that was cut while it was idle.
        """
        for _ in self.settings.urls():
            try:
                return self._ask(client, request)
            except elastic_transport.ConnectionTimeout as error:
                # The server may be busy with it; asking the next one would double its work.
                raise Unavailable(error.message) from error
            except elastic_transport.ConnectionError:
                continue
        try:
            return self._ask(client, request)
        except elastic_transport.TransportError as error:
            raise Unavailable(error.message) from error

    def _ask(self, client: Elasticsearch, request: Request) -> Reply:
        try:
            response = client.bulk(
                # Bytes are passed on as they are; the annotation knows only what is encoded.
                operations=request.body,  # type: ignore[arg-type]
                index=request.where,
                pipeline=self.settings.pipeline,
                # Without a template for it, an index of that name would be created.
                require_data_stream=True if self.settings.index is None else None,
                filter_path=FILTER,
            )
        except UnsupportedProductError as error:
            raise wrong_product(_url_of(error.meta)) from error
        meta = response.meta
        headers = {key.lower(): value for key, value in meta.headers.items()}
        if meta.status in range(200, 300) and "x-elastic-product" not in headers:
            raise wrong_product(_url_of(meta))
        body = response.body
        return Reply(_url_of(meta), meta.status, headers, body if isinstance(body, bytes) else b"")


def _url_of(meta: ApiResponseMeta) -> str:
    node = meta.node
    host = f"[{node.host}]" if ":" in node.host else node.host
    return f"{node.scheme}://{host}:{node.port}{node.path_prefix}"


def _connect(settings: Settings) -> Elasticsearch:
    """Make a client whose requests and replies are bytes; nothing is sent yet.

    Raises:
        Unavailable: A file of the settings cannot be used, or no node shows the authority.
    """
    urls = [urlsplit(x) for x in settings.urls()]
    secure = [(x.hostname or "", x.port or 0) for x in urls if x.scheme == "https"]
    context = trust(settings, secure) if secure else None
    # It warns of each request that fails; here, only changes are logged.
    logging.getLogger("elastic_transport.node_pool").setLevel(logging.ERROR)

    class Node(_Node):
        def __init__(self, config: NodeConfig) -> None:
            super().__init__(config)
            url = self.base_url.removesuffix(self.path_prefix)
            self.pool = HttpPool(url, settings, context)

    return Elasticsearch(
        [NodeConfig(x.scheme, x.hostname or "", x.port or 0, path_prefix=x.path) for x in urls],
        node_class=Node,
        serializers=dict.fromkeys((_JSON, "application/x-ndjson"), _RawSerializer()),
        max_retries=0,
        retry_on_status=(),
        retry_on_timeout=False,
    )


class _RawSerializer(elastic_transport.Serializer):
    """Passes bytes on: requests are encoded already, and replies are parsed elsewhere."""

    mimetype = "application/*"

    def loads(self, data: bytes) -> bytes:  # type: ignore[explicit-override]  # not in Python 3.11
        return data

    def dumps(self, data: bytes) -> bytes:  # type: ignore[explicit-override]
        return data


class _Node(elastic_transport.Urllib3HttpNode):
    """One node of the cluster."""

    pool: HttpPool  # type: ignore[assignment]  # it has what is asked of it

    def __init__(self, config: NodeConfig) -> None:
        # Not that of Urllib3HttpNode, which would make a pool of its own.
        elastic_transport.BaseNode.__init__(self, config)

    def perform_request(  # type: ignore[explicit-override]
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> Any:  # noqa: ANN401 - the name of its type is not public
        """Make a request; an error names the node."""
        try:
            answer = super().perform_request(method, target, body, headers, request_timeout)
        except TransportError as error:
            # The client keeps the error in a frame that the error keeps: nothing of it, such as
            # the request, would go before the next collection of garbage.
            traceback.clear_frames(error.__traceback__)
            kind = elastic_transport.ConnectionTimeout if is_late(error) else type(error)
            raise kind(f"{self.base_url} {explain(error)}", errors=error.errors) from error
        # The client would refuse what says that it is something else.
        answer.meta.headers["content-type"] = _JSON
        return answer
