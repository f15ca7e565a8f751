"""What is shipped for Elasticsearch and Kibana fits the documents and itself."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files as resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from forwarder.ecs.layout import MAX_KEYWORD
from tests.ecs_fields import FIELDS, Field, lean_fields
from tests.kibana.asking import decode, parse_lines, read_duration

ASSETS = resources("forwarder_elasticsearch") / "assets"
DOCS = Path(__file__).parents[1] / "docs"
NAME = "logs-cisco_esa"
"""Begins the names of all that is installed in a cluster."""
PREFIX = "cisco_esa-"
"""Begins the ids of all saved objects; ``setup`` inserts the name of a space behind it."""
VERSION = 1
"""Of all that is installed; it grows by one with each change."""
PIPELINE_FIELDS = {
    x.name: x
    for x in (
        Field("event.ingested", "date"),
        Field("source.geo.continent_name", "keyword"),
        Field("source.geo.country_iso_code", "keyword"),
        Field("source.geo.country_name", "keyword"),
        Field("source.geo.region_iso_code", "keyword"),
        Field("source.geo.region_name", "keyword"),
        Field("source.geo.city_name", "keyword"),
        Field("source.geo.location", "geo_point"),
        Field("source.as.number", "long"),
        Field("source.as.organization.name", "keyword"),
    )
}
"""What the ingest pipeline adds to a document."""
ALL_FIELDS = {**FIELDS, **PIPELINE_FIELDS}
KEPT = {
    *("event.id", "event.original", "event.start", "event.end", "log.offset", "source.address"),
    *("cisco_esa.listener.interface", "cisco_esa.session.users", "tls.version_protocol"),
}
"""In the document, and in no index: other fields say the same."""
NOT_COUNTED = {
    *("cisco_esa.connection.id", "cisco_esa.icid", "cisco_esa.dcid"),
    *("related.hosts", "related.ip", "related.user", "user.email"),
}
"""Searched, but not counted or sorted by."""

OBJECTS = parse_lines((ASSETS / "kibana.ndjson").read_text())
PAGES = [x for x in OBJECTS if x["type"] == "dashboard"]
RULES = parse_lines((ASSETS / "rules.ndjson").read_text())
SIGMA = sorted(
    (x for x in (ASSETS / "sigma").iterdir() if x.name.endswith(".yml")), key=lambda x: x.name
)


def read(name: str) -> dict[str, Any]:
    """Read an asset in JSON."""
    return dict(json.loads((ASSETS / name).read_text()))


# Mappings


def mapped(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each field of a mapping by its dotted name."""
    for name, mapping in properties.items():
        if "properties" in mapping:
            yield from mapped(mapping["properties"], f"{prefix}{name}.")
        else:
            yield prefix + name, mapping


MAPPED = dict(mapped(read("component_template.json")["template"]["mappings"]["properties"]))


def test_exactly_the_fields_of_documents_and_pipeline_are_mapped() -> None:
    """Each by the type that the table of fields has."""
    assert {x: y["type"] for x, y in MAPPED.items()} == {
        x.name: x.type for x in ALL_FIELDS.values()
    }


def test_keywords_are_found_up_to_the_length_that_documents_have() -> None:
    """What is only kept has no limit: the original line may be longer."""
    keywords = {x: y for x, y in MAPPED.items() if y["type"] == "keyword" and x not in KEPT}
    assert {x["ignore_above"] for x in keywords.values()} == {MAX_KEYWORD}


def test_what_costs_space_and_is_not_needed_is_not_indexed() -> None:
    """Another field says the same, or nobody counts by it; and the documentation says so."""
    found = {x: (y.get("index", True), y.get("doc_values", True)) for x, y in MAPPED.items()}
    assert {x for x, y in found.items() if y == (False, False)} == KEPT
    assert {x for x, y in found.items() if y == (True, False)} == NOT_COUNTED
    _, _, text = (DOCS / "outputs.md").read_text().partition("### Space\n")
    kept, _, rest = text.partition("|---|---|\n")[2].partition("\n\n")
    named = re.compile(r"`([a-z_.]+\.[a-z_]+)`")
    cells = "".join(x.split("|")[1] for x in kept.splitlines())
    assert set(named.findall(cells)) == KEPT
    assert set(named.findall(rest.partition("can be searched, but")[0])) == NOT_COUNTED


