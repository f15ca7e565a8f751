"""Calls of an output that do not come back: said in the log, and in the status."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from forwarder.app.service import Service
from forwarder.app.status import describe
from forwarder.cli.status import as_text
from forwarder.delivery.health import CallWatchdog
from forwarder.events import Document
from forwarder.spool.cursors import OutputError
from forwarder.spool.spool import Spool
from forwarder.spool.stats import summarise
from forwarder.text import json_text
from tests.services import Told, append, configured, logins
from tests.spooling import opened

NOW = datetime(2026, 3, 1, 6, 41, 9, tzinfo=UTC)
SINCE = "2026-03-01T06:41:09Z"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Open a spool with an output."""
    with closing(opened(tmp_path, "siem")) as spool:
        yield spool


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever is going on be long."""
    monkeypatch.setattr("forwarder.delivery.health.NOTE_AFTER", timedelta())
    monkeypatch.setattr("forwarder.delivery.health.WARN_AFTER", timedelta())


def shown(folder: Path) -> tuple[object, str]:
    """Return what status says: the value in JSON, and the last column of the table."""
    summary = summarise(folder)
    (line,) = [x for x in as_text(describe(summary, NOW)) if x.startswith("siem")]
    value = orjson.loads(json_text(describe(summary, NOW)))["outputs"]["siem"]["attempt_since"]
    return value, line.split("  ")[-1]


@pytest.mark.usefixtures("soon")
def test_a_call_that_takes_long_is_said_once_and_so_is_its_end(
    spool: Spool, tmp_path: Path
) -> None:
    """With the name of the output; the status says it as long as it is so."""
    attempts = CallWatchdog("siem", spool, NOW.timestamp)
    with capture_logs() as logs:
        attempts.look()
        with attempts.calling("write"):
            for _ in range(3):
                attempts.look()
            assert shown(tmp_path) == (SINCE, f"a call has been running since {SINCE}")
        attempts.look()
    assert [(x["log_level"], x["output"], x["call"]) for x in logs] == [
        ("warning", "siem", "write"),
        ("info", "siem", "write"),
    ]
    assert shown(tmp_path) == (None, "nothing delivered yet")


def test_a_call_that_is_quick_is_not_said(spool: Spool, tmp_path: Path) -> None:
    """Nor is anything written for it."""
    attempts = CallWatchdog("siem", spool, NOW.timestamp)
    with capture_logs() as logs, attempts.calling("open"):
        attempts.look()
        assert shown(tmp_path) == (None, "nothing delivered yet")
    assert logs == []


@pytest.mark.usefixtures("soon")
def test_errors_are_said_beside_it(spool: Spool, tmp_path: Path) -> None:
    """Those before it as well."""
    attempts = CallWatchdog("siem", spool, NOW.timestamp)
    spool.note("siem", OutputError("away", NOW.timestamp(), NOW.timestamp()))
    with capture_logs(), attempts.calling("open"):
        attempts.look()
        assert shown(tmp_path)[1] == (
            f"failing since {SINCE}; a call has been running since {SINCE}: away ({SINCE})"
        )
        spool.note("siem", None)
        assert shown(tmp_path)[1] == (
            f"a call has been running since {SINCE}; last error {SINCE}: away"
        )


@pytest.mark.usefixtures("soon")
def test_nothing_is_going_on_where_nothing_runs(tmp_path: Path) -> None:
    """As after a kill; the next start knows of none."""
    with closing(opened(tmp_path, "siem")) as spool:
        spool.note_attempt("siem", NOW.timestamp())
    assert shown(tmp_path) == (None, "nothing delivered yet")
    with closing(opened(tmp_path, "siem")):
        assert shown(tmp_path) == (None, "nothing delivered yet")


@pytest.mark.usefixtures("soon")
def test_what_comes_back_after_the_end_makes_no_noise(tmp_path: Path) -> None:
    """No reference to it is left."""
    spool = opened(tmp_path, "siem")
    attempts = CallWatchdog("siem", spool, NOW.timestamp)
    with capture_logs(), attempts.calling("write"):
        attempts.look()
        spool.close()


@pytest.mark.parametrize(("method", "is_told"), [("write", True), ("close", False)])
def test_an_abandoned_call_does_not_deliver(
    spool: Spool, tmp_path: Path, method: str, *, is_told: bool
) -> None:
    """The status says so until the next start; what is only closed has everything."""
    attempts = CallWatchdog("siem", spool, NOW.timestamp)
    attempts.abandon()
    with attempts.calling(method):
        attempts.abandon()
        said = "it did not return from write before the service ended"
        trouble = f"failing since {SINCE}: {said} ({SINCE})"
        assert shown(tmp_path) == (None, trouble if is_told else "nothing delivered yet")


@pytest.mark.usefixtures("soon")
def test_the_service_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the output is in the call."""
    monkeypatch.setattr("forwarder.app.runtime.LOOK_SECONDS", 0.01)
    is_over = threading.Event()

    def wait(_: Sequence[Document]) -> None:
        while "Output has not returned from a call for long" not in said():
            assert not is_over.wait(0.01)

    def said() -> str:
        heard.append(capsys.readouterr().err)
        return "".join(heard)

    heard: list[str] = []
    append(tmp_path, logins(1))
    told = Told(wait)
    read = configured(tmp_path, told)
    timer = threading.Timer(60, is_over.set)
    timer.start()
    assert Service(read(), read, once=True).run()
    timer.cancel()
    assert "output=told call=write" in said()
    assert len(told.taken) == 1
