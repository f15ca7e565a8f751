"""What is known of each appliance, and when one is silent."""

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from forwarder.app.input_status import GONE, Fleet
from forwarder.config.load import load
from forwarder.mail_logs.appliance_counts import MAX_APPLIANCES, ApplianceCounts
from forwarder.pipeline import LogParser, Settings
from forwarder.plugins import find_outputs

HEADER = b"Wed Apr 22 11:43:59 2009 Info: Time offset from UTC: 7200 seconds\n"
LINES = (
    HEADER
    + b"Wed Apr 22 11:44:48 2009 Info: New SMTP ICID 450 interface D (192.0.2.25)"
    + b" address 203.0.113.9 reverse dns host a verified no\n"
    + b"Wed Apr 22 11:44:49 2009 Info: SMTP Auth: (ICID 450) succeeded for user: a using AUTH"
    + b" mechanism: PLAIN with profile: P\n"
    + b"Wed Apr 22 11:44:50 2009 Info: SMTP Auth: (ICID 451) failed for user: b using AUTH"
    + b" mechanism: PLAIN with profile: P\n"
)
LAST = 1_240_393_490  # Wed Apr 22 11:44:50 2009, at two hours east


@pytest.mark.parametrize(
    ("lines", "bytes_"),
    [
        (LINES, len(LINES)),
        # Syslog lines are rewritten: so they are counted.
        (b"Apr 22 11:44:50 esa1 mail_logs: Info: ICID 9 close\n", None),
    ],
)
def test_what_is_read_of_an_appliance(lines: bytes, bytes_: int | None) -> None:
    """With the time of its latest line."""
    parser = LogParser(Settings(year=2009, count_appliances=True))
    file = parser.open("esa1", None)
    assert len(file.feed(lines)) + len(file.settle()) == 2 * (bytes_ is not None)
    (counts,) = parser.take_appliance_counts().values()
    assert parser.take_appliance_counts() == {}
    if bytes_ is None:
        assert counts.last_line == LAST + 7200
        assert counts.bytes > 0
    else:
        assert counts == ApplianceCounts(bytes_, 2, 1, LAST, 2)


def test_an_appliance_that_goes_silent_is_named_once_and_once_more_when_it_sends() -> None:
    """Nothing is said of one that may be silent, and of the time before the service began."""
    now = [1_000.0]
    limits = {"a": timedelta(minutes=1), "b": None, "c": timedelta(minutes=1)}
    before = Fleet([], limits.__getitem__, lambda: now[0])
    before.add({x: ApplianceCounts(bytes=500, last_line=990) for x in limits})
    saved = before.describe()
    assert [x["appliance"] for x in saved] == ["a", "b", "c"]
    assert saved[0]["lag_seconds"] == 10
    now[0] += 5_000
    fleet = Fleet(saved, limits.__getitem__, lambda: now[0])
    with capture_logs() as logs:
        fleet.log_silence()
        now[0] += 50
        fleet.add({"a": ApplianceCounts(bytes=500)})
        now[0] += 50
        fleet.log_silence()
        fleet.log_silence()
    assert [(x["appliance"], x["since"]) for x in logs] == [("c", "1970-01-01T00:16:40Z")]
    assert [x["silent_since"] for x in fleet.describe()] == [None, None, 1_000]
    assert [x["bytes_per_second"] for x in fleet.describe()] == [0, 0, 0]
    # A restart does not say it again.
    fleet = Fleet(fleet.describe(), limits.__getitem__, lambda: now[0])
    with capture_logs() as logs:
        now[0] += 100
        fleet.add({"a": ApplianceCounts(bytes=1)})
        fleet.log_silence()
        fleet.add({"c": ApplianceCounts(bytes=1)})
    assert [(x["appliance"], x["log_level"]) for x in logs] == [("c", "info")]
    now[0] += GONE.total_seconds() + 1
    with capture_logs() as logs:
        fleet.log_silence()
    assert logs == []
    assert fleet.describe() == []


def test_the_rate_is_since_the_last_time() -> None:
    """In bytes a second."""
    now = [0.0]
    fleet = Fleet([], lambda _: None, lambda: now[0])
    rates = []
    for seconds, size in ((5, 5_000), (10, 500), (5, 0)):
        now[0] += seconds
        fleet.add({"a": ApplianceCounts(bytes=size)})
        rates.append(fleet.describe()[0]["bytes_per_second"])
    assert rates == [1_000, 50, 0]


def test_names_that_strangers_invent_are_bounded() -> None:
    """The ones that were heard last stay."""
    fleet = Fleet([], lambda _: None)
    for number in range(MAX_APPLIANCES + 5):
        fleet.add({f"{number:05}": ApplianceCounts(bytes=1)})
    rows = fleet.describe()
    assert len(rows) == MAX_APPLIANCES
    assert rows[0]["appliance"] == "00005"


def test_an_appliance_may_have_a_limit_of_its_own(tmp_path: Path) -> None:
    """Else it is that of all."""
    path = tmp_path / "esa.yaml"
    path.write_text(
        f"state: {tmp_path}\ninputs: [{{type: stdin}}]\noutputs: {{out: {{type: stdout}}}}\n"
        "silence: 1h\nappliances: {esa1: {silence: 5m}, esa2: {}}\n"
    )
    config = load(path, find_outputs)
    limits = [config.silence_of(x) for x in ("esa1", "esa2", "esa3")]
    assert limits == [timedelta(minutes=5), timedelta(hours=1), timedelta(hours=1)]
