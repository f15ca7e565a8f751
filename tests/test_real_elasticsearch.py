"""The output against a real Elasticsearch: what a cluster of today does, not what we think it does.

All tests of a version share one node, and each has data streams of its own.
"""

import random
import secrets
import signal
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import ApiError, Elasticsearch
from forwarder_bulk.output import BulkOutput
from forwarder_bulk.settings import ElasticSettings
from forwarder_elasticsearch.check import check
from forwarder_elasticsearch.output import ElasticsearchOutput

from forwarder.events import Document
from forwarder.output import Expected, Finding, Unavailable
from forwarder.testing import wait_until
from tests.bulk_outputs import placed
from tests.corpus.traffic import storm
from tests.servers.elasticsearch.running import Node
from tests.servers.forwarding import SAMPLES, Forwarder, lean, parse

pytestmark = pytest.mark.xdist_group("elasticsearch")

PATTERN = "logs-cisco_esa.auth-*"


@pytest.fixture(params=["elasticsearch_8", "elasticsearch_9"], ids=["8", "9"])
def node(request: pytest.FixtureRequest) -> Node:
    """Give each version in turn, with a template for the data streams.

    For what a version may do in its own way; the rest is of the output, and is tested with one.
    """
    found: Node = request.getfixturevalue(request.param)
    found.put_template(PATTERN)
    return found


@pytest.fixture
def node_8(elasticsearch_8: Node) -> Node:
    """Give the version that most have."""
    elasticsearch_8.put_template(PATTERN)
    return elasticsearch_8


@pytest.fixture
def namespace() -> str:
    """Give a name that no other test has."""
    return secrets.token_hex(6)


@contextmanager
def opened(settings: dict[str, object]) -> Iterator[BulkOutput]:
    """Open an output."""
    output = ElasticsearchOutput(ElasticSettings.model_validate(settings))
    try:
        output.open()
        yield output
    finally:
        output.close()


def make(count: int, namespace: str, first: int = 0) -> list[Document]:
    """Make documents for a data stream."""
    return [placed(x, namespace) for x in range(first, first + count)]


def stream(namespace: str) -> str:
    """Name a data stream."""
    return f"logs-cisco_esa.auth-{namespace}"


def test_the_logs_are_in_a_data_stream_and_once(node: Node, tmp_path: Path) -> None:
    """By run --once with a key that may only ship; a second run of the same logs adds nothing."""
    node.admin.options(ignore_status=404).indices.delete_data_stream(name=stream("default"))
    _, key = node.make_key(PATTERN)
    output = {"type": "elasticsearch", **node.settings(api_key=key)}
    truth = parse(str(SAMPLES))
    Forwarder(tmp_path / "first", output).once()
    first = node.documents(stream("default"))
    Forwarder(tmp_path / "second", output).once()
    found = node.documents(stream("default"))
    assert {id_: len(x) for id_, x in found.items()} == dict.fromkeys(truth, 1)
    assert found == first
    for id_, whole in truth.items():
        document = lean(whole)
        document.pop("log")
        (shipped,) = found[id_]
        shipped.pop("log")
        assert shipped == document
    streams = node.admin.indices.get_data_stream(name="*")["data_streams"]
    assert stream("default") in {x["name"] for x in streams}, "it is a plain index"


def test_a_key_that_may_only_ship(node_8: Node, namespace: str) -> None:
    """It may not even ask what the server is; where it may not write, it is waited for."""
    _, key = node_8.make_key(f"{stream(namespace)}*")
    own, other = make(5, namespace), make(5, "not_ours", first=5)
    encoded = b64encode(key.encode()).decode()
    client = Elasticsearch(node_8.url, api_key=encoded, ca_certs=str(node_8.authority.path))
    with client, pytest.raises(ApiError, match="403"):
        client.info()
    with opened(node_8.settings(api_key=key)) as output:
        failures = output.write([*own, *other])
    assert [x.document.id for x in failures] == [x.id for x in other]
    assert {(x.status, x.retryable) for x in failures} == {(403, True)}
    assert "is unauthorized for API key" in failures[0].reason
    assert "create_doc" in failures[0].reason
    assert set(node_8.documents(stream(namespace))) == {x.id for x in own}


