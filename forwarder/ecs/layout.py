"""Where each value of an event goes in its document, and why.

A layout is a dict of the whole document; :func:`without_empty` removes what has no value.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from forwarder import __version__
from forwarder.cache import serialise
from forwarder.events import Action, Event, Policy, Session, SyslogHeader, Tls

ECS_VERSION = "9.4.0"
"""The schema that documents follow; a reader looks here for what a field means."""

DATASET = "cisco_esa.auth"
"""Also the middle of the data stream's name, so it has no hyphen (Elastic's naming scheme). Not
Elastic's own ``cisco_secure_email_gateway.log``: their pipeline would parse documents again."""

MAX_KEYWORD = 1024
"""Characters of a keyword. ECS sets ``ignore_above`` to it: what is longer is stored and is never
found. A value that is cut is found; the whole line stays in ``event.original``. Elasticsearch
counts UTF-16 units, as Java does: a character beyond the first plane is two."""

UNCORRELATED = "missing_connection_context"
"""Tag of an event whose connection is not known."""

TRUNCATED = "truncated_line"
"""Tag of an event whose line lacks its end."""

SHORT_KEYWORD = MAX_KEYWORD // 2
"""Characters that are never too many, whatever script they are of."""

_CATEGORIES = {
    # A login that succeeded begins a session; one that failed does not (ECS, event.category).
    (Action.INBOUND, "success"): (["authentication", "session"], ["start"]),
    (Action.INBOUND, "failure"): (["authentication"], ["start"]),
    (Action.OUTBOUND, "success"): (["authentication", "session"], ["start"]),
    (Action.OUTBOUND, "failure"): (["authentication"], ["start"]),
    # No login was refused: the appliance could not tell. Neither start nor end is true of that.
    (Action.ERROR, "failure"): (["authentication"], ["info"]),
    (Action.NOT_INITIATED, None): (["session"], ["info"]),
    # No "authentication": analysts count that category, and a login must count once.
    (Action.SESSION_CLOSED, "success"): (["session", "email"], ["end", "info"]),
}


SLOTS = (
    *("time", "id", "original", "message", "offset", "user", "user_domain", "account", "address"),
    *("domain", "number", "begun", "sender", "tls", "session", "start", "duration", "syslog"),
)
"""The values of an event that differ within a template. There is no ``account`` where
it would be the same as the user."""
FILE_SLOTS = ("host", "serial", "path", "log_source", "namespace", "labels", "appliance")
"""Those that all events of a file share."""


class Common(NamedTuple):
    """What the operator adds to every document."""

    namespace: str = "default"
    agent_name: str | None = None
    tags: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    original: bool = True
    """Whether ``event.original`` is wanted."""


