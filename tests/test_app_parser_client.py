"""The parser process does what the parser does, and no end of either side is overlooked."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forwarder.app import parser_client as module
from forwarder.app.parser_client import (
    Begin,
    Checkpoint,
    CheckpointReply,
    InputOptions,
    Parsed,
    ParserClient,
    ParserSettings,
    get,
    put,
)
from forwarder.app.parser_worker import ParserPool, serve
from forwarder.ecs.layout import Common
from forwarder.errors import ParserError
from forwarder.inputs.chunk import Chunk, Kind
from tests.faults.program import wait_until
from tests.services import logins

SETTINGS = ParserSettings((InputOptions(),), sessions=True, common=Common())
PIECE = Chunk(
    "key", "esa1", "/srv/esa/mail", datetime(2026, 3, 4, tzinfo=UTC), b"", Kind.MORE, None, 0
)
LATER = PIECE._replace(data=logins(1, 2), kind=Kind.IDLE)

_ORPHAN = """\
import sys
from forwarder.app.parser_client import ParserClient
from tests.test_app_parser_client import LATER, SETTINGS

handle = ParserClient(SETTINGS, [], lambda: None)
handle.feed(LATER)
print(handle.pid, flush=True)
sys.stdin.read()
"""


def answers_to(*messages: object) -> list[object]:
    """Let the loop of the process answer in this one."""
    told, answers = io.BytesIO(), io.BytesIO()
    for message in messages:
        put(message, told)  # type: ignore[arg-type]  # one of them is wrong on purpose
    told.seek(0)
    with suppress(EOFError):
        serve(told, answers)
    answers.seek(0)
    found = []
    while answers.tell() < len(answers.getvalue()):
        found.append(get(answers))
    return found


@contextmanager
def handle() -> Iterator[tuple[ParserClient, threading.Event]]:
    """Start the process."""
    woken = threading.Event()
    with closing(ParserClient(SETTINGS, [], woken.set)) as found:
        yield found, woken


def checkpoint_of(client: ParserClient) -> tuple[list[Parsed], CheckpointReply]:
    """Ask for a checkpoint, and wait for the answer and all before it."""
    client.ask([])
    made: list[Parsed] = []
    while True:
        for answer in client.replies(wait=True):
            if isinstance(answer, CheckpointReply):
                return made, answer
            made.append(answer)


def test_it_answers_as_the_parser_does() -> None:
    """Each piece by its documents, each question by what counts for exactly those before it."""
    here = ParserPool(SETTINGS, [])
    made = here.take(LATER)
    assert len(made) == 2
    with handle() as (client, woken):
        client.feed(LATER)
        client.feed(PIECE)
        (first, nothing), reply = checkpoint_of(client)
        assert first.documents() == made
        assert nothing.documents() == []
        assert woken.wait(60)
        assert reply == here.checkpoint()
        assert checkpoint_of(client)[1].consumed == {}


def test_much_goes_through_at_once() -> None:
    """More than its pipes and its window hold, while no answers are taken."""
    text = logins(*range(2_000))
    with handle() as (client, _):
        for number in range(12):
            offset = number * len(text)
            client.feed(LATER._replace(data=text, offset=offset, key=f"{number}"))
        made, _ = checkpoint_of(client)
    assert sum(len(x.documents()) for x in made) == 24_000


def test_a_log_that_goes_on_before_its_end_is_saved_goes_on() -> None:
    """Half a line is finished by what comes, unless it was saved that there is none."""
    text = logins(1)
    begun = PIECE._replace(data=text[:-30])
    rest = PIECE._replace(data=text[-30:], offset=len(text) - 30, kind=Kind.END)
    _, _, made = answers_to(Begin(SETTINGS, []), begun, Checkpoint([]), rest)
    assert isinstance(made, Parsed)
    assert len(made.documents()) == 1


@pytest.mark.parametrize("forgotten", [["key"], []])
def test_what_was_saved_may_be_forgotten(forgotten: list[str]) -> None:
    """What follows of such a log says itself where it stands."""
    ended = LATER._replace(kind=Kind.END)
    *_, again = answers_to(Begin(SETTINGS, []), ended, Checkpoint([]), Checkpoint(forgotten), LATER)
    assert isinstance(again, Parsed)
    assert len(again.documents()) == 2


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([Begin(SETTINGS, []), "not a request"], "is not understood"),
        ([Begin(SETTINGS, [("core/esa1/what/1", b"no state")])], "Traceback"),
    ],
)
def test_a_fault_is_told(messages: list[object], said: str) -> None:
    """With all that there is to say."""
    (failed,) = answers_to(*messages)
    assert isinstance(failed, str)
    assert said in failed


def test_a_fault_is_raised_where_the_parser_is_used() -> None:
    """By whatever is called next."""
    woken = threading.Event()
    with closing(ParserClient(SETTINGS, [("core/esa1/what/1", b"no state")], woken.set)) as client:
        assert woken.wait(60)
        for call in (
            client.replies,
            lambda: client.ask([]),
            lambda: client.feed(PIECE),
        ):
            with pytest.raises(ParserError, match="a fault of the program"):
                call()


def test_its_death_is_noticed() -> None:
    """By the thread that feeds it, and by the one that waits for it."""
    with handle() as (client, woken):
        os.kill(client.pid, signal.SIGKILL)
        with pytest.raises(ParserError, match=r"was killed by signal 9"):
            client.replies(wait=True)
        assert woken.wait(60)
        with pytest.raises(ParserError, match="was killed by signal 9"):
            client.feed(LATER)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_for_the_service(number: signal.Signals) -> None:
    """As those that go to all processes of a unit; from the first moment on."""
    with handle() as (client, _):
        os.kill(client.pid, number)
        checkpoint_of(client)  # it has begun
        os.kill(client.pid, number)
        client.feed(LATER)
        (made,), _ = checkpoint_of(client)
        assert len(made.documents()) == 2


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        ("kill -s RTMIN+1 $$", "was killed by signal 35"),
        ("exit 3", "exited with 3"),
        ("echo no message >& ${!#}; cat > /dev/null", "sent a reply that is not understood"),
    ],
    ids=["an unusual signal", "an end", "something else in the pipe"],
)
def test_whatever_comes_out_of_the_pipe_the_service_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, acts: str, said: str
) -> None:
    """It is said what that was."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/bash\n{acts}\n", "utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(module, "_END_SECONDS", 0.2)
    woken = threading.Event()
    with closing(ParserClient(SETTINGS, [], woken.set)) as client:
        assert woken.wait(60)
        with pytest.raises(ParserError, match=said):
            client.replies(wait=True)


def test_what_is_printed_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a file that Python runs at each start."""
    (tmp_path / "sitecustomize.py").write_text("print('Hello', flush=True)\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with handle() as (client, _):
        client.feed(LATER)
        (made,), _ = checkpoint_of(client)
        assert len(made.documents()) == 2


def test_a_process_that_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do."""
    monkeypatch.setattr(sys, "executable", "/there/is/no/python")
    with pytest.raises(ParserError, match=r"cannot be started: No such file .*; allow this user"):
        ParserClient(SETTINGS, [], lambda: None)


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program may be upgraded under a running service, which then starts a new process."""
    monkeypatch.setattr(module, "__version__", "0.0.0")
    said = r"version 0\.0\.0, .*; restart the service"
    with handle() as (client, _), pytest.raises(ParserError, match=said):
        checkpoint_of(client)


def test_it_ends_with_the_service() -> None:
    """Also where that is killed."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _ORPHAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        child = int(service.stdout.readline())
        assert Path(f"/proc/{child}/stat").exists()
        service.kill()
    wait_until(lambda: _is_gone(child), "its end")


def _is_gone(pid: int) -> bool:
    """Look whether a process has ended; its exit code may not have been asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