def test_a_document_that_does_not_fit_the_mapping(node: Node, namespace: str) -> None:
    """It is refused, with the server's own words; the others are there."""
    documents = make(5, namespace)
    body = documents[2].body.replace(b'"host"', b'"source":{"ip":"unknown"},"host"')
    documents[2] = Document(documents[2].id, body)
    with opened(node.settings(username="admin", password="change me")) as output:
        (failure,) = output.write(documents)
    assert (failure.document, failure.retryable, failure.status) == (documents[2], False, 400)
    assert "document_parsing_exception" in failure.reason
    assert "source.ip" in failure.reason
    assert "'unknown' is not an IP string literal" in failure.reason
    assert len(node.documents(stream(namespace))) == 4


def test_without_a_template_nothing_is_made(node_8: Node, namespace: str) -> None:
    """An index of that name would be in the way of the data stream for ever."""
    (document,) = make(1, namespace)
    elsewhere = Document(document.id, document.body.replace(b"cisco_esa.auth", b"other"))
    with opened(node_8.settings(username="admin", password="change me")) as output:
        (failure,) = output.write([elsewhere])
    assert (failure.retryable, failure.status) == (True, 404)
    assert "esa-forwarder setup" in failure.reason
    assert not node_8.admin.indices.exists(index=f"logs-other-{namespace}")


def test_an_index_that_is_blocked(node: Node, namespace: str) -> None:
    """It is no matter of rights. A rollover helps, but not where the settings are blocked too."""
    first, second = make(2, namespace)
    put = node.admin.indices.put_settings
    with opened(node.settings(username="admin", password="change me")) as output:
        assert list(output.write([first])) == []
        for block in ("read_only", "write"):
            put(index=stream(namespace), settings={f"index.blocks.{block}": True})
            (failure,) = output.write([second])
            assert (failure.retryable, failure.status) == (True, 403)
            assert "(api)]; remove the block from the index" in failure.reason
            assert ("roll the data stream over" in failure.reason) == (block == "write")
            assert "privilege" not in failure.reason
            if block == "read_only":
                put(index=stream(namespace), settings={f"index.blocks.{block}": None})
        node.admin.indices.rollover(alias=stream(namespace))
        assert list(output.write([second])) == []


def test_a_cluster_that_is_blocked(node_8: Node, namespace: str) -> None:
    """As by an operator who moves it."""
    (document,) = make(1, namespace)
    block = "cluster.blocks.read_only"
    with opened(node_8.settings(username="admin", password="change me")) as output:
        node_8.admin.cluster.put_settings(persistent={block: True})
        try:
            with pytest.raises(Unavailable, match="remove the block from the cluster") as raised:
                output.write([document])
        finally:
            node_8.admin.cluster.put_settings(persistent={block: None})
        assert "privilege" not in str(raised.value)
        assert list(output.write([document])) == []


def test_an_index_with_the_name_of_the_data_stream(node: Node, namespace: str) -> None:
    """It was made before there was a template, and is in the way."""
    (document,) = make(1, namespace)
    elsewhere = Document(document.id, document.body.replace(b"cisco_esa.auth", b"other"))
    node.admin.indices.create(index=f"logs-other-{namespace}")
    with opened(node.settings(username="admin", password="change me")) as output:
        (failure,) = output.write([elsewhere])
        assert (failure.retryable, failure.status) == (True, 404)
        assert "an index or alias has the name of the data stream" in failure.reason


def test_http_where_tls_is_spoken(node_8: Node, namespace: str) -> None:
    """Elasticsearch hangs up without a word."""
    url = node_8.url.replace("https:", "http:")
    with (
        opened({"hosts": [url]}) as output,
        pytest.raises(Unavailable, match="may speak TLS: try https://"),
    ):
        output.write(make(1, namespace))
    (finding,) = check(ElasticSettings.model_validate({"hosts": [url]}), Expected())
    assert "try https://" in finding.advice


def test_an_index_recognises_a_document_for_ever(node_8: Node, namespace: str) -> None:
    """It goes by the time of the event, so a document always meets itself."""
    settings = node_8.settings(
        username="admin", password="change me", index=f"esa-{namespace}-%Y.%m", workers=4
    )
    documents = make(1000, namespace)
    with opened(settings) as output:
        for _ in range(2):
            assert list(output.write(documents)) == []
    found = node_8.documents(f"esa-{namespace}-2026.03")
    assert {id_: len(x) for id_, x in found.items()} == {x.id: 1 for x in documents}


