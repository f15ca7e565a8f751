"""What systemd is told."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.app.service import Service, Systemd
from forwarder.events import Document
from forwarder.output import Unavailable
from tests.services import Told, append, configured, logins


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Open a socket as systemd has one."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as found:
        found.bind(str(tmp_path / "notify"))
        found.settimeout(30)
        yield found


def told(systemd: socket.socket) -> list[str]:
    """Return what has been told so far."""
    found = []
    systemd.setblocking(False)  # noqa: FBT003 - its only argument
    try:
        while True:
            found.append(systemd.recv(4096).decode())
    except BlockingIOError:
        return found


def test_where_the_service_is_and_how(
    tmp_path: Path, systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its start over a reload, also of a wrong configuration, to its end."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setattr("forwarder.app.runtime.LOOK_SECONDS", 0.1)
    append(tmp_path, logins(1))
    is_down = threading.Event()

    def refuse(_: Sequence[Document]) -> None:
        if is_down.is_set():
            raise Unavailable("a\nb")

    def wait_for(*texts: str) -> None:
        """Wait until all of these were told, in any order."""
        left = set(texts)
        while left:
            text = systemd.recv(4096).decode()
            left = {x for x in left if not text.startswith(x)}

    def act() -> None:
        try:
            wait_for("READY=1", "WATCHDOG=1", "STATUS=all is well; ")
            is_down.set()
            append(tmp_path, logins(2))
            wait_for("STATUS=output told: failing since ")
            os.kill(os.getpid(), signal.SIGHUP)
            wait_for("RELOADING=1\nMONOTONIC_USEC=", "READY=1")
            (tmp_path / "esa.yaml").write_text("wrong")
            os.kill(os.getpid(), signal.SIGHUP)
            wait_for("RELOADING=1\n", "READY=1", "WATCHDOG=1")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    read = configured(tmp_path, Told(refuse))
    with ThreadPoolExecutor() as pool:
        service = Service(read(), read)
        acting = pool.submit(act)
        assert service.run()
        acting.result()
    assert "STOPPING=1" in told(systemd)  # how it is may be told meanwhile


def test_one_that_does_nothing_is_not_said_to_be_alive(
    tmp_path: Path, systemd: socket.socket
) -> None:
    """As when reading hangs."""
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "60000000"}
    notifier = Systemd(environment)
    notifier.tell_alive(time.monotonic() - 61)
    assert told(systemd) == []
    for _ in range(3):
        notifier.tell_alive(time.monotonic() - 30)
    assert told(systemd) == ["WATCHDOG=1"]


def test_a_status_is_one_line_and_told_once(tmp_path: Path, systemd: socket.socket) -> None:
    """Whatever a server answered."""
    notifier = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    for _ in range(2):
        notifier.tell_status("no\nREADY=1 " + "x" * 999)
    (line,) = told(systemd)
    assert line.startswith(r"STATUS=no\x0aREADY=1 xxx")
    assert len(line) < 220


def test_without_systemd_nothing_is_told(tmp_path: Path) -> None:
    """Nor where its socket is gone, or is an abstract one that nobody has."""
    for path in ("", str(tmp_path / "gone"), "@esa-forwarder-test-gone"):
        Systemd({"NOTIFY_SOCKET": path}).tell("READY=1")
    assert not Systemd({}).listens
