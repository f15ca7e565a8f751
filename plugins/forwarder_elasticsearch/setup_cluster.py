"""Templates and pipeline: installing them in a cluster, and removing them.

Everything that is installed is in ``assets/``. Our objects say so in their ``_meta``. What has our
name and does not say so belongs to others, and is not touched. An object that is older or the same
is written again; one that a newer program installed stays.
"""

import json
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from typing import Any, NamedTuple

from forwarder_bulk.targets import DEFAULT
from pydantic import ValidationError

from forwarder import ConfigError, SetupOptions, Step, Unavailable
from forwarder_elasticsearch.client import Answer, request
from forwarder_elasticsearch.settings import Settings

TEMPLATE = "logs-cisco_esa"  # of the index template
_NOT_OURS = -1  # in place of the version of an object that others installed
_RIGHTS = "the cluster privileges manage_index_templates and manage_ingest_pipelines"
_ASSETS = files("forwarder_elasticsearch") / "assets"


def asset(name: str) -> str:
    """Read a file that is shipped with the plugin."""
    return (_ASSETS / name).read_text(encoding="utf-8")


class _Object(NamedTuple):
    """What is installed in a cluster."""

    kind: str
    path: str

    @property
    def title(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.path.rpartition('/')[2]}"


_OBJECTS = (
    _Object("pipeline", f"/_ingest/pipeline/{TEMPLATE}@pipeline"),
    _Object("component_template", f"/_component_template/{TEMPLATE}@mappings"),
    _Object("index_template", f"/_index_template/{TEMPLATE}"),
)
"""In this order: each is referred to by those behind it."""


def with_credentials(settings: Settings, options: SetupOptions) -> Settings:
    """Let the user who sets up log in, rather than the one who ships.

    Raises:
        ConfigError: The credentials cannot be used.
    """
    if options.api_key is None and options.user is None and options.password is None:
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
        except Unavailable as error:
            errors.append(str(error))
        else:
            return answer.expect(_RIGHTS)
    raise Unavailable(" ".join(errors))


def install(settings: Settings, retention: str | None) -> Iterator[Step]:
    """Return the steps that install everything; without a retention, the cluster decides."""
    for found in _OBJECTS:
        body = asset(f"{found.kind}.json")
        if found.kind == "index_template" and retention is not None:
            template = json.loads(body)
            template["template"]["lifecycle"] = {"data_retention": retention}
            # A policy of ILM that is there too, as of logs@settings, would win.
            template["template"]["settings"]["index"]["lifecycle"] = {"prefer_ilm": False}
            body = json.dumps(template, indent=2) + "\n"
        put = partial(_put, settings, found, body)
        yield Step(found.title, f"PUT {found.path}", body, f"elasticsearch/{found.kind}.json", put)
    yield Step(
        "data streams from before use new templates from their next rollover on; to have it now",
        f"POST /{DEFAULT}/_rollover",
        by_hand=True,
    )


def _put(settings: Settings, found: _Object, body: str) -> str:
    """Install one object, unless what is there is newer or not ours."""
    version = json.loads(body)["version"]
    there = _installed_version(settings, found)
    if there == _NOT_OURS:
        raise Unavailable(
            f"a {found.title} is there and was not installed by this program; look at it, and"
            " delete it if it is not needed."
        )
    if there is not None and there > version:
        return f"left: version {there} is there, this program has {version}"
    answer = _request(settings, "PUT", found.path, body)
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        raise Unavailable(f"PUT {found.path}: {answer.reason}.")
    if there is None:
        return f"created, version {version}"
    if there == version:
        return f"is there; written again, version {version}"
    return f"updated from version {there} to {version}"


def _installed_version(settings: Settings, found: _Object) -> int | None:
    """Return which version is there: None for nothing, _NOT_OURS for an object of others."""
    answer = _request(settings, "GET", found.path)
    if answer.status == 404:  # noqa: PLR2004 - of HTTP
        return None
    with answer.understanding():
        if found.kind == "pipeline":
            there = answer.body[f"{TEMPLATE}@pipeline"]
        else:
            there = answer.body[f"{found.kind}s"][0][found.kind]
        is_ours = there.get("_meta", {}).get("managed_by") == "esa-forwarder"
        return int(there.get("version", 0)) if is_ours else _NOT_OURS


def remove(settings: Settings) -> Iterator[Step]:
    """Return the steps that remove everything; no document is touched."""
    for found in reversed(_OBJECTS):
        yield Step(found.title, f"DELETE {found.path}", do=partial(_delete, settings, found))


def _delete(settings: Settings, found: _Object) -> str:
    there = _installed_version(settings, found)
    if there is None:
        return "is not there"
    if there == _NOT_OURS:
        return "left: it was not installed by this program"
    answer = _request(settings, "DELETE", found.path)
    # 404: it was deleted meanwhile. 400: data streams still use it, or another template does.
    return "deleted" if answer.status in {200, 404} else f"stays: {answer.reason}"


def key_request() -> Step:
    """Return the request for the key that ships: its answer has to be read by a person."""
    return Step(
        "API key that may ship documents and nothing else",
        "POST /_security/api_key",
        asset("api_key.json"),
        "elasticsearch/api_key.json",
        by_hand=True,
    )


def export_for_opensearch() -> Iterator[Step]:
    """Return what OpenSearch takes; the client refuses to talk to it, so nothing is done.

    Its geoip processor reads a source of data that the cluster sets up (``ip2geo``), it has none of
    Elastic's component templates, and keeps no ``_meta`` of pipelines.
    """
    for found in _OBJECTS:
        text = asset(f"{found.kind}.json").replace('"match_only_text"', '"text"')
        # Not every OpenSearch 2 has the one type; the other it takes only with a value.
        value = json.loads(text.replace('"constant_keyword"', '"keyword"'))
        if found.kind == "pipeline":
            value["processors"] = [x for x in value["processors"] if "set" in x]
            del value["_meta"]
        elif found.kind == "index_template":
            value["composed_of"] = [x for x in value["composed_of"] if x.endswith("@mappings")][:1]
            del value["ignore_missing_component_templates"], value["allow_auto_create"]
        body = json.dumps(value, indent=2) + "\n"
        title = found.kind.replace("_", " ")
        yield Step(title, f"PUT {found.path}", body, f"opensearch/{found.kind}.json")


def export_rules() -> Iterator[Step]:
    """Return the Sigma rules: files for other systems, which are not imported here."""
    for rule in sorted((_ASSETS / "sigma").iterdir(), key=lambda x: x.name):
        text = rule.read_text(encoding="utf-8")
        yield Step("rules in Sigma, for other systems", "", text, f"sigma/{rule.name}")
