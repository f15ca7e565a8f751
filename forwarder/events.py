"""The values that stages hand to one another: events, documents, and counters.

Values are frozen and have no behaviour. Log text stays ``bytes`` until it is parsed, and is ``str``
from then on. Objects that many logins share (an origin, a listener, a policy) are created once and
compared by identity, at a tenth of the cost of comparing fields: hence ``eq=False``.
"""

from collections import Counter, deque
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import partial
from typing import NamedTuple


class Document(NamedTuple):
    """One event, serialised once; every output passes on these bytes."""

    id: str
    """32 hex digits, ``event.id`` of the body: the same for the same event, always."""
    body: bytes
    """One JSON object, UTF-8, no newline."""


new_document = partial(tuple.__new__, Document)
"""Creates a document from a tuple of its fields, in a third of the time that ``Document`` takes."""


class Action(Enum):
    """What happened, as ``event.action`` names it."""

    INBOUND = "smtp-authentication"
    OUTBOUND = "smtp-relay-authentication"
    ERROR = "smtp-authentication-error"
    NOT_INITIATED = "smtp-authentication-not-initiated"
    SESSION_CLOSED = "smtp-session-closed"


class CloseReason(Enum):
    """Why a session ended."""

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
    path: str | None  # absolute path of the file; None for a stream
    serial: str | None  # serial number from the file's header
    sender: str | None = None  # address that messages came from

    @property
    def place(self) -> str | None:
        """What a warning names: the file, or the sender of messages."""
        return self.path or (self.sender and f"syslog from {self.sender}")


class SyslogHeader(NamedTuple):
    """What the syslog header in front of a message contains."""

    priority: int | None
    hostname: str | None
    appname: str | None
    version: str | None
    offset: str | None  # local time minus UTC if the timestamp has it, `+02:00`


class Instant(NamedTuple):
    """A moment in the log's own time, to the second."""

    epoch: int  # seconds since 1970-01-01 00:00 UTC
    utc: bytes  # ISO 8601 with milliseconds, `2009-04-22T09:44:48.000Z`
    compact: bytes  # basic ISO 8601, `20090422T094448Z`
    offset: str  # local time minus UTC as in the log, `+02:00`


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """The appliance's end of a connection; all connections to it share one object."""

    name: str | None
    address: str | None
    ip_version: str | None  # `ipv4`, `ipv6`, or None where the address is no IP address


class Opened(NamedTuple):
    """What the line that opened a connection says; for a smart host, the login line suffices."""

    listener: Listener | None
    address: bytes
    """The other end: the client of an inbound connection, the smart host of an outbound one."""
    ip_version: str | None  # `ipv4`, `ipv6`, or None where the address is no IP address
    port: int | None
    domain: str | None  # reverse DNS name; None if the appliance found none
    verified: bool | None
    """Whether the reverse DNS name resolves back; None if the log does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What the host access table decided about a sender; connections share equal ones."""

    action: str
    group: str
    match: str | None
    sbrs: float | None
    country: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Tls:
    """The outcome of STARTTLS; connections share equal ones."""

    established: bool
    version: str | None
    protocol: str | None
    cipher: str | None
    client_subject: str | None = None
    """Of the client's certificate, if the log has it: ``CN=mx.example.com``."""
    server_subject: str | None = None  # of the smart host's certificate


class Connection(NamedTuple):
    """What was known about a connection when the line of an event was read."""

    number: bytes  # ICID of an inbound, DCID of an outbound connection: digits
    start: Instant | None  # None if its `New` line was not seen
    opened: Opened | None
    correlated: bool  # whether the address comes from a line with this number
    policy: Policy | None
    tls: Tls | None


