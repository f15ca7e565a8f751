"""Where to listen, who may send what, and what became of it.

Addresses are ``udp://HOST:PORT``, ``tcp://HOST:PORT``, ``tls://HOST:PORT`` and ``unix:///PATH``.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from forwarder.appliances import Network, read_ip
from forwarder.errors import ForwarderError


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
