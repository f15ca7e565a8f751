"""The values that stages hand to one another: what a mail log says of a login.

Everything here is frozen and without behaviour. Text that came from a log stays ``bytes``
where nothing has looked into it yet; it becomes ``str`` where it was parsed.

What many logins share (an origin, a listener, a policy) is made once and compared by identity,
which costs a tenth of comparing what it holds; that is what ``eq=False`` says.
"""

from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import NamedTuple


class Action(Enum):
    """What happened, as ``event.action`` names it."""

    INBOUND = "smtp-authentication"
    OUTBOUND = "smtp-relay-authentication"
    ERROR = "smtp-authentication-error"
    NOT_INITIATED = "smtp-authentication-not-initiated"
    SESSION_CLOSED = "smtp-session-closed"


class CloseReason(Enum):
    """Why a session is over."""

    CLOSE = "close"
    LOST = "lost"
    DISCONNECTED = "disconnected"
    KILLED = "killed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where lines come from; one for all lines under one file header."""

    appliance: str
    path: str | None
    """Absolute path of the file; None for a stream."""
    serial: str | None
    """Serial number from the file's header."""


class SyslogHeader(NamedTuple):
    """What a syslog framing said before the message."""

    priority: int | None
    hostname: str | None
    appname: str | None
    version: str | None
    offset: str | None
    """Local time minus UTC where the stamp says it, ``+02:00``."""


class Instant(NamedTuple):
    """A moment of the log's own time, to the second."""

    epoch: int
    """Seconds since 1970-01-01 00:00 UTC."""
    utc: bytes
    """ISO 8601 with milliseconds, ``2009-04-22T09:44:48.000Z``."""
    compact: bytes
    """Basic ISO 8601, ``20090422T094448Z``."""
    offset: str
    """Local time minus UTC as the log had it, ``+02:00``."""


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """The appliance's end of a connection; one for all connections to it."""

    name: str | None
    address: str | None
    ip_version: str | None
    """``ipv4``, ``ipv6``, or None where the address is no IP address."""


class Opened(NamedTuple):
    """What the line that opened a connection says; of a smart host, its login line will do."""

    listener: Listener | None
    address: bytes
    """Of the other end: the client of an inbound connection, the smart host of an outbound one."""
    ip_version: str | None
    """``ipv4``, ``ipv6``, or None where the address is no IP address."""
    port: int | None
    domain: str | None
    """Reverse DNS name; None where the appliance found none."""
    verified: bool | None
    """Whether the reverse DNS name resolves back; None where the log does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What the host access table decided about a sender; one for all that share it."""

    action: str
    group: str
    match: str | None
    sbrs: float | None
    country: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Tls:
    """The outcome of STARTTLS; one for all that share it."""

    established: bool
    version: str | None
    protocol: str | None
    cipher: str | None
    client_subject: str | None = None
    """Of the client's certificate, as far as the log has it: ``CN=mx.example.com``."""
    server_subject: str | None = None
    """Of the smart host's certificate."""


class Connection(NamedTuple):
    """What was known of a connection at the line of an event."""

    number: bytes
    """ICID of an inbound, DCID of an outbound connection: digits."""
    start: Instant | None
    """None where its ``New`` line was not seen."""
    opened: Opened | None
    correlated: bool
    """Whether the address comes from a line that the number joined."""
    policy: Policy | None
    tls: Tls | None


class Response(NamedTuple):
    """A smart host's answer to AUTH."""

    code: int
    enhanced_code: str | None
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a login line says besides its user; one for all that say the same."""

    action: Action
    result: str | None
    """``success``, ``failure``; None where no attempt was made."""
    mechanism: str | None
    profile: str | None
    reason: str | None
    response: Response | None
    truncated: bool = False
    """Whether the end of the line is missing."""


class Session(NamedTuple):
    """What a connection did from its first login to its end."""

    reason: CloseReason
    auth_successes: int
    auth_failures: int
    users: tuple[str, ...]
    messages: int
    recipients: int
    size: int | None
    """Bytes of the messages; None where the log had no size."""


class Event(NamedTuple):
    """One authentication event, or the end of a session that began with one."""

    origin: Origin
    outcome: Outcome
    id: str
    """32 hex digits, the same for the same line of the same connection, always."""
    time: Instant
    user: str | None
    connection: Connection | None
    """None where the line names no connection."""
    offset: int | None
    """Bytes from the start of the (uncompressed) file; None where no line says the event."""
    level: bytes | None
    """Level of the line, as the log has it (``Info``)."""
    original: bytes | None
    """The line, verbatim and without its end."""
    message: int
    """Where the message begins in ``original``, in bytes."""
    syslog: SyslogHeader | None
    session: Session | None


new_instant = partial(tuple.__new__, Instant)
new_opened = partial(tuple.__new__, Opened)
new_connection = partial(tuple.__new__, Connection)
new_session = partial(tuple.__new__, Session)
new_event = partial(tuple.__new__, Event)
"""Make a value of a tuple of its fields: in half the time that handing over each takes. For those
that every login needs."""