def test_a_pipeline_that_is_not_there_is_waited_for(node_8: Node, namespace: str) -> None:
    """An operator can make it; the documents are not to blame."""
    settings = node_8.settings(username="admin", password="change me", pipeline="missing")
    with opened(settings) as output:
        failures = output.write(make(3, namespace))
    assert [x.retryable for x in failures] == [True] * 3
    assert "[missing]" in failures[0].reason
    assert "create the pipeline" in failures[0].reason


def test_a_key_that_is_revoked_is_waited_for(node_8: Node, tmp_path: Path) -> None:
    """The service goes on with the new key; nothing is lost."""
    truth = parse(str(SAMPLES))
    id_, key = node_8.make_key(PATTERN)
    node_8.revoke(id_)
    path = tmp_path / "key"
    path.write_text(key)
    settings = node_8.settings(api_key=f"${{file:{path}}}", namespace_by_appliance=True)
    forwarder = Forwarder(tmp_path, {"type": "elasticsearch", **settings})
    streams = [stream(x) for x in ("esa1.example.com", "esa2.example.com")]
    node_8.admin.options(ignore_status=404).indices.delete_data_stream(name=streams)
    forwarder.start()
    try:
        forwarder.wait_for("answers 401")
        _, renewed = node_8.make_key(PATTERN)
        path.write_text(renewed)
        forwarder.signal(signal.SIGHUP)
        wait_until(lambda: forwarder.status()["outputs"]["siem"]["delivered"] == len(truth))
    finally:
        forwarder.stop()
    found = {x: y for name in streams for x, y in node_8.documents(name).items()}
    assert {x: len(y) for x, y in found.items()} == dict.fromkeys(truth, 1)


def test_the_check(node: Node, namespace: str) -> None:
    """A key that may only ship is good; who may see more is told more; a wrong one is named."""
    with opened(node.settings(api_key=node.make_key(PATTERN)[1])) as output:
        output.write(make(1, namespace))
    shipping = look(node, api_key=node.make_key(PATTERN)[1])
    assert [x for x in shipping if not x.good] == []
    assert "certificate is valid until" in shipping[0].text
    assert "accepts the credentials of key" in shipping[1].text
    assert shipping[2].text == f"documents may be shipped to {stream('default')}"
    assert "the version (monitor), index template logs-cisco_esa (man" in shipping[3].text
    seeing = [x.text for x in look(node, username="admin", password="change me")]
    assert "user 'admin'" in seeing[1]
    assert seeing[2] == f"it is Elasticsearch {node.version}"
    wrong = look(node, api_key=node.make_key("others-*")[1])
    (finding,) = [x for x in wrong if not x.good]
    assert f"auto_configure and create_doc on {stream('default')} is missing" in finding.text
    (_, refused) = look(node, username="admin", password="wrong")
    assert "(401: unable to authenticate user [admin]" in refused.text


def test_the_check_asks_for_the_namespace_of_the_configuration(
    node_8: Node, tmp_path: Path
) -> None:
    """A key for one namespace is good for it, and for no other."""
    settings = node_8.settings(api_key=node_8.make_key(stream("prod"))[1])
    output = {"type": "elasticsearch", **settings}
    code, said = Forwarder(tmp_path, output, documents={"namespace": "prod"}).check()
    assert f"documents may be shipped to {stream('prod')}" in said
    assert code == 0, said
    code, said = Forwarder(tmp_path, output, documents={"namespace": "other"}).check()
    assert f"the right to auto_configure and create_doc on {stream('other')} is missing" in said
    assert code == 1


def test_the_check_asks_for_the_namespaces_of_the_appliances(node_8: Node, tmp_path: Path) -> None:
    """Of those whose logs are there; each that lacks something is named."""
    first, second = stream("esa1.example.com"), stream("esa2.example.com")
    for names in ((first, second), (first,)):
        key = node_8.make_key(*names)[1]
        settings = node_8.settings(api_key=key, namespace_by_appliance=True)
        code, said = Forwarder(tmp_path, {"type": "elasticsearch", **settings}).check()
        assert f"documents may be shipped to {', '.join(names)}" in said
        missing = f"the right to auto_configure and create_doc on {second} is missing"
        assert (code, missing in said) == ((0, False) if len(names) == 2 else (1, True)), said


def look(node: Node, **settings: object) -> list[Finding]:
    """Check an output."""
    return list(check(ElasticSettings.model_validate(node.settings(**settings)), Expected()))


