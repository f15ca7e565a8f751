"""The parser process dies or hangs under load: nothing is lost, and nothing is there twice."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from forwarder.app import ingest, parser_client
from forwarder.errors import ParserDiedError
from forwarder.spool.spool import Spool
from tests.faults.program import COMMAND, wait_until
from tests.services import append, logins
from tests.spooling import opened, read
from tests.test_app_ingest import reader, running


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Open a spool for an output."""
    found = opened(tmp_path / "state", "told")
    yield found
    found.close()


def parser_of(pid: int) -> int | None:
    """Find the parser process among the children of another."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text("utf-8").split():
                if b"forwarder.app.parser_worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    return None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_files_are_read_on(
    tmp_path: Path,
    spool: Spool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: signal.Signals,
) -> None:
    """From what was committed last, with the connections that were open then."""
    monkeypatch.setattr(parser_client, "HANG_SECONDS", 4.0)
    monkeypatch.setattr(parser_client, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(ingest, "WAIT_SECONDS", 0.05)
    with running(reader(tmp_path, spool)):
        for turn in range(2):
            hurt(tmp_path, spool, 6_000 * turn, number)
        wait_until(lambda: spool.pending("told") >= 12_000, "all")
    documents = take_all(spool)
    assert len(documents) == len({x["event"]["id"] for x in documents}) == 12_000
    assert all(x["cisco_esa"]["connection"]["correlated"] for x in documents)
    # A machine that is busy may take one for hung that is not.
    assert caplog.text.count("Parser process restarted") >= 2
    how = "did not answer" if number == signal.SIGSTOP else "was killed by signal 9"
    assert caplog.text.count(how) >= 2


def hurt(folder: Path, spool: Spool, begin: int, number: signal.Signals) -> None:
    """Write 6,000 logins, and let the parser process die or hang in the middle."""
    append(folder, logins(*range(begin, begin + 3_000)))
    # Under load: the rest of it is on its way.
    wait_until(lambda: spool.pending("told") > begin, "the first of them")
    victim = parser_of(os.getpid())
    assert victim is not None
    os.kill(victim, number)
    append(folder, logins(*range(begin + 3_000, begin + 6_000)))
    wait_until(lambda: parser_of(os.getpid()) not in {None, victim}, "another one")


def take_all(spool: Spool) -> list[dict[str, dict[str, dict[str, object]]]]:
    """Give all documents that wait."""
    found: list[dict[str, dict[str, dict[str, object]]]] = []
    while documents := (batch := read(spool, "told")).documents:
        found += [json.loads(x.body) for x in documents]
        spool.advance("told", batch)
    return found


def test_standard_input_is_read_on(tmp_path: Path) -> None:
    """A pipe gives nothing twice: what is not committed is kept."""
    config = tmp_path / "esa.yaml"
    config.write_text(
        f"state: {tmp_path}/state\ninputs: [{{type: stdin, appliance: esa9}}]\n"
        f"outputs: {{out: {{type: file, path: {tmp_path}/out.ndjson}}}}\n"
    )
    command = [*COMMAND, "run", "-c", str(config)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as program:  # noqa: S603
        assert program.stdin is not None
        assert program.stderr is not None
        for number in range(0, 8_000, 1_000):
            program.stdin.write(logins(*range(number, number + 1_000))[:-50])
            program.stdin.write(logins(number + 999)[-50:])
            program.stdin.flush()
            if number in {2_000, 5_000}:
                wait_until(lambda: parser_of(program.pid), "the parser")
                victim = parser_of(program.pid)
                assert victim is not None
                os.kill(victim, signal.SIGKILL)
                time.sleep(0.01)
        program.stdin.close()
        said = program.stderr.read().decode()
    assert program.returncode == 0, said
    assert said.count("Parser process restarted") == 2, said
    lines = (tmp_path / "out.ndjson").read_text().splitlines()
    documents = [json.loads(x) for x in lines]
    assert len(documents) == len({x["event"]["id"] for x in documents}) == 8_000
    assert all(x["cisco_esa"]["connection"]["correlated"] for x in documents)


def test_what_dies_again_and_again_ends_the_service(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason; what it dies of may be in the logs."""
    monkeypatch.setattr(ingest, "WAIT_SECONDS", 0.01)

    def die(client: parser_client.ParserClient, _: object) -> None:
        os.kill(client.pid, signal.SIGKILL)
        client.replies(wait=True)

    monkeypatch.setattr(parser_client.ParserClient, "feed", die)
    append(tmp_path, logins(1))
    with pytest.raises(ParserDiedError, match="was killed by signal 9"):
        reader(tmp_path, spool, once=True).run()
