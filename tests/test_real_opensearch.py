"""The output against a real OpenSearch, with an ingest pipeline, which the other servers lack."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forwarder_bulk.output import BulkOutput
from forwarder_bulk.settings import ClusterSettings
from forwarder_opensearch import OpenSearchOutput, check

from forwarder.events import Document
from forwarder.output import Expected, Finding, Unavailable
from tests.bulk_outputs import placed
from tests.servers.forwarding import SAMPLES, Forwarder, parse
from tests.servers.opensearch.running import Node

pytestmark = pytest.mark.xdist_group("opensearch")


@pytest.fixture
def node(opensearch: Node) -> Node:
    """Give a server with a template for data streams, and a pipeline."""
    opensearch.admin.indices.put_index_template(
        name="tests",
        body={
            "index_patterns": ["logs-cisco_esa.*-*"],
            "priority": 501,
            "data_stream": {},
            "template": {
                "settings": {"number_of_replicas": 0},
                "mappings": {"properties": {"source": {"properties": {"ip": {"type": "ip"}}}}},
            },
        },
    )
    ingested = {"set": {"field": "event.ingested", "value": "{{_ingest.timestamp}}"}}
    opensearch.admin.ingest.put_pipeline(id="ingested", body={"processors": [ingested]})
    return opensearch


@contextmanager
def opened(node: Node, **settings: object) -> Iterator[BulkOutput]:
    """Open an output."""
    output = OpenSearchOutput(ClusterSettings.model_validate(node.settings(**settings)))
    try:
        output.open()
        yield output
    finally:
        output.close()


def documents(node: Node, name: str) -> dict[str, dict[str, object]]:
    """Fetch what is there, by ids."""
    node.admin.indices.refresh(index=name)
    hits = node.admin.search(index=name, body={"size": 5000})["hits"]["hits"]
    found = {x["_id"]: x["_source"] for x in hits}
    assert len(found) == len(hits), "something is there twice"
    return found


def test_the_logs_are_in_a_data_stream_and_once(node: Node, tmp_path: Path) -> None:
    """By run --once and through the pipeline; a second run of the same logs adds nothing."""
    settings = node.settings(pipeline="ingested", namespace_by_appliance=True)
    output = {"type": "opensearch", **settings}
    truth = parse(str(SAMPLES))
    names = [f"logs-cisco_esa.auth-esa{x}.example.com" for x in (1, 2)]
    runs = []
    for folder in ("first", "second"):
        Forwarder(tmp_path / folder, output).once()
        runs.append([documents(node, x) for x in names])
    found = runs[0]
    assert {y for x in found for y in x} == set(truth)
    assert sum(map(len, found)) == len(truth)
    assert runs[1] == found
    for document in found[0].values():
        event = document["event"]
        assert isinstance(event, dict)
        assert "ingested" in event
    streams = node.admin.indices.get_data_stream(name="*")["data_streams"]
    assert {x["name"] for x in streams} >= set(names)


def test_a_document_that_does_not_fit_the_mapping(node: Node) -> None:
    """It is refused, with the server's own words; the others are there."""
    namespace = secrets.token_hex(6)
    batch = [placed(x, namespace) for x in range(5)]
    body = batch[2].body.replace(b'"host"', b'"source":{"ip":"unknown"},"host"')
    batch[2] = Document(batch[2].id, body)
    with opened(node) as output:
        (failure,) = output.write(batch)
    assert (failure.document, failure.retryable, failure.status) == (batch[2], False, 400)
    assert "mapper_parsing_exception" in failure.reason
    assert "'unknown' is not an IP string literal" in failure.reason
    assert len(documents(node, f"logs-cisco_esa.auth-{namespace}")) == 4


def test_a_pipeline_that_is_not_there_is_waited_for(node: Node) -> None:
    """An operator can make it; the documents are not to blame."""
    with opened(node, pipeline="missing") as output:
        try:
            failures = output.write([placed(1)])
        except Unavailable as error:
            said = [str(error)]
        else:
            assert [x.retryable for x in failures] == [True]
            said = [x.reason for x in failures]
    assert "missing" in said[0]


