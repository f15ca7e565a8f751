"""Saved state: what has to outlive the process, of one stream and of one file.

A store that takes these values together with the documents and the position in the log goes on
after a crash as if nothing had happened: every connection has its address, every session its
counts. Ids depend on the file alone: what they need is saved with its position.

Rules:

* Of a stream, only what has changed since the last time is given; a value of None deletes the key.
* What can be computed again (what the lines of a connection say) is not kept.
* Values are JSON, with bytes as the characters of Latin-1, which has one for each.
* A change of the shape of a key or a value, or of ids, is another :data:`VERSION`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from forwarder.events import Instant
from forwarder.mail_logs.connections import (
    MAX_LINE,
    LoginState,
    Message,
    RawConnection,
    SessionStats,
)
from forwarder.mail_logs.correlator import Correlator
from forwarder.mail_logs.event_ids import Source
from forwarder.mail_logs.framer import FramerState
from forwarder.mail_logs.syslog import SyslogState
from forwarder.mail_logs.wrapping import Wraps
from forwarder.mail_logs.years import YearState

VERSION = 2
"""Of all keys and values here, and of the positions that inputs save beside them."""

Pair = tuple[str, bytes | None]

_INBOUND, _OUTBOUND, _ATTEMPTS, _EXPIRY = "inbound", "outbound", "attempts", "expiry"


class FileState(NamedTuple):
    """What a parser needs to go on with a file."""

    framer: FramerState
    contents: tuple[bool, int, str | None] | None
    """What the file looks like; None for a mail log."""
    source: Source
    hosts: bool
    """Whether syslog headers name the appliance."""
    headers: dict[str | None, tuple[str | None, timedelta | None]]
    """Serial number and offset from UTC by the file's header, of each host."""


def dump_file(state: FileState) -> bytes:
    """Serialise the state of a file."""
    (position, skipping, within, syslog, wraps), contents, source, hosts, headers = state
    (near, year, before), most, messages = syslog
    syslog_state = [
        *(near.isoformat(), year, None if before is None else before.isoformat(), most),
        [[host, text.decode("latin-1")] for host, text in messages],
        None if wraps.was_cut is None else [wraps.was_cut, wraps.indent],
    ]
    known = [[host, serial, _seconds(offset)] for host, (serial, offset) in headers.items()]
    file = [source.base, source.folder, source.file, source.ids.dump(), hosts, known]
    return orjson.dumps([position, skipping, within, syslog_state, contents, file])


def load_file(state: bytes, source: Source) -> FileState:
    """Read what :func:`dump_file` wrote; the ids of the source go on where they were."""
    position, skipping, within, syslog_state, contents, file = orjson.loads(state)
    near, year, before, most, messages, wraps = syslog_state
    dates = datetime.fromisoformat(near), year, before and datetime.fromisoformat(before)
    last = tuple((host, text.encode("latin-1")) for host, text, *_ in messages)
    framer = FramerState(
        position, skipping, within, SyslogState(YearState(*dates), most, last), Wraps(*wraps or ())
    )
    base, folder, name, ids, hosts, known = file
    source.ids.restore(ids)
    source = source._replace(base=base, folder=folder, file=name)
    headers = {host: (serial, _offset(seconds)) for host, serial, seconds in known}
    return FileState(framer, contents, source, hosts, headers)


def appliances_in(state: bytes) -> set[str]:
    """Return the appliances of a file besides its own, from what :func:`dump_file` wrote."""
    *_, (*_, hosts, known) = orjson.loads(state)
    return {host for host, *_ in known if host is not None} if hosts else set()


