"""A login gets the address of its own connection, and never that of another one."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from forwarder.events import Counters
from forwarder.mail_logs import connections, correlator
from forwarder.pipeline import LogParser, Settings

Document = dict[str, Any]
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def line(seconds: float, text: str) -> bytes:
    """Return a line of a log, so many seconds after its start."""
    at = START + timedelta(seconds=seconds)
    return f"{at:%a %b} {at.day:2} {at:%H:%M:%S %Y} Info: {text}\n".encode()


def opened(seconds: float, number: int = 5, address: str = "192.0.2.1") -> bytes:
    """Return the line that opens a client's connection."""
    return line(
        seconds,
        f"New SMTP ICID {number} interface mail (10.0.0.1) address {address}"
        " reverse dns host unknown verified no",
    )


def login(seconds: float, number: int = 5, user: str = "u", outcome: str = "succeeded") -> bytes:
    """Return a client's login."""
    return line(
        seconds,
        f"SMTP Auth: (ICID {number}) {outcome} for user: {user} using AUTH mechanism: PLAIN"
        " with profile: P",
    )


def refused(seconds: float, number: int = 5, user: str = "u") -> bytes:
    """Return a client's login that failed."""
    return login(seconds, number, user, "failed")


def closed(seconds: float, number: int = 5, word: str = "close") -> bytes:
    """Return the end of a client's connection."""
    return line(seconds, f"ICID {number} {word}")


def relayed(seconds: float, number: int = 7, address: str = "192.0.2.25") -> bytes:
    """Return a login of the appliance at a smart host."""
    return line(
        seconds,
        f"DCID: {number} IP: {address} SMTP authentication using the profile Out succeeded.",
    )


def reached(seconds: float, number: int = 7, address: str = "192.0.2.25") -> bytes:
    """Return the line that opens a connection to a smart host."""
    return line(seconds, f"New SMTP DCID {number} interface 10.0.0.1 address {address} port 25")


def read(*lines: bytes, sessions: bool = True, counts: Counters | None = None) -> list[Document]:
    """Return the documents of a log in one piece; those of one in many pieces must be the same."""
    text = b"".join(lines)
    outputs = []
    for size in (len(text), 999):
        flow = LogParser(Settings(sessions=sessions))
        reading = flow.open("esa1", "/mail.current")
        output: list[bytes] = []
        for position in range(0, len(text), size):
            output += reading.feed(text[position : position + size])
        outputs.append([*output, *reading.finish()])
        if counts is not None and not outputs[1:]:
            counts.add(flow.counts)
    assert outputs[0] == outputs[1]
    return [orjson.loads(x) for x in outputs[0]]


def read_files(*files: Sequence[bytes]) -> list[Document]:
    """Return the documents of the files of one appliance, in order."""
    flow = LogParser()
    documents: list[bytes] = []
    for number, lines in enumerate(files):
        reading = flow.open("esa1", f"/mail.{number}")
        documents += [*reading.feed(b"".join(lines)), *reading.finish()]
    return [orjson.loads(x) for x in documents]


def address_of(document: Document) -> str | None:
    """Return the client's address, None where it is unknown."""
    source = document.get("source", {}).get("ip")
    correlated = document["cisco_esa"]["connection"]["correlated"]
    assert correlated == (source is not None)
    assert correlated == ("missing_connection_context" not in document["tags"])
    return None if source is None else str(source)


def ends_of(documents: list[Document]) -> list[Document]:
    """Return what is said of ended sessions."""
    return [x["cisco_esa"]["session"] for x in documents if "session" in x["cisco_esa"]]


def actions_of(documents: list[Document]) -> list[str]:
    """Return the actions of documents."""
    return [x["event"]["action"] for x in documents]


