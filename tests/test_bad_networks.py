"""The service, a real Elasticsearch, and between them a network with everything that goes wrong.

Toxiproxy is the network. Each test says what it does to the bytes, makes sure that it did, and then
compares what is in Elasticsearch with the truth, which is what the same logs become without any
network: none lost, none doubled, none changed, no dead letter, and a service that is well.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forwarder.testing import wait_until
from tests.corpus.traffic import storm
from tests.servers.elasticsearch.running import Node
from tests.servers.forwarding import Forwarder, lean, parse
from tests.servers.toxiproxy.running import Proxy, Stream, Toxiproxy

pytestmark = pytest.mark.xdist_group("elasticsearch")

_APPLIANCE = "esa7.example.com"
_STREAM = f"logs-cisco_esa.auth-{_APPLIANCE}"
_BYTES = 160_000
"""Of a log; some 300 documents."""
_BATCH = 50
"""Documents. They go into one request, and one connection is enough for it."""
_DOWN_SECONDS = 3


class Scene:
    """A log that grows, the service that reads it, and a proxy between it and Elasticsearch."""

    def __init__(self, folder: Path, node: Node, proxy: Proxy) -> None:
        """Lay it out; nothing is running yet."""
        self._folder = folder
        self._node = node
        self.proxy = proxy
        self._log = folder / "logs" / _APPLIANCE / "mail.current"
        self._log.parent.mkdir(parents=True)
        self._log.touch()
        lines = b"".join(storm(11, _BYTES)).splitlines(keepends=True)
        self._lines, self._count = iter(lines), len(lines)
        self._key = node.make_key("logs-cisco_esa.auth-*")[1]
        self.forwarder = self._configure()
        self._heard = 0  # characters of the log of the service

    def _configure(self, **settings: object) -> Forwarder:
        output = {
            "type": "elasticsearch",
            **self._node.settings(api_key=self._key, namespace_by_appliance=True),
            "hosts": [self.proxy.url],
            "batch": {"max_documents": _BATCH, "max_age": "50ms"},
            **settings,
        }
        return Forwarder(self._folder, output, [f"{self._folder}/logs/{{appliance}}/mail*"])

    def start(self, **settings: object) -> None:
        """Start the service, with a first part of the log, and let it deliver that."""
        self.forwarder = self._configure(**settings)
        self.grow(3)
        self.forwarder.start()
        self.forwarder.wait_for("The service has begun")
        self.catch_up()
        self._heard = len(self.forwarder.said())

    def wait_for(self, text: str) -> None:
        """Wait until the service logs something, after its start."""
        wait_until(lambda: text in self.forwarder.said()[self._heard :])

    def grow(self, part: int) -> None:
        """Write one of so many parts of the log."""
        with self._log.open("ab") as file:
            for line, _ in zip(self._lines, range(self._count // part), strict=False):
                file.write(line)

    def grow_to_the_end(self) -> None:
        """Write what is left of the log."""
        with self._log.open("ab") as file:
            file.writelines(self._lines)

    def catch_up(self) -> None:
        """Wait until everything that is in the log is delivered."""
        count = len(parse(str(self._log.parent)))
        wait_until(lambda: self.arrived >= count)
        wait_until(lambda: self.delivered >= count)

    @property
    def output(self) -> dict[str, Any]:
        """What the status says of the output."""
        found: dict[str, Any] = self.forwarder.status()["outputs"]["siem"]
        return found

    @property
    def delivered(self) -> int:
        """How many documents are delivered, as far as the service knows."""
        count: int = self.output["delivered"]
        return count

    @property
    def arrived(self) -> int:
        """How many documents are in Elasticsearch."""
        self._node.admin.indices.refresh(index=_STREAM)
        count: int = self._node.admin.count(index=_STREAM)["count"]
        return count

    def verify(self) -> None:
        """Compare what is in Elasticsearch with the truth, and see how the service is."""
        # What inputs are behind is saved every few seconds.
        wait_until(lambda: self.forwarder.status()["inputs"]["behind_bytes"] == 0)
        status = self.forwarder.status()
        output = status["outputs"]["siem"]
        counts = {x: output[x] for x in ("waiting", "rejected", "lost", "failing_since", "stopped")}
        fine = {"waiting": 0, "rejected": 0, "lost": 0, "failing_since": None, "stopped": False}
        assert counts == fine
        assert status["dead_letters"] == {}
        truth = parse(str(self._log.parent))
        found = self._node.documents(_STREAM)
        assert set(truth) - set(found) == set(), "documents are lost"
        assert {x: len(y) for x, y in found.items()} == dict.fromkeys(truth, 1)
        for id_, document in truth.items():
            document["data_stream"]["namespace"] = _APPLIANCE
            assert found[id_] == [lean(document)]


@pytest.fixture
def scene(tmp_path: Path, elasticsearch_8: Node, toxiproxy: Toxiproxy) -> Iterator[Scene]:
    """Set the scene, with nothing in Elasticsearch."""
    elasticsearch_8.put_template("logs-cisco_esa.auth-*")
    streams = elasticsearch_8.admin.options(ignore_status=404).indices
    streams.delete_data_stream(name=_STREAM)
    # It would take the first request longer than some tests let a request take.
    streams.create_data_stream(name=_STREAM)
    proxy = toxiproxy.before(elasticsearch_8.url)
    found = Scene(tmp_path, elasticsearch_8, proxy)
    try:
        yield found
    finally:
        found.forwarder.kill()
        proxy.remove()


@pytest.mark.parametrize(
    "toxics",
    [
        pytest.param(
            [
                ("latency", "upstream", {"latency": 100, "jitter": 80}),
                ("latency", "downstream", {"latency": 100, "jitter": 80}),
            ],
            id="slow",
        ),
        pytest.param(
            [
                ("slicer", "upstream", {"average_size": 200, "size_variation": 150, "delay": 500}),
                ("slicer", "downstream", {"average_size": 100, "size_variation": 80, "delay": 500}),
                ("bandwidth", "upstream", {"rate": 40}),
            ],
            id="narrow",
        ),
        pytest.param([("limit_data", "upstream", {"bytes": 25_000})], id="requests-break-off"),
        pytest.param([("limit_data", "downstream", {"bytes": 20_000})], id="replies-break-off"),
    ],
)
def test_a_bad_network_all_the_way(
    scene: Scene, toxics: list[tuple[str, Stream, dict[str, int]]]
) -> None:
    """By run --once: it takes its time, and everything is there."""
    for type_, stream, attributes in toxics:
        scene.proxy.add(type_, stream, **attributes)
    scene.grow_to_the_end()
    scene.forwarder.once()
    # Of those that are cut, every few requests one is another connection.
    assert (scene.proxy.connections > 2) == (toxics[0][0] == "limit_data")
    scene.verify()


@pytest.mark.parametrize("how", ["hang-up", "reset"])
def test_a_reply_that_is_cut(scene: Scene, how: str) -> None:
    """The server has the documents, and we do not know: they are sent again, and there once."""
    if how == "reset":
        # It does nothing to any connection, but has them all end with a reset, however they end.
        scene.proxy.add("reset_peer", "downstream", toxicity=0, timeout=0)
    scene.start()
    scene.proxy.add("limit_data", "downstream", bytes=100)
    scene.grow(3)
    scene.wait_for("Connection reset by peer" if how == "reset" else "hung up")
    assert scene.arrived > scene.delivered
    scene.proxy.repair()
    scene.grow_to_the_end()
    scene.catch_up()
    scene.verify()


def test_a_reset_instead_of_a_reply(scene: Scene) -> None:
    """The same as with half a reply."""
    reset = scene.proxy.add("reset_peer", "downstream", toxicity=0, timeout=0)
    scene.start()
    scene.proxy.spread(reset)
    scene.grow(3)
    scene.wait_for("Connection reset by peer")
    assert scene.arrived > scene.delivered
    scene.proxy.repair()
    scene.grow_to_the_end()
    scene.catch_up()
    scene.verify()


def test_a_request_that_is_cut(scene: Scene) -> None:
    """Half a request is none: nothing of it is in Elasticsearch, until it is sent again."""
    scene.start()
    scene.proxy.add("limit_data", "upstream", bytes=1500)
    scene.grow(3)
    scene.wait_for("hung up before its answer")
    assert scene.arrived == scene.delivered
    scene.proxy.repair()
    scene.grow_to_the_end()
    scene.catch_up()
    scene.verify()


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_a_connection_that_goes_silent(scene: Scene, stream: Stream) -> None:
    """It is given up when the time is over, whether the request or the reply is stuck."""
    # Long enough for a server that is busy, which is no silence.
    scene.start(timeout="10s", connect_timeout="10s")
    scene.proxy.add("timeout", stream, timeout=0)
    scene.grow(3)
    scene.wait_for("does not answer in time")
    if stream == "downstream":
        wait_until(lambda: scene.arrived > scene.delivered)
    else:
        assert scene.arrived == scene.delivered
    scene.proxy.repair()
    scene.grow_to_the_end()
    scene.catch_up()
    scene.verify()


def test_a_server_that_is_down_for_a_while(scene: Scene) -> None:
    """Logs grow, documents wait, and all of them are there soon after it is back."""
    scene.start()
    scene.proxy.go_down()
    for _ in range(_DOWN_SECONDS):
        scene.grow(2 * _DOWN_SECONDS)
        time.sleep(1)  # a condition cannot be waited for: it is the time itself
    scene.wait_for("Connection refused")
    assert scene.output["failing_since"] is not None
    assert scene.output["waiting"] > 0
    scene.proxy.come_back()
    scene.catch_up()
    scene.grow_to_the_end()
    scene.catch_up()
    scene.verify()
