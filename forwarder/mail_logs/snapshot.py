"""The state of one stream that has to outlive the process, as pairs of keys and values.

If a store commits them together with the documents and the position in the log, nothing is lost in
a crash: every connection keeps its address, every session its counts. Ids depend on the file alone,
so what they need is saved with its position.

Rules:

* Only changes since the last time are returned; a value of None deletes the key.
* A connection that ended without a login is not saved, although a login may still arrive over
  syslog: nothing that was received is lost.
* What can be computed again (what the lines of a connection say) is not saved.
* Values are JSON, with bytes as Latin-1.
* Changing the shape of a key or a value, or ids, takes another :data:`VERSION`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import orjson

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

VERSION = 2  # of all keys and values here, and of the positions that inputs save beside them
Pair = tuple[str, bytes | None]

_INBOUND, _OUTBOUND, _ATTEMPTS, _EXPIRY = "inbound", "outbound", "attempts", "expiry"
_LOGINS, _ENDS = "waiting", "ends"
_SESSION = ("id", "successes", "user", "users", "messages", "recipients", "size")


class Snapshot:
    """Keeps track of what a store has of one stream."""

    def __init__(self, correlator: Correlator) -> None:
        self._correlator = correlator
        open_ = correlator.connections
        self._connections = (_Stored(_INBOUND, open_.inbound), _Stored(_OUTBOUND, open_.outbound))
        self._logins: dict[bytes, tuple[LoginState, bytes, tuple[int | None, ...] | None]] = {}
        self._waiting: dict[str, WaitingLogin | WaitingEnd] = {}
        self._expiry = 0

    def restore(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Restore what a store has into the stream's correlator, which is new."""
        kinds: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        for key, value in pairs:
            kind, _, name = key.partition("/")
            kinds[kind].append((name, orjson.loads(value)))
        open_ = self._correlator.connections
        for known in self._connections:
            known.restore(kinds[known.kind])
        for name, value in kinds[_ATTEMPTS]:
            # A damaged store may have lost the connection.
            if name.encode() in open_.inbound:
                self._restore_login(name.encode(), value)
        logins = [_load_login(value) for _, value in kinds[_LOGINS]]
        # In the order of arrival; for the same moment, in that of their lines.
        for login in sorted(logins, key=lambda x: (x.arrival, x.event.offset or 0)):
            open_.waiting_logins.setdefault(login.name, []).append(login)
        for _, value in kinds[_ENDS]:
            end = _load_end(value)
            open_.waiting_ends[end.name] = end
        self._waiting = self._find_waiting()
        for _, value in kinds[_EXPIRY]:
            self._expiry = self._correlator.next_expiry = value

    def changes(self) -> Iterator[Pair]:
        """Return changes since the last time."""
        for connections in self._connections:
            yield from connections.changes()
        yield from self._changed_logins()
        known, self._waiting = self._waiting, self._find_waiting()
        yield from ((key, None) for key in known.keys() - self._waiting.keys())
        for key, waiting in self._waiting.items():
            if known.get(key) is not waiting:
                yield key, dumps(waiting)
        if self._expiry != self._correlator.next_expiry:
            self._expiry = self._correlator.next_expiry
            yield _EXPIRY, dumps(self._expiry)

    def keys(self) -> Iterator[str]:
        """Return all keys that the store has."""
        for known in self._connections:
            yield from (f"{known.kind}/{x.decode()}" for x in known.stored)
        yield from (f"{_ATTEMPTS}/{x.decode()}" for x in self._logins)
        yield from self._waiting
        if self._expiry:
            yield _EXPIRY

    def _changed_logins(self) -> Iterator[Pair]:
        open_, stored = self._correlator.connections, self._logins
        now, ends = open_.logins, open_.waiting_ends
        for number in stored.keys() - now.keys():
            del stored[number]
            yield f"{_ATTEMPTS}/{number.decode()}", None
        for number, login in now.items():
            old, session, counts = stored.get(number), login[3], None
            # A session changes in place; compare the many whose end only waits.
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
                yield f"{_ATTEMPTS}/{number.decode()}", value

    def _dump_login(self, login: LoginState) -> bytes:
        _, last, failures, session = login
        if session is None:
            return dumps([last, failures, None])
        followed = self._correlator.connections.messages.followed
        mids = sorted(session.mids)
        stats = [
            *(getattr(session, name) for name in _SESSION),
            session.last,
            [[mid, followed[mid].recipients, followed[mid].size] for mid in mids],
        ]
        return dumps([last, failures, stats])

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
                messages.followed[mid.encode()] = Message(session, recipients, size)
                session.mids.add(mid.encode())
        # What its lines say is computed again when needed.
        login: LoginState = (None, last, failures, session)
        self._correlator.connections.logins[number] = login
        self._logins[number] = login, dumps(value), None

    def _find_waiting(self) -> dict[str, WaitingLogin | WaitingEnd]:
        """Return what waits, by key."""
        open_ = self._correlator.connections
        found: dict[str, WaitingLogin | WaitingEnd] = {
            f"{_ENDS}/{name.decode()}": end for name, end in open_.waiting_ends.items()
        }
        for logins in open_.waiting_logins.values():
            found |= {f"{_LOGINS}/{x.event.id}": x for x in logins}
        return found


