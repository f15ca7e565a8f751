"""What answers a setup may be no Elasticsearch and no Kibana: it is said, and nothing is done."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from forwarder_bulk.settings import ElasticSettings
from forwarder_elasticsearch.setup import setup

from forwarder import SetupOptions, Unavailable
from tests.bulk_server import Answer, BulkServer
from tests.test_assets import RULES

_PRODUCT = {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}
_PIPELINE = "/_ingest/pipeline/logs-cisco_esa@pipeline"
_TEMPLATE = "/_index_template/logs-cisco_esa"
_OBJECTS = "/api/saved_objects"
_RULES = "/api/detection_engine/rules"

STRANGE = [
    b"",
    b"<html>please log in</html>",
    b"[1, 2]",
    b"null",
    b"7",
    b"[" * 10_000,
    b'{"a":' * 10_000,
    b'{"items": [',
    b"{}",
    b'{"logs-cisco_esa@pipeline": [], "index_templates": [7]}',
    b'{"index_templates": [{"index_template": []}], "component_templates": 7}',
    b'{"index_templates": %b}' % (b"[" * 1000 + b"]" * 1000),
    b'{"error": {"reason": %b}}' % (b"[" * 500 + b"]" * 500),
]
"""Answers with the status of success, of none of the two."""


@pytest.fixture
def server() -> Iterator[BulkServer]:
    """Return what answers."""
    server = BulkServer(product="Elasticsearch")
    yield server
    server.stop()


def do(server: BulkServer, request: str, *, kibana: bool = False, remove: bool = False) -> str:
    """Do the one step with this request."""
    if kibana:
        server.product = None
    options = SetupOptions(values={"kibana": server.url} if kibana else {}, remove=remove)
    (step,) = [
        x
        for x in setup(ElasticSettings.model_validate({"hosts": [server.url]}), options)
        if x.request.replace(server.url, "").startswith(request)
    ]
    assert step.do is not None
    return step.do()


@pytest.mark.parametrize("remove", [False, True], ids=["bring", "remove"])
@pytest.mark.parametrize("path", [_PIPELINE, _TEMPLATE])
@pytest.mark.parametrize("body", STRANGE, ids=lambda x: repr(x)[:30])
def test_what_is_no_elasticsearch(
    server: BulkServer, body: bytes, path: str, *, remove: bool
) -> None:
    """Whatever it answers when it is asked what is there."""
    server.others[f"GET {path}"] = Answer(200, body, _PRODUCT)
    with pytest.raises(Unavailable) as raised:
        do(server, f"{'DELETE' if remove else 'PUT'} {path}", remove=remove)
    said = str(raised.value)
    assert f"{server.url} answers 200 to GET {path} with what is not an answer of Elastic" in said
    assert said.endswith(".")
    assert len(said) < 600
    assert [x.method for x in server.asked] == ["GET"]


@pytest.mark.parametrize("status", [404, 400])
def test_a_page_that_says_that_nothing_is_there(server: BulkServer, status: int) -> None:
    """It is not taken for Elasticsearch's word."""
    server.others[f"GET {_PIPELINE}"] = Answer(status, b"<html>nginx</html>")
    with pytest.raises(Unavailable, match=f"answers {status} to GET .*'<html>nginx</html>'"):
        do(server, f"PUT {_PIPELINE}")


def test_another_node_is_asked_where_one_is_down(server: BulkServer) -> None:
    """Whichever of the hosts it is."""
    gone = BulkServer()
    gone.stop()
    server.others |= {
        f"GET {_PIPELINE}": Answer(404, {}),
        f"PUT {_PIPELINE}": Answer(200, {"acknowledged": True}),
    }
    settings = ElasticSettings.model_validate({"hosts": [gone.url, server.url]})
    step = next(iter(setup(settings, SetupOptions())))
    assert step.do is not None
    assert step.do() == "created, version 1"


def test_another_product(server: BulkServer) -> None:
    """It is named what it might be."""
    server.others[f"GET {_PIPELINE}"] = Answer(200, b"{}")
    with pytest.raises(Unavailable, match=f"{server.url} answers without the headers of Elastic"):
        do(server, f"PUT {_PIPELINE}")


