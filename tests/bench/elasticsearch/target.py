"""The server that documents are brought to."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.bench.elasticsearch.loading import STREAM
from tests.bench.measuring import BenchError
from tests.servers.building import NotToBeHad
from tests.servers.elasticsearch.building import build
from tests.servers.elasticsearch.running import Node
from tests.servers.fixtures import VERSIONS

_VERSION = VERSIONS[0]
_JVM = ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC")
"""As a server has it: it compiles as well as it can, and memory does not grow meanwhile. A gigabyte
is what Elasticsearch says without being asked."""
_KEY_CACHE = "24h"
"""As it is if nothing is said."""


class Target:
    """A node with our templates."""

    def __init__(self, node: Node) -> None:
        self.node = node
        _, self.key = node.make_key("logs-cisco_esa.*-*")
        self.encoded_key = b64encode(self.key.encode()).decode()

    def install(self, *, mappings: bool = True) -> None:
        """Bring the templates.

        The pipeline stays away: the processors that it needs are not published.

        Args:
            mappings: Whether fields have the types of our template; without, the server guesses.
        """
        found = {x: self.read(x) for x in ("component_template", "index_template")}
        index = found["index_template"]["template"]["settings"]["index"]
        del index["default_pipeline"]
        index["number_of_replicas"] = 0
        if not mappings:
            found["component_template"]["template"] = {}
        put = self.node.admin.perform_request
        headers = {"accept": "application/json", "content-type": "application/json"}
        for kind, name in (
            ("component_template", "logs-cisco_esa@mappings"),
            ("index_template", "logs-cisco_esa"),
        ):
            put("PUT", f"/_{kind}/{name}", headers=headers, body=found[kind])

    @staticmethod
    def read(name: str) -> dict[str, Any]:
        """Read one of the templates."""
        path = files("forwarder_elasticsearch") / "assets" / f"{name}.json"
        return dict(json.loads(path.read_bytes()))

    def clear(self) -> None:
        """Begin again."""
        self.node.admin.options(ignore_status=404).indices.delete_data_stream(name=STREAM)

    def check(self, documents: int) -> None:
        """Make sure that all are there.

        Raises:
            BenchError: They are not.
        """
        self.node.admin.indices.refresh(index=STREAM)
        found = self.node.admin.count(index=STREAM)["count"]
        if found != documents:
            raise BenchError(f"of {documents} documents {found} are in the index")

    def bytes_on_disk(self, index: str = STREAM) -> int:
        """Say how large an index is, put in order."""
        admin = self.node.admin.options(request_timeout=600)
        admin.indices.forcemerge(index=index, max_num_segments=1)
        admin.indices.flush(index=index)
        found = admin.indices.stats(index=index, metric="store")
        return int(found["_all"]["primaries"]["store"]["size_in_bytes"])


@contextmanager
def started(folder: Path) -> Iterator[Target]:
    """Have a server.

    Raises:
        BenchError: It cannot be had here.
    """
    try:
        built = build(_VERSION)
    except NotToBeHad as error:
        raise BenchError(f"Elasticsearch {_VERSION} cannot be had here: {error}") from error
    folder.mkdir()
    node = Node(built, folder, jvm=_JVM, key_cache=_KEY_CACHE)
    try:
        node.start()
        target = Target(node)
        target.install()
        yield target
    finally:
        node.close()