class TestNew:
    """A `New` line starts a connection, whatever was known of its number."""

    def test_the_address_is_that_of_the_new_line(self) -> None:
        """And the connection's id has its time."""
        (document,) = read(opened(0), refused(60))
        assert address_of(document) == "192.0.2.1"
        assert document["cisco_esa"]["connection"]["id"] == "esa1:icid:5:20260301T120000Z"

    def test_a_number_that_comes_again_means_another_connection(self) -> None:
        """After a close, and after none."""
        documents = read(
            *(opened(0), refused(1), closed(2)),
            *(opened(3, address="192.0.2.2"), refused(4)),
            *(opened(5, address="192.0.2.3"), refused(6)),
        )
        assert list(map(address_of, documents)) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        assert len({x["cisco_esa"]["connection"]["id"] for x in documents}) == 3

    def test_the_same_line_in_another_file_supersedes_nothing(self) -> None:
        """A file that broke off lies beside the whole one: there is one session."""
        documents = read_files([opened(0), login(1)], [opened(0), login(1), closed(9)])
        assert [x["event"]["action"] for x in documents] == [
            "smtp-authentication",
            "smtp-authentication",
            "smtp-session-closed",
        ]
        assert documents[0]["event"]["id"] == documents[1]["event"]["id"]

    def test_nothing_of_the_old_connection_is_left(self) -> None:
        """Neither its policy nor its encryption, nor its counts."""
        _, _, second, end = read(
            *(
                opened(0),
                line(0, "ICID 5 RELAY SG G match ALL SBRS 3.0"),
                line(1, "ICID 5 TLS success"),
            ),
            *(refused(2), refused(2, user="v")),
            *(opened(3), login(4), closed(5)),
        )
        assert second["cisco_esa"]["sender"] == {"reverse_dns_verified": False}
        assert "tls" not in second
        assert end["cisco_esa"]["session"]["auth_failures"] == 0

    def test_a_session_on_the_number_ends_as_superseded(self) -> None:
        """At the line that shows it, with the address it had."""
        _, end = read(opened(0), login(10), opened(20, address="192.0.2.2"))
        assert end["cisco_esa"]["session"]["close_reason"] == "superseded"
        assert address_of(end) == "192.0.2.1"
        assert end["message"].startswith("New SMTP ICID 5 ")
        assert end["event"]["start"] == "2026-03-01T12:00:00.000Z"
        assert end["event"]["end"] == "2026-03-01T12:00:20.000Z"
        assert end["event"]["duration"] == 20_000_000_000

    def test_two_appliances_have_the_same_numbers(self) -> None:
        """And nothing of one another's."""
        flow = LogParser()
        for name, address in (("esa1", "192.0.2.1"), ("esa2", "192.0.2.2")):
            reading = flow.open(name, f"/{name}")
            assert [*reading.feed(opened(0, address=address)), *reading.finish()] == []
        documents: list[Document] = []
        for name in ("esa1", "esa2", "esa3"):
            reading = flow.open(name, f"/{name}")
            documents += map(orjson.loads, [*reading.feed(refused(1)), *reading.finish()])
        assert list(map(address_of, documents)) == ["192.0.2.1", "192.0.2.2", None]
        assert len({x["event"]["id"] for x in documents}) == 3

    def test_inbound_and_outbound_numbers_are_apart(self) -> None:
        """ICID 7 is not DCID 7."""
        inbound, outbound = read(opened(0, 7), refused(1, 7), relayed(1))
        assert address_of(inbound) == "192.0.2.1"
        assert outbound["cisco_esa"]["connection"]["correlated"] is False


