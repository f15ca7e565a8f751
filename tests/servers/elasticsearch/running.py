"""One node of Elasticsearch, with security and TLS, as a cluster has them by default."""

import hashlib
import secrets
import shutil
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import elastic_transport
from elasticsearch import ApiError, Elasticsearch

from tests.servers.building import HERE
from tests.servers.certificates import ADDRESS, Authority
from tests.servers.elasticsearch.building import Built
from tests.servers.running import QUICK, Server, class_path, free_ports, java

USER, PASSWORD = "admin", "change me"
_ROUNDS = 10_000

_CONFIG = """\
cluster.name: tests
discovery.type: single-node
network.host: {address}
http.port: {http}
transport.port: {transport}
cluster.routing.allocation.disk.threshold_enabled: false
xpack.security.enabled: true
xpack.security.autoconfiguration.enabled: false
xpack.security.authc.api_key.enabled: true
xpack.security.authc.api_key.cache.ttl: {key_cache}
xpack.security.authc.realms.file.file1.order: 0
xpack.security.http.ssl.enabled: true
xpack.security.http.ssl.certificate: http.crt
xpack.security.http.ssl.key: http.key
resource.reload.interval.high: 1s
"""


class Node:
    """A node, with a home of its own."""

    def __init__(
        self,
        built: Built,
        home: Path,
        *,
        jvm: Sequence[str] = QUICK,
        key_cache: str = "0s",
    ) -> None:
        """Lay out its home; nothing is started yet.

        Args:
            built: The server.
            home: An empty folder.
            jvm: Options of the JVM.
            key_cache: How long a key that was seen is known. In tests, one that was revoked is to
                be unknown at once; but to look at a key takes milliseconds, at each request.
        """
        self.version = built.version
        self.authority = Authority(home)
        http, transport = free_ports(2)
        self.url = f"https://{ADDRESS}:{http}"
        config = home / "config"
        config.mkdir()
        self.certificate, self.key = config / "http.crt", config / "http.key"
        self.authority.issue(self.certificate, self.key)
        (config / "elasticsearch.yml").write_text(
            _CONFIG.format(address=ADDRESS, http=http, transport=transport, key_cache=key_cache)
        )
        log4j = config / "log4j2.properties"
        shutil.copy(HERE / "elasticsearch" / "log4j2.properties", log4j)
        (config / "users").write_text(f"{USER}:{_hash(PASSWORD)}\n")
        (config / "users_roles").write_text(f"superuser:{USER}\n")
        self.admin = Elasticsearch(
            self.url,
            basic_auth=(USER, PASSWORD),
            ca_certs=str(self.authority.path),
            request_timeout=120,
        )
        """May do everything; a busy machine may take its time."""
        self._server = Server(
            [
                *java(built.java, jvm),
                f"-Dlog4j2.configurationFile={log4j}",
                "-Des.networkaddress.cache.ttl=60",
                "-classpath",
                class_path(built.folder / "classes", built.folder / "lib"),
                *("testnode.Main", built.folder / "modules", home),
            ],
            home / "output.log",
            self._is_ready,
        )
        self.start, self.kill = self._server.start, self._server.kill

    def close(self) -> None:
        """Stop it for good."""
        self.admin.close()
        self._server.kill()

    @property
    def cpu_seconds(self) -> float:
        """What it took of the processors up to now."""
        return self._server.cpu_seconds

    def settings(self, **more: object) -> dict[str, object]:
        """Give settings of an output to it."""
        return {"hosts": [self.url], "ca_certs": str(self.authority.path), **more}

    def make_key(self, *names: str, cluster: tuple[str, ...] = ()) -> tuple[str, str]:
        """Make a key that may ship to some data streams.

        Returns:
            Its id, and the form ``ID:KEY``.
        """
        privileges = ["auto_configure", "create_doc"]
        role = {"cluster": cluster, "indices": [{"names": names, "privileges": privileges}]}
        made = self.admin.security.create_api_key(
            name=secrets.token_hex(8), role_descriptors={"ship": role}
        )
        return made["id"], f"{made['id']}:{made['api_key']}"

    def revoke(self, id_: str) -> None:
        """Make a key worth nothing."""
        self.admin.security.invalidate_api_key(ids=[id_])

    def put_template(self, pattern: str) -> None:
        """Make what matches a pattern data streams, as the built-in template does for logs-*."""
        keyword = {"type": "keyword", "ignore_above": 1024}
        dynamic = [{"strings": {"match_mapping_type": "string", "mapping": keyword}}]
        mappings = {
            "dynamic_templates": dynamic,
            "properties": {"source": {"properties": {"ip": {"type": "ip"}}}},
        }
        self.admin.indices.put_index_template(
            name=pattern.replace("*", "x"),
            index_patterns=[pattern],
            priority=100,
            data_stream={},
            template={"mappings": mappings, "settings": {"number_of_replicas": 0}},
        )

    def documents(self, name: str) -> dict[str, list[dict[str, object]]]:
        """Fetch all documents of a data stream or an index, by their ids."""
        self.admin.indices.refresh(index=name)
        found: dict[str, list[dict[str, object]]] = {}
        after: list[object] | None = None
        while True:
            hits = self.admin.search(
                index=name, size=5000, sort=["_doc"], search_after=after, track_total_hits=False
            )["hits"]["hits"]
            for hit in hits:
                found.setdefault(hit["_id"], []).append(hit["_source"])
            if len(hits) < 5000:
                return found
            after = hits[-1]["sort"]

    def _is_ready(self) -> bool:
        try:
            health = self.admin.options(request_timeout=2, max_retries=0).cluster.health()
            return health["status"] in {"green", "yellow"}
        except (elastic_transport.TransportError, ApiError):
            return False


def _hash(password: str) -> str:
    """Hash a password as the file of users has it."""
    salt = secrets.token_bytes(32)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, 32)
    return f"{{PBKDF2}}{_ROUNDS}${b64encode(salt).decode()}${b64encode(digest).decode()}"
