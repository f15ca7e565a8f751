"""Templates and pipeline: bringing them to a cluster, and taking them away.

Our objects say so in their ``_meta``. What has our name and does not say so is somebody else's, and
is not touched.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field

from forwarder import SetupOptions, Step, Unavailable
from forwarder_elasticsearch.asking import Answer, ask, understand
from forwarder_elasticsearch.client import connect
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup_assets import asset
from forwarder_elasticsearch.setup_connection import with_credentials

_MANAGED_BY = "esa-forwarder"
_STREAMS = "logs-cisco_esa.*-*"
_MAX_SAID = 1000
"""Characters of what a server says."""

_PRIVILEGES = (
    "the key that sets up needs the cluster privileges manage_index_templates and"
    " manage_ingest_pipelines"
)


class _Object(NamedTuple):
    """What is brought to a cluster."""

    what: str
    name: str
    path: str
    file: str


# In the order of bringing: each is referred to by those behind it.
_OBJECTS = tuple(
    _Object(file.replace("_", " "), name, f"/{path}/{name}", f"{file}.json")
    for file, path, name in (
        ("pipeline", "_ingest/pipeline", "logs-cisco_esa@pipeline"),
        ("component_template", "_component_template", "logs-cisco_esa@mappings"),
        ("index_template", "_index_template", "logs-cisco_esa"),
    )
)


class _There(BaseModel, frozen=True):
    """What of our name is there."""

    version: int = 0
    meta: dict[str, object] = Field(default={}, alias="_meta")

    @property
    def is_ours(self) -> bool:
        """Whether this program brought it."""
        return self.meta.get("managed_by") == _MANAGED_BY


class _Index(BaseModel, frozen=True):
    index_name: str


class _Stream(BaseModel, frozen=True):
    name: str
    indices: Annotated[list[_Index], Field(min_length=1)]


class _Streams(BaseModel, frozen=True):
    data_streams: list[_Stream]


class Cluster:
    """A cluster that is asked one thing after the other; connected to when that is first done."""

    def __init__(self, settings: Settings, options: SetupOptions) -> None:
        """Take where it is and who asks."""
        self._settings = with_credentials(settings, options)

    def ask(self, method: str, path: str, body: str | None = None) -> Answer:
        """Ask.

        Args:
            method: Of HTTP.
            path: Behind the host.
            body: JSON.

        Returns:
            The answer, of 200, 400 or 404.

        Raises:
            Unavailable: The cluster cannot be reached, it refuses, or it is none.
        """
        try:
            with connect(self._settings) as client:
                answer = ask(client, method, path, None if body is None else body.encode())
        except Unavailable as error:
            raise Unavailable(f"{error}.") from None
        if answer.status in {200, 400, 404}:
            return answer
        advice = f"; {_PRIVILEGES}" if answer.status in {401, 403} else ""
        said = answer.page or (_reason(answer.body) if answer.body else "")
        words = f"{answer.status} to {method} {path}{f', {said}' if said else ''}"
        raise Unavailable(f"{answer.url} answers {words}{advice}.")


def install(cluster: Cluster, retention: str | None) -> Iterator[Step]:
    """Give the steps that bring everything.

    Args:
        cluster: Where to.
        retention: How long documents are kept, as Elasticsearch writes it; None leaves that to the
            policies of the cluster.
    """
    for found in _OBJECTS:
        body = asset(found.file)
        if found.file == "index_template.json" and retention is not None:
            body = _keep(body, retention)
        yield Step(
            f"{found.what} {found.name}",
            f"PUT {found.path}",
            body,
            f"elasticsearch/{found.file}",
            partial(_put, cluster, found, body),
        )
    yield Step(
        "data streams that are there already",
        f"GET /_data_stream/{_STREAMS}",
        do=lambda: _look_at_streams(cluster),
    )


def _keep(body: str, retention: str) -> str:
    """Let Elasticsearch delete what is old."""
    template = json.loads(body)
    template["template"]["lifecycle"] = {"data_retention": retention}
    # Where a policy of ILM is there too, as of logs@settings, it would win.
    template["template"]["settings"]["index"]["lifecycle"] = {"prefer_ilm": False}
    return json.dumps(template, indent=2) + "\n"


def _put(cluster: Cluster, found: _Object, body: str) -> str:
    """Bring one object, unless what is there is newer or somebody else's."""
    version = json.loads(body)["version"]
    there = _installed(cluster, found)
    if there is not None:
        if not there.is_ours:
            raise Unavailable(
                f"a {found.what} {found.name} is there and was not brought by this program;"
                " look at it, and delete it if nobody needs it."
            )
        if there.version > version:
            return f"left: version {there.version} is there, this program has {version}"
    answer = cluster.ask("PUT", found.path, body)
    if answer.status != HTTPStatus.OK:
        raise Unavailable(f"PUT {found.path}: {_reason(answer.body)}.")
    if there is None:
        return f"made, version {version}"
    if there.version == version:
        return f"is there; written anew, version {version}"
    return f"brought from version {there.version} to {version}"


