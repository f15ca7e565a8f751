"""A server to ask."""

import os
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch


@pytest.fixture(scope="session")
def query_server() -> Iterator[Elasticsearch]:
    with Elasticsearch(os.environ["ESA_FORWARDER_TEST_SERVER"]) as client:
        yield client
