"""Saved objects and detection rules: bringing them to Kibana, and taking them away.

Kibana is asked by its own API; there is no client for it. Objects are written as a whole or not at
all: the tag that marks them has their version, and where it is the same, nothing is written, so
that what people changed stays. Rules carry their version in a tag. A newer rule takes the place of
an older one; whether it is switched on, its actions and its exceptions stay as people set them.
"""

import json
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from forwarder_bulk.transport import parse_shallow
from pydantic import BaseModel

from forwarder import ConfigError, SetupOptions, Step, Unavailable
from forwarder_elasticsearch.asking import strange, understand
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup_assets import asset
from forwarder_elasticsearch.setup_connection import Web, with_credentials

_SPACE = re.compile(r"[a-z0-9_-]+")
"""What Kibana takes for the id of a space."""
_NOT_IN_URL = re.compile(r"[?#\s\x00-\x1f]")
_PREFIX = "cisco_esa-"
_MARK = "Managed by: esa-forwarder"
_BOUNDARY = "esa-forwarder-2f1d9c3a7b54"
"""Between the parts of an upload; it is in no asset."""
_OBJECTS = "/api/saved_objects"
_RULES = "/api/detection_engine/rules"


_WITH_AN_OBJECT = (200, 400, 404)
"""Statuses that something is concluded from."""
_KEPT = {"enabled", "actions", "exceptions_list"}
"""What people set of a rule."""
_Shape = TypeVar("_Shape", bound=BaseModel)


class _Attributes(BaseModel, frozen=True):
    description: str


class _Tag(BaseModel, frozen=True):
    attributes: _Attributes


class _Imported(BaseModel, frozen=True):
    success: bool
    errors: object = None


class _Rule(BaseModel, frozen=True):
    rule_id: str
    tags: Sequence[str]
    enabled: object = None
    actions: object = None
    exceptions_list: object = None


class _Rules(BaseModel, frozen=True):
    data: Sequence[_Rule]


class Kibana:
    """A Kibana, or a space of it."""

    def __init__(self, settings: Settings, options: SetupOptions) -> None:
        """Take where it is and who asks."""
        url = _read_url(options.kibana or "")
        space = options.space
        if space is not None and not _SPACE.fullmatch(space):
            raise ConfigError(f"{space!r} is no id of a space: a-z, 0-9, _ and - are.")
        self._settings = with_credentials(settings, options)
        self.space = None if space == "default" else space
        self.url = url + (f"/s/{self.space}" if self.space else "")

    def ask(
        self, method: str, path: str, body: str | None = None, kind: str = "application/json"
    ) -> tuple[int, Any]:
        """Ask.

        Args:
            method: Of HTTP.
            path: Behind the URL of the space.
            body: What is sent.
            kind: Its media type.

        Returns:
            The status, and the answer as it was parsed; as text where it is no object of JSON and
            nothing is concluded from that.

        Raises:
            Unavailable: It cannot be reached, refuses who asks, fails, or is no Kibana.
        """
        # Without kbn-xsrf, Kibana takes no request that changes anything.
        headers = {"kbn-xsrf": "esa-forwarder", "content-type": kind}
        web = Web(self.url, self._settings)
        try:
            status, found = web.ask(method, path, body.encode() if body else None, headers)
        finally:
            web.close()
        text = found.decode(errors="replace")
        if status in {401, 403} or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(
                f"{method} {self.url}{path}: {status}, {text[:300]}; the key that sets up needs"
                " rights for saved objects and security rules in this space."
            )
        answer = parse_shallow(found)
        if isinstance(answer, dict):
            return status, answer
        if status in _WITH_AN_OBJECT:
            where = f"{self.url} answers {status} to {method} {path}"
            raise Unavailable(f"{strange(where, found, 'Kibana')}.")
        return status, text

    def read(self, shape: type[_Shape], answer: object, request: str) -> _Shape:
        """Read what is needed of an answer of success.

        Raises:
            Unavailable: It is not there.
        """
        where = f"{self.url} answers 200 to {request}"
        return understand(shape, answer, where, answer, "Kibana")

    def upload(self, path: str, lines: str) -> "_Imported":
        """Send a file of NDJSON, as a form of a browser does.

        Raises:
            Unavailable: It was not taken.
        """
        body = (
            f"--{_BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="file"; filename="esa-forwarder.ndjson"\r\n'
            f"Content-Type: application/ndjson\r\n\r\n{lines}\r\n--{_BOUNDARY}--\r\n"
        )
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        status, answer = self.ask("POST", path, body, kind)
        if status != HTTPStatus.OK:
            raise Unavailable(f"POST {self.url}{path}: {status}, {_short(answer)}.")
        return self.read(_Imported, answer, f"POST {path}")