def test_a_server_that_fails(server: BulkServer) -> None:
    """Its status and its page are said, without what a terminal would obey."""
    server.others[f"GET {_PIPELINE}"] = Answer(502, b"<html>\x1b[31m")
    with pytest.raises(Unavailable, match=r"http://\S+ answers 502.*<html>\\x1b"):
        do(server, f"PUT {_PIPELINE}")


def test_a_server_that_says_nothing(server: BulkServer) -> None:
    """Its status is all that there is to be said."""
    server.others[f"GET {_PIPELINE}"] = Answer(302, b"", {"Location": "/elsewhere"})
    with pytest.raises(Unavailable, match=f"answers 302 to GET {_PIPELINE}\\.$"):
        do(server, f"PUT {_PIPELINE}")


def test_a_template_without_a_version(server: BulkServer) -> None:
    """It was taken out; it is older than any."""
    there = {"logs-cisco_esa@pipeline": {"_meta": {"managed_by": "esa-forwarder"}}}
    server.others |= {
        f"GET {_PIPELINE}": Answer(200, there),
        f"PUT {_PIPELINE}": Answer(200, {"acknowledged": True}),
    }
    assert do(server, f"PUT {_PIPELINE}") == "updated from version 0 to 1"


@pytest.mark.parametrize("request_", [f"POST {_OBJECTS}", f"POST {_RULES}"])
@pytest.mark.parametrize("body", STRANGE, ids=lambda x: repr(x)[:30])
def test_what_is_no_kibana(server: BulkServer, body: bytes, request_: str) -> None:
    """Whatever it answers when it is asked what is there."""
    server.others |= {
        f"POST {_OBJECTS}/_export": Answer(200, body),
        f"GET {_RULES}/_find": Answer(200, body),
    }
    with pytest.raises(Unavailable, match=r" answers 200 .*with what is not an answer of Kib.*\.$"):
        do(server, request_, kibana=True)
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", STRANGE, ids=lambda x: repr(x)[:30])
def test_an_upload_to_what_is_no_kibana(server: BulkServer, body: bytes) -> None:
    """It is not taken for a success."""
    server.others |= {
        f"POST {_OBJECTS}/_export": Answer(400, {"message": "not there"}),
        f"POST {_OBJECTS}/_import": Answer(200, body),
    }
    with pytest.raises(Unavailable, match=r"/_import.* with what is not an answer of Kibana"):
        do(server, f"POST {_OBJECTS}", kibana=True)


@pytest.mark.parametrize("status", [200, 404])
def test_a_removal_from_what_is_no_kibana(server: BulkServer, status: int) -> None:
    """Nothing is said to be gone."""
    tag = f"DELETE {_OBJECTS}/tag/cisco_esa-assets"
    server.others[tag] = Answer(status, b"<html>please log in</html>")
    with pytest.raises(
        Unavailable, match=f"answers {status} .* with what is not an answer of Kibana"
    ):
        do(server, tag, kibana=True, remove=True)


def test_a_rule_without_tags_is_an_old_one(server: BulkServer) -> None:
    """They were taken out after it was found."""
    identity = RULES[0]["rule_id"]
    server.others |= {
        f"GET {_RULES}/_find": Answer(200, {"data": [{"rule_id": identity, "tags": []}]}),
        f"POST {_RULES}/_import": Answer(200, {"success": True}),
    }
    assert do(server, f"POST {_RULES}", kibana=True).endswith("1 existed")
    assert json.dumps(identity).encode() in server.asked[-1].body


def test_a_key_that_could_not_ship_is_not_made(server: BulkServer, tmp_path: Path) -> None:
    """A key has no more privileges than the user who makes it."""
    server.others["POST /_security/user/_has_privileges"] = Answer(
        200, {"has_all_requested": False}
    )
    path = tmp_path / "key"
    options = SetupOptions(user="ann", password="x", key_file=path)
    *_, step = setup(ElasticSettings.model_validate({"hosts": [server.url]}), options)
    assert step.do is not None
    with pytest.raises(
        Unavailable, match=r"cannot have more privileges than .*create_doc on logs-cisco_"
    ):
        step.do()
    assert not path.exists()
    assert [x.path for x in server.asked] == ["/_security/user/_has_privileges"]
