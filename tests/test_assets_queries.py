"""Every query of what is shipped, run in a real Elasticsearch on the sample logs.

Kibana itself cannot be had here; :mod:`tests.kibana.asking` says what stands for it.
"""

import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from forwarder_bulk.settings import ElasticSettings
from forwarder_elasticsearch.setup import setup

from forwarder import SetupOptions
from tests.dashboards.questions import ACCOUNT
from tests.kibana.asking import Asker, decode
from tests.kibana.loading import load, parse
from tests.kibana.panels import Row, rows
from tests.servers.elasticsearch.running import PASSWORD, USER, Node
from tests.test_assets import OBJECTS, PAGES, RULES

pytestmark = pytest.mark.xdist_group("queries")

EXAMPLES = Path(__file__).parents[1] / "examples"

SEARCHES = {x["id"].removeprefix("cisco_esa-"): x for x in OBJECTS if x["type"] == "search"}
PANELS = {
    (page["id"].removeprefix("cisco_esa-"), panel["title"]): panel
    for page in PAGES
    for panel in decode(page["attributes"])["panelsJSON"]
}
UNTIL = datetime(2026, 3, 2, tzinfo=UTC)
"""The end of the day of the sample logs."""


@pytest.fixture(scope="module")
def installed(query_node: Node) -> Node:
    """Install templates and pipeline, as esa-forwarder setup does."""
    settings = ElasticSettings.model_validate(
        query_node.settings(username=USER, password=PASSWORD, timeout="1m")
    )
    for step in setup(settings, SetupOptions()):
        if step.do is not None:
            step.do()
    return query_node


@pytest.fixture(scope="module")
def samples(installed: Node) -> Asker:
    """Load the sample logs."""
    documents = parse("--timezone", "Europe/Rome", str(EXAMPLES / "mail_logs"))
    return load(installed.admin, "samples", documents)


# Searches

FOUND = {
    "refused": 28,
    "attempts": 47,
    "accepted": 20,
    "sent": 20,
    "many-recipients": 1,
    "refused-first": 1,
    "without-tls": 3,
    "old-tls": 38,
    "smart-host": 3,
    "unchecked": 1,
    "uncorrelated": 2,
    "connection": 75,
}


@pytest.mark.parametrize("identity", SEARCHES)
def test_each_saved_search_finds_what_it_is_for(samples: Asker, identity: str) -> None:
    """With its filter."""
    search = decode(SEARCHES[identity]["attributes"])["kibanaSavedObjectMeta"]["searchSourceJSON"]
    filters = [x["query"] for x in search["filter"]]
    assert len(samples.find(search["query"]["query"], *filters)) == FOUND[identity]


@pytest.mark.parametrize("identity", SEARCHES)
def test_a_saved_search_shows_columns_that_are_there(samples: Asker, identity: str) -> None:
    """Each column has a value in one document at least."""
    search = SEARCHES[identity]["attributes"]
    query = decode(search)["kibanaSavedObjectMeta"]["searchSourceJSON"]["query"]["query"]
    assert "cisco_esa.connection.id" in search["columns"]
    assert [x for x in search["columns"] if not samples.count(f"({query}) and {x}: *")] == []


# Panels: the first rows of some of each kind, and how many there are

