"""Connections are joined within a stream only: what one machine wrote to one log."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import orjson
import pytest

from forwarder.mail_logs import streams
from forwarder.pipeline import LogParser
from tests.restarts import save
from tests.services import NEW

ADDRESS = b" 203.0.113.9 reverse dns host unknown verified no\n"
LOGIN = (
    b"%b SMTP Auth: (ICID 7) succeeded for user: u using AUTH mechanism: PLAIN with profile: P\n"
)
NEAR = datetime(2026, 3, 4, tzinfo=UTC)
STAMP = b"Tue Mar  3 10:00:%02d 2026 Info:"


def header(serial: bytes, stamp: bytes = STAMP % 0) -> bytes:
    """Give the header of a file."""
    return stamp + b" Begin Logfile\n" + stamp + b" Version: 15.5.1-055 SN: " + serial + b"\n"


def opened(second: int = 1) -> bytes:
    """Give the line that opens connection 7."""
    return NEW % (second, 7) + ADDRESS


def login(second: int = 2) -> bytes:
    """Give a login on it."""
    return LOGIN % (STAMP % second)


def addresses_of(documents: list[dict[str, Any]]) -> list[str | None]:
    """Give the addresses of logins."""
    return [x["source"].get("ip") for x in documents if "session" not in x["cisco_esa"]]


class Files:
    """Reads files of one appliance."""

    def __init__(self) -> None:
        self.flow = LogParser()
        self.store: dict[str, bytes] = {}

    def read(
        self, name: str, content: bytes, base: str = "mail", *, hosts: bool = False
    ) -> list[dict[str, Any]]:
        """Read a file; give its documents."""
        reading = self.flow.open("esa1", f"/{name}", base=base, near=NEAR, hosts=hosts)
        return [orjson.loads(x) for x in [*reading.feed(content), *reading.finish()]]

    def address(self, name: str, content: bytes, base: str = "mail") -> str | None:
        """Read a file with one login; give the address that it gets."""
        (document, *_) = self.read(name, content, base)
        address = document["source"].get("ip")
        assert document["cisco_esa"]["connection"]["correlated"] == (address is not None)
        return None if address is None else str(address)

    def restart(self) -> None:
        """Let another process go on."""
        save(self.flow, self.store)
        self.flow = LogParser()
        self.flow.restore(self.store.items())


@pytest.fixture(params=[False, True], ids=["", "with a restart"])
def files(request: pytest.FixtureRequest) -> "Files":
    """Give files; between two of them the process may end."""
    made = Files()
    if request.param:
        read = made.read

        def read_and_restart(*given: Any, **named: Any) -> list[dict[str, Any]]:  # noqa: ANN401
            documents = read(*given, **named)
            made.restart()
            return documents

        made.read = read_and_restart  # type: ignore[method-assign]
    return made


def test_one_log_is_one_stream(files: Files) -> None:
    """Over the end of a file, with and without a header."""
    files.read("1", opened())
    assert files.address("2", login()) == "203.0.113.9"
    files.read("3", header(b"AAAA") + opened())
    assert files.address("4", header(b"AAAA") + login()) == "203.0.113.9"


def test_another_log_is_another_stream(files: Files) -> None:
    """Two live files in one folder are of two machines, as far as anybody knows."""
    files.read("esa1.log", opened(), "esa1.log")
    assert files.address("esa2.log", login(), "esa2.log") is None


def test_another_serial_number_is_another_stream(files: Files) -> None:
    """Each goes on where it was."""
    files.read("1", header(b"AAAA") + opened())
    assert files.address("2", header(b"BBBB") + login()) is None
    assert files.address("3", header(b"AAAA") + login()) == "203.0.113.9"


def test_a_header_within_a_file_begins_another_stream(files: Files) -> None:
    """From its line on; what came before stays with the other one."""
    documents = files.read(
        "1", header(b"AAAA") + opened() + login() + header(b"BBBB") + login() + opened(3) + login(4)
    )
    assert addresses_of(documents) == ["203.0.113.9", None, "203.0.113.9"]
    serials = [x["host"]["id"] for x in documents if "session" not in x["cisco_esa"]]
    assert serials == ["AAAA", "BBBB", "BBBB"]


def test_without_a_header_a_file_goes_on_with_the_only_serial_number(files: Files) -> None:
    """As one that is followed from its end on."""
    files.read("1", header(b"AAAA") + opened())
    assert files.address("2", login()) == "203.0.113.9"


def test_what_came_before_any_header_is_of_the_first(files: Files) -> None:
    """The file that was live when it was followed first; nothing of it is for the second."""
    files.read("1", opened())
    assert files.address("2", header(b"AAAA") + login()) == "203.0.113.9"
    files.read("3", opened(3))
    assert files.address("4", header(b"BBBB") + login(4)) is None


def test_where_several_serial_numbers_are_known_a_file_without_one_is_alone(files: Files) -> None:
    """Of which machine it is is unknown."""
    files.read("1", header(b"AAAA") + opened())
    files.read("2", header(b"BBBB") + opened())
    assert files.address("3", login()) is None
    files.read("4", opened())
    assert files.address("5", login()) is None
    assert files.address("4", login()) == "203.0.113.9"


SYSLOG = b"Mar  3 10:00:%02d %b mail_logs: Info: "


def relayed(line: bytes, second: int, host: bytes) -> bytes:
    """Give a line as syslog has it."""
    return SYSLOG % (second, host) + line.partition(b" Info: ")[2]


def test_hosts_of_a_named_appliance_are_streams() -> None:
    """But for the one that has its name; lines without a host are its own, too."""
    content = (
        relayed(opened(), 1, b"esa1")
        + relayed(login(), 2, b"esa2")
        + login(3)
        + relayed(login(), 4, b"esa1")
        + relayed(opened(), 5, b"esa2")
        + relayed(login(), 6, b"esa2")
    )
    found = addresses_of(Files().read("1", content))
    assert found == [None, "203.0.113.9", "203.0.113.9", "203.0.113.9"]


def test_lines_with_and_without_the_name_of_the_folder_are_in_order() -> None:
    """They are of one appliance, so each `New` line counts from where it stands."""
    other = opened(3).replace(b"113.9 ", b"113.66 ")
    content = opened() + login(2) + relayed(login(), 2, b"esa1") + other + login(4)
    found = addresses_of(Files().read("1", content, hosts=True))
    assert found == ["203.0.113.9", "203.0.113.9", "203.0.113.66"]


@pytest.mark.parametrize(
    ("first", "second", "kind", "names"),
    [
        (("1", header(b"AAAA") + opened()), ("2", header(b"BBBB") + login()), "serial numbers",
         ("AAAA", "BBBB")),
        (("a.log", opened()), ("b.log", login()), "files", ("/a.log", "/b.log")),
        (("1", opened()), ("2", relayed(login(), 3, b"gate")), "syslog hosts", ("esa1", "gate")),
    ],
)  # fmt: skip
def test_an_appliance_that_is_two_machines_is_named_once(
    first: tuple[str, bytes], second: tuple[str, bytes], kind: str, names: tuple[str, str]
) -> None:
    """With what tells them apart."""
    files = Files()
    for _ in range(3):
        for name, content in (first, second):
            files.read(name, content, name if kind == "files" else "mail")
    (found,) = files.flow.counts.mixtures
    assert found == ("esa1", kind, *names)


def test_a_log_of_something_else_is_no_second_machine() -> None:
    """Other subscriptions have headers, too, and lines without any connection."""
    files = Files()
    files.read("mail", header(b"AAAA") + opened(), "mail")
    files.read("gui", header(b"AAAA") + STAMP % 1 + b" Session 12 created\n", "gui_logs")
    assert files.flow.counts.mixtures == ()


def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts are chosen by strangers: the least recent one goes first, what is idle before it."""
    monkeypatch.setattr(streams, "MAX_STREAMS", 16)
    files = Files()
    content = b"".join(relayed(opened(), 1, b"h%d" % x) for x in range(100))
    files.read("1", content, hosts=True)
    assert files.flow.open_connections <= 16
    pairs = dict(files.flow.changes())
    assert len([x for x in pairs if x.endswith("/")]) <= 16
    close = STAMP % 1 + b" ICID 7 close\n"
    busy = relayed(opened(), 1, b"busy")
    idle = b"".join(
        relayed(opened(), 1, b"i%d" % x) + relayed(close, 1, b"i%d" % x) for x in range(100)
    )
    (document, *_) = files.read("2", busy + idle + relayed(login(), 2, b"busy"), hosts=True)
    assert document["source"]["ip"] == "203.0.113.9"


