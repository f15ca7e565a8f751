"""Shipping to Elasticsearch, by its own client.

A batch goes into bulk requests with ``create`` and the document's id, as the bytes that it has: a
document that comes again is recognised, and is in the index once. Nothing else is asked of the
cluster, so a key needs ``auto_configure`` and ``create_doc`` on the data stream and nothing more.

The client chooses among the nodes. Its requests go through
:class:`forwarder_bulk.transport.HttpPool`, which knows proxies and limits answers, and it tries
nothing again: that is done where the documents are. What the replies mean is in
:mod:`forwarder_bulk.response`, how batches are sent in :mod:`forwarder_bulk.output`.
"""

import logging
import ssl
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import elastic_transport
from elastic_transport import (
    ApiResponseMeta,
    ConnectionError,  # noqa: A004 - that of the client
    ConnectionTimeout,
    HttpHeaders,
    NodeConfig,
    TransportError,
)
from elasticsearch import Elasticsearch, UnsupportedProductError
from forwarder_bulk.output import BulkOutput, UnreachableError
from forwarder_bulk.response import FILTER, Reply
from forwarder_bulk.targets import Request
from forwarder_bulk.tls import make_context
from forwarder_bulk.transport import HttpPool, explain, is_late
from urllib3.exceptions import HTTPError

from forwarder import Unavailable
from forwarder_elasticsearch.client import JSON, check_product
from forwarder_elasticsearch.settings import Settings

_ANY_STATUS = range(100, 1000)
"""All that ``http.client`` takes for one; the client must not raise for any of them."""


class ElasticsearchOutput(BulkOutput[Settings]):
    """Ships to one cluster."""

    def connect(self) -> Elasticsearch:  # type: ignore[explicit-override]  # not in Python 3.11
        """Make a client whose requests and replies are bytes; nothing is sent yet.

        Raises:
            Unavailable: A file of the settings cannot be used.
        """
        settings = self.settings
        urls = [urlsplit(x) for x in settings.urls()]
        context = make_context(settings) if any(x.scheme == "https" for x in urls) else None
        # It warns of each request that fails; here, only changes are logged.
        logging.getLogger("elastic_transport.node_pool").setLevel(logging.ERROR)

        client = Elasticsearch(
            [NodeConfig(x.scheme, x.hostname or "", x.port or 0, path_prefix=x.path) for x in urls],
            node_class=type("Node", (_Node,), {"settings": settings, "context": context}),
            serializers=dict.fromkeys((JSON, "application/x-ndjson"), _RawSerializer()),
            max_retries=0,
            retry_on_status=(),
            retry_on_timeout=False,
        )
        return client.options(ignore_status=_ANY_STATUS, headers={"content-encoding": "gzip"})

    def post(self, client: Elasticsearch, request: Request) -> Reply:  # type: ignore[explicit-override]
        """Make one request, of the node that the client chooses."""
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
            meta, body = response.meta, response.body
        except UnsupportedProductError as error:
            meta, body = error.meta, b""
        except ConnectionError as error:
            raise UnreachableError(error.message) from error
        except TransportError as error:
            raise Unavailable(error.message) from error
        url = _url_of(meta)
        if meta.status in range(200, 300):
            check_product(url, meta.headers)
        return Reply(url, meta.status, meta.headers, body if isinstance(body, bytes) else b"")


def _url_of(meta: ApiResponseMeta) -> str:
    node = meta.node
    host = f"[{node.host}]" if ":" in node.host else node.host
    return f"{node.scheme}://{host}:{node.port}{node.path_prefix}"


class _RawSerializer(elastic_transport.Serializer):
    """Passes bytes on: requests are encoded already, and replies are parsed elsewhere."""

    mimetype = "application/*"

    def loads(self, data: bytes) -> bytes:  # type: ignore[explicit-override]  # not in Python 3.11
        return data

    def dumps(self, data: bytes) -> bytes:  # type: ignore[explicit-override]
        return data


class _NodeResponse(NamedTuple):
    meta: ApiResponseMeta
    body: bytes


class _Node(elastic_transport.BaseNode):
    """One node of a cluster that settings and context are of."""

    settings: Settings
    context: ssl.SSLContext | None

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._pool = HttpPool(self.base_url, self.settings, self.context)

    def perform_request(  # type: ignore[explicit-override]
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: object = None,  # noqa: ARG002 - the pool limits the time
    ) -> Any:  # noqa: ANN401 - the name of its type is not public
        """Make a request; an error names the node."""
        try:
            answer = self._pool.urlopen(method, target, body, headers)
        except (HTTPError, HTTPException) as error:
            kind = ConnectionTimeout if is_late(error) else ConnectionError
            raise kind(f"{self.base_url} {explain(error)}") from error
        # The client would refuse what says that it is something else.
        answered = HttpHeaders({**answer.headers, "content-type": JSON})
        meta = ApiResponseMeta(answer.status, "1.1", answered, 0.0, self.config)
        return _NodeResponse(meta, answer.data)

    def close(self) -> None:  # type: ignore[explicit-override]
        self._pool.close()
