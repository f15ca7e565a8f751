"""What ``esa-forwarder setup`` installs in Elasticsearch and Kibana, and removes again.

Our objects in Elasticsearch are marked as ours in their ``_meta``. An object with our name and
without that mark belongs to others and is not touched. An older or equal version is written again;
a newer one stays.

Kibana gets a data view, searches, a dashboard and rules, by its own API. Saved objects are written
as a whole or not at all: the tag that marks them has their version, and where it is the same,
nothing is written, so that what people changed stays. Rules carry their version in a tag. A newer
rule replaces an older one; whether it is enabled, its actions and its exceptions stay as people set
them.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from forwarder_bulk.output import DEFAULT
from forwarder_bulk.settings import ElasticSettings, read_url
from pydantic import ValidationError
from urllib3 import encode_multipart_formdata

from forwarder import ConfigError, SetupOptions, Step, Unavailable
from forwarder_elasticsearch.client import JSON, Answer, request
from forwarder_elasticsearch.names import ASSETS, Names, names_for

_NOT_OURS = -1  # in place of the version of an object that others installed
_RIGHTS = "the cluster privileges manage_index_templates and manage_ingest_pipelines"
_KEYS = "/_security/api_key"
_KEY_RIGHTS = "the cluster privilege manage_own_api_key, and auto_configure and create_doc itself"
_RETENTION = re.compile(r"[1-9][0-9]{0,8}[dhms]")
"""What Elasticsearch takes for the lifecycle of a data stream, but for parts of a second; with more
digits, it is longer than it can count."""
_SPACE = re.compile(r"[a-z0-9_-]+")  # what Kibana takes for the id of a space
_MARK = "Managed by: esa-forwarder"
_OBJECTS = "/api/saved_objects"
_RULES = "/api/detection_engine/rules"
_IMPORT = "_import?overwrite=true"
_KEPT = ("enabled", "actions", "exceptions_list")  # what people set of a rule


class _Object(NamedTuple):
    kind: str
    name: str
    folder: str
    body: str

    @property
    def title(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.name}"

    @property
    def path(self) -> str:
        return f"/{self.folder}/{self.name}"


def objects(names: Names) -> tuple[_Object, ...]:
    """Return what is installed, in this order: each refers only to those before it."""
    return tuple(
        _Object(kind, names.template + suffix, folder, names.read(f"{kind}.json"))
        for kind, suffix, folder in (
            ("pipeline", "@pipeline", "_ingest/pipeline"),
            ("component_template", "@mappings", "_component_template"),
            ("index_template", "", "_index_template"),
        )
    )


def export_rules() -> Iterator[Step]:
    """Return the Sigma rules: files for other systems, not imported here."""
    for rule in sorted((ASSETS / "sigma").iterdir(), key=lambda x: x.name):
        text = rule.read_text(encoding="utf-8")
        yield Step("rules in Sigma, for other systems", "", text, f"sigma/{rule.name}")


def setup(settings: ElasticSettings, options: SetupOptions) -> Iterator[Step]:
    """Return the steps; raises ConfigError where the options contradict one another."""
    retention, names = options.values.get("retention"), names_for(settings.index)
    if retention is not None and _RETENTION.fullmatch(retention) is None:
        raise ConfigError(
            f"retention {retention!r} is not valid; use a whole number, 1 or more, followed by d,"
            " h, m or s, such as 90d."
        )
    if retention is not None and names.is_plain:
        raise ConfigError(
            "retention applies to data streams, but this output sets index; delete its indices with"
            " an ILM policy, or remove index."
        )
    settings = _with_credentials(settings, options)
    kibana = _Kibana(settings, options, names)
    if options.remove:
        yield from kibana.removals()
        for found in reversed(objects(names)):  # no document is touched
            yield Step(found.title, f"DELETE {found.path}", do=partial(_delete, settings, found))
        return
    yield from _install(settings, names, retention)
    yield from kibana.imports()
    yield from export_rules()
    yield _key_request(settings, options.key_file, names)


def _with_credentials(settings: ElasticSettings, options: SetupOptions) -> ElasticSettings:
    """Use the credentials given for the setup instead of those for shipping."""
    given = {"api_key": options.api_key, "username": options.user, "password": options.password}
    if not any(x is not None for x in given.values()):
        return settings
    values: dict[str, Any] = {name: getattr(settings, name) for name in settings.model_fields_set}
    try:
        return ElasticSettings.model_validate(values | given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # pydantic puts two words before those of the settings.
        words = " ".join([*map(str, first["loc"]), first["msg"].removeprefix("Value error, ")])
        raise ConfigError(f"the credentials for setting up cannot be used: {words}.") from None


def _request(
    settings: ElasticSettings, method: str, path: str, body: str = "", rights: str = _RIGHTS
) -> Answer:
    """Ask the first node that answers; raises Unavailable unless it answers 200, 400 or 404."""
    errors = []
    for url in settings.urls():
        try:
            answer = request(settings, url, method, path, body.encode() or None)
        except Unavailable as error:
            errors.append(f"{str(error).removesuffix('.')}.")
        else:
            return answer.expect(rights)
    raise Unavailable(" ".join(errors))


def _install(settings: ElasticSettings, names: Names, retention: str | None) -> Iterator[Step]:
    """Return the steps that install everything; without retention, the cluster decides."""
    for found in objects(names):
        body = found.body
        if found.kind == "index_template" and retention is not None:
            template = json.loads(body)
            template["template"]["lifecycle"] = {"data_retention": retention}
            # A policy of ILM that is there too, as of logs@settings, would win.
            template["template"]["settings"]["index"]["lifecycle"] = {"prefer_ilm": False}
            body = json.dumps(template, indent=2) + "\n"
        put = partial(_put, settings, found._replace(body=body))
        yield Step(found.title, f"PUT {found.path}", body, f"elasticsearch/{found.kind}.json", put)
    if not names.is_plain:
        yield Step(
            "existing data streams use new templates from their next rollover on; to roll over now",
            f"POST /{DEFAULT}/_rollover",
            by_hand=True,
        )


def _put(settings: ElasticSettings, found: _Object) -> str:
    """Install one object unless the existing one is newer or not ours."""
    version = json.loads(found.body)["version"]
    there = _installed_version(settings, found)
    if there == _NOT_OURS:
        raise Unavailable(
            f"{found.title} exists and was not installed by this program; examine it, and delete it"
            " if it is not needed."
        )
    if there is not None and there > version:
        return f"kept: version {there} is newer than this program's {version}"
    answer = _request(settings, "PUT", found.path, found.body)
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        raise Unavailable(f"PUT {found.path}: {answer.reason}.")
    if there is None:
        return f"created, version {version}"
    if there == version:
        return f"exists; rewritten, version {version}"
    return f"updated from version {there} to {version}"


def _installed_version(settings: ElasticSettings, found: _Object) -> int | None:
    """Return the installed version: None for nothing, _NOT_OURS for an object of others."""
    answer = _request(settings, "GET", found.path)
    if answer.status == 404:  # noqa: PLR2004 - of HTTP
        return None
    with answer.understanding():
        if found.kind == "pipeline":
            there = answer.body[found.name]
        else:
            there = answer.body[f"{found.kind}s"][0][found.kind]
        is_ours = there.get("_meta", {}).get("managed_by") == "esa-forwarder"
        return int(there.get("version", 0)) if is_ours else _NOT_OURS


def _delete(settings: ElasticSettings, found: _Object) -> str:
    there = _installed_version(settings, found)
    if there is None:
        return "not found"
    if there == _NOT_OURS:
        return "kept: it was not installed by this program"
    answer = _request(settings, "DELETE", found.path)
    # 404: it was deleted meanwhile. 400: data streams still use it, or another template does.
    return "deleted" if answer.status in {200, 404} else f"kept: {answer.reason}"


def _key_request(settings: ElasticSettings, path: Path | None, names: Names) -> Step:
    """Return the request for the shipping key; without a file, a person has to send it."""
    if path is not None and settings.api_key is not None:
        raise ConfigError(
            "Elasticsearch gives no privileges to a key created by another key; use a user and"
            " password with --make-key."
        )
    if path is not None:
        _check_key_file(path)
    body = names.read("api_key.json")
    return Step(
        "API key that may ship documents and nothing else",
        f"POST {_KEYS}",
        body,
        "elasticsearch/api_key.json",
        None if path is None else partial(_make_key, settings, path, body),
        by_hand=path is None,
    )


def _check_key_file(path: Path) -> None:
    try:
        exists, has_folder = path.exists(), path.absolute().parent.is_dir()
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be written: {error.strerror}.") from None
    if exists:
        raise ConfigError(f"{str(path)!r} exists; delete it, or choose a new file for --make-key.")
    if not has_folder:
        raise ConfigError(f"the folder of {str(path)!r} does not exist; create it or use another.")


def _make_key(settings: ElasticSettings, path: Path, body: str) -> str:
    """Create a key and write it to a new file; if either fails, no file is left."""
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
    return f"written to {path.absolute()} (mode 0600); make the service's user its owner"


def _ask_for_key(settings: ElasticSettings, body: str) -> str:
    (rights,) = json.loads(body)["role_descriptors"]["esa-forwarder"]["indices"]
    wanted = json.dumps({"index": [rights]})
    answer = _request(settings, "POST", "/_security/user/_has_privileges", wanted)
    if answer.body.get("has_all_requested") is False:
        raise Unavailable(
            "no key was created: it cannot have more privileges than its creator, who lacks"
            f" {' or '.join(rights['privileges'])} on {rights['names'][0]}."
        )
    answer = _request(settings, "POST", _KEYS, body, _KEY_RIGHTS)
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        raise Unavailable(f"POST {_KEYS}: {answer.reason}.")
    with answer.understanding():
        return str(answer.body["encoded"])


class _Kibana:
    """A Kibana or one of its spaces; if none is named, its steps are files to import."""

    def __init__(self, settings: ElasticSettings, options: SetupOptions, names: Names) -> None:
        url, space = options.values.get("kibana"), options.values.get("space")
        if space is not None and url is None:
            raise ConfigError("space needs kibana; set it, too.")
        if space is not None and not _SPACE.fullmatch(space):
            raise ConfigError(f"{space!r} is not a valid space id; use a-z, 0-9, _ and -.")
        self._settings, self._url = settings, "KIBANA"
        self._is_named = url is not None
        if url is not None:
            try:
                self._url = read_url(url, needs_port=False)
            except ValueError as error:
                raise ConfigError(f"the URL of the Kibana {error}.") from None
        self._objects, self._rules = names.read("kibana.ndjson"), names.read("rules.ndjson")
        if space not in {None, "default"}:
            self._url += f"/s/{space}"
            # An id is there once in all of Kibana.
            self._objects = self._objects.replace(names.prefix, f"{names.prefix}{space}-")

    def imports(self) -> Iterator[Step]:
        """Return the steps that import everything."""
        what = "data view, saved searches and dashboards"
        yield self._import(what, _OBJECTS, self._objects, "kibana", self._import_objects)
        yield self._import("detection rules", _RULES, self._rules, "rules", self._import_rules)

    def _import(self, what: str, path: str, lines: str, name: str, do: Callable[[], str]) -> Step:
        request = f"POST {self._url}{path}/{_IMPORT}"
        file = f"kibana/{name}.ndjson"
        return Step(what, request, lines, file, do if self._is_named else None)

    def removals(self) -> Iterator[Step]:
        """Return the steps that remove everything, in reverse order."""
        if not self._is_named:
            return
        for rule in map(json.loads, self._rules.splitlines()):
            path = f"{_RULES}?rule_id={quote(rule['rule_id'])}"
            yield self._removal(f"rule {rule['name']!r}", path)
        for found in map(json.loads, reversed(self._objects.splitlines())):
            path = f"{_OBJECTS}/{found['type']}/{found['id']}?force=true"
            yield self._removal(f"{found['type']} {found['id']}", path)

    def _removal(self, what: str, path: str) -> Step:
        return Step(what, f"DELETE {self._url}{path}", do=partial(self._delete, path))

    def _request(
        self, method: str, path: str, body: bytes | None = None, kind: str = JSON
    ) -> Answer:
        """Send a request; raises Unavailable unless it is answered with 200, 400 or 404."""
        rights = "rights for saved objects and security rules in this space"
        answer = request(self._settings, self._url, method, path, body, kind=kind, product="Kibana")
        return answer.expect(rights)

    def _upload(self, path: str, lines: str, what: str) -> None:
        """Upload NDJSON like a browser's form; raises Unavailable if any of it is rejected."""
        fields = {"file": ("esa-forwarder.ndjson", lines, "application/ndjson")}
        body, kind = encode_multipart_formdata(fields)
        answer = self._request("POST", f"{path}/{_IMPORT}", body, kind)
        with answer.understanding():
            if answer.status != 200 or not answer.body["success"]:  # noqa: PLR2004 - of HTTP
                raise Unavailable(f"Kibana did not accept all {what}: {answer.reason}.")

    def _import_objects(self) -> str:
        ours = json.loads(self._objects.partition("\n")[0])
        version = _version(ours["attributes"]["description"])
        wanted = {"objects": [{"type": "tag", "id": ours["id"]}], "excludeExportDetails": True}
        answer = self._request("POST", f"{_OBJECTS}/_export", json.dumps(wanted).encode())
        if answer.status == 200:  # noqa: PLR2004 - of HTTP; 400: it is not there
            with answer.understanding():
                there = _version(answer.body["attributes"]["description"])
            if there >= version:
                return f"exist, version {there}; unchanged"
        self._upload(_OBJECTS, self._objects, "objects")
        return f"{len(self._objects.splitlines())} objects, version {version}"

    def _import_rules(self) -> str:
        filter_ = quote(f'alert.attributes.tags:"{_MARK}"')
        answer = self._request("GET", f"{_RULES}/_find?per_page=100&filter={filter_}")
        ours = {x["rule_id"]: x for x in map(json.loads, self._rules.splitlines())}
        wanted = []
        with answer.understanding():
            there = {x["rule_id"]: x for x in answer.body["data"] if x["rule_id"] in ours}
            for rule in ours.values():
                old = there.get(rule["rule_id"])
                if old is None:
                    wanted.append(rule)
                elif max(map(_version, old["tags"]), default=0) < max(map(_version, rule["tags"])):
                    wanted.append({**rule, **{x: old[x] for x in _KEPT if x in old}})
        if not wanted:
            return f"{len(there)} exist; unchanged"
        self._upload(_RULES, "".join(json.dumps(x) + "\n" for x in wanted), "rules")
        more = f"{len(there)} existed" if there else "disabled until you enable them"
        return f"{len(wanted)} installed; {more}"

    def _delete(self, path: str) -> str:
        answer = self._request("DELETE", path)
        if answer.status == 400:  # noqa: PLR2004 - of HTTP
            raise Unavailable(f"{answer.where}, {answer.reason}.")
        return "deleted" if answer.status == 200 else "not found"  # noqa: PLR2004


def _version(text: str) -> int:
    """Read the number at the end of a text; 0 where there is none."""
    return int((re.findall(r"\d+$", text) or [0])[0])
