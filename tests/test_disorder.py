"""Messages of one connection arrive in another order than they were written."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.app.parser_client import PREFIX
from forwarder.app.saved_state import forget
from forwarder.mail_logs import streams
from forwarder.pipeline import FileParser, LogParser
from tests.restarts import save

NEAR = datetime(2026, 4, 22, 12, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")
ADDRESS = "203.0.113.9"
NEW = f"New SMTP ICID 5 interface D (192.0.2.25) address {ADDRESS} reverse dns host a verified no"
TLS = "ICID 5 TLS success protocol TLSv1.2 cipher C"
POLICY = "ICID 5 ACCEPT SG SUSPECTLIST match sbrs[-1.0:2.0] SBRS None"
LOGIN = "SMTP Auth: (ICID 5) {} for user: {} using AUTH mechanism: PLAIN with profile: P"
MIA, LEO = LOGIN.format("succeeded", "mia"), LOGIN.format("failed", "leo")
MESSAGE = ("Start MID 9 ICID 5", "MID 9 ICID 5 RID 0 To: <b@example.com>")
READY = "MID 9 ready 1234 bytes from <a@example.com>"
CLOSE, KILLED = "ICID 5 close", "SMTP server connection killed ICID 5"
NEW_OUT = "New SMTP DCID 5 interface 192.0.2.25 address 198.51.100.7 port 587"
TLS_OUT = "DCID 5 TLS success protocol TLSv1.3 cipher C"
LOGIN_OUT = "DCID: 5 IP: 198.51.100.7 SMTP authentication using the profile Out succeeded."
CLOSE_OUT = "DCID 5 close"

Document = dict[str, Any]


def line(message: str, second: int = 5, host: str = "esa1") -> str:
    """Return a message as an appliance sends it."""
    return f"<22>Apr 22 11:44:{second:02d} {host} mail_logs: Info: {message}"


class Sender:
    """Sends messages, and gets documents."""

    def __init__(self) -> None:
        self.flow = LogParser()
        self.store: dict[str, bytes] = {}
        self.state = b""
        self.sent = b""
        self.documents: list[Document] = []
        self.reading = self._open()
        # Ids of lines within the second of the first one depend on it.
        self.send([line("Begin Logfile", 0)], 900)

    def _open(self) -> FileParser:
        state = self.state or None
        return self.flow.open(
            "relay", None, near=NEAR, hosts=True, messages=True, zone=ROME, state=state
        )

    def send(self, lines: Iterable[str], at: float) -> list[Document]:
        """Send lines that arrive together; return the documents that come of it."""
        data = "".join(x + "\n" for x in lines).encode()
        found = [*self.flow.release(at), *self.reading.feed(data), *self.reading.settle()]
        self.documents += map(orjson.loads, found)
        return self.documents[len(self.documents) - len(found) :]

    def restart(self) -> None:
        """End after a commit, and begin again."""
        save(self.flow, self.store)
        self.state = self.reading.state
        self.flow = LogParser()
        self.flow.restore(reversed(self.store.items()))
        self.reading = self._open()

    @property
    def logins(self) -> dict[str, str | None]:
        """Addresses of clients by the users of logins so far."""
        return {
            x["user"]["name"]: x["source"].get("ip")
            for x in self.documents
            if "user" in x and is_login(x)
        }


def is_login(document: Document) -> bool:
    """Tell a login from the end of a session."""
    return bool(document["event"]["action"] != "smtp-session-closed")


def essence(documents: Iterable[Document]) -> list[Document]:
    """Return documents without what depends on the order in which their lines came."""
    result = []
    for document in documents:
        del document["log"]
        # A policy line that comes after a login is not in its document.
        for name in ("policy", "group", "match"):
            document["cisco_esa"].get("sender", {}).pop(name, None)
        result.append(document)
    return sorted(result, key=lambda x: str(x["event"]["id"]))


ORDERS = [
    *permutations((NEW, MIA, CLOSE)),
    *permutations((NEW, MIA, KILLED)),
    *permutations((NEW, LEO, MIA, CLOSE)),
]


@pytest.mark.parametrize("gap", [0.0, 0.4])
@pytest.mark.parametrize("restarts", [False, True])
def test_any_order_gives_the_same_documents(gap: float, *, restarts: bool) -> None:
    """Whatever arrives within the time, together or one by one, and over restarts."""
    in_order: dict[int, list[Document]] = {}
    for order in ORDERS:
        sender, before = Sender(), set[str]()
        for number, message in enumerate(order):
            sender.send([line(message)], 1_000 + gap * number)
            before.add(message)
            # A connection that has ended is saved only if it has a login.
            if restarts and (not before & {CLOSE, KILLED} or before & {MIA, LEO}):
                sender.restart()
        sender.send([], 1_010)
        assert set(sender.logins.values()) == {ADDRESS}, order
        found = essence(sender.documents)
        assert len(found) == len(order) - 1, order
        assert found == in_order.setdefault(hash(frozenset(order)), found), order
        assert sender.flow.due is None
        assert sender.flow.open_connections == 0
        # What a restart has left has the times of its own zone.
        assert not sender.flow.counts.assumed_utc


@pytest.mark.parametrize("restarts", [False, True])
def test_a_login_waits_for_two_seconds(*, restarts: bool) -> None:
    """Then its document is the same as without a wait."""
    sender = Sender()
    assert sender.send([line(MIA), line(LOGIN_OUT), line(LEO)], 1_000.5) == []
    if restarts:
        sender.restart()
    assert sender.flow.due == 1_002.5
    assert sender.send([line("ICID 6 ACCEPT SG A match ALL SBRS None")], 1_002.4) == []
    found = sender.send([], 1_002.5)
    at_once = LogParser()
    file = at_once.open("relay", None, near=NEAR, hosts=True, zone=ROME)
    lines = [line("Begin Logfile", 0), line(MIA), line(LOGIN_OUT), line(LEO)]
    documents = [*file.feed("".join(x + "\n" for x in lines).encode()), *file.finish()]
    expected = [orjson.loads(x) for x in documents]
    assert essence(found) == essence(expected)
    assert sender.flow.counts.uncorrelated == at_once.counts.uncorrelated == 3
    # What comes later is another connection, as ever.
    sender.send([line(NEW), line(MIA.replace("mia", "zoe"))], 1_003)
    assert sender.logins["zoe"] == ADDRESS


def test_a_clock_that_is_set_back_prolongs_no_wait() -> None:
    """The time of arrival is that of this machine."""
    sender = Sender()
    sender.send([line(MIA)], 1_000)
    assert len(sender.send([], 500)) == 1


def test_a_connection_to_a_smart_host_is_joined_as_well() -> None:
    """In any order; and only to the same address."""
    for order in permutations((NEW_OUT, TLS_OUT, LOGIN_OUT, CLOSE_OUT)):
        sender = Sender()
        for number, message in enumerate(order):
            sender.send([line(message)], 1_000 + number * 0.4)
        sender.send([], 1_010)
        (found,) = sender.documents
        assert found["cisco_esa"]["connection"]["correlated"], order
        assert ("tls" in found) == (
            order.index(TLS_OUT) < max(order.index(NEW_OUT), order.index(LOGIN_OUT))
        ), order
        assert sender.flow.open_connections == 0
    sender = Sender()
    sender.send([line(LOGIN_OUT), line(NEW_OUT.replace(".7", ".8"))], 1_000)
    assert not sender.documents[0]["cisco_esa"]["connection"]["correlated"]


@pytest.mark.parametrize(
    "lines",
    [
        (NEW, MIA, *MESSAGE, READY, CLOSE),
        (MIA, NEW, *MESSAGE, READY, CLOSE),
        (MIA, *MESSAGE, CLOSE, READY, NEW),
        (CLOSE, MIA, NEW, *MESSAGE, READY),
    ],
)
@pytest.mark.parametrize("restarts", [False, True])
def test_a_session_counts_all_that_it_did(lines: Sequence[str], *, restarts: bool) -> None:
    """From the arrival of its login on; also what arrives after its end."""
    sender = Sender()
    for number, message in enumerate((*lines, LEO)):
        sender.send([line(message)], 1_000 + number * 0.2)
        if restarts and number > lines.index(MIA):
            sender.restart()
    sender.send([], 1_010)
    (ended,) = [x for x in sender.documents if not is_login(x)]
    session = ended["cisco_esa"]["session"]
    assert session["close_reason"] == "close"
    assert (session["auth_successes"], session["auth_failures"]) == (1, 1)
    assert (session["messages"], session["recipients"], session["bytes"]) == (1, 1, 1234)
    assert ended["source"]["ip"] == ADDRESS


def test_a_policy_behind_the_end_is_in_the_document() -> None:
    """Of a login that comes still later."""
    sender = Sender()
    (found,) = sender.send([line(x) for x in (NEW, CLOSE, POLICY, MIA)], 1_000)
    assert found["cisco_esa"]["sender"]["policy"] == "ACCEPT"
    sender.send([line(POLICY)], 1_000)
    sender.send([], 1_010)
    assert sender.flow.open_connections == 0


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        # Long after the end, by arrival or by the log.
        ([(NEW, 5, 0.0), (CLOSE, 5, 0.0), (MIA, 5, 2.1)], None),
        ([(NEW, 5, 0.0), (CLOSE, 5, 0.0), (MIA, 6, 0.1)], None),
        ([(NEW, 5, 0.0), (CLOSE, 20, 0.0), (MIA, 14, 0.1)], None),
        # Another connection with its number.
        ([(NEW, 5, 0.0), (CLOSE, 6, 0.0), (NEW, 8, 0.1), (MIA, 5, 0.2)], None),
        ([(MIA, 5, 0.0), (NEW, 6, 0.1)], None),
        ([(MIA, 11, 0.0), (NEW, 5, 0.1)], None),
        ([(CLOSE, 5, 0.0), (MIA, 6, 0.1), (NEW, 6, 0.2)], ADDRESS),
        ([(MIA, 5, 0.0), (NEW, 5, 2.1)], None),
    ],
)
def test_no_login_joins_another_connection(
    lines: list[tuple[str, int, float]], address: str | None
) -> None:
    """Neither a later one, nor one that had ended."""
    sender = Sender()
    for message, second, at in lines:
        sender.send([line(message, second)], 1_000 + at)
    sender.send([], 1_010)
    assert sender.logins == {"mia": address}


@pytest.mark.parametrize("restarts", [False, True])
def test_an_end_before_its_beginning_ends_it(*, restarts: bool) -> None:
    """The next login with the number is of another connection, whose beginning is late as well."""
    sender = Sender()
    for message, second, at in [
        *((NEW.replace(ADDRESS, "203.0.113.1"), 5, 0.0), (CLOSE, 5, 0.1)),
        *((CLOSE, 7, 2.0), (NEW, 7, 2.1)),
        *((MIA, 10, 5.0), (NEW.replace(ADDRESS, "203.0.113.2"), 10, 5.1)),
    ]:
        if restarts:
            sender.restart()
        sender.send([line(message, second)], 1_000 + at)
    assert sender.logins == {"mia": "203.0.113.2"}


def test_appliances_wait_each_for_its_own_lines() -> None:
    """The same numbers of another host are other connections."""
    sender = Sender()
    sender.send([line(MIA), line(NEW, host="esa2"), line(LEO, host="esa2")], 1_000)
    assert sender.logins == {"leo": ADDRESS}
    sender.send([line(NEW)], 1_001)
    assert sender.logins == {"leo": ADDRESS, "mia": ADDRESS}


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In number: the first go out early; and in size: a long line does not wait."""
    monkeypatch.setattr(streams, "MAX_WAITING", 3)
    sender = Sender()
    lines = [line(MIA.replace("ICID 5", f"ICID {x}"), host=f"esa{x}") for x in range(5)]
    assert len(sender.send(lines, 1_000)) == 2
    assert len(sender.send([line(MIA.replace("mia", "m" * 2_100), host="esa9")], 1_000)) == 1
    assert len(sender.send([], 1_002)) == 3