class Response(NamedTuple):
    """A smart host's answer to AUTH."""

    code: int
    enhanced_code: str | None
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a login line says apart from its user; logins share equal ones."""

    action: Action
    result: str | None  # `success`, `failure`; None if no attempt was made
    mechanism: str | None
    profile: str | None
    reason: str | None
    response: Response | None
    truncated: bool = False  # whether the end of the line is missing


class Session(NamedTuple):
    """What a connection did from its first login to its end."""

    reason: CloseReason
    auth_successes: int
    auth_failures: int
    users: tuple[str, ...]
    messages: int
    recipients: int
    size: int | None  # bytes of the messages; None if the log has no size


class Event(NamedTuple):
    """One authentication event, or the end of a session that began with one."""

    origin: Origin
    outcome: Outcome
    id: str  # 32 hex digits, the same for the same line of the same connection, always
    time: Instant
    user: str | None
    connection: Connection | None  # None if the line names no connection
    offset: int | None
    """Bytes from the start of the (uncompressed) file; None if the event comes from no line."""
    level: bytes | None  # level of the line, as the log has it (`Info`)
    original: bytes | None  # the line, verbatim and without its end
    message: int  # offset of the message in `original`, in bytes
    syslog: SyslogHeader | None
    session: Session | None


new_instant = partial(tuple.__new__, Instant)
new_opened = partial(tuple.__new__, Opened)
new_connection = partial(tuple.__new__, Connection)
new_session = partial(tuple.__new__, Session)
new_event = partial(tuple.__new__, Event)
"""Create a value from a tuple of its fields, in half the time of a call with arguments; for the
values that every login needs."""


GIVE_NAMES = (
    "Give each appliance a name of its own: {appliance} in the path, an input of its own with"
    " appliance:, or an entry of appliances: with all hosts that are this one. If one machine has"
    " replaced the other, all is well."
)
"""The advice for a mixture."""


class Mixture(NamedTuple):
    """An appliance whose logs come from two machines."""

    appliance: str
    by: str  # what differs: `serial numbers`, `syslog hosts`, or `files`
    first: str
    second: str


def describe_mixture(appliance: str, by: str, first: str, second: str) -> str:
    """Describe a mixture, without a period; all arguments are printable."""
    return (
        f"the logs of {appliance} come from two machines, by their {by} {first} and {second};"
        " nothing is joined between them"
    )


class ApplianceWarning(NamedTuple):
    """What is odd about one appliance."""

    kind: str  # in `APPLIANCE_WARNINGS`
    appliance: str
    detail: str = ""  # in words; printable


APPLIANCE_WARNINGS = {
    "unknown": (
        "is in no entry of appliances, and keeps its own name; add it to an entry, or make one"
    ),
    "refused": (
        "is in no entry of appliances, and its messages are refused; add its name or its address to"
        " an entry, or make one"
    ),
    "serial": (
        "has another serial number in its log than in the configuration: the machine was replaced,"
        " or the log is of another one"
    ),
    "clock": (
        "has another time than this host, by its messages: set both by NTP, or set timezone of the"
        " appliance"
    ),
}
"""What each kind means and what to do about it; follows the name of the appliance."""


def describe_warning(kind: str, appliance: str, detail: str) -> str:
    """Describe a warning, without a period; all arguments are printable."""
    return f"{appliance} {APPLIANCE_WARNINGS[kind]}" + (f" ({detail})" if detail else "")


class ParseWarning(NamedTuple):
    """A kind of content that is missing from the documents, wholly or in part."""

    name: str  # of its counter in `Counters`
    noun: str  # what is counted
    what: str  # what happened to it; follows the number and the noun
    advice: str  # what it means and what to do, for `parse` and the log
    is_note: bool = False
    """Whether it is common and harmless: ``parse`` lists it in the summary, not as a warning."""
    is_wanted: bool = False
    """Whether a setting asks for it: the service logs it once, without numbers."""


WARNINGS = (
    ParseWarning(
        "unparsed_logins",
        "line",
        "not understood",
        "it begins like a login or a file header, but has no known form, or an impossible date or"
        " offset; parse --unparsed lists each; please report it",
    ),
    ParseWarning(
        "dropped_continuations",
        "line",
        "followed by text that was dropped",
        "it is neither a line nor the wrapped rest of one",
    ),
    ParseWarning("foreign_lines", "line", "dropped", "not of a mail log", is_note=True),
    ParseWarning("truncated_lines", "line", "truncated", "longer than 64 KiB", is_note=True),
    ParseWarning(
        "dropped_repeats",
        "repeated login",
        "dropped",
        "a syslog daemon reports more repetitions than the program accepts (10,000 at once, and 20"
        " for each line of a login in the long run); disable its reduction of repeated messages",
    ),
    ParseWarning(
        "orphaned_repeats",
        "file",
        "beginning with a repetition of the last message of the file before",
        "if that was a login, its repetitions are missing; disable the reduction of repeated"
        " messages in the syslog daemon",
    ),
    ParseWarning(
        "skipped_tags",
        "message",
        "skipped",
        "their tag is not among the tags of the input",
        is_note=True,
        is_wanted=True,
    ),
    ParseWarning(
        "filtered_documents", "document", "filtered", "see documents.filter", is_wanted=True
    ),
    ParseWarning(
        "refused_lines",
        "message",
        "refused",
        "their sender is in no entry of appliances, and known_appliances_only is set",
    ),
    ParseWarning(
        "partial_last_lines",
        "file",
        "with an incomplete last line, which was dropped",
        "send the file again if it was still being sent",
    ),
    ParseWarning(
        "late_files",
        "file",
        "that came late",
        "a newer file of the same log had already begun, and connections that go on from one into"
        " the other are not joined; to read all in order, rewind to the oldest late file",
    ),
)
"""The wording that ``parse``, ``status`` and the service's log use."""