def test_all_templates_have_one_version() -> None:
    """Where setup looks for it."""
    names = ("component_template.json", "index_template.json", "pipeline.json")
    assert {(read(x)["version"], read(x)["_meta"]["version"]) for x in names} == {
        (VERSION, VERSION)
    }
    mapping = read("component_template.json")["template"]["mappings"]
    assert mapping["_meta"]["version"] == VERSION


def test_the_index_template_takes_our_data_streams_before_those_of_elastic() -> None:
    """The mappings are ours, and whatever is missing on a cluster may be."""
    template = read("index_template.json")
    assert template["index_patterns"] == ["logs-cisco_esa.*-*"]
    assert template["priority"] == 501
    assert set(template["composed_of"]) - set(template["ignore_missing_component_templates"]) == {
        f"{NAME}@mappings"
    }


def test_no_processor_can_make_a_document_fail() -> None:
    """A document without a place is better than none."""
    processors = [x for y in read("pipeline.json")["processors"] for x in y.values()]
    assert [x for x in processors if not x["ignore_failure"]] == []


def test_the_pipeline_adds_what_is_mapped() -> None:
    """Beside the places of the GeoIP database, which has names of its own."""
    fields = [
        x.get("target_field", x.get("field"))
        for y in read("pipeline.json")["processors"]
        for x in y.values()
        if "field" in x
    ]
    assert [x for x in fields if not any(y.startswith(x) for y in PIPELINE_FIELDS)] == []


def test_the_shipping_key_can_add_documents_and_nothing_else() -> None:
    """Not even ask the cluster who it is."""
    (role,) = read("api_key.json")["role_descriptors"].values()
    assert role == {
        "cluster": [],
        "indices": [
            {"names": ["logs-cisco_esa.*-*"], "privileges": ["auto_configure", "create_doc"]}
        ],
    }


# Which fields objects name

_KQL_FIELD = re.compile(r"""(?:^|[\s(])(@?[a-z_]+(?:\.[a-z_]+)*)\s*(?::|>=|<=|>|<)""")
_ESQL_FIELD = re.compile(r"[@a-z_]+(?:\.[a-z_]+)+|@timestamp")


def fields_of_kql(query: str) -> set[str]:
    """Give the fields that a query names, whatever is in quotation marks."""
    return set(_KQL_FIELD.findall(re.sub(r'"[^"]*"', '""', query)))


def fields_of_esql(query: str) -> set[str]:
    """Give the fields that a query in ES|QL names; columns of its own have no dot."""
    query = query.replace("logs-cisco_esa.auth-*", "")
    return set(_ESQL_FIELD.findall(re.sub(r'"[^"]*"', "", query)))


def named_fields(value: object) -> Iterator[str]:
    """Give every field that an object names, wherever in it."""
    if isinstance(value, list):
        for item in value:
            yield from named_fields(item)
    if isinstance(value, dict):
        for key, item in value.items():
            # A column of ES|QL may be of its own making.
            if not (key == "fieldName" and "columnId" in value):
                yield from _fields_at(key, item)
            if not isinstance(item, str):
                yield from named_fields(item)


_FIELD_KEYS = {
    "sourceField",
    "fieldName",
    "timeFieldName",
    "geoField",
    "key",
    "field",
    "timestamp_override",
}


def _fields_at(key: str, item: Any) -> Iterable[str]:  # noqa: ANN401 - any JSON
    """Give the fields that a key of an object has, but for those further below."""
    if isinstance(item, str):
        if key in _FIELD_KEYS:
            return [item]
        if key == "query":
            return fields_of_kql(item)
        if key == "esql":
            return fields_of_esql(item)
    elif key in {"columns", "field_names"} and isinstance(item, list):
        return [x for x in item if isinstance(x, str)]
    elif key == "match_phrase":
        return list(item)
    return []


