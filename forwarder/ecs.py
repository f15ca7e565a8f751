"""Events to documents of the Elastic Common Schema.

:func:`_lay_out` is the whole mapping: where each value goes, and why. A document has some sixty
fields, and most of them are the same for many logins: the appliance, the listener, the action.
So a document is laid out once for each shape, with gaps where values differ, serialised, and the
next of that shape only has its gaps filled. The bytes are those that serialising it whole gives.

Values that are None, and objects that would be empty, are left out.
"""

from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from forwarder import __version__
from forwarder.ecs_fields import DATASET, ECS_VERSION, MAX_KEYWORD
from forwarder.events import Action, Event, Outcome, Policy, Session, SyslogHeader, Tls
from forwarder.memory import Memory

MAX_SHAPES = 1024
"""Shapes kept, at some 10 KB each. An appliance makes a few dozen; a hostile log must not fill
memory with more."""

UNCORRELATED = "missing_connection_context"
"""Tag of an event whose connection is not known."""

_CATEGORIES = {
    # A login that succeeded begins a session; one that failed does not (ECS, event.category).
    (Action.INBOUND, "success"): (["authentication", "session"], ["start"]),
    (Action.INBOUND, "failure"): (["authentication"], ["start"]),
    (Action.OUTBOUND, "success"): (["authentication", "session"], ["start"]),
    (Action.OUTBOUND, "failure"): (["authentication"], ["start"]),
    # Nobody was refused: the appliance could not tell. Neither start nor end is true of that.
    (Action.ERROR, "failure"): (["authentication"], ["info"]),
    (Action.NOT_INITIATED, None): (["session"], ["info"]),
    # No "authentication": analysts count that category, and a login must count once.
    (Action.SESSION_CLOSED, "success"): (["session", "email"], ["end", "info"]),
}


class _Varying(NamedTuple):
    """The values that differ within a shape, as they stand in JSON; in a layout, the gaps."""

    time: object
    id: object
    original: object
    message: object
    offset: object
    user: object
    user_domain: object
    address: object
    domain: object
    number: object
    connection: object
    sender: object
    tls: object
    session: object
    start: object
    duration: object


class Common(NamedTuple):
    """What the operator adds to every document."""

    namespace: str = "default"
    agent_name: str | None = None
    tags: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    original: bool = True
    """Whether ``event.original`` is wanted."""


class _Shape:
    """A serialised document with gaps."""

    __slots__ = ("_parts", "_pick")

    def __init__(self, layout: dict[str, Any]) -> None:
        self._parts = orjson.dumps(layout).split(b"\0")
        self._pick = itemgetter(*map(int, self._parts[1::2]))

    def fill(self, values: tuple[bytes | None, ...]) -> bytes:
        parts = self._parts.copy()
        parts[1::2] = self._pick(values)
        return b"".join(parts)


class Encoder:
    """Makes documents of events."""

    __slots__ = ("_common", "_keeps_original", "_senders", "_shapes", "_tls")

    def __init__(self, common: Common = Common()) -> None:  # noqa: B008 - it is frozen
        """Start with no shape known.

        Args:
            common: What to add to every document.
        """
        self._common = common
        self._keeps_original = common.original
        self._shapes: dict[object, _Shape] = {}
        self._senders = Memory(_lay_out_sender)
        self._tls = Memory(_lay_out_tls)

    # In one piece: this is the hot path of a storm.
    def encode(self, event: Event) -> bytes:  # noqa: C901, PLR0912
        """Make the document of an event.

        Returns:
            One JSON object, UTF-8, no newline.
        """
        origin, outcome, name, time, user, connection, offset, level, line, at, syslog, ends = event
        epoch, utc, _, zone = time
        original = message = user_text = user_domain = address = domain = None
        number = connection_id = sender = tls = session = start = duration = None
        listener = version = port = verified = correlated = mail = None
        if line is not None:
            original = orjson.dumps(line.decode("utf-8", "replace"))
            # A file's timestamp and level need no escapes: the message ends the line's JSON.
            message = (
                b'"' + original[at + 1 :]
                if syslog is None
                else orjson.dumps(line[at:].decode("utf-8", "replace"))
            )
            if not self._keeps_original:
                original = None
        if user:
            user_text = orjson.dumps(user if len(user) < _SHORT else _cut(user))
            mail = "@" in user
            backslash = user.find("\\")
            if backslash > 0:
                user_domain = orjson.dumps(_cut(user[:backslash]))
        if connection is not None:
            number, begun, opened, correlated, policy, encryption = connection
            if opened is not None:
                listener, host, version, port, host_name, verified = opened
                address = orjson.dumps(host if len(host) < _SHORT else _cut(host))
                if host_name is not None:
                    domain = orjson.dumps(_cut(host_name))
            if policy is not None or verified is not None:
                sender = self._senders[policy, verified]
            if encryption is not None:
                tls = self._tls[encryption]
            if begun is None:
                connection_id = number
            else:
                connection_id = number + b":" + begun.compact
                if ends is not None:
                    start = begun.utc
                    duration = b"%d" % max(0, (epoch - begun.epoch) * 10**9)
        if ends is not None:
            session = _lay_out_session(ends)
        # What makes a shape: values that many events share, and which gaps there are.
        key = (
            origin,
            outcome,
            level,
            zone,
            syslog,
            listener,
            version,
            port,
            correlated,
            mail,
            user_domain is None,
            domain is None,
            sender is None,
            tls is None,
            start is None,
        )
        values = (
            utc,
            name.encode(),
            original,
            message,
            None if offset is None else b"%d" % offset,
            user_text,
            user_domain,
            address,
            domain,
            number,
            connection_id,
            sender,
            tls,
            session,
            start,
            duration,
        )
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._add_shape(key, event, values)
        return shape.fill(values)

    def _add_shape(
        self,
        key: tuple[object, ...],
        event: Event,
        values: tuple[bytes | None, ...],
    ) -> _Shape:
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        gaps = _gaps(event, values)
        shape = self._shapes[key] = _Shape(_without_empty(_lay_out(event, gaps, self._common)))
        return shape