UNPARSED = {
    "unparsed_logins": "not understood",
    "dropped_continuations": "followed by text that is not part of it",
    "foreign_lines": "not of a mail log",
    "truncated_lines": "longer than 64 KiB",
}
"""What is wrong with a line, by the name of its counter in `Counters`."""

MAX_UNPARSED_BYTES = 1024  # of a line that is kept to be shown


class Unparsed(NamedTuple):
    """A line that the parser did not understand, or only in part."""

    kind: str  # in `UNPARSED`
    path: str | None
    offset: int  # bytes from the start of the file to the line
    text: bytes


@dataclass(slots=True)
class Counters:
    """What a parser has read and produced."""

    bytes: int = 0
    lines: int = 0
    # Those that WARNINGS describes.
    unparsed_logins: int = 0
    dropped_continuations: int = 0
    foreign_lines: int = 0
    truncated_lines: int = 0
    dropped_repeats: int = 0
    orphaned_repeats: int = 0
    partial_last_lines: int = 0
    skipped_tags: int = 0
    filtered_documents: int = 0
    refused_lines: int = 0
    late_files: int = 0
    unparsed: dict[str, deque[Unparsed]] = field(default_factory=dict)
    """The newest lines of each kind, if they are kept."""
    keep: int | None = 0  # how many of each kind; None for all
    first: dict[str, tuple[str | None, int | None]] = field(default_factory=dict)
    """Where the first of a kind is: path, and offset in bytes unless whole files are counted."""
    events: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    """By action and outcome."""
    logins_without_id: int = 0  # login events whose line names no connection
    uncorrelated: int = 0  # login events whose line names an unknown connection
    assumed_utc: bool = False  # whether timestamps were taken as UTC because nothing said otherwise
    mixtures: tuple[Mixture, ...] = ()  # one per appliance that seems to be several machines
    appliance_warnings: tuple[ApplianceWarning, ...] = ()  # about single ones

    @property
    def joinable(self) -> int:
        """Login events whose line names a connection."""
        ends = Action.SESSION_CLOSED.value
        logins = sum(number for (action, _), number in self.events.items() if action != ends)
        return logins - self.logins_without_id

    @property
    def joined(self) -> int:
        """Login events whose connection is known."""
        return self.joinable - self.uncorrelated

    def note(self, line: Unparsed) -> None:
        """Count a line that was not understood, and keep it if asked to."""
        setattr(self, line.kind, getattr(self, line.kind) + 1)
        path, offset = self.first.setdefault(line.kind, (line.path, line.offset))
        if path == line.path and offset and line.offset < offset:  # stages take a block at once
            self.first[line.kind] = line.path, line.offset
        if self.keep != 0:
            text = line.text[:MAX_UNPARSED_BYTES].rstrip(b"\r")
            kept = self.unparsed.setdefault(line.kind, deque(maxlen=self.keep))
            kept.append(line._replace(text=text))

    def take_unparsed(self) -> list[Unparsed]:
        """Return the kept lines in the order of their file, and forget them."""
        lines = sorted((x for kept in self.unparsed.values() for x in kept), key=lambda x: x.offset)
        self.unparsed.clear()
        return lines

    def add(self, other: "Counters") -> None:
        """Add the counts of another parser."""
        own = {"first", "unparsed", "keep"}
        for name in (x.name for x in fields(self) if x.name not in own):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.assumed_utc, self.first = bool(self.assumed_utc), other.first | self.first