def test_sessions_of_a_stream_that_is_forgotten_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is silent; and a store has nothing of it any more."""
    monkeypatch.setattr(streams, "MAX_STREAMS", 16)
    files = Files()
    files.read("1", relayed(opened(), 1, b"first") + relayed(login(), 2, b"first"), hosts=True)
    store = dict(files.flow.changes())
    content = b"".join(relayed(opened(), 3, b"h%d" % x) for x in range(16))
    (end,) = files.read("2", content, hosts=True)
    assert end["cisco_esa"]["session"]["close_reason"] == "expired"
    assert end["host"]["name"] == "first"
    store |= dict(files.flow.changes())
    assert {key for key, value in store.items() if value is None} >= {"0/", "0/inbound/7"}


LONG = b"x" * 60_000


def test_the_address_of_a_line_that_is_too_long_counts() -> None:
    """What is behind the limit does not, at once and behind a restart."""
    files = Files()
    files.read("1", opened().replace(b"host unknown", b"host " + LONG))
    for _ in range(2):
        assert files.address("2", login()) == "203.0.113.9"
        files.restart()
    assert sum(map(len, files.store.values())) < 10_000


def test_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long lines are: what is cut or forgotten is that of the largest stream."""
    monkeypatch.setattr(streams, "MAX_BYTES", 4 << 20)
    files = Files()
    files.read("mail", opened(), "mail")
    policy = STAMP % 2 + b" ICID %d ACCEPT SG " + LONG + b" match ALL SBRS None\n"
    long = b"".join(policy % x * 16 for x in range(20))
    short = b"".join(NEW % (3, x) + b"x" * 1_900 + ADDRESS for x in range(10_000))
    for content in (long, short):
        files.read("hostile", content, "hostile")
        held = files.flow._streams._streams.values()  # noqa: SLF001 - there is no public way
        assert sum(x.correlator.connections.size() for x in held) < 4 << 20
    files.restart()
    assert sum(map(len, files.store.values())) < 4 << 20
    assert files.address("mail", login(), "mail") == "203.0.113.9"


