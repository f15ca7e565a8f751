"""Documents hold what events say, whatever that is, and nothing else."""

import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forwarder import __version__
from forwarder.ecs import encoder as ecs
from forwarder.ecs.encoder import Encoder
from forwarder.ecs.layout import Common
from forwarder.events import Event
from forwarder.mail_logs.framer import Framer
from forwarder.pipeline import LogParser, Settings
from tests.corpus import hostile
from tests.corpus.variants import REVERSE_DNS, USERS
from tests.ecs_fields import violations
from tests.joined import log_of, no_streams
from tests.truth_check import documents_of

Document = dict[str, Any]
STAMP = b"Wed Apr 22 11:44:48 2009 Info: "
LISTENER = b"New SMTP ICID 450 interface %b (10.0.0.1) address %b"


def login(user: bytes = b"ironport", number: int = 450) -> bytes:
    """Return a login line, without its newline."""
    return (
        b"%bSMTP Auth: (ICID %d) succeeded for user: %b using AUTH mechanism: PLAIN"
        b" with profile: IncomingAuthentication" % (STAMP, number, user)
    )


def documents(*lines: bytes, common: Common | None = None, path: str | None = "/a") -> list[bytes]:
    """Return the documents of these lines, as they are written."""
    reading = LogParser(Settings(common=common or Common())).open("esa1", path)
    return [*reading.feed(b"\n".join((*lines, b""))), *reading.finish()]


def read(*lines: bytes, common: Common | None = None, path: str | None = "/a") -> list[Document]:
    """Return the documents of these lines; none may break the table of fields."""
    found = [orjson.loads(x) for x in documents(*lines, common=common, path=path)]
    assert [x for document in found for x in violations(document)] == []
    return found


def events_of(*lines: bytes) -> list[Event]:
    """Return the events of these lines."""
    framer, joiner, log = Framer(), no_streams(), log_of("esa1", "/a")
    blocks = framer.feed(b"\n".join((*lines, b""))) + framer.finish()
    return [event for block in blocks for event in joiner.read(block, log)]


def text_of(raw: bytes) -> str:
    """Return text as documents have it."""
    return raw.decode("utf-8", "replace")