class TestTls:
    """Whom we trust, and what is said when we do not."""

    @pytest.fixture(autouse=True)
    def _key(self, node_8: Node, namespace: str) -> None:
        self.node = node_8
        self.documents = make(2, namespace)
        self.key = node_8.make_key(PATTERN)[1]

    def ship(self, **settings: object) -> None:
        """Ship, with settings for TLS."""
        hosts = settings.pop("hosts", [self.node.url])
        with opened({"hosts": hosts, "api_key": self.key, **settings}) as output:
            assert list(output.write(self.documents)) == []

    @property
    def authority(self) -> str:
        """Give the file with the certificate of the authority."""
        return str(self.node.authority.path)

    @property
    def other_name(self) -> list[str]:
        """Give a name that is not in the certificate."""
        return [self.node.url.replace("127.0.0.1", "localhost")]

    def test_a_private_authority(self) -> None:
        """By its certificate."""
        self.ship(ca_certs=self.authority)

    def test_an_authority_that_is_not_known(self) -> None:
        """Nothing is sent."""
        with pytest.raises(Unavailable, match="authority that is not trusted"):
            self.ship()

    def test_a_wrong_name(self) -> None:
        """Unless the name does not matter."""
        with pytest.raises(Unavailable, match=r"for another name, it holds '127\.0\.0\.1'; use"):
            self.ship(hosts=self.other_name, ca_certs=self.authority)
        self.ship(hosts=self.other_name, ca_certs=self.authority, verify="certificate")

    def test_the_name_does_not_matter_but_the_authority_does(self) -> None:
        """With verify: certificate."""
        with pytest.raises(Unavailable, match="authority that is not trusted"):
            self.ship(verify="certificate")

    def test_nothing_is_verified(self, caplog: pytest.LogCaptureFixture) -> None:
        """With a warning."""
        self.ship(hosts=self.other_name, verify="none")
        assert "verify: none" in caplog.text

    def test_a_certificate_that_has_expired(self) -> None:
        """It is said; with a new one it goes on."""
        node = self.node
        try:
            node.authority.issue(node.certificate, node.key, lasts=timedelta(days=-1))
            said: list[str] = []

            def has_expired() -> bool:
                try:
                    self.ship(ca_certs=self.authority)
                except Unavailable as error:
                    said.append(str(error))
                return bool(said)

            wait_until(has_expired)
            assert "has expired" in said[0]
        finally:
            node.authority.issue(node.certificate, node.key)

        def is_good() -> bool:
            try:
                self.ship(ca_certs=self.authority)
            except Unavailable:
                return False
            return True

        wait_until(is_good)


def test_kills_lose_nothing_and_double_nothing(node_8: Node, tmp_path: Path) -> None:
    """Of the service and of Elasticsearch, while logs grow."""
    dice = random.Random(7)
    log = tmp_path / "logs" / "esa9.example.com" / "mail.current"
    log.parent.mkdir(parents=True)
    log.touch()
    key = node_8.make_key(PATTERN)[1]
    settings = node_8.settings(api_key=key, namespace_by_appliance=True)
    batch = {"max_documents": 300, "max_age": "50ms"}
    forwarder = Forwarder(
        tmp_path,
        {"type": "elasticsearch", **settings, "batch": batch},
        [str(log.parents[1] / "{appliance}" / "mail*")],
    )
    name = stream("esa9.example.com")
    node_8.admin.options(ignore_status=404).indices.delete_data_stream(name=name)
    kills = ["forwarder"] * 3 + ["server"]
    dice.shuffle(kills)
    forwarder.start()
    with log.open("ab", buffering=0) as file:
        for block in storm(7, 2_000_000):
            file.write(block)
            if not kills:
                continue
            time.sleep(dice.uniform(0, 0.5))  # what a kill meets is left to chance
            if kills.pop() == "server":
                node_8.kill()
                node_8.start()
            else:
                forwarder.kill()
                forwarder.start()
    assert not kills, "there was not enough to write"
    forwarder.stop()
    forwarder.once()
    truth = parse(f"{log.parent}")
    found: dict[str, list[Any]] = dict(node_8.documents(name))
    assert set(truth) - set(found) == set(), "documents are missing"
    assert {x: len(y) for x, y in found.items()} == dict.fromkeys(truth, 1)
