"""The command ``rewind``: a log is read again, with the same ids."""

import os
import subprocess
from pathlib import Path

import orjson
import pytest

from tests.faults.program import COMMAND, Program
from tests.services import append, logins
from tests.test_run import FILES, configure, run


def rewind(config: Path, log: Path | str) -> subprocess.CompletedProcess[str]:
    """Run it."""
    command = [*COMMAND, "rewind", "-c", str(config), str(log)]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)  # noqa: S603


def ids(output: bytes) -> list[str]:
    """Return the ids of documents."""
    return [orjson.loads(x)["event"]["id"] for x in output.splitlines()]


def test_a_log_is_read_again(tmp_path: Path) -> None:
    """That one only, and with the same ids."""
    config = configure(tmp_path, FILES)
    log = append(tmp_path, logins(1, 2, 3))
    append(tmp_path, logins(4), appliance="esa2")
    first = run(config, "--once").stdout
    assert len(ids(first)) == 4
    done = rewind(config, log)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{log} will be read again.\n"
    again = run(config, "--once").stdout
    assert sorted(ids(again)) == sorted(x for x in ids(first) if b"esa1" in first)[:3] or set(
        ids(again)
    ) < set(ids(first))
    assert len(ids(again)) == 3
    assert run(config, "--once").stdout == b""


def test_a_log_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    """With a way to find out what is known."""
    config = configure(tmp_path, FILES)
    append(tmp_path, logins(1))
    assert run(config, "--once").returncode == 0
    done = rewind(config, tmp_path / "other")
    assert done.returncode == 1
    assert "esa-forwarder status names them" in done.stderr


def test_the_service_must_not_run(tmp_path: Path) -> None:
    """It holds the state."""
    config = configure(tmp_path, FILES)
    log = append(tmp_path, logins(1))
    program = Program(config)
    program.start(stdout=os.open(os.devnull, os.O_WRONLY))
    try:
        program.await_log("The service has begun.")
        done = rewind(config, log)
        assert done.returncode == 1
        assert "is in use by process" in done.stderr
    finally:
        program.finish()


@pytest.mark.parametrize("name", ["", "x/../mail.current"])
def test_mistakes_in_the_configuration_end_it_with_2(tmp_path: Path, name: str) -> None:
    """Before anything is touched."""
    done = rewind(configure(tmp_path, "nothing"), name or "log")
    assert done.returncode == 2
    assert not (tmp_path / "state").exists()
