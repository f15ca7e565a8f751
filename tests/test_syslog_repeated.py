"""A message that a daemon wrote once, and how often it came, is as many logins."""

from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.events import Counters
from forwarder.mail_logs.syslog import MAX_HOSTS, MAX_TIMES, TIMES_A_LINE
from forwarder.pipeline import LogParser
from tests.golden import Document

SPRING = datetime(2026, 4, 1, tzinfo=UTC)
HEAD = "Mar  2 08:00:%02d "
LOGIN = "Info: SMTP Auth: (ICID 5) failed for user: %s using AUTH mechanism: PLAIN with profile: P"


def login(second: int, host: str = "esa1", user: str = "mia", tag: str = "ml") -> str:
    """Return a line of a login."""
    return f"{HEAD % second}{host} {tag}: {LOGIN % user}"


def last(second: int, times: int, before: str = "esa1 ") -> str:
    """Return a line that names no message."""
    return f"{HEAD % second}{before}last message repeated {times} times"


def named(second: int, times: int, message: str = LOGIN % "mia", before: str = "esa1 ml: ") -> str:
    """Return a line that names the message."""
    return f"{HEAD % second}{before}message repeated {times} times: [ {message}]"


def read(*lines: str, size: int = 1 << 20, counts: Counters | None = None) -> list[Document]:
    """Return the documents of a log; saved and resumed behind each piece of this size."""
    flow = LogParser()
    content = "".join(x + "\n" for x in lines).encode()
    documents, state = [], None
    for start in range(0, len(content), size):
        reading = flow.open("esa1", None, near=SPRING, hosts=True, state=state)
        if state is not None:
            start = reading.position  # noqa: PLW2901 - what was held comes again
        documents += [*reading.feed(content[start : start + size])]
        state = reading.state
    reading = flow.open("esa1", None, near=SPRING, hosts=True, state=state)
    documents += [*reading.feed(content[reading.position :]), *reading.finish()]
    if counts is not None:
        counts.add(flow.counts)
    return [orjson.loads(x) for x in documents]


def users(documents: Sequence[Document]) -> list[tuple[str, str]]:
    """Return the seconds and the user of each login."""
    return [(x["@timestamp"][17:19], x["user"]["name"]) for x in documents]


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ([named(1, 3)], 3),
        ([login(0), named(1, 2)], 3),
        ([named(1, 2), last(2, 2)], 4),
        ([login(0), last(1, 4)], 5),
        ([login(0), last(1, 1), last(2, 2)], 4),
        ([login(0), last(1, 2, "esa1 ml: ")], 3),
        ([login(0), last(1, 2, "esa1 m: ")], 1),
        ([login(0), last(1, 2, "esa1 other: ")], 1),
        ([login(0), last(1, 2, "esa2 ")], 1),
        ([login(0), last(1, 2, "")], 1),
        ([login(0), login(0, "esa2", "leo"), last(1, 2)], 4),
        ([login(0), HEAD % 1 + "esa1 sshd[1]: Failed password", last(2, 2)], 1),
        ([login(0), HEAD % 1 + "esa2 sshd[1]: Failed password", last(2, 2)], 3),
        ([login(0), HEAD % 1 + "esa1 ml: Info: ICID 6 close", last(2, 2)], 1),
        ([last(0, 2)], 0),
        ([named(0, 0)], 0),
        ([named(1, 2, before="esa1 ml[12]: ")], 2),
        ([named(1, 2, before="esa1 ml: Info: x ")], 0),
        ([named(1, 2, "x " + LOGIN)], 0),
        ([named(1, 2, "Mon Mar  2 08:00:01 2026 " + LOGIN % "mia", "relay x: ")], 2),
        ([named(1, 2, "Mar  2 08:00:01 esa1 ml: " + LOGIN % "mia", "relay x: ")], 2),
        ([named(1, 2, "x Mar  2 08:00:01 esa1 ml: " + LOGIN % "mia", "relay x: ")], 0),
        ([named(1, 2, (LOGIN % "mia").replace("Info: ", "Info:\t "))], 2),
        ([f"<22>1 2026-03-02T08:00:00Z esa1 ml - - - message repeated 2 times: [ {LOGIN}]"], 2),
    ],
)
def test_a_message_comes_as_often_as_the_daemon_says(lines: list[str], number: int) -> None:
    """The one without a name repeats the last of its host and program."""
    counts = Counters()
    documents = read(*lines, counts=counts)
    assert len(documents) == number
    assert len({x["event"]["id"] for x in documents}) == number


