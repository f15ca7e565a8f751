"""HTTP to one server: urllib3, with limits on how long an answer takes and how long it is.

- A request may take as long to be sent as its answer may take to come. urllib3 gives it the time
  that connecting may take: over a narrow line a batch takes longer, and would be sent again and
  again and never arrive.
- An answer has that time as a whole, its head included. urllib3 grants it again for each piece: a
  server that sends a byte now and then would never be given up.
- An answer has at most :data:`MAX_BYTES`.
- Nothing is tried again here: that is done where the documents are. Redirects are not followed.
"""

import io
import ssl
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from socket import socket
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import urllib3
from isal import igzip
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from forwarder_bulk import tls
from forwarder_bulk.settings import ClusterSettings

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_BYTES = 32 << 20
"""Decompressed. A reply has an entry for each document of a request, of which there are 2,500 at
most. Without errors, these have some 100 bytes each; an error has 500, and some KB where the server
quotes a document in it. This is 13 KB for each of them."""
_CHUNK = 1 << 16
"""Bytes that are read at once."""
_LEVEL = 1
"""Of 0 to 3. Documents shrink to a fourteenth; 0 compresses a quarter worse in the same time, 3
takes eight times as long and gains nothing."""
_HUNG_UP = (ssl.SSLEOFError, RemoteDisconnected, IncompleteRead)


class AnswerTooLongError(HTTPError):
    """An answer had no end where it should have had one."""


class Answer(NamedTuple):
    """An answer; what the clients read of one of urllib3."""

    status: int
    headers: urllib3.HTTPHeaderDict
    data: bytes
    """Decompressed."""


class Compressed(bytes):
    """A body that is compressed already."""


def compress(body: bytes) -> Compressed:
    """Compress as gzip, always to the same bytes.

    It was most of what delivery took of the processor. Intel's library, which is fast on other
    processors too, takes a fifth of the time that zlib takes at its quickest.
    """
    return Compressed(igzip.compress(body, _LEVEL, mtime=0))


class HttpPool:
    """The connections to one server; in the clients, it takes the place of a pool of urllib3."""

    def __init__(
        self, base_url: str, settings: ClusterSettings, context: ssl.SSLContext | None
    ) -> None:
        """Connect nowhere yet; the context is for a URL with https."""
        seconds = settings.timeout.total_seconds()
        connect = settings.connect_timeout.total_seconds()
        options: dict[str, Any] = {
            "maxsize": settings.workers,
            "block": True,
            "timeout": urllib3.Timeout(connect=connect, read=seconds),
        }
        if context is not None and base_url.startswith("https:"):
            options["ssl_context"] = context
            if not context.check_hostname:
                options["assert_hostname"] = False
            if context.verify_mode is ssl.CERT_NONE:
                # It would warn at each request; the output does once.
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._base_url = base_url
        self._headers = {"accept-encoding": "gzip", **settings.login()}
        self._manager = urllib3.PoolManager(1, **options)
        if (proxy := settings.proxy_url()) is not None:
            url = urllib3.util.parse_url(proxy)
            headers = urllib3.make_headers(proxy_basic_auth=url.auth)
            plain = url._replace(auth=None).url
            self._manager = urllib3.ProxyManager(plain, 1, proxy_headers=headers, **options)
        self._manager.pool_classes_by_scheme = {
            "http": _pool_class(urllib3.HTTPConnectionPool, HTTPConnection, seconds),
            "https": _pool_class(urllib3.HTTPSConnectionPool, HTTPSConnection, seconds),
        }

    def urlopen(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,  # what clients set about retries and redirects
    ) -> Answer:
        """Make a request, and read the whole answer, of any status.

        Raises:
            HTTPError: There is no whole answer; see :func:`explain`.
            HTTPException: It is not HTTP.
        """
        headers = {**(headers or {}), **self._headers}
        if isinstance(body, Compressed):
            headers["content-encoding"] = "gzip"
        return _read_whole(
            self._manager.urlopen(
                method,
                self._base_url + target,
                body=body,
                headers=headers,
                retries=urllib3.Retry(False),  # noqa: FBT003 - as urllib3 has it
                redirect=False,
                preload_content=False,
            )
        )

    def close(self) -> None:
        """Close all connections."""
        self._manager.clear()


