"""What needs attention: each kind, in words that say what to do, and only while it is so."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from forwarder.app import input_status
from forwarder.app.input_status import InputStatus
from forwarder.app.parser_client import CheckpointReply
from forwarder.app.status import findings
from forwarder.events import Counters
from forwarder.inputs.files.discovery import FileSource
from forwarder.inputs.files.tailer import FileTailer
from tests.services import logins

NOW = 1_772_347_269.0  # 2026-03-01T06:41:09Z
AT = "2026-03-01T06:41:09Z"
OUTPUT = {
    "oldest_seconds": None,
    "failing_since": None,
    "stopped": False,
    "attempt_since": None,
    "last_error": None,
    "rejecting": None,
    "put_off": 0,
    "put_off_for": None,
    "dropped": None,
}
INPUTS: dict[str, Any] = {
    "has_logs": True,
    "behind_bytes": 0,
    "behind_since": None,
    "appliances": [],
}
APPLIANCE = {"appliance": "esa1", "silent_since": None, "bytes_per_second": 2_000}
PLACE = {"time": AT, "path": "/srv/mail"}
REJECTING = {"number": 3, "of": 90, "reason": "no ip", "time": AT}
NEWEST = [{"reason": "no ip", "number": 2, "time": AT}]


def status(
    *,
    letters: int = 0,
    inputs: dict[str, Any] | None = None,
    reading: tuple[str | None, str | None] = (None, None),
    used: int = 0,
    **output: object,
) -> dict[str, Any]:
    """Make a status in which all is well but for this."""
    return {
        "reading": dict(zip(("paused_since", "reason"), reading, strict=True)),
        "spool": {"bytes": used, "max_bytes": 100},
        "outputs": {"siem": OUTPUT | output},
        "dead_letters": {"siem": {"number": letters, "newest": NEWEST}} if letters else {},
        "inputs": INPUTS | (inputs or {}),
    }


@pytest.mark.parametrize(
    ("state", "said", "critical"),
    [
        (status(reading=(AT, "the disk is full")), f"reading: paused since {AT}: the disk", True),
        (status(used=91), "spool: 91% full; see which output does not deliver", False),
        (
            status(failing_since=AT, last_error="refused"),
            f"output siem: failing since {AT}: refused; its documents wait",
            True,
        ),
        (
            status(failing_since=AT, last_error="KeyError", stopped=True),
            f"output siem: stopped since {AT}: KeyError; fix the cause, then restart",
            True,
        ),
        (status(attempt_since=AT), f"output siem: a call has been running since {AT}", True),
        (
            status(oldest_seconds=3_661.2),
            "output siem: behind: its oldest document has waited for 1:01:01; see why",
            False,
        ),
        (
            status(letters=1, rejecting=REJECTING),
            f"output siem: 1 dead letter; the last was rejected at {AT}: no ip; see",
            False,
        ),
        (
            status(letters=90, rejecting=REJECTING | {"number": 90}),
            f"output siem: 90 dead letters; the last was rejected at {AT}: no ip; see",
            True,
        ),
        (
            status(letters=1, put_off=1, put_off_for="403"),
            "output siem: 1 document postponed: 403; they are retried",
            False,
        ),
        (
            status(dropped={"documents": 4, "first": PLACE, "last": PLACE}),
            (
                "output siem: 4 documents dropped because the spool was full, from"
                f" {AT} in /srv/mail to {AT} in /srv/mail; to bring them back: esa-forwarder rewind"
                " --output siem PATH, for"
            ),
            False,
        ),
        (
            status(inputs={"geoip_trouble": "'/x' cannot be read: it is damaged"}),
            "GeoIP: '/x' cannot be read: it is damaged; its old content is used; put a",
            False,
        ),
        (status(inputs={"has_logs": False}), "inputs: nothing matches the paths; mount", True),
        (
            status(
                inputs={
                    "behind_bytes": 5_000_000,
                    "behind_since": NOW - 10,
                    "appliances": [APPLIANCE],
                }
            ),
            (
                "inputs: 5,000,000 bytes are not read yet, since 2026-03-01T06:40:59Z, at 2,000"
                " bytes a second; wait if"
            ),
            False,
        ),
        (
            status(inputs={"appliances": [APPLIANCE | {"silent_since": NOW}]}),
            f"appliance esa1: silent since {AT}; see whether it runs",
            False,
        ),
        (
            status(
                inputs={
                    "mixtures": [
                        {"appliance": "esa1", "by": "files", "first": "a", "second": "b"},
                    ]
                }
            ),
            "appliance esa1: the logs of esa1 come from two machines, by their files a and b",
            False,
        ),
        (
            status(
                inputs={
                    "appliance_warnings": [{"kind": "clock", "appliance": "esa1", "detail": "2 h"}]
                }
            ),
            "appliance esa1: has another time than this host",
            False,
        ),
        (
            status(inputs={"problems": ["'x' cannot be read."]}),
            "inputs: 'x' cannot be read",
            False,
        ),
    ],
)
def test_what_needs_attention(state: dict[str, Any], said: str, *, critical: bool) -> None:
    """One finding each."""
    (finding,) = findings(state)
    assert finding.sentence.startswith(said)
    assert finding.critical is critical


@pytest.mark.parametrize(
    "state",
    [
        status(),
        status(oldest_seconds=59, used=90, last_error="over"),
        status(inputs={"behind_bytes": 5}),
        status(inputs={"has_logs": None}),
        status() | {"inputs": None},
    ],
)
def test_what_is_well_needs_none(state: dict[str, Any]) -> None:
    """Nor does what is over, or has only begun."""
    assert list(findings(state)) == []


def test_reading_that_is_behind_is_logged_once_and_so_is_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status says since when."""
    monkeypatch.setattr(input_status, "_MUCH_BEHIND", 5)
    monkeypatch.setattr(input_status, "_BEHIND_SECONDS", 0.0)
    monkeypatch.setattr(input_status, "STATUS_SECONDS", 0.0)
    (tmp_path / "mail.1").write_bytes(logins(1))
    with closing(FileTailer([FileSource((f"{tmp_path}/mail*",))], [])) as tailer:
        (chunk,) = tailer.read(5)
        status = InputStatus(tailer, [], {})

        def take() -> dict[str, Any]:
            status.due = 0.0
            return {
                x: y
                for _, value in status.take(CheckpointReply({}, [], Counters(), 0, {}, {}))
                for x, y in orjson.loads(value).items()
            }

        with capture_logs() as logs:
            before = time.time()
            assert before <= take()["behind_since"] <= time.time()
            take()
            tailer.save({chunk.key: (len(chunk.data), b"")})
            assert take()["behind_since"] is None
            take()
    assert [x["event"] for x in logs] == [
        "Reading is behind the logs; see esa-forwarder status.",
        "Reading has caught up with the logs.",
    ]
