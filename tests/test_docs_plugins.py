"""The document for those who write an output: its example is installed, run and tested."""

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

import forwarder
from tests.services import append, logins
from tests.test_docs import ROOT
from tests.test_webhook_example import PYTHON, run

DOCUMENT = ROOT / "docs" / "plugins.md"
COMMAND = str(Path(PYTHON).with_name("esa-forwarder"))


def block(mark: str) -> str:
    """Return what is in the one block behind a mark."""
    pattern = rf"^<!-- {re.escape(mark)} -->\n```\w+\n(.*?)^```$"
    (found,) = re.findall(pattern, DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert isinstance(found, str)
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files that the document shows, and install them without any network."""
    source = tmp_path_factory.mktemp("forwarder-command")
    for name in ("forwarder_command.py", "test_command.py", "pyproject.toml"):
        (source / name).write_text(block(f"file: {name}"))
    folder = tmp_path_factory.mktemp("installed")
    options = "--no-index --no-deps --no-build-isolation --no-compile --quiet --target"
    run(folder, PYTHON, "-m", "pip", "install", *options.split(), str(folder), str(source))
    (folder / "test_command.py").write_text((source / "test_command.py").read_text())
    return folder


def test_the_example_is_short() -> None:
    """Below 60 lines that are not empty, whole as it is."""
    lines = [x for x in block("file: forwarder_command.py").splitlines() if x.strip()]
    assert len(lines) < 60


def test_the_example_is_found_with_its_settings(installed: Path) -> None:
    """By its entry point."""
    out = run(installed, COMMAND, "plugins")
    assert "command (forwarder-command 1.0.0)\n  settings: command, timeout\n" in out


def test_the_example_passes_the_tests_that_it_shows(installed: Path) -> None:
    """All that can be said of this other side."""
    arguments = ("-m", "pytest", "-rs", "-p", "no:cacheprovider", "test_command.py")
    out = run(installed, PYTHON, *arguments)
    assert " passed" in out
    assert "goes away" not in out
    assert "is refused" not in out


def test_the_configuration_of_the_example_is_good(installed: Path, tmp_path: Path) -> None:
    """Documents come where it says."""
    append(tmp_path, logins(1, 2, 3))
    received = tmp_path / "received"
    program = f"[/bin/sh, -c, 'cat >> {received}']"
    outputs = block("config").replace("[/usr/local/bin/open-tickets, --quiet]", program)
    assert program in outputs
    head = f"state: {tmp_path}/state\ninputs: [{{type: files, paths: ['{tmp_path}/logs']}}]\n"
    path = tmp_path / "esa.yaml"
    path.write_text(head.replace("/logs'", "/logs/*/mail*'") + outputs)
    run(installed, COMMAND, "run", "--once", "-c", str(path))
    assert len([orjson.loads(x) for x in received.read_bytes().splitlines()]) == 3


def test_the_example_is_typed(installed: Path) -> None:
    """In strict mode, as the program is."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mypy", "--strict", str(installed / "forwarder_command.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_all_public_names_are_there() -> None:
    """What a plugin may import."""
    text = DOCUMENT.read_text()
    assert [x for x in forwarder.__all__ if f"`{x}`" not in text] == []