def _gaps(event: Event, values: tuple[bytes | None, ...]) -> _Varying:
    """Make the gaps for the values there are.

    A NUL byte is in no JSON text, so nothing that comes from a log can look like a gap.
    """
    marks = {
        name: b"\0%d\0" % i
        for i, (name, value) in enumerate(zip(_Varying._fields, values, strict=True))
        if value is not None
    }
    for name in _BARE & marks.keys():
        marks[name] = b'"%b"' % marks[name]
    if "connection" in marks:
        kind = "dcid" if event.outcome.action is Action.OUTBOUND else "icid"
        # Room for the number (20 digits) and the start (16 characters) behind it.
        prefix = orjson.dumps(f"{event.origin.appliance[: _SHORT - 64]}:{kind}:")
        marks["connection"] = prefix[:-1] + marks["connection"] + b'"'
    fragments = {name: orjson.Fragment(mark) for name, mark in marks.items()}
    return _Varying._make(map(fragments.get, _Varying._fields))


_BARE = {"time", "id", "number", "start"}
"""Values that need no escapes; the quotes around them are part of the shape."""


def _lay_out(event: Event, varying: _Varying, common: Common) -> dict[str, Any]:
    """Put every value where it belongs; what is None is left out afterwards."""
    origin, outcome = event.origin, event.outcome
    categories, types = _CATEGORIES[outcome.action, outcome.result]
    outbound = outcome.action is Action.OUTBOUND
    ends = _lay_out_ends(event, varying)
    return {
        "@timestamp": varying.time,
        "ecs": {"version": ECS_VERSION},
        "data_stream": {
            "type": "logs",
            "dataset": DATASET,
            "namespace": common.namespace,
        },
        "event": {
            "kind": "event",
            "module": "cisco_esa",
            "dataset": DATASET,
            "provider": "mail_logs",
            "category": categories,
            "type": types,
            "action": outcome.action.value,
            "outcome": outcome.result,
            "reason": _cut(outcome.reason),
            "timezone": event.time.offset,
            "start": varying.start,
            "end": varying.time if event.session is not None else None,
            "duration": varying.duration,
            "id": varying.id,
            "original": varying.original,
        },
        "message": varying.message,
        "log": {
            "level": _cut(None if event.level is None else event.level.decode().lower()),
            "file": {"path": _cut(origin.path)},
            "offset": varying.offset,
            "syslog": _lay_out_syslog(event.syslog),
        },
        "observer": {
            "vendor": "Cisco",
            "product": "Secure Email Gateway",
            "type": "email-gateway",
            "hostname": _cut(origin.appliance),
            "serial_number": _cut(origin.serial),
            "ip": [ends.own_ip],
            "egress" if outbound else "ingress": {"interface": {"name": ends.interface}},
        },
        "host": {"name": _cut(origin.appliance), "id": _cut(origin.serial)},
        "agent": {"type": "esa-forwarder", "version": __version__, "name": common.agent_name},
        "labels": dict(common.labels),
        "tags": ["forwarded", *common.tags, None if _is_joined(event) else UNCORRELATED],
        **_lay_out_people(event, varying, ends),
        "network": {
            "protocol": "smtp",
            "transport": "tcp",
            "type": ends.ip_version,
            "direction": "egress" if outbound else "ingress",
        },
        "tls": varying.tls,
        "cisco_esa": _lay_out_cisco(event, varying),
        "error": _lay_out_error(outcome),
    }


class _Ends(NamedTuple):
    """The two ends of a connection, from the appliance's point of view."""

    own: dict[str, Any]
    own_ip: object
    interface: str | None
    peer: dict[str, Any]
    peer_ip: object
    ip_version: str | None


def _lay_out_ends(event: Event, varying: _Varying) -> _Ends:
    opened = None if event.connection is None else event.connection.opened
    listener = None if opened is None else opened.listener
    version = None if opened is None else opened.ip_version
    own = None if listener is None else _cut(listener.address)
    own_ip = None if listener is None or listener.ip_version is None else own
    peer_ip = None if version is None else varying.address
    port = None if opened is None else opened.port
    return _Ends(
        own={"address": own, "ip": own_ip},
        own_ip=own_ip,
        interface=None if listener is None else _cut(listener.name),
        peer={"address": varying.address, "ip": peer_ip, "port": port, "domain": varying.domain},
        peer_ip=peer_ip,
        ip_version=version,
    )


