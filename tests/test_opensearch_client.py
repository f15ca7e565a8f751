"""How the output ``opensearch`` reaches a cluster, and what its check finds."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from forwarder_bulk.settings import ClusterSettings
from forwarder_opensearch import OpenSearchOutput
from pydantic import ValidationError

from forwarder.output import Expected, Finding, Unavailable
from forwarder.plugins import find_outputs
from forwarder.testing import make_documents
from tests.bulk_server import Answer, BulkServer, error
from tests.servers.certificates import Authority
from tests.test_elasticsearch_setup_answers import STRANGE

INFO = Answer(200, {"version": {"distribution": "opensearch", "number": "2.19.1"}})


@pytest.fixture
def server() -> Iterator[BulkServer]:
    """Return a cluster."""
    server = BulkServer()
    server.others["GET /"] = INFO
    yield server
    server.stop()


def ship(**settings: object) -> None:
    """Ship a document."""
    output = OpenSearchOutput(ClusterSettings.model_validate(settings))
    try:
        output.open()
        assert list(output.write(make_documents(1))) == []
    finally:
        output.close()


def look(**settings: object) -> list[Finding]:
    """Check as the program does."""
    plugin = find_outputs(["opensearch"])["opensearch"]
    assert plugin.check is not None
    return list(plugin.check(plugin.config.model_validate(settings), Expected()))


def test_a_user_logs_in(server: BulkServer) -> None:
    """With name and password."""
    ship(hosts=[server.url], username="me", password="s3cret")
    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Basic {b64encode(b'me:s3cret').decode()}"


def test_a_host_is_needed() -> None:
    """It is the only setting that is."""
    with pytest.raises(ValidationError, match="Field required"):
        ClusterSettings.model_validate({})


def test_a_node_that_is_down_is_not_logged(
    server: BulkServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The program logs changes, and not each request that fails."""
    gone = BulkServer()
    gone.stop()
    for _ in range(2):  # in both orders
        ship(hosts=[gone.url, server.url])
        ship(hosts=[server.url, gone.url])
    assert caplog.records == []


def test_write_needs_open() -> None:
    """A missing one is named."""
    output = OpenSearchOutput(ClusterSettings.model_validate({"hosts": ["http://a:1"]}))
    with pytest.raises(RuntimeError, match="before open"):
        output.write(make_documents(1))


class TestTls:
    """Whom we trust."""

    @pytest.fixture(autouse=True)
    def _server(self, tmp_path: Path) -> Iterator[None]:
        self.authority = Authority(tmp_path)
        self.server = BulkServer(self.authority.context(tmp_path))
        self.server.others["GET /"] = INFO
        yield
        self.server.stop()

    @property
    def other_name(self) -> list[str]:
        """Give a name that is not in the certificate."""
        return [self.server.url.replace("127.0.0.1", "localhost")]

    def test_a_private_authority(self, tmp_path: Path) -> None:
        """By its certificate; a certificate of ours may be shown."""
        mine = trustme.CA().issue_cert("forwarder.example.com")
        both = tmp_path / "both.pem"
        both.write_bytes(mine.private_key_and_cert_chain_pem.bytes())
        ship(hosts=[self.server.url], ca_certs=self.authority.path, client_certificate=both)

    def test_what_is_not_trusted(self) -> None:
        """An authority that is not known, and another name."""
        with pytest.raises(Unavailable, match=r"cannot be trusted: .*ca_certs"):
            ship(hosts=[self.server.url])
        with pytest.raises(Unavailable, match="cannot be trusted"):
            ship(hosts=self.other_name, ca_certs=self.authority.path)
        assert self.server.documents == {}

    def test_the_name_does_not_matter(self) -> None:
        """With verify: certificate; the authority does."""
        ship(hosts=self.other_name, ca_certs=self.authority.path, verify="certificate")
        with pytest.raises(Unavailable, match="cannot be trusted"):
            ship(hosts=self.other_name, verify="certificate")

    def test_nothing_is_verified(self, caplog: pytest.LogCaptureFixture) -> None:
        """With a warning, once."""
        ship(hosts=self.other_name, verify="none")
        assert caplog.text.count("verify: none") == 1

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        """It is named, also by the check."""
        settings = {"hosts": [self.server.url], "ca_certs": tmp_path / "missing.pem"}
        with pytest.raises(Unavailable, match=r"missing\.pem"):
            ship(**settings)
        (finding,) = look(**settings)
        assert "missing.pem" in finding.text
        assert "PEM" in finding.advice

    def test_the_check_says_it(self) -> None:
        """What is wrong, and what to do."""
        (finding,) = look(hosts=[self.server.url])
        assert not finding.good
        assert "cannot be trusted" in finding.text
        assert "ca_certs" in finding.advice


