"""The commands ``check`` and ``config``, with plugins that need no server."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from click.testing import CliRunner, Result

from forwarder.cli.main import main
from tests.configs import LEAST, PLUGINS, find_plugins


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let these be installed, and leave logging as it was found."""
    broken = SimpleNamespace(type="x", plugin=None)
    installed = [SimpleNamespace(type=x, plugin=y) for x, y in PLUGINS.items()]
    monkeypatch.setattr("forwarder.plugins.find_outputs", find_plugins)
    monkeypatch.setattr("forwarder.plugins.list_installed", lambda: [*installed, broken])
    yield
    root = logging.getLogger()
    root.handlers[:] = [x for x in root.handlers if type(x).__module__ != "forwarder.log"]
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def run(*arguments: str, **environment: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, arguments, env=environment)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a configuration that is right."""
    path = tmp_path / "esa.yaml"
    path.write_text(f"state: {tmp_path}\nspool: {{max_bytes: 10MB}}\n{LEAST}")
    return path


def test_check_ends_well_where_all_is_well(path: Path, tmp_path: Path) -> None:
    """What was looked at is on standard output, a line each."""
    done = run("check", "-c", str(path))
    lines = done.stdout.splitlines()
    assert lines[0] == f"ok    {path}: valid"
    assert lines[1] == f"ok    state {str(tmp_path)!r} can be written"
    assert lines[-1] == "ok    outputs.siem: a has version 9"
    assert done.stderr == ""
    assert done.exit_code == ("FAIL" in done.stdout)  # tests may be in memory


def test_check_warns_and_ends_well(path: Path, tmp_path: Path) -> None:
    """What is good and has advice is a warning."""
    tmp_path.chmod(0o755)
    done = run("check", "-c", str(path))
    said = f"WARN  state {str(tmp_path)!r} is accessible to other users\n      Restrict it"
    assert said in done.stdout
    assert done.exit_code == ("FAIL" in done.stdout)  # tests may be in memory


def test_check_fails_where_something_does(path: Path) -> None:
    """With advice below it."""
    path.write_text(path.read_text().replace("[a]", '["old"]'))
    done = run("check", "-c", str(path))
    assert done.stdout.endswith("FAIL  outputs.siem: old has version 9\n      Update it.\n")
    assert done.exit_code == 1


@pytest.mark.parametrize("command", [("check",), ("config", "show")])
def test_mistakes_are_errors(path: Path, command: tuple[str, ...]) -> None:
    """All at once, and nothing else is looked at."""
    path.write_text("a: 1\nb: 2\n" + LEAST)
    done = run(*command, "-c", str(path))
    known = (
        "appliances, dead_letters, documents, http, inputs, known_appliances_only, log, outputs,"
        " silence, spool, state"
    )
    assert done.stderr == (
        f"error: {path}:1: a: is not a setting; available are: {known}.\n"
        f"error: {path}:2: b: is not a setting; available are: {known}.\n"
    )
    assert done.stdout == ""
    assert done.exit_code == 2


def test_the_environment_may_name_the_file(path: Path) -> None:
    """For shells and units."""
    done = run("config", "show", ESA_FORWARDER_CONFIG=str(path))
    assert done.exit_code == 0
    assert "  siem:\n    type: server\n" in done.stdout
    done = run("config", "show")
    assert done.exit_code == 2
    assert "specify the configuration: FILE, or -c FILE." in done.stderr


@pytest.mark.parametrize("command", [("check",), ("config", "show")])
def test_the_file_may_be_an_argument(path: Path, command: tuple[str, ...]) -> None:
    """As with other programs; it counts more than the environment, and not beside -c."""
    expected = run(*command, "-c", str(path))
    assert (expected.exit_code, expected.stderr) == (0, "")
    done = run(*command, str(path), ESA_FORWARDER_CONFIG="/nowhere")
    # Others write to the disk, too.
    shown, known = (re.sub(r"[\d,]+ MB free", "", x.stdout) for x in (done, expected))
    assert (done.exit_code, shown) == (0, known)
    twice = run(*command, str(path), "-c", str(path))
    assert twice.exit_code == 2
    assert "given twice" in twice.stderr


def test_the_schema_has_the_outputs_that_work() -> None:
    """As JSON; it names the dialect."""
    done = run("config", "schema")
    schema = json.loads(done.stdout)
    (named,) = schema["properties"]["outputs"]["patternProperties"].values()
    assert [x["$ref"] for x in named["anyOf"]] == [f"#/$defs/{x}" for x in sorted(PLUGINS)]
    assert (done.exit_code, done.stderr) == (0, "")


def test_what_plugins_say_while_they_load_is_no_document(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes to standard error, even before the configuration says how to log."""
    monkeypatch.setattr("forwarder.plugins.find_outputs", _find_loudly)
    done = run("config", "show", "-c", str(path))
    assert done.stdout.startswith("state: ")
    assert 'level=warning event="about to load"' in done.stderr


def _find_loudly(types: list[str]) -> object:
    logging.getLogger("some.plugin").warning("about to load")
    structlog.get_logger("forwarder").warning("about to load")
    return find_plugins(types)


PRINT = "from forwarder.cli.main import print_result; print_result('x' * 9999)"


@pytest.mark.parametrize(
    ("where", "code", "said"),
    [
        (">/dev/full", 1, "error: standard output cannot be written: No space left on device.\n"),
        (">&-", 1, "error: standard output is closed; there is nowhere to write to.\n"),
        ("| true", 0, ""),
    ],
)
def test_a_result_that_cannot_be_written_ends_the_command(where: str, code: int, said: str) -> None:
    """Without a traceback."""
    program = f"{PRINT}; print_result('y' * 99_999)"
    shell = ["/bin/bash", "-c", f'set -o pipefail; "$0" -c "$1" {where}', sys.executable, program]
    done = subprocess.run(shell, capture_output=True, timeout=60, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (code, said)
