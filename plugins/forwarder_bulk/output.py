"""An output of bulk requests, but for its client."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from forwarder import Document, Failure
from forwarder_bulk.response import Reply
from forwarder_bulk.sender import Sender
from forwarder_bulk.settings import ClusterSettings
from forwarder_bulk.targets import Request, Targets

_log = logging.getLogger(__name__)


class _Client(Protocol):
    def close(self) -> None: ...


_Settings = TypeVar("_Settings", bound=ClusterSettings)
_AnyClient = TypeVar("_AnyClient", bound=_Client)


class BulkOutput(ABC, Generic[_Settings, _AnyClient]):
    """Ships to one cluster."""

    def __init__(self, settings: _Settings) -> None:
        """Connect nowhere yet."""
        self.settings = settings
        self._targets = Targets(settings.index, by_appliance=settings.namespace_by_appliance)
        self._client: _AnyClient | None = None
        self._sender: Sender | None = None
        self._has_warned = False

    @abstractmethod
    def connect(self) -> _AnyClient:
        """Make the client; raises Unavailable where that cannot be done."""

    @abstractmethod
    def post(self, client: _AnyClient, request: Request) -> Reply:
        """Make one request, in any thread; raises Unavailable where there is no answer."""

    def open(self) -> None:
        """Make the client."""
        if self.settings.verify == "none" and not self._has_warned:
            self._has_warned = True
            _log.warning(
                "The certificate of %s is not verified (verify: none): an attacker in between can"
                " read the documents and the credentials. Name the authority in ca_certs.",
                ", ".join(self.settings.urls()),
            )
        client = self._client = self.connect()
        self._sender = Sender(
            lambda request: self.post(client, request), self._targets, self.settings.workers
        )

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Ship a batch."""
        if self._sender is None:
            raise RuntimeError("write was called before open")
        return self._sender.write(documents)

    def close(self) -> None:
        """Close the connections."""
        client, self._client, self._sender = self._client, None, None
        if client is not None:
            client.close()
