"""The rule engine counts alerts as Kibana does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.detection.arrivals import ARRIVALS, load
from tests.detection.engine import Engine
from tests.detection.measuring import install
from tests.kibana.loading import parse
from tests.servers.elasticsearch.running import Node
from tests.world.mail_log import MailLog

pytestmark = pytest.mark.xdist_group("queries")

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
STREAM = "logs-cisco_esa.auth-engine"
REFUSED = 'event.outcome: "failure"'
COUNTED = (
    'FROM logs-cisco_esa.auth-*\n| WHERE event.outcome == "failure"\n'
    "| STATS refusals = COUNT(*) BY source.ip\n| WHERE refusals >= 20\n| LIMIT 100"
)


@pytest.fixture(scope="module")
def engine(query_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Load 40 refusals of one source, one every 20 seconds, and one of each of three others."""
    log = MailLog(1)
    for number in range(40):
        log.login(START + timedelta(seconds=20 * number), "u1", "240.0.0.1", good=False)
    for number in range(3):
        log.login(START + timedelta(minutes=1), "u2", f"240.0.0.{2 + number}", good=False)
    folder = tmp_path_factory.mktemp("engine") / "logs"
    log.save(folder)
    install(query_node)
    documents = parse(str(folder / "{appliance}" / "mail*"))
    load(query_node.admin, STREAM, documents, ARRIVALS["as it happens"])
    return Engine(query_node.admin, STREAM)


def alerts(engine: Engine, **rule: object) -> int:
    """Count the alerts of a rule that runs every five minutes, for an hour."""
    whole: dict[str, Any] = {
        "name": "rule",
        "interval": "5m",
        "from": "now-30m",
        "max_signals": 100,
        **rule,
    }
    return len(engine.alerts(whole, START, START + timedelta(hours=1)))


def test_rows_of_esql_are_alerts_in_each_run(engine: Engine) -> None:
    """From the run at ten minutes to that at forty: the id of an alert has the run's window."""
    assert alerts(engine, type="esql", query=COUNTED) == 6


def test_documents_of_esql_are_alerts_once(engine: Engine) -> None:
    """Their id is that of the document."""
    query = (
        "FROM logs-cisco_esa.auth-* METADATA _id\n"
        '| WHERE user.name == "u2"\n| KEEP _id, source.ip\n| LIMIT 100'
    )
    assert alerts(engine, type="esql", query=query) == 3


def test_a_run_raises_no_more_alerts_than_its_limit(engine: Engine) -> None:
    """The rest is found by later runs, as long as it is in their window."""
    threshold = {"field": ["source.ip"], "value": 1, "cardinality": []}
    rule = {"type": "threshold", "query": 'user.name: "u2"', "threshold": threshold}
    assert alerts(engine, **rule, max_signals=2, **{"from": "now-5m"}) == 2


def test_a_threshold_rule_counts_no_document_twice(engine: Engine) -> None:
    """Each of the three runs in which ten or more are new raises one alert, and no later run."""
    threshold = {"field": ["source.ip"], "value": 10, "cardinality": []}
    assert alerts(engine, type="threshold", query=REFUSED, threshold=threshold) == 3


def test_a_new_term_is_an_alert_once(engine: Engine) -> None:
    """However many windows its first document is in."""
    rule = {"new_terms_fields": ["source.ip"], "history_window_start": "now-7d"}
    assert alerts(engine, type="new_terms", query=REFUSED, **rule) == 4
