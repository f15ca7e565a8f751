"""Shipping to Elasticsearch.

A batch goes into bulk requests with ``create`` and the document's id, as the bytes that it has: a
document that comes again is recognised, and is in the index once. Nothing else is asked of the
cluster, so a key needs ``auto_configure`` and ``create_doc`` on the data stream and nothing more.

What the replies mean is in :mod:`forwarder_bulk.response`, how batches are sent in
:mod:`forwarder_bulk.sender`.
"""

import elastic_transport
from elasticsearch import Elasticsearch, UnsupportedProductError
from forwarder_bulk.output import BulkOutput
from forwarder_bulk.response import FILTER, Reply
from forwarder_bulk.targets import Request

from forwarder import Unavailable
from forwarder_elasticsearch.client import ANY_STATUS, connect, url_of, wrong_product
from forwarder_elasticsearch.settings import Settings


class ElasticsearchOutput(BulkOutput[Settings, Elasticsearch]):
    """Ships to one cluster."""

    def connect(self) -> Elasticsearch:  # type: ignore[explicit-override]  # not in Python 3.11
        """Make the client."""
        return connect(self.settings).options(ignore_status=ANY_STATUS)

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
            raise wrong_product(url_of(error.meta)) from error
        meta = response.meta
        headers = {key.lower(): value for key, value in meta.headers.items()}
        if meta.status in range(200, 300) and "x-elastic-product" not in headers:
            raise wrong_product(url_of(meta))
        body = response.body
        return Reply(url_of(meta), meta.status, headers, body if isinstance(body, bytes) else b"")
