"""Saved state: what has to outlive the process, of one stream and of one file.

A store that takes these values together with the documents and the position in the log goes on
after a crash as if nothing had happened: every connection has its address, every session its
counts. Ids depend on the file alone: what they need is saved with its position.

Rules:

* Of a stream, only what has changed since the last time is given; a value of None deletes the key.
* A connection that ended without a login is not kept, although over syslog one may still arrive:
  nothing that was received is lost with it.
* What can be computed again (what the lines of a connection say) is not kept.
* Values are JSON, with bytes as the characters of Latin-1, which has one for each.
* A change of the shape of a key or a value, or of ids, is another :data:`VERSION`.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import orjson

from forwarder.cache import serialise
from forwarder.events import (
    Action,
    CloseReason,
    Event,
    Instant,
    Origin,
    Outcome,
    Response,
    SyslogHeader,
)
from forwarder.mail_logs.connections import (
    MAX_LINE,
    LoginState,
    Message,
    RawConnection,
    SessionStats,
    WaitingEnd,
    WaitingLogin,
)
from forwarder.mail_logs.correlator import Correlator
from forwarder.mail_logs.event_ids import Source
from forwarder.mail_logs.scanner import Location

VERSION = 2  # of all keys and values here, and of the positions that inputs save beside them
Pair = tuple[str, bytes | None]

_INBOUND, _OUTBOUND, _ATTEMPTS, _EXPIRY = "inbound", "outbound", "attempts", "expiry"
_LOGINS, _ENDS = "waiting", "ends"
_SESSION = ("id", "successes", "user", "users", "messages", "recipients", "size")


class FileState(NamedTuple):
    """What a parser needs to go on with a file."""

    framer: list[Any]  # as it dumps it
    contents: list[Any] | None  # what the file looks like; None for a mail log
    source: Source
    hosts: bool  # whether syslog headers name the appliance
    headers: dict[str | None, tuple[str | None, timedelta | None]]
    """Serial number and offset from UTC by the file's header, of each host."""


def dump_file(state: FileState) -> bytes:
    """Serialise the state of a file."""
    framer, contents, source, hosts, headers = state
    known = [[host, serial, offset_seconds(offset)] for host, (serial, offset) in headers.items()]
    file = [source.base, source.folder, source.file, source.ids.dump(), hosts, known]
    return orjson.dumps([*framer, contents, file])


def load_file(state: bytes, source: Source) -> FileState:
    """Read what :func:`dump_file` wrote; the ids of the source go on where they were."""
    *framer, contents, (base, folder, name, ids, hosts, known) = orjson.loads(state)
    source.ids.restore(ids)
    source = source._replace(base=base, folder=folder, file=name)
    headers = {host: (serial, offset_of(seconds)) for host, serial, seconds in known}
    return FileState(framer, contents, source, hosts, headers)


def appliances_in(state: bytes) -> set[str]:
    """Return the appliances of a file besides its own, from what :func:`dump_file` wrote."""
    *_, (*_, hosts, known) = orjson.loads(state)
    return {host for host, *_ in known if host is not None} if hosts else set()


