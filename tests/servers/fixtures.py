"""The servers as fixtures: each is started once in a session of tests, when it is first needed."""

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tests.servers.building import NotToBeHad
from tests.servers.elasticsearch.building import build as build_elasticsearch
from tests.servers.elasticsearch.running import Node
from tests.servers.opensearch import running as opensearch_2
from tests.servers.toxiproxy import running as toxiproxy_2

_Built = TypeVar("_Built")

VERSIONS = ("8.19.21", "9.5.3")
"""Of Elasticsearch: the last of the old line, and the newest."""


@pytest.fixture(scope="session")
def elasticsearch_8(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Run Elasticsearch 8."""
    yield from _run_elasticsearch(VERSIONS[0], tmp_path_factory)


@pytest.fixture(scope="session")
def elasticsearch_9(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Run Elasticsearch 9."""
    yield from _run_elasticsearch(VERSIONS[1], tmp_path_factory)


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[opensearch_2.Node]:
    """Run OpenSearch."""
    jars = obtain(f"OpenSearch {opensearch_2.VERSION}", opensearch_2.build)
    node = opensearch_2.Node(jars, tmp_path_factory.mktemp("opensearch-"))
    try:
        node.start()
        yield node
    finally:
        node.close()


@pytest.fixture(scope="session")
def toxiproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[toxiproxy_2.Toxiproxy]:
    """Run Toxiproxy."""
    program = obtain(f"Toxiproxy {toxiproxy_2.VERSION}", toxiproxy_2.build)
    running = toxiproxy_2.Toxiproxy(program, tmp_path_factory.mktemp("toxiproxy-"))
    try:
        running.start()
        yield running
    finally:
        running.close()


def _run_elasticsearch(version: str, folders: pytest.TempPathFactory) -> Iterator[Node]:
    built = obtain(f"Elasticsearch {version}", lambda: build_elasticsearch(version))
    node = Node(built, folders.mktemp(f"elasticsearch-{version}-"))
    try:
        node.start()
        yield node
    finally:
        node.close()


def obtain(name: str, build: Callable[[], _Built]) -> _Built:
    """Build a server; where it cannot be had, skip the test, except in CI."""
    try:
        return build()
    except NotToBeHad as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{name} cannot be had here: {error}")
