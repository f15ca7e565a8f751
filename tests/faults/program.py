"""The command, run as a process of its own; and conditions to wait for."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Self

COMMAND = (str(Path(sys.executable).with_name("esa-forwarder")),)
DEADLINE_SECONDS = 180.0
"""For whatever takes a second; a machine may be busy, and no test waits in vain."""
_LOOK_SECONDS = 0.005
ROOT = Path(__file__).parents[2]


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for something, and fail if it does not come.

    Args:
        condition: Is asked again and again.
        what: Its words, for the failure.
    """
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {DEADLINE_SECONDS:g} s"
        time.sleep(_LOOK_SECONDS)


def open_fifo(path: Path, process_id: int) -> BinaryIO:
    """Open a FIFO for writing once a process reads it; fail if the process ends instead."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            # Without O_NONBLOCK, this would wait for a reader for ever.
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        else:
            os.set_blocking(descriptor, True)
            return os.fdopen(descriptor, "wb")
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
        assert state != "Z", f"the process has ended, and never opened {path}"
        assert time.monotonic() < end, f"{path}: not opened within {DEADLINE_SECONDS:g} s"
        time.sleep(_LOOK_SECONDS)


class Program:
    """Runs ``esa-forwarder``, again and again, with one configuration."""

    def __init__(
        self,
        config: Path,
        command: Sequence[str] = COMMAND,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare.

        Args:
            config: Its path.
            command: What to run instead of the command itself.
            environment: Variables for it.
        """
        self.config = config
        self._command = command
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log = config.with_suffix(".log")

    def start(
        self, *options: str, stdout: int | None = None, before: Callable[[], None] | None = None
    ) -> None:
        """Start ``run``; nothing is waited for.

        Args:
            options: Of ``run``, behind ``-c``.
            stdout: A descriptor.
            before: Is done in the process before the command begins.
        """
        self.finish()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own
                [*self._command, "run", "-c", str(self.config), *options],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=log,
                preexec_fn=before,  # noqa: PLW1509 - tests of processes have no threads
                env=os.environ | self._environment,
                cwd=ROOT,
            )

    def begin(self, *options: str, stdout: int | None = None) -> Self:
        """Start ``run``, and wait until it works."""
        self.start(*options, stdout=stdout)
        self.await_log("The service has begun.")
        return self

    def once(self, *, before: Callable[[], None] | None = None) -> int:
        """Do ``run --once``; return the exit code."""
        self.start("--once", before=before)
        return self.wait()

    @property
    def log(self) -> str:
        """What the process has said on standard error."""
        return self._log.read_text("utf-8")

    def await_log(self, text: str, times: int = 1) -> None:
        """Wait until the process has said something so often."""
        wait_until(
            lambda: self.log.count(text) >= times or self.has_ended,
            f"{text!r} in the log",
        )
        assert self.log.count(text) >= times, self.log

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has, by itself or not."""
        return self._process is None or self._process.poll() is not None

    @property
    def open_files(self) -> list[str]:
        """Paths of what it has open."""
        found = []
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                found.append(str(descriptor.readlink()))
            except FileNotFoundError:
                continue  # closed meanwhile
        return found

    def memory(self, name: str = "VmRSS") -> int:
        """Bytes of memory; ``VmHWM`` for the most that it ever had."""
        return _memory(self.pid, name)

    def memory_of_all(self, name: str = "VmRSS") -> int:
        """Return the same of the process and of those that it has started, in all."""
        return sum(_memory(x, name) for x in self.processes)

    @property
    def processes(self) -> list[int]:
        """Numbers of the process and of those that it has started."""
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        return [self.pid, *(int(x) for y in children for x in y.read_text("ascii").split())]

    def send(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for the end; return the exit code."""
        assert self._process is not None
        return self._process.wait(DEADLINE_SECONDS)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit code."""
        self.send(number)
        return self.wait()

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self.end(signal.SIGKILL) == -signal.SIGKILL

    def finish(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _memory(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    (line,) = (x for x in status.splitlines() if x.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