def _read_url(url: str) -> str:
    """Read where a Kibana is.

    Returns:
        It, without a slash at the end.

    Raises:
        ConfigError: It is no URL, or has credentials in it, which are not shown.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # it may be none
    except ValueError:
        parts = urlsplit("")
    if "@" in parts.netloc and parts.scheme in {"http", "https"}:
        raise ConfigError(
            "the URL of the Kibana has credentials in it; say --api-key, or --user and --password."
        )
    shown = "what --kibana says" if "@" in url else repr(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or _NOT_IN_URL.search(url):
        raise ConfigError(f"{shown} is no URL of a Kibana (https://HOST:5601).")
    return url.rstrip("/")


def import_all(kibana: Kibana) -> Iterator[Step]:
    """Give the steps that bring everything."""
    objects = _in_space(asset("kibana.ndjson"), kibana.space)
    rules = asset("rules.ndjson")
    yield Step(
        "data view, saved searches and dashboard",
        f"POST {kibana.url}{_OBJECTS}/_import?overwrite=true",
        objects,
        "kibana/kibana.ndjson",
        lambda: _import_objects(kibana, objects),
    )
    yield Step(
        "detection rules",
        f"POST {kibana.url}{_RULES}/_import?overwrite=true",
        rules,
        "kibana/rules.ndjson",
        lambda: _import_rules(kibana, rules),
    )


def export_objects() -> Iterator[Step]:
    """Give what a Kibana could get, where none is named."""
    yield Step(
        "data view, saved searches and dashboard",
        f"POST KIBANA{_OBJECTS}/_import?overwrite=true",
        asset("kibana.ndjson"),
        "kibana/kibana.ndjson",
    )
    yield Step(
        "detection rules",
        f"POST KIBANA{_RULES}/_import?overwrite=true",
        asset("rules.ndjson"),
        "kibana/rules.ndjson",
    )


def _in_space(lines: str, space: str | None) -> str:
    """Give objects the ids that they have in a space: an id is there once in all of Kibana."""
    return lines if space is None else lines.replace(_PREFIX, f"{_PREFIX}{space}-")


def _version(text: str) -> int:
    """Read the number at the end of a text; 0 where there is none."""
    found = re.search(r"(\d+)$", text)
    return int(found[1]) if found else 0


def _import_objects(kibana: Kibana, lines: str) -> str:
    ours = json.loads(lines.partition("\n")[0])
    version = _version(ours["attributes"]["description"])
    wanted = {"objects": [{"type": "tag", "id": ours["id"]}], "excludeExportDetails": True}
    path = f"{_OBJECTS}/_export"
    status, answer = kibana.ask("POST", path, json.dumps(wanted))
    if status == HTTPStatus.OK:  # 400: it is not there
        there = kibana.read(_Tag, answer, f"POST {path}")
        installed = _version(there.attributes.description)
        if installed == version:
            return f"are there, version {version}; left as they are"
        if installed > version:
            return f"left: version {installed} is there, this program has {version}"
    done = kibana.upload(f"{_OBJECTS}/_import?overwrite=true", lines)
    if not done.success:
        raise Unavailable(f"Kibana did not take all objects: {_short(done.errors)}.")
    return f"{len(lines.splitlines())} objects, version {version}"


def _import_rules(kibana: Kibana, lines: str) -> str:
    there = {x.rule_id: x for x in _find_rules(kibana)}
    wanted = []
    for rule in map(json.loads, lines.splitlines()):
        old = there.get(rule["rule_id"])
        if old is None:
            wanted.append(rule)
        elif max(map(_version, old.tags), default=0) < max(map(_version, rule["tags"])):
            kept = old.model_dump(include=_KEPT, exclude_unset=True)
            wanted.append({**rule, **kept})
    left = f"{len(there)} are there"
    if not wanted:
        return f"{left}; left as they are"
    upload = "".join(json.dumps(x) + "\n" for x in wanted)
    done = kibana.upload(f"{_RULES}/_import?overwrite=true", upload)
    if not done.success:
        raise Unavailable(f"Kibana did not take all rules: {_short(done.errors)}.")
    return f"{len(wanted)} brought; {left}" if there else f"{len(wanted)} brought, switched off"


def _find_rules(kibana: Kibana) -> Sequence[_Rule]:
    """Give our rules that are there."""
    named = quote(f'alert.attributes.tags:"{_MARK}"')
    path = f"{_RULES}/_find?per_page=100&filter={named}"
    status, answer = kibana.ask("GET", path)
    if status != HTTPStatus.OK:
        raise Unavailable(f"GET {kibana.url}{_RULES}/_find: {status}, {_short(answer)}.")
    return kibana.read(_Rules, answer, f"GET {path}").data


def remove_all(kibana: Kibana) -> Iterator[Step]:
    """Give the steps that take everything away, in the opposite order."""
    for rule in map(json.loads, asset("rules.ndjson").splitlines()):
        path = f"{_RULES}?rule_id={rule['rule_id']}"
        yield _deletion(kibana, f"rule {rule['name']!r}", path)
    objects = _in_space(asset("kibana.ndjson"), kibana.space)
    for found in map(json.loads, reversed(objects.splitlines())):
        path = f"{_OBJECTS}/{found['type']}/{found['id']}?force=true"
        yield _deletion(kibana, f"{found['type']} {found['id']}", path)


def _deletion(kibana: Kibana, what: str, path: str) -> Step:
    def delete() -> str:
        status, answer = kibana.ask("DELETE", path)
        if status == HTTPStatus.NOT_FOUND:
            return "is not there"
        if status != HTTPStatus.OK:
            raise Unavailable(f"DELETE {kibana.url}{path}: {status}, {_short(answer)}.")
        return "deleted"

    return Step(what, f"DELETE {kibana.url}{path}", do=delete)


def _short(answer: object) -> str:
    return json.dumps(answer)[:500]