def test_streams_that_are_forgotten_keep_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger may invent hosts: what waits of the others goes out."""
    monkeypatch.setattr(streams, "MAX_STREAMS", 4)
    sender = Sender()
    sender.send([line(MIA, host=f"esa{x}") for x in range(10)], 1_000)
    sender.send([line(NEW), line(LEO), line(CLOSE)], 1_001)
    sender.restart()
    sender.send([], 1_010)
    assert len([x for x in sender.documents if is_login(x)]) == 11


def test_streams_that_are_forgotten_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of them waits any more."""
    monkeypatch.setattr(streams, "MAX_STREAMS", 4)
    sender = Sender()
    for number in range(8):
        at = 1_000 + number / 10
        assert len(sender.send([line(LEO, host=f"mx{number}")], at)) == (number >= 4)
        assert sender.flow.due == pytest.approx(1_002 + max(0, number - 3) / 10)


def test_rewind_forgets_no_login_that_waits() -> None:
    """Its message cannot be read again."""
    sender = Sender()
    sender.send([line(MIA)], 1_000)
    sender.restart()
    state = [(PREFIX + key, value) for key, value in sender.store.items()]
    assert len(state) > 1
    assert forget(state, {"esa1"}) == []


def test_what_is_no_message_waits_for_nothing() -> None:
    """A file has its lines in order."""
    flow = LogParser()
    file = flow.open("esa1", "/mail.log", near=NEAR)
    assert len(file.feed(f"{line(NEW)}\n{line(MIA)}\n{line(CLOSE)}\n{line(LEO)}\n\n".encode())) == 2
    assert len(file.finish()) == 1
    assert flow.due is None


