"""Files that come late: what is joined, and that nobody gets another one's address."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.pipeline import FileParser, LogParser
from tests.restarts import save

BEGIN = datetime(2026, 4, 22, 11, 0, 0, tzinfo=UTC)
STEP_SECONDS = 10  # more than first lines may be out of order
SERVER = "198.51.100.9"


class Log:
    """Lines of one file, at minutes and seconds."""

    def __init__(self, begin: str, *, offset: bool = True) -> None:
        self.lines = [f"{begin} Begin Logfile", f"{begin} Version: 15.5.1-055 SN: AAAA"]
        if offset:
            self.lines.append(f"{begin} Time offset from UTC: 7200 seconds")

    def new(self, at: str, number: int, last: int) -> "Log":
        """Open a client's connection from 203.0.113.``last``."""
        return self._add(
            at,
            f"New SMTP ICID {number} interface Data 1 (192.0.2.25) address 203.0.113.{last}"
            " reverse dns host unknown verified no",
        )

    def login(self, at: str, number: int, user: str, how: str = "succeeded") -> "Log":
        """Add a client's login."""
        return self._add(
            at,
            f"SMTP Auth: (ICID {number}) {how} for user: {user} using AUTH mechanism: PLAIN with"
            " profile: P",
        )

    def close(self, at: str, number: int) -> "Log":
        """End a client's connection."""
        return self._add(at, f"ICID {number} close")

    def out(self, at: str, number: int, port: int) -> "Log":
        """Open a connection to the smart host, at a port that tells it apart."""
        return self._add(
            at, f"New SMTP DCID {number} interface 192.0.2.25 address {SERVER} port {port}"
        )

    def out_login(self, at: str, number: int) -> "Log":
        """Log in to the smart host."""
        return self._add(
            at,
            f"DCID: {number} IP: {SERVER} SMTP authentication using the profile Out succeeded.",
        )

    def _add(self, at: str, message: str) -> "Log":
        self.lines.append(f"{at} {message}")
        return self

    def content(self) -> bytes:
        """Give the file; a time is minutes and seconds behind eleven o'clock."""
        lines = []
        for line in self.lines:
            at, message = line.split(" ", 1)
            minutes, seconds = map(int, at.split(":"))
            time = BEGIN + timedelta(minutes=minutes, seconds=seconds)
            lines.append(f"{time:%a %b %d %H:%M:%S %Y} Info: {message}\n")
        return "".join(lines).encode()


class Reader:
    """Reads files of one log as they arrive; between two of them the process may end."""

    def __init__(self, *, restarts: bool) -> None:
        self._restarts = restarts
        self._store: dict[str, bytes] = {}
        self._open: dict[str, tuple[bytes, int]] = {}
        self.flow = LogParser()
        self.documents: list[dict[str, Any]] = []

    def file(self, name: str, state: bytes | None = None) -> FileParser:
        """Begin with a file, or go on with it."""
        return self.flow.open("esa1", f"/{name}", base="mail", near=BEGIN, state=state)

    def read(self, name: str, log: Log) -> None:
        """Read a whole file."""
        reading = self.file(name)
        self.take([*reading.feed(log.content()), *reading.finish()])
        if self._restarts:
            save(self.flow, self._store)
            self.flow = LogParser()
            self.flow.restore(self._store.items())

    def take(self, documents: Sequence[bytes]) -> None:
        """Keep documents."""
        self.documents += map(orjson.loads, documents)

    def address(self, user: str) -> str | None:
        """Give the address of the only login of a user."""
        (found,) = (
            x
            for x in self.documents
            if x.get("user") == {"name": user} and "session" not in x["cisco_esa"]
        )
        address = found["source"].get("ip")
        assert found["cisco_esa"]["connection"]["correlated"] == (address is not None)
        return None if address is None else str(address)

    def ends(self) -> list[str]:
        """Say how sessions ended."""
        return [
            x["cisco_esa"]["session"]["close_reason"]
            for x in self.documents
            if "session" in x["cisco_esa"]
        ]


@pytest.fixture(params=[False, True], ids=["", "restarts"])
def reader(request: pytest.FixtureRequest) -> Reader:
    """Give a reader."""
    return Reader(restarts=request.param)