EXPECTED: dict[tuple[str, str], tuple[int, list[Row]]] = {
    ("morning", "Accepted"): (1, [(20,)]),
    ("morning", "Refused"): (1, [(28,)]),
    ("morning", "Share refused"): (1, [(28 / 48,)]),
    ("morning", "Accounts refused"): (1, [(14,)]),
    ("morning", "Could not be checked"): (1, [(1,)]),
    ("morning", "Recipients"): (1, [(77.0,)]),
    ("morning", "Logins over time"): (
        14,
        [("2026-03-01T05:00:00.000Z", 3, 0, 0), ("2026-03-01T06:00:00.000Z", 1, 0, 0)],
    ),
    ("morning", "Refused, and did they get in? (24 hours; before: the 6 days before)"): (
        15,
        [("m.rossi", "203.0.113.66", "203.0.113.66", 14, 1, 0, "2026-03-01T12:15:24.000Z")],
    ),
    ("morning", "Sources with refusals"): (
        10,
        [
            ("203.0.113.66", 14, 1, 14 / 15, 1, "2026-03-01T12:15:24.000Z"),
            ("198.51.100.77", 12, 0, 1.0, 12, "2026-03-01T09:30:05.000Z"),
        ],
    ),
    ("morning", "Accounts with refusals"): (
        10,
        [
            ("m.rossi", 14, 2, 14 / 16, 1, "2026-03-01T12:15:24.000Z"),
            ("admin", 2, 0, 1.0, 2, "2026-03-01T13:33:35.000Z"),
        ],
    ),
    ("morning", "Mass mail: recipients in the largest hour (24 hours; usual: the 7 days before)"): (
        9,
        [("m.rossi", 48, 0, 3, 0.1)],
    ),
    ("morning", "Countries, as the appliance has them"): (
        2,
        [("United States", 1, 6, 1 / 7, 4), ("Italy", 0, 10, 0.0, 7)],
    ),
    ("morning", "Logins without TLS"): (2, [("scanner-2f", 2, 0, 1), ("admin", 1, 1, 1)]),
    ("health", "Without connection"): (1, [(1 / 54,)]),
    ("health", "Logins to smart hosts"): (
        2,
        [
            (
                "198.51.100.250",
                "SmartHost",
                "5.7.8 Error: authentication failed: password expired",
                3,
                0,
                "2026-03-01T16:00:04.000Z",
            ),
            ("198.51.100.250", "SmartHost", "(missing)", 0, 2, "2026-03-01T18:00:04.000Z"),
        ],
    ),
    ("health", "TLS of logins"): (
        3,
        [("1.2", 32, 15, 4), ("1.3", 12, 7, 9), ("(missing)", 4, 3, 2)],
    ),
    ("health", "Mechanisms"): (2, [("LOGIN", 35, 27, 16), ("PLAIN", 13, 1, 7)]),
}


@pytest.mark.parametrize("panel", EXPECTED, ids=" ".join)
def test_a_panel_shows_what_is_in_the_logs(samples: Asker, panel: tuple[str, str]) -> None:
    """Numbers were counted in the logs by hand."""
    shown = rows(samples, PANELS[panel], None, UNTIL)
    count, first = EXPECTED[panel]
    assert (len(shown), shown[: len(first)]) == (count, first)


@pytest.mark.parametrize("field", ["host.name", ACCOUNT, "source.ip"])
def test_each_control_has_values_to_choose(samples: Asker, field: str) -> None:
    """Those of appliance, account and source."""
    fields = {
        y["explicitInput"]["fieldName"]
        for x in PAGES
        for y in decode(x["attributes"])["controlGroupInput"]["panelsJSON"].values()
    }
    assert field in fields
    values = samples.aggregate({"all": {"terms": {"field": field}}}, "")["all"]["buckets"]
    assert len(values) >= 2


# Rules


def test_queries_in_the_guides_of_rules_can_be_asked(samples: Asker) -> None:
    """What is in braces is filled in of the alert; a button asks the same as the text before it."""
    values = {
        "{{source.ip}}": "203.0.113.66",
        "{{user.name}}": "m.rossi",
        "{{destination.address}}": "198.51.100.250",
    }
    for rule in RULES:
        paragraphs = rule["note"].split("\n\n")
        for step, button in pairwise(paragraphs):
            for query in re.findall(r"`([^`]*: [^`]+)`", step):
                text = re.sub(r"\{\{.+?\}\}", lambda x: values[x[0]], query)
                assert samples.count(text), text
                made = json.loads(button.removeprefix("!{investigate").removesuffix("}"))
                terms = [f'{x["field"]}: "{x["value"]}"' for x in made["providers"][0]]
                assert " and ".join(terms) == query