def test_sessions_that_are_forgotten_for_want_of_memory_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oldest first."""
    monkeypatch.setattr(streams, "MAX_BYTES", 1 << 20)
    content = opened() + login()
    content += b"".join(NEW % (3, x) + b"x" * 900 + ADDRESS for x in range(100, 2_000))
    documents = Files().read("1", content)
    ends = [x["cisco_esa"]["session"] for x in documents if "session" in x["cisco_esa"]]
    assert [x["close_reason"] for x in ends] == ["expired"]


def spanning(second: int, number: int) -> list[bytes]:
    """Give a connection of which each line may be in a file of its own."""
    new = NEW % (second, number) + ADDRESS.replace(b"113.9 ", b"113.%d " % number)
    close = STAMP % (second + 40) + b" ICID %d close\n" % number
    return [new, LOGIN.replace(b"ICID 7", b"ICID %d" % number) % (STAMP % (second + 20)), close]


CUTS = [[(0, 3), (3, 3), (3, 3)], [(0, 1), (1, 2), (2, 3)], [(0, 0), (0, 3), (3, 3)],
        [(0, 0), (0, 1), (1, 3)], [(0, 2), (2, 2), (2, 3)], [(0, 0), (0, 0), (0, 3)]]  # fmt: skip
"""For each connection, which of its lines are in each of three files."""


@pytest.mark.parametrize("order", [*permutations(range(3))], ids=str)
def test_files_that_come_late_are_joined_as_far_as_nothing_is_guessed(
    order: tuple[int, ...],
) -> None:
    """What is within a file always is; what a newer file ended is not; and no id is another one."""
    contents = []
    for part in range(3):
        lines = [header(b"AAAA", STAMP % (20 * part))]
        for number, cuts in enumerate(CUTS, start=1):
            begin, end = cuts[part]
            lines += spanning(0, number)[begin:end]
        contents.append(b"".join(lines))

    def read(order: tuple[int, ...]) -> dict[str, str | None]:
        """Give the address of each login, by its id."""
        files = Files()
        found = [x for i in order for x in files.read(f"mail.{i}", contents[i])]
        logins = [x for x in found if "session" not in x["cisco_esa"]]
        assert len(logins) == len(CUTS)
        return {x["event"]["id"]: x["source"].get("ip") for x in logins}

    right, late = read((0, 1, 2)), read(order)
    assert None not in right.values()
    assert late.keys() == right.keys()
    assert all(address in {None, right[name]} for name, address in late.items())
    within = {f"203.0.113.{number}" for number in (1, 3, 5, 6)}
    assert within <= {*late.values()}
    assert read(order) == late
