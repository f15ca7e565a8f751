"""The client: Elastic's own, with what it cannot be told put in.

- Bodies are packed by :mod:`forwarder_bulk.packing`; the client packs as hard as zlib can, which
  takes many times as long for a few per cent.
- A proxy can be between here and there.
- An answer has a limit, of time and of size.
- TLS is as :mod:`forwarder_elasticsearch.tls` makes it.
- It tries nothing again: that is done where the documents are.
"""

import logging
import ssl
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import elastic_transport
import urllib3
from elastic_transport import BaseNode, HttpHeaders, NodeConfig, Urllib3HttpNode
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import Elasticsearch
from forwarder_bulk.causes import find_causes
from forwarder_bulk.packing import Packed, pack
from forwarder_bulk.patience import is_over, make_pools
from forwarder_bulk.transport import Answer, find_fault, read_whole

from forwarder_elasticsearch import tls

if TYPE_CHECKING:
    from elastic_transport._node import NodeApiResponse

    from forwarder_elasticsearch.settings import Settings

_POOL = "_esa_forwarder_pool"
_JSON = "application/json"


def connect(settings: "Settings") -> Elasticsearch:
    """Make a client; nothing is sent yet, unless an authority has to be fetched.

    Its requests and replies are bytes.

    Args:
        settings: Of the output.

    Raises:
        Unavailable: A file of the settings cannot be used, or no node shows the authority.
    """
    urls = [urlsplit(x) for x in settings.urls()]
    addresses = [(x.hostname or "", x.port or 0) for x in urls if x.scheme == "https"]
    context = tls.make_context(settings, addresses) if addresses else None
    auth: dict[str, Any] = {}
    if settings.api_key is not None:
        auth["api_key"] = settings.api_key.get_secret_value()
    elif settings.username is not None and settings.password is not None:
        auth["basic_auth"] = (settings.username, settings.password.get_secret_value())
    # It warns of each request that fails; here, only changes are logged.
    logging.getLogger("elastic_transport.node_pool").setLevel(logging.ERROR)
    nodes = [
        NodeConfig(
            url.scheme,
            url.hostname or "",
            url.port or 0,
            path_prefix=url.path,
            _extras={_POOL: _Pool(url.scheme, url.netloc, settings, context)},
        )
        for url in urls
    ]
    return Elasticsearch(
        nodes,
        node_class=_Node,
        serializers=dict.fromkeys((_JSON, "application/x-ndjson"), RawSerializer()),
        max_retries=0,
        retry_on_status=(),
        retry_on_timeout=False,
        **auth,
    )


class RawSerializer(elastic_transport.Serializer):
    """Passes bytes on: requests are encoded already, and replies are read elsewhere."""

    mimetype = "application/*"

    def loads(self, data: bytes) -> bytes:  # type: ignore[explicit-override]  # not in Python 3.11
        """Return it."""
        return data

    def dumps(self, data: bytes) -> bytes:  # type: ignore[explicit-override]  # not in Python 3.11
        """Return it."""
        return data


class _Pool:
    """The connections to one node, through a proxy or not."""

    def __init__(
        self, scheme: str, netloc: str, settings: "Settings", context: ssl.SSLContext | None
    ) -> None:
        options: dict[str, Any] = {
            "maxsize": settings.workers,
            "block": True,
            "timeout": urllib3.Timeout(
                connect=settings.connect_timeout.total_seconds(),
                read=settings.timeout.total_seconds(),
            ),
        }
        if context is not None and scheme == "https":
            options["ssl_context"] = context
            if not context.check_hostname:
                options["assert_hostname"] = False
            if context.verify_mode is ssl.CERT_NONE:
                # It would warn at each request; the output does once.
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._base = f"{scheme}://{netloc}"
        pools = make_pools(settings.timeout)
        self._manager: urllib3.PoolManager
        if settings.proxy is None:
            self._manager = urllib3.PoolManager(1, **options)
        else:
            url = urllib3.util.parse_url(settings.proxy.get_secret_value())
            self._manager = urllib3.ProxyManager(
                url._replace(auth=None).url,
                1,
                proxy_headers=urllib3.make_headers(proxy_basic_auth=url.auth),
                **options,
            )

        self._manager.pool_classes_by_scheme = dict(pools)

    def urlopen(self, method: str, target: str, **options: Any) -> Answer:  # noqa: ANN401 - as they come
        """Make a request as urllib3's own pools do; the answer has a limit."""
        url = self._base + target
        answer = read_whole(
            self._manager.urlopen(method, url, redirect=False, preload_content=False, **options)
        )
        # Whatever it says that it is, the client passes it on, and does not refuse it.
        answer.headers["content-type"] = _JSON
        return answer

    def close(self) -> None:
        """Hang up."""
        self._manager.clear()


class _Node(Urllib3HttpNode):
    """One node of the cluster."""

    def __init__(self, config: NodeConfig) -> None:
        # Not that of Urllib3HttpNode, which would make a pool of its own.
        BaseNode.__init__(self, config)
        self.pool = config._extras[_POOL]  # noqa: SLF001 - it is for additions such as this
        self.headers["accept-encoding"] = "gzip"

    def perform_request(  # type: ignore[explicit-override]  # not in Python 3.11
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> "NodeApiResponse":
        """Make a request; an error names the node."""
        if body:
            body = body if isinstance(body, Packed) else pack(body)
            headers = HttpHeaders(headers or {})
            headers["content-encoding"] = "gzip"
        try:
            return super().perform_request(method, target, body, headers, request_timeout)
        except elastic_transport.TransportError as error:
            # The client keeps the error in a frame that the error keeps: nothing of it, such as
            # the request, would go before the next collection of garbage.
            traceback.clear_frames(error.__traceback__)
            kind = elastic_transport.ConnectionTimeout if is_over(error) else type(error)
            words = f"{self.base_url} {_explain(error)}"
            raise kind(words, errors=error.errors) from error


def _explain(error: elastic_transport.TransportError) -> str:
    if fault := find_fault(error):
        return fault
    if isinstance(error, elastic_transport.TlsError):
        return f"cannot be trusted: {tls.explain(error)}"
    if isinstance(error, elastic_transport.ConnectionTimeout) or is_over(error):
        return "does not answer in time; see how it is, or say a longer timeout"
    said = (x.strerror for x in find_causes(error) if isinstance(x, OSError) and x.strerror)
    words = next(said, error.message)
    return f"cannot be reached: {words}; see whether it runs, and whether hosts is right"
