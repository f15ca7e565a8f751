"""Every event has an id of its own, which depends on nothing but its file."""

import re
from itertools import product
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.mail_logs.event_ids import (
    GENERATION_SECONDS,
    MAX_GENERATION,
    EventIds,
    begin,
    derive,
)
from forwarder.mail_logs.snapshot import dumps

LINE = b"Wed Apr 22 11:44:48 2009 Info: SMTP Auth: (ICID 450) failed for user: a"
STAMP = LINE[:24]
BEGUN = begin("esa1", "mail", None, None, None)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([b"inbound", b"outbound"]),
        st.sampled_from([b"", b"1", b"12", b"450"]),
        st.sampled_from([b"", b"a", b"b", b"2", LINE]),
        st.integers(0, 3) | st.integers(0, 60) | st.sampled_from([90_000, 40_000_000]),
    ),
    max_size=60,
)
"""A line has its time in it, so here its time is a part of it."""


def opened(line: bytes = b"first") -> EventIds:
    """Give the ids of a file that begins so."""
    identities = EventIds()
    identities.open(line, STAMP)
    return identities


def identify(identities: EventIds, number: bytes, line: bytes, epoch: int, first: int = -1) -> str:
    """Give the id of a client's login."""
    return identities.identify(BEGUN[b"inbound"], number, line, epoch, first)


def test_the_same_line_has_the_same_id_always() -> None:
    """It is a part of a contract with what was delivered earlier: it never changes."""
    name = identify(opened(), b"450", LINE, 1_240_400_688)
    assert name == identify(opened(b"another"), b"450", LINE, 1_240_400_688)
    assert name == "49ef03303bbc213c5406c8369df3a0fd"


@pytest.mark.parametrize(
    ("epoch", "digits"),
    [(0, "00000000"), (0x49EF0330, "49ef0330"), (0x1_0000_0007, "00000007"), (-1, "ffffffff")],
)
def test_an_id_begins_with_the_second_of_its_event(epoch: int, digits: str) -> None:
    """In 8 digits, whatever year a log claims; the rest does not depend on it."""
    login = identify(opened(), b"450", LINE, epoch, -2)
    assert login == digits + identify(opened(), b"450", LINE, 7)[8:]
    assert derive(login, b"close", epoch)[:8] == digits
    assert re.fullmatch(r"[0-9a-f]{32}", login)
    assert re.fullmatch(r"[0-9a-f]{32}", derive(login, b"close", epoch))


def test_whatever_differs_gives_another_id() -> None:
    """What it is made of counts, part by part, and does not run together."""
    names = [
        EventIds().identify(begin(*where)[direction], number, line, 0, -1)
        for where, direction, number, line in product(
            [
                ("esa1", "mail", None, None, None),
                ("esa", "1mail", None, None, None),
                ("esa", "1", "mail", None, None),
                ("esa", "1", None, "mail", None),
                ("esa", "1", None, None, "mail"),
                ("", "", "", "", ""),
                ("", "", None, None, None),
                ("-", "", None, None, None),
                ("\udcff", "", None, None, None),
            ],
            [b"inbound", b"outbound"],
            [b"", b"1", b"11"],
            [b"", b"1", b"11", LINE],
        )
    ]
    assert len(set(names)) == len(names)


def test_a_line_that_comes_again_is_another_event() -> None:
    """Two attempts within a second may be one line twice; both are there, every time."""
    first, again = (
        [identify(identities, b"450", LINE, 0) for _ in range(50)]
        for identities in (opened(), opened())
    )
    assert len(set(first)) == 50
    assert first == again


def test_a_line_of_the_first_second_is_told_from_the_last_of_the_file_before() -> None:
    """A log may be rotated within a second: then its beginning tells which file it is."""
    before = identify(opened(b"one"), b"450", LINE, 100, 50)
    names = [before] + [
        identify(opened(first), b"450", LINE, time, 100)
        for first in (b"two", b"three")
        for time in (99, 100)
    ]
    assert len({x[8:] for x in names}) == 3
    assert identify(opened(b"two"), b"450", LINE, 101, 100)[8:] == before[8:]


def test_a_line_that_comes_late_is_told_by_its_place() -> None:
    """It may have come before, and what came then is forgotten."""
    identities = opened()
    names = [identify(identities, b"450", LINE, 100)]
    for second in range(101, 101 + 3 * GENERATION_SECONDS):
        identify(identities, b"7", b"another", second)
    names += [identify(identities, b"450", LINE, 100) for _ in range(3)]
    assert len(set(names)) == 4


def test_what_is_remembered_is_bounded() -> None:
    """Within one second, too; and no line is told by less for it."""
    identities = opened()
    names = {identify(identities, b"%d" % (number % 5_000), LINE, 0) for number in range(10_000)}
    assert len(names) == 10_000
    assert len(dumps(identities.dump())) < 2 * MAX_GENERATION * 8 + 500


def test_a_year_that_was_inferred_tells_lines_apart() -> None:
    """A year later the line may be the same, byte by byte."""
    identities = opened()
    names = [
        identities.identify(BEGUN[b"inbound"], b"1", b"Apr 22 11:44:48 x", epoch, -1, year)
        for epoch, year in ((0, b"2009"), (31_536_000, b"2010"), (63_072_000, b"2011"))
    ]
    assert len(set(names)) == 3
    assert names[0] == identify(opened(), b"1", b"Apr 22 11:44:48 x", 0)


@given(EVENTS, st.integers(-1, 60), st.sets(st.integers(0, 60)))
def test_ids_are_unique_and_repeatable(
    events: list[tuple[bytes, bytes, bytes, int]], first: int, restarts: set[int]
) -> None:
    """Whatever comes in whatever order, no two events share an id, with restarts anywhere."""
    plain, resumed = opened(), opened()
    names, again = [], []
    for turn, (direction, number, line, epoch) in enumerate(events):
        event: Any = BEGUN[direction], number, b"%d %b" % (epoch, line), epoch, first
        names.append(plain.identify(*event))
        if turn in restarts:
            values = orjson.loads(dumps(resumed.dump()))
            resumed = EventIds()
            resumed.restore(values)
        again.append(resumed.identify(*event))
    assert len(set(names)) == len(names)
    assert names == again


def test_no_line_can_take_the_id_of_another_ones_repetition() -> None:
    """What ends in the client's text may end in anything, NUL and digits too."""
    identities = opened()
    names = [
        identify(identities, b"450", x, 0) for x in (LINE, LINE, LINE + b"\x001", LINE + b"#1")
    ]
    assert len(set(names)) == 4


def test_what_no_line_says_is_named_by_what_it_comes_of() -> None:
    """Of a login there is one session, and of that one end."""
    name = identify(opened(), b"450", LINE, 0)
    ends = [derive(x, y, 0) for x, y in ((name, b"expired"), (name, b"close"), ("", b"close"))]
    assert ends[0] == derive(name, b"expired", 0)
    assert len({name, *ends}) == 4