def _read_whole(response: urllib3.BaseHTTPResponse) -> Answer:
    """Read the body of an answer, and release its connection."""
    chunks = list[bytes]()
    size = 0
    try:
        while chunk := response.read(_CHUNK):
            size += len(chunk)
            if size > MAX_BYTES:
                response.close()  # with what else is on its way
                raise AnswerTooLongError
            chunks.append(chunk)
        return Answer(response.status, response.headers, b"".join(chunks))
    except ValueError as error:  # of http.client, as of a chunk with a negative length
        raise HTTPException(str(error)) from error
    finally:
        # An error that is kept has this frame by its traceback, and what is in it. The clients keep
        # it until the next collection of garbage, which may be many answers later.
        chunks.clear()
        response.release_conn()


class _Deadline(io.RawIOBase):
    """What comes through a socket, until the time is over that it gives to a single read."""

    def __init__(self, raw: io.RawIOBase, sock: socket) -> None:
        self._raw = raw
        self._sock = sock
        self._end = time.monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:  # type: ignore[explicit-override]  # not in Python 3.11
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:  # type: ignore[explicit-override]
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:  # type: ignore[explicit-override]
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as they come
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Deadline(self.fp.detach(), sock))


def _pool_class(pool: Any, connection: Any, seconds: float) -> Any:  # noqa: ANN401 - of both schemes
    """Make a pool whose connections give a request, and then its answer, so much time."""

    class Connection(connection):  # type: ignore[misc]
        response_class = _Response

        def request(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as they come
            if self.sock is None:
                self.connect()  # in the time for that
            self.timeout = seconds
            super().request(*args, **options)

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def parse_shallow(data: bytes) -> object:
    """Parse JSON that may be shown or looked into; None for what is not JSON.

    Nor is it where it is nested deeper than orjson writes, 254 levels: what is deeper may be more
    than Python can show. Not for the reply to a bulk request, of MiBs.
    """
    try:
        found = orjson.loads(data)
        orjson.dumps(found)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return found


def find_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Return an error, and one after the other what it came from: libraries wrap one another's."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        told = (*error.args, *getattr(error, "errors", ()))
        inner = (x for x in told if isinstance(x, BaseException))
        error = next(inner, error.__cause__ or error.__context__)


def is_late(error: BaseException) -> bool:
    """Say whether our time ran out; that the system gave a connection up is another matter."""
    return any(isinstance(x, TimeoutError) and x.errno is None for x in find_causes(error))


def explain(error: BaseException) -> str:
    """Say why there is no answer and what to do, to be put behind the name of the server."""
    causes = list(find_causes(error))
    if any(isinstance(x, _HUNG_UP) for x in causes):
        return (
            "hung up before its answer was whole; see how it is, and what is between here and there"
        )
    if any(isinstance(x, AnswerTooLongError) for x in causes):
        return (
            f"answers with more than {MAX_BYTES >> 20} MiB, which no answer to this has; see"
            " whether its URL is right, and what is between here and there"
        )
    if any(isinstance(x, HTTPException) for x in causes):
        return (
            "answers with what is not HTTP; see whether its URL is right, with its port and https"
            " or http"
        )
    if (found := next((x for x in causes if isinstance(x, ssl.SSLError)), None)) is not None:
        return f"cannot be trusted: {tls.explain(found)}"
    if is_late(error):
        return "does not answer in time; see how it is, or set a longer timeout"
    words = next((x.strerror for x in causes if isinstance(x, OSError) and x.strerror), str(error))
    return f"cannot be reached: {words}; see whether it runs, and whether its URL is right"
