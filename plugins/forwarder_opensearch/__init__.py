"""The output ``opensearch``: documents into data streams or indices, each of them once."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlencode

from forwarder_bulk.output import BulkOutput, Request, Targets
from forwarder_bulk.response import FILTER, PLAIN_INDEX, show_page
from forwarder_bulk.settings import ClusterSettings
from forwarder_bulk.transport import HttpPool, Reply, as_finding, check_nodes, parse_shallow
from forwarder_elasticsearch.names import names_for
from forwarder_elasticsearch.setup import export_rules, objects

from forwarder import (
    ConfigError,
    Expected,
    Finding,
    OutputPlugin,
    SetupOptions,
    Step,
    Unavailable,
    hookimpl,
)

_INSTALL = "Install the one that esa-forwarder setup --export DIR writes."
_HEADERS = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}


class OpenSearchOutput(BulkOutput):
    """Ships to one cluster, through one node until that cannot be reached, then the next."""

    def __init__(self, settings: ClusterSettings) -> None:
        super().__init__(settings)
        self._nodes = deque[HttpPool]()  # the one that is used comes first

    def connect(self) -> None:
        """Create a pool for each node; nothing is sent yet."""
        self._nodes.extend(HttpPool(x, self._settings) for x in self._settings.urls())

    def post(self, request: Request) -> Reply:
        """Send one request."""
        if not self._nodes:
            raise RuntimeError("write was called before open")
        where = "" if request.where is None else f"/{quote(request.where)}"
        pipeline = self._settings.pipeline
        parameters = {"filter_path": FILTER} | ({} if pipeline is None else {"pipeline": pipeline})
        node = self._nodes[0]
        try:
            reply = node.request(
                "POST", f"{where}/_bulk?{urlencode(parameters)}", request.body, _HEADERS
            )
        except Unavailable:
            with self._lock:
                if node is self._nodes[0]:
                    self._nodes.rotate(-1)
            raise
        if "x-elastic-product" in reply.headers:
            raise Unavailable(f"{reply.url} is Elasticsearch; use type: elasticsearch")
        return reply

    def close(self) -> None:
        """Close the connections."""
        while self._nodes:
            self._nodes.pop().close()


def check(settings: ClusterSettings, expected: Expected) -> Iterator[Finding]:
    """Check each node, and through the first good one where documents go; writes nothing."""
    targets = Targets(settings.index, by_appliance=settings.namespace_by_appliance)
    checked: list[str] = []

    def check_node(url: str) -> Iterator[Finding]:
        with closing(HttpPool(url, settings)) as pool:
            finding = _judge(pool.request("GET", "/"))
            yield finding
            if finding.good and not checked:
                checked.append(url)
                for name in targets.expect(expected):
                    yield _check_target(pool, name, is_stream=settings.index is None)

    yield from check_nodes(settings.hosts, check_node)


def _check_target(pool: HttpPool, name: str, *, is_stream: bool) -> Finding:
    """Check that documents go to a data stream and that a template maps their fields."""

    def ask(method: str, path: str) -> dict[str, Any]:
        reply = pool.request(method, path)
        found = parse_shallow(reply.body)
        if reply.status == 200 and isinstance(found, dict):  # noqa: PLR2004 - of HTTP
            return found
        text = f"{name} was not checked: {reply.url} answers {reply.status} to {method} {path}"
        raise _UnseenError(f"{text}; shipping does not need that")

    kind = "data stream" if is_stream else "indices"
    good = Finding(good=True, text=f"documents go to {kind} {name}")
    try:
        if is_stream:
            found = ask("GET", f"/_resolve/index/{quote(name)}")
            if found.get("indices") or found.get("aliases"):
                text = f"{name} is an index or alias, and not a data stream"
                return as_finding(f"{text}; {PLAIN_INDEX}")
            if found.get("data_streams"):
                return good
        # Nothing is in the answer where no template is for an index of that name.
        if ask("POST", f"/_index_template/_simulate_index/{quote(name.replace('*', '1'))}"):
            return good
    except _UnseenError as error:
        return good._replace(text=str(error))
    text = f"there is no index template for {name}, so types of fields are guessed"
    if is_stream:
        text = f"no index template makes {name} a data stream: OpenSearch would make an index"
    return Finding(good=not is_stream, text=text, advice=_INSTALL)


class _UnseenError(Exception):
    """The credentials do not allow this check."""


def _judge(reply: Reply) -> Finding:
    url = reply.url
    match reply.status, parse_shallow(reply.body):
        case 200, {"version": {"number": str(number), "distribution": "opensearch"}}:
            text = f"{url} is OpenSearch {number}, and accepts the credentials"
            return Finding(good=True, text=text)
        case 200, _:
            return as_finding(
                f"{url} is not OpenSearch; check hosts; for Elasticsearch, use type: elasticsearch"
            )
        case 401, _:
            return as_finding(
                f"{url} rejects the credentials; set a valid username and password, or a"
                " client certificate"
            )
        case 403, _:
            text = f"{url} accepts the credentials; its version cannot be seen with them"
            return Finding(good=True, text=text)
        case _:
            return as_finding(
                f"{url} answers {reply.status}: {show_page(reply.body)}; check the server, and"
                " that hosts is right"
            )


def setup(settings: ClusterSettings, options: SetupOptions) -> Iterator[Step]:
    """Return the steps: files that people install.

    They are those for Elasticsearch without what OpenSearch lacks: Elastic's component templates,
    the ``_meta`` of pipelines, and a geoip processor without setup (it has ``ip2geo``).
    """
    if options.remove or options.key_file is not None:
        raise ConfigError(
            "setup for OpenSearch cannot remove objects or create keys; it only exports files."
        )
    for found in objects(names_for(settings.index)):
        text = found.body.replace('"match_only_text"', '"text"')
        # Not every OpenSearch 2 has the one type; the other it takes only with a value.
        value = json.loads(text.replace('"constant_keyword"', '"keyword"'))
        if found.kind == "pipeline":
            value["processors"] = [x for x in value["processors"] if "set" in x]
            del value["_meta"]
        elif found.kind == "index_template":
            value["composed_of"] = [x for x in value["composed_of"] if x.endswith("@mappings")][:1]
            del value["ignore_missing_component_templates"], value["allow_auto_create"]
        body = json.dumps(value, indent=2) + "\n"
        yield Step(found.title, f"PUT {found.path}", body, f"opensearch/{found.kind}.json")
    yield from export_rules()


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``opensearch``."""
    return [
        OutputPlugin(
            name="opensearch",
            config=ClusterSettings,
            build=OpenSearchOutput,
            check=check,
            setup=setup,
            login_settings=frozenset({"username", "password"}),
            knows_ids=True,
            profile="lean",
        )
    ]
