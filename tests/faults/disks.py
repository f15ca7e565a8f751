"""A small disk that a test can fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_BLOCK_BYTES = 4096


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """Mount a disk in memory; without root the test is skipped, but never in CI."""
    if os.geteuid() != 0 and os.environ.get("CI") != "true":
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)  # noqa: S603 - our own
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


def fill(folder: Path, leave_bytes: int = 0) -> Path:
    """Write a file that takes what is free on a disk, up to the last byte or nearly."""
    path = folder / "ballast"
    status = os.statvfs(folder)
    left = status.f_bavail * status.f_frsize - leave_bytes
    # Others may write at the same time, so what was free is not what can be written.
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while left > 0 or not leave_bytes:
            left -= file.write(bytes(_BLOCK_BYTES))
    return path
