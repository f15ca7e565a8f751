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
from forwarder.output import Expected, Unavailable
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
    output = OpenSearchOutput(ClusterSettings.model_validate({"hosts": [node.url], **settings}))
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
    output = {
        "type": "opensearch",
        "hosts": [node.url],
        "pipeline": "ingested",
        "namespace_by_appliance": True,
    }
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


def test_the_check_finds_it_good(node: Node) -> None:
    """With its version."""
    (finding,) = check(ClusterSettings.model_validate({"hosts": [node.url]}), Expected())
    assert finding.good
    assert "OpenSearch 2.19.1" in finding.text
