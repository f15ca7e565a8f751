"""What the service answers over HTTP: metrics, health and the page, of whatever is seen of it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from forwarder.app.metrics import PREFIX, TABLE
from forwarder.app.status import Observation, observe
from forwarder.app.web import OLD_SECONDS, SAMPLE_SECONDS, HttpServer, Site
from forwarder.config.models import HttpSettings
from forwarder.delivery.health import Meter
from forwarder.output import Failure
from forwarder.spool.cursors import OutputError, Rejecting
from forwarder.spool.dead_letters import dead_letter
from forwarder.spool.spool import Spool
from tests import metrics_table
from tests.spooling import documents, opened, read
from tests.test_cli_status import INGEST, NOW

ROOT = Path(__file__).parents[1]
HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e\"'&\n=1+1"
LISTENER = {
    "address": "tcp://127.0.0.1:5514",
    **dict.fromkeys(("messages", "connections", "cut", "incomplete", "not_allowed"), 3),
    **dict.fromkeys(("over_limit", "idle", "tls_failed", "dropped"), 4),
    "tls_error": HOSTILE,
}


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Open a spool with some of everything in it, of which much comes from strangers."""
    appliances: Any = INGEST["appliances"]
    ingest = INGEST | {
        "appliances": [
            {**x, "appliance": HOSTILE + x["appliance"], "bytes": 9} for x in appliances
        ],
        "listeners": [LISTENER],
        "events": [["smtp-authentication", "success", 5], ["smtp-session-closed", None, 2]],
        "behind_of": {HOSTILE: 7},
        "bytes": 1000,
        "lines": 10,
        "problems": [HOSTILE],
    }
    with closing(opened(tmp_path, "siem", "archive")) as spool:
        spool.commit(documents(0, 20), [("status/ingest", orjson.dumps(ingest))])
        batch = read(spool, "siem", 3)
        letter = dead_letter("siem", Failure(batch.documents[0], HOSTILE), NOW)
        rejecting = Rejecting(1, 3, HOSTILE, NOW.timestamp())
        spool.advance("siem", batch, [letter], rejecting=rejecting)
        spool.note("archive", OutputError(HOSTILE, 0, 0))
        yield spool


@pytest.fixture
def seen(spool: Spool) -> Observation:
    """Look at it."""
    meter = Meter()
    meter.add(3, 0.02, delivered=True)
    return observe(spool.folder, [])._replace(meters={"siem": meter, "archive": Meter()})


def get(seen: Observation | None, path: str, accept: str = "") -> tuple[int, str, str]:
    """Ask a site of one observation; return status, type and text."""
    site = Site()
    if seen is not None:
        site.show(seen)
    answer = site.answer(path, accept)
    return answer.status, answer.type, answer.body.decode()


