"""Every query of what is shipped, run in a real Elasticsearch on the sample logs.

Kibana itself cannot be had here; :mod:`tests.kibana.asking` says what stands for it.
"""

import json
import re
from pathlib import Path

import pytest
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup import setup

from forwarder import SetupOptions
from tests.kibana.asking import Asker
from tests.kibana.loading import load, parse
from tests.servers.elasticsearch.running import PASSWORD, USER, Node
from tests.test_assets import OBJECTS, RULES, decode

pytestmark = pytest.mark.xdist_group("queries")

EXAMPLES = Path(__file__).parents[1] / "examples"
GUIDE = EXAMPLES / "elasticsearch" / "guide.md"

SEARCHES = {x["id"]: x for x in OBJECTS if x["type"] == "search"}
PANELS = {
    x["title"]: x["embeddableConfig"]["attributes"]
    for x in decode(OBJECTS[-1]["attributes"])["panelsJSON"]
    if x["type"] == "lens"
}

Rows = list[tuple[object, ...]]


@pytest.fixture(scope="module")
def installed(query_node: Node) -> Node:
    """Install templates and pipeline, as esa-forwarder setup does."""
    settings = Settings.model_validate(
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


@pytest.mark.parametrize(
    ("identity", "found"),
    [("cisco_esa-refused", 28), ("cisco_esa-without-tls", 3), ("cisco_esa-uncorrelated", 2)],
)
def test_each_saved_search_finds_what_it_is_for(samples: Asker, identity: str, found: int) -> None:
    """With its filter."""
    search = decode(SEARCHES[identity]["attributes"])["kibanaSavedObjectMeta"]["searchSourceJSON"]
    filters = [x["query"] for x in search["filter"]]
    assert len(samples.find(search["query"]["query"], *filters)) == found


def test_each_saved_search_is_tried() -> None:
    """A new one needs what it finds."""
    assert len(SEARCHES) == 3


def test_a_saved_search_shows_columns_that_are_there(samples: Asker) -> None:
    """Each column has a value in one document at least."""
    for search in SEARCHES.values():
        query = decode(search["attributes"])["kibanaSavedObjectMeta"]["searchSourceJSON"]["query"]
        for column in search["attributes"]["columns"]:
            assert samples.count(f"({query['query']}) and {column}: *"), (search["id"], column)


# Panels: the first rows of each, and how many there are

EXPECTED: dict[str, tuple[int, Rows]] = {
    "Logins accepted": (1, [(20,)]),
    "Logins refused": (1, [(28,)]),
    "Users refused": (1, [(15,)]),
    "Sources refused": (1, [(4,)]),
    "Accepted without TLS": (1, [(2,)]),
    "Refused by a smart host": (1, [(3,)]),
    "Logins over time": (
        19,
        [
            ("failure", "2026-03-01T09:00:00.000Z", 12),
            ("failure", "2026-03-01T12:00:00.000Z", 16),
        ],
    ),
    "Sources with the most refusals": (
        4,
        [
            ("203.0.113.66", 14, 1, 1, "2026-03-01T12:15:20.000Z"),
            ("198.51.100.77", 12, 12, 2, "2026-03-01T09:30:05.000Z"),
        ],
    ),
    "Users with the most refusals": (
        10,
        [
            ("m.rossi@example.com", 14, 1, "2026-03-01T12:15:20.000Z"),
            ("admin@example.com", 1, 1, "2026-03-01T09:10:02.000Z"),
        ],
    ),
    "Did they get in? Refused sources, and the users that they logged in as": (
        12,
        [
            ("203.0.113.66", "m.rossi@example.com", 1, 14, "2026-03-01T12:15:24.000Z"),
            ("198.51.100.77", "admin@example.com", 0, 1, None),
        ],
    ),
    "What was sent after the login": (
        12,
        [
            ("m.rossi@example.com", "203.0.113.66", 48.0, 2.0, 96426.0, 2.0),
            ("m.rossi@example.com", "198.51.100.21", 1.0, 1.0, 13684.0, 0.0),
        ],
    ),
    "Sources by country, as the appliance has it": (
        2,
        [("Italy", 10, 0, 7), ("United States", 7, 1, 4)],
    ),
    "Countries of accepted logins, by GeoIP": (2, [("Italy", 15), ("United States", 1)]),
    "Refused by smart hosts": (
        1,
        [
            (
                "198.51.100.250",
                "SmartHost",
                "5.7.8 Error: authentication failed: password expired",
                3,
                "2026-03-01T16:00:04.000Z",
            )
        ],
    ),
    "Mechanisms": (2, [("LOGIN", 32, 3, 17), ("PLAIN", 12, 0, 7)]),
    "TLS of logins": (3, [("1.2", 32), ("1.3", 12), ("(missing)", 3)]),
}


@pytest.mark.parametrize("title", EXPECTED)
def test_each_panel_shows_what_is_in_the_logs(samples: Asker, title: str) -> None:
    """Numbers were counted in the logs by hand."""
    rows = samples.rows_of_panel(PANELS[title])
    count, first = EXPECTED[title]
    assert (len(rows), rows[: len(first)]) == (count, first)


def test_each_panel_is_tried() -> None:
    """A new one needs what it shows."""
    assert list(PANELS) == list(EXPECTED)


@pytest.mark.parametrize("field", ["host.name", "user.name", "source.ip"])
def test_each_control_has_values_to_choose(samples: Asker, field: str) -> None:
    """Those of appliance, user and source."""
    controls = decode(OBJECTS[-1]["attributes"])["controlGroupInput"]["panelsJSON"].values()
    assert field in {x["explicitInput"]["fieldName"] for x in controls}
    values = samples.aggregate({"all": {"terms": {"field": field}}}, "")["all"]["buckets"]
    assert len(values) >= 2


# Rules


def test_queries_in_the_guides_of_rules_can_be_asked(samples: Asker) -> None:
    """What is in braces, an analyst puts in."""
    values = {"{address}": "203.0.113.66", "{user}": "m.rossi@example.com"}
    for rule in RULES:
        for query in re.findall(r"`([^`]+)`", rule["note"]):
            if ":" in query:
                text = re.sub(r"\{\w+\}", lambda x: values[x[0]], query)
                assert samples.count(text), text


# The guide


def questions() -> list[tuple[str, str]]:
    """Give the guide's questions with their queries."""
    pattern = r"^## (\d+\. .+?)\n\n```kql\n(.+?)\n```$"
    return re.findall(pattern, GUIDE.read_text(), re.MULTILINE | re.DOTALL)


ANSWERS = (28, 1, 2, 2, 1, 1, 2, 38, 3, 1, 2, 4)


@pytest.mark.parametrize(
    ("question", "found"),
    [(x, y) for x, y in zip(questions(), ANSWERS, strict=True)],
    ids=[x.partition(".")[0] for x, _ in questions()],
)
def test_each_query_of_the_guide_finds_what_is_asked_for(
    samples: Asker, question: tuple[str, str], found: int
) -> None:
    """As many documents as the sample logs have of it."""
    assert samples.count(question[1]) == found


def test_the_guide_answers_twelve_questions() -> None:
    """And names only documents that there are."""
    assert len(questions()) == 12
    assert json.dumps(GUIDE.read_text()).count("```kql") == 12
