"""The check of the output: what is found, and what to do about it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from forwarder.output import Expected, Finding
from forwarder.plugins import find_outputs
from tests.bulk_server import Answer, BulkServer, error
from tests.servers.certificates import Authority
from tests.test_elasticsearch_setup_answers import STRANGE

AUTHENTICATE = "GET /_security/_authenticate"
PRIVILEGES = "POST /_security/user/_has_privileges"
TEMPLATE = "GET /_index_template/logs-cisco_esa"
FORBIDDEN = error(403, "security_exception", "action is unauthorized")


def rights(name: str = "logs-cisco_esa.auth-default", **found: bool) -> Answer:
    """Answer which rights a user has."""
    return Answer(200, {"has_all_requested": False, "index": {name: found}})


ALL = rights(auto_configure=True, create_doc=True)


@pytest.fixture
def server() -> Iterator[BulkServer]:
    """Return a cluster whose key may only ship."""
    server = BulkServer(product="Elasticsearch")
    server.others = {
        AUTHENTICATE: Answer(200, {"username": "elastic", "api_key": {"name": "fwd01"}}),
        "GET /": FORBIDDEN,
        PRIVILEGES: ALL,
        TEMPLATE: FORBIDDEN,
    }
    yield server
    server.stop()


def look(server: BulkServer, **settings: object) -> list[Finding]:
    """Check a configuration."""
    base = key_of(server) if "username" not in settings else {"hosts": [server.url]}
    return check({**base, **settings})


def key_of(server: BulkServer) -> dict[str, object]:
    """Configure a server, and a key."""
    return {"hosts": [server.url], "api_key": "id:key"}


def check(settings: dict[str, object], expected: Expected | None = None) -> list[Finding]:
    """Check as the program does."""
    plugin = find_outputs(["elasticsearch"])["elasticsearch"]
    assert plugin.check is not None
    return list(plugin.check(plugin.config.model_validate(settings), expected or Expected()))


def bad(findings: list[Finding]) -> list[str]:
    """Give what is wrong, with what to do."""
    assert all(bool(x.advice) != x.good for x in findings), findings
    return [f"{x.text} | {x.advice}" for x in findings if not x.good]


def test_a_key_that_may_only_ship_is_good(server: BulkServer) -> None:
    """What it may not see is no fault."""
    findings = look(server)
    assert bad(findings) == []
    assert [x.text for x in findings] == [
        f"{server.url} answers, and accepts the credentials of key 'fwd01'",
        "documents may be shipped to logs-cisco_esa.auth-default",
        (
            "not checked, because the credentials lack the privileges: the version (monitor), index"
            " template logs-cisco_esa (manage_index_templates); shipping does not need them"
        ),
    ]


def test_a_key_that_sees_more(server: BulkServer) -> None:
    """It is told the version and the template."""
    template = {"name": "logs-cisco_esa", "index_template": {"version": 1}}
    server.others |= {
        AUTHENTICATE: Answer(200, {"username": "ann"}),
        "GET /": Answer(200, {"version": {"number": "9.5.3"}}),
        TEMPLATE: Answer(200, {"index_templates": [template]}),
    }
    texts = [x.text for x in look(server, username="ann", password="x")]
    assert "user 'ann'" in texts[0]
    assert texts[1] == "it is Elasticsearch 9.5.3"
    assert texts[2] == "index template logs-cisco_esa is there, version 1"
    assert texts[3] == "documents may be shipped to logs-cisco_esa.auth-default"
    assert len(texts) == 4


def test_an_answer_that_trickles(server: BulkServer) -> None:
    """Its end is not waited for longer than an answer."""
    server.trickles = "body"
    (found,) = bad(look(server, timeout="300ms"))
    assert f"{server.url} does not answer in time" in found


def test_nothing_is_there_yet(server: BulkServer) -> None:
    """Which is how it begins."""
    server.others[TEMPLATE] = error(404, "resource_not_found_exception")
    findings = look(server)
    assert bad(findings) == []
    assert "esa-forwarder setup" in findings[1].text


def test_a_version_that_is_too_old(server: BulkServer) -> None:
    """Or too new; nothing is said of what it answers then."""
    server.others[PRIVILEGES] = Answer(200, {})
    for number in ("8.18.9", "7.17.9", "10.0.0"):
        server.others["GET /"] = Answer(200, {"version": {"number": number}})
        findings = look(server)
        assert len(findings) == 2
        (found,) = bad(findings)
        assert f"it is Elasticsearch {number}; supported are 8.19 and 9" in found


def test_a_version_that_is_supported(server: BulkServer) -> None:
    """From the first to the last."""
    for number in ("8.19.0", "8.19.21", "9.0.0", "9.5.3"):
        server.others["GET /"] = Answer(200, {"version": {"number": number}})
        assert look(server)[1].text == f"it is Elasticsearch {number}"


def test_credentials_that_are_not_taken(server: BulkServer) -> None:
    """Nothing else is asked then."""
    server.others[AUTHENTICATE] = error(401, "security_exception", "unable to authenticate")
    (finding,) = look(server)
    assert "rejects the credentials (401: unable to authenticate)" in finding.text
    assert finding.advice.startswith("It may have expired")
    (finding,) = look(server, username="ann", password="x")
    assert finding.advice.startswith("Set username and password to")


def test_a_right_that_is_missing(server: BulkServer) -> None:
    """It is named."""
    server.others[PRIVILEGES] = rights(auto_configure=True, create_doc=False)
    (found,) = bad(look(server))
    assert "the right to create_doc on logs-cisco_esa.auth-default is missing" in found
    assert "auto_configure and create_doc" in found


def test_the_namespace_of_the_configuration(server: BulkServer) -> None:
    """Rights are those on the data stream of the documents, and on no others."""
    name = "logs-cisco_esa.auth-mail"
    server.others[PRIVILEGES] = rights(name, auto_configure=True, create_doc=True)
    findings = check(key_of(server), Expected("mail", ("esa1",)))
    assert findings[1].text == f"documents may be shipped to {name}"


def test_the_namespaces_of_appliances(server: BulkServer) -> None:
    """Many are counted; where none is known, all have to be good, or those that will come."""
    names = [f"logs-cisco_esa.auth-esa{x}" for x in range(10, 30)]
    full = {"auto_configure": True, "create_doc": True}
    less = {**dict.fromkeys(names, full), **dict.fromkeys(names[15:], full | {"create_doc": False})}
    every = "logs-cisco_esa.auth-*"
    server.others[PRIVILEGES] = Answer(200, {"index": {**less, every: less[names[-1]]}})
    expected = Expected("mail", tuple(f"ESA{x}" for x in range(10, 30)))
    settings = {**key_of(server), "namespace_by_appliance": True}
    findings = check(settings, expected)
    assert findings[1].text == f"documents may be shipped to {', '.join(names[:10])} and 5 more"
    (found,) = bad(findings)
    assert f"create_doc on {', '.join(names[15:])} is missing" in found
    (found,) = bad(check(settings, Expected("mail")))
    assert f"create_doc on {every} is missing" in found
    assert "on your own namespaces alone, that is enough" in found


def test_the_rights_on_an_index(server: BulkServer) -> None:
    """By the pattern of its names; the template is that of the index."""
    server.others[PRIVILEGES] = rights("esa-*.*", auto_configure=True, create_doc=True)
    server.others["GET /_index_template/cisco_esa.esa"] = error(404, "resource_not_found_exception")
    _, template, last, _ = look(server, index="esa-%Y.%m")
    assert last.text == "documents may be shipped to esa-*.*"
    assert "there is no index template cisco_esa.esa, so types" in template.text
    assert template.advice == "Run esa-forwarder setup."


def test_a_server_that_is_something_else(server: BulkServer) -> None:
    """It is named what it might be."""
    server.product = None
    (found,) = bad(look(server))
    assert "type: opensearch" in found


@pytest.mark.parametrize("status", [200, 302, 404])
def test_a_server_that_is_kibana(server: BulkServer, status: int) -> None:
    """All its answers have its header."""
    server.others[AUTHENTICATE] = Answer(status, {"statusCode": status}, {"kbn-name": "kibana"})
    (found,) = bad(look(server))
    assert f"{server.url} is Kibana and not Elasticsearch | Set hosts to" in found


@pytest.mark.parametrize("asked", [AUTHENTICATE, "GET /", PRIVILEGES, TEMPLATE])
@pytest.mark.parametrize("body", [*STRANGE[:8], *STRANGE[-2:]], ids=lambda x: repr(x)[:30])
def test_an_answer_of_no_elasticsearch(server: BulkServer, body: bytes, asked: str) -> None:
    """It says that it is one, and is a page of a proxy, or JSON of another shape."""
    product = {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}
    server.others[asked] = Answer(200, body, product)
    (found,) = bad(look(server))
    assert f"{server.url} answers 200 to {asked} with what is not an answer of Elastic" in found
    assert len(found) < 600


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (AUTHENTICATE, {}),
        (AUTHENTICATE, {"username": 7}),
        (AUTHENTICATE, {"api_key": {}}),
        ("GET /", {}),
        ("GET /", {"version": "8.19.0"}),
        ("GET /", {"version": [8, 19]}),
    ],
    ids=str,
)
def test_an_answer_without_what_was_asked_for(
    server: BulkServer, asked: str, answer: dict[str, object]
) -> None:
    """What says nothing of the user, or of the version, is no Elasticsearch."""
    server.others[asked] = Answer(200, answer)
    (found,) = bad(look(server))
    assert "not an answer of Elasticsearch" in found


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (TEMPLATE, {"index_templates": 7}),
        (TEMPLATE, {"index_templates": [7]}),
        (TEMPLATE, {"index_templates": [{"index_template": 7}]}),
        (PRIVILEGES, {"index": 7}),
        ("GET /", {"version": {"number": "8"}}),
    ],
    ids=str,
)
def test_an_answer_of_another_shape(
    server: BulkServer, asked: str, answer: dict[str, object]
) -> None:
    """The check goes on to its end, or says what is wrong."""
    server.others[asked] = Answer(200, answer)
    assert len(look(server)) in {2, 3, 4}


def test_a_page_where_security_would_be_off() -> None:
    """A web server that knows no such path is not taken for a cluster."""
    server = BulkServer()
    page = Answer(404, b"<html>nginx</html>")
    server.others = {AUTHENTICATE: page, "GET /": page}
    try:
        (found,) = bad(check({"hosts": [server.url]}))
    finally:
        server.stop()
    assert "'<html>nginx</html>'" in found


def test_security_that_is_off(server: BulkServer) -> None:
    """It works, and is said."""
    server.others = {"GET /": Answer(200, {"version": {"number": "8.19.21"}})}
    findings = check({"hosts": [server.url]})
    assert "security is off" in findings[0].text
    assert [x.good for x in findings] == [True] * 4


def test_an_unexpected_answer(server: BulkServer) -> None:
    """It is shown."""
    server.others[AUTHENTICATE] = error(503, "cluster_block_exception", "no master")
    (found,) = bad(look(server))
    assert "answers 503: no master" in found
    server.others[AUTHENTICATE] = error(404, "oops")
    assert [x.text for x in look(server)] == [f"{server.url} answers 404: because"]


@pytest.mark.parametrize(
    "answer",
    [
        error(500, "oops"),
        Answer(200, {}),
        Answer(200, {"index": []}),
        rights("logs-cisco_esa.auth-other", auto_configure=True, create_doc=True),
        rights(create_doc=False),
    ],
)
def test_unknown_rights_are_not_missing(server: BulkServer, answer: Answer) -> None:
    """It is said that they are not known."""
    server.others[PRIVILEGES] = answer
    findings = look(server)
    assert bad(findings) == []
    assert findings[1].text == "the rights on logs-cisco_esa.auth-default cannot be asked for"


def test_a_template_of_another_version(server: BulkServer) -> None:
    """It is compared where ours is known."""
    template = {"name": "logs-cisco_esa", "index_template": {"version": 999}}
    server.others[TEMPLATE] = Answer(200, {"index_templates": [template]})
    assert "version 999" in look(server)[-1].text


def test_a_pipeline_of_the_settings(server: BulkServer) -> None:
    """Documents would wait for it for ever."""
    path = "GET /_ingest/pipeline/geo%20ip"
    server.others[path] = Answer(404, {})
    (found,) = bad(look(server, pipeline="geo ip"))
    assert found == "there is no pipeline 'geo ip' | Create it, or take pipeline out."
    server.others[path] = Answer(200, {"geo ip": {}})
    assert "pipeline 'geo ip' is there" in [x.text for x in look(server, pipeline="geo ip")]
    server.others[path] = FORBIDDEN
    assert "pipeline 'geo ip' (read_pipeline)" in look(server, pipeline="geo ip")[-1].text


def test_what_is_wrong_with_all_nodes_is_said_once(server: BulkServer, tmp_path: Path) -> None:
    """With those nodes; a file of the settings is of no node."""
    other = BulkServer(product="Elasticsearch")
    try:
        for each in (server, other):
            each.others[AUTHENTICATE] = error(401, "security_exception", "unable to authenticate")
        (found,) = bad(look(server, hosts=[server.url, other.url]))
        assert found.startswith(f"{server.url} rejects the credentials (401")
        assert f"; the same at {other.url} | " in found
    finally:
        other.stop()
    hosts = ["https://127.0.0.1:9", "https://127.0.0.1:10"]
    (found,) = bad(look(server, hosts=hosts, ca_certs=str(tmp_path / "missing.pem")))
    assert found.startswith(f"ca_certs '{tmp_path}/missing.pem' cannot be used: No such file")
    assert "the same" not in found


def test_a_node_that_is_down(server: BulkServer) -> None:
    """The cluster is looked at by the other one."""
    other = BulkServer(product="Elasticsearch")
    other.stop()
    found = bad(look(server, hosts=[other.url, server.url]))
    assert len(found) == 1
    assert f"{other.url} cannot be reached: Connection refused" in found[0]


class TestTls:
    """What a node shows."""

    @pytest.fixture(autouse=True)
    def _authority(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.authority = Authority(tmp_path)

    def find(self, lasts: timedelta = timedelta(days=90), **settings: object) -> Finding:
        """Look at a server with a certificate of ours; give the first finding."""
        return self.find_all(lasts, **settings)[0]

    def find_all(self, lasts: timedelta = timedelta(days=90), **settings: object) -> list[Finding]:
        """Look at a server with a certificate of ours."""
        context = self.authority.context(self.folder, lasts=lasts)
        server = BulkServer(context, product="Elasticsearch")
        try:
            if settings.pop("by_name", False):
                settings["hosts"] = [server.url.replace("127.0.0.1", "localhost")]
            return look(server, **{"ca_certs": str(self.authority.path), **settings})
        finally:
            server.stop()

    def test_a_good_one(self) -> None:
        """Until when it holds is said."""
        finding = self.find()
        assert finding.good
        assert "its certificate is valid until 20" in finding.text

    def test_one_that_ends_soon(self) -> None:
        """There is time to get a new one."""
        finding = self.find(timedelta(days=3))
        assert not finding.good
        assert "new one" in finding.advice

    def test_one_that_has_expired(self) -> None:
        """What to do is said."""
        finding = self.find(timedelta(hours=-1))
        assert "has expired" in finding.text
        assert "needs a new one" in finding.advice

    def test_one_for_another_name(self) -> None:
        """What to do is said."""
        until, finding = self.find_all(by_name=True)
        assert until.good
        assert "for another name" in finding.text
        assert "verify: certificate" in finding.advice

    def test_one_of_an_unknown_server(self) -> None:
        """What to do is said."""
        finding = self.find(ca_certs=None)
        assert "not trusted" in finding.text
        assert "ca_certs" in finding.advice

    def test_one_that_is_not_looked_at(self) -> None:
        """That is wrong by itself."""
        finding = self.find(ca_certs=None, verify="none")
        assert not finding.good
        assert "verify: none" in finding.text

    def test_a_file_that_is_not_there(self) -> None:
        """It is named."""
        finding = self.find(ca_certs=str(self.folder / "missing.pem"))
        assert "missing.pem" in finding.text
        assert "PEM" in finding.advice

    def test_a_node_that_is_not_there(self) -> None:
        """It is said once."""
        server = BulkServer(self.authority.context(self.folder), product="Elasticsearch")
        server.stop()
        (finding,) = look(server, ca_certs=str(self.authority.path))
        assert "cannot be reached: Connection refused" in finding.text

    def test_a_server_without_tls(self) -> None:
        """It is said that it might have none."""
        server = BulkServer(product="Elasticsearch")
        try:
            url = server.url.replace("http:", "https:")
            (first, *_) = look(server, hosts=[url])
        finally:
            server.stop()
        assert "http://" in first.advice
