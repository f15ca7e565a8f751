"""The output against a real server: what every output does, and what is its own."""

import gzip
import hmac
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from forwarder_webhook import Settings, WebhookOutput
from pydantic import ValidationError

from forwarder import Document, Unavailable
from forwarder.testing import OutputContract, make_documents

SECRET = "s3cret"


class Receiver:
    """A server that takes documents, and can be made to behave otherwise."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.rejected: set[bytes] = set()
        self.largest = 1 << 30
        """Of a batch, in documents."""
        self.last = 1 << 30
        """How many documents it takes before it takes none."""
        self.answer: tuple[int, dict[str, str]] | None = None
        """Status and headers, whatever is posted."""
        self.targets: list[str] = []
        """What was posted to."""
        self.connections: set[socket.socket] = set()
        self.port = 0
        self.start()

    def start(self) -> None:
        """Listen, again on the same port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Hang up, and listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connections that are open."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def judge(self, lines: list[bytes]) -> int:
        """Take documents, or none of them."""
        if self.last == 0:
            return 503
        if len(lines) > self.largest:
            return 413
        if self.rejected.intersection(lines):
            return 400
        self.bodies += lines
        self.last -= len(lines)
        return 204


def handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    """Make a class that answers for a receiver."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            receiver.connections.add(self.connection)

        def finish(self) -> None:
            receiver.connections.discard(self.connection)
            with suppress(OSError):
                super().finish()

        def do_POST(self) -> None:
            receiver.targets.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            expected = "sha256=" + hmac.digest(SECRET.encode(), body, "sha256").hex()
            lines = gzip.decompress(body).split(b"\n")[:-1]
            headers: dict[str, str] = {}
            if self.headers["X-Signature-256"] != expected:
                status = 401
            elif receiver.answer:
                status, headers = receiver.answer
            else:
                status = receiver.judge(lines)
            self.send_response(status)
            for name, value in {"Content-Length": "4", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if status != HTTPStatus.NO_CONTENT:
                self.wfile.write(b"said")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a server that listens."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


class TestContract(OutputContract):
    """What every output does."""

    type = "webhook"

    @pytest.fixture(autouse=True)
    def _receiver(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def settings(self) -> Mapping[str, object]:
        return {"url": f"http://127.0.0.1:{self.receiver.port}/logins", "secret": SECRET}

    def received(self) -> Iterable[bytes]:
        return self.receiver.bodies

    @contextmanager
    def away(self) -> Iterator[None]:
        self.receiver.stop()
        yield
        self.receiver.start()

    @contextmanager
    def busy(self) -> Iterator[None]:
        self.receiver.answer = (429, {})
        yield
        self.receiver.answer = None

    @contextmanager
    def rejecting(self, document: Document) -> Iterator[None]:
        self.receiver.rejected.add(document.body)
        yield
        self.receiver.rejected.clear()


@contextmanager
def opened(receiver: Receiver, **settings: object) -> Iterator[WebhookOutput]:
    """Open an output to a receiver."""
    url = f"http://127.0.0.1:{receiver.port}/logins?a=b"
    output = WebhookOutput(Settings.model_validate({"url": url, "secret": SECRET, **settings}))
    output.open()
    yield output
    output.close()


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 429, 500, 503])
def test_what_may_pass_is_waited_for(receiver: Receiver, status: int) -> None:
    """With what the server said; a wrong secret loses nothing."""
    receiver.answer = (status, {})
    with opened(receiver) as output, pytest.raises(Unavailable, match=f"{status} .*: said"):
        output.write(make_documents(2))


def test_a_wrong_secret_is_waited_for(receiver: Receiver) -> None:
    """The signature is over what was sent."""
    with opened(receiver, secret="other") as output, pytest.raises(Unavailable, match="401"):
        output.write(make_documents(1))
    assert receiver.bodies == []


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_rejected_is_a_failure(receiver: Receiver, status: int) -> None:
    """Each document that cannot be taken, with the status."""
    receiver.answer = (status, {})
    documents = make_documents(3)
    with opened(receiver) as output:
        failures = output.write(documents)
    assert [x.document for x in failures] == documents
    assert {(x.status, x.retryable) for x in failures} == {(status, False)}


def test_a_batch_that_is_too_large_is_halved(receiver: Receiver) -> None:
    """Until it fits."""
    receiver.largest = 3
    with opened(receiver) as output:
        assert output.write(make_documents(20)) == []
    assert receiver.bodies == [x.body for x in make_documents(20)]


def test_half_a_batch_that_was_taken_does_not_come_again(receiver: Receiver) -> None:
    """If the server is gone by the second half."""
    documents = make_documents(4)
    receiver.largest = 2
    receiver.last = 2
    with opened(receiver) as output:
        failures = output.write(documents)
    assert [x.document for x in failures] == documents[2:]
    assert all(x.retryable for x in failures)
    assert receiver.bodies == [x.body for x in documents[:2]]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta()),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta()),
        ("soon", None),
        ("9" * 30, None),
        (None, None),
    ],
)
def test_a_server_may_ask_to_be_left_alone(
    receiver: Receiver, after: str | None, expected: timedelta | None
) -> None:
    """For some seconds, or until a date; what cannot be read is as nothing."""
    receiver.answer = (503, {"Retry-After": after} if after else {})
    with opened(receiver) as output, pytest.raises(Unavailable) as raised:
        output.write(make_documents(1))
    assert raised.value.retry_after == expected


def test_a_date_to_come_is_waited_for(receiver: Receiver) -> None:
    """To the second."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    receiver.answer = (503, {"Retry-After": date})
    with opened(receiver) as output, pytest.raises(Unavailable) as raised:
        output.write(make_documents(1))
    assert raised.value.retry_after is not None
    assert timedelta(minutes=59) < raised.value.retry_after <= timedelta(hours=1)


