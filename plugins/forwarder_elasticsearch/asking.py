"""Asking a cluster something else than to take documents, and taking its answers.

What answers may be anything: a proxy, the page of a login, another server. What is no answer of
Elasticsearch is said to be none, and nothing is concluded from it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import orjson
from elastic_transport import ApiResponseMeta, TransportError
from elasticsearch import Elasticsearch, UnsupportedProductError
from forwarder_bulk.response import show_page
from forwarder_bulk.transport import parse_shallow
from pydantic import BaseModel, ValidationError

from forwarder import Unavailable

ANY_STATUS = range(100, 1000)
"""All that ``http.client`` takes for one; the client must not raise for any of them."""
_WITH_A_BODY = (*range(200, 300), 400, 404, 405)
"""Statuses that would be concluded from; others say enough by themselves."""

_Shape = TypeVar("_Shape", bound=BaseModel)


class Answer(NamedTuple):
    """An answer of Elasticsearch, or of what is before it."""

    url: str
    """Of what answered."""
    status: int
    body: Mapping[str, Any]
    page: str = ""
    """What it is instead, where it is no JSON of Elasticsearch; empty for nothing."""


def ask(client: Elasticsearch, method: str, path: str, body: bytes | None = None) -> Answer:
    """Ask, and take any status.

    Args:
        client: As it was connected.
        method: Of HTTP.
        path: Behind the host.
        body: JSON.

    Raises:
        Unavailable: There is no answer, or it is none of Elasticsearch.
    """
    headers = {"accept": "application/json"}
    if body is not None:
        headers["content-type"] = "application/json"
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
    shape: type[_Shape], found: object, where: str, answer: object, whose: str = "Elasticsearch"
) -> _Shape:
    """Read what a setup needs of an answer.

    Args:
        shape: What has to be there.
        found: Where it has to be.
        where: What answered, and to what.
        answer: All of it, as it was parsed.
        whose: The product that should have answered.

    Raises:
        Unavailable: It is not there; with a full stop, as all that ends a setup.
    """
    try:
        return shape.model_validate(found)
    except ValidationError:
        raise Unavailable(f"{strange(where, answer, whose)}.") from None


def strange(where: str, answer: object, whose: str = "Elasticsearch") -> Unavailable:
    """Say that an answer is none of what should answer there.

    Args:
        where: What answered, and to what.
        answer: As bytes, or as it was parsed.
        whose: The product that should have answered.
    """
    page = show_page(answer if isinstance(answer, bytes) else orjson.dumps(answer))
    return Unavailable(
        f"{where} with what is no answer of {whose}: {page}; see whether its URL is right, and what"
        " is between here and there"
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
        " For OpenSearch, say type: opensearch"
    )
