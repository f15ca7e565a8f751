"""The service with its pages: troubles show, whatever they are, and nobody who asks disturbs it."""

import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from forwarder.app import input_status
from forwarder.app.service import Service
from forwarder.errors import ForwarderError
from forwarder.events import Document
from forwarder.output import Failure, Unavailable
from forwarder.testing import wait_until
from tests.servers.running import free_ports
from tests.services import Told, append, configured, logins


class Running:
    """A service in this process, and what it answers."""

    def __init__(self, folder: Path, more: str = "") -> None:
        """Configure it; ``act`` decides what its output does."""
        self.port, self.other_port = free_ports(2)
        self.act: Callable[[Sequence[Document]], Sequence[Failure] | None] = lambda _: None
        self.told = Told(self._act)
        self.read = configured(folder, self.told, more=f"http: {{{{listen: {self.port}}}}}\n{more}")
        self._config = folder / "esa.yaml"

    def _act(self, documents: Sequence[Document]) -> Sequence[Failure] | None:
        return self.act(documents)

    def run(self, test: Callable[[], None]) -> None:
        """Run it until a test has ended, which has a thread of its own."""

        def end() -> None:
            try:
                test()
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        with ThreadPoolExecutor(1) as pool:
            service = Service(self.read(), self.read)
            testing = pool.submit(end)
            assert service.run()
            testing.result()

    def get(self, path: str, port: int | None = None) -> tuple[int, str]:
        """Ask; 0 where nothing answers."""
        try:
            url = f"http://127.0.0.1:{port or self.port}{path}"
            with urllib.request.urlopen(url, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def reasons(self) -> str:
        """Tell why it is not ready, or what else needs attention."""
        found = json.loads(self.get("/readyz")[1] or '{"reasons": []}')["reasons"]
        return "\n".join(f"{x['subject']}: {x['what']}" for x in found)

    def change(self, before: str, after: str) -> None:
        """Change the configuration, and have it read."""
        text = self._config.read_text()
        assert before in text
        self._config.write_text(text.replace(before, after))
        os.kill(os.getpid(), signal.SIGHUP)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often."""
    monkeypatch.setattr(input_status, "STATUS_SECONDS", 0.2)
    monkeypatch.setattr("forwarder.app.runtime.LOOK_SECONDS", 0.1)


def test_troubles_show_and_go(tmp_path: Path) -> None:
    """A silent appliance, an output that is down, one that rejects: in each view."""
    running = Running(tmp_path, "silence: 1s\n")

    def fail(_: Sequence[Document]) -> None:
        raise Unavailable("the server is gone")

    def test() -> None:
        append(tmp_path, logins(1))
        wait_until(lambda: running.get("/readyz")[0] == 200 and len(running.told.taken) == 1)
        running.act = fail
        append(tmp_path, logins(2))
        wait_until(lambda: "failing since" in running.reasons())
        assert running.get("/readyz")[0] == 503
        assert "the server is gone" in running.get("/")[1]
        assert 'esa_forwarder_output_failing{output="told"} 1.0' in running.get("/metrics")[1]
        running.act = lambda x: [Failure(x[0], "no such field", retryable=False)]
        wait_until(lambda: "no such field" in running.reasons())
        assert 'esa_forwarder_dead_letters{output="told"} 1.0' in running.get("/metrics")[1]
        assert "no such field" in running.get("/")[1]
        running.act = lambda _: None
        append(tmp_path, logins(3))
        wait_until(lambda: "appliance esa1: silent since" in running.reasons())
        assert 'esa_forwarder_appliance_silent{appliance="esa1"} 1.0' in running.get("/metrics")[1]
        assert running.get("/readyz")[0] == 200  # it reads and delivers

    running.run(test)
    assert len(running.told.taken) == 2


def test_a_full_disk_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be written to the spool, so it is noted beside it."""
    monkeypatch.setattr("forwarder.spool.writer._RESERVE_BYTES", 1 << 60)
    monkeypatch.setattr("forwarder.app.ingest.SAY_SECONDS", 0.0)
    running = Running(tmp_path)

    def test() -> None:
        append(tmp_path, logins(1))
        wait_until(lambda: "reading: paused since" in running.reasons())
        assert running.get("/readyz")[0] == 503
        assert "esa_forwarder_reading_paused 1.0" in running.get("/metrics")[1]
        assert "paused since" in running.get("/")[1]

    running.run(test)


def test_pages_are_where_the_configuration_says(
    tmp_path: Path, said: Callable[[str], bool]
) -> None:
    """Also after reloads, which end connections; the log has each address."""
    running = Running(tmp_path)

    def test() -> None:
        append(tmp_path, logins(1))
        wait_until(lambda: running.get("/healthz")[0] == 200)
        with socket.create_connection(("127.0.0.1", running.port), timeout=60) as client:
            running.change("10ms, max_pause", "20ms, max_pause")
            assert client.recv(1 << 16) == b""
        wait_until(lambda: running.get("/healthz")[0] == 200)
        with socket.create_connection(("127.0.0.1", running.port), timeout=60) as client:
            running.change(f"listen: {running.port}", f"listen: {running.other_port}")
            wait_until(lambda: running.get("/healthz", running.other_port)[0] == 200)
            assert client.recv(1 << 16) == b""
        assert running.get("/healthz")[0] == 0
        # A service that is asked to end does not wait for who is connected.
        clients.append(socket.create_connection(("127.0.0.1", running.other_port)))

    clients: list[socket.socket] = []
    running.run(test)
    for client in clients:
        client.close()
    for port in (running.port, running.other_port):
        assert said(f" http=127.0.0.1:{port}")


def test_an_address_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    """As a mistake that is named; nothing of it stays."""
    running = Running(tmp_path)
    with (
        socket.create_server(("127.0.0.1", running.port)),
        pytest.raises(ForwarderError, match=r"cannot listen on 127\.0\.0\.1:"),
    ):
        Service(running.read(), running.read).run()
    assert not any(x.name == "http" for x in threading.enumerate())


def test_once_serves_nothing(tmp_path: Path) -> None:
    """Beside a service it would take its address."""
    running = Running(tmp_path)
    append(tmp_path, logins(1))
    with socket.create_server(("127.0.0.1", running.port)):
        assert Service(running.read(), running.read, once=True).run()
