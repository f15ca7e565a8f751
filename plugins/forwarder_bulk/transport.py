"""HTTP to one server: urllib3, with limits on how long an answer takes and how long it is.

- A request may take as long to be sent as its answer may take to come. urllib3 gives it the time
  that connecting may take: over a narrow line, a large batch would never arrive.
- The body of an answer has that time as a whole. urllib3 grants it again for each piece: a server
  that sends a byte now and then would never be given up.
- An answer has at most :data:`MAX_BYTES`.
- Nothing is tried again here, and redirects are not followed.
- Where the operator names an authority, no other is trusted. urllib3 would trust those of the
  system as well.
"""

import re
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import urllib3
from isal import igzip
from urllib3.exceptions import HTTPError

from forwarder import Finding, Unavailable
from forwarder_bulk.settings import ClusterSettings

MAX_BYTES = 32 << 20
"""Decompressed. A reply has an entry for each of 2,500 documents: 100 bytes, or some KB where the
server quotes the document in an error. This is 13 KB for each."""
_CHUNK = 1 << 16  # bytes that are read at once
_LEVEL = 1
"""Of 0 to 3. Documents shrink to a fourteenth; 0 compresses a quarter worse in the same time, 3
takes eight times as long and gains nothing."""
_NAME_DIFFERS = (62, 64)  # of a host, or of an address
_MOST_NAMES = 10  # of a certificate, in one sentence
_MAX_NAME = 100  # characters
_TLS_EXPECTED = re.compile(rb"plain HTTP request|speaking plain HTTP|HTTP request to an HTTPS")
"""In the pages with which nginx, Apache and servers in Go answer HTTP where they expect TLS.
Elasticsearch, OpenSearch and Kibana hang up."""
_MEANINGS = {
    9: "is not valid yet; check the clocks",
    10: "has expired, or that of its authority has; it needs a new one",
    **dict.fromkeys(range(18, 22), "is of an authority that is not trusted; name it in ca_certs"),
}
"""Of codes of OpenSSL; see X509_STORE_CTX_get_error(3)."""


class UnreachableError(Unavailable):
    """A server cannot be reached; another node of its cluster can be tried.

    Not raised for timeouts: the server may be working on the request, which would be done twice.
    """


class Reply(NamedTuple):
    """A complete answer."""

    url: str  # of the server, without credentials
    status: int
    headers: Mapping[str, str]  # by their names, in any case
    body: bytes  # decompressed


def compress(body: bytes) -> bytes:
    """Compress with gzip, always to the same bytes, in a fifth of the time zlib takes."""
    return igzip.compress(body, _LEVEL, mtime=0)


