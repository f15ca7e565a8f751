"""A process that goes on from what a store has gives the same documents as one that never ended."""

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.mail_logs import connections, correlator
from forwarder.pipeline import FileParser, LogParser
from tests.corpus import Corpus, hostile
from tests.golden import FOLDER
from tests.truth_check import ROOT, documents_of

NEW = (
    b"Sun Mar  1 12:00:%02d 2026 Info: New SMTP ICID %d interface a (10.0.0.1) address 192.0.2.%d"
    b" reverse dns host unknown verified no\n"
)
FAILED = (
    b"Sun Mar  1 12:00:%02d 2026 Info: SMTP Auth: (ICID %d) failed for user: u"
    b" using AUTH mechanism: PLAIN with profile: P\n"
)


class Process:
    """A flow that ends at any moment, and another one that goes on from a store."""

    def __init__(self) -> None:
        self.store: dict[str, bytes] = {}
        self.flow = LogParser()

    def commit(self) -> int:
        """Store what has changed, and say how many pairs that was."""
        changes = list(self.flow.changes())
        assert len({key for key, _ in changes}) == len(changes)
        for key, value in changes:
            if value is None:
                del self.store[key]
            else:
                assert self.store.get(key) != value
                self.store[key] = value
        return len(changes)

    def restart(self) -> None:
        """Begin again, with what the store has in another order."""
        self.flow = LogParser()
        self.flow.restore(reversed(self.store.items()))


def read_with_restarts(made: Corpus, sizes: Sequence[int], every: int) -> list[bytes]:
    """Read files in feeds of these sizes; after each few of them the process ends and begins."""
    process = Process()
    got: list[bytes] = []
    turn = 0
    for path, content in made.files.items():
        appliance = path.partition("/")[0]
        reading = process.flow.open(appliance, ROOT + path)
        position = reached = 0
        while reached < len(content):
            # What was read and not yet in documents is read again, and more.
            reached += sizes[turn % len(sizes)]
            got += reading.feed(content[position:reached])
            position, turn = reached, turn + 1
            if turn % every == 0:
                process.commit()
                reading, position = resumed(process, reading, appliance, ROOT + path)
        got += [*reading.feed(content[position:]), *reading.finish()]
    return got


def resumed(
    process: Process, reading: FileParser, appliance: str, path: str
) -> tuple[FileParser, int]:
    """End the process, and go on with a file where it was."""
    state, position = reading.state, reading.position
    process.restart()
    return process.flow.open(appliance, path, state=state), position


@cache
def small() -> tuple[Corpus, list[bytes]]:
    """Return a corpus that is short enough to be read many times, and its documents."""
    made = hostile(5, connections=60)
    return made, documents_of(made)


@settings(deadline=None, max_examples=15)
@given(
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=5),
    every=st.integers(1, 7),
)
def test_restarts_anywhere_change_nothing(sizes: list[int], every: int) -> None:
    """Not the join, not the counts of sessions, not the ids of identical lines."""
    made, expected = small()
    assert read_with_restarts(made, [*sizes, 2000], every) == expected


def test_a_large_corpus_survives_restarts() -> None:
    """Two appliances with the same numbers, several files, every variant."""
    made = hostile(1)
    assert read_with_restarts(made, [70_000, 13], 2) == documents_of(made)


@pytest.mark.parametrize(
    "name", ["plain", "header", "syslog", "wrapped", "wrapped_leading", "wrapped_trailing"]
)
@pytest.mark.parametrize("size", [1, 50, 333])
def test_any_framing_survives_restarts(name: str, size: int) -> None:
    """The header of a file, the year of a stamp without one, and half a wrapped line."""
    content = (FOLDER / f"{name}.log").read_bytes()
    made = Corpus(files={"esa1/mail.log": content}, expected=[])
    assert read_with_restarts(made, [size], 1) == documents_of(made)


def test_a_line_that_is_cut_stays_cut_over_a_restart() -> None:
    """What follows the limit belongs to no line, before or after a restart."""
    long = FAILED % (1, 5) + b"x" * 200_000 + b"\n" + FAILED % (2, 5)
    made = Corpus(files={"esa1/mail.log": NEW % (0, 5, 5) + long}, expected=[])
    assert read_with_restarts(made, [30_000], 1) == documents_of(made)
    cut = NEW % (0, 5, 5) + (FAILED % (1, 5))[:-1] + b"y" * 200_000 + b"\n" + FAILED % (2, 5)
    made = Corpus(files={"esa1/mail.log": cut}, expected=[])
    assert read_with_restarts(made, [30_000], 1) == documents_of(made)


