"""What ``esa-forwarder setup`` brings to Elasticsearch and Kibana, step by step.

Everything that is installed is in ``assets/``.

**Cluster.** Our objects say in their ``_meta`` that they are ours. What has our name and does not
say so belongs to others, and is not touched. An object that is older or the same is written again;
one that a newer program installed stays.

**Kibana** is asked by its own API. Saved objects are written as a whole or not at all: the tag that
marks them has their version, and where it is the same, nothing is written, so that what people
changed stays. Rules carry their version in a tag. A newer rule replaces an older one; whether it is
enabled, its actions and its exceptions stay as people set them.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from forwarder_bulk.settings import read_url
from forwarder_bulk.targets import DEFAULT
from pydantic import ValidationError
from urllib3 import encode_multipart_formdata

from forwarder import ConfigError, SetupOptions, Step, Unavailable
from forwarder_elasticsearch.client import JSON, Answer, request
from forwarder_elasticsearch.settings import Settings

TEMPLATE = "logs-cisco_esa"  # of the index template
_NOT_OURS = -1  # in place of the version of an object that others installed
_RIGHTS = "the cluster privileges manage_index_templates and manage_ingest_pipelines"
_KEYS = "/_security/api_key"
_KEY_RIGHTS = "the cluster privilege manage_own_api_key, and auto_configure and create_doc itself"
_PATTERN = f"{TEMPLATE}.*-*"  # of our data streams
_ASSETS = files("forwarder_elasticsearch") / "assets"
_RETENTION = re.compile(r"[1-9][0-9]{0,8}[dhms]")
"""What Elasticsearch takes for the lifecycle of a data stream, but for parts of a second; with more
digits, it is longer than it can count."""
_FLAVORS = ("elasticsearch", "opensearch")
_SPACE = re.compile(r"[a-z0-9_-]+")  # what Kibana takes for the id of a space
_PREFIX = "cisco_esa-"  # of the ids of saved objects
_MARK = "Managed by: esa-forwarder"
_OBJECTS = "/api/saved_objects"
_RULES = "/api/detection_engine/rules"
_IMPORT = "_import?overwrite=true"
_KEPT = ("enabled", "actions", "exceptions_list")  # what people set of a rule


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


_IN_CLUSTER = (
    _Object("pipeline", f"/_ingest/pipeline/{TEMPLATE}@pipeline"),
    _Object("component_template", f"/_component_template/{TEMPLATE}@mappings"),
    _Object("index_template", f"/_index_template/{TEMPLATE}"),
)
"""In this order: each is referred to by those behind it."""


def setup(settings: Settings, options: SetupOptions) -> Iterator[Step]:
    """Return the steps; raises ConfigError where the options contradict one another."""
    values = options.values
    kibana_url, retention = values.get("kibana"), values.get("retention")
    flavor = values.get("flavor", "elasticsearch")
    if flavor not in _FLAVORS:
        raise ConfigError(f"flavor {flavor!r} is none of {', '.join(_FLAVORS)}.")
    if retention is not None and _RETENTION.fullmatch(retention) is None:
        raise ConfigError(
            f"retention {retention!r} is not a time: a whole number from 1 on, with its unit right"
            " behind it, d, h, m or s, like 90d. Elasticsearch has no weeks, months or years."
        )
    if flavor == "opensearch":
        if kibana_url is not None or retention is not None or options.remove:
            raise ConfigError(
                "for OpenSearch there are a template and a pipeline to be exported, and nothing"
                " else: no Kibana, no retention (use a policy of ISM), and nothing to remove."
            )
        yield from _export_for_opensearch()
        yield from _export_rules()
        return
    if "space" in values and kibana_url is None:
        raise ConfigError("a space is of a Kibana; set kibana, too.")
    settings = _with_credentials(settings, options)
    if settings.index is not None:
        yield from _for_index(settings, options)
        return
    space = values.get("space")
    kibana = None if kibana_url is None else Kibana(settings, kibana_url, space)
    if options.remove:
        yield from () if kibana is None else _remove_from(kibana)
        yield from _remove_from_cluster(settings)
        return
    yield from _install(settings, retention)
    yield from _import_into(kibana)
    yield from _export_rules()
    yield _key_request(settings, options.key_file, (_PATTERN,))


def _for_index(settings: Settings, options: SetupOptions) -> Iterator[Step]:
    """Return the step for the key that ships into plain indices; nothing else fits them."""
    head, percent, _ = (settings.index or "").partition("%")
    pattern = head + "*" * len(percent)
    if options.key_file is None or options.values or options.remove:
        raise ConfigError(
            f"this output ships into indices ({pattern}), but templates, data view and rules are"
            " for data streams: take index out to use them. --make-key FILE, without --set and"
            f" --remove, makes a key for {pattern}."
        )
    yield _key_request(settings, options.key_file, (pattern,))


def _with_credentials(settings: Settings, options: SetupOptions) -> Settings:
    """Let the user who sets up log in, rather than the one who ships."""
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


def _request(
    settings: Settings, method: str, path: str, body: str | None = None, rights: str = ""
) -> Answer:
    """Ask the first node that answers; all but success, 400 and 404 raises Unavailable."""
    errors = []
    for url in settings.urls():
        try:
            answer = request(settings, url, method, path, body.encode() if body else None)
        except Unavailable as error:
            errors.append(f"{str(error).removesuffix('.')}.")
        else:
            return answer.expect(rights or _RIGHTS)
    raise Unavailable(" ".join(errors))


def _install(settings: Settings, retention: str | None) -> Iterator[Step]:
    """Return the steps that install everything; without a retention, the cluster decides."""
    for found in _IN_CLUSTER:
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


def _remove_from_cluster(settings: Settings) -> Iterator[Step]:
    """Return the steps that remove everything; no document is touched."""
    for found in reversed(_IN_CLUSTER):
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


def _key_request(settings: Settings, path: Path | None, names: Sequence[str]) -> Step:
    """Return the request for the key that ships; without a file for it, a person has to send it."""
    if path is not None and settings.api_key is not None:
        raise ConfigError(
            "Elasticsearch gives a key that was made by another key no privileges; for --make-key,"
            " set up with user and password."
        )
    if path is not None and path.exists():
        raise ConfigError(f"{str(path)!r} exists; name a new file with --make-key.")
    value = json.loads(asset("api_key.json"))
    value["role_descriptors"]["esa-forwarder"]["indices"][0]["names"] = names
    body = json.dumps(value, indent=2) + "\n"
    return Step(
        "API key that may ship documents and nothing else",
        f"POST {_KEYS}",
        body,
        "elasticsearch/api_key.json",
        None if path is None else partial(_make_key, settings, path, body),
        by_hand=path is None,
    )


def _make_key(settings: Settings, path: Path, body: str) -> str:
    """Make a key, and write it into a new file; where one of the two fails, neither is left."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise Unavailable(f"{str(path)!r} cannot be written: {error.strerror}.") from None
    try:
        with open(handle, "w", encoding="ascii") as file:  # noqa: PTH123 - a number
            file.write(_ask_for_key(settings, body) + "\n")
    except BaseException:
        path.unlink()
        raise
    return f"written into {path} (mode 0600); make the user of the service its owner"


