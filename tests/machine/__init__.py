"""A machine to install things on: this one, with everything that is written thrown away.

It needs the rights of root and Linux's namespaces. ``start.sh`` says what it is made of.
"""

import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.program import wait_until

SYSTEMD = "/lib/systemd/systemd --system --unit=tested.target --show-status=no --log-target=journal"
NOTHING = "sleep infinity"
"""The first process of a machine without an init system, such as a container."""

_GROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
"""Where the second version of control groups is, beside the first one or alone."""
_NAMESPACES = ("mount", "pid", "net", "ipc", "uts", "cgroup")
_SECONDS = 300
"""For one command; a machine may be busy."""


class CommandError(Exception):
    """A command on the machine failed; what it said is the message."""


class Machine:
    """Runs commands on a machine of its own, as root."""

    def __init__(self, first: str) -> None:
        """Prepare.

        Args:
            first: The first process.
        """
        self._first = first
        self._folder = tempfile.TemporaryDirectory(prefix="machine-", ignore_cleanup_errors=True)
        groups = [x for x in _GROUPS if (x / "cgroup.procs").exists()]
        self._group = groups[0] / Path(self._folder.name).name

    def __enter__(self) -> Self:
        """Start it."""
        self._group.mkdir()
        own = " ".join(f"--{x}" for x in _NAMESPACES)
        script = Path(__file__).with_name("start.sh")
        command = f"unshare {own} --fork --kill-child sh {script} {self._folder.name} {self._first}"
        self._process = subprocess.Popen(  # noqa: S603
            ["sh", "-c", f"echo $$ >{self._group}/cgroup.procs; exec {command}"],  # noqa: S607
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "container": "test"},
        )
        wait_until(self._is_laid_out, "the machine")
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        """End all that runs on it."""
        first = self._find_first()
        if first is not None:
            os.kill(first, signal.SIGKILL)  # the others end with it
        self._process.wait(_SECONDS)
        wait_until(self._is_group_removed, "the end of all its processes")
        self._folder.cleanup()

    def run(self, command: str, stdin: bytes | None = None) -> str:
        """Run a command to its end, in a shell; return what it prints.

        Raises:
            CommandError: It fails.
        """
        done = subprocess.run(  # noqa: S603
            self._inside(command), input=stdin, capture_output=True, timeout=_SECONDS, check=False
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise CommandError(f"{command}: exit code {done.returncode}: {said}")
        return done.stdout.decode()

    def start(self, command: str) -> "subprocess.Popen[bytes]":
        """Start a command that goes on."""
        return subprocess.Popen(  # noqa: S603
            self._inside(command), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def write(self, path: str, content: bytes) -> None:
        """Write a file, and the folders above it."""
        quoted = shlex.quote(path)
        self.run(f'mkdir -p "$(dirname {quoted})" && cat >{quoted}', stdin=content)

    def _inside(self, command: str) -> list[str]:
        first = self._find_first()
        assert first is not None, "the machine has ended"
        return [
            "nsenter",
            f"--target={first}",
            *(f"--{x}" for x in _NAMESPACES),
            *("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin", "LC_ALL=C.UTF-8"),
            *("sh", "-c", command),
        ]

    def _is_laid_out(self) -> bool:
        assert self._process.poll() is None, "the machine cannot be started"
        first = self._find_first()
        return first is not None and Path(f"/proc/{first}/root/run/laid-out").exists()

    def _find_first(self) -> int | None:
        """Return the number of its first process, as seen from here."""
        own = self._process.pid
        with suppress(OSError, IndexError):
            return int(Path(f"/proc/{own}/task/{own}/children").read_text().split()[0])
        return None

    def _is_group_removed(self) -> bool:
        """Remove its control group and those below it, once their processes are gone."""
        with suppress(OSError):
            for folder, _, _ in os.walk(self._group, topdown=False):
                Path(folder).rmdir()
        return not self._group.exists()
