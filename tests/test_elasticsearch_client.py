"""How the output reaches a cluster: settings, credentials, certificates, proxies."""

import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import trustme
from forwarder_bulk.settings import ElasticSettings
from forwarder_bulk.transport import HttpPool
from forwarder_elasticsearch.output import ElasticsearchOutput
from pydantic import ValidationError

from forwarder.output import Unavailable
from forwarder.testing import make_documents
from tests.bulk_server import BulkServer
from tests.servers.certificates import ADDRESS, Authority

CLOUD_ID = "prod:" + b64encode(b"eu.aws.example.com$abc123$def456").decode()
HOST = {"hosts": ["https://es1:9200"]}


@pytest.fixture
def server() -> Iterator[BulkServer]:
    """Return a cluster."""
    server = BulkServer(product="Elasticsearch")
    yield server
    server.stop()


def ship(**settings: object) -> None:
    """Ship a document."""
    output = ElasticsearchOutput(ElasticSettings.model_validate(settings))
    try:
        output.open()
        assert list(output.write(make_documents(1))) == []
    finally:
        output.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "either hosts or cloud_id"),
        ({**HOST, "cloud_id": CLOUD_ID}, "either hosts or cloud_id"),
        ({"cloud_id": "nonsense"}, "not a cloud ID"),
        ({"hosts": []}, "at least 1 item"),
        ({"hosts": ["es1:9200"]}, "not a URL"),
        ({"hosts": ["https://es1:port"]}, "not a URL"),
        ({"hosts": ["https://es1"]}, "has no port"),
        ({"hosts": ["https://me:secret@es1:9200"]}, "contains credentials"),
        ({"hosts": ["https://es1:9200/?a=b"]}, "has a query or fragment"),
        ({**HOST, "api_key": "nonsense"}, "not an API key"),
        ({**HOST, "api_key": b64encode(b"nonsense").decode()}, "not an API key"),
        ({**HOST, "api_key": "a:b", "username": "u", "password": "p"}, "either api_key"),
        ({**HOST, "username": "u"}, "belong together"),
        ({**HOST, "client_key": "k.pem"}, "needs a client_certificate"),
        ({"username": "u", "client_key": "k"}, "together; client_key .*; set either hosts"),
        ({**HOST, "ca_certs": "ca.pem", "verify": "none"}, "remove one of them"),
        ({"hosts": ["http://es1:9200"], "ca_certs": "ca.pem"}, "but ca_certs is set"),
        ({"hosts": ["http://es1:9200"], "verify": "none"}, "but verify is set"),
        ({**HOST, "proxy": "proxy:3128"}, "not a URL"),
        ({**HOST, "proxy": "http://proxy:x"}, "not a URL"),
        ({**HOST, "proxy": "http://proxy"}, "not a URL with a port"),
        ({**HOST, "timeout": "0s"}, "longer than 0"),
        ({**HOST, "timeout": "soon"}, "not a valid duration"),
        ({**HOST, "workers": 0}, "greater than or equal to 1"),
        ({**HOST, "index": "Capital"}, "not an index name"),
        ({**HOST, "index": "_hidden"}, "not an index name"),
        ({**HOST, "index": "esa-%H"}, "not an index name"),
        ({**HOST, "index": ".."}, "not an index name"),
        ({**HOST, "index": "esa", "namespace_by_appliance": True}, "has no namespace"),
    ],
    ids=str,
)
def test_a_mistake_is_named(settings: dict[str, object], said: str) -> None:
    """With what is allowed."""
    with pytest.raises(ValidationError, match=said):
        ElasticSettings.model_validate(settings)


def test_the_pair_of_a_key_becomes_its_encoded_form(server: BulkServer) -> None:
    """Both forms are the same on the wire."""
    encoded = b64encode(b"id:key").decode()
    for form in ("id:key", encoded):
        ship(hosts=[server.url], api_key=form)
    assert [x.headers["authorization"] for x in server.asked] == [f"ApiKey {encoded}"] * 2


def test_a_user_logs_in(server: BulkServer) -> None:
    """With name and password."""
    ship(hosts=[server.url], username="me", password="s3cret")
    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Basic {b64encode(b'me:s3cret').decode()}"


def test_a_path_before_that_of_the_request(server: BulkServer) -> None:
    """As a proxy before several clusters has it."""
    ship(hosts=[f"{server.url}/es/"])
    assert server.asked[0].path == "/es/logs-cisco_esa.auth-default/_bulk"


