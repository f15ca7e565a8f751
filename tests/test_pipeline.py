"""A flow takes files and gives documents, counted, in the order of their lines."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import orjson
import pytest

from forwarder.cache import MAX_ENTRIES
from forwarder.events import Counters
from forwarder.pipeline import LogParser, Settings
from tests import golden
from tests.ecs_fields import violations
from tests.test_framer import SYSLOG

NEW = (
    b"New SMTP ICID 450 interface mail (172.16.155.16) address 172.16.155.102"
    b" reverse dns host unknown verified no"
)
LOGIN = (
    b"SMTP Auth: (ICID 450) succeeded for user: ironport using AUTH mechanism: PLAIN"
    b" with profile: IncomingAuthentication"
)
LINES = (
    b"Wed Apr 22 11:43:59 2009 Info: " + NEW + b"\n"
    b"Wed Apr 22 11:44:48 2009 Info: " + LOGIN + b"\n"
    b"Wed Apr 22 11:46:14 2009 Info: ICID 450 close\n"
)
SPRING = datetime(2009, 4, 1, tzinfo=UTC)


def read(
    text: bytes, settings: Settings | None = None, zone: tzinfo | None = None
) -> list[golden.Document]:
    """Return the documents of one file."""
    flow = LogParser(settings or Settings())
    reading = flow.open("esa1", "/logs/mail.current", near=SPRING, zone=zone)
    return [orjson.loads(x) for x in [*reading.feed(text), *reading.finish()]]


def without_offset(document: golden.Document) -> golden.Document:
    """Return a document without the place of its line."""
    log = {k: v for k, v in document["log"].items() if k != "offset"}
    return document | {"log": log}


@pytest.mark.parametrize("name", golden.NAMES)
def test_a_log_gives_the_documents_beside_it(name: str) -> None:
    """Every field of every document is the expected one."""
    assert [orjson.loads(x) for x in golden.produce(name)] == golden.expected(name)


@pytest.mark.parametrize("name", golden.NAMES)
def test_expected_documents_break_no_rule(name: str) -> None:
    """What was written by hand is held to the table of fields as well."""
    assert [x for document in golden.expected(name) for x in violations(document)] == []


@pytest.mark.parametrize(("digits", "logins"), [(20, 1), (21, 0), (5_000, 0)])
def test_a_number_that_is_too_long_is_not_that_of_a_connection(digits: int, logins: int) -> None:
    """The line is not understood, and no document breaks the table of fields."""
    flow = LogParser()
    reading = flow.open("esa1", None)
    text = LINES.replace(b"450", b"4" * digits)
    found = [orjson.loads(x) for x in [*reading.feed(text), *reading.finish()]]
    assert [x for document in found for x in violations(document)] == []
    actions = [x["event"]["action"] for x in found]
    assert actions == ["smtp-authentication", "smtp-session-closed"] * logins
    assert flow.counts.unparsed_logins == 1 - logins


@pytest.mark.parametrize("name", golden.NAMES)
def test_an_expected_offset_is_that_of_its_line(name: str) -> None:
    """The bytes at the offset begin the line."""
    text = (golden.FOLDER / f"{name}.log").read_bytes()
    for document in golden.expected(name):
        line = document["event"]["original"].encode()
        assert text[document["log"]["offset"] :].startswith(line[:38])


@pytest.mark.parametrize(
    ("wrapped", "plain"),
    [("wrapped", "plain"), ("wrapped_trailing", "plain"), ("wrapped_leading", "header")],
)
def test_a_wrapped_log_says_what_the_plain_one_says(wrapped: str, plain: str) -> None:
    """Its ids, too, are those of the lines as they were before they were copied."""
    got, want = (
        [without_offset(orjson.loads(x)) for x in golden.produce(name)] for name in (wrapped, plain)
    )
    assert got == want


def test_the_eighteen_lines_hold_four_logins_and_the_end_of_a_session() -> None:
    """The session ends at its line; the logins are the same without it."""
    everything = golden.produce("header")
    actions = [orjson.loads(x)["event"]["action"] for x in everything]
    assert actions == [
        "smtp-authentication",
        "smtp-session-closed",
        "smtp-authentication",
        "smtp-relay-authentication",
        "smtp-relay-authentication",
    ]
    del everything[1]
    assert golden.produce("header", Settings(sessions=False)) == everything


@pytest.mark.parametrize("name", golden.NAMES)
def test_a_document_is_one_line_of_json(name: str) -> None:
    """No blank between, a newline behind, and the same bytes if written again."""
    for document in golden.produce(name):
        assert document == orjson.dumps(orjson.loads(document)) + b"\n"
        assert document.count(b"\n") == 1


@pytest.mark.parametrize("framing", SYSLOG.values(), ids=SYSLOG.keys())
def test_syslog_says_what_a_file_says(framing: bytes) -> None:
    """The framing adds `log.syslog`, and changes what it says itself: time and line."""
    (got,) = read(framing + b"Info: " + NEW + b"\n" + framing + b"Info: " + LOGIN + b"\n")
    (want, _) = read(LINES)
    assert violations(got) == []
    assert got["message"] == want["message"]
    assert got["event"]["original"] == (framing + b"Info: " + LOGIN).decode()
    assert got["source"] == want["source"]
    assert got["host"] == want["host"] == {"name": "esa1"}
    assert got["log"]["syslog"]["appname"].startswith(("mail_logs", "relay_logs", "MAIL_"))
    assert "syslog" not in want["log"]


def test_a_header_says_what_time_it_is() -> None:
    """Before the zone that the operator gave, and that before UTC."""
    header = b"Wed Apr 22 11:00:00 2009 Info: Time offset from UTC: -18000 seconds\n"
    rome = ZoneInfo("Europe/Rome")
    times = [
        (document["@timestamp"], document["event"]["timezone"])
        for document in (
            read(LINES)[0],
            read(LINES, zone=rome)[0],
            read(header + LINES, zone=rome)[0],
        )
    ]
    assert times == [
        ("2009-04-22T11:44:48.000Z", "+00:00"),
        ("2009-04-22T09:44:48.000Z", "+02:00"),
        ("2009-04-22T16:44:48.000Z", "-05:00"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"Wed Apr 22 11:44:48 2009 Info: SMTP Auth: (ICID 5) in a form of tomorrow\n",
        b"Wed Apr 32 11:44:48 2009 Info: SMTP Auth: (ICID 5) succeeded for user: ann\n",
    ],
)
def test_a_message_that_is_not_understood_is_named_by_its_sender(line: bytes) -> None:
    """It has no file."""
    flow = LogParser(Settings(keep_unparsed=None))
    reading = flow.open("esa1", None, messages=True, sender="192.0.2.7")
    _ = [*reading.feed(line), *reading.finish()]
    assert flow.counts.first == {"unparsed_logins": ("syslog from 192.0.2.7", 0)}
    assert [x.path for x in flow.counts.take_unparsed()] == ["syslog from 192.0.2.7"]


@pytest.mark.parametrize("offset", ["50401", "-50401", "999999999", "none"])
def test_a_header_without_a_possible_offset_is_said(offset: str) -> None:
    """Nowhere it is so late; all times depend on it."""
    flow = LogParser()
    reading = flow.open("esa1", "/a")
    header = f"Wed Apr 22 11:00:00 2009 Info: Time offset from UTC: {offset} seconds\n"
    documents = [*reading.feed(header.encode() + LINES), *reading.finish()]
    assert orjson.loads(documents[0])["event"]["timezone"] == "+00:00"
    assert (flow.counts.unparsed_logins, flow.counts.first) == (1, {"unparsed_logins": ("/a", 0)})
    assert flow.counts.assumed_utc


def test_a_header_covers_its_own_file_only() -> None:
    """The next file has its own, or none."""
    flow = LogParser()
    header = b"Wed Apr 22 11:00:00 2009 Info: Version: 7.6.3-019 SN: 564D-01\n"
    first, second = flow.open("esa1", "/a"), flow.open("esa1", "/b")
    with_header = [*first.feed(header + LINES), *first.finish()]
    without = [*second.feed(LINES.replace(b"450", b"451")), *second.finish()]
    assert [orjson.loads(x)["host"].get("id") for x in with_header + without] == [
        "564D-01",
        "564D-01",
        None,
        None,
    ]


def test_the_year_of_the_operator_holds_for_stamps_without_one() -> None:
    """It is that of the first line."""
    text = b"Apr 22 11:44:48 mail_logs: Info: " + LOGIN + b"\n"
    assert read(text)[0]["@timestamp"].startswith("2008-")
    assert read(text, Settings(year=2021))[0]["@timestamp"].startswith("2021-")


def test_a_connection_goes_on_in_the_next_file() -> None:
    """State outlives a file, and belongs to its appliance."""
    flow = LogParser()
    lines = LINES.splitlines(keepends=True)
    reading = flow.open("esa1", "/a")
    assert [*reading.feed(lines[0]), *reading.finish()] == []
    other = flow.open("esa2", "/b")
    (alone,) = [*other.feed(lines[1]), *other.finish()]
    reading = flow.open("esa1", "/c")
    login, end = [*reading.feed(lines[1] + lines[2]), *reading.finish()]
    assert orjson.loads(login)["source"]["ip"] == "172.16.155.102"
    assert orjson.loads(end)["cisco_esa"]["session"]["close_reason"] == "close"
    assert "source" in orjson.loads(alone)
    assert "ip" not in orjson.loads(alone)["source"]


def test_appliances_that_share_a_file_keep_its_order() -> None:
    """Their lines are joined apart, and their documents come in the order of the lines."""
    text = b"".join(
        b"Apr 22 11:44:%02d esa%d mail_logs: Info: %b\n" % (i, i % 3, LOGIN) for i in range(30)
    )
    reading = LogParser().open("relay", "/var/log/esa.log", near=SPRING, hosts=True)
    documents = [orjson.loads(x) for x in [*reading.feed(text), *reading.finish()]]
    logins = [x for x in documents if x["event"]["action"] == "smtp-authentication"]
    assert [x["host"]["name"] for x in logins] == [f"esa{i % 3}" for i in range(30)]
    offsets = [x["log"]["offset"] for x in documents]
    assert offsets == sorted(offsets)


@pytest.mark.parametrize("text", [b"", b"\n", b"\r\n\r\n", b"nonsense\n" * 3, b"\0" * 5000])
def test_what_is_no_log_gives_nothing(text: bytes) -> None:
    """Not even an error."""
    assert read(text) == []


def test_a_last_line_needs_no_newline() -> None:
    """It is whole when the file ends."""
    assert read(LINES.removesuffix(b"\n")) == read(LINES)


STAMP_AND_LEVEL = b"Wed Apr 22 11:47:00 2009 Info: "


def test_everything_is_counted() -> None:
    """Bytes, lines, events by action and outcome, joins, and what could not be read."""
    flow = LogParser()
    reading = flow.open("esa1", "/a")
    lost = LOGIN.replace(b"450", b"9").replace(b"succeeded", b"failed")
    odd = LOGIN.replace(b"succeeded for", b"was odd to")
    text = LINES + b"".join(b"Wed Apr 22 11:47:00 2009 Info: %b\n" % x for x in (lost, odd))
    reading.feed(text)
    reading.finish()
    assert flow.counts == Counters(
        bytes=len(text),
        lines=5,
        truncated_lines=0,
        unparsed_logins=1,
        first={
            "unparsed_logins": (
                "/a",
                text.index(b"SMTP Auth: (ICID 450) was odd") - len(STAMP_AND_LEVEL),
            )
        },
        events=flow.counts.events,
        uncorrelated=1,
        assumed_utc=True,
    )
    assert flow.counts.events == {
        ("smtp-authentication", "success"): 1,
        ("smtp-session-closed", "success"): 1,
        ("smtp-authentication", "failure"): 1,
    }


def test_counts_of_two_flows_make_one() -> None:
    """Every number is added, and a warning of one is a warning of both."""
    total = Counters()
    for lines in (LINES, LINES * 2):
        flow = LogParser()
        reading = flow.open("esa1", "/a")
        reading.feed(lines)
        reading.finish()
        total.add(flow.counts)
    assert (total.bytes, total.lines, total.joinable, total.joined) == (3 * len(LINES), 9, 3, 3)
    assert total.events["smtp-authentication", "success"] == 3
    assert total.assumed_utc


def test_what_is_counted_does_not_grow_with_what_servers_answer() -> None:
    """A service runs for months, and each answer may have a number of its own."""
    flow = LogParser()
    reading = flow.open("esa1", "/mail.log")
    number = 20_000
    line = (
        b"Sun Mar  1 12:00:00 2026 Info: DCID: 7 IP: 192.0.2.25 SMTP authentication using the"
        b" profile Out failed: ('535', ['5.7.8 refused, reference %d'])\n"
    )
    for begin in range(0, number, 1000):
        list(reading.feed(b"".join(line % x for x in range(begin, begin + 1000))))
    list(reading.finish())
    assert len(flow._outcomes) <= 2 * MAX_ENTRIES  # noqa: SLF001 - nothing else tells
    assert flow.counts.events == {("smtp-relay-authentication", "failure"): number}
    assert flow.counts.events == {("smtp-relay-authentication", "failure"): number}
    assert (flow.counts.joinable, flow.counts.joined) == (number, 0)


def test_only_wanted_tags_are_read() -> None:
    """Others are counted, and so are lines without a tag; what repeats a line has its tag."""
    flow = LogParser()
    reading = flow.open("a", None, near=SPRING, messages=True, tags=frozenset({"mail_logs", "b"}))
    login = (
        "Info: SMTP Auth: (ICID {}) failed for user: u using AUTH mechanism: LOGIN with profile: P"
    )
    lines = [
        "<22>Apr 22 11:44:48 esa1 mail_logs: " + login.format(1),
        "<22>Apr 22 11:44:48 esa1 other: " + login.format(9),
        "<22>Apr 22 11:44:48 esa1 last message repeated 2 times",
        "<22>Apr 22 11:44:48 mail_logs[12]: " + login.format(2),
        "<22>1 2026-04-22T11:44:48+02:00 esa1 b - - - " + login.format(3),
        "<22>1 2026-04-22T11:44:48+02:00 esa1 B - - - " + login.format(9),
        "Wed Apr 22 11:44:48 2026 " + login.format(9),
        "<22>Apr 22 11:44:48 relay mail_logs: Apr 22 11:44:48 esa1 other: " + login.format(9),
        "<22>Apr 22 11:44:48 esa1 b: " + login.format(4),
        "<22>Apr 22 11:44:48 esa1 last message repeated 2 times",
    ]
    made = reading.feed("".join(x + "\n" for x in lines).encode()).values()
    made += reading.settle().values()
    made += flow.release(1e10).values()  # no connection of theirs came
    numbers = [orjson.loads(x.body)["cisco_esa"]["icid"] for x in made]
    assert numbers == ["1", "2", "3", "4", "4", "4"]
    assert flow.counts.skipped_tags == 6
    assert flow.counts.foreign_lines == 0
