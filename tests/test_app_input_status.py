"""What the log says of the inputs."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from forwarder.app.input_status import (
    AGAIN_SECONDS,
    MAX_STATUS_FILES,
    InputStatus,
    InputWarnings,
)
from forwarder.app.parser_client import CheckpointReply
from forwarder.events import WARNINGS, Counters
from forwarder.inputs.files.discovery import FileSource
from forwarder.inputs.files.tailer import FileTailer
from forwarder.mail_logs.subscriptions import OtherLog


def test_many_files_that_are_no_logs_do_not_fill_the_log(tmp_path: Path) -> None:
    """A hundred are named, and then that there are more."""
    for number in range(MAX_STATUS_FILES + 50):
        (tmp_path / f"mail.{number}").write_bytes(b"%d\n" % number)
    following = FileTailer([FileSource((f"{tmp_path}/mail*",))], [], once=True)
    keys: dict[str, OtherLog | None] = {}
    while len(keys) < MAX_STATUS_FILES + 50:
        keys |= dict.fromkeys((x.key for x in following.read(0.1)), OtherLog(0, None, True))  # noqa: FBT003
    status = InputStatus(following, [], {})
    snapshot = CheckpointReply({}, [], Counters(), 0, {}, keys)
    with capture_logs() as logs:
        ((_, written),) = status.take(snapshot)
        status.finish()
    following.close()
    assert len(logs) == MAX_STATUS_FILES + 1
    assert len(orjson.loads(written)["problems"]) == MAX_STATUS_FILES
    assert status.problems == MAX_STATUS_FILES + 50


@pytest.fixture
def lines(
    said: Callable[[str], bool], capsys: pytest.CaptureFixture[str]
) -> Callable[[], list[str]]:
    """Give what was logged since the last time; the log is set up by ``said``."""
    assert not said("level")
    return lambda: capsys.readouterr().err.splitlines()  # noqa: PLW0108 - what came since


@pytest.mark.parametrize("name", [x.name for x in WARNINGS if not x.is_wanted])
def test_a_number_is_said_when_it_is_new_and_again_after_an_hour(
    name: str, lines: Callable[[], list[str]]
) -> None:
    """What grows all the time must not fill the log."""
    now = [0.0]
    warnings = InputWarnings(lambda: now[0])
    warnings.log(Counters(), {})
    numbers = []
    for now[0], number in ((1, 3), (2, 5), (AGAIN_SECONDS, 7), (AGAIN_SECONDS + 1, 9), (10e6, 9)):
        counts = Counters()
        setattr(counts, name, number)
        warnings.log(counts, {})
        numbers.append([x.rpartition("number=")[2].split()[0] for x in lines()])
    assert numbers == [["3"], [], [], ["9"], []]


@pytest.mark.parametrize("name", [x.name for x in WARNINGS if x.is_wanted])
def test_what_a_setting_asks_for_is_said_once(name: str, lines: Callable[[], list[str]]) -> None:
    """``status`` has the number."""
    warnings = InputWarnings()
    for number in (0, 3, 5):
        counts = Counters()
        setattr(counts, name, number)
        warnings.log(counts, {}, last=number == 5)
    (line,) = lines()
    assert "level=info" in line


def test_a_database_that_cannot_be_read_is_named_once() -> None:
    """And that it can be again."""
    status = InputStatus(FileTailer([], []), (), {})
    shown = []
    with capture_logs() as logs:
        for trouble in (None, "missing", "missing", None):
            status.due = 0.0
            for _, written in status.take(CheckpointReply({}, [], Counters(), 0, {}, {}, trouble)):
                shown.append(orjson.loads(written)["geoip_trouble"])
    assert shown == [None, "missing", None]
    assert [(x["log_level"], x.get("reason")) for x in logs] == [
        ("warning", "missing"),
        ("info", None),
    ]


def test_at_the_end_nothing_waits(lines: Callable[[], list[str]]) -> None:
    """There is no later look."""
    warnings = InputWarnings(lambda: 0)
    warnings.log(Counters(unparsed_logins=1), {})
    warnings.log(Counters(unparsed_logins=2), {}, last=True)
    assert len(lines()) == 2


def test_the_first_line_that_is_not_understood_is_named(lines: Callable[[], list[str]]) -> None:
    """With control characters made visible."""
    InputWarnings().log(
        Counters(unparsed_logins=1, first={"unparsed_logins": ("/srv/\x1b[1m", 99)}), {}
    )
    (line,) = lines()
    assert "offset=99" in line
    assert "\\x1b[1m" in line


def test_times_without_a_zone_are_said_once(lines: Callable[[], list[str]]) -> None:
    """However many there are."""
    warnings = InputWarnings()
    for _ in range(3):
        warnings.log(Counters(assumed_utc=True), {})
    (line,) = lines()
    assert "taken for UTC" in line
