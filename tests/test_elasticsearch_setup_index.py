"""An output that ships into plain indices is set up for these, beside what data streams have."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from forwarder_bulk.settings import ElasticSettings
from forwarder_elasticsearch.check import check
from forwarder_elasticsearch.output import ElasticsearchOutput
from forwarder_elasticsearch.setup import setup

from forwarder import ConfigError, SetupOptions, Step
from forwarder.events import Document
from forwarder.output import Expected
from tests.kibana.asking import parse_lines
from tests.kibana.loading import parse
from tests.kibana.standing_in import StandIn
from tests.servers.elasticsearch.running import PASSWORD, USER, Node
from tests.servers.forwarding import SAMPLES
from tests.test_assets import MAPPED, OBJECTS, RULES

pytestmark = pytest.mark.xdist_group("queries")

INDEX, PATTERN = "esa-logins-%Y.%m", "esa-logins-*.*"
NAMES = (
    "pipeline cisco_esa.esa-logins@pipeline",
    "component template cisco_esa.esa-logins@mappings",
    "index template cisco_esa.esa-logins",
)
UNASKED = ElasticSettings(hosts=("http://127.0.0.1:9",), index=INDEX)
"""No cluster is asked."""


def settings_of(node: Node, **more: object) -> ElasticSettings:
    """Give the settings of the superuser."""
    settings = node.settings(username=USER, password=PASSWORD, index=INDEX)
    return ElasticSettings.model_validate({**settings, **more})


@pytest.fixture
def node(query_node: Node) -> Iterator[Node]:
    """Leave nothing behind."""
    yield query_node
    for index in query_node.admin.indices.get(index=PATTERN):
        query_node.admin.indices.delete(index=index)
    do(setup(settings_of(query_node), SetupOptions(remove=True)))


def do(steps: Iterator[Step]) -> dict[str, str]:
    """Do them; give what was done, by what was to be done."""
    return {x.what: x.do() for x in steps if x.do is not None}


def ship(node: Node, documents: list[dict[str, Any]]) -> None:
    """Ship by the output itself."""
    output = ElasticsearchOutput(settings_of(node))
    try:
        output.open()
        batch = [Document(x["event"]["id"], json.dumps(x).encode()) for x in documents]
        assert list(output.write(batch)) == []
    finally:
        output.close()
    node.admin.indices.refresh(index=PATTERN)


def test_indices_are_mapped_and_go_through_the_pipeline(node: Node) -> None:
    """As data streams are; each rule runs on them; and all of it can be removed."""
    done = do(setup(settings_of(node), SetupOptions()))
    assert [done[x] for x in NAMES] == ["created, version 1"] * 3
    documents = parse("--timezone", "Europe/Rome", str(SAMPLES))
    documents[0]["data_stream"]["namespace"] = "mail"  # the appliance has one of its own
    ship(node, documents)
    count = node.admin.count(index=PATTERN, query={"exists": {"field": "event.ingested"}})["count"]
    assert count == len(documents)
    found = node.admin.indices.get_field_mapping(index=PATTERN, fields=",".join(MAPPED))
    for index in found.values():
        types = {x: next(iter(y["mapping"].values()))["type"] for x, y in index["mappings"].items()}
        plain = {"match_only_text": "text", "constant_keyword": "keyword"}
        assert types == {x: plain.get(y["type"], y["type"]) for x, y in MAPPED.items()}
    for step in setup(settings_of(node), SetupOptions()):
        for rule in parse_lines(step.body) if step.what == "detection rules" else ():
            assert f"FROM {PATTERN}\n" in rule["query"]
            node.admin.esql.query(query=rule["query"])
    said = [x.text for x in check(settings_of(node), Expected())]
    assert "index template cisco_esa.esa-logins is there, version 1" in said
    done = do(setup(settings_of(node), SetupOptions(remove=True)))
    assert [done[x] for x in NAMES[1:]] == ["deleted"] * 2
    assert done[NAMES[0]].startswith("kept: ")  # indices use it


def test_nothing_of_data_streams_is_left() -> None:
    """Neither in names nor in what is asked for; documents of any namespace fit."""
    steps = {x.file: x for x in setup(UNASKED, SetupOptions()) if not x.file.startswith("sigma")}
    text = "".join(x.what + x.request + x.body for x in steps.values())
    assert "logs-cisco_esa" not in text
    assert "constant_keyword" not in text
    template = json.loads(steps["elasticsearch/index_template.json"].body)
    assert "data_stream" not in template
    assert template["index_patterns"] == [PATTERN]
    assert "logs@settings" not in template["composed_of"]
    key = json.loads(steps["elasticsearch/api_key.json"].body)
    assert key["role_descriptors"]["esa-forwarder"]["indices"][0]["names"] == [PATTERN]


@pytest.mark.parametrize(
    ("index", "pattern", "template"),
    [
        ("esa", "esa", "cisco_esa.esa"),
        ("esa-%G.w%V", "esa-*.w*", "cisco_esa.esa"),
        ("cisco_esa-%Y%m%d", "cisco_esa-*", "cisco_esa.cisco_esa"),
        ("logs-cisco_esa-%Y", "logs-cisco_esa-*", "cisco_esa.logs-cisco_esa"),
    ],
)
def test_names_are_those_of_the_index(index: str, pattern: str, template: str) -> None:
    """Up to its time."""
    settings = UNASKED.model_copy(update={"index": index})
    steps = {x.file: x for x in setup(settings, SetupOptions())}
    step = steps["elasticsearch/index_template.json"]
    assert step.request == f"PUT /_index_template/{template}"
    assert json.loads(step.body)["index_patterns"] == [pattern]
    assert f"{template}@mappings" in json.loads(step.body)["composed_of"]
    assert parse_lines(steps["kibana/kibana.ndjson"].body)[1]["attributes"]["title"] == pattern


@pytest.mark.parametrize("index", ["%Y-esa", "logs-%Y.%m", "metrics-%Y-%m", "-%Y", ".%Y", "l%Y"])
def test_an_index_that_others_have_is_refused(index: str) -> None:
    """A template for it would go before theirs."""
    settings = UNASKED.model_copy(update={"index": index})
    with pytest.raises(ConfigError, match=r"Begin it with a name of its own, like esa-logins"):
        list(setup(settings, SetupOptions()))


def test_a_retention_is_of_data_streams() -> None:
    """It is said what to use."""
    with pytest.raises(ConfigError, match="an ILM policy"):
        list(setup(UNASKED, SetupOptions(values={"retention": "90d"})))


@pytest.mark.parametrize("space", [{}, {"space": "soc"}], ids=str)
def test_views_and_rules_are_beside_those_of_data_streams(space: dict[str, str]) -> None:
    """With other ids, and of the index; each is removed by itself."""
    kibana = StandIn()
    try:
        options = SetupOptions(api_key="id:key", values={"kibana": kibana.url, **space})
        streams = UNASKED.model_copy(update={"index": None})
        for settings in (streams, UNASKED):
            steps = setup(settings, options)
            done = [x.do() for x in steps if x.do is not None and kibana.url in x.request]
            assert done[1] == "13 installed; disabled until you enable them"
        assert len(kibana.objects) == 2 * len(OBJECTS)
        assert len(kibana.rules) == 2 * len(RULES)
        remove = SetupOptions(remove=True, api_key="id:key", values=options.values)
        for step in setup(streams, remove):
            if step.do is not None and kibana.url in step.request:
                assert step.do() == "deleted"
        left = json.dumps([*kibana.objects.values(), *kibana.rules.values()])
        shipped = json.dumps([*OBJECTS, *RULES])
        assert left.count(PATTERN) == shipped.count("logs-cisco_esa.auth-*")
        assert "logs-cisco_esa" not in left
    finally:
        kibana.close()
