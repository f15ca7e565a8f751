"""The server to ask: started once for all tests that ask it."""

from collections.abc import Iterator

import pytest

from tests.servers.elasticsearch.running import Node
from tests.servers.fixtures import obtain
from tests.servers.queries.building import build


@pytest.fixture(scope="session")
def query_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Run an Elasticsearch that understands KQL and ES|QL."""
    built = obtain("Elasticsearch with KQL and ES|QL", build)
    node = Node(built, tmp_path_factory.mktemp("queries"))
    try:
        node.start()
        yield node
    finally:
        node.close()
