"""The output ``opensearch``: documents into data streams or indices, each of them once."""

from collections.abc import Iterable, Iterator
from contextlib import closing

from forwarder_bulk.output import BulkOutput
from forwarder_bulk.response import show_page
from forwarder_bulk.settings import ClusterSettings
from forwarder_bulk.transport import HttpPool, Reply, as_finding, parse_shallow

from forwarder import Expected, Finding, OutputPlugin, Unavailable, hookimpl


def build(settings: ClusterSettings) -> BulkOutput:
    """Make an output."""
    return BulkOutput(settings, _check_product)


def _check_product(reply: Reply) -> None:
    if "x-elastic-product" in reply.headers:
        raise Unavailable(f"{reply.url} is Elasticsearch; use type: elasticsearch")


def check(settings: ClusterSettings, _: Expected) -> Iterator[Finding]:
    """Look at each node; nothing is written."""
    for url in settings.hosts:
        try:
            with closing(HttpPool(url, settings)) as pool:
                yield _judge(pool.request("GET", "/"))
        except Unavailable as error:
            yield as_finding(str(error))


def _judge(reply: Reply) -> Finding:
    url = reply.url
    match reply.status, parse_shallow(reply.body):
        case 200, {"version": {"number": str(number), "distribution": "opensearch"}}:
            text = f"{url} is OpenSearch {number}, and takes the credentials"
            return Finding(good=True, text=text)
        case 200, _:
            return as_finding(
                f"{url} is not OpenSearch; see whether hosts is right; for Elasticsearch, use type:"
                " elasticsearch"
            )
        case 401, _:
            return as_finding(
                f"{url} does not take the credentials; give a valid username and password, or a"
                " client certificate"
            )
        case 403, _:
            text = f"{url} takes the credentials; its version cannot be seen with them"
            return Finding(good=True, text=text)
        case _:
            return as_finding(
                f"{url} answers {reply.status}: {show_page(reply.body)}; see how the server is,"
                " and whether hosts is right"
            )


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``opensearch``."""
    return [
        OutputPlugin(
            name="opensearch",
            config=ClusterSettings,
            build=build,
            check=check,
            knows_ids=True,
        )
    ]