def test_an_answer_that_does_not_end_is_none(receiver: Receiver) -> None:
    """What the server did is unknown."""
    receiver.answer = (200, {"Content-Length": "100"})
    with opened(receiver, timeout=0.2) as output, pytest.raises(Unavailable, match="cannot be rea"):
        output.write(make_documents(1))


def test_the_secret_is_not_shown() -> None:
    """Neither it nor what is in the URL."""
    url = "http://localhost/hooks/T0KEN?token=t0ken"
    settings = Settings.model_validate({"url": url, "secret": SECRET})
    assert SECRET not in repr(settings)
    assert "t0ken" not in repr(settings).lower()


def test_messages_name_the_server_alone(receiver: Receiver) -> None:
    """In the log, the status and dead letters; the path and the query are sent all the same."""
    server = f"http://127.0.0.1:{receiver.port}"
    with opened(receiver, url=f"{server}/hooks/T0KEN?token=t0ken") as output:
        receiver.answer = (403, {})
        with pytest.raises(Unavailable) as refused:
            output.write(make_documents(1))
        receiver.answer = (400, {})
        (failure,) = output.write(make_documents(1))
        receiver.stop()
        with pytest.raises(Unavailable) as gone:
            output.write(make_documents(1))
        receiver.start()
    assert receiver.targets == ["/hooks/T0KEN?token=t0ken"] * 2
    assert str(refused.value) == f"{server} answers 403 Forbidden: said"
    assert failure.reason == f"{server} answers 400 Bad Request: said"
    assert str(gone.value).startswith(f"{server} cannot be reached: ConnectionRefusedError")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://ann:pa55@localhost/x", "contains a user or password"),
        ("http://ann@localhost/x", "contains a user or password"),
        ("ftp://localhost/pa55", "is not a URL"),
        ("pa55", "is not a URL"),
    ],
)
def test_a_url_that_cannot_be_is_refused(url: str, expected: str) -> None:
    """Without a word of what is in it."""
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate({"url": url, "secret": SECRET})
    (error,) = raised.value.errors()  # of which the program shows the words, and no input
    assert expected in error["msg"]
    assert "pa55" not in error["msg"]
