"""Every field that a document may have, and the values it may have; holds documents to it.

:data:`FIELDS` is the contract of the output: mappings, searches and checks can rely on it. Types
are those of Elastic Common Schema 9.4; fields that are ours, or not of ECS, are marked.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from forwarder.config.types import NAMESPACE
from forwarder.ecs.filters import REPETITIONS
from forwarder.ecs.layout import DATASET, ECS_VERSION, MAX_KEYWORD

_LONG_MAX = 2**63 - 1


class Field(NamedTuple):
    """One field."""

    name: str
    """Dotted; documents are nested."""
    type: str
    """``keyword``, ``constant_keyword``, ``match_only_text``, ``long``, ``float``, ``boolean``,
    ``date`` or ``ip``, as Elasticsearch has them."""
    allowed: tuple[str, ...] | str | None = None
    """All values, or a regular expression that all values match whole; None for any."""
    array: bool = False
    """Whether it is always a list. Other fields never are."""
    of_ecs: bool = True
    """False for ``cisco_esa``, and for what Elastic's agents add to ECS."""
    required: bool = False
    """Whether every document has it."""
    limited: bool = True
    """False for a keyword that ECS stores without an index: it may have any length."""


_INSTANT = r"\d{4}-(0[1-9]|1[0-2])-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z"
_OFFSET = r"[+-]\d\d:\d\d"
_NUMBER = r"[0-9]{1,20}"
_ID = r"[0-9a-f]{32}"
_CONNECTION = r"(?s).*:(icid|dcid):[0-9]{1,20}(:\d{8}T\d{6}Z)?"
_CLOSE_REASONS = ("close", "lost", "disconnected", "killed", "expired", "superseded")
_VERSION = r"\d\.\d"
# Levels differ between releases; a level is one word.
_LEVEL = r"[a-z]+"
# RFC 3463, section 2.
_ENHANCED_CODE = r"[245]\.\d{1,3}\.\d{1,3}"

_ACTIONS = (
    "smtp-authentication",
    "smtp-relay-authentication",
    "smtp-authentication-error",
    "smtp-authentication-not-initiated",
    "smtp-session-closed",
)

EVENT_TYPES = {
    "authentication": ("start", "end", "info"),
    "session": ("start", "end", "info"),
    "email": ("info",),
}
"""The categories in use, and the ``event.type`` that ECS expects with each."""


def _client(name: str) -> tuple[Field, ...]:
    """Return the fields of the end that logs in; the log never has its port."""
    texts = (Field(f"{name}.{x}", "keyword") for x in ("address", "domain", "user.name"))
    return (Field(f"{name}.ip", "ip"), *texts)


def _server(name: str) -> tuple[Field, ...]:
    """Return the fields of the end that is logged in to."""
    text, number = Field(f"{name}.address", "keyword"), Field(f"{name}.port", "long")
    return (Field(f"{name}.ip", "ip"), text, number)


def _own(name: str, kind: str, allowed: tuple[str, ...] | str | None = None) -> Field:
    """Return a field that ECS has no place for."""
    return Field(f"cisco_esa.{name}", kind, allowed, of_ecs=False)


