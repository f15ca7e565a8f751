"""The client: Elastic's own, over our connections, and questions to a cluster.

- Its requests go through :class:`forwarder_bulk.transport.HttpPool`, which knows proxies and
  limits answers.
- It tries nothing again: that is done where the documents are.
- What answers may be anything: a proxy, a login page, another server. What is not an answer of
  Elasticsearch is said to be none, and nothing is concluded from it.
- Where only the fingerprint of the authority is known, its certificate is fetched from a node, and
  then trusted in the usual way. The client's own ``ssl_assert_fingerprint`` would check no
  signature: it is enough for it that a server shows that certificate beside one of its own making.
"""

import hashlib
import logging
import socket
import ssl
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import elastic_transport
import orjson
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, TransportError
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import Elasticsearch, UnsupportedProductError
from forwarder_bulk.response import show_page
from forwarder_bulk.tls import make_context, words_of
from forwarder_bulk.transport import HttpPool, explain, is_late, parse_shallow
from pydantic import BaseModel, ValidationError

from forwarder import Unavailable
from forwarder_elasticsearch.settings import Settings

ANY_STATUS = range(100, 1000)
"""All that ``http.client`` takes for one; the client must not raise for any of them."""
_WITH_A_BODY = (*range(200, 300), 400, 404, 405)
"""Statuses that would be concluded from; others say enough by themselves."""
_JSON = "application/json"
_TLS_HANDSHAKE, _TLS_CERTIFICATE = 22, 11
"""Types of a record and of a message in it; see RFC 5246, 6.2.1 and 7.4."""

_Shape = TypeVar("_Shape", bound=BaseModel)


def connect(settings: Settings) -> Elasticsearch:
    """Make a client; nothing is sent yet, unless an authority has to be fetched.

    Its requests and replies are bytes.

    Raises:
        Unavailable: A file of the settings cannot be used, or no node shows the authority.
    """
    urls = [urlsplit(x) for x in settings.urls()]
    secure = [(x.hostname or "", x.port or 0) for x in urls if x.scheme == "https"]
    context = trust(settings, secure) if secure else None
    auth: dict[str, Any] = {}
    if settings.api_key is not None:
        auth["api_key"] = settings.api_key.get_secret_value()
    elif settings.username is not None and settings.password is not None:
        auth["basic_auth"] = (settings.username, settings.password.get_secret_value())
    # It warns of each request that fails; here, only changes are logged.
    logging.getLogger("elastic_transport.node_pool").setLevel(logging.ERROR)

    class Node(_Node):
        def __init__(self, config: NodeConfig) -> None:
            super().__init__(config)
            url = self.base_url.removesuffix(self.path_prefix)
            tls = context if self.scheme == "https" else None
            self.pool = HttpPool(url, settings, tls, proxy_of(settings))

    return Elasticsearch(
        [NodeConfig(x.scheme, x.hostname or "", x.port or 0, path_prefix=x.path) for x in urls],
        node_class=Node,
        serializers=dict.fromkeys((_JSON, "application/x-ndjson"), _RawSerializer()),
        max_retries=0,
        retry_on_status=(),
        retry_on_timeout=False,
        **auth,
    )


def proxy_of(settings: Settings) -> str | None:
    """Give the URL of the proxy."""
    return None if settings.proxy is None else settings.proxy.get_secret_value()


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


class Answer(NamedTuple):
    """An answer of Elasticsearch, or of what is before it."""

    url: str
    """Of what answered."""
    status: int
    body: Mapping[str, Any]
    page: str = ""
    """What it is instead, where it is not JSON of Elasticsearch; empty for nothing."""


def request(client: Elasticsearch, method: str, path: str, body: bytes | None = None) -> Answer:
    """Ask something else than to take documents; any status is an answer.

    Raises:
        Unavailable: There is no answer, or it is not one of Elasticsearch.
    """
    headers = {"accept": _JSON} | ({} if body is None else {"content-type": _JSON})
    client = client.options(ignore_status=ANY_STATUS)
    try:
        answer = client.perform_request(method, path, headers=headers, body=body)
    except UnsupportedProductError as error:
        raise wrong_product(url_of(error.meta)) from None
    except TransportError as error:
        raise Unavailable(str(error.message)) from error
    url, status = url_of(answer.meta), answer.meta.status
    if status in range(200, 300) and "x-elastic-product" not in answer.meta.headers:
        raise wrong_product(url)
    data = answer.body if isinstance(answer.body, bytes) else b""
    found = parse_shallow(data)
    if isinstance(found, dict):
        return Answer(url, status, found)
    if status in _WITH_A_BODY:
        raise strange(f"{url} answers {status} to {method} {path}", data)
    return Answer(url, status, {}, show_page(data) if data else "")