class TestEnd:
    """`close` and `lost` end a connection; nothing behind its end joins it."""

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("ICID 5 close", "close"),
            ("ICID 5 close ", "close"),
            ("ICID 5 close by peer", "close"),
            ("ICID 5  lost\r", "lost"),
            ("ICID 5 lost, and said nothing", "lost"),
            ("ICID 5 lost after 3 seconds", "lost"),
            (
                "ICID 5 disconnected address 192.0.2.1, no messages injected within timeout period",
                "disconnected",
            ),
            ("ICID 5 disconnected address 192.0.2.1, exceeded allowable time", "disconnected"),
            (
                "ICID 5 Connection from 192.0.2.1 on interface Data 1 (192.0.2.9) lost after 9 s",
                "lost",
            ),
            ("SMTP server connection killed ICID: 5", "killed"),
            ("SMTP server connection killed ICID 5 by admin", "killed"),
        ],
    )
    def test_a_login_behind_the_end_joins_nothing(self, text: str, reason: str) -> None:
        """An address is never guessed."""
        *begun, document = read(opened(0), login(1), line(2, text), refused(3))
        assert [x["close_reason"] for x in ends_of(begun)] == [reason]
        assert address_of(document) is None
        assert document["cisco_esa"]["connection"]["id"] == "esa1:icid:5"

    def test_lost_ends_a_session_and_the_close_behind_it_says_nothing(self) -> None:
        """One session, one end."""
        documents = read(opened(0), login(1), closed(2, word="lost"), closed(3))
        assert [x["close_reason"] for x in ends_of(documents)] == ["lost"]
        assert documents[1]["event"]["end"] == "2026-03-01T12:00:02.000Z"

    def test_a_session_without_a_new_line_has_an_end_and_no_beginning(self) -> None:
        """What is not known is left out."""
        _, end = read(login(1), closed(2))
        assert address_of(end) is None
        assert "start" not in end["event"]
        assert "duration" not in end["event"]
        assert end["event"]["end"] == "2026-03-01T12:00:02.000Z"

    def test_only_a_login_that_succeeded_makes_a_session(self) -> None:
        """A guesser's connection just ends."""
        assert actions_of(read(opened(0), refused(1), closed(2))) == ["smtp-authentication"]

    @pytest.mark.parametrize(
        "text",
        [
            *("ICID 5 closed", "ICID 5 losts", "ICID 55 close", "DCID 5 close", "DCID 5 lost"),
            *("SMTP server connection killed ICID: 55", "SMTP server connection killed DCID: 5"),
            *("ICID 5 Connection from 192.0.2.1 on interface x", "ICID 5 Connections lost"),
            "MID 5 ICID 5 close",
        ],
    )
    def test_what_only_looks_like_an_end_is_none(self, text: str) -> None:
        """Its own number has to be in the place of the number, and the word whole."""
        (document,) = read(opened(0), line(1, text), refused(2))
        assert address_of(document) == "192.0.2.1"

    @pytest.mark.parametrize(
        "text",
        [
            "DCID 7 close",
            "DCID 7 lost",
            "DCID 7 disconnected address 192.0.2.25, exceeded allowable connection time",
            "DCID 7 Connection to 192.0.2.25 lost",
            "SMTP server connection killed DCID: 7",
        ],
    )
    def test_nor_does_one_to_a_smart_host(self, text: str) -> None:
        """In either direction."""
        (document,) = read(relayed(0), line(1, text), reached(2))
        assert document["cisco_esa"]["connection"] == {"id": "esa1:dcid:7", "correlated": False}

    def test_an_end_is_found_behind_a_line_that_begins_like_it(self) -> None:
        """The document's line is the very line."""
        before = opened(0) + login(1) + line(2, "ICID 5 closed to its limit")
        _, end = read(before, closed(2), line(3, "and so on"))
        assert end["log"]["offset"] == len(before)

    def test_nor_is_it_mistaken_for_that_line_in_syslog(self) -> None:
        """Where another line was found, the document would have its text."""
        before = opened(0) + login(1) + line(2, "ICID 5 closed to its limit")
        lines = (before + closed(2) + line(3, "and so on")).splitlines(keepends=True)
        _, end = read(*(x[4:].replace(b" Info", b" esa1 mail_logs: Info") for x in lines))
        assert end["message"] == "ICID 5 close"


class TestDisorder:
    """Syslog may deliver lines a second or two too early."""

    POLICY = "ICID 5 RELAY SG RELAYLIST match ALL SBRS 3.0 country Italy"
    TLS = "ICID 5 TLS success protocol TLSv1.2 cipher C"

    @pytest.mark.parametrize("seconds", [0, 2, 5])
    def test_a_policy_or_tls_line_just_before_new_counts_for_it(self, seconds: int) -> None:
        """Up to five seconds."""
        (document,) = read(line(0, self.POLICY), line(0, self.TLS), opened(seconds), refused(9))
        assert address_of(document) == "192.0.2.1"
        assert document["cisco_esa"]["sender"]["group"] == "RELAYLIST"
        assert document["tls"]["cipher"] == "C"

    def test_nor_does_the_order_of_stamps_matter(self) -> None:
        """A line that comes first may have the later stamp."""
        (document,) = read(line(2, self.POLICY), opened(0), refused(9))
        assert document["cisco_esa"]["sender"]["group"] == "RELAYLIST"

    def test_after_six_seconds_it_was_another_connections(self) -> None:
        """Whose `New` line is missing."""
        (document,) = read(line(0, self.POLICY), line(0, self.TLS), opened(6), refused(9))
        assert document["cisco_esa"]["sender"] == {"reverse_dns_verified": False}
        assert "tls" not in document

    def test_a_delayed_rejection_before_new_counts_for_it(self) -> None:
        """It has the address as well."""
        text = "ICID 5 Delayed HAT REJECT continuing session for recipient logging (192.0.2.9)"
        first, second = read(line(0, text), refused(0, user="a"), opened(1), refused(2, user="b"))
        assert [address_of(first), address_of(second)] == ["192.0.2.9", "192.0.2.1"]

    def test_tls_just_before_the_new_line_of_a_delivery_counts_for_it(self) -> None:
        """Both directions come by syslog."""
        (document,) = read(
            line(0, "DCID 7 TLS success protocol TLSv1.2 cipher C"), reached(1), relayed(2)
        )
        assert document["tls"]["cipher"] == "C"

    def test_a_login_before_new_is_an_event_without_an_address(self) -> None:
        """It cannot wait, and the `New` line behind it may be another connection's."""
        early, late = read(
            line(0, self.POLICY), refused(0, user="early"), opened(1), refused(2, user="late")
        )
        assert [address_of(early), address_of(late)] == [None, "192.0.2.1"]
        assert "group" not in late["cisco_esa"]["sender"]

    def test_a_session_begun_before_new_ends_as_superseded(self) -> None:
        """The rule for numbers holds without exception."""
        documents = read(login(0), opened(1), refused(2))
        assert actions_of(documents)[1] == "smtp-session-closed"
        assert ends_of(documents)[0]["close_reason"] == "superseded"
        assert [address_of(x) for x in documents] == [None, None, "192.0.2.1"]