def made_by(rule: Mapping[str, Any]) -> set[str]:
    """Give the columns that a query in ES|QL makes itself."""
    return set(re.findall(r"(?:,|STATS|EVAL)\s+(\w+) =", rule["query"]))


# What a lean document leaves out, or cannot be searched, is in no panel, search or rule.
LEAN_FIELDS = (lean_fields() | PIPELINE_FIELDS.keys()) - KEPT


@pytest.mark.parametrize("found", OBJECTS, ids=lambda x: x["id"])
def test_objects_name_only_fields_that_there_are(found: dict[str, Any]) -> None:
    """In queries, columns, panels, filters and controls."""
    named = set(named_fields(decode(found["attributes"])))
    assert named - LEAN_FIELDS - {"___records___"} == set()
    assert named or found["type"] == "tag"


@pytest.mark.parametrize("rule", RULES, ids=lambda x: x["rule_id"])
def test_rules_name_only_fields_that_there_are(rule: dict[str, Any]) -> None:
    """In queries, and what is shown of an alert; and in the guide."""
    named = set(named_fields({x: y for x, y in rule.items() if x != "query"}))
    named |= fields_of_esql(rule["query"])
    named -= made_by(rule)
    assert named - LEAN_FIELDS == set()
    quoted = re.findall(r"`([^`]+)`", rule["note"])
    guide = {x for x in quoted if re.fullmatch(r"[a-z_.]+", x)}
    queries = {y for x in quoted if ":" in x for y in fields_of_kql(x)}
    assert (guide | queries) - LEAN_FIELDS - made_by(rule) == set()


# Objects of Kibana


def test_a_reference_is_to_an_object_that_is_shipped() -> None:
    """And each is named where Kibana looks for it."""
    there = {(x["type"], x["id"]) for x in OBJECTS}
    referred = {(y["type"], y["id"]) for x in OBJECTS for y in x["references"]}
    assert referred - there == set()


@pytest.mark.parametrize("found", OBJECTS, ids=lambda x: x["id"])
def test_each_name_of_a_reference_has_its_reference(found: dict[str, Any]) -> None:
    """Where an object names another, its references have the same name, and no other."""
    attributes = decode(found["attributes"])
    used = {f"tag-ref-{PREFIX}assets"} if found["type"] not in {"tag", "index-pattern"} else set()
    if "kibanaSavedObjectMeta" in attributes:
        used |= set(references_by_name(attributes["kibanaSavedObjectMeta"]))
    for panel in attributes.get("panelsJSON", ()):
        used |= {f"{panel['panelIndex']}:{x}" for x in references_by_name(panel)}
    for control in attributes.get("controlGroupInput", {}).get("panelsJSON", ()):
        used.add(f"controlGroup_{control}:optionsListDataView")
    assert {x["name"] for x in found["references"]} == used


def references_by_name(value: object) -> Iterator[str]:
    """Give the names by which an object, or a panel, refers to others."""
    for item in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from references_by_name(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in {"indexRefName", "indexPatternRefName", "panelRefName", "destinationRefName"}:
            yield item
        elif key == "references" and value.get("type") == "lens":
            yield from (x["name"] for x in item)
        elif key == "eventId" and value["action"]["factoryId"].startswith("DASHBOARD"):
            yield f"drilldown:{value['action']['factoryId']}:{item}:dashboardId"


def test_an_id_can_be_made_one_of_a_space() -> None:
    """What begins ids stands in nothing else, so it can be replaced in the whole text."""
    text = (ASSETS / "kibana.ndjson").read_text()
    ids = "|".join(re.escape(x["id"].removeprefix(PREFIX)) for x in OBJECTS)
    assert re.sub(f"{PREFIX}({ids})", "", text).count(PREFIX) == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda x: x["id"])