SECONDS = st.integers(0, 1)
DELAY = st.floats(0, 1.9)


@given(
    st.lists(
        st.tuples(SECONDS, SECONDS, SECONDS, st.lists(DELAY, min_size=5, max_size=5)), max_size=6
    )
)
def test_late_lines_change_no_document(made: list[tuple[int, int, int, list[float]]]) -> None:
    """Of many connections at once: each line may be late by the time that others wait for it."""
    lines = []
    for number, (*pauses, delays) in enumerate(made):
        messages = (NEW, POLICY, LEO, MIA, CLOSE)
        second = 5
        for message, pause, delay in zip(messages, (0, 0, *pauses), delays, strict=True):
            second += pause
            text = message.replace("CID 5", f"CID {number}").replace(ADDRESS, f"192.0.2.{number}")
            lines.append((line(text.replace("mia", f"m{number}"), second), second, delay))
    documents = []
    for late in (0, 1):
        sender = Sender()
        for text, second, delay in sorted(lines, key=lambda x: x[1] + late * x[2]):
            sender.send([text], 1_000 + second + late * delay)
        sender.send([], 2_000)
        documents.append(essence(sender.documents))
        assert sender.flow.counts.uncorrelated == 0
        assert sender.flow.open_connections == 0
    assert documents[0] == documents[1]