class TestDescription:
    """Lines that describe a connection, with and without its `New` line."""

    def test_a_connection_opened_before_the_log_has_its_policy_and_tls(self) -> None:
        """Only what its `New` line says is missing."""
        (document,) = read(line(0, TestDisorder.POLICY), line(1, TestDisorder.TLS), refused(60))
        assert address_of(document) is None
        assert document["cisco_esa"]["sender"]["group"] == "RELAYLIST"
        assert document["tls"]["cipher"] == "C"

    def test_a_delivery_opened_before_the_log_has_its_tls(self) -> None:
        """The number joins it as it does inbound."""
        (document,) = read(line(0, "DCID 7 TLS success protocol TLSv1.2 cipher C"), relayed(1))
        assert document["cisco_esa"]["connection"]["correlated"] is False
        assert document["tls"]["cipher"] == "C"

    @pytest.mark.parametrize(
        "text",
        ["ICID 5 ACCEPTED by none", "ICID 5 TLS foo", "ICID 5 RELAYING", "ICID 5 TLSA record"],
    )
    def test_a_line_that_is_no_description_after_all_changes_nothing(self, text: str) -> None:
        """What cannot be read says nothing, and hides nothing."""
        described = (opened(0), line(0, TestDisorder.POLICY), line(1, TestDisorder.TLS))
        (document,) = read(*described, line(2, text), refused(3))
        assert document["cisco_esa"]["sender"]["group"] == "RELAYLIST"
        assert document["tls"]["cipher"] == "C"

    def test_a_carriage_return_is_no_part_of_an_address(self) -> None:
        """Old releases end their `New` lines with the address."""
        inbound, outbound = read(
            line(0, "New SMTP ICID 5 interface mail (10.0.0.1) address 192.0.2.1\r"),
            line(0, "New SMTP DCID 7 interface 10.0.0.1 address 192.0.2.25\r"),
            *(refused(1), relayed(1)),
        )
        assert address_of(inbound) == "192.0.2.1"
        assert outbound["cisco_esa"]["connection"]["correlated"] is True

    def test_a_delivery_to_another_address_is_not_this_one(self) -> None:
        """Its number came again, and its `New` line was not seen."""
        (document,) = read(reached(0, address="192.0.2.99"), relayed(1))
        assert document["cisco_esa"]["connection"] == {"correlated": False, "id": "esa1:dcid:7"}
        assert document["destination"] == {"address": "192.0.2.25", "ip": "192.0.2.25"}
        assert "source" not in document
        assert "missing_connection_context" in document["tags"]

    def test_of_many_lines_the_last_of_each_kind_counts(self) -> None:
        """Also of more than are kept."""
        many = 3 * connections.MAX_LINES
        policies = [line(0, f"ICID 5 ACCEPT SG G{i} match ALL SBRS None") for i in range(many)]
        ciphers = [line(0, f"ICID 5 TLS success protocol TLSv1.2 cipher C{i}") for i in range(many)]
        mixed = [x for pair in zip(policies, ciphers, strict=True) for x in pair]
        (document,) = read(opened(0), *mixed, refused(1))
        assert document["cisco_esa"]["sender"]["group"] == f"G{many - 1}"
        assert document["tls"]["cipher"] == f"C{many - 1}"

    def test_of_many_lines_of_a_delivery_the_last_counts(self) -> None:
        """There is one kind of them."""
        many = 3 * connections.MAX_LINES
        ciphers = [line(0, f"DCID 7 TLS success protocol TLSv1.2 cipher C{i}") for i in range(many)]
        (document,) = read(reached(0), *ciphers, relayed(1))
        assert document["tls"]["cipher"] == f"C{many - 1}"

    def test_a_delivery_is_joined_until_its_close(self) -> None:
        """With the interface, the port and the time it began."""
        first, second = read(reached(0), relayed(1), line(2, "DCID 7 close"), relayed(3))
        assert first["source"]["ip"] == "10.0.0.1"
        assert first["destination"]["port"] == 25
        assert first["cisco_esa"]["connection"]["id"] == "esa1:dcid:7:20260301T120000Z"
        assert second["cisco_esa"]["connection"]["correlated"] is False

    def test_number_zero_is_the_appliance_itself(self) -> None:
        """What it refuses or writes belongs to no connection."""
        documents = read(
            line(0, "ICID 0 TCPREFUSE SG BLACKLIST match ALL SBRS -7.1"),
            *(opened(0), login(1)),
            line(2, "Start MID 9 ICID 0"),
            line(2, "MID 9 ICID 0 RID 0 To: <a@example.com>"),
            line(2, "MID 9 ready 100 bytes from <b@example.com>"),
            refused(3, 0),
            closed(4),
        )
        assert "sender" not in documents[1]["cisco_esa"]
        assert address_of(documents[1]) is None
        (end,) = ends_of(documents)
        assert (end["messages"], end["recipients"], "bytes" in end) == (0, 0, False)


