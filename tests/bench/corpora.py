"""Logs to measure with, written to disk by a process of their own."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Log(NamedTuple):
    """A log, and what is in it."""

    path: str
    logins: int
    sessions: int
    size: int


class Corpora:
    """Makes each log once, and keeps it as long as its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs: dict[Path, Log] = {}

    @property
    def empty(self) -> str:
        """An empty log."""
        path = self._folder / "empty.log"
        path.touch()
        return str(path)

    def make(self, kind: str, megabytes: float, *, seed: int = 1) -> Log:
        """Return a log of about so many megabytes, alone in the folder of an appliance.

        Args:
            kind: `traffic` or `storm`.
            megabytes: Of a million bytes.
            seed: Another one gives another log.
        """
        path = self._folder / f"{kind}-{megabytes:g}" / f"esa{seed}" / "mail.log"
        if path not in self._logs:
            sys.stderr.write(f"writing {megabytes:g} MB of {kind} ...\n")
            size = f"--megabytes={megabytes}"
            command = ["-m", "tests.corpus", kind, f"--seed={seed}", size, f"--out={path}"]
            said = subprocess.run(  # noqa: S603
                [sys.executable, *command], check=True, capture_output=True, text=True
            ).stdout
            counts = {x: int(y) for x, y in (pair.split("=") for pair in said.split())}
            self._logs[path] = Log(str(path), counts["logins"], counts["sessions"], counts["bytes"])
        return self._logs[path]

    def remove(self, log: Log) -> None:
        """Make room."""
        path = Path(log.path)
        path.unlink()
        del self._logs[path]
