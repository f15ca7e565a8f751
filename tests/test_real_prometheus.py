"""Prometheus reads the metrics, and promtool accepts what the examples have for it."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.app.metrics import PREFIX, TABLE
from forwarder.app.status import Observation
from forwarder.app.web import HttpServer, Site
from forwarder.config.models import HttpSettings
from forwarder.testing import wait_until
from tests.servers.building import NotToBeHad
from tests.servers.prometheus import Prometheus, build, promtool
from tests.test_web_site import HOSTILE, seen, spool

__all__ = ["seen", "spool"]

EXAMPLES = Path(__file__).parents[1] / "examples" / "prometheus"
ALERTS = EXAMPLES / "alerts.yml"
DASHBOARD = json.loads((EXAMPLES / "grafana.json").read_text())
TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def programs() -> Path:
    """Return the folder of Prometheus's programs."""
    try:
        return build()
    except NotToBeHad as error:
        pytest.skip(str(error))


def queries() -> Iterator[str]:
    """Give those of the dashboard, as Grafana asks them."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")


@pytest.mark.parametrize("text", [ALERTS.read_text(), json.dumps(DASHBOARD)])
def test_the_examples_name_metrics_that_there_are(text: str) -> None:
    """With the parts of histograms."""
    names = {PREFIX + x.name for x in TABLE}
    names |= {f"{PREFIX}{x.name}_bucket" for x in TABLE if x.is_histogram}
    found = set(re.findall(rf"\b{PREFIX}\w+", text))
    assert len(found) > 10
    assert found <= names


def test_promtool_accepts_the_examples(programs: Path, tmp_path: Path) -> None:
    """Alerts, configuration, and the queries of the dashboard."""
    for name in ("alerts.yml", "prometheus.yml"):
        shutil.copy(EXAMPLES / name, tmp_path)
    promtool(programs, "check", "config", tmp_path / "prometheus.yml")
    rules = [{"record": f"panel_{x}", "expr": y} for x, y in enumerate(queries())]
    (tmp_path / "panels.yml").write_text(
        json.dumps({"groups": [{"name": "panels", "rules": rules}]})
    )
    promtool(programs, "check", "rules", tmp_path / "panels.yml")


def test_each_alert_fires_when_it_should(programs: Path, tmp_path: Path) -> None:
    """And not on a good day."""
    shutil.copy(ALERTS, tmp_path)
    shutil.copy(Path(__file__).with_name("prometheus_alerts.yml"), tmp_path / "tests.yml")
    promtool(programs, "test", "rules", tmp_path / "tests.yml")
    names = re.findall(r"alert: (\w+)", ALERTS.read_text())
    assert [x for x in names if x not in (tmp_path / "tests.yml").read_text()] == []


def test_promtool_finds_no_fault_in_the_metrics(programs: Path, seen: Observation) -> None:
    """Their names, types and help texts are as Prometheus wants them."""
    site = Site()
    site.show(seen)
    text = site.answer("/metrics", "").body.decode()
    assert promtool(programs, "check", "metrics", given=text) == ""


def test_prometheus_scrapes_the_service(programs: Path, seen: Observation, tmp_path: Path) -> None:
    """With a token; labels that strangers chose are read as they are."""
    site = Site()
    site.show(seen)
    settings = HttpSettings.model_validate({"listen": "127.0.0.1:0", "token": TOKEN})
    with closing(HttpServer(settings, site.answer)) as server:
        scrape = {
            "job_name": "esa-forwarder",
            "authorization": {"credentials": TOKEN},
            "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}],
        }
        with closing(Prometheus(programs, tmp_path / "prometheus", scrape)) as prometheus:
            prometheus.start()
            wait_until(lambda: bool(prometheus.ask("up == 1")))
            (found,) = prometheus.ask(f"{PREFIX}behind_bytes")
            for query in queries():
                prometheus.ask(query)
    assert found["value"][1] == "7"
    assert found["metric"]["appliance"].startswith("<script>alert(1)</script>\\x1b[2J")
    assert len(found["metric"]["appliance"]) > len(HOSTILE)
