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
        "type": "esql",
        "interval": "5m",
        "from": "now-30m",
        "max_signals": 100,
        **rule,
    }
    return len(engine.alerts(whole, START, START + timedelta(hours=1)))


def test_a_row_is_an_alert_in_each_run(engine: Engine) -> None:
    """From the run at ten minutes to that at forty: the id of an alert has the run's window."""
    assert alerts(engine, query=COUNTED) == 6


def test_a_run_raises_no_more_alerts_than_its_limit(engine: Engine) -> None:
    """The rest is lost, unless it is in the window of a later run."""
    query = COUNTED.replace("refusals >= 20", "refusals == 1")
    assert alerts(engine, query=query, max_signals=2, **{"from": "now-5m"}) == 2
