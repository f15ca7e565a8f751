"""The container file: its image, where one can be built, and what it is made of."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE = ROOT / "examples" / "packaging" / "Containerfile"


def test_all_that_is_copied_is_there() -> None:
    """It is not left out of what is sent to the builder, either."""
    sent = {x.removeprefix("!") for x in (ROOT / ".dockerignore").read_text().split() if "!" in x}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", FILE.read_text(), re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert any((ROOT / name).is_relative_to(ROOT / x) for x in sent), name


def test_the_image_runs_the_program() -> None:
    """As its own user."""
    builder = next((x for x in ("docker", "podman") if can_build(x)), None)
    if builder is None:
        pytest.skip("no image can be built: neither docker nor podman works on this machine")
    build: list[str | Path] = [builder, "build", "--quiet", "--file", FILE, ROOT]
    image = subprocess.run(build, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
    run = [builder, "run", "--rm", "--read-only", "--cap-drop=ALL", image, "--version"]
    done = subprocess.run(run, check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout.startswith("esa-forwarder, version ")
    whose = [builder, "run", "--rm", "--entrypoint", "id", image, "-u"]
    assert subprocess.run(whose, check=True, capture_output=True).stdout == b"10001\n"  # noqa: S603


def can_build(program: str) -> bool:
    """Say whether a program for containers is there and works."""
    if shutil.which(program) is None:
        return False
    return subprocess.run([program, "info"], capture_output=True, check=False).returncode == 0  # noqa: S603