class HttpPool:
    """The connections to one server."""

    def __init__(self, url: str, settings: ClusterSettings) -> None:
        """Raise Unavailable if a file of the settings is unusable; nothing is connected yet."""
        self._url, self._settings = url, settings
        self._headers = {"accept-encoding": "gzip", **settings.login()}
        self._seconds = settings.timeout.total_seconds()
        connect = settings.connect_timeout.total_seconds()
        options: dict[str, Any] = {
            "maxsize": settings.workers,
            "block": True,
            "timeout": urllib3.Timeout(connect=connect, read=self._seconds),
        }
        if url.startswith("https:"):
            context = options["ssl_context"] = make_context(settings)
            if not context.check_hostname:
                options["assert_hostname"] = False
            if context.verify_mode is ssl.CERT_NONE:
                # It would warn at each request; the output does once.
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if settings.proxy is None:
            self._manager = urllib3.PoolManager(1, **options)
        else:
            proxy = urllib3.util.parse_url(settings.proxy.get_secret_value())
            headers = urllib3.make_headers(proxy_basic_auth=proxy.auth)
            plain = proxy._replace(auth=None).url
            self._manager = urllib3.ProxyManager(plain, 1, proxy_headers=headers, **options)
        pool: Any = self._manager.connection_from_url(url)
        pool.ConnectionCls = _with_time_to_send(pool.ConnectionCls, self._seconds)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and read the whole answer; raises Unavailable if there is none."""
        data = bytearray()
        try:
            response = self._manager.urlopen(
                method,
                self._url + path,
                body=body,
                headers={**(headers or {}), **self._headers},
                retries=urllib3.Retry(False),  # noqa: FBT003 - as urllib3 has it
                redirect=False,
                preload_content=False,
            )
            self._read_whole(response, data)
            if response.status == 400 and _TLS_EXPECTED.search(data):  # noqa: PLR2004 - of HTTP
                raise Unavailable(f"{self._url} answers 400, as it speaks TLS; use https://")
            return Reply(self._url, response.status, response.headers, bytes(data))
        except (HTTPError, HTTPException) as error:
            kind = Unavailable if _is_late(error) else UnreachableError
            raise kind(f"{self._url} {self.explain(error)}") from error
        finally:
            # An error that is kept has this frame by its traceback, and what is in it.
            data.clear()

    def _read_whole(self, response: urllib3.BaseHTTPResponse, data: bytearray) -> None:
        end = time.monotonic() + self._seconds
        try:
            while chunk := response.read1(_CHUNK):
                data += chunk
                if len(data) <= MAX_BYTES and time.monotonic() <= end:
                    continue
                response.close()  # with what else is on its way
                if len(data) <= MAX_BYTES:
                    raise HTTPError(TimeoutError())
                raise UnreachableError(
                    f"{self._url} answers with more than {MAX_BYTES >> 20} MiB; check its URL"
                )
        except ValueError as error:  # of http.client, as of a chunk with a negative length
            raise HTTPException(str(error)) from error
        finally:
            response.release_conn()

    def explain(self, error: BaseException) -> str:
        """Say why there is no answer and what to do; the name of the server goes before it."""
        causes = list(_find_causes(error))

        def find(*kinds: type[BaseException]) -> BaseException | None:
            return next((x for x in causes if isinstance(x, kinds)), None)

        perhaps = "it may speak TLS: try https://, or " if self._url.startswith("http:") else ""
        if find(ssl.SSLEOFError, RemoteDisconnected, IncompleteRead):
            advice = "check the server, and proxies before it"
            perhaps = "" if find(IncompleteRead) else perhaps
            return f"hung up before its answer was complete; {perhaps}{advice}"
        if find(HTTPException):
            return f"does not answer in HTTP; {perhaps}check its URL, and the port"
        if isinstance(refused := find(ssl.SSLError), ssl.SSLError):
            return f"cannot be trusted: {self._explain_tls(refused)}"
        if _is_late(error):
            return "does not answer in time; check its load, or set a longer timeout"
        known = (x.strerror for x in causes if isinstance(x, OSError) and x.strerror)
        words, advice = next(known, str(error)), "check that it runs, and that its URL is right"
        perhaps = perhaps if find(ConnectionResetError) else ""
        return f"cannot be reached: {words}; {perhaps}{advice}"

    def _explain_tls(self, error: ssl.SSLError) -> str:
        if not isinstance(error, ssl.SSLCertVerificationError):
            text = _words_of(error)
            if "WRONG_VERSION_NUMBER" in str(error) or "RECORD_LAYER" in str(error):
                text += "; the server seems to speak plain HTTP there: use http://, or another port"
            return text
        if error.verify_code not in _NAME_DIFFERS:
            meaning = _MEANINGS.get(error.verify_code, f"is not valid: {error.verify_message}")
            return f"its certificate {meaning}"
        names = self._find_names()
        holds = f", it holds {', '.join(names[:_MOST_NAMES])}" if names else ""
        holds += ", ..." if len(names) > _MOST_NAMES else ""
        return (
            f"its certificate is for another name{holds}; use a name that it holds, or set verify:"
            " certificate"
        )

    def _find_names(self) -> list[str]:
        """Return the names in the certificate of the server; none behind a proxy."""
        if self._settings.proxy is not None:
            return []
        certificate = fetch_certificate(self._url, self._settings)
        return [repr(str(name)[:_MAX_NAME]) for _, name in certificate.get("subjectAltName", ())]

    def close(self) -> None:
        """Close all connections."""
        self._manager.clear()


def make_context(settings: ClusterSettings) -> ssl.SSLContext:
    """Build the TLS context; raises Unavailable if a file of the settings is unusable."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_certs)
    except OSError as error:
        raise Unavailable(
            f"ca_certs {str(settings.ca_certs)!r} cannot be used: {_words_of(error)}; it has to be"
            " a file with certificates in PEM"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.verify != "full":
        context.check_hostname = False
    if settings.verify == "none":
        context.verify_mode = ssl.CERT_NONE
    if settings.client_certificate is not None:
        key = settings.client_key or settings.client_certificate
        try:
            # With a function, OpenSSL does not ask at the terminal.
            context.load_cert_chain(settings.client_certificate, key, password=lambda: "")
        except OSError as error:
            raise Unavailable(
                f"client_certificate {str(settings.client_certificate)!r} with the key in"
                f" {str(key)!r} cannot be used: {_words_of(error)}; both have to be PEM, belong"
                " together, and have no passphrase"
            ) from error
    return context


def fetch_certificate(url: str, settings: ClusterSettings) -> Mapping[str, Any]:
    """Fetch the certificate of a server, whatever its names; empty if it is not trusted."""
    parts, context = urlsplit(url), make_context(settings)
    host, timeout = parts.hostname or "", settings.connect_timeout.total_seconds()
    context.check_hostname = False
    try:
        with (
            socket.create_connection((host, parts.port or 0), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return secure.getpeercert() or {}
    except OSError:
        return {}


def _with_time_to_send(connection: Any, seconds: float) -> Any:  # noqa: ANN401 - of http or https
    class Connection(connection):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(seconds)

    return Connection


def parse_shallow(data: bytes) -> object:
    """Parse JSON; None for what is not JSON, or is nested deeper than 254 levels.

    Python may be unable to print deeper values. Too slow for the reply to a bulk request.
    """
    try:
        found = orjson.loads(data)
        orjson.dumps(found)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return found


def _is_late(error: BaseException) -> bool:
    """Tell whether our own timeout expired, rather than one of the system."""
    return any(isinstance(x, TimeoutError) and x.errno is None for x in _find_causes(error))


def _find_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes: libraries wrap the errors of others."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        inner = (x for x in error.args if isinstance(x, BaseException))
        error = next(inner, error.__cause__ or error.__context__)


def _words_of(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return error.strerror or str(error) or type(error).__name__


def check_nodes(
    urls: Iterable[str], check: Callable[[str], Iterator[Finding]]
) -> Iterator[Finding]:
    """Check each node; report a fault that several share once, at the end."""
    wrong = defaultdict[Finding, list[str]](list)
    for url in urls:
        for found in _check_node(url, check):
            if found.good:
                yield found
            else:
                wrong[found._replace(text=found.text.removeprefix(url))].append(url)
    for found, (url, *others) in wrong.items():
        # What begins otherwise is not about a node, such as a file of the settings.
        is_of_node = found.text[:1] in {" ", ":"}
        more = f"; the same at {', '.join(others)}" if others and is_of_node else ""
        yield found._replace(text=f"{url if is_of_node else ''}{found.text}{more}")


def _check_node(url: str, check: Callable[[str], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check(url)
    except Unavailable as error:
        yield as_finding(str(error))


def as_finding(text: str) -> Finding:
    """Turn a text with advice after its semicolon into a bad finding."""
    text, _, advice = text.removesuffix(".").partition("; ")
    advice = advice or "check the server"
    return Finding(good=False, text=text, advice=f"{advice[0].upper()}{advice[1:]}.")