def understand(
    shape: type[_Shape], found: object, where: str, answer: object, product: str = "Elasticsearch"
) -> _Shape:
    """Read what a setup needs of an answer.

    Args:
        shape: What has to be there.
        found: Where it has to be.
        where: What answered, and to what.
        answer: All of it, as it was parsed.
        product: What should have answered.

    Raises:
        Unavailable: It is not there; with a full stop, as all that ends a setup.
    """
    try:
        return shape.model_validate(found)
    except ValidationError:
        raise Unavailable(f"{strange(where, answer, product)}.") from None


def strange(where: str, answer: object, product: str = "Elasticsearch") -> Unavailable:
    """Say that an answer, in bytes or parsed, is not one of what should answer there."""
    page = show_page(answer if isinstance(answer, bytes) else orjson.dumps(answer))
    return Unavailable(
        f"{where} with what is not an answer of {product}: {page}; see whether its URL is right,"
        " and what is between here and there"
    )


def url_of(meta: ApiResponseMeta) -> str:
    """Name what answered."""
    node = meta.node
    host = f"[{node.host}]" if ":" in node.host else node.host
    return f"{node.scheme}://{host}:{node.port}{node.path_prefix}"


def wrong_product(url: str) -> Unavailable:
    """Say that what answers may be anything."""
    return Unavailable(
        f"{url} answers, but does not say that it is Elasticsearch; see whether hosts is right."
        " For OpenSearch, use type: opensearch"
    )


def trust(settings: Settings, addresses: list[tuple[str, int]]) -> ssl.SSLContext:
    """Make what connections to these hosts and ports are made with.

    Raises:
        Unavailable: A file cannot be used, or no node shows the authority.
    """
    if settings.ca_trusted_fingerprint is None:
        return make_context(settings)
    authority = _fetch_authority(settings, settings.ca_trusted_fingerprint, addresses)
    return make_context(settings, authority)


def _fetch_authority(
    settings: Settings, fingerprint: str, addresses: list[tuple[str, int]]
) -> bytes:
    """Fetch the certificate with a fingerprint from what nodes show, in DER.

    An attacker in between can show it, too, but has no key for any certificate below it.
    """
    seen, errors = [], []
    for address in addresses:
        try:
            shown = list(_fetch_certificates(address, settings.connect_timeout.total_seconds()))
        except OSError as error:
            errors.append(f"{address[0]}:{address[1]}: {words_of(error)}")
            continue
        for certificate in shown:
            found = hashlib.sha256(certificate).hexdigest()
            if found == fingerprint:
                return certificate
            seen.append(found)
    if not seen:
        raise Unavailable(f"no node can be reached: {'; '.join(errors)}; or set ca_certs")
    raise Unavailable(
        f"no node shows a certificate with the fingerprint {fingerprint}; those they show have"
        f" {', '.join(seen)}. Take the right one, or ca_certs"
    )


def _fetch_certificates(address: tuple[str, int], timeout: float) -> Iterator[bytes]:
    """Fetch the certificates that a node shows, without verifying them.

    Before Python 3.13, ssl has no public name for them. In TLS 1.2 they are not encrypted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = context.wrap_bio(incoming, outgoing, server_hostname=address[0])
    received = b""
    with socket.create_connection(address, timeout) as connection:
        while True:
            try:
                handshake.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                if not (data := connection.recv(1 << 16)):
                    raise ConnectionResetError("hung up") from None
                incoming.write(data)
                received += data
    messages = b""
    while received[:1] == bytes([_TLS_HANDSHAKE]):
        end = 5 + int.from_bytes(received[3:5])
        messages += received[5:end]
        received = received[end:]
    while messages and messages[0] != _TLS_CERTIFICATE:
        messages = messages[4 + int.from_bytes(messages[1:4]) :]
    left = messages[7 : 4 + int.from_bytes(messages[1:4])]
    while left:
        end = 3 + int.from_bytes(left[:3])
        yield left[3:end]
        left = left[end:]
