"""One node of OpenSearch, with TLS; its REST API is open to everybody."""

import random
import socket
from pathlib import Path

import opensearchpy
from opensearchpy import OpenSearch

from tests.servers.building import HERE, build_once, fetch_jars, find_program
from tests.servers.certificates import ADDRESS, Authority
from tests.servers.running import Server, java

VERSION = "2.19.1"
_BASES = range(9201, 9290)
"""The runner listens one above; from 9300 on, it would meet the ports of its transport."""
_ATTEMPTS = 3


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
        self._jars = jars
        self._home = home
        self.authority = Authority(home)
        self._certificate, self._key = home / "http.crt", home / "http.key"
        self.authority.issue(self._certificate, self._key)

    def start(self) -> None:
        """Start it, and wait until it serves."""
        for left in reversed(range(_ATTEMPTS)):
            self._prepare()
            try:
                self._server.start()
            except AssertionError:
                # Between looking for a port and taking it, another process may have taken it.
                self.close()
                if not left or b"BindException" not in self._log.read_bytes():
                    raise
            else:
                return

    def _prepare(self) -> None:
        bases = random.sample(_BASES, len(_BASES))
        base = next(x for x in bases if _is_free(x + 1) and _is_free(x + 101))
        self.url = f"https://{ADDRESS}:{base + 1}"
        self.admin = OpenSearch(self.url, ca_certs=str(self.authority.path))
        self._log = self._home / f"output-{base}.log"
        self._server = Server(
            [
                *java(Path(find_program("java", "default-jdk-headless"))),
                *("-classpath", f"{self._jars}/*"),
                # Java compiles it on the way.
                HERE / "opensearch" / "Main.java",
                *(self._home / f"node-{base}", str(base), f"tests-{base}"),
                *(self._certificate, self._key),
            ],
            self._log,
            self._is_ready,
        )

    def settings(self, **more: object) -> dict[str, object]:
        """Give settings of an output to it."""
        return {"hosts": [self.url], "ca_certs": str(self.authority.path), **more}

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
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True