_TABLE = (
    Field("@timestamp", "date", _INSTANT, required=True),
    Field("message", "match_only_text"),
    Field("tags", "keyword", array=True, required=True),
    Field("ecs.version", "keyword", (ECS_VERSION,), required=True),
    Field("data_stream.type", "constant_keyword", ("logs",), required=True),
    Field("data_stream.dataset", "constant_keyword", (DATASET,), required=True),
    Field("data_stream.namespace", "constant_keyword", NAMESPACE, required=True),
    Field("event.kind", "keyword", ("event",), required=True),
    Field("event.module", "keyword", ("cisco_esa",), required=True),
    Field("event.dataset", "keyword", (DATASET,), required=True),
    Field("event.provider", "keyword", ("mail_logs",), required=True),
    Field("event.category", "keyword", tuple(EVENT_TYPES), array=True, required=True),
    Field("event.type", "keyword", ("start", "end", "info"), array=True, required=True),
    Field("event.action", "keyword", _ACTIONS, required=True),
    Field("event.outcome", "keyword", ("success", "failure")),
    Field("event.reason", "keyword"),
    Field("event.timezone", "keyword", _OFFSET, required=True),
    Field("event.id", "keyword", _ID, required=True),
    Field("event.original", "keyword", limited=False),
    Field("event.start", "date", _INSTANT),
    Field("event.end", "date", _INSTANT),
    Field("event.duration", "long"),
    Field("log.level", "keyword", _LEVEL),
    Field("log.file.path", "keyword"),
    # Of Filebeat and Elastic Agent, which every mapping of logs knows.
    Field("log.offset", "long", of_ecs=False),
    Field("log.source.address", "keyword", of_ecs=False),
    Field("log.syslog.priority", "long"),
    Field("log.syslog.facility.code", "long"),
    Field("log.syslog.severity.code", "long"),
    Field("log.syslog.hostname", "keyword"),
    Field("log.syslog.appname", "keyword"),
    Field("log.syslog.version", "keyword"),
    Field("observer.vendor", "keyword", ("Cisco",), required=True),
    Field("observer.product", "keyword", ("Secure Email Gateway",), required=True),
    Field("observer.type", "keyword", ("email-gateway",), required=True),
    Field("observer.hostname", "keyword", required=True),
    Field("observer.serial_number", "keyword"),
    Field("observer.ip", "ip", array=True),
    Field("observer.ingress.interface.name", "keyword"),
    Field("observer.egress.interface.name", "keyword"),
    Field("host.name", "keyword", required=True),
    Field("host.id", "keyword"),
    Field("agent.type", "keyword", ("esa-forwarder",), required=True),
    Field("agent.version", "keyword", required=True),
    Field("agent.name", "keyword"),
    Field("user.name", "keyword"),
    Field("user.email", "keyword"),
    Field("user.id", "keyword"),
    Field("user.domain", "keyword"),
    *_client("source"),
    *_client("client"),
    *_server("destination"),
    *_server("server"),
    Field("network.protocol", "keyword", ("smtp",), required=True),
    Field("network.transport", "keyword", ("tcp",), required=True),
    Field("network.type", "keyword", ("ipv4", "ipv6")),
    Field("network.direction", "keyword", ("ingress", "egress"), required=True),
    Field("related.ip", "ip", array=True),
    Field("related.user", "keyword", array=True),
    Field("related.hosts", "keyword", array=True, required=True),
    Field("tls.established", "boolean"),
    Field("tls.version", "keyword", _VERSION),
    Field("tls.version_protocol", "keyword", ("tls", "ssl")),
    Field("tls.cipher", "keyword"),
    Field("tls.client.subject", "keyword"),
    Field("tls.server.subject", "keyword"),
    Field("error.code", "keyword"),
    Field("error.message", "match_only_text"),
    _own("icid", "keyword", _NUMBER),
    _own("dcid", "keyword", _NUMBER),
    _own("connection.id", "keyword", _CONNECTION),
    _own("connection.correlated", "boolean"),
    _own("auth.direction", "keyword", ("inbound", "outbound")),
    _own("auth.account", "keyword"),
    _own("auth.mechanism", "keyword"),
    _own("auth.profile", "keyword"),
    _own("listener.interface", "keyword"),
    _own("sender.policy", "keyword", ("ACCEPT", "RELAY", "REJECT")),
    _own("sender.group", "keyword"),
    _own("sender.match", "keyword"),
    _own("sender.sbrs", "float"),
    _own("sender.country", "keyword"),
    _own("sender.reverse_dns_verified", "boolean"),
    _own("smtp.response.code", "long"),
    _own("smtp.response.enhanced_code", "keyword", _ENHANCED_CODE),
    _own("session.auth_successes", "long"),
    _own("session.auth_failures", "long"),
    Field("cisco_esa.session.users", "keyword", array=True, of_ecs=False),
    _own("session.messages", "long"),
    _own("session.recipients", "long"),
    _own("session.bytes", "long"),
    _own("session.close_reason", "keyword", _CLOSE_REASONS),
)

FIELDS: Mapping[str, Field] = {field.name: field for field in _TABLE}
"""By dotted name."""