class TestUsers:
    """The user's name is the client's text."""

    def test_a_mail_address_is_an_id_too(self) -> None:
        """Whatever looks for people by their address finds the login."""
        (document,) = read(login(b"u@example.com"))
        name = "u@example.com"
        assert document["user"] == {"name": name, "email": name, "id": name}
        assert document["source"]["user"] == document["client"]["user"] == {"name": name}
        assert document["related"]["user"] == [name, "u"]

    @pytest.mark.parametrize(
        ("user", "expected"),
        [
            (b"ironport", {"name": "ironport"}),
            (b"DOMAIN\\u", {"name": "DOMAIN\\u", "domain": "DOMAIN"}),
            (b"\\u", {"name": "\\u"}),
            (b"D\\", {"name": "D\\", "domain": "D"}),
            (b"A\\B\\u", {"name": "A\\B\\u", "domain": "A"}),
            (b"D\\u@x", {"name": "D\\u@x", "email": "D\\u@x", "id": "D\\u@x", "domain": "D"}),
            (b"caf\xe9", {"name": "caf\ufffd"}),
            (b"nul\x00byte", {"name": "nul\x00byte"}),
            (b'"quoted" \\ / \x1b[31m', {"name": '"quoted" \\ / \x1b[31m', "domain": '"quoted" '}),
            ("admin\u202egpj.exe".encode(), {"name": "admin\u202egpj.exe"}),
            # A surrogate is no UTF-8, and must not become one in a document.
            (b"\xed\xa0\x80", {"name": "\ufffd\ufffd\ufffd"}),
            (b"  two  ", {"name": "  two  "}),
        ],
    )
    def test_a_name_is_taken_as_it_is(self, user: bytes, expected: dict[str, str]) -> None:
        """With its blanks, its controls and its quotes; only what is no UTF-8 is replaced."""
        (document,) = read(login(user))
        assert document["user"] == expected

    @pytest.mark.parametrize(
        ("user", "account"),
        [
            ("ironport", "ironport"),
            ("M.Rossi@Example.com", "m.rossi"),
            ("EXAMPLE\\M.Rossi", "m.rossi"),
            ("EXAMPLE\\m.rossi@example.com", "m.rossi"),
            ("A\\B\\u", "u"),
            ("u@x\\y", "y"),
            ("a@b@c", "a"),
            ('"a b"@x', '"a b"'),
            ("  Two Words \t", "two words"),
            ("u @x", "u"),
            ("m.rossi+list%x@example.com", "m.rossi+list%x"),
            ("ÅSA.Öberg", "åsa.öberg"),
            ("İ", "i\u0307"),
        ],
    )
    def test_a_user_has_one_account_however_it_is_written(self, user: str, account: str) -> None:
        """Without domains, case and blanks; nothing else of it is judged."""
        (document,) = read(login(user.encode()))
        assert document["cisco_esa"]["auth"]["account"] == account
        assert document["related"]["user"] == [*dict.fromkeys((document["user"]["name"], account))]

    @pytest.mark.parametrize("user", ["@example.com", "EXAMPLE\\", "D\\@x", " ", " \t@x"])
    def test_a_user_of_whom_nothing_remains_has_no_account(self, user: str) -> None:
        """No empty text; the name stays as it was written."""
        (document,) = read(login(user.encode()))
        assert "account" not in document["cisco_esa"]["auth"]
        assert document["related"]["user"] == [document["user"]["name"]]

    def test_no_name_leaves_no_trace(self) -> None:
        """Not an empty string, nor an object without a field."""
        (document,) = read(login(b""))
        assert "user" not in document
        assert "source" not in document
        assert "user" not in document["related"]
        assert document["event"]["outcome"] == "success"

    def test_a_long_name_is_cut_where_it_is_a_keyword_and_whole_elsewhere(self) -> None:
        """Elasticsearch does not find keywords that are longer."""
        name = b"D" * 3000 + b"\\" + b"x" * 7000
        (document,) = read(login(name + b"@example.com"))
        cut = "D" * 1024
        assert document["user"] == {"name": cut, "email": cut, "id": cut, "domain": cut}
        assert document["related"]["user"] == [cut, "x" * 1024]
        assert document["event"]["original"] == login(name + b"@example.com").decode()
        assert document["message"] in document["event"]["original"]
        assert len(document["message"]) > 10_000

    def test_a_name_that_is_cut_is_short_enough_in_every_script(self) -> None:
        """Elasticsearch counts UTF-16 code units: a letter beyond the first plane is two."""
        (document,) = read(login("\U0001f600".encode() * 2000))
        assert len(document["user"]["name"].encode("utf-16-le")) // 2 <= 1024

    def test_a_name_and_an_account_that_are_cut_to_one_text_are_one(self) -> None:
        """A list of users has each once."""
        (document,) = read(login(b"x" * 2000 + b"@example.com"))
        assert document["related"]["user"] == [document["cisco_esa"]["auth"]["account"]]

    @settings(deadline=None)
    @given(st.binary(max_size=300) | st.sampled_from(USERS))
    @example(b'\0000\0","x":"\0012\0')
    @example(b"\xf0\x9f\x98")
    def test_any_bytes_make_a_right_document(self, user: bytes) -> None:
        """The name and the line come out as they went in."""
        name = user.replace(b"\n", b"").rstrip(b"\r")
        (document,) = read(login(name))
        assert document.get("user", {}).get("name", "") == text_of(name)[:1024]
        assert document["event"]["original"] == text_of(login(name))