def _ask_for_key(settings: Settings, body: str) -> str:
    answer = _request(settings, "POST", _KEYS, body, _KEY_RIGHTS)
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        raise Unavailable(f"POST {_KEYS}: {answer.reason}.")
    with answer.understanding():
        return str(answer.body["encoded"])


def _export_for_opensearch() -> Iterator[Step]:
    """Return what OpenSearch takes; the client refuses to talk to it, so nothing is done.

    Its geoip processor reads a source of data that the cluster sets up (``ip2geo``), it has none of
    Elastic's component templates, and keeps no ``_meta`` of pipelines.
    """
    for found in _IN_CLUSTER:
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


def _export_rules() -> Iterator[Step]:
    """Return the Sigma rules: files for other systems, which are not imported here."""
    for rule in sorted((_ASSETS / "sigma").iterdir(), key=lambda x: x.name):
        text = rule.read_text(encoding="utf-8")
        yield Step("rules in Sigma, for other systems", "", text, f"sigma/{rule.name}")


class Kibana:
    """A Kibana, or a space of it; connected to for each question, when it is asked."""

    def __init__(self, settings: Settings, url: str, space: str | None) -> None:
        try:
            url = read_url(url, needs_port=False)
        except ValueError as error:
            raise ConfigError(f"the URL of the Kibana {error}.") from None
        if space is not None and not _SPACE.fullmatch(space):
            raise ConfigError(f"{space!r} is not an id of a space: a-z, 0-9, _ and - are allowed.")
        self._settings = settings
        self.space = None if space == "default" else space
        self.url = url + (f"/s/{self.space}" if self.space else "")

    def request(
        self, method: str, path: str, body: bytes | None = None, kind: str = JSON
    ) -> Answer:
        """Ask; success, 400 and 404 are answers, all else raises Unavailable."""
        rights = "rights for saved objects and security rules in this space"
        answer = request(self._settings, self.url, method, path, body, kind=kind, product="Kibana")
        return answer.expect(rights)

    def upload(self, path: str, lines: str, what: str) -> None:
        """Send a file of NDJSON, as a form of a browser does; raises Unavailable if not taken."""
        fields = {"file": ("esa-forwarder.ndjson", lines, "application/ndjson")}
        answer = self.request("POST", path, *encode_multipart_formdata(fields))
        with answer.understanding():
            if answer.status != 200 or not answer.body["success"]:  # noqa: PLR2004 - of HTTP
                raise Unavailable(f"Kibana did not take all {what}: {answer.reason}.")


