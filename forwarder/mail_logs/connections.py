"""The open connections of one stream: the lines that describe them, and the sessions on them.

Lines are kept as they are and parsed at the first login, as most connections never see one. After a
successful login, what the session sends is counted until its connection ends.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import NamedTuple

from forwarder.events import (
    Action,
    CloseReason,
    Connection,
    Counters,
    Event,
    Instant,
    Opened,
    Origin,
    Outcome,
    SyslogHeader,
    new_connection,
    new_event,
    new_session,
)
from forwarder.mail_logs import grammar
from forwarder.mail_logs.event_ids import derive
from forwarder.mail_logs.grammar import LEVEL, STAMP_BYTES
from forwarder.mail_logs.messages import SUCCESS, MessageParser, behind_number, read_address
from forwarder.mail_logs.scanner import BlockReader, Location
from forwarder.mail_logs.timestamps import Clock

MAX_OPEN = 65_536
"""An appliance serves some thousand connections at once; this many take about 40 MB of memory.
A join of this kind in fail2ban holds 100."""

MAX_LINES = 16
"""Lines kept of one connection; beyond, the older half is dropped. Usually there are two, of policy
and TLS."""

MAX_LINE = 2_048
"""Bytes of a line; a name in reverse DNS has 255. A longer ``New`` line is cut, as its beginning
has the address; any other longer line is ignored."""

MAX_MESSAGES = 65_536
"""Messages of open sessions that are followed, 15 MB; beyond, recipients and sizes of the oldest
eighth are no longer counted."""

MAX_USERS = 16
"""Users named in a session. SMTP allows one login per session (RFC 4954, section 4)."""

# Approximate memory of each, in bytes.
_CONNECTION_BYTES = 400
_LINE_BYTES = 64
_STATS_BYTES = 600
_MESSAGE_BYTES = 230

_STARTED, _RECIPIENT, _READY, _ABORTED = (
    re.compile(LEVEL + rb": +" + form.pattern).match
    for form in (
        grammar.MESSAGE_STARTED,
        grammar.RECIPIENT,
        grammar.MESSAGE_READY,
        grammar.MESSAGE_ABORTED,
    )
)

RawConnection = tuple[bytes | None, timedelta | None, list[bytes]]
"""A connection in the log: its ``New`` line, None if another line came first; local time minus UTC
by the header of that file; the other lines that describe it, in order."""


@dataclass(slots=True)
class SessionStats:
    """What a session has done so far."""

    id: str = field(init=False)  # of its first login
    last: Instant = field(init=False)  # the time of its last successful login
    successes: int = 0
    user: str | None = None
    users: list[str] = field(default_factory=list)
    messages: int = 0
    recipients: int = 0
    size: int | None = None
    mids: set[bytes] = field(default_factory=set)

    def succeed(self, user: str | None, time: Instant, name: str) -> None:
        """Count a successful login, by the id of its event."""
        if not self.successes:
            self.id = name
        self.successes += 1
        self.user = user
        self.last = time
        if user is not None and user not in self.users and len(self.users) < MAX_USERS:
            self.users.append(user)


LoginState = tuple[Connection | None, int, int, SessionStats | None]
"""The logins on a connection: what its lines say, None after a new line until it is needed; the
time of the last attempt, in seconds since 1970; failures; the session after a successful login."""
NO_LOGIN: LoginState = (None, 0, 0, None)

Nowhere = tuple[None, None, int, None, None]

Closing = tuple[CloseReason, Origin, Instant, Location | Nowhere]
"""The end of a session: reason, file, time and line."""

_NOWHERE: Nowhere = (None, None, 0, None, None)
"""Instead of a location, if no line ends it."""


class WaitingLogin(NamedTuple):
    """A login over syslog whose connection is still unknown."""

    arrival: float  # seconds since 1970
    name: bytes  # of the connection: `ICID 5`
    address: bytes | None  # of the smart host; None for a client's login
    event: Event  # without a connection


class WaitingEnd(NamedTuple):
    """The end of a connection over syslog, before it takes effect."""

    arrival: float  # seconds since 1970
    name: bytes  # of the connection
    epoch: int  # when it ended by the log, in seconds since 1970
    start: Instant | None  # of the connection, if known
    closing: Closing | None  # None for a connection to a smart host


_CLOSED = Outcome(Action.SESSION_CLOSED, SUCCESS, None, None, None, None)


@dataclass(slots=True)
class Message:
    """One message of a session."""

    session: SessionStats
    recipients: int = 0
    size: int | None = None


class Messages:
    """Follows the messages of open sessions."""

    def __init__(self) -> None:
        self.sessions: dict[bytes, SessionStats] = {}  # by ICID
        self.followed: dict[bytes, Message] = {}  # by MID

    def silent_since(self, epoch: int) -> list[bytes]:
        """Return the connections whose last login is before a time, in seconds since 1970."""
        silent = [x for x in self.sessions.items() if x[1].last.epoch < epoch]
        # In an order that is the same after a restart.
        return [icid for icid, _ in sorted(silent, key=lambda x: (x[1].last.epoch, x[0]))]

    def leave(self, icid: bytes) -> None:
        """Forget a session."""
        session = self.sessions.pop(icid, None)
        if session is not None:
            for mid in session.mids:
                del self.followed[mid]

    def hand_over(self, icid: bytes, other: "Messages") -> None:
        """Hand over a session, if there is one, and its messages."""
        session = self.sessions.pop(icid, None)
        if session is not None:
            other.sessions[icid] = session
            other.followed.update((mid, self.followed.pop(mid)) for mid in session.mids)

    def start(self, mid: bytes, line: bytes) -> None:
        """Read a ``Start MID`` line."""
        found = _STARTED(line, STAMP_BYTES)
        session = None if found is None else self.sessions.get(found["number"])
        if session is None or mid in self.followed:
            return
        if len(self.followed) >= MAX_MESSAGES:
            for oldest in list(islice(self.followed, MAX_MESSAGES // 8)):
                self._forget(oldest)
        self.followed[mid] = Message(session)
        session.mids.add(mid)
        session.messages += 1

    def change(self, mid: bytes, verb: bytes, line: bytes) -> None:
        """Read a line about a followed message: a recipient, its size, or its abort.

        ``verb`` is the word behind its number, or empty.
        """
        message = self.followed[mid]
        session = message.session
        if verb == b"ICID":
            if _RECIPIENT(line, STAMP_BYTES):
                message.recipients += 1
                session.recipients += 1
        elif verb == b"ready":
            if found := _READY(line, STAMP_BYTES):
                size = int(found["size"])
                session.size = (session.size or 0) - (message.size or 0) + size
                message.size = size
        elif _ABORTED(line, STAMP_BYTES):
            self._forget(mid)
            session.messages -= 1
            session.recipients -= message.recipients
            if message.size is not None and session.size is not None:
                session.size = session.size - message.size or None

    def _forget(self, mid: bytes) -> None:
        self.followed.pop(mid).session.mids.discard(mid)


class Tools(NamedTuple):
    """What the correlators of all streams share."""

    clock: Clock
    counters: Counters
    parser: MessageParser
    sessions: bool = True  # whether the end of a session is an event


class Connections:
    """The open connections of one stream."""

    def __init__(self, tools: Tools) -> None:
        self._clock, self._parser = tools.clock, tools.parser
        self.inbound: dict[bytes, RawConnection] = {}  # by ICID, the oldest first
        self.outbound: dict[bytes, RawConnection] = {}  # by DCID, the oldest first
        self.logins: dict[bytes, LoginState] = {}  # by ICID, of open connections only
        self.messages = Messages()
        # For syslog, by the name of the connection: logins that wait for `New`; ends behind a login
        # that do not take effect yet; connections that ended without one, which may still arrive.
        self.waiting_logins: dict[bytes, list[WaitingLogin]] = {}
        self.waiting_ends: dict[bytes, WaitingEnd] = {}
        self.ended: dict[bytes, tuple[RawConnection, WaitingEnd]] = {}

    @property
    def number(self) -> int:
        """How many are open, in both directions."""
        return len(self.inbound) + len(self.outbound) - len(self.waiting_ends)

    def size(self) -> int:
        """Estimate the memory used, in bytes."""
        size = 0
        ended = {name: raw for name, (raw, _) in self.ended.items()}
        for connections in (self.inbound, self.outbound, ended):
            for number, (opened, _, others) in connections.items():
                size += _CONNECTION_BYTES + len(number) + len(opened or b"")
                size += sum(map(len, others)) + _LINE_BYTES * len(others)
        for session in self.messages.sessions.values():
            size += _STATS_BYTES + sum(map(len, session.users)) + len(session.user or "")
        followed = self.messages.followed
        return size + _MESSAGE_BYTES * len(followed) + sum(map(len, followed))

    def describe_inbound(
        self, number: bytes, connection: RawConnection, start: Instant | None = None
    ) -> Connection:
        """Parse the lines of a client's connection; for its start only if that is not given."""
        line, offset, others = connection
        opened = None
        if line is not None:
            opened = self._parser.read_opened(line[:MAX_LINE])
            # A line that turns out not to be a New line does not even give a time.
            if opened is not None and start is None:
                clock = self._clock
                if offset is not clock.offset:
                    clock.set_offset(offset)
                start = clock.instants[line[:24]]
        policy = tls = rejected = None
        facts = self._parser.facts
        for other in others:
            if len(other) <= MAX_LINE:
                # Like behind_number(): a call for each line would double the time.
                begin = other.index(number, STAMP_BYTES) + len(number) + 1
                later_policy, later_tls, later_rejected = facts[other[begin:]]
                policy = later_policy or policy
                tls = later_tls or tls
                rejected = later_rejected or rejected
        if opened is None:
            opened = rejected
        return new_connection((number, start, opened, opened is not None, policy, tls))

    def describe_outbound(
        self, number: bytes, connection: RawConnection | None, address: bytes
    ) -> Connection:
        """Parse the lines of a connection to the smart host that the login line names.

        A connection to another address is not this one, and nothing of it is used.
        """
        tls = None
        if connection is not None:
            line, offset, others = connection
            opened = start = None
            if line is not None:
                opened = self._parser.read_delivery_opened(line[:MAX_LINE])
                start = self._clock.read(line[:24], offset)
            joined = opened is not None and opened.address == address
            if others and (joined or opened is None):
                tls = self._parser.delivery_facts[behind_number(number, others[-1])]
            if joined:
                return Connection(number, start, opened, True, None, tls)  # noqa: FBT003
        alone = Opened(None, *read_address(address), None, None, None)
        return Connection(number, None, alone, False, None, tls)  # noqa: FBT003

    def close(
        self,
        number: bytes,
        connection: RawConnection,
        login: LoginState,
        closing: Closing,
        start: Instant | None = None,
    ) -> Event:
        """Return the event of a session that ends; ``start`` is the connection's, if known."""
        known, _, failures, session = login
        assert session is not None  # noqa: S101 - the caller has checked it
        reason, origin, time, (offset, original, message, level, syslog) = closing
        self.messages.leave(number)
        known = known or self.describe_inbound(number, connection, start)
        # A login has at most one session, which has one end.
        key = derive(session.id, reason.value.encode(), time.epoch)
        users, counts = tuple(session.users), (session.messages, session.recipients, session.size)
        stats = new_session((reason, session.successes, failures, users, *counts))
        return new_event(
            (
                *(origin, _CLOSED, key, time, session.user, known),
                *(offset, level, original, message, syslog, stats),
            )
        )

    def forget(self, numbers: Iterable[bytes], origin: Origin, events: list[Event]) -> None:
        """Forget clients' connections; their sessions end as expired, at their last login."""
        for number in list(numbers):
            connection, login = self.inbound.pop(number), self.logins.pop(number, None)
            if login is not None and (session := login[3]) is not None:
                closing = CloseReason.EXPIRED, origin, session.last, _NOWHERE
                events.append(self.close(number, connection, login, closing))

    def hand_over(self, epoch: int, other: "Connections") -> None:
        """Hand over what began up to a time, in seconds since 1970; the other has nothing open."""
        for number, connection in [*self.inbound.items()]:
            _, last, _, _ = self.logins.get(number, NO_LOGIN)
            if self._began(connection, last) <= epoch:
                other.inbound[number] = self.inbound.pop(number)
                if number in self.logins:
                    other.logins[number] = self.logins.pop(number)
                self.messages.hand_over(number, other.messages)
        for number, connection in [*self.outbound.items()]:
            if self._began(connection) <= epoch:
                other.outbound[number] = self.outbound.pop(number)

    def _began(self, connection: RawConnection, otherwise: int = 0) -> int:
        """Return the time of a connection's first line, in seconds since 1970."""
        opened, offset, others = connection
        lines = others if opened is None else [opened]
        time = self._clock.read(lines[0][:24], offset) if lines else None
        return otherwise if time is None else time.epoch

    def make_space(self, block: BlockReader) -> None:
        """Forget the oldest connections of a direction that has too many."""
        if len(self.inbound) > MAX_OPEN:
            oldest = islice(self.inbound, MAX_OPEN // 8)
            self.forget(oldest, block.header.origin, block.events)
        if len(self.outbound) > MAX_OPEN:
            forget_oldest(self.outbound)

    def shrink(self, origin: Origin, events: list[Event]) -> None:
        """Forget the oldest eighth of the open connections, and those that have ended."""
        self.ended.clear()
        forget_oldest(self.outbound, len(self.outbound) // 8 + 1)
        self.forget(islice(self.inbound, len(self.inbound) // 8 + 1), origin, events)


def forget_oldest(connections: dict[bytes, RawConnection], number: int | None = None) -> None:
    """Forget a number of the oldest connections; by default, an eighth of the limit."""
    for oldest in list(islice(connections, MAX_OPEN // 8 if number is None else number)):
        del connections[oldest]


def at_offset(time: Instant, syslog: SyslogHeader | None) -> Instant:
    """Return a time with the offset of its own syslog stamp."""
    return time if syslog is None or syslog.offset is None else time._replace(offset=syslog.offset)
