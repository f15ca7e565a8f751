"""The service over HTTP, read-only, in a thread of its own, so that no request disturbs it.

    /          the status page
    /metrics   for Prometheus
    /healthz   whether the program runs; needs no token
    /readyz    whether it reads and delivers, and why not

Rules:

- All answers come from the last observation, which is in memory: no request waits for a disk. If it
  is old, the service hangs, and the answers say so.
- Connections are few. More are closed at once; one that sends or takes too little for too long is
  closed as well.
- Only GET and HEAD are answered. Other methods are refused, and end the connection.
"""

import asyncio
import hmac
import socket
import threading
import time
from base64 import b64decode, b64encode
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from itertools import chain, pairwise
from typing import Any, NamedTuple

import h11
import structlog

from forwarder import __version__
from forwarder.app.status import Finding, Observation, Section, sections
from forwarder.config.models import HttpSettings
from forwarder.events import Action
from forwarder.inputs.syslog.sockets import bind, server_context
from forwarder.pages import STYLE, Series, document, plot, table, text
from forwarder.text import iso_time, json_text, many

MAX_CONNECTIONS = 64  # a few monitors and browsers, with several each
SECONDS = 20.0
"""For TLS, for a request, and for its answer to be taken; Prometheus gives up after ten."""
_MAX_REQUEST_BYTES = 1 << 14  # as other servers have it
_READ_BYTES = 1 << 14
_PUBLIC = "/healthz"  # needs no token
_GONE = OSError, EOFError, TimeoutError, h11.LocalProtocolError
_METHODS = {b"GET", b"HEAD"}

_HTML = "text/html; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_POLICY = (
    "default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STYLE_HASH = f"'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
"""For the policy: no other style is applied."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of each answer, with the policy: nothing may be loaded, run, framed or kept."""
_HEADERS_OF = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Basic realm="esa-forwarder", charset="UTF-8"'},
    HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": "GET, HEAD"},
}

OLD_SECONDS = 15.0  # after which an observation is old; there is one every two seconds
SAMPLE_SECONDS = 10.0
_MAX_SAMPLES = 91  # a quarter of an hour, and where it begins
_REFRESH_SECONDS = 5  # after which a browser loads the page again
_MAX_ROWS = 100  # of a table: there may be a thousand appliances
_OUTCOMES = {"success": "good", "failure": "bad", "other": "sent"}
"""Of logins, with the style of each."""

_log = structlog.get_logger(__name__)


class Response(NamedTuple):
    """An answer."""

    body: bytes
    type: str = "text/plain; charset=utf-8"
    status: int = 200
    style: str = "'none'"  # what may be applied, as the content security policy has it


class HttpServer:
    """A socket and its connections."""

    def __init__(self, settings: HttpSettings, answer: Callable[[str, str], Response]) -> None:
        """Listen, or raise ForwarderError.

        ``answer`` gets a path and the header Accept; it answers without waiting for anything.
        """
        self._answer_page = answer
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._servers: list[asyncio.Server] = []
        self._token = settings.token
        self._context = settings.tls_files and server_context(settings.tls_files)
        if settings.is_open:
            _log.warning(
                "Anyone who reaches this address can read the status page; set token below http.",
                address=settings.place,
            )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()
        try:
            self._run(self._open(settings))
        except BaseException:
            self.close()
            raise

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._servers[0].sockets[0].getsockname()[1])

    def close(self) -> None:
        """Close the socket and all connections; does nothing the second time."""
        if self._loop.is_closed():
            return
        with suppress(TimeoutError):
            self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    async def _open(self, settings: HttpSettings) -> None:
        for each in bind(settings.listen, settings.place):
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
            _log.exception("A request could not be answered.")
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
        if request.method not in _METHODS:
            return Response(b"only GET and HEAD are answered\n", status=405)
        if path != _PUBLIC and not self._may_read(headers.get(b"authorization", "")):
            return Response(b"the token is missing or wrong\n", status=401)
        return self._answer_page(path, headers.get(b"accept", ""))

    def _may_read(self, authorization: str) -> bool:
        """Whether a client sends the token: as such, or as the password that a browser asks for."""
        if self._token is None:
            return True
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                given = b64decode(given).decode("utf-8", "replace").partition(":")[2]
            except ValueError:
                return False
        return hmac.compare_digest(given.strip().encode(), self._token.get_secret_value().encode())


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """Receive a request, to its end if it can be answered; None if the client has left."""
    request = None
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            request = event
            if request.method not in _METHODS:
                return request
        elif not isinstance(event, h11.Data):  # the end
            return request


def _send(connection: h11.Connection, response: Response, request: h11.Request | None) -> bytes:
    """Return the bytes of an answer; after a bad request, the connection ends."""
    status = HTTPStatus(response.status)
    headers = _HEADERS | _HEADERS_OF.get(status, {})
    headers["Content-Security-Policy"] = _POLICY.format(response.style)
    headers["Content-Type"] = response.type
    headers["Content-Length"] = str(len(response.body))
    if request is None or request.method not in _METHODS:
        headers["Connection"] = "close"
    body = b"" if request is not None and request.method == b"HEAD" else response.body
    head = h11.Response(status_code=status, headers=[*headers.items()], reason=status.phrase)
    events = head, h11.Data(data=body), h11.EndOfMessage()
    return b"".join([connection.send(x) for x in events])


class Sample(NamedTuple):
    """What the plots show of one moment; numbers are since the service started."""

    at: float  # seconds since 1970
    logins: Mapping[str, int]  # by outcome
    delivered: int
    lag: int  # seconds, of the appliance that lags the most


