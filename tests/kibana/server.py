"""The server to ask: started once for all tests that ask it."""

import os
from collections.abc import Iterator

import pytest

from tests.servers.building import NotToBeHad
from tests.servers.elasticsearch.running import Node
from tests.servers.queries.building import build


@pytest.fixture(scope="session")
def query_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Start a real Elasticsearch that understands KQL and ES|QL."""
    try:
        built = build()
    except NotToBeHad as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"a real Elasticsearch cannot be had here: {error}")
    node = Node(built, tmp_path_factory.mktemp("queries"))
    node.start()
    yield node
    node.close()
