"""Templates and pipeline: installing them in a cluster, and removing them.

Everything that is installed is in ``assets/``. Our objects say so in their ``_meta``. What has our
name and does not say so belongs to others, and is not touched. An object that is older or the same
is written again; one that a newer program installed stays.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.resources import files
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from forwarder import ConfigError, SetupOptions, Step, Unavailable
from forwarder_elasticsearch.client import Answer, request, understand
from forwarder_elasticsearch.settings import Settings

TEMPLATE = "logs-cisco_esa"
"""Of the index template."""
_STREAMS = f"{TEMPLATE}.*-*"
_MAX_TEXT = 1000
"""Characters of what a server says."""
_PRIVILEGES = (
    "the key that sets up needs the cluster privileges manage_index_templates and"
    " manage_ingest_pipelines"
)
_ASSETS = files("forwarder_elasticsearch") / "assets"


def asset(name: str) -> str:
    """Read a file that is shipped with the plugin."""
    return (_ASSETS / name).read_text(encoding="utf-8")


class _Object(NamedTuple):
    """What is installed in a cluster."""

    kind: str
    name: str
    path: str

    @property
    def title(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.name}"

    @property
    def file(self) -> str:
        return f"{self.kind}.json"


# In this order: each is referred to by those behind it.
_OBJECTS = tuple(
    _Object(kind, name, f"/{path}/{name}")
    for kind, path, name in (
        ("pipeline", "_ingest/pipeline", f"{TEMPLATE}@pipeline"),
        ("component_template", "_component_template", f"{TEMPLATE}@mappings"),
        ("index_template", "_index_template", TEMPLATE),
    )
)


class _There(BaseModel, frozen=True):
    """What of our name is there."""

    version: int = 0
    meta: dict[str, object] = Field(default={}, alias="_meta")

    @property
    def is_ours(self) -> bool:
        return self.meta.get("managed_by") == "esa-forwarder"


class _Index(BaseModel, frozen=True):
    index_name: str


class _Stream(BaseModel, frozen=True):
    name: str
    indices: Annotated[list[_Index], Field(min_length=1)]


class _Streams(BaseModel, frozen=True):
    data_streams: list[_Stream]


def with_credentials(settings: Settings, options: SetupOptions) -> Settings:
    """Let the user who sets up log in, rather than the one who ships.

    Raises:
        ConfigError: The credentials cannot be used.
    """
    if options.api_key is not None and (options.user or options.password) is not None:
        raise ConfigError("either an API key sets up, or a user with a password.")
    if options.password is not None and options.user is None:
        raise ConfigError("a password for setting up needs a user (--user); name both, or none.")
    if options.api_key is None and options.user is None:
        return settings
    values: dict[str, Any] = {name: getattr(settings, name) for name in settings.model_fields_set}
    values |= {"api_key": options.api_key, "username": options.user, "password": options.password}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # pydantic puts two words before those of the settings.
        words = " ".join([*map(str, first["loc"]), first["msg"].removeprefix("Value error, ")])
        raise ConfigError(f"the credentials for setting up cannot be used: {words}.") from None


def _request(settings: Settings, method: str, path: str, body: str | None = None) -> Answer:
    """Ask the first node that answers; only status 200, 400 and 404 are returned.

    Raises:
        Unavailable: The cluster cannot be reached, it refuses, or it is not Elasticsearch.
    """
    errors = []
    for url in settings.urls():
        try:
            answer = request(settings, url, method, path, body.encode() if body else None)
            break
        except Unavailable as error:
            errors.append(str(error))
    else:
        raise Unavailable(f"{'; '.join(errors)}.")
    if answer.status in {200, 400, 404}:
        return answer
    advice = f"; {_PRIVILEGES}" if answer.status in {401, 403} else ""
    text = answer.page or (_reason(answer.body) if answer.body else "")
    words = f"{answer.status} to {method} {path}{f', {text}' if text else ''}"
    raise Unavailable(f"{answer.url} answers {words}{advice}.")


def install(settings: Settings, retention: str | None) -> Iterator[Step]:
    """Return the steps that install everything; without a retention, the cluster decides."""
    for found in _OBJECTS:
        body = asset(found.file)
        if found.kind == "index_template" and retention is not None:
            template = json.loads(body)
            template["template"]["lifecycle"] = {"data_retention": retention}
            # A policy of ILM that is there too, as of logs@settings, would win.
            template["template"]["settings"]["index"]["lifecycle"] = {"prefer_ilm": False}
            body = json.dumps(template, indent=2) + "\n"
        put = partial(_put, settings, found, body)
        file = f"elasticsearch/{found.file}"
        yield Step(found.title, f"PUT {found.path}", body, file, put)
    yield Step(
        "data streams that are there already",
        f"GET /_data_stream/{_STREAMS}",
        do=lambda: _check_streams(settings),
    )


def _put(settings: Settings, found: _Object, body: str) -> str:
    """Install one object, unless what is there is newer or not ours."""
    version = json.loads(body)["version"]
    there = _installed(settings, found)
    if there is not None:
        if not there.is_ours:
            raise Unavailable(
                f"a {found.title} is there and was not installed by this program; look at it, and"
                " delete it if it is not needed."
            )
        if there.version > version:
            return f"left: version {there.version} is there, this program has {version}"
    answer = _request(settings, "PUT", found.path, body)
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        raise Unavailable(f"PUT {found.path}: {_reason(answer.body)}.")
    if there is None:
        return f"created, version {version}"
    if there.version == version:
        return f"is there; written again, version {version}"
    return f"updated from version {there.version} to {version}"


def _installed(settings: Settings, found: _Object) -> _There | None:
    answer = _request(settings, "GET", found.path)
    if answer.status == 404:  # noqa: PLR2004 - of HTTP
        return None
    if answer.status != 200:  # noqa: PLR2004
        raise Unavailable(f"GET {found.path}: {_reason(answer.body)}.")
    there = answer.body.get(found.name)
    if there is None:
        listed = answer.body.get(f"{found.kind}s")
        first = listed[0] if isinstance(listed, list) and listed else None
        there = first.get(found.kind) if isinstance(first, dict) else None
    where = f"{answer.url} answers 200 to GET {found.path}"
    return understand(_There, there, where, answer.body)


def _check_streams(settings: Settings) -> str:
    """Say which data streams do not use the templates yet: they do from their next index on."""
    try:
        old = list(_old_streams(settings))
    except Unavailable as error:  # the right to see them is needed for nothing else
        return f"could not be checked: {error}"
    if not old:
        return "none that has older mappings"
    requests = ", ".join(f"POST /{x}/_rollover" for x in old)
    return f"{', '.join(old)}: older mappings until the next rollover; to have it now: {requests}"


def _old_streams(settings: Settings) -> Iterator[str]:
    version = json.loads(asset("component_template.json"))["version"]
    path = f"/_data_stream/{_STREAMS}"
    answer = _request(settings, "GET", path)
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        return
    where = f"{answer.url} answers 200 to GET {path}"
    for stream in understand(_Streams, answer.body, where, answer.body).data_streams:
        index = stream.indices[-1].index_name
        found: Any = _request(settings, "GET", f"/{index}/_mapping").body
        for key in (index, "mappings", "_meta", "version"):
            # The index is not there if it was deleted at this moment.
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, int) or found < version:
            yield stream.name


def remove(settings: Settings) -> Iterator[Step]:
    """Return the steps that remove everything; no document is touched."""
    for found in reversed(_OBJECTS):
        yield Step(found.title, f"DELETE {found.path}", do=partial(_delete, settings, found))


def _delete(settings: Settings, found: _Object) -> str:
    there = _installed(settings, found)
    if there is None:
        return "is not there"
    if not there.is_ours:
        return "left: it was not installed by this program"
    answer = _request(settings, "DELETE", found.path)
    # 404: it was deleted meanwhile. 400: data streams still use it, or another template does.
    return "deleted" if answer.status in {200, 404} else f"stays: {_reason(answer.body)}"


def _reason(answer: Mapping[str, Any]) -> str:
    """Say what an answer says is wrong: the reason, and the reasons for it."""
    reasons = []
    found = answer.get("error")
    while isinstance(found, Mapping):
        reasons.append(str(found.get("reason")))
        found = found.get("caused_by")
    return ("; ".join(dict.fromkeys(reasons)) or str(answer))[:_MAX_TEXT]


def key_request() -> Step:
    """Return the request for the key that ships: its answer has to be read by a person."""
    return Step(
        "API key that may ship documents and nothing else",
        "POST /_security/api_key",
        asset("api_key.json"),
        "elasticsearch/api_key.json",
        by_hand=True,
    )


_TYPES = {"match_only_text": "text", "constant_keyword": "keyword"}
"""Types that not every OpenSearch 2 has, and their nearest."""


def export_for_opensearch() -> Iterator[Step]:
    """Return what OpenSearch takes; the client refuses to talk to it, so nothing is done.

    Its geoip processor reads a source of data that the cluster sets up (``ip2geo``), it has none of
    Elastic's component templates, and keeps no ``_meta`` of pipelines.
    """
    for found in _OBJECTS:
        value = json.loads(asset(found.file))
        if found.kind == "pipeline":
            value["processors"] = [x for x in value["processors"] if "set" in x]
            del value["_meta"]
        elif found.kind == "index_template":
            value["composed_of"] = [x for x in value["composed_of"] if x.endswith("@mappings")][:1]
            del value["ignore_missing_component_templates"], value["allow_auto_create"]
        else:
            _replace_types(value["template"]["mappings"]["properties"])
        body = json.dumps(value, indent=2) + "\n"
        title = found.kind.replace("_", " ")
        yield Step(title, f"PUT {found.path}", body, f"opensearch/{found.file}")


def _replace_types(properties: Mapping[str, Any]) -> None:
    for mapping in properties.values():
        if "properties" in mapping:
            _replace_types(mapping["properties"])
        else:
            mapping["type"] = _TYPES.get(mapping["type"], mapping["type"])


def export_rules() -> Iterator[Step]:
    """Return the Sigma rules: files for other systems, which are not imported here."""
    for rule in sorted((_ASSETS / "sigma").iterdir(), key=lambda x: x.name):
        text = rule.read_text(encoding="utf-8")
        yield Step("rules in Sigma, for other systems", "", text, f"sigma/{rule.name}")