class Snapshot:
    """Keeps a store up to date about one stream."""

    def __init__(self, correlator: Correlator, prefix: str) -> None:
        """Start with an empty store; ``prefix`` is that of all keys, and ends with a slash."""
        self._correlator = correlator
        self._prefix = prefix
        self._connections = {_INBOUND: _Stored(), _OUTBOUND: _Stored()}
        self._logins: dict[bytes, tuple[LoginState, bytes, tuple[int | None, ...] | None]] = {}
        self._waiting: dict[str, WaitingLogin | WaitingEnd] = {}
        self._expiry = 0

    def restore(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Put what a store has into the stream's correlator, which is new; keys have no prefix."""
        kinds: dict[str, list[tuple[str, Any]]] = {}
        for key, value in pairs:
            kind, _, name = key.partition("/")
            kinds.setdefault(kind, []).append((name, orjson.loads(value)))
        open_ = self._correlator.connections
        self._connections[_INBOUND].restore(kinds.get(_INBOUND, ()), open_.inbound)
        self._connections[_OUTBOUND].restore(kinds.get(_OUTBOUND, ()), open_.outbound)
        for name, value in kinds.get(_ATTEMPTS, ()):
            # A damaged store may have lost the connection; then there is nothing to go on with.
            if name.encode() in open_.inbound:
                self._restore_login(name.encode(), value)
        self._restore_waiting(kinds.get(_LOGINS, ()), kinds.get(_ENDS, ()))
        for _, value in kinds.get(_EXPIRY, ()):
            self._expiry = self._correlator.next_expiry = value

    def changes(self) -> Iterator[Pair]:
        """Return what has changed since the last time."""
        open_ = self._correlator.connections
        prefix, known = self._prefix, self._connections
        yield from known[_INBOUND].changes(f"{prefix}{_INBOUND}/", open_.inbound)
        yield from known[_OUTBOUND].changes(f"{prefix}{_OUTBOUND}/", open_.outbound)
        yield from self._changed_logins(f"{prefix}{_ATTEMPTS}/")
        yield from self._changed_waiting()
        if self._expiry != self._correlator.next_expiry:
            self._expiry = self._correlator.next_expiry
            yield f"{prefix}{_EXPIRY}", orjson.dumps(self._expiry)

    def keys(self) -> Iterator[str]:
        """Return all keys that the store has."""
        for kind, known in self._connections.items():
            yield from (f"{self._prefix}{kind}/{x.decode()}" for x in known.stored)
        yield from (f"{self._prefix}{_ATTEMPTS}/{x.decode()}" for x in self._logins)
        yield from (self._prefix + x for x in self._waiting)
        if self._expiry:
            yield f"{self._prefix}{_EXPIRY}"

    def _changed_logins(self, prefix: str) -> Iterator[Pair]:
        open_, stored = self._correlator.connections, self._logins
        now, ends = open_.logins, open_.waiting_ends
        for number in stored.keys() - now.keys():
            del stored[number]
            yield prefix + number.decode(), None
        for number, login in now.items():
            old, session, counts = stored.get(number), login[3], None
            # A session changes in place, and there are many whose end only waits.
            if session is not None and ends and b"ICID " + number in ends:
                counts = session.messages, session.recipients, session.size, len(session.mids)
            is_same = session is None or (
                counts is not None and old is not None and old[2] == counts
            )
            if old is not None and old[0] is login and is_same:
                continue
            value = self._dump_login(login)
            stored[number] = login, value, counts
            if old is None or old[1] != value:
                yield prefix + number.decode(), value

    def _dump_login(self, login: LoginState) -> bytes:
        _, last, failures, session = login
        if session is None:
            return serialise([last, failures, None])
        followed = self._correlator.connections.messages.followed
        mids = sorted(session.mids)
        stats = [
            *(getattr(session, name) for name in _SESSION),
            _dump_instant(session.last),
            [[mid.decode(), followed[mid].recipients, followed[mid].size] for mid in mids],
        ]
        return serialise([last, failures, stats])

    def _restore_login(self, number: bytes, value: Any) -> None:  # noqa: ANN401 - JSON
        last, failures, stats = value
        session = None
        if stats is not None:
            messages = self._correlator.connections.messages
            session = messages.sessions[number] = SessionStats()
            *values, instant, mids = stats
            for name, known in zip(_SESSION, values, strict=False):  # 0.1.0 saved one more
                setattr(session, name, known)
            session.last = _load_instant(instant)
            for mid, recipients, size in mids:
                message = messages.followed[mid.encode()] = Message(session)
                message.recipients, message.size = recipients, size
                session.mids.add(mid.encode())
        # What its lines say is computed again when it is needed.
        login: LoginState = (None, last, failures, session)
        self._correlator.connections.logins[number] = login
        self._logins[number] = login, serialise(value), None

    def _changed_waiting(self) -> Iterator[Pair]:
        open_, stored = self._correlator.connections, self._waiting
        if not stored and not open_.waiting_logins and not open_.waiting_ends:
            return
        now: dict[str, WaitingLogin | WaitingEnd] = {
            f"{_ENDS}/{end.name.decode()}": end for end in open_.waiting_ends.values()
        }
        for logins in open_.waiting_logins.values():
            now |= {f"{_LOGINS}/{x.event.id}": x for x in logins}
        for key in stored.keys() - now.keys():
            yield self._prefix + key, None
        for key, waiting in now.items():
            if stored.get(key) is not waiting:
                if isinstance(waiting, WaitingEnd):
                    value = _dump_end(waiting)
                else:
                    value = _dump_login(waiting)
                yield self._prefix + key, orjson.dumps(value)
        self._waiting = now

    def _restore_waiting(
        self, logins: Iterable[tuple[str, Any]], ends: Iterable[tuple[str, Any]]
    ) -> None:
        open_ = self._correlator.connections
        # In the order of arrival; of one moment, in that of their lines.
        for key, value in sorted(logins, key=lambda x: (x[1][0], x[1][-1][0])):
            login = _load_login(key, value)
            open_.waiting_logins.setdefault(login.name, []).append(login)
            self._waiting[f"{_LOGINS}/{key}"] = login
        for name, value in sorted(ends, key=lambda x: x[1][0]):
            end = _load_end(name.encode(), value)
            open_.waiting_ends[end.name] = self._waiting[f"{_ENDS}/{name}"] = end


class _Stored:
    """What a store has of the connections in one direction."""

    def __init__(self) -> None:
        # With a connection, what tells whether it has changed: its lines are added in place.
        self.stored: dict[bytes, tuple[RawConnection, int, bytes | None, int]] = {}
        self._next = 0

    def changes(self, prefix: str, now: dict[bytes, RawConnection]) -> Iterator[Pair]:
        stored = self.stored
        for number in stored.keys() - now.keys():
            del stored[number]
            yield prefix + number.decode(), None
        for number, raw in now.items():
            opened, offset, others = raw
            last = others[-1] if others else None
            old = stored.get(number)
            if old is None or old[0] is not raw:
                # The oldest are forgotten first, so it matters in which order they began.
                order = self._next = self._next + 1
            elif old[1] == len(others) and old[2] is last:
                continue
            else:
                order = old[3]
            stored[number] = raw, len(others), last, order
            line = None if opened is None else opened[:MAX_LINE].decode("latin-1")
            lines = [x.decode("latin-1") for x in others if len(x) <= MAX_LINE]
            value = orjson.dumps([order, line, offset_seconds(offset), lines])
            yield prefix + number.decode(), value

    def restore(self, pairs: Iterable[tuple[str, Any]], now: dict[bytes, RawConnection]) -> None:
        for name, (order, opened, seconds, others) in sorted(pairs, key=lambda x: x[1][0]):
            line = None if opened is None else opened.encode("latin-1")
            raw: RawConnection = line, offset_of(seconds), [x.encode("latin-1") for x in others]
            now[name.encode()] = raw
            self.stored[name.encode()] = raw, len(others), raw[2][-1] if others else None, order
            self._next = order


def offset_seconds(offset: timedelta | None) -> int | None:
    """Return an offset from UTC as a value of JSON."""
    return None if offset is None else offset // timedelta(seconds=1)


def offset_of(seconds: int | None) -> timedelta | None:
    """Return what :func:`offset_seconds` was given."""
    return None if seconds is None else timedelta(seconds=seconds)


def _dump_instant(instant: Instant) -> list[Any]:
    epoch, utc, compact, offset = instant
    return [epoch, utc.decode(), compact.decode(), offset]


def _load_instant(value: list[Any]) -> Instant:
    epoch, utc, compact, offset = value
    return Instant(epoch, utc.encode(), compact.encode(), offset)


def _dump_location(
    offset: int | None,
    original: bytes | None,
    message: int,
    level: bytes | None,
    syslog: SyslogHeader | None,
) -> list[Any]:
    texts = [None if x is None else x.decode("latin-1") for x in (original, level)]
    return [offset, *texts, message, None if syslog is None else [*syslog]]


def _load_location(value: list[Any]) -> Location:
    offset, original, level, message, syslog = value
    header = None if syslog is None else SyslogHeader(*syslog)
    return offset, original.encode("latin-1"), message, level.encode("latin-1"), header


def _dump_login(waiting: WaitingLogin) -> list[Any]:
    arrival, name, address, event = waiting
    origin, outcome, _, time, user, _, offset, level, original, message, syslog, _ = event
    response = outcome.response
    return [
        arrival,
        name.decode(),
        None if address is None else address.decode("latin-1"),
        [origin.appliance, origin.serial, origin.sender],
        [outcome.action.value, outcome.result, outcome.mechanism, outcome.profile, outcome.reason],
        [None if response is None else [*response], outcome.truncated],
        _dump_instant(time),
        user,
        _dump_location(offset, original, message, level, syslog),
    ]


def _load_login(key: str, value: list[Any]) -> WaitingLogin:
    arrival, name, address, (appliance, serial, sender), said, more, time, user, location = value
    action, result, mechanism, profile, reason = said
    response, truncated = more
    known = None if response is None else Response(*response)
    outcome = Outcome(Action(action), result, mechanism, profile, reason, known, truncated)
    offset, original, message, level, syslog = _load_location(location)
    origin, instant = Origin(appliance, None, serial, sender), _load_instant(time)
    event = Event(
        *(origin, outcome, key, instant, user, None),
        *(offset, level, original, message, syslog, None),
    )
    smart_host = None if address is None else address.encode("latin-1")
    return WaitingLogin(arrival, name.encode(), smart_host, event)


def _dump_end(end: WaitingEnd) -> list[Any]:
    arrival, _, epoch, start, closing = end
    begun = None if start is None else _dump_instant(start)
    if closing is None:
        return [arrival, epoch, begun, None]
    reason, origin, time, location = closing
    where = [origin.appliance, origin.serial, origin.sender]
    values = [reason.value, where, _dump_instant(time), _dump_location(*location)]
    return [arrival, epoch, begun, values]


def _load_end(name: bytes, value: list[Any]) -> WaitingEnd:
    arrival, epoch, begun, closing = value
    start = None if begun is None else _load_instant(begun)
    if closing is None:
        return WaitingEnd(arrival, name, epoch, start, None)
    reason, (appliance, serial, sender), time, location = closing
    origin = Origin(appliance, None, serial, sender)
    known = CloseReason(reason), origin, _load_instant(time), _load_location(location)
    return WaitingEnd(arrival, name, epoch, start, known)