class TestBound:
    """At most so many connections are kept; the oldest eighth makes room."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (connections, correlator):
            monkeypatch.setattr(module, "MAX_OPEN", 16)

    def test_sixteen_are_kept(self) -> None:
        """All of them."""
        documents = read(
            *(opened(i, i, f"192.0.2.{i}") for i in range(1, 17)),
            *(refused(30, i) for i in range(1, 17)),
        )
        assert list(map(address_of, documents)) == [f"192.0.2.{i}" for i in range(1, 17)]

    @pytest.mark.parametrize(
        "another",
        [
            lambda i: opened(20, i),
            lambda i: refused(20, i),
            lambda i: line(20, f"ICID {i} TLS success"),
        ],
    )
    def test_the_seventeenth_makes_the_oldest_two_go(self, another: Callable[[int], bytes]) -> None:
        """Whatever line it came with; what is younger stays."""
        documents = read(
            *(opened(i, i) for i in range(1, 17)),
            another(17),
            *(refused(30, i) for i in range(3, 17)),
            *(refused(31, i) for i in range(1, 3)),
        )
        found = [(x["cisco_esa"]["icid"], address_of(x)) for x in documents]
        assert {i for i, address in found if address is None} - {"17"} == {"1", "2"}

    def test_a_session_that_is_forgotten_ends_as_expired(self) -> None:
        """At its last login, for no line says its end."""
        documents = read(opened(0, 1), login(1, 1), *(opened(i, i) for i in range(2, 18)))
        end = documents[1]
        assert ends_of(documents) == [
            {
                "auth_successes": 1,
                "auth_failures": 0,
                "users": ["u"],
                "messages": 0,
                "recipients": 0,
                "close_reason": "expired",
            }
        ]
        assert end["event"]["end"] == end["@timestamp"] == "2026-03-01T12:00:01.000Z"
        assert end["event"]["timezone"] == "+00:00"
        assert "original" not in end["event"]
        assert "message" not in end
        assert "offset" not in end["log"]

    def test_deliveries_are_bounded_alike(self) -> None:
        """The oldest two go; they are joined no longer."""
        documents = read(
            *(reached(i, i) for i in range(1, 18)), *(relayed(30, i) for i in range(1, 18))
        )
        joined = [x["cisco_esa"]["connection"]["correlated"] for x in documents]
        assert joined == [False] * 2 + [True] * 15


DAY = 24 * 3600


class TestAge:
    """What was silent for a day of the log's own time is forgotten."""

    def test_a_day_later_the_number_must_mean_another_connection(self) -> None:
        """Up to a day it may still be this one."""
        (young,) = read(opened(0), refused(DAY))
        (old,) = read(opened(0), refused(DAY + 1))
        assert [address_of(young), address_of(old)] == ["192.0.2.1", None]

    def test_nor_is_a_delivery_joined_that_old(self) -> None:
        """The rule is the same in both directions."""
        young, old = (read(reached(0), relayed(DAY + x))[0] for x in (0, 1))
        assert young["cisco_esa"]["connection"]["correlated"] is True
        assert old["cisco_esa"]["connection"]["correlated"] is False

    @pytest.mark.parametrize(("early", "joined"), [(3_605, True), (3_606, False), (90_000, False)])
    def test_a_login_is_not_joined_to_what_begins_later(self, early: int, joined: bool) -> None:  # noqa: FBT001
        """But for an hour by which clocks are set back. Later logins are joined as ever."""
        first, second = read(opened(100_000), login(100_000 - early), login(100_001))[:2]
        assert (address_of(first) is not None) == joined
        assert address_of(second) == "192.0.2.1"
        (delivery,) = read(reached(100_000), relayed(100_000 - early))
        assert delivery["cisco_esa"]["connection"]["correlated"] == joined

    def test_a_session_silent_for_a_day_ends_as_expired(self) -> None:
        """Any later login of the appliance shows that a day is over."""
        documents = read(opened(0), login(5), refused(DAY + 6, 99))
        (end,) = ends_of(documents)
        assert end["close_reason"] == "expired"
        assert actions_of(documents)[1] == "smtp-session-closed"
        assert documents[1]["event"]["end"] == "2026-03-01T12:00:05.000Z"
        assert documents[1]["event"]["duration"] == 5_000_000_000
        assert address_of(documents[1]) == "192.0.2.1"

    def test_a_login_keeps_its_session_alive(self) -> None:
        """The day counts from the last one."""
        documents = read(
            *(opened(0), login(1), login(DAY - 10), login(DAY + 100), closed(DAY + 200))
        )
        assert list(map(address_of, documents)) == ["192.0.2.1"] * 4
        assert [x["close_reason"] for x in ends_of(documents)] == ["close"]

    def test_a_login_keeps_its_connection_whether_it_succeeds_or_sessions_are_wanted(self) -> None:
        """A connection without a login for a day is forgotten, and this one had many."""
        hourly = range(1, 30 * 3600, 3600)
        failing = read(opened(0), *map(refused, hourly))
        plain = read(opened(0), *map(login, hourly), sessions=False)
        assert {address_of(x) for x in failing + plain} == {"192.0.2.1"}

    def test_two_sessions_of_one_number_expire_as_two_events(self) -> None:
        """Each has an id of its own."""
        documents = read(
            *(opened(0), login(1), refused(2 * DAY, 99)),
            *(opened(5 * DAY), login(5 * DAY + 1), refused(7 * DAY, 99)),
        )
        assert [x["close_reason"] for x in ends_of(documents)] == ["expired", "expired"]
        assert len({x["event"]["id"] for x in documents}) == len(documents)