def test_panels_fit_beside_one_another(page: dict[str, Any]) -> None:
    """Within the 48 columns, none over another, and no row is empty."""
    taken: set[tuple[int, int]] = set()
    for panel in decode(page["attributes"])["panelsJSON"]:
        at = panel["gridData"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells
    assert len(taken) == 48 * (1 + max(y for _, y in taken))
    assert max(x for x, _ in taken) == 47


def test_pages_lead_to_one_another() -> None:
    """Each has links to all, and panels from which a click leads on."""
    dashboards = {x["id"] for x in PAGES}
    leads = {x["id"]: {y["id"] for y in x["references"] if ":link_" in y["name"]} for x in PAGES}
    assert leads == dict.fromkeys(dashboards, dashboards)
    clicks = {y["id"] for x in PAGES for y in x["references"] if ":drilldown:" in y["name"]}
    assert clicks == {f"{PREFIX}account", f"{PREFIX}source"}


# Rules


def test_rules_are_complete() -> None:
    """Each has a severity that fits its score, a guide, false positives and a technique."""
    assert len({x["rule_id"] for x in RULES}) == len(RULES) == 13
    scores = {"low": 21, "medium": 47, "high": 73, "critical": 99}
    for rule in RULES:
        assert rule["risk_score"] == scores[rule["severity"]], rule["name"]
        assert rule["false_positives"], rule["name"]
        for part in ("What happened", "What to look at", "What to do", "If it is a false alarm"):
            assert f"## {part}\n" in rule["note"], rule["name"]
        assert [y["id"] for x in rule["threat"] for y in x["technique"]], rule["name"]
        assert not rule["enabled"], rule["name"]


def test_an_alert_shows_what_its_guide_names() -> None:
    """Columns of its query, and what is put into the queries of the guide."""
    for rule in RULES:
        columns = set(re.findall(r"`([a-z_]+)`", rule["note"])) & made_by(rule)
        filled = set(re.findall(r"\{\{([a-z_.]+)\}\}", rule["note"]))
        shown = set(rule["investigation_fields"]["field_names"])
        assert (columns | filled) - {"..."} - shown == set(), rule["name"]


def test_rules_carry_what_setup_finds_them_by() -> None:
    """A mark, and the mark with their version; and they look at our data streams."""
    mark = "Managed by: esa-forwarder"
    for rule in RULES:
        assert {mark, f"{mark} {VERSION}"} <= set(rule["tags"]), rule["name"]
        assert "logs-cisco_esa.auth-*" in rule.get("index", rule["query"]), rule["name"]
        assert rule["timestamp_override"] == "event.ingested", rule["name"]


def test_rules_look_back_further_than_they_wait() -> None:
    """So that nothing falls between two runs."""
    for rule in RULES:
        span = read_duration(rule["from"].removeprefix("now-"))
        assert span > read_duration(rule["interval"]), rule["name"]


def test_a_tactic_and_a_technique_are_named_once() -> None:
    """With all that is below them."""
    for rule in RULES:
        tactics = [x["tactic"]["id"] for x in rule["threat"]]
        assert len(tactics) == len(set(tactics))
        techniques = [y["id"] for x in rule["threat"] for y in x["technique"]]
        assert len(techniques) == len(set(techniques))


# Sigma


@pytest.mark.parametrize("path", SIGMA, ids=lambda x: x.name)
def test_sigma_rules_name_only_fields_that_there_are(path: Traversable) -> None:
    """In what they select and in what they count by."""
    for rule in YAML(typ="safe", pure=True).load_all(path.read_text()):
        detection = rule.get("detection", {})
        selections = (y for x, y in detection.items() if x != "condition")
        named = {y.partition("|")[0] for x in selections for y in x}
        correlation = rule.get("correlation", {})
        named |= set(correlation.get("group-by", ()))
        named |= {correlation["condition"]["field"]} if "field" in str(correlation) else set()
        assert named - FIELDS.keys() == set()
