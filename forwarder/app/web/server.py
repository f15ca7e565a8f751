"""Serves pages over HTTP, in a thread of its own, so that no request disturbs the service.

Rules:

- A page is made of what is in memory: no request waits for a disk, or makes anything be read.
- There are few connections. More are closed at once; one that sends or takes too little for too
  long is closed as well.
- Only GET and HEAD are answered. What else comes is refused, and ends the connection.
"""

import asyncio
import base64
import hmac
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import h11
import structlog

from forwarder.config.models import HttpSettings
from forwarder.inputs.syslog.sockets import bind, server_context

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")

MAX_CONNECTIONS = 64  # a few monitors and browsers, with several each
SECONDS = 20.0
"""For TLS, for a request, and for its answer to be taken; Prometheus gives up after ten."""
_MAX_REQUEST_BYTES = 1 << 14  # as other servers have it
_READ_BYTES = 1 << 14
_PUBLIC = "/healthz"  # needs no token
_GONE = OSError, EOFError, TimeoutError, h11.LocalProtocolError

_POLICY = (
    "default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of each answer, with the policy: nothing may be loaded, run, framed or kept."""

_log = structlog.get_logger(__name__)


class Response(NamedTuple):
    """An answer."""

    body: bytes
    type: str = "text/plain; charset=utf-8"
    status: int = 200
    style: str = "'none'"  # what may be applied, as the content security policy has it


Site = Callable[[str, str], Response]
"""Makes the answer to a path, given the header Accept; quickly, and without waiting."""


class HttpServer:
    """A socket and its connections."""

    def __init__(self, settings: HttpSettings, site: Site) -> None:
        """Listen, or raise ForwarderError."""
        self._site = site
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._servers: list[asyncio.Server] = []
        self._context: ssl.SSLContext | None = None
        self.change(settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()
        try:
            self._run(self._open())
        except BaseException:
            self.close()
            raise

    @property
    def settings(self) -> HttpSettings:
        """What is in use."""
        return self._settings

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._servers[0].sockets[0].getsockname()[1])

    def change(self, settings: HttpSettings) -> None:
        """Go on with another token and other certificates, which are read again."""
        self._context = settings.tls_files and server_context(settings.tls_files)
        self._settings = settings
        if settings.is_open:
            _log.warning(
                "All who reach this address can read the status page; set token below http.",
                address=settings.place,
            )

    def close(self) -> None:
        """Close the socket and all connections, whatever they do; does nothing the second time."""
        if self._loop.is_closed():
            return
        with suppress(TimeoutError):
            self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    async def _open(self) -> None:
        for each in bind(self._settings.listen, self._settings.place):
            server = await asyncio.start_server(self._accept, sock=each, limit=_READ_BYTES)
            self._servers.append(server)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task, writer in self._connections.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the coroutine of a server is one
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections[task] = writer
        try:
            await self._serve(reader, writer)
        except (*_GONE, asyncio.CancelledError):
            writer.transport.abort()
        except Exception:  # noqa: BLE001 - a fault of the program, which must not end the others
            _log.exception("A page could not be made.")
            writer.transport.abort()
        finally:
            writer.close()
            del self._connections[task]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._context is not None:
            await writer.start_tls(self._context, ssl_handshake_timeout=SECONDS)
        writer.transport.set_write_buffer_limits(0)  # so that draining is until all is sent
        connection = h11.Connection(h11.SERVER, _MAX_REQUEST_BYTES)
        while connection.our_state is h11.IDLE:
            try:
                request = await asyncio.wait_for(_receive(connection, reader), SECONDS)
                if request is None:
                    return
                response = self._answer(request)
            except h11.RemoteProtocolError as error:
                request = None
                response = Response(b"bad request\n", status=error.error_status_hint)
            writer.write(_send(connection, response, request))
            await asyncio.wait_for(writer.drain(), SECONDS)
            if {connection.our_state, connection.their_state} == {h11.DONE}:
                connection.start_next_cycle()

    def _answer(self, request: h11.Request) -> Response:
        headers = {x: y.decode("ascii", "replace") for x, y in request.headers}
        path = request.target.decode("ascii", "replace").partition("?")[0]
        if request.method not in {b"GET", b"HEAD"}:
            return Response(b"only GET and HEAD are answered\n", status=405)
        if path != _PUBLIC and not self._may_read(headers.get(b"authorization", "")):
            return Response(b"the token is missing or wrong\n", status=401)
        return self._site(path, headers.get(b"accept", ""))

    def _may_read(self, authorization: str) -> bool:
        """Whether a client sends the token: as such, or as the password that a browser asks for."""
        token = self._settings.token
        if token is None:
            return True
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given).decode("utf-8", "replace").partition(":")[2]
            except ValueError:
                return False
        return hmac.compare_digest(given.strip().encode(), token.get_secret_value().encode())


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """Receive a request, to its end if it is one that is answered; None where the client left."""
    request = None
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            request = event
            if request.method not in {b"GET", b"HEAD"}:
                return request
        elif not isinstance(event, h11.Data):  # the end
            return request


def _send(connection: h11.Connection, response: Response, request: h11.Request | None) -> bytes:
    """Return the bytes of an answer; after a bad request, nothing more is answered."""
    headers = _HEADERS | {
        "Content-Security-Policy": _POLICY.format(response.style),
        "Content-Type": response.type,
        "Content-Length": str(len(response.body)),
    }
    if response.status == 401:  # noqa: PLR2004 - Unauthorized
        headers["WWW-Authenticate"] = 'Basic realm="esa-forwarder", charset="UTF-8"'
    if response.status == 405:  # noqa: PLR2004 - Method Not Allowed
        headers["Allow"] = "GET, HEAD"
    if request is None or request.method not in {b"GET", b"HEAD"}:
        headers["Connection"] = "close"
    sent = connection.send(
        h11.Response(
            status_code=response.status,
            headers=[*headers.items()],
            reason=HTTPStatus(response.status).phrase,
        )
    )
    body = b"" if request is not None and request.method == b"HEAD" else response.body
    sent += connection.send(h11.Data(data=body)) + connection.send(h11.EndOfMessage())
    return sent