class Site:
    """What is served."""

    def __init__(self) -> None:
        """Start without an observation."""
        self._seen: Observation | None = None
        self._samples: deque[Sample] = deque(maxlen=_MAX_SAMPLES)

    def show(self, seen: Observation) -> None:
        """Show this from now on; called by another thread."""
        self._seen = seen
        if not self._samples or seen.at - self._samples[-1].at >= SAMPLE_SECONDS:
            self._samples.append(_sample(seen))

    def answer(self, path: str, accept: str) -> Response:
        """Answer a request."""
        if path == "/healthz":
            return _json({"alive": True})
        if path == "/readyz":
            return self._readiness()
        if path not in {"/", "/metrics"}:
            return Response(b"there is /, /metrics, /healthz and /readyz\n", status=404)
        if self._seen is None:
            return Response(b"the service starts\n", status=503)
        if path == "/metrics":
            # It takes time and memory to import.
            from forwarder.app.metrics import write  # noqa: PLC0415

            return Response(*write(self._seen, accept))
        page = _render(self._seen, self._findings, [*self._samples])
        return Response(page.encode(), _HTML, style=_STYLE_HASH)

    def _readiness(self) -> Response:
        reasons = self._findings
        is_ready = not any(x.critical for x in reasons)
        answer = _json({"ready": is_ready, "reasons": reasons})
        return answer._replace(status=200 if is_ready else 503)

    @property
    def _findings(self) -> list[Finding]:
        seen = self._seen
        if seen is None:
            return [Finding("service", "it starts", critical=True)]
        found: list[Finding] = [*seen.status["attention"]]
        age = time.time() - seen.at
        if age > OLD_SECONDS:
            what = f"has not updated its status for {age:.0f} seconds: it reloads, or a disk hangs"
            found.insert(0, Finding("service", what, "see its log", critical=True))
        return found


def _json(value: object) -> Response:
    return Response(json_text(value).encode() + b"\n", _JSON)


def _sample(seen: Observation) -> Sample:
    outputs, inputs = seen.status["outputs"].values(), seen.status["inputs"] or {}
    logins = Counter[str]()
    for action, outcome, number in inputs.get("events", ()):
        if action != Action.SESSION_CLOSED.value:
            logins[outcome if outcome in {"success", "failure"} else "other"] += number
    return Sample(
        seen.at,
        logins,
        sum(x["delivered"] for x in outputs),
        max((x["lag_seconds"] or 0 for x in inputs.get("appliances", ())), default=0),
    )


def _render(seen: Observation, findings: Sequence[Finding], samples: Sequence[Sample]) -> str:
    title = f"esa-forwarder on {text(socket.gethostname())}"
    mark = f"({len(findings)}) " if findings else ""
    refresh = f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
    process = seen.status["service"]["process"]
    head = (
        f"<h1>{title}</h1>\n<p>version {text(__version__)}, process {process};"
        f" as of {iso_time(seen.at)}, refreshed every {_REFRESH_SECONDS} s</p>\n"
    )
    parts = chain.from_iterable(map(_section, sections(seen.status)))
    return document(mark + title, refresh, chain([head], _state(findings), _plots(samples), parts))


def _state(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        yield '<section class="state"><b>All is well.</b></section>'
        return
    kind = "bad" if any(x.critical for x in findings) else "odd"
    verb = "needs" if len(findings) == 1 else "need"
    things = many(len(findings), "thing")
    yield f'<section class="state {kind}"><b>{things} {verb} attention</b><ul>'
    for finding in findings[:_MAX_ROWS]:
        yield (
            f"<li><strong>{text(finding.subject)}</strong>: {text(finding.what)}."
            f" <em>{text(finding.advice[:1].upper() + finding.advice[1:])}.</em></li>"
        )
    yield "</ul></section>"


def _section(section: Section) -> Iterator[str]:
    yield f"<section><h2>{section.title}</h2>"
    yield from (f"<p>{text(x)}</p>" for x in section.lines)
    for head, rows, _ in section.tables:
        # On a phone, the other columns are out of sight.
        order = sorted(range(len(head)), key=lambda x: (x > 0, head[x] != "State"))
        cells = [[row[x] for x in order] for row in rows[:_MAX_ROWS]]
        yield from table([head[x] for x in order], cells, more=len(rows) - _MAX_ROWS)
    yield "</section>\n"


def _plots(samples: Sequence[Sample]) -> Iterator[str]:
    if len(samples) < 2:  # noqa: PLR2004 - rates are between two
        yield "<p>Plots appear after half a minute.</p>"
        return
    times = [x.at for x in samples]
    logins = [
        _rates(style, name, times, [x.logins.get(name, 0) for x in samples])
        for name, style in _OUTCOMES.items()
    ]
    delivered = _rates("sent", "all outputs", times, [x.delivered for x in samples])
    lag = Series("sent", "lag", [x.lag for x in samples[1:]], _duration(samples[-1].lag))
    yield f"<section><h2>The last {many(round((times[-1] - times[0]) / 60), 'minute')}</h2>"
    yield '<div class="plots">'
    yield from plot("Logins a minute", times[1:], logins)
    yield from plot("Documents delivered a minute", times[1:], [delivered])
    yield from plot("Lag of the slowest appliance", times[1:], [lag], _duration)
    yield "</div></section>\n"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _rates(style: str, name: str, times: Sequence[float], totals: Sequence[int]) -> Series:
    """Return the rates per minute between samples; counts start again at a reload."""
    rates = [
        60 * (after - before if after >= before else after) / max(end - begin, 1)
        for (begin, end), (before, after) in zip(pairwise(times), pairwise(totals), strict=True)
    ]
    return Series(style, name, rates, f"{rates[-1]:,.0f}")