def lean_fields() -> set[str]:
    """Return the names of those that the profile ``lean`` keeps."""
    paths = tuple(".".join(x) for x in REPETITIONS.values())
    return {x for x in FIELDS if x not in paths and not x.startswith(tuple(f"{y}." for y in paths))}


LABELS = "labels."
"""Begins the operator's own fields: one level, keywords (ECS, ``labels``)."""


def violations(document: Mapping[str, object]) -> list[str]:
    """Say what is wrong with a document.

    Args:
        document: As it was parsed from JSON.

    Returns:
        One phrase for each fault, beginning with the name of the field; empty for a document that
        is as the table says.
    """
    faults: list[str] = []
    found: dict[str, object] = {}
    for name, value, fault in _leaves(document, ""):
        if fault is not None:
            faults.append(f"{name}: {fault}")
        else:
            found[name] = value
    faults += [f"{x.name}: missing" for x in FIELDS.values() if x.required and x.name not in found]
    for name, value in found.items():
        faults += [f"{name}: {fault}" for fault in _faults_of_value(name, value)]
    return faults + _faults_of_type(found)


def _leaves(layout: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object, str | None]]:
    """Give the dotted name, the value and the fault, if any, of whatever is no object."""
    for key, value in layout.items():
        name = prefix + key
        if not key or "." in key:
            yield name, value, "dotted or empty key"
        elif value is None or value in ({}, [], ""):
            yield name, value, "empty"
        elif isinstance(value, Mapping):
            yield from _leaves(value, name + ".")
        else:
            yield name, value, None


def _faults_of_value(name: str, value: object) -> Iterator[str]:
    """Hold a value to its field."""
    field = FIELDS.get(name)
    if field is None:
        if not name.startswith(LABELS) or "." in name.removeprefix(LABELS):
            yield "unknown"
            return
        field = Field(name, "keyword")
    if isinstance(value, list) != field.array:
        yield "must be a list" if field.array else "must not be a list"
        return
    for item in value if isinstance(value, list) else (value,):
        if item is None or item == "":
            yield "empty value in the list"
        elif not _is_of_type(field.type, item):
            yield f"{item!r} is no {field.type}"
        elif isinstance(item, int) and item < 0 and field.type == "long":
            yield f"{item} is negative"
        elif isinstance(item, str):
            yield from _faults_of_text(field, item)


def _is_of_type(kind: str, value: object) -> bool:
    """Whether Elasticsearch takes a value for this type, without converting it."""
    match value:
        case bool():
            return kind == "boolean"
        case int():
            return kind in {"long", "float"} and -_LONG_MAX <= value <= _LONG_MAX
        case float():
            # NaN and infinity are in no JSON.
            return kind == "float" and abs(value) < float("inf")
        case str():
            return _is_address(value) if kind == "ip" else kind in _TEXTS
        case _:
            return False


_TEXTS = {"keyword", "constant_keyword", "match_only_text", "date"}


def _is_address(text: str) -> bool:
    """Whether Elasticsearch takes it for an address: it refuses a scope id."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _faults_of_text(field: Field, text: str) -> Iterator[str]:
    """Hold a text to the values and the length that its field allows."""
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if field.type.endswith("keyword") and field.limited and units > MAX_KEYWORD:
        yield f"longer than {MAX_KEYWORD} characters"
    if isinstance(field.allowed, tuple):
        if text not in field.allowed:
            yield f"{text!r} is none of {', '.join(field.allowed)}"
    elif field.allowed is not None and re.fullmatch(field.allowed, text) is None:
        yield f"{text!r} has not the form {field.allowed}"


def _faults_of_type(found: Mapping[str, object]) -> list[str]:
    """Hold ``event.type`` to ``event.category``: each type belongs to one of the categories."""
    categories, types = found.get("event.category"), found.get("event.type")
    if not isinstance(categories, list) or not isinstance(types, list):
        return []
    fitting = [x for category in categories for x in EVENT_TYPES.get(str(category), ())]
    return [f"event.type: {x!r} does not fit {categories}" for x in types if x not in fitting]
