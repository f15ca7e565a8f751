"""The bench of the rate into Elasticsearch measures what it says it measures."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench.corpora import Corpora, Log
from tests.bench.elasticsearch import __main__ as command
from tests.bench.elasticsearch import target
from tests.bench.elasticsearch.counting import counted
from tests.bench.elasticsearch.loading import Way
from tests.bench.elasticsearch.rows import Bench, Round, rates
from tests.bench.elasticsearch.storm import Storm
from tests.bench.measuring import BenchError
from tests.servers.building import NotToBeHad
from tests.servers.elasticsearch.running import Node

pytestmark = pytest.mark.xdist_group("elasticsearch")


@pytest.fixture
def storm(tmp_path: Path) -> Storm:
    """Make a small one."""
    return Storm(Corpora(tmp_path / "logs").make("storm", 0.2), tmp_path / "storm", 100)


@pytest.fixture
def bench(elasticsearch_8: Node, storm: Storm, tmp_path: Path) -> Iterator[Bench]:
    """Use the server of other tests, and leave nothing of ours there."""
    found = target.Target(elasticsearch_8)
    found.install()
    yield Bench(found, storm, tmp_path)
    found.clear()
    elasticsearch_8.admin.indices.delete_index_template(name="logs-cisco_esa")
    elasticsearch_8.admin.cluster.delete_component_template(name="logs-cisco_esa@mappings")


def test_each_way_brings_all_documents(bench: Bench, storm: Storm) -> None:
    """They are counted in the index."""
    assert storm.count > 300
    for way in Way:
        taken = bench.bring(way)
        assert taken.seconds > 0
        assert taken.client_seconds > 0
    assert bench.once() > 0


def test_bytes_are_counted(bench: Bench) -> None:
    """Ready-made bodies are compressed, what a helper sends is not."""
    assert 0 < 5 * bench.bytes_on_the_wire(Way.BODIES) < bench.bytes_on_the_wire(Way.STREAMING)
    assert 0 < bench.bytes_in_the_index(mappings=True) < bench.bytes_in_the_index(mappings=False)


def test_a_relay_passes_on_and_counts() -> None:
    """Both directions."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        with counted(server.getsockname()[1]) as relay:
            client = socket.create_connection(("127.0.0.1", relay.port))
            other, _ = server.accept()
            client.sendall(b"question")
            assert other.recv(99) == b"question"
            other.sendall(b"yes")
            assert client.recv(99) == b"yes"
            other.close()
            assert client.recv(99) == b""
            client.close()
        assert relay.count == 11


def test_a_missing_document_is_no_figure(tmp_path: Path) -> None:
    """However fast it was."""
    log = Corpora(tmp_path).make("storm", 0.1)
    lost = Log(log.path, log.logins + 1, log.sessions, log.size)
    with pytest.raises(BenchError, match="which are not all"):
        Storm(lost, tmp_path / "storm", 100)


def test_limits_are_of_all_rounds() -> None:
    """Of the loader's rate, and of the faster helper's: all documents by all seconds."""
    taken = {
        Way.BODIES: [Round(x, 0.1, 1) for x in (0.5, 1, 1.5)],
        Way.FORWARDER: [Round(x, 0.2, 1) for x in (0.75, 1.25, 1.75)],
        Way.STREAMING: [Round(3, 0.1, 1)] * 3,
        Way.PARALLEL: [Round(1, 0.1, 1)] * 3,
    }
    found = {x.name: x for x in rates(taken, 100)}
    assert found["esa-forwarder: documents a second"].figure == "80"
    to_bodies = found["esa-forwarder relative to ready-made bodies"]
    assert (to_bodies.figure, to_bodies.limit, to_bodies.kept) == ("0.80", "0.9", False)
    to_helper = found["esa-forwarder relative to the faster helper"]
    assert (to_helper.figure, to_helper.limit, to_helper.kept) == ("0.80", "1", False)


def test_where_the_server_cannot_be_had_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sentence, and ends with 1."""

    def build(_: str) -> object:
        raise NotToBeHad("there is no mvn (Debian: apt-get install maven)")

    monkeypatch.setattr(target, "build", build)
    assert command.main([]) == 1
    assert "cannot be had here: there is no mvn" in capsys.readouterr().err