def test_the_check_finds_a_good_one(server: BulkServer) -> None:
    """With its version; what it has for documents comes behind."""
    finding, target = look(hosts=[server.url])
    assert "logs-cisco_esa.auth-" in target.text
    assert finding == Finding(
        good=True, text=f"{server.url} is OpenSearch 2.19.1, and accepts the credentials"
    )


@pytest.mark.parametrize(
    ("answer", "good", "text"),
    [
        (error(401, "security_exception"), False, "rejects the credentials"),
        (error(403, "security_exception"), True, "cannot be seen"),
        (error(503, "cluster_block_exception"), False, "answers"),
        (Answer(200, {"version": {"number": "8.19.21"}}), False, "not OpenSearch"),
        (Answer(200, {}), False, "not OpenSearch"),
    ],
    ids=lambda x: str(x)[:30],
)
def test_what_the_check_finds(server: BulkServer, answer: Answer, *, good: bool, text: str) -> None:
    """By what the server says."""
    server.others["GET /"] = answer
    finding, *others = look(hosts=[server.url])
    assert (finding.good, bool(finding.advice), len(others)) == (good, not good, int(good))
    assert text in finding.text


def test_the_check_of_an_answer_that_trickles(server: BulkServer) -> None:
    """Its end is not waited for longer than an answer."""
    server.trickles = "body"
    (finding,) = look(hosts=[server.url], timeout="300ms")
    assert not finding.good
    assert f"{server.url} does not answer in time" in finding.text


_ENDLESS = b"[" * 900 + b"]" * 900
_DEEP = (
    b'{"version": {"distribution": "opensearch", "number": %b}}' % _ENDLESS,
    b'{"error": {"root_cause": [{"type": %b, "reason": %b}]}}' % (_ENDLESS, _ENDLESS),
)


@pytest.mark.parametrize("kind", ["application/json", "text/html", "no such thing"])
@pytest.mark.parametrize("body", [*STRANGE, b"\xff" * 9, *_DEEP], ids=lambda x: repr(x)[:30])
def test_the_check_of_what_is_no_opensearch(server: BulkServer, body: bytes, kind: str) -> None:
    """A page of a proxy, or JSON of another shape."""
    server.others["GET /"] = Answer(200, body, {"Content-Type": kind})
    (finding,) = look(hosts=[server.url])
    assert not finding.good
    assert finding.text.startswith(f"{server.url} ")
    assert len(finding.text) < 400


@pytest.mark.parametrize("answer", [Answer(200, b"\xff" * 9), Answer(200, b"[" * 10_000)])
def test_a_reply_of_what_is_no_opensearch(server: BulkServer, answer: Answer) -> None:
    """It is tried again."""
    with (
        server.answering(answer),
        pytest.raises(Unavailable, match="with no items to a bulk"),
    ):
        ship(hosts=[server.url])


def test_the_check_of_a_node_that_is_down(server: BulkServer) -> None:
    """The others are looked at, too."""
    gone = BulkServer()
    gone.stop()
    good, _, bad = look(hosts=[gone.url, server.url])
    assert good.good
    assert "cannot be reached: Connection refused" in bad.text