def test_nothing_changed_is_nothing_to_store() -> None:
    """A quiet log writes nothing."""
    process = Process()
    reading = process.flow.open("esa1", "/mail.log")
    list(reading.feed(NEW % (0, 5, 5) + FAILED % (1, 5) + FAILED % (1, 5) + NEW % (2, 6, 6)))
    assert process.commit() > 0
    assert process.commit() == 0
    process.restart()
    assert process.commit() == 0


def test_what_ends_leaves_the_store() -> None:
    """It has no more than what is open."""
    process = Process()
    reading = process.flow.open("esa1", "/mail.log")
    close = b"Sun Mar  1 12:00:03 2026 Info: ICID 5 close\n"
    list(reading.feed(NEW % (0, 5, 5) + FAILED % (1, 5)))
    list(reading.settle())
    process.commit()
    assert {*process.store} == {"0/", "0/inbound/5", "0/attempts/5", "0/expiry"}
    list(reading.feed(close))
    list(reading.settle())
    process.commit()
    assert {*process.store} == {"0/", "0/expiry"}


def test_lines_of_older_seconds_are_no_part_of_what_a_reading_needs() -> None:
    """It is written with each commit."""
    reading = LogParser().open("esa1", "/mail.log")
    sizes = []
    for minute in range(30):
        for second in range(60):
            line = (FAILED % (second, 5)).replace(b"12:00", b"12:%02d" % minute)
            list(reading.feed(line + line))
        sizes.append(len(reading.state))
    assert max(sizes) < sizes[0] + 20


def test_the_oldest_are_forgotten_first_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line about an old connection does not make it a new one."""
    for module in (connections, correlator):
        monkeypatch.setattr(module, "MAX_OPEN", 16)
    lines = [NEW % (0, x, x) for x in range(1, 17)]
    secured = b"Sun Mar  1 12:00:01 2026 Info: ICID 1 TLS success protocol TLSv1.2 cipher A\n"
    more = [NEW % (2, 17, 17), *(FAILED % (3, x) for x in range(17, 0, -1))]
    made = Corpus(files={"esa1/mail.log": b"".join([*lines, secured, *more])}, expected=[])
    expected = documents_of(made)
    assert sum(b"missing_connection_context" in x for x in expected) == 2
    assert read_with_restarts(made, [len(lines[0])], 1) == expected


def test_names_of_appliances_may_be_anything() -> None:
    """Their keys do not get mixed up."""
    process = Process()
    names = ["a/b", "a", "a/b/inbound", "ü 'x'"]
    for number, name in enumerate(names, start=1):
        reading = process.flow.open(name, "/mail.log")
        list(reading.feed(NEW % (0, 5, number)))
        list(reading.finish())
    process.commit()
    process.restart()
    for number, name in enumerate(names, start=1):
        reading = process.flow.open(name, "/mail.log")
        (document,) = [*reading.feed(FAILED % (1, 5)), *reading.finish()]
        assert b'"ip":"192.0.2.%d"' % number in document


def test_a_settled_line_is_given_at_once() -> None:
    """It does not wait for the line after it; half a line is not a line yet."""
    flow = LogParser()
    reading = flow.open("esa1", "/mail.log")
    assert list(reading.feed(NEW % (0, 5, 5) + FAILED % (1, 5))) == []
    assert len(reading.settle()) == 1
    assert len(reading.settle()) == 0
    position = reading.position
    half = FAILED % (2, 5)
    assert len(reading.feed(half[:-1])) == len(reading.settle()) == 0
    assert reading.position == position == len(NEW % (0, 5, 5) + FAILED % (1, 5))
    assert len(reading.feed(b"\n")) == 0
    assert len(reading.settle()) == 1
    assert reading.position == position + len(half)


def test_a_file_that_is_renamed_says_so_from_then_on() -> None:
    """The position counts on."""
    flow = LogParser()
    reading = flow.open("esa1", "/mail.current")
    list(reading.feed(NEW % (0, 5, 5)))
    list(reading.settle())
    logs = reading._headers  # noqa: SLF001 - there is no public way
    origin = logs[None].origin
    reading.rename("/mail.current")
    assert logs[None].origin is origin
    reading.rename("/mail.@20260301T120000.s")
    (document,) = [*reading.feed(FAILED % (1, 5)), *reading.finish()]
    assert b'"file":{"path":"/mail.@20260301T120000.s"}' in document
    assert b'"offset":%d' % len(NEW % (0, 5, 5)) in document
