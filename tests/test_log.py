"""The program's own log: one event a line, whatever is in it."""

import json
import logging
import os
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forwarder.log import configure
from forwarder.text import quoted

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    level = root.level
    yield
    root.handlers[:] = [x for x in root.handlers if type(x).__module__ != configure.__module__]
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give what was logged, without the time; nothing went to standard output."""
    out, err = capsys.readouterr()
    assert not out
    assert err == "" or err.endswith("\n")
    found = err.split("\n")[:-1]
    assert [x for x in found if not STAMP.search(x)] == []
    return [x.partition(" ")[2] for x in found]


def test_an_event_is_a_line_of_keys_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    """Time and level first, then the sentence."""
    configure("logfmt", "info")
    log = structlog.get_logger("forwarder.spool")
    log.info("The spool is full.", bytes=5, ok=True, path="a b", none=None)
    log.warning("Again.")
    assert lines(capsys) == [
        'level=info event="The spool is full." bytes=5 ok=true path="a b" none=',
        "level=warning event=Again.",
    ]


def test_a_path_in_quotes_is_escaped_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it is quoted; logfmt doubles backslashes in values that it puts in quotes."""
    configure("logfmt", "info")
    log = structlog.get_logger("forwarder")
    shown = quoted("/a\x1b")
    log.info("Gone.", path="/a\x1b", reason=shown, other=f"{shown} is gone")
    assert lines(capsys) == [
        r"level=info event=Gone. path=/a\x1b reason='/a\x1b' other="
        + r""" "'/a\\x1b' is gone" """.strip()
    ]


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With the types of the values."""
    configure("json", "info")
    structlog.get_logger("forwarder").info("Full.", bytes=5, ok=True, path="a\n\u202e")
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert list(event)[:3] == ["timestamp", "level", "event"]
    assert STAMP.fullmatch(event.pop("timestamp"))
    assert event == {
        "level": "info",
        "event": "Full.",
        "bytes": 5,
        "ok": True,
        "path": "a\n\u202e",
    }


@pytest.mark.parametrize("form", ["logfmt", "json"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), key=st.text(min_size=1).filter(lambda x: x not in {"event", "self"}))
def test_no_value_begins_a_line_or_hides(
    form: str, text: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does a key."""
    configure(form, "info")
    structlog.get_logger("forwarder").info(text, **{key: text})
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", err
    )


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_a_value_cannot_pass_for_another(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor for the level or the time."""
    configure(form, "info")
    log = structlog.get_logger("forwarder")
    log.info("It began.", user='x" level=error', level="error", timestamp="never")
    (line,) = lines(capsys)
    if form == "logfmt":
        assert line == r'level=info event="It began." user="x\" level=error"'
    else:
        assert json.loads("{" + line.partition(" ")[2])["user"] == 'x" level=error'


def test_the_level_says_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """It can be changed later, for loggers that are there already."""
    configure("logfmt", "warning")
    log = structlog.get_logger("forwarder.spool")
    log.info("No.")
    log.warning("One.")
    configure("logfmt", "debug")
    log.debug("Two.")
    configure("json", "error")
    log.warning("No.")
    assert [x.partition("event=")[2] for x in lines(capsys)] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_libraries_speak_when_something_is_wrong(
    level: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Some would say a line for each request."""
    configure("logfmt", level)
    library = logging.getLogger("some.library")
    for name in ("debug", "info", "warning", "error"):
        getattr(library, name)("about %s", name)
    assert lines(capsys) == [f'level={x} event="about {x}"' for x in expected]


def test_warnings_of_libraries_are_events(capsys: pytest.CaptureFixture[str]) -> None:
    """On one line."""
    configure("logfmt", "info")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("careful\nnow", stacklevel=1)
    (line,) = lines(capsys)
    assert line.startswith("level=warning event=")
    assert r"UserWarning: careful\nnow" in line


def test_a_traceback_is_on_the_line_of_its_event(capsys: pytest.CaptureFixture[str]) -> None:
    """Of ours and of libraries."""
    configure("logfmt", "info")
    try:
        raise ValueError("no")  # noqa: TRY301 - to have a traceback
    except ValueError:
        structlog.get_logger("forwarder").exception("It failed.")
        logging.getLogger("some.library").exception("It failed.")
    for line in lines(capsys):
        assert line.startswith('level=error event="It failed." exception="Traceback')
        assert line.endswith('ValueError: no"')


class Unshowable:
    """A value that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_a_value_is_cut_where_it_is_too_long(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As where an error quotes all that was sent."""
    configure(form, "info")
    error = ValueError("x" * 1_000_000)
    structlog.get_logger("forwarder.x").error("It failed.", said="y" * 1_000_000, exc_info=error)
    line = capsys.readouterr().err
    assert "ValueError: xxx" in line
    assert 30_000 < len(line) < 35_000


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_what_cannot_be_shown_is_said_at_least(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With where it was logged."""
    logging.getLogger().handlers.clear()  # pytest's own would raise
    configure(form, "info")
    structlog.get_logger("forwarder.x").info("It began.", value=Unshowable())
    logging.getLogger("some.library").warning("%d", "no number")
    shown = lines(capsys)
    assert len(shown) == 2
    assert "An event of forwarder.x cannot be shown; it was logged at " in shown[0]
    assert "An event of some.library cannot be shown; it was logged at " in shown[1]


PROGRAM = """\
import logging, structlog
from forwarder.log import configure
from forwarder.text import quoted
configure("logfmt", "info")
structlog.get_logger("forwarder").error("It failed.", value="x" * 100_000)
logging.getLogger("some.library").error("It failed.")
print("alive")
"""


@pytest.mark.parametrize("where", ["&-", "/dev/full"])
def test_the_program_goes_on_when_its_log_is_not_read(where: str) -> None:
    """Standard error is closed, or its disk full."""
    shell = ["/bin/sh", "-c", f'exec "$0" -c "$1" 2>{where}', sys.executable, PROGRAM]
    done = subprocess.run(shell, capture_output=True, timeout=60, check=False)  # noqa: S603
    assert done.stdout == b"alive\n"


def test_the_program_lives_on_when_the_reader_is_gone() -> None:
    """Standard error is a pipe whose reader is gone."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writing, timeout=60, check=False)  # noqa: S603
    os.close(writing)
    assert done.stdout == b"alive\n"


LEVELS = """\
import logging, sys
from forwarder.log import configure
configure(sys.argv[1], "debug")
for name in ("debug", "info", "warning", "error", "critical"):
    getattr(logging.getLogger("forwarder"), name)("Done.")
"""


@pytest.mark.parametrize("form", ["logfmt", "json"])
@pytest.mark.parametrize(
    ("shift", "expected"), [(0, ["<7>", "<6>", "<4>", "<3>", "<3>"]), (1, [""] * 5)]
)
def test_the_journal_gets_priorities(form: str, shift: int, expected: list[str]) -> None:
    """Of its own stream alone: the variable is passed on to what writes elsewhere, too."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        found = os.fstat(theirs.fileno())
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", LEVELS, form],
            stderr=theirs.fileno(),
            env=os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + shift}"},
            check=True,
            timeout=60,
        )
        theirs.close()
        lines = ours.makefile().read().splitlines()
    assert [re.sub(r"(timestamp=|\{).*", "", x) for x in lines] == expected


FAULTY = """\
import sys, threading
from forwarder import log
from forwarder.cli import main as commands, start

def fail():
    raise KeyError("hunter2-hunter2")

def command():
    if sys.argv[1] == "with":
        log.configure("logfmt", "warning", lambda x: x.replace("hunter2-hunter2", "****"))
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    fail()

commands.main = command
start.main()
"""


@pytest.mark.parametrize("log", ["with", "without"])
def test_a_fault_that_nothing_catches_is_an_event(log: str) -> None:
    """Of any thread, on a line of its own and without secrets, once there is a log."""
    command = [sys.executable, "-c", FAULTY, log]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    if log == "with":
        assert len(lines) == 2
        for line in lines:
            assert ' level=critical event="The program has failed." exception="Traceback' in line
            assert line.endswith("""KeyError: '****'\"""")
    else:
        assert lines.count("KeyError: 'hunter2-hunter2'") == 2
