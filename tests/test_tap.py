"""The command ``tap``: what passes in a real service is shown, and nothing waits for who looks."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner

from forwarder.app import taps
from forwarder.app.service import Service
from forwarder.app.taps import Taps, listen
from forwarder.cli.main import main
from forwarder.cli.status import tap
from forwarder.ecs.filters import Filter, Rule
from forwarder.errors import ForwarderError
from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.stats import summarise
from forwarder.testing import make_documents
from tests.faults.program import COMMAND, Program, wait_until
from tests.services import FAILED, Told, append, configured, logins

CONFIG = """\
state: {folder}/state
inputs:
  - {{type: files, paths: ["{folder}/logs/{{appliance}}/mail*"]}}
outputs:
  archive: {{type: file, path: "{folder}/archive.ndjson"}}
"""
BEGUN = b"Showing documents from now on; press Ctrl-C to stop.\n"


@pytest.fixture(name="service")
def running_service(tmp_path: Path) -> Iterator[Program]:
    """A service whose state folder has a longer name than an address may have."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    path = folder / "esa.yaml"
    path.write_text(CONFIG.format(folder=folder), "utf-8")
    program = Program(path).begin()
    try:
        yield program
    finally:
        program.finish()


@contextmanager
def tapped(service: Program, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the command, from when it misses nothing."""
    command = [*COMMAND, "tap", "-c", str(service.config), *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as process:  # noqa: S603 - our own
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == BEGUN
            yield process
        finally:
            process.kill()


def lines(process: "subprocess.Popen[bytes]", number: int) -> list[bytes]:
    """Read as many lines of what a command prints."""
    assert process.stdout is not None
    return list(islice(process.stdout, number))


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, bytes]:
    """Wait for the end of a command; return its exit code, and what else it says."""
    assert process.stderr is not None
    return process.wait(60), process.stderr.read()


def test_what_is_delivered_at_once_is_shown(service: Program) -> None:
    """Before and after the configuration is read again; only what passes meanwhile."""
    folder = service.config.parent
    archive, state = folder / "archive.ndjson", folder / "state"
    append(folder, logins(1))
    wait_until(lambda: summarise(state).outputs["archive"].progress.delivered, "the first login")
    with (
        tapped(service, "--format", "ndjson") as everything,
        tapped(service, "--format", "ndjson", "--output", "archive") as accepted,
    ):
        append(folder, logins(2, 3))
        shown = lines(everything, 2)
        service.send(signal.SIGHUP)
        service.await_log("The new configuration is in use.")
        append(folder, logins(4))
        shown += lines(everything, 1)
        assert [json.loads(x)["cisco_esa"]["icid"] for x in shown] == ["2", "3", "4"]
        assert lines(accepted, 3) == shown == archive.read_bytes().splitlines(keepends=True)[1:]
        everything.send_signal(signal.SIGINT)
        assert ended(everything) == (128 + signal.SIGINT, b"")
        assert (state / "tap.socket").stat().st_mode & 0o777 == 0o600
        service.send(signal.SIGTERM)
        assert ended(accepted) == (1, b"error: the service has ended.\n")
    assert service.wait() == 0
    assert not (state / "tap.socket").exists()


def test_a_table_is_for_people(service: Program) -> None:
    """Whose terminal obeys no user; it ends with its reader, also if nothing passes any more."""
    with tapped(service) as process:
        line = (FAILED % (1, 7)).replace(b"user: u", "user: \x1b[2J\u202e".encode())
        append(service.config.parent, line)
        head, row = lines(process, 2)
        assert process.stdout is not None
        process.stdout.close()
        assert ended(process) == (0, b"")
    assert head.startswith(b"TIME (UTC)")
    assert rb"- login        \x1b[2J\u202e" in row


def test_a_killed_service_is_not_running(service: Program) -> None:
    """What it left behind does not keep the next one from being listened to."""
    service.kill()
    done = CliRunner().invoke(main, ["tap", "-c", str(service.config)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the service is not running with the state folder '")
    service.begin()
    rules = (
        "--filter",
        "user=v,user=U",
        "--filter",
        "outcome=failure,source=203.0.113.0/24",
        "--filter",
        "outcome=success",
    )
    with tapped(service, *rules) as process:
        append(service.config.parent, FAILED % (1, 1) + logins(2))
        assert [b"203.0.113.9" in x for x in lines(process, 2)] == [False, True]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--filter=user", "'user' is not NAME=VALUE."),
        ("--filter==anna", "'=anna' is not NAME=VALUE."),
        ("--filter=name=anna", "name is not a setting; available are: action, appliance, "),
        ("--filter=source=10.0.0.0/8,source=10.1", "source is not an address or a network; use "),
        (
            "--filter=outcome=failed",
            "outcome 'failed' is not allowed; use 'success' or 'failure'; did",
        ),
        ("--output=siem", "error: there is no output 'siem' in '"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, option: str, words: str) -> None:
    """With what is allowed, and before anything is shown."""
    path = tmp_path / "esa.yaml"
    path.write_text(CONFIG.format(folder=tmp_path), "utf-8")
    done = CliRunner().invoke(main, ["tap", "-c", str(path), option])
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())


def test_a_user_may_contain_commas() -> None:
    """Only a comma before NAME= begins another condition."""
    options = ["-c", "esa.yaml", "--filter", "user=Anna,B, user=c,outcome=failure"]
    program = main.make_context("esa-forwarder", ["tap"])
    rules = tap.make_context("tap", options, parent=program).params["rules"]
    assert rules == Filter(keep=(Rule(user=("anna,b", "c"), outcome=("failure",)),))


def test_an_output_shows_what_it_accepted(tmp_path: Path) -> None:
    """As it got it, once, and not what it rejected."""
    answers = iter([True, False])

    def act(documents: Sequence[Document]) -> Sequence[Failure]:
        first = next(answers, False)  # all are put off at first
        return [
            Failure(x, "no", retryable=first) for x in documents if first or b'"icid":"2"' in x.body
        ]

    told = Told(act)
    read = configured(tmp_path, told)

    begun: list[Iterator[bytes | int]] = []

    def listens() -> bool:
        with suppress(ForwarderError):
            heard = listen(tmp_path / "state", "told")
            assert next(heard) == 0
            begun.append(heard)
        return bool(begun)

    def look() -> list[bytes | int]:
        wait_until(listens, "a service")
        try:
            append(tmp_path, logins(1, 2, 3))
            return [*islice(begun[0], 2)]
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        service = Service(read(), read)
        looking = pool.submit(look)
        assert service.run()
    assert looking.result() == [x.body for x in told.taken]
    assert len(told.taken) == 2


def test_nothing_waits_for_who_does_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He gets what fits, and the number of what did not."""
    monkeypatch.setattr(taps, "_MAX_BYTES", 300_000)
    documents = make_documents(2_000)
    with closing(Taps()) as told:
        told.open(tmp_path)
        heard = listen(tmp_path)
        assert next(heard) == 0
        told.tell(documents, "another")
        for first in range(0, 2_000, 100):
            told.tell(documents[first : first + 100])
        bodies, missing = list[bytes](), 0
        while len(bodies) + missing < 2_000:
            got = next(heard)
            if isinstance(got, int):
                missing += got
            else:
                bodies.append(got)
    assert 0 < missing < 2_000
    found = set(bodies)
    assert bodies == [x for x in (y.body for y in documents) if x in found]


def test_who_hangs_does_not_keep_the_service_from_ending(tmp_path: Path) -> None:
    """Nor do those who listen and are too many."""
    told = Taps()
    told.open(tmp_path)
    heard = [listen(tmp_path) for _ in range(8)]
    assert [next(x) for x in heard] == [0] * 8
    with pytest.raises(ForwarderError, match="has 8 taps"):
        next(listen(tmp_path))
    documents = make_documents(2_000)
    told.tell(documents)
    told.close()
    whole = [x.body for x in documents]
    for got in map(list, heard):
        assert 0 < len(got) < len(whole)
        assert got == whole[: len(got)]
    with pytest.raises(ForwarderError, match="is not running"):
        next(listen(tmp_path))


def test_who_is_gone_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nothing passes."""
    monkeypatch.setattr(taps, "_LOOK_SECONDS", 0.01)
    with closing(Taps()) as told:
        told.open(tmp_path)
        for _ in range(8):
            heard = listen(tmp_path)
            assert next(heard) == 0
            heard.close()

        def is_room() -> bool:
            try:
                with closing(listen(tmp_path)) as heard:
                    return next(heard) == 0
            except ForwarderError:
                return False

        wait_until(is_room, "room")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do anything")
def test_others_may_not_listen(tmp_path: Path) -> None:
    """A sentence tells who may."""
    tmp_path.chmod(0)
    try:
        with pytest.raises(ForwarderError, match="run this as the user that the service runs as"):
            next(listen(tmp_path))
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_without_sockets_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything else goes on."""
    configured(tmp_path, Told(lambda _: None))
    (tmp_path / "tap.socket").mkdir()
    told = Taps()
    told.open(tmp_path)
    told.tell(make_documents(1))
    told.close()
    assert "The socket for esa-forwarder tap cannot be created" in capsys.readouterr().err