def _import_into(kibana: Kibana | None) -> Iterator[Step]:
    """Return the steps for Kibana; where none is named, files for one."""
    url, objects = "KIBANA", asset("kibana.ndjson")
    if kibana is not None:
        url, objects = kibana.url, _in_space(objects, kibana.space)
    for what, path, lines, name, act in (
        ("data view, saved searches and dashboard", _OBJECTS, objects, "kibana", _import_objects),
        ("detection rules", _RULES, asset("rules.ndjson"), "rules", _import_rules),
    ):
        do = None if kibana is None else partial(act, kibana, lines)
        yield Step(what, f"POST {url}{path}/{_IMPORT}", lines, f"kibana/{name}.ndjson", do)


def _in_space(lines: str, space: str | None) -> str:
    """Give objects the ids that they have in a space: an id is there once in all of Kibana."""
    return lines if space is None else lines.replace(_PREFIX, f"{_PREFIX}{space}-")


def _version(text: str) -> int:
    """Read the number at the end of a text; 0 where there is none."""
    return int((re.findall(r"\d+$", text) or [0])[0])


def _import_objects(kibana: Kibana, lines: str) -> str:
    ours = json.loads(lines.partition("\n")[0])
    version = _version(ours["attributes"]["description"])
    wanted = {"objects": [{"type": "tag", "id": ours["id"]}], "excludeExportDetails": True}
    answer = kibana.request("POST", f"{_OBJECTS}/_export", json.dumps(wanted).encode())
    if answer.status == 200:  # noqa: PLR2004 - of HTTP; 400: it is not there
        with answer.understanding():
            there = _version(answer.body["attributes"]["description"])
        if there >= version:
            return f"are there, version {there}; left as they are"
    kibana.upload(f"{_OBJECTS}/{_IMPORT}", lines, "objects")
    return f"{len(lines.splitlines())} objects, version {version}"


def _import_rules(kibana: Kibana, lines: str) -> str:
    filter_ = quote(f'alert.attributes.tags:"{_MARK}"')
    answer = kibana.request("GET", f"{_RULES}/_find?per_page=100&filter={filter_}")
    wanted = []
    with answer.understanding():
        there = {x["rule_id"]: x for x in answer.body["data"]}
        for rule in map(json.loads, lines.splitlines()):
            old = there.get(rule["rule_id"])
            if old is None:
                wanted.append(rule)
            elif max(map(_version, old["tags"]), default=0) < max(map(_version, rule["tags"])):
                wanted.append({**rule, **{x: old[x] for x in _KEPT if x in old}})
    if not wanted:
        return f"{len(there)} are there; left as they are"
    kibana.upload(f"{_RULES}/{_IMPORT}", "".join(json.dumps(x) + "\n" for x in wanted), "rules")
    more = f"{len(there)} were there" if there else "disabled until people enable them"
    return f"{len(wanted)} installed; {more}"


def _remove_from(kibana: Kibana) -> Iterator[Step]:
    """Return the steps that remove everything, in the opposite order."""
    for rule in map(json.loads, asset("rules.ndjson").splitlines()):
        path = f"{_RULES}?rule_id={rule['rule_id']}"
        yield _deletion(kibana, f"rule {rule['name']!r}", path)
    objects = _in_space(asset("kibana.ndjson"), kibana.space)
    for found in map(json.loads, reversed(objects.splitlines())):
        path = f"{_OBJECTS}/{found['type']}/{found['id']}?force=true"
        yield _deletion(kibana, f"{found['type']} {found['id']}", path)


def _deletion(kibana: Kibana, what: str, path: str) -> Step:
    def delete() -> str:
        answer = kibana.request("DELETE", path)
        if answer.status == 400:  # noqa: PLR2004 - of HTTP
            raise Unavailable(f"{answer.where}, {answer.reason}.")
        return "deleted" if answer.status == 200 else "is not there"  # noqa: PLR2004

    return Step(what, f"DELETE {kibana.url}{path}", do=delete)