def test_the_metrics_are_those_of_the_table(seen: Observation) -> None:
    """Each once, with its labels; Prometheus can read them, whatever is in them."""
    code, kind, text = get(seen, "/metrics")
    assert (code, kind.split(";")[0]) == (200, "text/plain")
    found = {x.name: x for x in text_string_to_metric_families(text)}
    assert list(found) == [(PREFIX + x.name).removesuffix("_total") for x in TABLE]
    for metric, defined in zip(found.values(), TABLE, strict=True):
        assert metric.type == defined.kind
        assert metric.samples, metric.name
        for sample in metric.samples:
            assert set(sample.labels) - {"le"} == set(defined.labels)
    values = {(x.name, *x.labels.values()): x.value for y in found.values() for x in y.samples}
    wanted = {
        ("attention", "critical"): 1,
        ("events_total", "smtp-authentication", "success"): 5,
        ("read_lines_total",): 10,
        ("parse_warnings_total", "unparsed_logins"): 1234,
        ("output_waiting_documents", "siem"): 17,
        ("output_delivered_total", "siem"): 2,
        ("output_failing", "archive"): 1,
        ("output_batch_documents_bucket", "10", "siem"): 1,
        ("output_batch_documents_sum", "siem"): 3,
        ("output_call_seconds_bucket", "0.005", "siem"): 0,
        ("output_call_seconds_bucket", "0.025", "siem"): 1,
        ("dead_letters", "siem"): 1,
        ("listener_refused_total", "tcp://127.0.0.1:5514", "dropped"): 4,
    }
    assert {(PREFIX + x, *y): z for (x, *y), z in wanted.items()}.items() <= values.items()
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_prometheus_gets_the_format_that_it_asks_for(seen: Observation) -> None:
    """OpenMetrics, which ends with a mark."""
    _, kind, text = get(seen, "/metrics", "application/openmetrics-text;version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


def test_the_documents_have_the_table() -> None:
    """`make docs` writes it."""
    text = (ROOT / "docs" / "monitoring.md").read_text()
    assert metrics_table.page(text) == text


def test_readiness_has_its_reasons(seen: Observation) -> None:
    """What needs attention and is not critical is no reason not to be ready, but is told."""
    code, kind, text = get(seen, "/readyz")
    assert (code, kind.split(";")[0]) == (503, "application/json")
    found = json.loads(text)
    assert not found["ready"]
    assert [x["subject"] for x in found["reasons"]][:2] == ["output archive", "output siem"]
    assert "\x1b" not in text
    reasons = [x for x in seen.status["attention"] if not x.critical]
    code, _, text = get(seen._replace(status={**seen.status, "attention": reasons}), "/readyz")
    assert (code, json.loads(text)) == (200, {"ready": True, "reasons": [*map(asdict, reasons)]})


def test_one_that_does_not_look_any_more_is_not_ready(seen: Observation) -> None:
    """It hangs; the page and the metrics tell so, too."""
    old = seen._replace(at=seen.at - OLD_SECONDS - 1, status={**seen.status, "attention": []})
    code, _, text = get(old, "/readyz")
    assert code == 503
    assert json.loads(text)["reasons"][0]["what"].startswith("has not updated its status for 1")
    assert "has not updated its status" in get(old, "/")[2]


@pytest.mark.parametrize(
    ("path", "code"), [("/healthz", 200), ("/readyz", 503), ("/", 503), ("/metrics", 503)]
)
def test_at_the_start_there_is_nothing_to_show(path: str, code: int) -> None:
    """It lives all the same."""
    assert get(None, path)[0] == code


def test_there_is_nothing_else(seen: Observation) -> None:
    """Whatever is asked for."""
    assert get(seen, "/../etc/passwd")[0] == 404


def test_what_strangers_write_is_harmless_in_the_page(seen: Observation) -> None:
    """No markup of theirs, no control characters, nothing loaded, no style of an element's own."""
    code, kind, text = get(seen, "/")
    assert (code, kind.split(";")[0]) == (200, "text/html")
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J\\u202e&quot;&#x27;&amp;") > 5
    assert set(re.findall(r"<(\w+)", text)) <= {
        *("html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "p"),
        *("div", "b", "ul", "li", "strong", "em", "table", "tr", "th", "td"),
    }
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]|\bon\w+=| style=|src=|href=|url\(", text)


def test_all_is_well(seen: Observation) -> None:
    """It says so."""
    text = get(seen._replace(status={**seen.status, "attention": []}), "/")[2]
    assert "<b>All is well.</b>" in text
    assert "<title>esa-forwarder on " in text


def test_the_last_minutes_are_drawn(seen: Observation) -> None:
    """Rates from one look to another; after a reload, counts begin at zero."""
    site = Site()
    now = seen.at

    def after(seconds: float, successes: int, failures: int) -> Observation:
        events = [["smtp-authentication", "success", successes]]
        events.append(["smtp-relay-authentication", "failure", failures])
        status = {**seen.status, "inputs": {**seen.status["inputs"], "events": events}}
        return seen._replace(at=now - 60 + seconds, status=status)

    for number in range(3):
        site.show(after(number, 1_000 * number, 0))
    page = site.answer("/", "").body.decode()
    assert "<svg" not in page  # all of it is one moment
    site.show(after(SAMPLE_SECONDS, 20, 5))
    site.show(after(2 * SAMPLE_SECONDS, 10, 7))
    page = site.answer("/", "").body.decode()
    assert page.count("<svg") == 3
    assert "Logins a minute; at most 150<" in page
    assert "success 60<" in page
    assert "failure 12<" in page
    assert ": 120 success, 30 failure, 0 other</title>" in page
    assert ": 60 success, 12 failure, 0 other</title>" in page


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_shows_the_page(seen: Observation, tmp_path: Path) -> None:
    """With its style and no script, and without a complaint about the policy."""
    site = Site()
    site.show(seen)
    server = HttpServer(HttpSettings.model_validate({"listen": "127.0.0.1:0"}), site.answer)
    with closing(server):
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu"]
        command += [f"--user-data-dir={tmp_path}", "--enable-logging=stderr", "--dump-dom"]
        done = subprocess.run(  # noqa: S603 - our own
            [*command, f"http://127.0.0.1:{server.port}/"],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    assert " things need attention" in done.stdout
    assert "&lt;script&gt;" in done.stdout
    assert "<script" not in done.stdout
    assert "CONSOLE" not in done.stderr


def test_to_look_drops_no_lock(spool: Spool) -> None:
    """Whoever opens a file of this process's database and closes it, drops the locks on it."""
    inode = (spool.folder / "spool.db").stat().st_ino

    def locks() -> int:
        return Path("/proc/locks").read_text().count(f":{inode} ")

    before = locks()
    assert before
    observe(spool.folder, [])
    assert locks() == before