def test_a_new_line_of_a_late_file_replaces_nothing(reader: Reader) -> None:
    """The number was given again since: the newer connection stays open, with its session."""
    reader.read("2", Log("10:00").new("10:06", 453, 22).login("10:07", 453, "a"))
    reader.read("1", Log("0:00").new("1:00", 453, 11).login("1:01", 453, "b"))
    reader.read("3", Log("20:00").login("20:06", 453, "c").close("20:07", 453))
    assert [*map(reader.address, "abc")] == ["203.0.113.22", "203.0.113.11", "203.0.113.22"]
    assert reader.ends() == ["close"]


def test_an_end_in_a_late_file_ends_nothing_newer(reader: Reader) -> None:
    """The numbers are those of older connections."""
    reader.read("2", Log("10:00").new("10:06", 453, 22).out("10:06", 9, 2525))
    reader.read("1", Log("0:00").login("1:00", 453, "x").close("1:01", 453))
    reader.read("3", Log("20:00").login("20:06", 453, "y"))
    assert [*map(reader.address, "xy")] == [None, "203.0.113.22"]


def test_what_a_late_file_leaves_open_is_joined_to_nothing_newer(reader: Reader) -> None:
    """Its connection ended in the file that was read before; nothing is known of the next."""
    reader.read("2", Log("10:00").new("10:06", 9, 22).close("10:07", 9))
    reader.read("1", Log("0:00").new("1:00", 9, 99))
    reader.read("3", Log("20:00").login("20:06", 9, "x"))
    assert reader.address("x") is None


def test_a_login_in_a_late_file_is_of_no_newer_connection(reader: Reader) -> None:
    """Clocks may be set back by an hour, but this file says that it came before."""
    reader.read("2", Log("10:00").new("10:06", 453, 22))
    reader.read("1", Log("0:00").login("1:00", 453, "x"))
    assert reader.address("x") is None


def test_the_same_of_connections_to_smart_hosts(reader: Reader) -> None:
    """To the same server, at another port."""
    reader.read("2", Log("10:00").out("10:06", 9, 2525))
    reader.read("1", Log("0:00").out("1:00", 9, 25).out_login("1:01", 9))
    reader.read("3", Log("20:00").out_login("20:06", 9))
    ports = [x["destination"].get("port") for x in reader.documents]
    assert ports == [25, 2525]


def test_a_file_that_goes_on_late(reader: Reader) -> None:
    """As one whose upload paused until the next one was there; that goes on as well."""
    old = Log("0:00").new("1:00", 5, 11).content()
    live = Log("10:00").new("10:06", 5, 22).content()
    first, second = reader.file("1"), reader.file("2")
    for reading, content in ((first, old), (second, live)):
        reader.take([*reading.feed(content), *reading.settle()])
    rest = Log("0:00").login("1:30", 5, "x").close("1:31", 5).new("1:40", 6, 66)
    rest.login("1:41", 6, "y")
    reader.take([*first.feed(rest.content().split(b"\n", 3)[3]), *first.finish()])
    more = Log("10:00").login("10:30", 5, "z").login("10:31", 6, "w")
    reader.take([*second.feed(more.content().split(b"\n", 3)[3]), *second.finish()])
    addresses = [None, "203.0.113.66", "203.0.113.22", None]
    assert [*map(reader.address, "xyzw")] == addresses
    assert reader.flow.counts.late_files == 1
    assert reader.flow.counts.first == {"late_files": ("/1", None)}


def test_a_late_file_goes_on_with_what_older_files_left_open(reader: Reader) -> None:
    """What is open then is no longer known in newer files: the late one may have ended it."""
    reader.read("1", Log("0:00").new("1:00", 1, 11).login("1:01", 1, "u").out("1:02", 9, 25))
    reader.read("3", Log("20:00").new("21:00", 2, 22))
    late = Log("10:00").login("11:00", 1, "x").close("11:01", 1).new("11:02", 1, 99)
    reader.read("2", late.new("11:03", 2, 88).out_login("11:04", 9))
    reader.read("4", Log("30:00").login("31:00", 1, "y").login("31:01", 2, "z"))
    assert [*map(reader.address, "uxyz")] == [*["203.0.113.11"] * 2, None, "203.0.113.22"]
    assert [x["destination"]["port"] for x in reader.documents if "user" not in x] == [25]
    assert reader.ends() == ["close"]


