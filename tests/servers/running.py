"""Starting, killing and stopping servers."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_START_SECONDS = 300
"""A start takes 5 to 15 seconds on an idle machine; in tests, several start at once."""
_STOP_SECONDS = 20
QUICK = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of a JVM for tests: little memory, and a start that is quick."""


class Server:
    """A process that serves, with its output in a file."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        is_ready: Callable[[], bool],
    ) -> None:
        """Start nothing yet.

        Args:
            command: Runs it in the foreground.
            log: What it says is added to this.
            is_ready: Whether it serves; asked until it does.
        """
        self._command = [*map(str, command)]
        self._log = log
        self._is_ready = is_ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            assert self._process.poll() is None, self._said()
            assert time.monotonic() < deadline, self._said()
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill it, as when the power is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it; kill it if it does not."""
        self._end(signal.SIGTERM)

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def cpu_seconds(self) -> float:
        """What it took of the processors up to now."""
        assert self._process is not None
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


def java(program: Path, options: Sequence[str] = QUICK) -> list[str | Path]:
    """Begin a command that runs a JVM."""
    return [program, *options]


def free_ports(count: int) -> list[int]:
    """Find ports that no process listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [x.getsockname()[1] for x in sockets]
    finally:
        for each in sockets:
            each.close()


def accepts(port: int) -> bool:
    """Tell whether a process on this machine takes connections at a port."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def class_path(*places: Path) -> str:
    """Join folders with classes, and with jars."""
    return os.pathsep.join(str(x / "*") if any(x.glob("*.jar")) else str(x) for x in places)
