"""Where each value of an event goes in its document, and why.

A layout is a dict of the whole document; :func:`without_empty` takes out what is not there.
"""

from typing import Any, NamedTuple

import orjson

from forwarder import __version__
from forwarder.ecs.fields import DATASET, ECS_VERSION, MAX_KEYWORD
from forwarder.events import Action, Event, Outcome, Policy, Session, SyslogHeader, Tls

UNCORRELATED = "missing_connection_context"
"""Tag of an event whose connection is not known."""

TRUNCATED = "truncated_line"
"""Tag of an event of whose line the end is missing."""

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


class Varying(NamedTuple):
    """The values that differ within a shape, as they stand in JSON; in a layout, the gaps."""

    time: object
    id: object
    original: object
    message: object
    path: object
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
    host: object
    """The appliance; this and what follows are the same for all lines of a machine."""
    serial: object
    syslog: object


class Common(NamedTuple):
    """What the operator adds to every document."""

    namespace: str = "default"
    agent_name: str | None = None
    tags: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    original: bool = True
    """Whether ``event.original`` is wanted."""


def lay_out(event: Event, varying: Varying, common: Common) -> dict[str, Any]:
    """Put every value where it belongs; what is None is left out afterwards."""
    outcome = event.outcome
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
            "reason": cut(outcome.reason),
            "timezone": event.time.offset,
            "start": varying.start,
            "end": varying.time if event.session is not None else None,
            "duration": varying.duration,
            "id": varying.id,
            "original": varying.original,
        },
        "message": varying.message,
        "log": {
            "level": cut(None if event.level is None else event.level.decode().lower()),
            "file": {"path": varying.path},
            "offset": varying.offset,
            "syslog": varying.syslog,
        },
        "observer": {
            "vendor": "Cisco",
            "product": "Secure Email Gateway",
            "type": "email-gateway",
            "hostname": varying.host,
            "serial_number": varying.serial,
            "ip": [ends.own_ip],
            "egress" if outbound else "ingress": {"interface": {"name": ends.interface}},
        },
        "host": {"name": varying.host, "id": varying.serial},
        "agent": {"type": "esa-forwarder", "version": __version__, "name": common.agent_name},
        "labels": dict(common.labels),
        "tags": [
            "forwarded",
            *common.tags,
            None if _is_joined(event) else UNCORRELATED,
            TRUNCATED if outcome.truncated else None,
        ],
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


def _lay_out_ends(event: Event, varying: Varying) -> _Ends:
    opened = None if event.connection is None else event.connection.opened
    listener = None if opened is None else opened.listener
    version = None if opened is None else opened.ip_version
    own = None if listener is None else cut(listener.address)
    own_ip = None if listener is None or listener.ip_version is None else own
    peer_ip = None if version is None else varying.address
    port = None if opened is None else opened.port
    return _Ends(
        own={"address": own, "ip": own_ip},
        own_ip=own_ip,
        interface=None if listener is None else cut(listener.name),
        peer={"address": varying.address, "ip": peer_ip, "port": port, "domain": varying.domain},
        peer_ip=peer_ip,
        ip_version=version,
    )


def _lay_out_people(event: Event, varying: Varying, ends: _Ends) -> dict[str, Any]:
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
            "hosts": [varying.host, varying.domain],
        },
    }


def _lay_out_cisco(event: Event, varying: Varying) -> dict[str, Any]:
    """Lay out what ECS has no place for."""
    outcome, connection = event.outcome, event.connection
    outbound = outcome.action is Action.OUTBOUND
    opened = None if connection is None else connection.opened
    listener = None if opened is None or outbound else opened.listener
    auth = {
        "direction": "outbound" if outbound else "inbound",
        "mechanism": cut(outcome.mechanism),
        "profile": cut(outcome.profile),
    }
    response = outcome.response
    return {
        "dcid" if outbound else "icid": varying.number,
        "auth": auth if event.session is None else None,
        "listener": {"interface": None if listener is None else cut(listener.name)},
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


def lay_out_syslog(header: SyslogHeader) -> bytes:
    """Lay out a syslog header, as JSON. In one piece: of a relay, each host has one of its own."""
    layout: dict[str, Any] = {}
    if header.priority is not None:
        # RFC 5424, section 6.2.1
        facility, severity = divmod(header.priority, 8)
        layout["priority"] = header.priority
        layout["facility"] = {"code": facility}
        layout["severity"] = {"code": severity}
    if header.hostname:
        layout["hostname"] = shorten(header.hostname)
    if header.appname:
        layout["appname"] = shorten(header.appname)
    if header.version:
        layout["version"] = header.version
    return orjson.dumps(layout)


def lay_out_sender(key: tuple[Policy | None, bool | None]) -> bytes:
    """Serialise ``cisco_esa.sender``: the policy, and whether the reverse DNS name is verified."""
    policy, verified = key
    known: dict[str, object] = (
        {}
        if policy is None
        else {
            "policy": policy.action,
            "group": cut(policy.group),
            "match": cut(policy.match),
            "sbrs": policy.sbrs,
            "country": cut(policy.country),
        }
    )
    known["reverse_dns_verified"] = verified
    # Scores and groups make many of these; they are flat, so nothing is to be looked for inside.
    return orjson.dumps({name: value for name, value in known.items() if value is not None})


def lay_out_tls(tls: Tls) -> bytes:
    """Serialise ``tls``."""
    layout = {
        "established": tls.established,
        "version": tls.version,
        "version_protocol": tls.protocol,
        "cipher": cut(tls.cipher),
        "client": {"subject": cut(tls.client_subject)},
        "server": {"subject": cut(tls.server_subject)},
    }
    return orjson.dumps(without_empty(layout))


def lay_out_session(session: Session) -> bytes:
    """Serialise ``cisco_esa.session``."""
    reason, successes, failures, users, messages, recipients, size = session
    # There is one for each session, so what may be empty is not looked for in all of it.
    return orjson.dumps(
        {
            "auth_successes": successes,
            "auth_failures": failures,
            **({"users": [shorten(x) for x in users]} if users else {}),
            "messages": messages,
            "recipients": recipients,
            **({} if size is None else {"bytes": size}),
            "close_reason": reason.value,
        }
    )


def _is_joined(event: Event) -> bool:
    return event.connection is None or event.connection.correlated


SHORT_KEYWORD = MAX_KEYWORD // 2
"""Characters that are never too many, whatever script they are of."""


def cut(text: str | None) -> str | None:
    """Cut a keyword to what Elasticsearch indexes; nothing is None."""
    return shorten(text) if text else None


def shorten(text: str) -> str:
    """Cut a keyword to what Elasticsearch indexes.

    It counts as Java does: a character beyond the first 65,536 is two.
    """
    if len(text) < SHORT_KEYWORD:
        return text
    units = text.encode("utf-16-le", "replace")
    return units[: 2 * MAX_KEYWORD].decode("utf-16-le", "ignore")


def without_empty(layout: dict[str, Any]) -> dict[str, Any]:
    """Leave out None, and what is empty without it."""
    full = {}
    for name, value in layout.items():
        kept = value
        if isinstance(value, dict):
            kept = without_empty(value)
        elif isinstance(value, list):
            kept = [x for x in value if x is not None]
        if kept is not None and kept not in ({}, [], ""):
            full[name] = kept
    return full
