"""A stranger's output, installed as a distribution of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import ROOT

EXAMPLE = ROOT / "examples" / "forwarder-webhook"


PYTHON = sys.executable


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example, without any network, into a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    options = "--no-index --no-deps --no-build-isolation --no-compile --quiet --target"
    run(folder, PYTHON, "-m", "pip", "install", *options.split(), str(folder), str(EXAMPLE))
    return folder


def run(folder: Path, *command: str) -> str:
    """Run a command where Python finds what is installed in a folder."""
    done = subprocess.run(  # noqa: S603
        command,
        env=os.environ | {"PYTHONPATH": str(folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_found_beside_the_others(installed: Path) -> None:
    """By the command, from where it was installed."""
    out = run(installed, str(Path(PYTHON).with_name("esa-forwarder")), "plugins")
    assert "webhook (forwarder-webhook 1.0.0)\n  settings: url, secret, timeout\n" in out
    assert "stdout (esa-forwarder " in out
    where = run(installed, PYTHON, "-c", "print(__import__('forwarder_webhook').__file__)")
    assert Path(where.strip()) == installed / "forwarder_webhook.py"


def test_it_does_what_every_output_does(installed: Path) -> None:
    """Its own tests, with those that it inherits, against a real server."""
    arguments = ("--quiet", "-p", "no:cacheprovider", str(EXAMPLE))
    assert " passed" in run(installed, PYTHON, "-m", "pytest", *arguments)