class _Stored:
    """What a store has of the connections of one direction."""

    def __init__(self, kind: str, now: dict[bytes, RawConnection]) -> None:
        self.kind = kind
        self._now = now
        # Each with what shows a change: lines are added in place.
        self.stored: dict[bytes, tuple[RawConnection, int, bytes | None, int]] = {}
        self._next = 0

    def changes(self) -> Iterator[Pair]:
        stored = self.stored
        for number in stored.keys() - self._now.keys():
            del stored[number]
            yield f"{self.kind}/{number.decode()}", None
        for number, raw in self._now.items():
            opened, offset, others = raw
            last = others[-1] if others else None
            old = stored.get(number)
            if old is None or old[0] is not raw:
                # The oldest are forgotten first, so their order matters.
                order = self._next = self._next + 1
            elif old[1] == len(others) and old[2] is last:
                continue
            else:
                order = old[3]
            stored[number] = raw, len(others), last, order
            lines = [x for x in others if len(x) <= MAX_LINE]
            value = dumps([order, opened and opened[:MAX_LINE], offset, lines])
            yield f"{self.kind}/{number.decode()}", value

    def restore(self, pairs: Iterable[tuple[str, Any]]) -> None:
        for name, (order, opened, seconds, others) in sorted(pairs, key=lambda x: x[1][0]):
            line = None if opened is None else opened.encode("latin-1")
            raw: RawConnection = line, offset_of(seconds), [x.encode("latin-1") for x in others]
            self._now[name.encode()] = raw
            self.stored[name.encode()] = raw, len(others), raw[2][-1] if others else None, order
            self._next = order


def dumps(value: object) -> bytes:
    """Serialise a value, without the 4 KB that each result of orjson takes."""
    return bytes(memoryview(orjson.dumps(value, default=_plain)))


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON value for one that orjson does not know."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, timedelta):
        return value // timedelta(seconds=1)
    return [*value]  # a named tuple


def offset_of(seconds: int | None) -> timedelta | None:
    """Return an offset that was serialised in seconds."""
    return None if seconds is None else timedelta(seconds=seconds)


def _load_instant(value: list[Any]) -> Instant:
    epoch, utc, compact, offset = value
    return Instant(epoch, utc.encode(), compact.encode(), offset)


def _load_login(value: list[Any]) -> WaitingLogin:
    arrival, name, address, (origin, outcome, key, time, user, _, offset, *place, _) = value
    level, original, message, syslog = place
    response, action = outcome["response"], Action(outcome["action"])
    outcome |= {"action": action, "response": response and Response(*response)}
    event = Event(
        *(Origin(**origin), Outcome(**outcome), key, _load_instant(time), user, None, offset),
        *(level.encode("latin-1"), original.encode("latin-1"), message),
        *(syslog and SyslogHeader(*syslog), None),
    )
    return WaitingLogin(arrival, name.encode(), address and address.encode("latin-1"), event)


def _load_end(value: list[Any]) -> WaitingEnd:
    arrival, name, epoch, start, closing = value
    if closing is not None:
        reason, origin, time, (offset, original, message, level, syslog) = closing
        line = original.encode("latin-1"), message, level.encode("latin-1")
        place = (offset, *line, syslog and SyslogHeader(*syslog))
        closing = CloseReason(reason), Origin(**origin), _load_instant(time), place
    return WaitingEnd(arrival, name.encode(), epoch, start and _load_instant(start), closing)