class TestGaps:
    """Documents are filled into templates; no text can pass for a slot."""

    FORGED = tuple(b"\0%d\0" % i for i in range(20))

    @pytest.mark.parametrize("forged", FORGED)
    def test_a_gap_cannot_be_forged(self, forged: bytes) -> None:
        """Neither the client nor the administrator who names a listener."""
        text = text_of(forged)
        opened = (
            STAMP + LISTENER % (b"a%bb" % forged, b"192.0.2.1") + b" reverse dns host h" + forged
        )
        for _ in range(2):
            (document,) = read(opened, login(forged))
            assert document["user"]["name"] == text
            assert document["observer"]["ingress"]["interface"]["name"] == f"a{text}b"
            assert document["source"]["domain"] == f"h{text}"

    def test_the_operators_texts_are_no_gaps(self) -> None:
        """Labels and tags are part of a shape."""
        common = Common("default", "\0000\0", ("\0001\0",), (("a", "\0002\0"),))
        (document,) = read(login(), common=common)
        assert document["agent"]["name"] == "\0000\0"
        assert document["tags"] == ["forwarded", "\0001\0", "missing_connection_context"]
        assert document["labels"] == {"a": "\0002\0"}

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(USERS), min_size=1, max_size=12))
    def test_a_document_does_not_depend_on_those_before_it(self, users: list[bytes]) -> None:
        """One encoder for all gives what a new one for each gives."""
        events = events_of(*(login(x, 1 + i % 3) for i, x in enumerate(users)))
        encoder = Encoder()
        assert [encoder.encode(x) for x in events] == [Encoder().encode(x) for x in events]

    def test_nor_in_a_log_with_every_variant(self) -> None:
        """Whatever differs between two events is a gap, or makes another shape."""
        streams = no_streams()
        encoder = Encoder()
        for path, content in hostile(12).files.items():
            name = path.partition("/")[0]
            framer, log = Framer(), log_of(name, path)
            for block in framer.feed(content) + framer.finish():
                for event in streams.read(block, log):
                    assert encoder.encode(event) == Encoder().encode(event)

    def test_addresses_of_every_kind_come_by_one_listener(self) -> None:
        """What an address is decides where it goes."""
        addresses = ("192.0.2.1", "2001:db8::7", "192.0.2.300", "::1", "10.0.0.9")
        lines = [
            text.replace(b"ICID 450", b"ICID %d" % i)
            for i, x in enumerate(addresses)
            for text in (STAMP + LISTENER % (b"mail", x.encode()), login())
        ]
        found = [(x["source"].get("ip"), x["network"].get("type")) for x in read(*lines)]
        assert found == [
            ("192.0.2.1", "ipv4"),
            ("2001:db8::7", "ipv6"),
            (None, None),
            ("::1", "ipv6"),
            ("10.0.0.9", "ipv4"),
        ]

    @pytest.mark.parametrize("most", [1, 2, 7])
    def test_templates_that_do_not_fit_are_made_again(
        self, most: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With room for few, the documents are the same."""
        corpus = hostile(11, connections=80)
        want = documents_of(corpus)
        monkeypatch.setattr(ecs, "MAX_TEMPLATES", most)
        assert documents_of(corpus) == want

    def test_templates_do_not_fill_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A log with a new listener on every line costs what a few of them cost."""
        monkeypatch.setattr(ecs, "MAX_TEMPLATES", 32)
        encoder = Encoder()
        listeners = [
            events_of(STAMP + LISTENER % (b"i%d" % i, b"192.0.2.1"), login())[0]
            for i in range(1200)
        ]
        tracemalloc.start()
        try:
            for event in listeners[:200]:
                encoder.encode(event)
            before, _ = tracemalloc.get_traced_memory()
            for event in listeners[200:]:
                encoder.encode(event)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # A thousand more templates would take some megabytes.
        assert after - before < 1_000_000


class TestEmpty:
    """Nothing empty is ever written."""

    @pytest.mark.parametrize("host", [x.encode() for x in REVERSE_DNS if x] + [b"", b" ", b"None"])
    def test_of_a_connection(self, host: bytes) -> None:
        """A name that is none, a match that is blank, a score that is text."""
        lines = (
            STAMP + LISTENER % (b"mail", b"192.0.2.1") + b" reverse dns host " + host,
            STAMP + b"ICID 450 ACCEPT SG None match  SBRS None country not enabled",
            STAMP + b"ICID 450 TLS success",
        )
        (document,) = read(*lines, login())
        assert document["tls"] == {"established": True}
        assert {"policy": "ACCEPT", "group": "None"}.items() <= document["cisco_esa"][
            "sender"
        ].items()
        assert set(document["cisco_esa"]["sender"]) <= {"policy", "group", "reverse_dns_verified"}

    @pytest.mark.parametrize(
        "text",
        [
            b"SMTP Auth: (ICID 450) failed for user:  using AUTH mechanism: PLAIN with profile: ",
            b"SMTP Auth: (ICID 450) failed for user: ",
            b"SMTP Auth (ICID 450) could not reach forwarding server ",
            b"SMTP Auth (ICID 450) LDAP query/user lookup failed for user: ",
            b"SMTP Auth (ICID 450) profile:  is misconfigured or missing causing an Auth failure",
            b"SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server.",
            b"SMTP Auth (ICID 450) was required but remote host did not initiate it",
            b"DCID: 5 IP: 192.0.2.1 SMTP authentication using the profile  failed: ('535', [''])",
            b"DCID: 5640 IP: 192.0.2.1 SMTP authentication using the profile P failed: ",
            b"DCID: 5640 IP: 192.0.2.1 SMTP authentication using the profile P failed",
            b"DCID: 5640 IP: smarthost SMTP authentication using the profile P succeeded",
            b"DCID: 5640 IP: fe80::1%em0 SMTP authentication using the profile P succeeded",
        ],
    )
    def test_of_a_login(self, text: bytes) -> None:
        """Where a form has room for a text, the text may be missing."""
        assert len(read(STAMP + text)) == 1

    def test_what_is_no_address_is_no_ip(self) -> None:
        """The mapping would refuse the document."""
        (document,) = read(STAMP + LISTENER % (b"mail", b"192.0.2.300"), login())
        assert document["source"] == {"address": "192.0.2.300", "user": {"name": "ironport"}}
        assert document["related"]["ip"] == ["10.0.0.1"]
        assert "type" not in document["network"]


class TestLong:
    """No keyword is longer than Elasticsearch finds."""

    LONG = b"x" * 5000

    @pytest.mark.parametrize(
        "line",
        [
            LISTENER % (LONG, b"192.0.2.1"),
            LISTENER % (b"mail", LONG),
            LISTENER % (b"mail", b"192.0.2.1") + b" reverse dns host " + LONG + b" verified yes",
            b"ICID 450 ACCEPT SG %b match %b SBRS 1.0 country %b" % (LONG, LONG, LONG),
            b"ICID 450 TLS success protocol TLSv1.2 cipher " + LONG,
            b"ICID 450 TLS success protocol TLSv1.2%b cipher C" % LONG,
        ],
    )
    def test_of_a_connection(self, line: bytes) -> None:
        """Whatever line it came with."""
        assert len(read(STAMP + line, login())) == 1

    @pytest.mark.parametrize(
        "text",
        [
            b"SMTP Auth: (ICID 1) failed for user: u using AUTH mechanism: %b with profile: %b",
            b"SMTP Auth (ICID 1) could not reach forwarding server %b with reason: %b",
            b"SMTP Auth (ICID 1) profile: %b%b is misconfigured or missing causing an Auth failure",
            b"DCID: 1 IP: %b SMTP authentication using the profile P failed: ('535', ['5.7.8 %b'])",
        ],
    )
    def test_of_a_login(self, text: bytes) -> None:
        """Nor of an answer, whose text is whole in `error.message`."""
        (document,) = read(STAMP + text % (self.LONG, self.LONG))
        if "error" in document:
            assert document["error"]["message"] == "5.7.8 " + self.LONG.decode()

    def test_of_a_syslog_header(self) -> None:
        """A host that names the appliance is part of the connection's id."""
        line = b"Apr 22 11:44:48 2009 %b %b: Info: %b" % (self.LONG, self.LONG, login()[31:])
        reading = LogParser().open("esa1", "/a", hosts=True)
        (document,) = [*reading.feed(line), *reading.finish()]
        assert violations(orjson.loads(document)) == []

    def test_of_a_level(self) -> None:
        """It is one word, and words have no end."""
        assert len(read(STAMP[:25] + b"I" + b"nfo" * 500 + login()[29:])) == 1

    def test_of_a_path(self) -> None:
        """Linux has paths of 4,096 bytes."""
        (document,) = read(login(), path="/" + "x" * 4000)
        assert document["log"]["file"]["path"] == "/" + "x" * 1023


class TestCommon:
    """What the operator adds is in every document."""

    COMMON = Common(
        namespace="mail.prod",
        agent_name="collector-1",
        tags=("dmz", "rome"),
        labels=(("site", "Rome"), ("owner", "mail team")),
    )
    LINES = (
        login(),
        STAMP + b"ICID 450 close",
        STAMP + b"SMTP Auth LDAP query failed, possible"
        b" LDAP misconfiguration or unreachable server.",
    )

    def test_it_is_in_every_document(self) -> None:
        """Logins, ends of sessions and errors alike."""
        found = read(*self.LINES, common=self.COMMON)
        assert len(found) == 3
        for document in found:
            assert document["data_stream"]["namespace"] == "mail.prod"
            assert document["labels"] == {"site": "Rome", "owner": "mail team"}
            assert document["tags"][:3] == ["forwarded", "dmz", "rome"]
            assert document["agent"] == {
                "type": "esa-forwarder",
                "version": __version__,
                "name": "collector-1",
            }

    def test_nothing_of_it_is_there_unasked(self) -> None:
        """No label, no agent name that would be this machine's, and the default namespace."""
        for document in read(*self.LINES):
            assert document["data_stream"]["namespace"] == "default"
            assert "labels" not in document
            assert "name" not in document["agent"]

    def test_it_changes_no_id(self) -> None:
        """The event is the same one."""
        with_it, without = read(*self.LINES, common=self.COMMON), read(*self.LINES)
        assert [x["event"]["id"] for x in with_it] == [x["event"]["id"] for x in without]

    def test_the_original_can_be_left_out(self) -> None:
        """Everything else stays, the message too."""
        bare = read(*self.LINES, common=Common(original=False))
        whole = read(*self.LINES)
        for document in whole:
            assert document["event"].pop("original")
        assert bare == whole


class TestInput:
    """Where a line came from."""

    def test_a_stream_has_no_path(self) -> None:
        """Only how far into it the line began."""
        (document,) = read(login(), path=None)
        assert document["log"] == {"level": "info", "offset": 0}

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            (
                b"<22>Apr 22 11:44:48 mail_logs: ",
                {
                    "appname": "mail_logs",
                    "priority": 22,
                    "facility": {"code": 2},
                    "severity": {"code": 6},
                },
            ),
            (
                b"<0>Apr 22 11:44:48 mail_logs: ",
                {
                    "appname": "mail_logs",
                    "priority": 0,
                    "facility": {"code": 0},
                    "severity": {"code": 0},
                },
            ),
            (
                b"<191>Apr 22 11:44:48 esa1 m: ",
                {
                    "appname": "m",
                    "hostname": "esa1",
                    "priority": 191,
                    "facility": {"code": 23},
                    "severity": {"code": 7},
                },
            ),
            (b"Apr 22 11:44:48 2009 10.0.1.1 MAIL: ", {"appname": "MAIL", "hostname": "10.0.1.1"}),
            (
                b"<22>1 2009-04-22T11:44:48+02:00 esa1 m - - - ",
                {
                    "appname": "m",
                    "hostname": "esa1",
                    "version": "1",
                    "priority": 22,
                    "facility": {"code": 2},
                    "severity": {"code": 6},
                },
            ),
            (
                b"<22>1 2009-04-22T11:44:48+02:00 - - - - - ",
                {"version": "1", "priority": 22, "facility": {"code": 2}, "severity": {"code": 6}},
            ),
        ],
    )
    def test_a_syslog_header_is_kept(self, header: bytes, expected: Document) -> None:
        """Priority, facility and severity as numbers; what it does not say is left out."""
        (document,) = read(header + login()[25:])
        assert document["log"]["syslog"] == expected
        assert document["log"]["level"] == "info"

    def test_a_file_has_no_syslog_header(self) -> None:
        """So there is no object for one."""
        (document,) = read(login())
        assert "syslog" not in document["log"]

    def test_two_syslog_headers_make_two_templates(self) -> None:
        """The same login by two ways."""
        lines = [b"<%d>Apr 22 11:44:48 esa%d m: %b" % (i, i, login()[25:]) for i in range(20, 30)]
        found = read(*lines)
        assert [x["log"]["syslog"]["hostname"] for x in found] == [f"esa{i}" for i in range(20, 30)]


def test_files_that_come_and_go_leave_nothing_behind() -> None:
    """A layout is the same for all files of an appliance, however often they are rotated."""
    flow = LogParser()
    layouts = set()
    for number in range(50):
        reading = flow.open("esa1", f"/mail.{number}")
        text = (
            b"Sun Mar  1 12:00:%02d 2026 Info: SMTP Auth: (ICID 7) failed for user: u"
            b" using AUTH mechanism: PLAIN with profile: P\n" % number
        )
        (document,) = [*reading.feed(text), *reading.finish()]
        assert b'"path":"/mail.%d"' % number in document
        layouts.add(len(flow._encoder._layouts))  # noqa: SLF001 - nothing else tells
    assert layouts == {1}
