"""The systemd unit, its user and its folders, as systemd's own tools see them."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).parents[1] / "examples" / "systemd"
MOST_EXPOSED = 2.5
"""Of 10, on the scale of ``systemd-analyze security``."""


def run(program: str, *arguments: str | Path) -> str:
    """Run a program of systemd; return what it prints."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(  # noqa: S603 - our own files
        [program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_unit_is_hardened() -> None:
    """By systemd's own measure."""
    unit = FILES / "esa-forwarder.service"
    threshold = f"--threshold={MOST_EXPOSED * 10:.0f}"
    run("systemd-analyze", "security", "--offline=true", "--no-pager", threshold, unit)


def test_the_user_has_its_folders(tmp_path: Path) -> None:
    """What is in them is for no other user."""
    if os.geteuid() != 0:
        pytest.skip("only root can give folders to another user")
    (tmp_path / "etc").mkdir()
    root = f"--root={tmp_path}"
    run("systemd-sysusers", root, FILES / "sysusers.conf")
    run("systemd-tmpfiles", root, "--create", FILES / "tmpfiles.conf")
    (line,) = (
        x for x in (tmp_path / "etc" / "passwd").read_text().splitlines() if "forwarder" in x
    )
    name, _, user, group, _, home, shell = line.split(":")
    assert (name, home, shell) == ("esa-forwarder", "/var/lib/esa-forwarder", "/usr/sbin/nologin")
    found = {
        x: (y.st_uid, y.st_gid, oct(stat.S_IMODE(y.st_mode)))
        for x in ("etc", "var/lib", "var/log")
        for y in [(tmp_path / x / "esa-forwarder").stat()]
    }
    assert found == {
        "etc": (0, int(group), "0o750"),
        "var/lib": (int(user), int(group), "0o700"),
        "var/log": (int(user), int(group), "0o750"),
    }
