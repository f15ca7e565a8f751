"""What ``esa-forwarder setup`` brings to Elasticsearch, and all its steps with those for Kibana.

Our objects say in their ``_meta`` that they are ours. What has our name and does not say so belongs
to others, and is not touched. An object that is older or the same is written again; one that a
newer program installed stays.
"""

import json
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from forwarder_bulk.targets import DEFAULT
from pydantic import ValidationError

from forwarder import ConfigError, SetupOptions, Step, Unavailable
from forwarder_elasticsearch.client import Answer, request
from forwarder_elasticsearch.kibana import Kibana, import_into, remove_from
from forwarder_elasticsearch.names import ASSETS, Names, names_for
from forwarder_elasticsearch.settings import Settings

_NOT_OURS = -1  # in place of the version of an object that others installed
_RIGHTS = "the cluster privileges manage_index_templates and manage_ingest_pipelines"
_KEYS = "/_security/api_key"
_KEY_RIGHTS = "the cluster privilege manage_own_api_key, and auto_configure and create_doc itself"
_RETENTION = re.compile(r"[1-9][0-9]{0,8}[dhms]")
"""What Elasticsearch takes for the lifecycle of a data stream, but for parts of a second; with more
digits, it is longer than it can count."""


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
    """Return what is installed, in this order: each is referred to by those behind it."""
    return tuple(
        _Object(kind, names.template + suffix, folder, names.read(f"{kind}.json"))
        for kind, suffix, folder in (
            ("pipeline", "@pipeline", "_ingest/pipeline"),
            ("component_template", "@mappings", "_component_template"),
            ("index_template", "", "_index_template"),
        )
    )


def setup(settings: Settings, options: SetupOptions) -> Iterator[Step]:
    """Return the steps; raises ConfigError where the options contradict one another."""
    values = options.values
    kibana_url, retention = values.get("kibana"), values.get("retention")
    if retention is not None and _RETENTION.fullmatch(retention) is None:
        raise ConfigError(
            f"retention {retention!r} is not a time: a whole number from 1 on, with its unit right"
            " behind it, d, h, m or s, like 90d. Elasticsearch has no weeks, months or years."
        )
    names = names_for(settings.index)
    if "space" in values and kibana_url is None:
        raise ConfigError("a space is of a Kibana; set kibana, too.")
    if settings.index is not None and retention is not None:
        raise ConfigError(
            "retention is for data streams, and this output has an index; let a policy of ILM"
            " delete its indices, or take index out."
        )
    settings = _with_credentials(settings, options)
    space = values.get("space")
    kibana = None if kibana_url is None else Kibana(settings, kibana_url, space, names)
    if options.remove:
        yield from () if kibana is None else remove_from(kibana)
        for found in reversed(objects(names)):  # no document is touched
            yield Step(found.title, f"DELETE {found.path}", do=partial(_delete, settings, found))
        return
    yield from _install(settings, names, retention)
    yield from import_into(kibana, names)
    yield from export_rules()
    yield _key_request(settings, options.key_file, names)


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


def _install(settings: Settings, names: Names, retention: str | None) -> Iterator[Step]:
    """Return the steps that install everything; without a retention, the cluster decides."""
    for found in objects(names):
        if found.kind == "index_template" and retention is not None:
            template = json.loads(found.body)
            template["template"]["lifecycle"] = {"data_retention": retention}
            # A policy of ILM that is there too, as of logs@settings, would win.
            template["template"]["settings"]["index"]["lifecycle"] = {"prefer_ilm": False}
            found = found._replace(body=json.dumps(template, indent=2) + "\n")  # noqa: PLW2901
        put = partial(_put, settings, found)
        file = f"elasticsearch/{found.kind}.json"
        yield Step(found.title, f"PUT {found.path}", found.body, file, put)
    if names.is_plain:
        return
    yield Step(
        "data streams from before use new templates from their next rollover on; to have it now",
        f"POST /{DEFAULT}/_rollover",
        by_hand=True,
    )


def _put(settings: Settings, found: _Object) -> str:
    """Install one object, unless what is there is newer or not ours."""
    version = json.loads(found.body)["version"]
    there = _installed_version(settings, found)
    if there == _NOT_OURS:
        raise Unavailable(
            f"a {found.title} is there and was not installed by this program; look at it, and"
            " delete it if it is not needed."
        )
    if there is not None and there > version:
        return f"left: version {there} is there, this program has {version}"
    answer = _request(settings, "PUT", found.path, found.body)
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
            there = answer.body[found.name]
        else:
            there = answer.body[f"{found.kind}s"][0][found.kind]
        is_ours = there.get("_meta", {}).get("managed_by") == "esa-forwarder"
        return int(there.get("version", 0)) if is_ours else _NOT_OURS


def _delete(settings: Settings, found: _Object) -> str:
    there = _installed_version(settings, found)
    if there is None:
        return "is not there"
    if there == _NOT_OURS:
        return "left: it was not installed by this program"
    answer = _request(settings, "DELETE", found.path)
    # 404: it was deleted meanwhile. 400: data streams still use it, or another template does.
    return "deleted" if answer.status in {200, 404} else f"stays: {answer.reason}"


def _key_request(settings: Settings, path: Path | None, names: Names) -> Step:
    """Return the request for the key that ships; without a file for it, a person has to send it."""
    if path is not None and settings.api_key is not None:
        raise ConfigError(
            "Elasticsearch gives a key that was made by another key no privileges; for --make-key,"
            " set up with user and password."
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
        raise ConfigError(f"{str(path)!r} exists; delete it, or name a new file with --make-key.")
    if not has_folder:
        raise ConfigError(f"the folder of {str(path)!r} does not exist; make it, or name another.")


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
    return f"written into {path.absolute()} (mode 0600); make the user of the service its owner"


def _ask_for_key(settings: Settings, body: str) -> str:
    (rights,) = json.loads(body)["role_descriptors"]["esa-forwarder"]["indices"]
    wanted = json.dumps({"index": [rights]})
    answer = _request(settings, "POST", "/_security/user/_has_privileges", wanted)
    if answer.body.get("has_all_requested") is False:
        raise Unavailable(
            "no key was made: it has no more privileges than the user who makes it, who lacks"
            f" {' or '.join(rights['privileges'])} on {rights['names'][0]}."
        )
    answer = _request(settings, "POST", _KEYS, body, _KEY_RIGHTS)
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        raise Unavailable(f"POST {_KEYS}: {answer.reason}.")
    with answer.understanding():
        return str(answer.body["encoded"])


def export_rules() -> Iterator[Step]:
    """Return the Sigma rules: files for other systems, which are not imported here."""
    for rule in sorted((ASSETS / "sigma").iterdir(), key=lambda x: x.name):
        text = rule.read_text(encoding="utf-8")
        yield Step("rules in Sigma, for other systems", "", text, f"sigma/{rule.name}")
