"""A server that takes bulk requests, and answers on demand what a real one would not.

It keeps documents as Elasticsearch does: ``create`` takes an ``_id`` once in an index. Everything
else is a knob. Each request is kept as it came.
"""

import gzip
import io
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Item = dict[str, Any]

DEEP = {
    '"(deep list)"': "[" * 1000 + "]" * 1000,
    '"(deep mapping)"': '{"a":' * 1000 + "1" + "}" * 1000,
}
"""What stands for values that are nested deeper than Python goes, and what is sent instead."""
DEEP_LIST, DEEP_MAPPING = map(json.loads, DEEP)


def encode(body: object) -> bytes:
    """Make JSON of it."""
    text = json.dumps(body)
    for name, value in DEEP.items():
        text = text.replace(name, value)
    return text.encode()


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    """By their names in lower case."""
    raw: bytes
    """Of the body, on the wire."""
    body: bytes


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: bytes | Item = b""
    headers: Mapping[str, str] = {}


def error(status: int, type_: str, reason: str = "because") -> Answer:
    """Make the error of a whole request, in the server's form."""
    cause = {"type": type_, "reason": reason}
    return Answer(status, {"error": {"root_cause": [cause], **cause}, "status": status})


class BulkServer:
    """The other side."""

    def __init__(self, context: ssl.SSLContext | None = None, product: str | None = None) -> None:
        """Listen.

        Args:
            context: For TLS.
            product: What it says that it is.
        """
        self.context = context
        self.product = product
        self.documents: dict[tuple[str, str], bytes] = {}
        """By index and ``_id``."""
        self.asked: list[Asked] = []
        self.taken: list[Item] = []
        """What was answered to bulk requests, as a real one would."""
        self.items: dict[str, Item] = {}
        """What is answered for a document, by its ``_id``, which is not taken then."""
        self.choose: Callable[[str], Item | None] = self._find
        """The same, where it is not always the same."""
        self.answer: Callable[[Asked], Answer | None] = lambda _: None
        """What is answered to a bulk request; None for what a real one would."""
        self.others: dict[str, Answer] = {}
        """What is answered to other requests, by method and path."""
        self.headers: Mapping[str, str] = {}
        """Of replies to bulk requests, besides those that it always sends."""
        self.filters = True
        """Whether it leaves out what was not asked for."""
        self.echoes: dict[str, Callable[[Asked], Answer]] = {}
        """What answers other requests, by method and path, where it has to see them."""
        self.max_documents = 1 << 30
        """In a request; more are a 413."""
        self.edit: Callable[[bytes], bytes] = bytes
        """What is done to the body of a reply before it is sent; its length is that of before."""
        self.reset_behind: int | None = None
        """After how many bytes of a reply the connection is reset."""
        self.instead = b""
        """What it sends, where it is to be something else than a reply."""
        self.hangs_up = False
        """Whether it ends the connection instead of a reply."""
        self.released = threading.Event()
        """Until then, replies wait."""
        self.released.set()
        self.trickles: Literal["", "head", "body"] = ""
        """From where on a reply comes byte by byte, and not within any time that a test has."""
        self.reads_after = 0.0
        """Seconds from the head of a request until its body is read."""
        self.at_once = 0
        """The most requests that were here at the same time."""
        self._here = 0
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self.context else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, again on the same port."""
        self._server = _Server(
            ("127.0.0.1", self.port), type("Handler", (_Handler,), {"bulk": self})
        )
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Listen no more, and hang up."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Be gone for a while."""
        self.stop()
        yield
        self.start()

    @contextmanager
    def answering(self, answer: Answer) -> Iterator[None]:
        """Answer each bulk request the same, and take nothing."""
        before, self.answer = self.answer, lambda _: answer
        yield
        self.answer = before

    @property
    def bulks(self) -> list[Asked]:
        """The bulk requests."""
        return [x for x in self.asked if x.path.endswith("/_bulk")]

    def reply(self, asked: Asked) -> Answer:
        """Answer a request."""
        if not asked.path.endswith("/_bulk"):
            request = f"{asked.method} {asked.path}"
            if (echo := self.echoes.get(request)) is not None:
                return echo(asked)
            return self.others.get(request, error(404, "not_found"))
        with self._lock:
            self._here += 1
            self.at_once = max(self.at_once, self._here)
        try:
            self.released.wait(30)
            chosen = self.answer(asked)
            if chosen is None:
                with self._lock:
                    chosen = self._take(asked)
        finally:
            with self._lock:
                self._here -= 1
        return chosen

    def _find(self, id_: str) -> Item | None:
        return self.items.get(id_)

    def _take(self, asked: Asked) -> Answer:
        """Do as Elasticsearch does."""
        lines = asked.body.split(b"\n")
        assert lines.pop() == b""
        if len(lines) // 2 > self.max_documents:
            return Answer(413, b"too large")
        path = asked.path.strip("/").split("/")
        items = []
        for action, body in zip(lines[::2], lines[1::2], strict=True):
            ((kind, meta),) = json.loads(action).items()
            assert kind == "create"
            place = meta.get("_index", unquote(path[-2]) if len(path) > 1 else None), meta["_id"]
            if (chosen := self.choose(place[1])) is not None:
                item = chosen
            elif place in self.documents:
                item = {"status": 409, "error": {"type": "version_conflict_engine_exception"}}
            else:
                self.documents[place] = body
                item = {"status": 201}
            items.append({"create": {"_index": place[0], "_id": place[1], **item}})
        errors = any("error" in x["create"] for x in items)
        whole = {"took": 1, "errors": errors, "items": items}
        wanted = [x.split(".") for y in asked.query.get("filter_path", []) for x in y.split(",")]
        said: Item = _filter(whole, wanted) if wanted and self.filters else whole
        self.taken.append(said)
        return Answer(200, said, self.headers)

    def track(self, connection: socket.socket, *, here: bool) -> None:
        """Remember the open connections."""
        (self._connections.add if here else self._connections.discard)(connection)


