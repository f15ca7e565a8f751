"""What ``esa-forwarder setup`` brings to Elasticsearch and Kibana, step by step.

What is of the cluster is in :mod:`forwarder_elasticsearch.setup_cluster`. Kibana is asked by its
own API; there is no client for it. Saved objects are written as a whole or not at all: the tag that
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

from forwarder import ConfigError, SetupOptions, Step, Unavailable
from forwarder_elasticsearch.client import JSON, Answer, request
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
_SPACE = re.compile(r"[a-z0-9_-]+")  # what Kibana takes for the id of a space
_PREFIX = "cisco_esa-"
_MARK = "Managed by: esa-forwarder"
_OBJECTS = "/api/saved_objects"
_RULES = "/api/detection_engine/rules"
_IMPORT = "_import?overwrite=true"
_KEPT = ("enabled", "actions", "exceptions_list")  # what people set of a rule


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
        """Ask; success, 400 and 404 are answers.

        Raises:
            Unavailable: It cannot be reached, refuses the user, fails, or is not Kibana.
        """
        rights = "rights for saved objects and security rules in this space"
        answer = request(self._settings, self.url, method, path, body, kind=kind, product="Kibana")
        return answer.expect(rights)

    def upload(self, path: str, lines: str, what: str) -> None:
        """Send a file of NDJSON, as a form of a browser does.

        Raises:
            Unavailable: It was not taken.
        """
        fields = {"file": ("esa-forwarder.ndjson", lines, "application/ndjson")}
        answer = self.request("POST", path, *encode_multipart_formdata(fields))
        with answer.understanding():
            if answer.status != 200 or not answer.body["success"]:  # noqa: PLR2004 - of HTTP
                raise Unavailable(f"Kibana did not take all {what}: {answer.reason}.")


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
