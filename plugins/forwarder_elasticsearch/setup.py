"""What ``esa-forwarder setup`` brings to Elasticsearch and Kibana, step by step.

What is of the cluster is in :mod:`forwarder_elasticsearch.setup_cluster`. Kibana is asked by its
own API; there is no client for it. Saved objects are written as a whole or not at all: the tag that
marks them has their version, and where it is the same, nothing is written, so that what people
changed stays. Rules carry their version in a tag. A newer rule replaces an older one; whether it is
enabled, its actions and its exceptions stay as people set them.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from forwarder_bulk.transport import parse_shallow
from pydantic import BaseModel

from forwarder import ConfigError, SetupOptions, Step, Unavailable
from forwarder_elasticsearch.client import ask, strange, understand
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup_cluster import (
    asset,
    export_for_opensearch,
    export_rules,
    install,
    key_request,
    remove,
    with_credentials,
)

_RETENTION = re.compile(r"[1-9][0-9]{0,8}[dhms]")
"""What Elasticsearch takes for the lifecycle of a data stream, but for parts of a second; with more
digits, it is longer than it can count."""
_FLAVORS = ("elasticsearch", "opensearch")
_SPACE = re.compile(r"[a-z0-9_-]+")
"""What Kibana takes for the id of a space."""
_NOT_IN_URL = re.compile(r"[?#\s\x00-\x1f]")
_PREFIX = "cisco_esa-"
_MARK = "Managed by: esa-forwarder"
_BOUNDARY = "esa-forwarder-2f1d9c3a7b54"
"""Between the parts of an upload; it is in no asset."""
_OBJECTS = "/api/saved_objects"
_RULES = "/api/detection_engine/rules"
_IMPORT = "_import?overwrite=true"
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


def setup(settings: Settings, options: SetupOptions) -> Iterator[Step]:
    """Return the steps.

    Raises:
        ConfigError: The options contradict one another.
    """
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
        yield from export_for_opensearch()
        yield from export_rules()
        return
    if "space" in values and kibana_url is None:
        raise ConfigError("a space is of a Kibana; set kibana, too.")
    settings = with_credentials(settings, options)
    space = values.get("space")
    kibana = None if kibana_url is None else Kibana(settings, kibana_url, space)
    if options.remove:
        yield from () if kibana is None else _remove_from(kibana)
        yield from remove(settings)
        return
    yield from install(settings, retention)
    yield from _import_into(kibana)
    yield from export_rules()
    yield key_request()


class Kibana:
    """A Kibana, or a space of it; connected to for each question, when it is asked."""

    def __init__(self, settings: Settings, url: str, space: str | None) -> None:
        url = _read_url(url)
        if space is not None and not _SPACE.fullmatch(space):
            raise ConfigError(f"{space!r} is not an id of a space: a-z, 0-9, _ and - are allowed.")
        self._settings = settings
        self.space = None if space == "default" else space
        self.url = url + (f"/s/{self.space}" if self.space else "")

    def request(
        self, method: str, path: str, body: str | None = None, kind: str = "application/json"
    ) -> tuple[int, Any]:
        """Ask.

        Returns:
            The status, and the answer as it was parsed; as text where it is not a JSON object and
            nothing is concluded from that.

        Raises:
            Unavailable: It cannot be reached, refuses the user, fails, or is not Kibana.
        """
        # Without kbn-xsrf, Kibana takes no request that changes anything.
        headers = {"kbn-xsrf": "esa-forwarder", "content-type": kind}
        try:
            answered = ask(
                self._settings, self.url, method, path, body.encode() if body else None, headers
            )
        except Unavailable as error:
            raise Unavailable(f"{error}.") from None
        status, _, found = answered
        text = found.decode(errors="replace")
        if status in {401, 403} or status >= 500:  # noqa: PLR2004 - of HTTP
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

    def upload(self, path: str, lines: str) -> _Imported:
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
        status, answer = self.request("POST", path, body, kind)
        if status != 200:  # noqa: PLR2004 - of HTTP
            raise Unavailable(f"POST {self.url}{path}: {status}, {_short(answer)}.")
        return self.read(_Imported, answer, f"POST {path}")

    def read(self, shape: type[_Shape], answer: object, request: str) -> _Shape:
        """Read what is needed of an answer of success."""
        where = f"{self.url} answers 200 to {request}"
        return understand(shape, answer, where, answer, "Kibana")


def _read_url(url: str) -> str:
    """Return the URL of a Kibana without a slash at its end.

    Raises:
        ConfigError: It is not a URL, or has credentials in it, which are not shown.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # may raise
    except ValueError:
        parts = urlsplit("")
    if "@" in parts.netloc and parts.scheme in {"http", "https"}:
        raise ConfigError(
            "the URL of the Kibana has credentials in it; use --api-key, or --user and --password."
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or _NOT_IN_URL.search(url):
        shown = "the value of kibana" if "@" in url else repr(url)
        raise ConfigError(f"{shown} is not a URL of a Kibana (https://HOST:5601).")
    return url.rstrip("/")


def _import_into(kibana: Kibana | None) -> Iterator[Step]:
    """Return the steps for Kibana; where none is named, files for one."""
    objects, rules = asset("kibana.ndjson"), asset("rules.ndjson")
    url, do_objects, do_rules = "KIBANA", None, None
    if kibana is not None:
        url = kibana.url
        objects = _in_space(objects, kibana.space)
        do_objects = partial(_import_objects, kibana, objects)
        do_rules = partial(_import_rules, kibana, rules)
    what, request = "data view, saved searches and dashboard", f"POST {url}{_OBJECTS}/{_IMPORT}"
    yield Step(what, request, objects, "kibana/kibana.ndjson", do_objects)
    request = f"POST {url}{_RULES}/{_IMPORT}"
    yield Step("detection rules", request, rules, "kibana/rules.ndjson", do_rules)


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
    status, answer = kibana.request("POST", path, json.dumps(wanted))
    if status == 200:  # noqa: PLR2004 - of HTTP; 400: it is not there
        there = _version(kibana.read(_Tag, answer, f"POST {path}").attributes.description)
        if there == version:
            return f"are there, version {version}; left as they are"
        if there > version:
            return f"left: version {there} is there, this program has {version}"
    done = kibana.upload(f"{_OBJECTS}/{_IMPORT}", lines)
    if not done.success:
        raise Unavailable(f"Kibana did not take all objects: {_short(done.errors)}.")
    return f"{len(lines.splitlines())} objects, version {version}"


def _import_rules(kibana: Kibana, lines: str) -> str:
    filter_ = quote(f'alert.attributes.tags:"{_MARK}"')
    path = f"{_RULES}/_find?per_page=100&filter={filter_}"
    status, answer = kibana.request("GET", path)
    if status != 200:  # noqa: PLR2004 - of HTTP
        raise Unavailable(f"GET {kibana.url}{_RULES}/_find: {status}, {_short(answer)}.")
    there = {x.rule_id: x for x in kibana.read(_Rules, answer, f"GET {path}").data}
    wanted = []
    for rule in map(json.loads, lines.splitlines()):
        old = there.get(rule["rule_id"])
        if old is None:
            wanted.append(rule)
        elif max(map(_version, old.tags), default=0) < max(map(_version, rule["tags"])):
            kept = old.model_dump(include=_KEPT, exclude_unset=True)
            wanted.append({**rule, **kept})
    if not wanted:
        return f"{len(there)} are there; left as they are"
    done = kibana.upload(f"{_RULES}/{_IMPORT}", "".join(json.dumps(x) + "\n" for x in wanted))
    if not done.success:
        raise Unavailable(f"Kibana did not take all rules: {_short(done.errors)}.")
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
        status, answer = kibana.request("DELETE", path)
        if status == 404:  # noqa: PLR2004 - of HTTP
            return "is not there"
        if status != 200:  # noqa: PLR2004
            raise Unavailable(f"DELETE {kibana.url}{path}: {status}, {_short(answer)}.")
        return "deleted"

    return Step(what, f"DELETE {kibana.url}{path}", do=delete)


def _short(answer: object) -> str:
    return json.dumps(answer)[:500]
