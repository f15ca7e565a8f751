"""The server of pages: who may ask, and that nobody who asks can do harm."""

import base64
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from forwarder.app import web as module
from forwarder.app.web import MAX_CONNECTIONS, HttpServer, Response
from forwarder.config.models import HttpSettings
from forwarder.errors import ForwarderError
from forwarder.testing import wait_until
from tests.servers.certificates import Authority

TOKEN = "0123456789abcdef"
Start = Callable[..., HttpServer]


def site(path: str, accept: str) -> Response:
    """Answer with what was asked."""
    if path == "/fault":
        raise KeyError(path)
    if path == "/large":
        return Response(b"x" * (16 << 20))
    return Response(f"{path} {accept}".encode(), status=404 if path == "/none" else 200)


@pytest.fixture
def start() -> Iterator[Start]:
    """Give what starts a server, which ends with the test."""
    with ExitStack() as stack:

        def begin(**settings: Any) -> HttpServer:  # noqa: ANN401 - as they are written
            given = {"listen": "127.0.0.1:0"} | settings
            server = HttpServer(HttpSettings.model_validate(given), site)
            stack.callback(server.close)
            return server

        yield begin


def ask(server: HttpServer, path: str = "/", **headers: str) -> http.client.HTTPResponse:
    """Ask for a page, on a connection of its own; read it to its end."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer


def talk(server: HttpServer, request: bytes) -> bytes:
    """Send bytes; return all that comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(request)
        found = b""
        while data := client.recv(1 << 16):
            found += data
        return found


def test_pages_are_answered_on_one_connection(start: Start) -> None:
    """Without what is behind a question mark; HEAD has no body."""
    with closing(http.client.HTTPConnection("127.0.0.1", start().port, timeout=60)) as connection:
        for method, path, status, body in (
            ("GET", "/a?b", 200, b"/a text/plain"),
            ("HEAD", "/a", 200, b""),
            ("GET", "/none", 404, b"/none text/plain"),
        ):
            connection.request(method, path, headers={"Accept": "text/plain"})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, body)
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'none'; ")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345", 405),
        (b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00 TLS\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (1 << 15), 431),
    ],
)
def test_bad_requests_end_the_connection(start: Start, request_: bytes, status: int) -> None:
    """And no other."""
    server = start()
    answer = talk(server, request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert (b"\r\nAllow: GET, HEAD\r\n" in answer) == (status == 405)
    assert ask(server).status == 200


def test_a_token(start: Start) -> None:
    """As monitors send it, and as browsers do; whether it runs, anybody may know."""
    server = start(token=TOKEN)
    assert ask(server, "/healthz").status == 200
    refused = ask(server)
    assert (refused.status, refused.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    for given in ("", "x", "Bearer", "Bearer x", "Basic x", "Basic !", f"Bearer {TOKEN}x"):
        assert ask(server, Authorization=given).status == 401
    basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    for given in (f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Basic {basic}"):
        assert ask(server, Authorization=given).status == 200


def test_pages_that_all_can_read_are_warned_of(start: Start, said: Callable[[str], bool]) -> None:
    """Not those of this host alone, nor those with a token."""
    start()
    start(listen="localhost:0")
    start(listen="0.0.0.0:0", token=TOKEN)
    assert not said("can read the status page")
    start(listen="0.0.0.0:0")
    assert said("Anyone who reaches this address can read the status page")


def test_https(start: Start, tmp_path: Path) -> None:
    """Plain HTTP gets no answer then."""
    authority = Authority(tmp_path)
    files = {"certificate": tmp_path / "server.pem", "key": tmp_path / "server.key"}
    authority.issue(files["certificate"], files["key"])
    server = start(tls={x: str(y) for x, y in files.items()})
    context = ssl.create_default_context(cafile=authority.path)
    place = "127.0.0.1", server.port
    with closing(http.client.HTTPSConnection(*place, context=context, timeout=60)) as connection:
        for _ in range(2):
            connection.request("GET", "/a", headers={"Accept": ""})
            assert connection.getresponse().read() == b"/a "
    assert b"HTTP" not in talk(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")


def test_there_are_few_connections(start: Start) -> None:
    """More are closed at once; where some end, others are answered."""
    server = start()
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        wait_until(lambda: len(server._connections) == MAX_CONNECTIONS)  # noqa: SLF001
        with pytest.raises(OSError, match=r"reset|closed|Broken"):
            ask(server)
    wait_until(lambda: not server._connections)  # noqa: SLF001
    assert ask(server).status == 200


@pytest.mark.parametrize("request_", [b"", b"GET / HT", b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_slow_clients_are_left(
    start: Start, monkeypatch: pytest.MonkeyPatch, request_: bytes
) -> None:
    """Those that send nothing, or not all, or take nothing."""
    monkeypatch.setattr(module, "SECONDS", 0.3)
    server = start()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(request_)
        wait_until(lambda: bool(server._connections))  # noqa: SLF001
        wait_until(lambda: not server._connections)  # noqa: SLF001


def test_a_fault_of_a_page_is_logged_and_ends_no_other(
    start: Start, said: Callable[[str], bool]
) -> None:
    """It has no answer."""
    server = start()
    assert talk(server, b"GET /fault HTTP/1.1\r\nHost: a\r\n\r\n") == b""
    assert said("A request could not be answered.")
    assert ask(server).status == 200


def test_it_ends_at_once_whatever_clients_do(start: Start) -> None:
    """Also while one takes nothing."""
    server = start()
    with closing(socket.create_connection(("127.0.0.1", server.port))) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: bool(server._connections))  # noqa: SLF001
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < module.SECONDS / 2
    assert not any(x.name == "http" for x in threading.enumerate())


def test_an_address_that_is_taken(start: Start) -> None:
    """It is named."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(ForwarderError, match=rf"cannot listen on 127.0.0.1:{port}: .* in use"):
            start(listen=port)