def lay_out(event: Event, slots: Mapping[str, object], common: Common) -> dict[str, Any]:
    """Put every value where it belongs; what is None is left out afterwards.

    ``slots`` are by the names of :data:`SLOTS` and :data:`FILE_SLOTS`, with the id of the
    ``connection`` that is made of some of them, as they are serialised.
    """
    outcome, connection, is_end = event.outcome, event.connection, event.session is not None
    categories, types = _CATEGORIES[outcome.action, outcome.result]
    outbound = outcome.action is Action.OUTBOUND
    opened = None if connection is None else connection.opened
    listener = None if opened is None else opened.listener
    interface = None if listener is None else cut(listener.name)
    own = None if listener is None else cut(listener.address)
    own_ip = None if listener is None or listener.ip_version is None else own
    version = None if opened is None else opened.ip_version
    peer_ip = None if version is None else slots["address"]
    # The two ends of the connection, the appliance's and the other; the source logs in at the
    # destination.
    own_end = {"address": own, "ip": own_ip}
    port = None if opened is None else opened.port
    peer = {"address": slots["address"], "ip": peer_ip, "port": port, "domain": slots["domain"]}
    source, destination = (own_end, peer) if outbound else (peer, own_end)
    ips = [own_ip, peer_ip] if outbound else [peer_ip, own_ip]
    # The end of a session is no act of its user: it names him, and its source does not.
    acting = None if is_end else {"name": slots["user"]}
    auth = {
        "direction": "outbound" if outbound else "inbound",
        "mechanism": cut(outcome.mechanism),
        "profile": cut(outcome.profile),
    }
    user, is_mail = event.user, event.user is not None and "@" in event.user
    mail = slots["user"] if is_mail else None
    account = slots["account"] or (slots["user"] if user and account_of(user) else None)
    response, error = outcome.response, None
    if outbound and outcome.reason is not None:
        code = None if response is None else str(response.code)
        error = {"code": code, "message": outcome.reason}
    return {
        "@timestamp": slots["time"],
        "ecs": {"version": ECS_VERSION},
        "data_stream": {
            "type": "logs",
            "dataset": DATASET,
            "namespace": slots["namespace"] or common.namespace,
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
            "start": slots["start"],
            "end": slots["time"] if is_end else None,
            "duration": slots["duration"],
            "id": slots["id"],
            "original": slots["original"],
        },
        "message": slots["message"],
        "log": {
            "level": cut(None if event.level is None else event.level.decode().lower()),
            "file": {"path": slots["path"]},
            "offset": slots["offset"],
            # As Elastic's shippers have it, but for the port, which says nothing.
            "source": {"address": slots["log_source"]},
            "syslog": slots["syslog"],
        },
        "observer": {
            "vendor": "Cisco",
            "product": "Secure Email Gateway",
            "type": "email-gateway",
            "hostname": slots["host"],
            "serial_number": slots["serial"],
            "ip": [own_ip],
            "egress" if outbound else "ingress": {"interface": {"name": interface}},
        },
        "host": {"name": slots["host"], "id": slots["serial"]},
        "agent": {"type": "esa-forwarder", "version": __version__, "name": common.agent_name},
        "labels": slots["labels"] or dict(common.labels),
        "tags": [
            "forwarded",
            *common.tags,
            None if connection is None or connection.correlated else UNCORRELATED,
            TRUNCATED if outcome.truncated else None,
        ],
        "user": {"name": slots["user"], "email": mail, "id": mail, "domain": slots["user_domain"]},
        "source": {**source, "user": acting},
        "client": {**source, "user": acting},
        "destination": destination,
        "server": destination,
        "related": {
            "ip": ips,
            "user": [slots["user"], slots["account"]],
            "hosts": [slots["host"], slots["domain"]],
        },
        "network": {
            "protocol": "smtp",
            "transport": "tcp",
            "type": version,
            "direction": "egress" if outbound else "ingress",
        },
        "tls": slots["tls"],
        "cisco_esa": {
            "dcid" if outbound else "icid": slots["number"],
            "auth": {"account": account, **({} if is_end else auth)},
            "listener": {"interface": None if outbound else interface},
            "sender": slots["sender"],
            "smtp": {
                "response": {
                    "code": None if response is None else response.code,
                    "enhanced_code": None if response is None else response.enhanced_code,
                },
            },
            "connection": {
                "id": slots["connection"],
                "correlated": None if connection is None else connection.correlated,
            },
            "session": slots["session"],
        },
        "error": error,
    }


def account_of(user: str) -> str:
    """Return a user in one form, however a client wrote it; empty if nothing remains.

    What is before a backslash is a Windows domain, what is behind the first ``@`` a mail domain.
    """
    return user.rpartition("\\")[2].partition("@")[0].strip().lower()


def lay_out_syslog(header: SyslogHeader) -> bytes | None:
    """Serialise ``log.syslog``; None if it would be empty."""
    # RFC 5424, section 6.2.1
    facility, severity = divmod(header.priority or 0, 8)
    is_known = header.priority is not None
    layout = without_empty(
        {
            "priority": header.priority,
            "facility": {"code": facility if is_known else None},
            "severity": {"code": severity if is_known else None},
            "hostname": cut(header.hostname),
            "appname": cut(header.appname),
            "version": header.version,
        }
    )
    return serialise(layout) if layout else None


def lay_out_sender(key: tuple[Policy | None, bool | None]) -> bytes:
    """Serialise ``cisco_esa.sender``: the policy, and whether the reverse DNS name is verified."""
    policy, verified = key
    known: dict[str, Any] = {"reverse_dns_verified": verified}
    if policy is not None:
        known |= {"policy": policy.action, "group": cut(policy.group), "match": cut(policy.match)}
        known |= {"sbrs": policy.sbrs, "country": cut(policy.country)}
    # Scores and groups make many of these; they are flat, which makes it quicker.
    return serialise({x: y for x, y in known.items() if y is not None and y != ""})


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
    return serialise(without_empty(layout))


def lay_out_session(session: Session) -> bytes:
    """Serialise ``cisco_esa.session``."""
    reason, successes, failures, users, messages, recipients, size = session
    # There is one for each session, so a general search for empty values would cost too much.
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


def cut(text: str | None) -> str | None:
    """Cut a keyword to what Elasticsearch indexes; an empty one is None."""
    return shorten(text) if text else None


def shorten(text: str) -> str:
    """Cut a keyword to what Elasticsearch indexes, which counts UTF-16 units as Java does."""
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