class TestIdentity:
    """Each attempt is one event, with an id that is the same at every read."""

    def test_five_thousand_attempts_on_one_connection_are_as_many_events(self) -> None:
        """However many of them are the very same line."""
        documents = read(opened(0), *(refused(i // 100) for i in range(5_000)), closed(60))
        assert len(documents) == len({x["event"]["id"] for x in documents}) == 5_000

    def test_the_first_of_identical_lines_has_the_id_it_has_alone(self) -> None:
        """Ordinals count upwards, so that a cut-off file agrees with the whole one."""
        three = [x["event"]["id"] for x in read(refused(1), refused(1), refused(1))]
        two = [x["event"]["id"] for x in read(refused(1), refused(1))]
        assert three[:2] == two
        assert len(set(three)) == 3

    def test_other_lines_between_do_not_matter(self) -> None:
        """An id depends on the connection's own lines."""
        alone = read(refused(1), refused(1))
        among = read(refused(1), refused(1, 6), refused(1, user="v"), refused(1))
        assert [among[i]["event"]["id"] for i in (0, 3)] == [x["event"]["id"] for x in alone]

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            pytest.param(([0, 1], [1, 2]), [1, 2, 3, 4], id="a log cut between the same lines"),
            pytest.param(([0, 1], [0, 1, 2]), [1, 2, 1, 2, 3], id="the beginning of the next"),
            pytest.param(([0, 1, 2], [0, 1]), [1, 2, 3, 1, 2], id="the beginning of the last"),
            pytest.param(([0, 0], [0, 0, 0]), [1, 2, 1, 2, 3], id="all in one second"),
            # Of a file, the lines of its first second are its own.
            pytest.param(([0, 1, 2], [1, 2, 3]), [1, 2, 3, 4, 3, 5], id="overlapping"),
            pytest.param(([0], [1, 2], [2]), [1, 2, 3, 4], id="cut behind the second file"),
            pytest.param(([99, 99, 0, 0, 99],), [1, 2, 3, 4, 5], id="put together"),
        ],
    )
    def test_the_same_line_in_another_file_is_the_same_event_if_they_overlap(
        self, files: Sequence[Sequence[int]], expected: list[int]
    ) -> None:
        """Otherwise the log was cut between two attempts."""
        documents = read_files(*([refused(x) for x in file] for file in files))
        numbers: dict[str, int] = {}
        found = [numbers.setdefault(x["event"]["id"], len(numbers) + 1) for x in documents]
        assert found == expected

    def test_an_unknown_address_changes_no_id(self) -> None:
        """The id is the line's: the same login is the same event with and without `New`."""
        (joined,) = read(opened(0), refused(1))
        (alone,) = read(line(0, "ICID 4 close"), refused(1))
        assert joined["event"]["id"] == alone["event"]["id"]


class TestSession:
    """What a connection sends after its login is counted to its end."""

    def test_messages_recipients_and_bytes_are_those_behind_the_login(self) -> None:
        """What came before a login, or on another connection, does not count."""
        documents = read(
            opened(0),
            *message(1, 100, recipients=3, size=1000),
            login(2),
            *message(3, 101, recipients=2, size=500),
            *message(4, 102, recipients=1, size=None),
            *message(5, 103, number=6, recipients=9, size=9000),
            closed(9),
        )
        assert sent(documents) == (2, 3, 500)

    def test_without_a_size_in_the_log_there_is_none(self) -> None:
        """Nothing is not zero."""
        documents = read(login(0), *message(1, 100, recipients=1, size=None), closed(2))
        assert sent(documents) == (1, 1, None)

    def test_an_aborted_message_does_not_count(self) -> None:
        """Nor do its recipients and its size, wherever it was given up."""
        documents = read(
            login(0),
            *message(1, 100, recipients=2, size=700),
            *message(2, 101, recipients=2, size=None),
            line(3, "Message aborted MID 101 Receiving aborted by sender"),
            *message(4, 102, recipients=1, size=300),
            line(5, "Message aborted MID 102 Dropped by antivirus"),
            line(5, "Message aborted MID 102 Dropped by antivirus"),
            closed(6),
        )
        assert sent(documents) == (1, 2, 700)

    @pytest.mark.parametrize("end", [b"\r\n", b" more of 7\n"], ids=["carriage return", "words"])
    def test_what_is_behind_the_lines_of_a_message_hides_none(self, end: bytes) -> None:
        """Of none of their forms; the number of a connection may end a line."""
        lines = [
            login(0),
            *message(1, 100, recipients=2, size=700),
            *message(2, 101, recipients=1, size=800),
            line(3, "Message aborted MID 101"),
            closed(4),
        ]
        assert sent(read(*(x.replace(b"\n", end) for x in lines))) == (1, 2, 700)

    def test_a_session_whose_only_message_was_aborted_sent_nothing(self) -> None:
        """And no size of what it sent is known."""
        documents = read(
            login(0),
            *message(1, 100, recipients=1, size=300),
            line(2, "Message aborted MID 100 Dropped by antivirus"),
            closed(3),
        )
        assert sent(documents) == (0, 0, None)

    def test_logins_and_users_are_counted(self) -> None:
        """Failures before the first success as well; users once, in order, none left out."""
        documents = read(
            *(opened(0), refused(1, user="x"), login(2, user="b"), refused(3), login(4, user="a")),
            *(login(5, user="b"), closed(6)),
        )
        (end,) = ends_of(documents)
        assert (end["auth_successes"], end["auth_failures"]) == (3, 2)
        assert end["users"] == ["b", "a"]
        assert documents[-1]["user"] == {"name": "b"}

    def test_an_attempt_that_could_not_be_checked_is_neither(self) -> None:
        """No login was accepted, and none refused."""
        documents = read(
            opened(0),
            line(1, "SMTP Auth (ICID 5) could not reach forwarding server s"),
            line(1, "SMTP Auth (ICID 5) LDAP query/user lookup failed for user: u"),
            login(2),
            closed(3),
        )
        (end,) = ends_of(documents)
        assert (end["auth_successes"], end["auth_failures"]) == (1, 0)
        assert list(map(address_of, documents)) == ["192.0.2.1"] * 4

    def test_without_sessions_only_logins_come_out(self) -> None:
        """They are what they are with them."""
        lines = (opened(0), login(1), *message(2, 9, recipients=1, size=1), opened(3), login(4))
        everything = read(*lines, closed(5))
        logins = [x for x in everything if x["event"]["action"] == "smtp-authentication"]
        assert len(logins) < len(everything)
        assert read(*lines, closed(5), sessions=False) == logins


class TestHeader:
    """A header holds from its line on."""

    def test_an_offset_in_mid_file_changes_the_lines_behind_it(self) -> None:
        """A file begins with one; concatenated files have several."""
        zones = [
            (x["@timestamp"][11:16], x["event"]["timezone"])
            for x in read(
                refused(0),
                line(0, "Time offset from UTC: 3600 seconds"),
                refused(1),
                line(0, "Time offset from UTC: -1800 seconds"),
                refused(2),
            )
        ]
        assert zones == [("12:00", "+00:00"), ("11:00", "+01:00"), ("12:30", "-00:30")]

    def test_a_connection_keeps_the_offset_under_which_it_was_opened(self) -> None:
        """Its start is the same instant in every document."""
        documents = read(
            line(0, "Time offset from UTC: 3600 seconds"),
            *(opened(0), login(1)),
            line(1, "Time offset from UTC: 7200 seconds"),
            *(login(3601), closed(3602)),
        )
        assert {x["cisco_esa"]["connection"]["id"] for x in documents} == {
            "esa1:icid:5:20260301T110000Z"
        }
        assert [x["@timestamp"][11:19] for x in documents] == ["11:00:01", "11:00:01", "11:00:02"]
        assert documents[2]["event"]["duration"] == 2_000_000_000

    def test_a_serial_number_holds_from_its_line_on(self) -> None:
        """As the offset does."""
        documents = read(refused(0), line(0, "Version: 7.6.3-019 SN: 564D-01"), refused(1))
        assert [x["host"].get("id") for x in documents] == [None, "564D-01"]


class TestUnread:
    """Lines that begin like a login and are none that is known are counted."""

    @pytest.mark.parametrize(
        "text",
        [
            "SMTP Auth: (ICID 5) was odd",
            "SMTP Auth (ICID x) failed for user: u using AUTH mechanism: PLAIN with profile: P",
            "DCID: 7 IP: 192.0.2.25 SMTP authentication using the profile Out was odd",
            f"SMTP Auth: (ICID {'9' * 21}) failed for user: u",
        ],
    )
    def test_an_unknown_form_is_counted(self, text: str) -> None:
        """And makes no event."""
        counts = Counters()
        assert read(line(0, text), counts=counts) == []
        assert counts.unparsed_logins == 1

    def test_a_login_at_no_possible_time_is_counted(self) -> None:
        """There is no February 30."""
        counts = Counters()
        text = refused(0).replace(b"Sun Mar  1", b"Mon Feb 30")
        assert read(text, counts=counts) == []
        assert counts.unparsed_logins == 1

    @pytest.mark.parametrize(
        "text",
        [
            "SMTP Auth forward server connection to s, port 25, interface i, 3 connections",
            "Begin Logfile",
            "Version: 7.6.3-019 SN: 564D-01",
            "Version: 7.6.3-019",
            "Time offset from UTC: 0 seconds",
            "MID 9 Subject 'SMTP Auth: (ICID 5) was odd'",
        ],
    )
    def test_what_does_not_begin_like_a_login_is_not(self, text: str) -> None:
        """A count that rises for nothing is ignored."""
        counts = Counters()
        assert read(line(0, text), counts=counts) == []
        assert counts.unparsed_logins == 0


def message(
    seconds: float, mid: int, *, number: int = 5, recipients: int, size: int | None
) -> list[bytes]:
    """Return the lines of a message."""
    lines = [line(seconds, f"Start MID {mid} ICID {number}")]
    lines += [
        line(seconds, f"MID {mid} ICID {number} RID {i} To: <r{i}@example.com>")
        for i in range(recipients)
    ]
    if size is not None:
        lines.append(line(seconds, f"MID {mid} ready {size} bytes from <s@example.com>"))
    return lines


def sent(documents: list[Document]) -> tuple[int, int, int | None]:
    """Return what the only session sent: messages, recipients, bytes."""
    (end,) = ends_of(documents)
    return end["messages"], end["recipients"], end.get("bytes")
