"""The table of fields says what a document may hold, and finds what it may not."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from forwarder.ecs.layout import DATASET, ECS_VERSION, MAX_KEYWORD
from forwarder.events import Action, CloseReason
from tests import golden
from tests.ecs_fields import FIELDS, violations

Document = dict[str, Any]


def login() -> Document:
    """Return a document that is right."""
    return golden.expected("header")[0]


def put(name: str, value: object) -> Callable[[Document], None]:
    """Return a change: a value into a field."""

    def change(document: Document) -> None:
        *path, last = name.split("/")
        for part in path:
            document = document.setdefault(part, {})
        document[last] = value

    return change


def drop(name: str) -> Callable[[Document], None]:
    """Return a change: a field taken out."""

    def change(document: Document) -> None:
        *path, last = name.split("/")
        for part in path:
            document = document[part]
        del document[last]

    return change


def test_a_document_as_it_should_be_has_no_fault() -> None:
    """Nor has one with everything that an operator may add."""
    document = login()
    put("labels/site", "Rome")(document)
    put("agent/name", "collector-1")(document)
    put("tags", ["forwarded", "dmz"])(document)
    assert violations(document) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (put("service/name", "x"), "service.name: unknown"),
        (put("cisco_esa/icids", "450"), "cisco_esa.icids: unknown"),
        (put("labels/site/room", "1"), "labels.site.room: unknown"),
        (put("labels", "x"), "labels: unknown"),
        (put("user", "x"), "user: unknown"),
        (put("event.outcome", "success"), "event.outcome: dotted or empty key"),
        (put("labels/a.b", "x"), "labels.a.b: dotted or empty key"),
        (put("user/", "x"), "user.: dotted or empty key"),
        (put("user/domain", ""), "user.domain: empty"),
        (put("user/domain", None), "user.domain: empty"),
        (put("tls", {}), "tls: empty"),
        (put("related/ip", []), "related.ip: empty"),
        (put("related/user", ["u", ""]), "related.user: empty value in the list"),
        (put("related/user", ["u", None]), "related.user: empty value in the list"),
        (put("related/user", "u"), "related.user: must be a list"),
        (put("user/name", ["u"]), "user.name: must not be a list"),
        (put("user/name", 7), "user.name: 7 is no keyword"),
        (put("labels/site", 7), "labels.site: 7 is no keyword"),
        (put("message", value=True), "message: True is no match_only_text"),
        (put("log/offset", "7"), "log.offset: '7' is no long"),
        (put("log/offset", 7.0), "log.offset: 7.0 is no long"),
        (put("log/offset", value=True), "log.offset: True is no long"),
        (put("log/offset", 2**63), f"log.offset: {2**63} is no long"),
        (put("log/offset", -1), "log.offset: -1 is negative"),
        (put("tls/established", 1), "tls.established: 1 is no boolean"),
        (put("cisco_esa/sender/sbrs", "3.5"), "cisco_esa.sender.sbrs: '3.5' is no float"),
        (put("cisco_esa/sender/sbrs", float("nan")), "cisco_esa.sender.sbrs: nan is no float"),
        (put("source/ip", "192.0.2.256"), "source.ip: '192.0.2.256' is no ip"),
        (put("source/ip", "fe80::1%em0"), "source.ip: 'fe80::1%em0' is no ip"),
        (put("observer/ip", ["mail"]), "observer.ip: 'mail' is no ip"),
        (put("event/kind", "alert"), "event.kind: 'alert' is none of event"),
        (put("event/outcome", "unknown"), "event.outcome: 'unknown' is none of success, failure"),
        (put("network/direction", "inbound"), "network.direction: 'inbound' is none of "),
        (put("@timestamp", "2009-04-22 09:44:48"), "@timestamp: '2009-04-22 09:44:48' has not "),
        (put("@timestamp", 1240393488000), "@timestamp: 1240393488000 is no date"),
        (put("event/id", "0B"), "event.id: '0B' has not the form "),
        (put("event/id", "0" * 32 + "\n"), "event.id: '00000000000000000000000000000000\\n' has "),
        (put("cisco_esa/icid", "x"), "cisco_esa.icid: 'x' has not the form "),
        (put("data_stream/namespace", "a-b"), "data_stream.namespace: 'a-b' has not the form "),
        (put("user/name", "x" * 1025), "user.name: longer than 1024 characters"),
        (put("user/name", "\U0001f600" * 513), "user.name: longer than 1024 characters"),
        (put("related/user", ["x" * 1025]), "related.user: longer than 1024 characters"),
        (put("labels/site", "x" * 1025), "labels.site: longer than 1024 characters"),
        (drop("@timestamp"), "@timestamp: missing"),
        (drop("event/category"), "event.category: missing"),
        (drop("event/id"), "event.id: missing"),
        (drop("host"), "host.name: missing"),
        (put("event/category", ["email"]), "event.type: 'start' does not fit ['email']"),
        (put("event/type", ["change"]), "event.type: 'change' is none of start, end, info"),
        (put("event/type", [["start"]]), "event.type: ['start'] is no keyword"),
        (put("event/category", "session"), "event.category: must be a list"),
    ],
)
def test_a_fault_is_found_and_named(change: Callable[[Document], None], fault: str) -> None:
    """Every kind that there is; the text begins with the name of the field."""
    document = login()
    change(document)
    assert any(x.startswith(fault) for x in violations(document)), violations(document)


@pytest.mark.parametrize(
    "change",
    [
        put("user/name", "x" * MAX_KEYWORD),
        put("user/name", "\U0001f600" * 512),
        put("event/original", "x" * 70_000),
        put("message", "x" * 70_000),
        put("cisco_esa/sender/sbrs", 10),
        put("cisco_esa/sender/sbrs", -3.5),
        put("log/offset", 0),
        put("tls/established", value=False),
        put("source/ip", "2001:db8::7"),
    ],
)
def test_what_is_at_the_edge_is_no_fault(change: Callable[[Document], None]) -> None:
    """Limits include their end, and false and zero are values."""
    document = login()
    change(document)
    assert violations(document) == []


def test_every_fault_of_a_document_is_named() -> None:
    """Not only the first."""
    assert len(violations({})) == sum(x.required for x in FIELDS.values())


def test_the_table_is_in_order() -> None:
    """Names and types are possible, and no field is the object of another."""
    kinds = {"keyword", "constant_keyword", "match_only_text", "long", "float"}
    kinds |= {"boolean", "date", "ip"}
    for name, field in FIELDS.items():
        assert name == field.name
        assert field.type in kinds
        of_shippers = name in {"log.offset", "log.source.address"}
        assert field.of_ecs == (not of_shippers and not name.startswith("cisco_esa."))
        assert not any(other.startswith(f"{name}.") for other in FIELDS)
    assert len(json.dumps(list(FIELDS))) > 1000


def test_the_table_knows_what_the_program_can_say() -> None:
    """Actions and reasons are listed twice; both lists are the same."""
    assert FIELDS["event.action"].allowed == tuple(x.value for x in Action)
    reasons = FIELDS["cisco_esa.session.close_reason"].allowed
    assert reasons == tuple(x.value for x in CloseReason)
    assert FIELDS["ecs.version"].allowed == (ECS_VERSION,)
    assert FIELDS["event.dataset"].allowed == FIELDS["data_stream.dataset"].allowed == (DATASET,)