def _installed(cluster: Cluster, found: _Object) -> _There | None:
    """Give what is there of our name."""
    answer = cluster.ask("GET", found.path)
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if answer.status != HTTPStatus.OK:
        raise Unavailable(f"GET {found.path}: {_reason(answer.body)}.")
    kind = found.file.removesuffix(".json")
    there = answer.body.get(found.name)
    if there is None:
        listed = answer.body.get(f"{kind}s")
        first = listed[0] if isinstance(listed, list) and listed else None
        there = first.get(kind) if isinstance(first, dict) else None
    where = f"{answer.url} answers 200 to GET {found.path}"
    return understand(_There, there, where, answer.body)


def _look_at_streams(cluster: Cluster) -> str:
    """Say which data streams do not use the templates yet: they do from their next index on."""
    try:
        old = list(_old_streams(cluster))
    except Unavailable as error:  # the right to see them is needed for nothing else
        return f"could not be looked at: {error}"
    if not old:
        return "none that has older mappings"
    requests = ", ".join(f"POST /{x}/_rollover" for x in old)
    return f"{', '.join(old)}: older mappings until the next rollover; to have it now: {requests}"


def _old_streams(cluster: Cluster) -> Iterator[str]:
    version = json.loads(asset("component_template.json"))["version"]
    path = f"/_data_stream/{_STREAMS}"
    answer = cluster.ask("GET", path)
    if answer.status != HTTPStatus.OK:
        return
    where = f"{answer.url} answers 200 to GET {path}"
    for stream in understand(_Streams, answer.body, where, answer.body).data_streams:
        index = stream.indices[-1].index_name
        mapping = cluster.ask("GET", f"/{index}/_mapping").body.get(index)
        # It is not there if it was deleted at this moment.
        mappings = mapping.get("mappings") if isinstance(mapping, dict) else None
        meta = mappings.get("_meta") if isinstance(mappings, dict) else None
        there = meta.get("version") if isinstance(meta, dict) else None
        if not isinstance(there, int) or there < version:
            yield stream.name


def remove(cluster: Cluster) -> Iterator[Step]:
    """Give the steps that take everything away; no document is touched."""
    for found in reversed(_OBJECTS):
        yield Step(
            f"{found.what} {found.name}",
            f"DELETE {found.path}",
            do=partial(_delete, cluster, found),
        )


def _delete(cluster: Cluster, found: _Object) -> str:
    there = _installed(cluster, found)
    if there is None:
        return "is not there"
    if not there.is_ours:
        return "left: it was not brought by this program"
    answer = cluster.ask("DELETE", found.path)
    # Of 404: somebody was faster. 400: data streams still use it, or somebody's template does.
    return "deleted" if answer.status in {200, 404} else f"stays: {_reason(answer.body)}"


def _reason(answer: Mapping[str, Any]) -> str:
    """Say what an answer says is wrong: the reason, and the reasons for it."""
    reasons = []
    found = answer.get("error")
    while isinstance(found, Mapping):
        reasons.append(str(found.get("reason")))
        found = found.get("caused_by")
    return ("; ".join(dict.fromkeys(reasons)) or str(answer))[:_MAX_SAID]


def key_request() -> Step:
    """Give the request for the key that ships: somebody has to read the key that comes back."""
    return Step(
        "API key that may ship documents and nothing else",
        "POST /_security/api_key",
        asset("api_key.json"),
        "elasticsearch/api_key.json",
        by_hand=True,
    )