def test_late_files_know_nothing_of_one_another(reader: Reader) -> None:
    """Of two of them, it is unknown what came between."""
    reader.read("9", Log("90:00").new("90:06", 1, 99))
    reader.read("3", Log("30:00").new("31:00", 1, 33).login("31:30", 1, "u"))
    reader.read("4", Log("40:00").login("41:00", 1, "x").new("42:00", 3, 44))
    assert [*map(reader.address, "ux")] == ["203.0.113.33", None]
    assert reader.ends() == ["expired"]


def test_sessions_of_late_files_end(reader: Reader) -> None:
    """A day later at the latest, when a file begins: their ends may be in files read before."""
    reader.read("2", Log("10:00").new("10:06", 2, 22))
    reader.read("1", Log("0:00").new("1:00", 1, 11).login("1:01", 1, "u"))
    reader.read("3", Log("1000:00").new("1000:06", 3, 33))
    assert reader.ends() == []
    reader.read("4", Log("1500:00").new("1500:06", 4, 44))
    assert reader.ends() == ["expired"]
    assert reader.flow.open_connections == 3


def test_a_clock_that_is_set_back_makes_no_file_late(reader: Reader) -> None:
    """Its file header says by how much."""
    before = Log("59:00").new("59:50", 7, 11)
    after = Log("0:05").login("0:10", 7, "x")
    after.lines[2] = after.lines[2].replace("7200", "3600")
    reader.read("1", before)
    reader.read("2", after)
    assert reader.address("x") == "203.0.113.11"


class Entry(NamedTuple):
    """A line of a client's connection."""

    what: str  # of `Log`'s methods
    number: int
    place: int  # in the log; a `New` line has it in its address, a login in its user


LOGS = st.lists(
    st.tuples(st.sampled_from(["new", "login", "login", "close"]), st.integers(1, 3)),
    min_size=4,
    max_size=40,
).map(lambda x: [Entry(what, number, place) for place, (what, number) in enumerate(x)])


def join(entries: Sequence[Entry]) -> dict[str, str | None]:
    """Give the address of each login, where these lines are all there is."""
    open_: dict[int, str] = {}
    addresses: dict[str, str | None] = {}
    for what, number, place in entries:
        if what == "new":
            open_[number] = f"203.0.113.{place}"
        elif what == "close":
            open_.pop(number, None)
        else:
            addresses[f"u{place}"] = open_.get(number)
    return addresses


def write(entries: Sequence[Entry], begin: int) -> Log:
    """Give a file with some lines of the log."""
    log = Log(f"0:{STEP_SECONDS * begin}")
    for what, number, place in entries:
        at = f"0:{STEP_SECONDS * place}"
        if what == "login":
            log.login(at, number, f"u{place}")
        elif what == "new":
            log.new(at, number, place)
        else:
            log.close(at, number)
    return log


@settings(deadline=None, max_examples=400)
@given(LOGS, st.integers(2, 5), st.booleans(), st.data())
def test_no_login_has_another_address_in_whatever_order_files_come(
    entries: list[Entry],
    number: int,
    restarts: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    """An address is that of the lines before which are there, or missing; never within a file."""
    cuts = sorted(data.draw(st.integers(0, len(entries))) for _ in range(number - 1))
    parts = [entries[x:y] for x, y in zip([0, *cuts], [*cuts, len(entries)], strict=True)]
    reader = Reader(restarts=restarts)
    come: list[int] = []
    for place in data.draw(st.permutations(range(number))):
        come.append(place)
        reader.read(str(place), write(parts[place], ([0, *cuts])[place]))
        told = join([x for y in sorted(come) if y <= place for x in parts[y]])
        within = join(parts[place])
        for user, address in within.items():
            assert reader.address(user) in ({address} if address else {told[user], None})
        if come == [*range(place + 1)]:
            assert {x: reader.address(x) for x in within} == {x: told[x] for x in within}