def _filter(value: Any, paths: list[list[str]]) -> Any:  # noqa: ANN401 - JSON
    """Leave of an answer what is below these paths, as ``filter_path`` does."""
    if [] in paths:
        return value
    if isinstance(value, list):
        return [y for x in value if (y := _filter(x, paths)) is not None]
    if not isinstance(value, dict):
        return None
    found = {}
    for key, inner in value.items():
        below = [x[1:] for x in paths if x[0] in {key, "*"}]
        if below and (kept := _filter(inner, below)) is not None:
            found[key] = kept
    return found or None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that do not trust us hang up."""


class _Trickle(io.BufferedIOBase):
    """Writes byte by byte."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file

    def write(self, data: "ReadableBuffer") -> int:
        """Take a tenth of a second for each."""
        for byte in (whole := bytes(data)):
            self._file.write(bytes([byte]))
            time.sleep(0.1)
        return len(whole)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    bulk: BulkServer
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: without it, the second waits for the client's acknowledgement.
    disable_nagle_algorithm = True

    def setup(self) -> None:
        if self.bulk.context is not None:
            self.request = self.bulk.context.wrap_socket(self.request, server_side=True)
        super().setup()
        self.bulk.track(self.connection, here=True)

    def finish(self) -> None:
        self.bulk.track(self.connection, here=False)
        with suppress(OSError):
            super().finish()
        if self.bulk.context is not None:
            with suppress(OSError):
                self.request.close()

    def do_POST(self) -> None:
        time.sleep(self.bulk.reads_after)
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        compressed = self.headers.get("Content-Encoding") == "gzip"
        url = urlsplit(self.path)
        headers = {x.lower(): y for x, y in self.headers.items()}
        asked = Asked(
            self.command,
            url.path,
            parse_qs(url.query),
            headers,
            raw,
            gzip.decompress(raw) if compressed else raw,
        )
        self.bulk.asked.append(asked)
        self._send(self.bulk.reply(asked))

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST  # noqa: N815 - the names are those of the library

    def _send(self, answer: Answer) -> None:
        self.wfile.write(self.bulk.instead)
        if self.bulk.hangs_up or self.bulk.instead:
            self.close_connection = True
            return
        is_json = isinstance(answer.body, dict)
        body = answer.body if isinstance(answer.body, bytes) else encode(answer.body)
        kind = "application/json" if is_json else "text/html"
        headers = {"Content-Type": kind, "Content-Length": str(len(body))}
        if self.bulk.product is not None and is_json:
            headers["X-Elastic-Product"] = self.bulk.product
        headers |= answer.headers
        if self.bulk.trickles == "head":
            self.wfile = _Trickle(self.wfile)
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.bulk.trickles == "body":
            self.wfile = _Trickle(self.wfile)
        body = self.bulk.edit(body)
        if self.bulk.reset_behind is not None:
            self.wfile.write(body[: self.bulk.reset_behind])
            linger = struct.pack("ii", 1, 0)  # with it, closing is a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
            return
        self.wfile.write(body)
        if len(body) < int(headers["Content-Length"]):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
