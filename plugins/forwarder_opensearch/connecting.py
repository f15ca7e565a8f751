"""The client: that of OpenSearch, packing quickly, and trying nothing again.

An answer has a limit, of time and of size.
"""

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import urllib3
from forwarder_bulk.packing import Packed, pack
from forwarder_bulk.patience import make_pools
from forwarder_bulk.transport import Answer, read_whole
from opensearchpy import OpenSearch, Urllib3HttpConnection

from forwarder_opensearch.settings import Settings


def connect(settings: Settings) -> OpenSearch:
    """Make a client; nothing is sent yet.

    Raises:
        OSError: A file that the settings name cannot be read.
    """
    for path in (settings.ca_certs, settings.client_certificate, settings.client_key):
        if path is not None:
            path.read_bytes()  # the client would say that a server cannot be reached
    # It warns of each request that fails; here, only changes are logged.
    logging.getLogger("opensearch").setLevel(logging.ERROR)
    options: dict[str, Any] = {}
    if settings.username is not None and settings.password is not None:
        options["http_auth"] = (settings.username, settings.password.get_secret_value())
    if any(x.startswith("https:") for x in settings.hosts):
        options |= {
            "verify_certs": settings.verify != "none",
            "ssl_assert_hostname": None if settings.verify == "full" else False,
            # The output warns once; the client would at each request.
            "ssl_show_warn": False,
            "ca_certs": _text(settings.ca_certs),
            "client_cert": _text(settings.client_certificate),
            "client_key": _text(settings.client_key),
        }
    return OpenSearch(
        [_host(x) for x in settings.hosts],
        connection_class=_Connection,
        http_compress=True,
        pool_maxsize=settings.workers,
        timeout=urllib3.Timeout(
            connect=settings.connect_timeout.total_seconds(),
            read=settings.timeout.total_seconds(),
        ),
        max_retries=0,
        retry_on_status=(),
        **options,
    )


def _host(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port,
        "use_ssl": parts.scheme == "https",
        "url_prefix": parts.path,
    }


def _text(path: object) -> str | None:
    return None if path is None else str(path)


class _Pool:
    """The connections to one node, and what comes through them."""

    def __init__(self, pool: urllib3.HTTPConnectionPool) -> None:
        self._pool = pool

    def urlopen(self, method: str, url: str, body: Any, **options: Any) -> Answer:  # noqa: ANN401 - as they come
        """Make a request as urllib3's own pools do; the answer has a limit."""
        options |= {"redirect": False, "preload_content": False}
        answer = read_whole(self._pool.urlopen(method, url, body, **options))
        # The client takes it for text, and would say that the server cannot be reached.
        return answer._replace(data=answer.data.decode(errors="replace").encode())

    def close(self) -> None:
        """Hang up."""
        self._pool.close()


class _Connection(Urllib3HttpConnection):
    """The connections to one node."""

    def _create_urllib3_pool(self) -> None:  # type: ignore[explicit-override]
        super()._create_urllib3_pool()
        pool = self.pool
        timeout: Any = self.timeout  # as connect gives it
        patience = timedelta(seconds=timeout.read_timeout)
        pool.ConnectionCls = make_pools(patience)[pool.scheme].ConnectionCls
        self.pool = _Pool(pool)

    def _gzip_compress(self, body: Any) -> bytes:  # type: ignore[explicit-override]  # noqa: ANN401
        return body if isinstance(body, Packed) else pack(body)