def test_each_is_a_line_as_it_would_have_been() -> None:
    """With the time at which it is said, and its own id."""
    documents = read(login(0), named(1, 1), last(2, 2))
    assert users(documents) == [("00", "mia"), ("01", "mia"), ("02", "mia"), ("02", "mia")]
    assert [x["event"]["original"] for x in documents] == [login(0), login(1), login(2), login(2)]
    assert {x["message"] for x in documents} == {(LOGIN % "mia").removeprefix("Info: ")}
    assert [x["log"]["offset"] for x in documents][2:] == [len(login(0)) + len(named(1, 1)) + 2] * 2


def test_what_describes_a_connection_counts_once() -> None:
    """However often it is said."""
    new = "Info: New SMTP ICID 5 interface Data 1 (192.0.2.1) address 198.51.100.5"
    (document,) = read(named(0, 1_000_000, new), login(1))
    assert document["source"]["ip"] == "198.51.100.5"


@pytest.mark.parametrize("times", [10**9, 10**19])
@pytest.mark.parametrize("lines", [named, last])
def test_a_number_that_is_quickly_written_is_bounded(times: int, lines: object) -> None:
    """What is beyond is counted."""
    counts = Counters()
    assert callable(lines)
    documents = read(login(0), *[lines(1, times)] * 3, counts=counts)
    kept = MAX_TIMES + (2 * TIMES_A_LINE if lines is named else 0)
    assert len(documents) == 1 + kept
    assert counts.dropped_repeats == 3 * times - kept
    assert counts.unparsed_logins == 0


def test_many_messages_are_repeated_some_times_on_average() -> None:
    """However many there are, and however often each is said to have come."""
    lines = [x for i in range(60) for x in (login(i), last(i, 10**9))]
    assert len(read(*lines)) == 60 + MAX_TIMES + 59 * TIMES_A_LINE


def test_a_brute_force_is_all_there() -> None:
    """A hundred users, and thousands of attempts at once."""
    counts = Counters()
    lines = [named(i % 60, 50, LOGIN % f"user{i}") for i in range(100)]
    assert len(read(*lines, named(59, 4_000), counts=counts)) == 9_000
    assert counts.dropped_repeats == 0


@pytest.mark.parametrize(("before", "number"), [([], 1), ([login(0)], 0), (["x"], 1)])
def test_what_repeats_a_message_of_the_file_before_is_counted(
    before: list[str], number: int
) -> None:
    """It is unknown here which message it was."""
    counts = Counters()
    documents = read(*before, last(1, 2), counts=counts)
    assert len(documents) == 3 * (not number)
    assert counts.orphaned_repeats == (number if not before else 0)
    assert counts.unparsed_logins == 0


def test_few_hosts_are_remembered() -> None:
    """The one that was silent for longest is forgotten."""
    hosts = [f"esa{number}" for number in range(MAX_HOSTS + 1)]
    lines = [login(0, host) for host in hosts] + [last(1, 1, f"{host} ") for host in hosts]
    assert len(read(*lines)) == 2 * MAX_HOSTS + 1


LINES = st.sampled_from(
    [
        *(login(0), login(1), login(1, "esa2", "leo"), named(2, 2), last(2, 3)),
        *(last(3, 1, "esa2 "), last(3, 2, "esa1 ml: "), HEAD % 2 + "esa1 sshd: x"),
        *(LOGIN % "x", "Mon Mar  2 08:00:02 2026 " + LOGIN % "reg", HEAD % 3 + "ml: " + LOGIN),
        *(last(3, 2, ""), "", "and so on", login(3)[:90], login(3)[90:]),
    ]
)


@given(st.lists(LINES, max_size=12), st.integers(1, 200))
def test_it_does_not_matter_where_bytes_are_cut(lines: list[str], size: int) -> None:
    """Nor where a state is saved: the same documents, and no two with one id."""
    whole = read(*lines)
    ids = [x["event"]["id"] for x in whole]
    assert len(set(ids)) == len(ids)
    assert read(*lines, size=size) == whole
