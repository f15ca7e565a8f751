"""One node of OpenSearch; its REST API is open to everybody."""

import socket
from pathlib import Path

import opensearchpy
from opensearchpy import OpenSearch

from tests.servers.building import HERE, build_once, fetch_jars, find_program
from tests.servers.running import Server, java

VERSION = "2.19.1"
_BASES = range(9201, 9290)
"""The runner listens one above; from 9300 on, it would meet the ports of its transport."""


def build() -> Path:
    """Fetch the jars.

    Raises:
        NotToBeHad: Something for it is missing.
    """
    sources = HERE / "opensearch"
    return build_once(
        f"opensearch-{VERSION}",
        sources,
        lambda folder: fetch_jars(sources / "pom.xml", folder, os_version=VERSION),
        VERSION,
    )


class Node:
    """A node, with a home of its own."""

    def __init__(self, jars: Path, home: Path) -> None:
        """Prepare; nothing is started yet."""
        base = next(x for x in _BASES if _is_free(x + 1) and _is_free(x + 101))
        self.url = f"http://127.0.0.1:{base + 1}"
        self.admin = OpenSearch(self.url)
        self._server = Server(
            [
                *java(Path(find_program("java", "default-jdk-headless"))),
                *("-classpath", f"{jars}/*"),
                # Java compiles it on the way.
                HERE / "opensearch" / "Main.java",
                *(home / "node", str(base), f"tests-{base}"),
            ],
            home / "output.log",
            self._is_ready,
        )
        self.start = self._server.start

    def close(self) -> None:
        """Stop it for good."""
        self.admin.close()
        self._server.kill()

    def _is_ready(self) -> bool:
        try:
            health = self.admin.cluster.health(request_timeout=2)
        except opensearchpy.OpenSearchException:
            return False
        return health["status"] in {"green", "yellow"}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
