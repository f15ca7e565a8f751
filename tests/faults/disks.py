"""A small disk that a test can fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_BLOCK_BYTES = 4096


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk that is soon full; without root the test is skipped, but never in CI."""
    if os.geteuid() != 0 and os.environ.get("CI") != "true":
        pytest.skip("only root may mount a small disk")
    folder.mkdir(mode=0o700)
    options = f"size={megabytes}m,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)  # noqa: S603, S607 - nothing of strangers
    try:
        yield folder
    finally:
        # A service that still has files there is ended later, by the code that started it.
        subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S603, S607


def fill_up(ballast: Path, leave_bytes: int = 0) -> Path:
    """Take all of a disk, or nearly; others may write to it at the same time."""
    status = os.statvfs(ballast.parent)
    left = status.f_bavail * status.f_frsize - leave_bytes
    with suppress(OSError), ballast.open("wb", 0) as file:
        while left > 0 or not leave_bytes:
            left -= file.write(bytes(_BLOCK_BYTES))
    return ballast