@given(
    st.lists(
        st.tuples(SECONDS, st.floats(0, 6), DELAY, DELAY),
        min_size=2,
        max_size=4,
    )
)
def test_a_number_that_comes_again_is_another_connection(
    made: list[tuple[int, float, float, float]],
) -> None:
    """However late a login is, it has the address of its own connection, or none."""
    lines, second = [], 5
    for number, (pause, late, *delays) in enumerate(made):
        new, login = NEW.replace(ADDRESS, f"192.0.2.{number}"), MIA.replace("mia", f"m{number}")
        lines += [(line(new, second), second + delays[0]), (line(login, second), second + late)]
        second += pause
        lines.append((line(CLOSE, second), second + delays[1]))
        second += 4
    sender = Sender()
    for text, at in sorted(lines, key=lambda x: x[1]):
        sender.send([text], 1_000 + at)
    sender.send([], 2_000)
    assert len(sender.logins) == len(made)
    for number in range(len(made)):
        assert sender.logins[f"m{number}"] in {None, f"192.0.2.{number}"}


INNER = st.tuples(st.sampled_from((POLICY, TLS, LEO, MIA)), SECONDS, DELAY)
CONNECTIONS = st.lists(
    st.tuples(
        st.sampled_from("56"),
        st.integers(2, 4),  # seconds from the end of the one before with the number
        st.lists(INNER, max_size=5),
        SECONDS,
        st.sampled_from((CLOSE, KILLED)),
        DELAY,
        DELAY,
    ),
    max_size=5,
)
Made = list[tuple[str, int, list[tuple[str, int, float]], int, str, float, float]]


