"""Sockets to listen at: their addresses, how they are opened, TLS, and what became of messages.

Addresses are ``udp://HOST:PORT``, ``tcp://HOST:PORT``, ``tls://HOST:PORT`` and ``unix:///PATH``.
"""

import errno
import os
import socket
import stat
import struct
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from forwarder.appliances import Network, read_ip
from forwarder.errors import ForwarderError

if TYPE_CHECKING:
    import ssl

UDP_BUFFER_BYTES = 16 << 20
"""Asked for: some 100,000 messages, seconds of a large fleet. The system gives no more than
``net.core.rmem_max``."""

STREAM_BUFFER_BYTES = 1 << 16
"""Of the system, for each connection: 60,000 lines a second from next door, 6,000 from another
continent. Some hundreds of connections may fill theirs at once, and a kill loses what is in it."""

BACKLOG = 1_024  # connections that wait to be accepted

_UNIX_MODE = 0o660

_SO_MEMINFO = 55  # of Linux (socket.h); Python has no name for it
_MEMINFO = struct.Struct("9I")
_DROPS = 8  # SK_MEMINFO_DROPS (sock_diag.h): datagrams that the system dropped at this socket


class Transport(Enum):
    """How messages arrive."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    UNIX = "unix"  # datagrams, as to /dev/log

    @property
    def is_stream(self) -> bool:
        """Whether a sender connects, and waits while nothing is read."""
        return self in {Transport.TCP, Transport.TLS}


class Address(NamedTuple):
    """Where to listen."""

    transport: Transport
    host: str  # a name or an address, without brackets; empty for unix
    port: int  # 0 for unix
    path: str  # of the socket, absolute; empty for the others

    @property
    def url(self) -> str:
        """As it is configured."""
        if self.transport is Transport.UNIX:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport.value}://{host}:{self.port}"


class TlsSettings(NamedTuple):
    """Files in PEM, and the least version."""

    certificate: Path  # with its intermediate certificates, the server's own first
    key: Path  # without a password
    client_ca: Path | None  # one of which has to have signed a sender's; None: it needs none
    min_version: str  # "1.2" or "1.3"


class ListenerSettings(NamedTuple):
    """What a socket is, and who may send what to it."""

    address: Address
    input: int  # index among the inputs
    appliance: str | None  # of all senders, where the operator named it
    allow: tuple[Network, ...]  # senders; empty for all
    tls: TlsSettings | None
    max_connections: int
    max_connections_per_sender: int
    max_message_bytes: int
    idle_timeout: timedelta


def read_address(text: str) -> Address:
    """Read an address; raise ForwarderError, whose message says what is allowed."""
    wrong = ForwarderError(
        "is not a syslog address; use udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or"
        " unix:///PATH, as in udp://127.0.0.1:5514 or tcp://[::1]:5514"
    )
    try:
        parts = urlsplit(text)
        transport, port = Transport(parts.scheme), parts.port
    except ValueError:
        raise wrong from None
    if parts.query or parts.fragment or parts.username is not None:
        raise wrong
    if transport is Transport.UNIX:
        if parts.netloc or parts.path[:1] != "/" or parts.path == "/" or "\0" in parts.path:
            raise wrong
        return Address(transport, "", 0, parts.path)
    if not parts.hostname or port is None or parts.path not in {"", "/"}:
        raise wrong
    return Address(transport, parts.hostname, port, "")


def sender_address(host: str) -> str:
    """Return the address of a peer in one form: IPv4 within IPv6 as IPv4, without a zone."""
    return str(read_ip(host.partition("%")[0]))


def bind(address: Address, name: str = "") -> list[socket.socket]:
    """Open a socket for each address that a host stands for, or the one at a path.

    Streams listen. ForwarderError, with the name if it is not the address, tells what to do if that
    fails.
    """
    kind = socket.SOCK_STREAM if address.transport.is_stream else socket.SOCK_DGRAM
    sockets: list[socket.socket] = []
    try:
        with ExitStack() as opened:
            if address.transport is Transport.UNIX:
                sockets.append(opened.enter_context(socket.socket(socket.AF_UNIX, kind)))
                _bind_unix(sockets[0], address.path)
            else:
                infos = socket.getaddrinfo(
                    address.host, address.port, type=kind, flags=socket.AI_PASSIVE
                )
                for family, _, _, _, place in dict.fromkeys(infos):
                    sockets.append(opened.enter_context(socket.socket(family, kind)))
                    _bind_internet(sockets[-1], address, place)
            opened.pop_all()  # they stay open
    except OSError as error:
        words = f"cannot listen on {name or address.url}: {_advice_on(error, address)}"
        raise ForwarderError(words) from error
    return sockets


def _bind_internet(each: socket.socket, address: Address, place: tuple[object, ...]) -> None:
    each.setblocking(False)  # noqa: FBT003 - its only argument
    if each.family == socket.AF_INET6:  # ::, and nothing else, also takes IPv4
        each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address.host != "::")
    size = STREAM_BUFFER_BYTES if address.transport.is_stream else UDP_BUFFER_BYTES
    each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    if address.transport.is_stream:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # inherited
    each.bind(place)
    if address.transport.is_stream:
        each.listen(BACKLOG)


def _bind_unix(each: socket.socket, path: str) -> None:
    """Open a socket at a path; one that has no listener any more is replaced."""
    each.setblocking(False)  # noqa: FBT003 - its only argument
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(Path(path).lstat().st_mode) and not _is_in_use(path):
            Path(path).unlink()
    os.fchmod(each.fileno(), _UNIX_MODE)  # so that it never has a wider mode at its path
    each.bind(path)
    Path(path).chmod(_UNIX_MODE)  # an umask may have taken rights away


def _is_in_use(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        return True


def _advice_on(error: OSError, address: Address) -> str:
    """Say why a socket cannot be opened, and what to do."""
    words = error.strerror or str(error)
    if isinstance(error, PermissionError) and 0 < address.port < 1024:  # noqa: PLR2004 - privileged
        return (
            f"{words}; for a port below 1024 the service needs the capability"
            " CAP_NET_BIND_SERVICE (AmbientCapabilities= of its systemd unit), or use a higher port"
        )
    advice = {
        errno.EADDRINUSE: "; something else is there: stop or remove it, or use another address",
        errno.EADDRNOTAVAIL: "; this host has no such address: use one of its own, or 0.0.0.0",
    }
    return words + advice.get(error.errno or 0, "")


def close_socket(each: socket.socket) -> None:
    """Close a socket, and remove it from its path if it has one."""
    if each.family == socket.AF_UNIX:
        with suppress(OSError):
            Path(each.getsockname()).unlink()
    each.close()


def dropped_datagrams(each: socket.socket) -> int:
    """Return how many datagrams the system has dropped at a socket."""
    memory = each.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(memory)[_DROPS])


def buffer_bytes(each: socket.socket) -> int:
    """Return how much the system gives to a socket."""
    return each.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux doubles it


def listens(process: int, address: Address) -> bool:
    """Tell whether a process listens at an address; it does at a Unix socket, and in doubt.

    As proc(5) has it: the sockets that the process has open, among those of the system.
    """
    if address.transport is Transport.UNIX:
        return True
    protocol = "tcp" if address.transport.is_stream else "udp"
    own = set()
    try:
        for file in Path(f"/proc/{process}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                own.add(str(file.readlink()))
        lines = [
            line.split()
            for table in (protocol, f"{protocol}6")
            for line in Path("/proc/net", table).read_text().splitlines()[1:]
        ]
    except OSError:  # it is of another user, or has just ended
        return True
    ports = {int(x[1].rpartition(":")[2], 16) for x in lines if f"socket:[{x[9]}]" in own}
    return address.port in ports


def server_context(settings: TlsSettings) -> "ssl.SSLContext":
    """Read the files; raise ForwarderError, whose message names the file and what is wrong."""
    import ssl  # noqa: PLC0415 - takes long, and most services have no use for it

    def refuse_password() -> str:
        raise ForwarderError(f"{settings.key} has a password; store the key without one")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context.minimum_version = versions[settings.min_version]
    # A sender never reads. It would close with a ticket unread, and the system would reset the
    # connection, and drop what it has received.
    context.num_tickets = 0
    for file in filter(None, (settings.certificate, settings.key, settings.client_ca)):
        try:
            file.read_bytes()
        except OSError as error:
            raise ForwarderError(f"{file} cannot be read: {error.strerror}") from error
    try:
        context.load_cert_chain(settings.certificate, settings.key, refuse_password)
    except ssl.SSLError as error:
        raise ForwarderError(
            f"{settings.certificate} and {settings.key} are not a certificate and its key in PEM:"
            f" {error.reason or error}"
        ) from error
    if settings.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(settings.client_ca)
        except ssl.SSLError as error:
            raise ForwarderError(
                f"{settings.client_ca} has no certificate in PEM: {error.reason or error}"
            ) from error
    return context


@dataclass(slots=True)
class ListenerCounts:
    """What became of messages and connections since the socket was opened."""

    messages: int = 0
    bytes: int = 0
    cut: int = 0  # messages that were longer than allowed
    incomplete: int = 0  # messages whose connection ended before they did
    not_allowed: int = 0  # connections and datagrams of senders that may not send
    over_limit: int = 0  # connections beyond the limits
    idle: int = 0  # connections that were closed because nothing came
    tls_failed: int = 0  # connections on which TLS did not come about
    tls_error: str = ""  # the last of these
    dropped: int = 0  # datagrams that the system dropped
    connections: int = 0  # that are open
    buffer_bytes: int = 0  # that the system gives to the socket; 0 for streams


LISTENER_WARNINGS = {
    "dropped": "messages were dropped by the system, because its buffer was full; raise"
    " net.core.rmem_max, or use tcp://",
    "not_allowed": "connections or messages came from addresses that may not send; see allow",
    "over_limit": "connections were closed at once; see max_connections and"
    " max_connections_per_sender",
    "tls_failed": "connections failed at the start of TLS; see the last error",
    "incomplete": "messages were dropped, because their connection ended before they did",
    "cut": "messages were longer than max_message_bytes, and only their beginning was used",
    "idle": "connections were closed, because nothing came for idle_timeout",
}
"""What each count that is not 0 means for an operator."""
