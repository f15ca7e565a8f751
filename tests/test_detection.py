"""The detection rules: made of one table, few alerts on ordinary days, and every attack found.

Here logs come in daily files, which is the quickest to run; ``make alerts`` counts all ways.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sigma.backends.elasticsearch.elasticsearch_esql import ESQLBackend
from sigma.backends.splunk.splunk import SplunkBackend
from sigma.collection import SigmaCollection

from tests.detection.arrivals import load
from tests.detection.engine import Engine
from tests.detection.making import ASSETS, made
from tests.detection.measuring import STREAM, Counted, count, install, repeated, rules
from tests.detection.places import LAST, logins
from tests.detection.sigma import RULES as SIGMA
from tests.detection.table import PREFIX
from tests.kibana.asking import Asker
from tests.servers.elasticsearch.running import Node
from tests.world import story
from tests.world.attacks import ATTACKS

pytestmark = pytest.mark.xdist_group("queries")


@pytest.fixture(scope="module")
def counted(query_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Counted:
    """Run all rules on the whole story."""
    folder = tmp_path_factory.mktemp("company") / "logs"
    story.write(folder)
    install(query_node)
    return count(query_node.admin, list(story.documents(folder)), "daily files")


def test_what_is_shipped_is_made_of_the_table() -> None:
    """``make rules`` writes it."""
    files = made()
    assert {x for x, y in files.items() if x.read_text() != y} == set()
    assert set((ASSETS / "sigma").iterdir()) <= set(files)


@pytest.mark.parametrize(("day", "most"), [("Monday", 25), ("expired passwords", 20)])
def test_an_ordinary_day_raises_few_alerts(counted: Counted, day: str, most: int) -> None:
    """Analysts keep the rules switched on."""
    alerts = counted.noise[day]
    assert len(alerts) <= most, alerts


@pytest.mark.parametrize("attack", [x.name for x in ATTACKS])
def test_each_attack_is_found(counted: Counted, attack: str) -> None:
    """By a rule that names its account or source."""
    assert counted.found[attack]


def test_no_attack_raises_an_alert_of_a_rule_twice(counted: Counted) -> None:
    """Of the same account or source."""
    assert repeated(counted) == []


def test_each_rule_finds_an_attack(counted: Counted) -> None:
    """A rule that finds none of the attacks has none to show what it is for."""
    assert {y.rule for x in counted.found.values() for y in x} == set(counted.slowest)


@pytest.mark.parametrize("rule", rules(), ids=lambda x: x["name"])
def test_the_queries_of_a_guide_find_documents(
    counted: Counted, query_node: Node, rule: Mapping[str, Any]
) -> None:
    """With the first value of an alert put in; only a source that did not get in has no login."""
    asker = Asker(query_node.admin, STREAM)
    alerts = [y for x in counted.found.values() for y in x if y.rule == rule["name"]]

    def fill(query: str, values: Mapping[str, Any]) -> str:
        def value(found: re.Match[str]) -> str:
            of = values[found[1]]
            return str(of[0] if isinstance(of, list) else of)

        return re.sub(r"\{\{(.*?)\}\}", value, query)

    queries = re.findall(r'^\d+\. (.*?) `([^`]*: "[^`]*)`', rule["note"], re.MULTILINE)
    assert queries
    for question, query in queries:
        found = [asker.count(fill(query, x.values)) for x in alerts]
        assert any(found) or question.startswith("Did "), question


def test_no_rule_fails_when_an_account_comes_from_thousands_of_places_in_one_file(
    query_node: Node, tmp_path: Path
) -> None:
    """And it is found that it cannot have been at all of them."""
    stream = "logs-cisco_esa.auth-places"
    documents = logins(tmp_path, story.ATTACKED, story.DAY, each=1)
    install(query_node)
    load(query_node.admin, stream, documents, lambda _: story.ATTACKED, geoip=False)
    engine = Engine(query_node.admin, stream)
    hour = timedelta(hours=1)
    alerts = [y for x in rules() for y in engine.alerts(x, story.ATTACKED, story.ATTACKED + hour)]
    assert [x.rule for x in alerts] == [f"{PREFIX}SMTP logins too far apart to travel"]
    assert LAST in alerts[0].values["source.ip"]


def test_the_story_is_the_same_each_time(tmp_path: Path) -> None:
    """It is made by a seed."""
    for name in ("one", "other"):
        story.write(tmp_path / name)
    one, other = (
        [x.read_bytes() for x in sorted((tmp_path / y).glob("*/*"))] for y in ("one", "other")
    )
    assert one == other


@pytest.mark.parametrize("name", SIGMA)
@pytest.mark.parametrize("backend", [ESQLBackend, SplunkBackend])
def test_each_sigma_rule_can_be_converted(
    name: str, backend: type[ESQLBackend | SplunkBackend]
) -> None:
    """For Elasticsearch and for Splunk, correlations included."""
    rules = SigmaCollection.from_yaml(SIGMA[name])
    assert backend().convert(rules)
