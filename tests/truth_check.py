"""What a document must be, by the truth of a corpus: every field, and no other.

Nothing here looks into the program's mapping, so that the two can disagree.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from forwarder import __version__
from forwarder.events import Counters
from forwarder.pipeline import LogParser, Settings
from tests.corpus import Corpus, Expected

ROOT = "/srv/esa/"
"""Where the files of a corpus are said to be."""
Flat = dict[str, Any]  # a document by dotted names

_KINDS = {
    ("smtp-authentication", "success"): (["authentication", "session"], ["start"]),
    ("smtp-authentication", "failure"): (["authentication"], ["start"]),
    ("smtp-relay-authentication", "success"): (["authentication", "session"], ["start"]),
    ("smtp-relay-authentication", "failure"): (["authentication"], ["start"]),
    ("smtp-authentication-error", "failure"): (["authentication"], ["info"]),
    ("smtp-authentication-not-initiated", None): (["session"], ["info"]),
    ("smtp-session-closed", "success"): (["session", "email"], ["end", "info"]),
}
_TLS_VERSIONS = {
    "TLSv1": ("1.0", "tls"),
    "TLSv1/SSLv3": ("1.0", "tls"),
    "SSLv3": ("3.0", "ssl"),
    "TLSv1.1": ("1.1", "tls"),
    "TLSv1.2": ("1.2", "tls"),
    "TLSv1.3": ("1.3", "tls"),
}


def documents_of(
    corpus: Corpus,
    settings: Settings = Settings(),  # noqa: B008 - it is frozen
    *,
    root: str = ROOT,
    counts: Counters | None = None,
) -> list[bytes]:
    """Run a corpus through a flow, each file in one piece.

    Args:
        corpus: What to read.
        settings: Of the flow.
        root: Where the files are said to be.
        counts: Gets what went through, if given.
    """
    flow = LogParser(settings)
    documents = []
    for path, content in corpus.files.items():
        reading = flow.open(path.partition("/")[0], root + path)
        documents += [*reading.feed(content), *reading.finish()]
    if counts is not None:
        counts.add(flow.counts)
    return documents


def flatten(document: Mapping[str, Any], prefix: str = "") -> Flat:
    """Give a document by dotted names."""
    flat: Flat = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def differences(documents: Iterable[bytes], expected: Iterable[Expected]) -> Iterator[str]:
    """Compare documents with the truth, in order.

    Yields:
        One text a document that differs, with every field that does.
    """
    flat = (flatten(orjson.loads(x)) for x in documents)
    for got, (event, user) in zip(flat, with_users(expected), strict=True):
        wrong = wrong_fields(got, event, user)
        if wrong:
            yield f"{event.path} at {event.offset}, {event.line[:120]!r}:\n" + "\n".join(wrong)


def wrong_fields(
    got: Flat, event: Expected, last_user: bytes | None, unchecked: Iterable[str] = ()
) -> list[str]:
    """Compare a document with the truth.

    Args:
        got: The document.
        event: The truth.
        last_user: Whose login was the last to succeed on the connection.
        unchecked: Names of fields that may be anything.

    Returns:
        One text a field that is wrong.
    """
    want = expect(event, last_user)
    # No truth knows the hash in it: ids are compared with one another, elsewhere.
    want["event.id"] = f"{int(event.time.timestamp()):08x}{got['event.id'][8:]}"
    want |= {x: got.get(x) for x in unchecked}
    if event.direction == "outbound" and event.correlated and event.source is None:
        want["observer.egress.interface.name"] = got.get("observer.egress.interface.name", "")
    return [
        f"{name}: got {got.get(name)!r}, expected {want.get(name)!r}"
        for name in sorted(got.keys() | want.keys())
        if name not in got or name not in want or got[name] != want[name]
    ]


def key(event: Expected) -> tuple[object, ...]:
    """Give what the hash in ``event.id`` is made of."""
    return event.appliance, event.direction, event.number, event.line, event.ordinal


def expect(event: Expected, last_user: bytes | None) -> Flat:
    """Give the whole document of an event, but for its id.

    Args:
        event: The truth.
        last_user: Whose login was the last to succeed on the connection.
    """
    is_session = event.action == "smtp-session-closed"
    outbound = event.direction == "outbound"
    categories, types = _KINDS[event.action, event.outcome]
    joined = event.number is None or event.correlated
    flat: Flat = {
        "@timestamp": _instant(event.time),
        "ecs.version": "9.4.0",
        "data_stream.type": "logs",
        "data_stream.dataset": "cisco_esa.auth",
        "data_stream.namespace": "default",
        "event.kind": "event",
        "event.module": "cisco_esa",
        "event.dataset": "cisco_esa.auth",
        "event.provider": "mail_logs",
        "event.category": categories,
        "event.type": types,
        "event.action": event.action,
        "event.outcome": event.outcome,
        "event.reason": _cut(_reason(event)),
        "event.timezone": _offset(event.utc_offset),
        "event.original": event.line.decode(errors="replace"),
        "message": event.line[event.line.index(b": ", 25) + 2 :].decode(errors="replace"),
        "log.level": event.line[25:].partition(b":")[0].decode().lower(),
        "log.file.path": ROOT + event.path,
        "log.offset": event.offset,
        "observer.vendor": "Cisco",
        "observer.product": "Secure Email Gateway",
        "observer.type": "email-gateway",
        "observer.hostname": event.appliance,
        "observer.serial_number": event.serial,
        "host.name": event.appliance,
        "host.id": event.serial,
        "agent.type": "esa-forwarder",
        "agent.version": __version__,
        "tags": ["forwarded"] if joined else ["forwarded", "missing_connection_context"],
        "network.protocol": "smtp",
        "network.transport": "tcp",
        "network.direction": "egress" if outbound else "ingress",
        **_ends(event, outbound=outbound),
        **_people(last_user if is_session else event.user, acting=not is_session),
        **_connection(event),
        **(_session(event) if is_session else _auth(event)),
    }
    return {name: value for name, value in flat.items() if value not in (None, "", [])}


def with_users(expected: Iterable[Expected]) -> Iterator[tuple[Expected, bytes | None]]:
    """Give each event, and the user whose login was the last to succeed on its connection."""
    last: dict[tuple[str, int | None], bytes | None] = {}
    for event in expected:
        connection = event.appliance, event.number
        if event.action == "smtp-authentication" and event.outcome == "success":
            last[connection] = event.user
        yield event, last.get(connection)


def _ends(event: Expected, *, outbound: bool) -> Flat:
    source, destination = event.source, event.destination
    own, peer = (source, destination) if outbound else (destination, source)
    addresses = [x for x in (source, destination) if x is not None]
    flat: Flat = {
        "observer.ip": [own] if own is not None else None,
        "related.ip": addresses,
        "related.hosts": [x for x in (event.appliance, event.reverse_dns) if x is not None],
        "network.type": None if peer is None else "ipv6" if ":" in peer else "ipv4",
    }
    for name in ("source", "client"):
        flat |= {f"{name}.address": source, f"{name}.ip": source}
        flat[f"{name}.domain"] = event.reverse_dns
    for name in ("destination", "server"):
        flat |= {f"{name}.address": destination, f"{name}.ip": destination}
        flat[f"{name}.port"] = event.port
    if not outbound:
        flat["observer.ingress.interface.name"] = event.listener
    return flat


def _people(user: bytes | None, *, acting: bool) -> Flat:
    if not user:
        return {}
    whole = user.decode(errors="replace")
    name = _cut(whole)
    domain, backslash, _ = whole.partition("\\")
    account = _cut(re.sub(r"(?s)^.*\\|@.*$", "", whole).strip().lower())
    return {
        "user.name": name,
        "user.email": name if "@" in whole else None,
        "user.id": name if "@" in whole else None,
        "user.domain": _cut(domain) if backslash else None,
        "source.user.name": name if acting else None,
        "client.user.name": name if acting else None,
        "cisco_esa.auth.account": account or None,
        "related.user": [name] if account in {"", name} else [name, account],
    }


def _connection(event: Expected) -> Flat:
    version, protocol = _TLS_VERSIONS[event.tls_protocol] if event.tls_protocol else (None, None)
    flat: Flat = {
        "tls.established": event.tls_established,
        "tls.version": version,
        "tls.version_protocol": protocol,
        "tls.cipher": event.tls_cipher,
        "cisco_esa.listener.interface": event.listener,
        "cisco_esa.sender.policy": event.policy,
        "cisco_esa.sender.group": event.group,
        "cisco_esa.sender.match": event.match,
        "cisco_esa.sender.sbrs": event.sbrs,
        "cisco_esa.sender.country": event.country,
        "cisco_esa.sender.reverse_dns_verified": event.verified,
    }
    if event.number is not None:
        kind = "dcid" if event.direction == "outbound" else "icid"
        name = f"{event.appliance}:{kind}:{event.number}"
        if event.start is not None:
            name += f":{event.start:%Y%m%dT%H%M%SZ}"
        flat |= {
            f"cisco_esa.{kind}": str(event.number),
            "cisco_esa.connection.id": name,
            "cisco_esa.connection.correlated": event.correlated,
        }
    return flat


def _auth(event: Expected) -> Flat:
    failed = event.action == "smtp-relay-authentication" and event.outcome == "failure"
    code = event.response_code
    return {
        "cisco_esa.auth.direction": event.direction,
        "cisco_esa.auth.mechanism": event.mechanism,
        "cisco_esa.auth.profile": event.profile,
        "cisco_esa.smtp.response.code": code,
        "cisco_esa.smtp.response.enhanced_code": event.enhanced_code,
        "error.code": None if code is None else str(code),
        "error.message": _reason(event) if failed else None,
    }


def _session(event: Expected) -> Flat:
    users = dict.fromkeys(x.decode(errors="replace") for x in event.users if x)
    start = event.start
    age = None if start is None else event.time - start
    return {
        "event.start": start and _instant(start),
        "event.end": _instant(event.time),
        "event.duration": None if age is None else age // timedelta(microseconds=1) * 1000,
        "cisco_esa.session.auth_successes": event.auth_successes,
        "cisco_esa.session.auth_failures": event.auth_failures,
        "cisco_esa.session.users": [_cut(x) for x in users],
        "cisco_esa.session.messages": event.messages,
        "cisco_esa.session.recipients": event.recipients,
        "cisco_esa.session.bytes": event.bytes,
        "cisco_esa.session.close_reason": event.close_reason,
    }


def _reason(event: Expected) -> str | None:
    """Say why, in the appliance's own words."""
    match event.action, event.outcome:
        case "smtp-authentication", "failure":
            return "SMTP AUTH failed"
        case "smtp-relay-authentication", "failure":
            # The lines of an answer, joined by one blank.
            return " ".join(x.strip() for x in event.response_texts if x.strip())
        case "smtp-authentication-error", _:
            return _error(event)
        case "smtp-authentication-not-initiated", _:
            return "was required but remote host did not initiate it"
        case _:
            return None


def _error(event: Expected) -> str:
    if event.server is not None:
        reason = "" if event.reason is None else f" with reason: {event.reason}"
        return f"could not reach forwarding server {event.server}{reason}"
    if event.profile is not None:
        return f"profile: {event.profile} is misconfigured or missing causing an Auth failure"
    if event.user is not None:
        return "LDAP query/user lookup failed"
    return "LDAP query failed, possible LDAP misconfiguration or unreachable server"


def _cut(text: str | None) -> str | None:
    return text and text[:1024]


def _instant(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.000Z"


def _offset(offset: timedelta) -> str:
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"
