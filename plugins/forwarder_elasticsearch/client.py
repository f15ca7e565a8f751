"""Requests to a cluster or its Kibana that check and set up, and what their answers are.

Anything may answer: a proxy, a login page, another server. What cannot come from the expected
product is reported as such, and nothing is concluded from it.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Literal, NamedTuple, Self

import orjson
from forwarder_bulk.response import find_error, show_page
from forwarder_bulk.settings import ElasticSettings
from forwarder_bulk.transport import HttpPool, Reply, parse_shallow

from forwarder import Unavailable

JSON = "application/json"
_WITH_A_BODY = (*range(200, 300), 400, 404, 405)
"""Statuses whose bodies are read; others say enough by themselves."""
_KIBANA = "kbn-name"  # a header of all its answers
_MAX_TEXT = 500  # characters of what a server says


class Answer(NamedTuple):
    """An answer of the server, or of a proxy before it."""

    where: str  # what answered, with which status, and to what; for messages
    status: int
    body: Mapping[str, Any]
    page: str = ""  # what it is instead, where it is not a JSON object; empty for nothing
    product: str = "Elasticsearch"

    @property
    def reason(self) -> str:
        """The error that it reports; if it reports none, its beginning."""
        words = find_error(self.body)[1] or self.page
        return words or (orjson.dumps(self.body).decode()[:_MAX_TEXT] if self.body else "")

    def expect(self, rights: str) -> Self:
        """Return 200, 400 and 404; raise Unavailable for others, naming the rights needed."""
        if self.status in {200, 400, 404}:
            return self
        reason = f", {self.reason}" if self.reason else ""
        advice = {
            401: "; set up with a user and password, or a key, that are valid",
            403: f"; the user or key that sets up needs {rights}",
        }.get(self.status, "")
        raise Unavailable(f"{self.where}{reason}{advice}.")

    def strange(self) -> Unavailable:
        """Return the error for an answer that the product does not give."""
        found = self.page or show_page(orjson.dumps(self.body) if self.body else b"")
        return Unavailable(
            f"{self.where} with what is not an answer of {self.product}: {found}; check its URL,"
            " and the proxies before it."
        )

    @contextmanager
    def understanding(self) -> Iterator[None]:
        """Read what must be in the answer; raises Unavailable if it is missing."""
        try:
            yield
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise self.strange() from None


def request(  # noqa: PLR0913 - the parts of a request
    settings: ElasticSettings,
    url: str,
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    kind: str = JSON,
    product: Literal["Elasticsearch", "Kibana"] = "Elasticsearch",
) -> Answer:
    """Send a request; raises Unavailable if the product does not answer, with any status."""
    headers = {"accept": JSON, "content-type": kind}
    if product == "Kibana":  # it takes no request that changes anything without this
        headers["kbn-xsrf"] = "esa-forwarder"
    with closing(HttpPool(url, settings)) as pool:
        reply = pool.request(method, path, body, headers)
    if product == "Elasticsearch":
        check_product(reply)
    elif "x-elastic-product" in reply.headers and _KIBANA not in reply.headers:
        raise Unavailable(
            f"{url} is Elasticsearch and not Kibana; set kibana to the URL of Kibana, which often"
            " has port 5601."
        )
    where = f"{url} answers {reply.status} to {method} {path}"
    found = parse_shallow(reply.body)
    if isinstance(found, dict):
        return Answer(where, reply.status, found, product=product)
    page = show_page(reply.body) if reply.body else ""
    answer = Answer(where, reply.status, {}, page, product)
    if reply.status in _WITH_A_BODY:
        raise answer.strange()
    return answer


def check_product(reply: Reply) -> None:
    """Raise Unavailable if Kibana answers, or something that is not Elasticsearch succeeds."""
    if _KIBANA in reply.headers:
        raise Unavailable(
            f"{reply.url} is Kibana and not Elasticsearch; set hosts to the URL of Elasticsearch,"
            " which often has port 9200."
        )
    if reply.status in range(200, 300) and "x-elastic-product" not in reply.headers:
        raise Unavailable(
            f"{reply.url} answers without the headers of Elasticsearch; check hosts; for"
            " OpenSearch, use type: opensearch."
        )