def test_a_cloud_id_is_a_url() -> None:
    """With or without a port."""
    assert ElasticSettings(cloud_id=CLOUD_ID).urls() == ("https://abc123.eu.aws.example.com:443",)
    text = "x:" + b64encode(b"host:9243$abc$").decode()
    assert ElasticSettings(cloud_id=text).urls() == ("https://abc.host:9243",)


def test_a_client_shows_its_certificate(tmp_path: Path) -> None:
    """Without it, the server hangs up; with a wrong file, it is named."""
    authority, clients = Authority(tmp_path), trustme.CA()
    context = authority.context(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    clients.configure_trust(context)
    mine = clients.issue_cert("forwarder.example.com")
    both, key = tmp_path / "both.pem", tmp_path / "key.pem"
    both.write_bytes(mine.private_key_and_cert_chain_pem.bytes())
    mine.private_key_pem.write_to_path(key)
    server = BulkServer(context, product="Elasticsearch")
    known = {"hosts": [server.url], "ca_certs": authority.path}
    try:
        ship(**known, client_certificate=both)
        ship(**known, client_certificate=both, client_key=key)
        with pytest.raises(Unavailable, match=server.url):
            ship(**known)
        with pytest.raises(Unavailable, match=r"missing\.pem"):
            ship(**known, client_certificate=tmp_path / "missing.pem")
        with pytest.raises(Unavailable, match=r"ca\.pem.* belong together"):
            ship(**known, client_certificate=both, client_key=authority.path)
    finally:
        server.stop()


def test_a_certificate_that_is_not_valid_yet_is_explained() -> None:
    """A clock may be wrong."""
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = 9, "not yet"
    pool = HttpPool("https://es1:9200", ElasticSettings.model_validate(HOST))
    assert "clocks" in pool.explain(error)
    error.verify_code = 23
    assert "not valid: not yet" in pool.explain(error)


def test_nothing_is_verified(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning at each start, but not at each attempt to reach it."""
    server = BulkServer(Authority(tmp_path).context(tmp_path), product="Elasticsearch")
    output = ElasticsearchOutput(
        ElasticSettings.model_validate({"hosts": [server.url], "verify": "none"})
    )
    try:
        for _ in range(2):
            output.open()
            assert list(output.write(make_documents(1))) == []
            output.close()
    finally:
        server.stop()
    assert caplog.text.count("verify: none") == 1


def test_write_needs_open() -> None:
    """A missing one is named."""
    output = ElasticsearchOutput(ElasticSettings.model_validate(HOST))
    with pytest.raises(RuntimeError, match="before open"):
        output.write(make_documents(1))


def test_a_bug_in_a_part_is_not_swallowed(server: BulkServer) -> None:
    """It is raised where the batch came from, whichever thread has met it."""
    output = ElasticsearchOutput(ElasticSettings.model_validate({"hosts": [server.url]}))
    output.open()
    try:
        documents = [x._replace(body=None) for x in make_documents(1000)]  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            output.write(documents)
    finally:
        output.close()


def test_a_proxy_is_asked(server: BulkServer) -> None:
    """With its own credentials; it gets the whole URL."""
    proxy = server.url.replace("//", "//me:pass@")
    ship(hosts=["http://es.invalid:9200"], proxy=proxy)
    (asked,) = server.asked
    assert asked.path == "/logs-cisco_esa.auth-default/_bulk"
    assert asked.headers["host"] == "es.invalid:9200"
    expected = f"Basic {b64encode(b'me:pass').decode()}"
    assert asked.headers["proxy-authorization"] == expected


def test_tls_goes_through_a_proxy(tmp_path: Path) -> None:
    """From end to end; the proxy sees nothing."""
    authority = Authority(tmp_path)
    server = BulkServer(authority.context(tmp_path), product="Elasticsearch")
    try:
        with tunnel() as (proxy, asked):
            ship(hosts=[server.url], ca_certs=authority.path, proxy=proxy)
        assert len(server.documents) == 1
        assert asked == [f"{ADDRESS}:{server.port}"]
    finally:
        server.stop()


@contextmanager
def tunnel() -> Iterator[tuple[str, list[str]]]:
    """Run a proxy that connects every client; give its URL, and what it was asked for."""
    asked: list[str] = []
    listener = socket.create_server((ADDRESS, 0))
    open_ones: list[socket.socket] = [listener]

    def relay(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                head = client.recv(65_536).decode()
                asked.append(head.split()[1])
                host, _, port = asked[-1].rpartition(":")
                server = socket.create_connection((host, int(port)))
                open_ones.extend((client, server))
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=relay, args=ends, daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://{ADDRESS}:{listener.getsockname()[1]}", asked
    finally:
        for each in open_ones:
            with closing(each), suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        thread.join()
