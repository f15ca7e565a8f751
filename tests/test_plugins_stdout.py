"""What plugins print does not get into what was asked for, nor among documents."""

import json
import os
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.faults.program import COMMAND
from tests.services import append, logins

NOISY = '''
    from pydantic import BaseModel, field_validator
    from forwarder import Finding, OutputPlugin, Step, hookimpl

    print("NOISE at the import")

    class Settings(BaseModel):
        """It has one."""

        word: str = "x"

        @field_validator("word")
        @classmethod
        def _say(cls, word):
            print("NOISE of a validator")
            return word

        @classmethod
        def __get_pydantic_json_schema__(cls, core_schema, handler):
            print("NOISE of a schema")
            return handler(core_schema)

    class Noisy:
        def __init__(self, settings):
            print("NOISE of build")

        def open(self):
            print("NOISE of open")

        def write(self, documents):
            print("NOISE of write")
            return []

        def close(self):
            print("NOISE of close")

    def check(settings, expected):
        print("NOISE of check")
        yield Finding(True, "one")
        print("NOISE of check")
        yield Finding(True, "two")

    def act():
        print("NOISE of a step")
        return "done"

    def setup(settings, options):
        print("NOISE of setup")
        return [Step("it", "PUT it", do=act)]

    @hookimpl
    def forwarder_outputs():
        print("NOISE of the hook")
        return [OutputPlugin("noisy", Settings, Noisy, check, setup)]
'''
CONFIG = """\
state: {folder}/state
inputs:
  - {{type: files, paths: ["{folder}/logs/{{appliance}}/mail*"], timezone: Europe/Rome}}
outputs:
  noisy: {{type: noisy, word: a}}
  out: {{type: stdout}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Install a plugin that prints wherever it can, and write a configuration with it."""
    (tmp_path / "noisy_output.py").write_text(textwrap.dedent(NOISY))
    metadata = tmp_path / "noisy_output-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: noisy-output\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text("[forwarder.outputs]\nnoisy = noisy_output\n")
    (tmp_path / "esa.yaml").write_text(CONFIG.format(folder=tmp_path))
    append(tmp_path, logins(1, 2, 3))
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where the plugin is installed."""
    environment = {"PYTHONPATH": str(folder), "ESA_FORWARDER_CONFIG": str(folder / "esa.yaml")}
    return subprocess.run(  # noqa: S603 - our own
        [*COMMAND, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("command", "noises"),
    [
        ("plugins", {"at the import", "of the hook"}),
        ("config schema", {"at the import", "of the hook", "of a schema"}),
        ("config show", {"at the import", "of the hook", "of a validator"}),
        ("check", {"at the import", "of the hook", "of a validator", "of check"}),
        ("setup", {"at the import", "of the hook", "of a validator", "of setup", "of a step"}),
    ],
)
def test_results_are_alone_on_standard_output(folder: Path, command: str, noises: set[str]) -> None:
    """What was printed beside them is on standard error."""
    done = run(folder, *command.split())
    assert "NOISE" not in done.stdout
    assert done.stdout
    assert {x.removeprefix("NOISE ") for x in done.stderr.splitlines()} == noises
    if command == "config schema":
        json.loads(done.stdout)


def test_documents_are_alone_on_standard_output(folder: Path) -> None:
    """Though another output prints."""
    done = run(folder, "run", "--once")
    assert len([json.loads(x) for x in done.stdout.splitlines()]) == 3
    noises = ("build", "open", "write", "close")
    assert [x for x in noises if f"NOISE of {x}\n" not in done.stderr] == []