def test_an_index_that_is_blocked(node: Node) -> None:
    """It is no matter of rights; a rollover helps, but not where the settings are blocked too."""
    namespace = secrets.token_hex(6)
    stream = f"logs-cisco_esa.auth-{namespace}"
    first, second = placed(1, namespace), placed(2, namespace)
    put = node.admin.indices.put_settings
    with opened(node) as output:
        assert list(output.write([first])) == []
        for block in ("read_only", "write"):
            put(index=stream, body={f"index.blocks.{block}": True})
            (failure,) = output.write([second])
            assert (failure.retryable, failure.status) == (True, 403)
            assert "(api)]; remove the block from the index" in failure.reason
            assert ("roll the data stream over" in failure.reason) == (block == "write")
            assert "privilege" not in failure.reason
            if block == "read_only":
                put(index=stream, body={f"index.blocks.{block}": None})
        node.admin.indices.rollover(alias=stream)
        assert list(output.write([second])) == []


def find(node: Node, namespace: str = "default", **settings: object) -> list[Finding]:
    """Check as the program does."""
    found = ClusterSettings.model_validate(node.settings(**settings))
    return list(check(found, Expected(namespace)))


def test_the_check_finds_it_good(node: Node) -> None:
    """With its version, and whether or not the data stream is there."""
    namespace = secrets.token_hex(6)
    for _ in range(2):
        version, stream = find(node, namespace)
        assert version.good
        assert version.text == f"{node.url} is OpenSearch 2.19.1, and accepts the credentials"
        assert stream == (True, f"documents go to data stream logs-cisco_esa.auth-{namespace}", "")
        with opened(node) as output:
            output.write([placed(1, namespace)])


def test_an_index_with_the_name_of_the_data_stream(node: Node) -> None:
    """OpenSearch would put the documents into it, by types that it guessed."""
    name = f"logs-cisco_esa.auth-{secrets.token_hex(6)}"
    node.admin.indices.delete_data_stream(name="*")
    node.admin.indices.delete_index_template(name="tests")
    _, missing = find(node, name.rpartition("-")[2])
    assert not missing.good
    assert missing.text.startswith(f"no index template makes {name} a data stream")
    assert "setup --export DIR" in missing.advice
    node.admin.indices.create(index=name)
    _, plain = find(node, name.rpartition("-")[2])
    assert not plain.good
    assert plain.text == f"{name} is an index or alias, and not a data stream"
    assert "delete it, and the data stream is created" in plain.advice


def test_an_index_without_a_template(node: Node) -> None:
    """Which is what its setting asks for; the types of fields are guessed."""
    _, finding = find(node, index="esa-%Y.%m")
    assert finding.good
    assert finding.text.startswith("there is no index template for esa-*.*, so types of fields are")
    assert "setup --export DIR" in finding.advice


def test_http_where_tls_is_spoken(node: Node) -> None:
    """OpenSearch hangs up without a word."""
    url = node.url.replace("https:", "http:")
    with (
        opened(node, hosts=[url], ca_certs=None) as output,
        pytest.raises(Unavailable, match="may speak TLS: try https://"),
    ):
        output.write([placed(1)])
    (finding,) = find(node, hosts=[url], ca_certs=None)
    assert "try https://" in finding.advice


def test_a_certificate_for_other_names(node: Node) -> None:
    """The names that it holds are said."""
    hosts = [node.url.replace("127.0.0.1", "localhost")]
    words = r"for another name, it holds '127\.0\.0\.1'; use"
    with opened(node, hosts=hosts) as output, pytest.raises(Unavailable, match=words):
        output.write([placed(1)])
    (finding,) = find(node, hosts=hosts)
    assert "for another name, it holds '127.0.0.1'" in finding.text
