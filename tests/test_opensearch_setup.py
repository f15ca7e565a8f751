"""What is exported for OpenSearch is taken by a real one, and used there."""

import json
from pathlib import Path

import pytest
from forwarder_bulk.settings import ClusterSettings
from forwarder_opensearch import setup

from forwarder import ConfigError, SetupOptions
from tests.kibana.loading import parse
from tests.servers.forwarding import SAMPLES
from tests.servers.opensearch.running import Node

pytestmark = pytest.mark.xdist_group("opensearch")
STREAM = "logs-cisco_esa.auth-flavor"
UNASKED = ClusterSettings(hosts=("http://127.0.0.1:9",))
"""No cluster is asked."""


def test_the_export_maps_documents_and_says_when_they_came(opensearch: Node) -> None:
    """Its requests are made as they are written; nothing of it is done by the program."""
    steps = [x for x in setup(UNASKED, SetupOptions()) if x.request]
    assert [x.do for x in steps] == [None] * 3
    transport = opensearch.admin.transport
    for step in steps:
        method, path = step.request.split()
        body = json.loads(step.body)
        if "priority" in body:
            # Other tests have a template and streams of their own: this one is for its stream only.
            body["priority"] += 1
            assert body["index_patterns"] == ["logs-cisco_esa.*-*"]
            body["index_patterns"] = [STREAM]
        transport.perform_request(method, path, body=body)
    documents = parse(str(SAMPLES))
    try:
        for document in documents:
            document["data_stream"]["namespace"] = "flavor"
            opensearch.admin.create(index=STREAM, id=document["event"]["id"], body=document)
        opensearch.admin.indices.refresh(index=STREAM)
        query = {"query": {"exists": {"field": "event.ingested"}}}
        assert opensearch.admin.count(index=STREAM, body=query)["count"] == len(documents)
        query = {"query": {"term": {"source.ip": "203.0.113.0/24"}}}
        assert opensearch.admin.count(index=STREAM, body=query)["count"] > 0
    finally:
        opensearch.admin.indices.delete_data_stream(name=STREAM)
        for step in reversed(steps):
            transport.perform_request("DELETE", step.request.split()[1])


def test_an_index_gets_a_template_of_its_own() -> None:
    """Without a data stream."""
    settings = UNASKED.model_copy(update={"index": "esa-logins-%Y.%m"})
    steps = setup(settings, SetupOptions())
    template = json.loads({x.file: x for x in steps}["opensearch/index_template.json"].body)
    assert template["index_patterns"] == ["esa-logins-*.*"]
    assert template["composed_of"] == ["cisco_esa.esa-logins@mappings"]
    assert "data_stream" not in template


@pytest.mark.parametrize("options", [SetupOptions(remove=True), SetupOptions(key_file=Path("k"))])
def test_what_is_only_for_elasticsearch_is_refused(options: SetupOptions) -> None:
    """In words."""
    with pytest.raises(ConfigError, match="cannot remove objects or create keys"):
        list(setup(UNASKED, options))
