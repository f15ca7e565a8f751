"""Templates and pipeline: bringing them to a cluster, and taking them away.

Our objects say so in their ``_meta``. What has our name and does not say so is somebody else's, and
is not touched.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from elastic_transport import TransportError
from elasticsearch import ApiError

from forwarder import SetupOptions, Step, Unavailable
from forwarder_elasticsearch.connecting import connect
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup_assets import asset
from forwarder_elasticsearch.setup_connection import with_credentials

_MANAGED_BY = "esa-forwarder"
_STREAMS = "logs-cisco_esa.*-*"

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


class Cluster:
    """A cluster that is asked one thing after the other; connected to when that is first done."""

    def __init__(self, settings: Settings, options: SetupOptions) -> None:
        """Take where it is and who asks."""
        self._settings = with_credentials(settings, options)

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        """Ask.

        Args:
            method: Of HTTP.
            path: Behind the host.
            body: JSON.

        Returns:
            The status, and the answer as it was parsed: of 200, 400 or 404.

        Raises:
            Unavailable: The cluster cannot be reached, or it refuses.
        """
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        try:
            with connect(self._settings) as client:
                answer = client.perform_request(method, path, headers=headers, body=body)
        except ApiError as error:
            if error.status_code in {400, 404}:
                return error.status_code, error.body
            advice = f"; {_PRIVILEGES}" if error.status_code in {401, 403} else ""
            words = f"{error.status_code}, {_reason(error.body)}"
            raise Unavailable(f"{method} {path}: {words}{advice}.") from None
        except TransportError as error:
            raise Unavailable(f"{method} {path}: {error.message}.") from None
        return 200, answer.body


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
        if there.get("_meta", {}).get("managed_by") != _MANAGED_BY:
            raise Unavailable(
                f"a {found.what} {found.name} is there and was not brought by this program;"
                " look at it, and delete it if nobody needs it."
            )
        if there["version"] > version:
            return f"left: version {there['version']} is there, this program has {version}"
    status, answer = cluster.ask("PUT", found.path, body)
    if status != HTTPStatus.OK:
        raise Unavailable(f"PUT {found.path}: {_reason(answer)}.")
    if there is None:
        return f"made, version {version}"
    if there["version"] == version:
        return f"is there; written anew, version {version}"
    return f"brought from version {there['version']} to {version}"


def _installed(cluster: Cluster, found: _Object) -> Mapping[str, Any] | None:
    """Give what is there of our name."""
    status, answer = cluster.ask("GET", found.path)
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status != HTTPStatus.OK:
        raise Unavailable(f"GET {found.path}: {_reason(answer)}.")
    if found.name in answer:
        return dict(answer[found.name])
    (listed,) = next(iter(answer.values()))
    return dict(listed[found.file.removesuffix(".json")])


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
    _, answer = cluster.ask("GET", f"/_data_stream/{_STREAMS}")
    for stream in answer.get("data_streams", ()):
        index = stream["indices"][-1]["index_name"]
        _, mapping = cluster.ask("GET", f"/{index}/_mapping")
        # It is not there if it was deleted at this moment.
        mappings = mapping.get(index, {}).get("mappings", {})
        if mappings.get("_meta", {}).get("version", 0) < version:
            yield stream["name"]


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
    if there.get("_meta", {}).get("managed_by") != _MANAGED_BY:
        return "left: it was not brought by this program"
    status, answer = cluster.ask("DELETE", found.path)
    # Of 404: somebody was faster. 400: data streams still use it, or somebody's template does.
    return "deleted" if status in {200, 404} else f"stays: {_reason(answer)}"


def _reason(answer: object) -> str:
    """Say what an answer says is wrong: the reason, and the reasons for it."""
    reasons = []
    found = answer.get("error") if isinstance(answer, Mapping) else None
    while isinstance(found, Mapping):
        reasons.append(str(found.get("reason")))
        found = found.get("caused_by")
    return "; ".join(dict.fromkeys(reasons)) or str(answer)


def key_request() -> Step:
    """Give the request for the key that ships: somebody has to read the key that comes back."""
    return Step(
        "API key that may ship documents and nothing else",
        "POST /_security/api_key",
        asset("api_key.json"),
        "elasticsearch/api_key.json",
        by_hand=True,
    )
