"""What ``esa-forwarder setup`` brings to Kibana: a data view, searches, a dashboard and rules.

Kibana is asked by its own API. Saved objects are written as a whole or not at all: the tag that
marks them has their version, and where it is the same, nothing is written, so that what people
changed stays. Rules carry their version in a tag. A newer rule replaces an older one; whether it is
enabled, its actions and its exceptions stay as people set them.
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

from forwarder_bulk.settings import read_url
from urllib3 import encode_multipart_formdata

from forwarder import ConfigError, Step, Unavailable
from forwarder_elasticsearch.client import JSON, Answer, request
from forwarder_elasticsearch.names import Names
from forwarder_elasticsearch.settings import Settings

_SPACE = re.compile(r"[a-z0-9_-]+")  # what Kibana takes for the id of a space
_MARK = "Managed by: esa-forwarder"
_OBJECTS = "/api/saved_objects"
_RULES = "/api/detection_engine/rules"
_IMPORT = "_import?overwrite=true"
_KEPT = ("enabled", "actions", "exceptions_list")  # what people set of a rule


class Kibana:
    """A Kibana, or a space of it; connected to for each question, when it is asked."""

    def __init__(self, settings: Settings, url: str, space: str | None, names: Names) -> None:
        try:
            url = read_url(url, needs_port=False)
        except ValueError as error:
            raise ConfigError(f"the URL of the Kibana {error}.") from None
        if space is not None and not _SPACE.fullmatch(space):
            raise ConfigError(f"{space!r} is not an id of a space: a-z, 0-9, _ and - are allowed.")
        self._settings = settings
        self.url, self.rules = url, names.read("rules.ndjson")
        self.objects = names.read("kibana.ndjson")
        if space not in {None, "default"}:
            self.url += f"/s/{space}"
            # An id is there once in all of Kibana.
            self.objects = self.objects.replace(names.prefix, f"{names.prefix}{space}-")

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


def import_into(kibana: Kibana | None, names: Names) -> Iterator[Step]:
    """Return the steps for Kibana; where none is named, files for one."""
    url, objects, rules = "KIBANA", names.read("kibana.ndjson"), names.read("rules.ndjson")
    if kibana is not None:
        url, objects, rules = kibana.url, kibana.objects, kibana.rules
    for what, path, lines, name, act in (
        ("data view, saved searches and dashboard", _OBJECTS, objects, "kibana", _import_objects),
        ("detection rules", _RULES, rules, "rules", _import_rules),
    ):
        do = None if kibana is None else partial(act, kibana, lines)
        yield Step(what, f"POST {url}{path}/{_IMPORT}", lines, f"kibana/{name}.ndjson", do)


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
    ours = {x["rule_id"]: x for x in map(json.loads, lines.splitlines())}
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
        return f"{len(there)} are there; left as they are"
    kibana.upload(f"{_RULES}/{_IMPORT}", "".join(json.dumps(x) + "\n" for x in wanted), "rules")
    more = f"{len(there)} were there" if there else "disabled until people enable them"
    return f"{len(wanted)} installed; {more}"


def remove_from(kibana: Kibana) -> Iterator[Step]:
    """Return the steps that remove everything, in the opposite order."""
    for rule in map(json.loads, kibana.rules.splitlines()):
        path = f"{_RULES}?rule_id={quote(rule['rule_id'])}"
        yield _deletion(kibana, f"rule {rule['name']!r}", path)
    for found in map(json.loads, reversed(kibana.objects.splitlines())):
        path = f"{_OBJECTS}/{found['type']}/{found['id']}?force=true"
        yield _deletion(kibana, f"{found['type']} {found['id']}", path)


def _deletion(kibana: Kibana, what: str, path: str) -> Step:
    def delete() -> str:
        answer = kibana.request("DELETE", path)
        if answer.status == 400:  # noqa: PLR2004 - of HTTP
            raise Unavailable(f"{answer.where}, {answer.reason}.")
        return "deleted" if answer.status == 200 else "is not there"  # noqa: PLR2004

    return Step(what, f"DELETE {kibana.url}{path}", do=delete)