class Snapshot:
    """Keeps a store up to date about one stream."""

    def __init__(self, correlator: Correlator, prefix: str) -> None:
        """Start with an empty store.

        Args:
            correlator: Of the stream.
            prefix: Of all keys; ends with a slash.
        """
        self._correlator = correlator
        self._prefix = prefix
        self._connections = {_INBOUND: _Stored(), _OUTBOUND: _Stored()}
        self._logins: dict[bytes, tuple[LoginState, bytes]] = {}
        self._expiry = 0

    def restore(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Put what a store has into the stream's correlator, which is new.

        Args:
            pairs: Whose keys begin with the prefix, in any order; keys without it.
        """
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
        for _, value in kinds.get(_EXPIRY, ()):
            self._expiry = self._correlator.next_expiry = value

    def changes(self) -> Iterator[Pair]:
        """Return what has changed since the last time."""
        open_ = self._correlator.connections
        prefix, known = self._prefix, self._connections
        yield from known[_INBOUND].changes(f"{prefix}{_INBOUND}/", open_.inbound)
        yield from known[_OUTBOUND].changes(f"{prefix}{_OUTBOUND}/", open_.outbound)
        yield from self._changed_logins(f"{prefix}{_ATTEMPTS}/")
        if self._expiry != self._correlator.next_expiry:
            self._expiry = self._correlator.next_expiry
            yield f"{prefix}{_EXPIRY}", orjson.dumps(self._expiry)

    def keys(self) -> Iterator[str]:
        """Return all keys that the store has."""
        for kind, known in self._connections.items():
            yield from (f"{self._prefix}{kind}/{x.decode()}" for x in known.stored)
        yield from (f"{self._prefix}{_ATTEMPTS}/{x.decode()}" for x in self._logins)
        if self._expiry:
            yield f"{self._prefix}{_EXPIRY}"

    def _changed_logins(self, prefix: str) -> Iterator[Pair]:
        stored, now = self._logins, self._correlator.connections.logins
        for number in stored.keys() - now.keys():
            del stored[number]
            yield prefix + number.decode(), None
        for number, login in now.items():
            old = stored.get(number)
            # A session changes in place.
            if old is not None and old[0] is login and login[3] is None:
                continue
            value = self._dump_login(login)
            stored[number] = login, value
            if old is None or old[1] != value:
                yield prefix + number.decode(), value

    def _dump_login(self, login: LoginState) -> bytes:
        _, last, failures, session = login
        if session is None:
            return orjson.dumps([last, failures, None])
        followed = self._correlator.connections.messages.followed
        epoch, utc, compact, offset = session.last
        mids = sorted(session.mids)
        stats = [
            *(session.id, session.successes, session.user, session.users, session.messages),
            *(session.recipients, session.size),
            [epoch, utc.decode(), compact.decode(), offset],
            [[mid.decode(), followed[mid].recipients, followed[mid].size] for mid in mids],
        ]
        return orjson.dumps([last, failures, stats])

    def _restore_login(self, number: bytes, value: Any) -> None:  # noqa: ANN401 - JSON
        last, failures, stats = value
        session = None
        if stats is not None:
            messages = self._correlator.connections.messages
            session = messages.sessions[number] = SessionStats()
            session.id, *numbers, instant, mids = stats
            session.successes, session.user, session.users, session.messages = numbers[:4]
            session.recipients, session.size = numbers[4:6]
            epoch, utc, compact, offset = instant
            session.last = Instant(epoch, utc.encode(), compact.encode(), offset)
            for mid, recipients, size in mids:
                message = messages.followed[mid.encode()] = Message(session)
                message.recipients, message.size = recipients, size
                session.mids.add(mid.encode())
        # What its lines say is computed again when it is needed.
        login: LoginState = (None, last, failures, session)
        self._correlator.connections.logins[number] = login
        self._logins[number] = login, orjson.dumps(value)


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
            value = orjson.dumps([order, line, _seconds(offset), lines])
            yield prefix + number.decode(), value

    def restore(self, pairs: Iterable[tuple[str, Any]], now: dict[bytes, RawConnection]) -> None:
        for name, (order, opened, seconds, others) in sorted(pairs, key=lambda x: x[1][0]):
            line = None if opened is None else opened.encode("latin-1")
            raw: RawConnection = line, _offset(seconds), [x.encode("latin-1") for x in others]
            now[name.encode()] = raw
            self.stored[name.encode()] = raw, len(others), raw[2][-1] if others else None, order
            self._next = order


def _seconds(offset: timedelta | None) -> int | None:
    return None if offset is None else offset // timedelta(seconds=1)


def _offset(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