def written(made: Made) -> list[tuple[str, int, float]]:
    """Return messages in the order in which they were written, each with its second and delay.

    Users have the number of their connection in front; addresses and ciphers end with it.
    """
    lines: list[tuple[str, int, float]] = []
    ends: dict[str, int] = {}
    for place, (number, gap, inner, pause, end, *delays) in enumerate(made):
        begin = ends[number] + gap if number in ends else 5
        parts = [(NEW, 0, delays[0]), *inner, (end, pause, delays[1])]
        for text, wait, delay in parts:
            begin += wait
            message = text.replace("CID 5", f"CID {number}").replace(ADDRESS, f"192.0.2.{place}")
            message = message.replace("user: ", f"user: {place}-{len(lines)}-")
            lines.append(
                (line(message.replace("cipher C", f"cipher C{place}"), begin), begin, delay)
            )
        ends[number] = begin
    return sorted(lines, key=lambda x: x[1])


def without_log(documents: Iterable[Document]) -> list[Document]:
    """Return documents in the order of their ids, without where their lines are."""
    kept = [{key: x[key] for key in x if key != "log"} for x in documents]
    return sorted(kept, key=lambda x: str(x["event"]["id"]))


@given(made=CONNECTIONS, restarts=st.booleans())
def test_a_late_line_gives_no_login_what_is_of_another_connection(
    made: Made, *, restarts: bool
) -> None:
    """Where a number comes again two seconds after an end: each has its own address, or none."""
    lines, sender = written(made), Sender()
    for text, second, delay in sorted(lines, key=lambda x: x[1] + x[2]):
        if restarts:
            sender.restart()
        sender.send([text], 1_000 + second + delay)
    sender.send([], 2_000)
    assert len(sender.logins) == sum("SMTP Auth" in text for text, _, _ in lines)
    for document in sender.documents:
        if restarts and not is_login(document):
            continue  # it may begin behind an end that a restart forgot
        place = document["user"]["name"].partition("-")[0]
        assert document.get("source", {}).get("ip") in {None, f"192.0.2.{place}"}
        if is_login(document) and not restarts:
            assert document.get("tls", {}).get("cipher") in {None, f"C{place}"}
    assert restarts or sender.flow.open_connections == 0


@given(CONNECTIONS)
def test_lines_in_order_give_what_a_file_gives(made: Made) -> None:
    """Waiting changes nothing then."""
    lines, sender = [(line("Begin Logfile", 0), 0, 0.0), *written(made)], Sender()
    for text, second, _ in lines[1:]:
        sender.send([text], 1_000 + second)
    sender.send([], 2_000)
    file = LogParser().open("relay", None, near=NEAR, hosts=True, zone=ROME)
    data = "".join(text + "\n" for text, _, _ in lines).encode()
    expected = map(orjson.loads, [*file.feed(data), *file.finish()])
    assert without_log(sender.documents) == without_log(expected)
