"""Laws: mixed, cut, interleaved and restarted, documents and ids are those of the files."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.pipeline import FileParser, LogParser
from tests.restarts import save

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NEAR = datetime(2026, 3, 2, tzinfo=UTC)
MESSAGES = [
    *(
        f"New SMTP ICID {n} interface a (10.0.0.1) address 192.0.2.{a} reverse dns host x"
        " verified no"
        for n, a in ((1, 1), (1, 2), (2, 3))
    ),
    *(
        f"SMTP Auth: (ICID {n}) {what} for user: {user} using AUTH mechanism: PLAIN with profile: P"
        for n in (1, 2)
        for what in ("succeeded", "failed")
        for user in ("u", "v")
    ),
    "SMTP Auth: (ICID 1) failed for user: u using AUTH mechanism: PLAIN with profile: P",
    "ICID 1 close",
    "ICID 2 ACCEPT SG None match ALL SBRS None",
    "ICID 1 TLS success protocol TLSv1.2 cipher A",
    "New SMTP DCID 3 interface 10.0.0.1 address 192.0.2.9 port 25",
    "DCID: 3 IP: 192.0.2.9 SMTP authentication using the profile Out succeeded.",
    "last message repeated 2 times",
    (
        "message repeated 3 times: [ Info: SMTP Auth: (ICID 1) failed for user: w using AUTH"
        " mechanism: PLAIN with profile: P]"
    ),
    "Time offset from UTC: 3600 seconds",
    "Version: 15.5.1-055 SN: AAAA",
    "Version: 15.5.1-055 SN: BBBB",
]
FRAMINGS = [
    "{at:%a %b} {at.day:2} {at:%H:%M:%S %Y} ",
    "<22>{at:%b} {at.day:2} {at:%H:%M:%S} esa1 mail_logs: ",
    "{at:%b} {at.day:2} {at:%H:%M:%S} esa2 mail_logs: ",
    "{at:%b} {at.day:2} {at:%H:%M:%S} mail_logs: ",
    "{at:%Y-%m-%dT%H:%M:%S}-05:00 esa1 mail_logs: ",
    "<22>1 {at:%Y-%m-%dT%H:%M:%S}+02:00 esa3 mail_logs - - - ",
]
STEPS = [
    0,
    0,
    0,
    1,
    1,
    30,
    -30,
    400,
    -1,
    -2,
    -3_600,
    3_600,
    90_000,
    -100_000,
    20_000_000,
    -20_000_000,
]


class Entry(NamedTuple):
    """A line of a log: seconds since the one before, how it is framed, and what it says."""

    step: int
    framing: str
    message: str


ENTRIES = st.builds(
    Entry,
    st.sampled_from(STEPS),
    st.sampled_from([FRAMINGS[0], *FRAMINGS]),
    st.sampled_from(MESSAGES),
)
FILES = st.lists(st.lists(ENTRIES, max_size=25), min_size=1, max_size=4)
SCHEDULES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 400), st.booleans()), min_size=1, max_size=30
)
"""Whose turn it is, how many bytes are read, and whether the process ends behind it."""


def write(entries: Sequence[Entry], start: datetime = START) -> tuple[bytes, datetime]:
    """Give a file, and the latest time in it."""
    lines = []
    now = latest = start
    for step, framing, message in entries:
        now += timedelta(seconds=step)
        latest = max(latest, now)
        level = "" if "repeated" in message else "Info: "
        lines.append(f"{framing.format(at=now)}{level}{message}\n")
    return "".join(lines).encode(), latest


class Service:
    """Reads several files by turns, and ends and begins again now and then."""

    def __init__(self, files: Sequence[bytes], bases: Sequence[str], *, hosts: bool) -> None:
        self._files = files
        self._bases = bases
        self._hosts = hosts
        self._store: dict[str, bytes] = {}
        self._flow = LogParser()
        self._readings = [self._open(i, None) for i in range(len(files))]
        self._reached = [0] * len(files)
        self.documents: list[list[bytes]] = [[] for _ in files]

    def _open(self, number: int, state: bytes | None) -> FileParser:
        return self._flow.open(
            "esa1",
            f"/{number}/{self._bases[number]}",
            base=self._bases[number],
            near=NEAR,
            hosts=self._hosts,
            state=state,
        )

    def read(self, number: int, size: int) -> None:
        """Read on in a file."""
        begin = self._reached[number]
        self._reached[number] = begin + size
        data = self._files[number][begin : begin + size]
        self.documents[number] += self._readings[number].feed(data)

    def finish(self) -> None:
        """Read all files to their ends."""
        for number, reading in enumerate(self._readings):
            self.read(number, len(self._files[number]))
            self.documents[number] += reading.finish()

    def restart(self) -> None:
        """End, and go on from what was stored."""
        save(self._flow, self._store)
        states = [(x.state, x.position) for x in self._readings]
        self._flow = LogParser()
        self._flow.restore(reversed(self._store.items()))
        for number, (state, position) in enumerate(states):
            self._readings[number] = self._open(number, state)
            self._reached[number] = min(position, len(self._files[number]))


def run(service: Service, schedule: Sequence[tuple[int, int, bool]], files: int) -> None:
    """Read by a schedule, and what is left after it."""
    for number, size, restarts in schedule:
        service.read(number % files, size)
        if restarts:
            service.restart()
    service.finish()


def ids_of(documents: Sequence[bytes], *, logins: bool = False) -> Iterator[str]:
    """Give the ids of documents."""
    for document in map(orjson.loads, documents):
        if not logins or "session" not in document["cisco_esa"]:
            yield document["event"]["id"]


@settings(deadline=None, max_examples=60)
@given(FILES, SCHEDULES, st.booleans())
def test_a_file_gives_the_same_whatever_else_is_read(
    entries: list[list[Entry]],
    schedule: list[tuple[int, int, bool]],
    hosts: bool,  # noqa: FBT001
) -> None:
    """Logs of one appliance that are streams of their own; and no two events have one id."""
    files = [write(x)[0] for x in entries]
    bases = [f"mail{x}.log" for x in range(len(files))]
    expected = []
    for number, content in enumerate(files):
        alone = Service([content], [bases[number]], hosts=hosts)
        alone.finish()
        expected.append([x.replace(b"/0/", b"/%d/" % number) for x in alone.documents[0]])
    service = Service(files, bases, hosts=hosts)
    run(service, schedule, len(files))
    assert service.documents == expected
    ids = [x for documents in expected for x in ids_of(documents)]
    assert len(set(ids)) == len(ids)


@settings(deadline=None, max_examples=60)
@given(FILES, SCHEDULES)
def test_ids_of_a_log_do_not_depend_on_the_order_of_reading(
    entries: list[list[Entry]], schedule: list[tuple[int, int, bool]]
) -> None:
    """Rotated files, each begun when the one before was full, within the same second too."""
    files = []
    start = START
    for number, own in enumerate(entries):
        # Did two begin in one second with one line, nothing would tell them apart.
        head = [Entry(0, FRAMINGS[0], f"Begin Logfile {number}")]
        lines = [x for x in own if "offset" not in x.message and "T%H" not in x.framing]
        # A line without a year that is half a year too early is one that the file before may have.
        lines = [x for x in lines if abs(x.step) < max(STEPS)]
        content, start = write([*head, *lines], start)
        files.append(content)
    alone = []
    for content in files:
        service = Service([content], ["mail"], hosts=False)
        service.finish()
        alone.append([*ids_of(service.documents[0], logins=True)])
    service = Service(files, ["mail"] * len(files), hosts=False)
    run(service, schedule, len(files))
    assert [[*ids_of(x, logins=True)] for x in service.documents] == alone
    ids = [x for documents in service.documents for x in ids_of(documents)]
    assert len(set(ids)) == len(ids)
