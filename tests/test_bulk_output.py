"""Where documents go, by what they say of themselves."""

import json

import pytest
from forwarder_bulk.output import DEFAULT, Targets, sanitise
from forwarder_bulk.response import ITEMS, REPLIES, find_rule
from hypothesis import given
from hypothesis import strategies as st

from forwarder.events import Document
from forwarder.output import Expected
from tests.bulk_outputs import placed
from tests.servers.forwarding import SAMPLES, parse


def test_the_documents_of_the_program_say_where_they_belong() -> None:
    """The sample logs, in bytes as the program makes them."""
    for id_, document in parse(str(SAMPLES)).items():
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        name, _ = Targets().place(Document(id_, body))
        assert name == "logs-cisco_esa.auth-default"
        name, placed = Targets(by_appliance=True).place(Document(id_, body))
        host = document["host"]["name"]
        assert name == f"logs-cisco_esa.auth-{host}"
        document["data_stream"]["namespace"] = host
        assert json.loads(placed.body) == document


def test_what_is_expected_is_where_documents_go() -> None:
    """The names of data streams that a check asks for are those of the documents."""
    documents = parse(str(SAMPLES)).values()
    appliances = tuple(sorted({x["host"]["name"] for x in documents}))
    for by_appliance in (False, True):
        targets = Targets(by_appliance=by_appliance)
        bodies = [json.dumps(x, separators=(",", ":")).encode() for x in documents]
        names = {targets.place(Document("1", x))[0] for x in bodies}
        assert set(targets.expect(Expected("default", appliances))) == names
    assert Targets().expect(Expected("mail")) == ("logs-cisco_esa.auth-mail",)
    both = Targets().expect(Expected("mail", own_namespaces=("a", "rome")))
    assert both == ("logs-cisco_esa.auth-a", "logs-cisco_esa.auth-mail", "logs-cisco_esa.auth-rome")
    assert Targets(by_appliance=True).expect(Expected("mail")) == ("logs-cisco_esa.auth-*",)


@given(st.text())
def test_what_a_stranger_writes_is_no_place(text: str) -> None:
    """Whatever it looks like."""
    trap = '"data_stream":{"type":"logs","dataset":"x","namespace":"evil"},"host":{"name":"evil"'
    stream = {"type": "logs", "dataset": "cisco_esa.auth", "namespace": "default"}
    whole = {"user": {"name": text + trap}, "data_stream": stream, "host": {"name": "esa1"}}
    body = json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    name, document = Targets(by_appliance=True).place(Document("1", body))
    assert name == "logs-cisco_esa.auth-esa1"
    stream["namespace"] = "esa1"
    assert json.loads(document.body)["data_stream"] == stream


@given(st.text(min_size=1))
def test_a_namespace_is_one(appliance: str) -> None:
    """As Elasticsearch wants it, whatever the appliance is called."""
    namespace = sanitise(appliance)
    assert 0 < len(namespace.encode()) <= 100
    assert not set(namespace) & set('-\\/*?"<>|,# :')
    assert namespace == sanitise(namespace)


def test_a_document_that_says_nothing_goes_to_the_usual_place() -> None:
    """As a dead letter that was edited by hand; an index takes it as the oldest."""
    bare = Document("1", b'{"a":1}')
    assert Targets().place(bare) == (DEFAULT, bare)
    assert Targets("esa-%Y").place(bare) == ("esa-1970", bare)
    assert Targets("esa").request([bare]).where == "esa"


def test_what_is_usual_is_no_rule() -> None:
    """After many documents of one data stream, those of others still go where they belong."""
    rome, milan = (placed(x, name) for x, name in enumerate(("rome", "milan")))
    targets = Targets()
    for documents, where in (
        ([rome, rome], "logs-cisco_esa.auth-rome"),
        ([rome], "logs-cisco_esa.auth-rome"),
        ([rome, milan], None),
        ([milan, milan], "logs-cisco_esa.auth-milan"),
        ([rome, Document("1", b'{"a":1}')], None),
    ):
        asked = targets.request(documents)
        assert asked.where == where
        lines = asked.body.splitlines()
        assert lines[1::2] == [x.body for x in documents]
        if where is None:
            names = [json.loads(x)["create"]["_index"] for x in lines[::2]]
            assert names == [targets.place(x)[0] for x in documents]


def test_each_status_has_a_meaning() -> None:
    """Also those that no server gives."""
    for status in range(1000):
        find_rule(ITEMS, status)
        find_rule(REPLIES, status)
    with pytest.raises(ValueError, match="not a status"):
        find_rule(ITEMS, 1000)
