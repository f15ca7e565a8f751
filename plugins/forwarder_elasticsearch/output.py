"""Shipping to Elasticsearch with its own client.

The client chooses among the nodes and makes the requests; each goes through
:class:`forwarder_bulk.transport.HttpPool`, which knows proxies and limits answers. It tries nothing
again: that is done where the documents are, in :mod:`forwarder_bulk.output`.
"""

import logging
from typing import Any

import elastic_transport
from elasticsearch import Elasticsearch
from forwarder_bulk.output import BulkOutput, Request
from forwarder_bulk.response import FILTER
from forwarder_bulk.settings import ElasticSettings
from forwarder_bulk.transport import HttpPool, Reply, UnreachableError

from forwarder import Unavailable
from forwarder_elasticsearch.client import JSON, check_product

_ANY_STATUS = range(100, 1000)
"""All that ``http.client`` takes for one; the client must not raise for any of them."""
_ACCEPTED = elastic_transport.HttpHeaders(
    {"content-type": JSON, "x-elastic-product": "Elasticsearch"}
)
"""What the client gets as the headers of any reply: it would refuse some, and look at the product
only once. What answered is judged from the reply itself."""


class ElasticsearchOutput(BulkOutput):
    """Ships to one cluster."""

    def __init__(self, settings: ElasticSettings) -> None:
        super().__init__(settings)
        self._client: Elasticsearch | None = None

    def connect(self) -> None:
        """Create a client that passes requests and replies through; nothing is sent yet."""
        # It warns of each request that fails; here, only changes are logged.
        logging.getLogger("elastic_transport.node_pool").setLevel(logging.ERROR)
        client = Elasticsearch(
            list(self._settings.urls()),
            node_class=type("Node", (_Node,), {"settings": self._settings}),
            serializers=dict.fromkeys((JSON, "application/x-ndjson"), _RawSerializer()),
            max_retries=0,
            retry_on_status=(),
            retry_on_timeout=False,
        )
        self._client = client.options(
            ignore_status=_ANY_STATUS, headers={"content-encoding": "gzip"}
        )

    def post(self, request: Request) -> Reply:
        """Send one request to the node that the client chooses."""
        if self._client is None:
            raise RuntimeError("write was called before open")
        try:
            response = self._client.bulk(
                # Bytes are passed on as they are; the annotation knows only what is encoded.
                operations=request.body,  # type: ignore[arg-type]
                index=request.where,
                pipeline=self._settings.pipeline,
                # Without a template for it, an index of that name would be created.
                require_data_stream=True if self._settings.index is None else None,
                filter_path=FILTER,
            )
        except elastic_transport.ConnectionTimeout as error:
            raise Unavailable(error.message) from error
        except elastic_transport.ConnectionError as error:
            raise UnreachableError(error.message) from error
        reply: Reply = response.body
        check_product(reply)
        return reply

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None


class _RawSerializer(elastic_transport.Serializer):
    """Passes requests and replies through: they are encoded and read elsewhere."""

    mimetype = "application/*"

    def loads(self, data: Any) -> Any:  # noqa: ANN401 - the client knows bytes alone
        return data

    def dumps(self, data: bytes) -> bytes:
        return data


class _Node(elastic_transport.BaseNode):
    settings: ElasticSettings

    def __init__(self, config: elastic_transport.NodeConfig) -> None:
        super().__init__(config)
        self._pool = HttpPool(self.base_url, self.settings)

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: elastic_transport.HttpHeaders | None = None,
        request_timeout: object = None,  # noqa: ARG002 - the pool limits the time
    ) -> Any:  # noqa: ANN401 - the name of its type is not public
        """Send a request; after an error, the client prefers other nodes."""
        try:
            reply = self._pool.request(method, target, body, headers)
        except UnreachableError as error:
            raise elastic_transport.ConnectionError(str(error)) from error
        except Unavailable as error:
            raise elastic_transport.ConnectionTimeout(str(error)) from error
        meta = elastic_transport.ApiResponseMeta(reply.status, "1.1", _ACCEPTED, 0.0, self.config)
        return elastic_transport.TransportApiResponse(meta, reply)

    def close(self) -> None:
        self._pool.close()