def _lay_out_people(event: Event, varying: _Varying, ends: _Ends) -> dict[str, Any]:
    """Lay out who, and the two ends: the source logs in at the destination."""
    mail = varying.user if event.user is not None and "@" in event.user else None
    # The end of a session is no act of its user: it names him, and its source does not.
    acting = None if event.session is not None else {"name": varying.user}
    outbound = event.outcome.action is Action.OUTBOUND
    source, destination = (ends.own, ends.peer) if outbound else (ends.peer, ends.own)
    return {
        "user": {"name": varying.user, "email": mail, "id": mail, "domain": varying.user_domain},
        "source": {**source, "user": acting},
        "client": {**source, "user": acting},
        "destination": destination,
        "server": destination,
        "related": {
            "ip": [ends.own_ip, ends.peer_ip] if outbound else [ends.peer_ip, ends.own_ip],
            "user": [varying.user],
            "hosts": [_cut(event.origin.appliance), varying.domain],
        },
    }


def _lay_out_cisco(event: Event, varying: _Varying) -> dict[str, Any]:
    """Lay out what ECS has no place for."""
    outcome, connection = event.outcome, event.connection
    outbound = outcome.action is Action.OUTBOUND
    opened = None if connection is None else connection.opened
    listener = None if opened is None or outbound else opened.listener
    auth = {
        "direction": "outbound" if outbound else "inbound",
        "mechanism": _cut(outcome.mechanism),
        "profile": _cut(outcome.profile),
    }
    response = outcome.response
    return {
        "dcid" if outbound else "icid": varying.number,
        "auth": auth if event.session is None else None,
        "listener": {"interface": None if listener is None else _cut(listener.name)},
        "sender": varying.sender,
        "smtp": {
            "response": {
                "code": None if response is None else response.code,
                "enhanced_code": None if response is None else response.enhanced_code,
            },
        },
        "connection": {
            "id": varying.connection,
            "correlated": None if connection is None else connection.correlated,
        },
        "session": varying.session,
    }


def _lay_out_error(outcome: Outcome) -> dict[str, Any] | None:
    """Lay out what the smart host answered."""
    if outcome.action is not Action.OUTBOUND or outcome.reason is None:
        return None
    code = None if outcome.response is None else str(outcome.response.code)
    return {"code": code, "message": outcome.reason}


def _lay_out_syslog(header: SyslogHeader | None) -> dict[str, Any] | None:
    if header is None:
        return None
    facility = severity = None
    if header.priority is not None:
        # RFC 5424, section 6.2.1
        facility, severity = divmod(header.priority, 8)
    return {
        "priority": header.priority,
        "facility": {"code": facility},
        "severity": {"code": severity},
        "hostname": _cut(header.hostname),
        "appname": _cut(header.appname),
        "version": header.version,
    }


def _lay_out_sender(key: tuple[Policy | None, bool | None]) -> bytes:
    policy, verified = key
    known = (
        {}
        if policy is None
        else {
            "policy": policy.action,
            "group": _cut(policy.group),
            "match": _cut(policy.match),
            "sbrs": policy.sbrs,
            "country": _cut(policy.country),
        }
    )
    return orjson.dumps(_without_empty({**known, "reverse_dns_verified": verified}))


def _lay_out_tls(tls: Tls) -> bytes:
    layout = {
        "established": tls.established,
        "version": tls.version,
        "version_protocol": tls.protocol,
        "cipher": _cut(tls.cipher),
    }
    return orjson.dumps(_without_empty(layout))


def _lay_out_session(session: Session) -> bytes:
    layout = {
        "auth_successes": session.auth_successes,
        "auth_failures": session.auth_failures,
        "users": [_cut(x) for x in session.users],
        "messages": session.messages,
        "recipients": session.recipients,
        "bytes": session.size,
        "close_reason": session.reason.value,
    }
    return orjson.dumps(_without_empty(layout))


def _is_joined(event: Event) -> bool:
    return event.connection is None or event.connection.correlated


_SHORT = MAX_KEYWORD // 2
"""Characters that are never too many, whatever script they are of."""


def _cut(text: str | None) -> str | None:
    """Cut a keyword to what Elasticsearch indexes; nothing is None.

    Elasticsearch counts as Java does: a character beyond the first 65,536 is two.
    """
    if not text:
        return None
    if len(text) < _SHORT:
        return text
    units = text.encode("utf-16-le", "replace")
    return units[: 2 * MAX_KEYWORD].decode("utf-16-le", "ignore")


def _without_empty(layout: dict[str, Any]) -> dict[str, Any]:
    """Leave out None, and what is empty without it."""
    full = {}
    for name, value in layout.items():
        kept = value
        if isinstance(value, dict):
            kept = _without_empty(value)
        elif isinstance(value, list):
            kept = [x for x in value if x is not None]
        if kept is not None and kept not in ({}, [], ""):
            full[name] = kept
    return full
