"""Asking a cluster, or its Kibana, something else than to take documents.

- What answers may be anything: a proxy, a login page, another server. What is not an answer of
  Elasticsearch is said to be none, and nothing is concluded from it.
- Where only the fingerprint of the authority is known, its certificate is fetched from a node, and
  then trusted in the usual way. The ``ssl_assert_fingerprint`` of Elastic's client would check no
  signature: it is enough for it that a server shows that certificate beside one of its own making.
"""

import hashlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import orjson
from forwarder_bulk import transport
from forwarder_bulk.response import show_page
from forwarder_bulk.tls import make_context, words_of
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import HTTPError

from forwarder import Unavailable
from forwarder_elasticsearch.settings import Settings

_WITH_A_BODY = (*range(200, 300), 400, 404, 405)
"""Statuses that would be concluded from; others say enough by themselves."""
_TLS_HANDSHAKE, _TLS_CERTIFICATE = 22, 11
"""Types of a record and of a message in it; see RFC 5246, 6.2.1 and 7.4."""

_Shape = TypeVar("_Shape", bound=BaseModel)


class Answer(NamedTuple):
    """An answer of Elasticsearch, or of what is before it."""

    url: str
    """Of what answered."""
    status: int
    body: Mapping[str, Any]
    page: str = ""
    """What it is instead, where it is not JSON of Elasticsearch; empty for nothing."""


def ask(  # noqa: PLR0913, PLR0917 - the parts of a request
    settings: Settings,
    url: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> transport.Answer:
    """Ask a server that is trusted as the settings say; any status is an answer.

    Raises:
        Unavailable: There is no answer.
    """
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    context = trust(settings, [(parts.hostname or "", parts.port or 443)]) if is_secure else None
    pool = transport.HttpPool(url, settings, context)
    try:
        return pool.urlopen(method, path, body, headers)
    except (HTTPError, HTTPException) as error:
        raise Unavailable(f"{url} {transport.explain(error)}") from error
    finally:
        pool.close()


def request(
    settings: Settings, url: str, method: str, path: str, body: bytes | None = None
) -> Answer:
    """Ask a node.

    Raises:
        Unavailable: There is no answer, or it is not one of Elasticsearch.
    """
    json = {"accept": "application/json", "content-type": "application/json"}
    status, headers, data = ask(settings, url, method, path, body, json)
    if status in range(200, 300) and "x-elastic-product" not in headers:
        raise wrong_product(url)
    found = transport.parse_shallow(data)
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
