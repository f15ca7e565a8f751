"""Shipping to Elasticsearch.

A batch goes into bulk requests with ``create`` and the document's id, as the bytes that it has: a
document that comes again is recognised, and is in the index once. Nothing else is asked of the
cluster, so a key needs ``auto_configure`` and ``create_doc`` on the data stream and nothing more.

What the replies mean is in :mod:`forwarder_bulk.meanings`, how batches are sent in
:mod:`forwarder_bulk.sender`.
"""

import logging
from collections.abc import Sequence

import elastic_transport
import elasticsearch
from forwarder_bulk.response import FILTER, Reply
from forwarder_bulk.sender import Sender
from forwarder_bulk.targets import Request, Targets

from forwarder import Document, Failure, Unavailable
from forwarder_elasticsearch.asking import ANY_STATUS, url_of, wrong_product
from forwarder_elasticsearch.client import connect
from forwarder_elasticsearch.settings import Settings

_log = logging.getLogger(__name__)


class ElasticsearchOutput:
    """Ships to one cluster."""

    def __init__(self, settings: Settings) -> None:
        """Connect nowhere yet."""
        self._settings = settings
        self._targets = Targets(settings.index, by_appliance=settings.namespace_by_appliance)
        self._client: elasticsearch.Elasticsearch | None = None
        self._sender: Sender | None = None
        self._has_warned = False

    def open(self) -> None:
        """Make the client."""
        if self._settings.verify == "none" and not self._has_warned:
            self._has_warned = True
            _log.warning(
                "The certificate of %s is not verified (verify: none): anybody in between can read"
                " the documents and the credentials. Name the authority in ca_certs or"
                " ca_trusted_fingerprint.",
                ", ".join(self._settings.urls()),
            )
        client = connect(self._settings)
        self._client = client
        asking = client.options(ignore_status=ANY_STATUS)
        self._sender = Sender(
            lambda request: self._post(asking, request), self._targets, self._settings.workers
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

    def _post(self, client: elasticsearch.Elasticsearch, request: Request) -> Reply:
        """Make one request; of a node that cannot be reached, the next one is asked.

        Once more than there are nodes: a connection may be one that was cut while nobody looked.
        """
        for _ in self._settings.urls():
            try:
                return self._ask(client, request)
            except elastic_transport.ConnectionTimeout as error:
                # It may be at work on it; to ask the next one would be to double its work.
                raise Unavailable(error.message) from error
            except elastic_transport.ConnectionError:
                continue
        try:
            return self._ask(client, request)
        except elastic_transport.TransportError as error:
            raise Unavailable(error.message) from error

    def _ask(self, client: elasticsearch.Elasticsearch, request: Request) -> Reply:
        try:
            response = client.bulk(
                # Bytes are passed on as they are; the annotation knows only what is encoded.
                operations=request.body,  # type: ignore[arg-type]
                index=request.where,
                pipeline=self._settings.pipeline,
                # Without a template for it, an index of that name would be made.
                require_data_stream=True if self._settings.index is None else None,
                filter_path=FILTER,
            )
        except elasticsearch.UnsupportedProductError as error:
            raise wrong_product(url_of(error.meta)) from error
        meta = response.meta
        headers = {key.lower(): value for key, value in meta.headers.items()}
        if meta.status in range(200, 300) and "x-elastic-product" not in headers:
            raise wrong_product(url_of(meta))
        body = response.body
        return Reply(url_of(meta), meta.status, headers, body if isinstance(body, bytes) else b"")
