"""Every event has a name of its own, the same on every reading."""

import re
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from forwarder.mail_logs.identity import GENERATION_SECONDS, MAX_GENERATION, Identities

LINE = b"Wed Apr 22 11:44:48 2009 Info: SMTP Auth: (ICID 450) failed for user: a"
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([b"inbound", b"outbound"]),
        st.sampled_from([b"", b"1", b"12", b"450"]),
        st.sampled_from([b"", b"a", b"b", b"2", LINE]),
        st.integers(0, GENERATION_SECONDS - 1),
    ),
    max_size=60,
)


def test_the_same_line_has_the_same_name_always() -> None:
    """A name is part of a contract with what was delivered earlier: it never changes."""
    name = Identities("esa1").identify(b"inbound", b"450", LINE, 1_240_400_688)
    assert re.fullmatch(r"[0-9a-f]{32}", name)
    assert name == Identities("esa1").identify(b"inbound", b"450", LINE, 7)


def test_whatever_differs_gives_another_name() -> None:
    """Appliance, direction, number and line each count, and do not run into one another."""
    names = [
        Identities(appliance).identify(direction, number, line, 0)
        for appliance, direction, number, line in product(
            ["esa1", "esa", "1esa", "", "\udcff"],
            [b"inbound", b"outbound"],
            [b"", b"1", b"11"],
            [b"", b"1", b"11", LINE],
        )
    ]
    assert len(set(names)) == len(names)


def test_a_line_that_comes_again_is_another_event() -> None:
    """Two attempts within a second may be one line twice; both are there, every time."""
    first, again = (
        [identities.identify(b"inbound", b"450", LINE, 0) for _ in range(50)]
        for identities in (Identities("esa1"), Identities("esa1"))
    )
    assert len(set(first)) == 50
    assert first == again


def test_a_line_is_remembered_into_the_next_generation() -> None:
    """A line that came twenty times at the end of one goes on being counted in the next."""
    steady = Identities("esa1")
    expected = [steady.identify(b"inbound", b"450", LINE, 0) for _ in range(4)]
    turning = Identities("esa1")
    times = [0, 0, GENERATION_SECONDS, GENERATION_SECONDS]
    assert expected == [turning.identify(b"inbound", b"450", LINE, time) for time in times]


def test_lines_that_come_late_are_still_known() -> None:
    """Time may go back a little: lines of one connection come out of order."""
    identities = Identities("esa1")
    first = identities.identify(b"inbound", b"450", LINE, 100)
    identities.identify(b"inbound", b"451", LINE, 100 + GENERATION_SECONDS)
    assert first != identities.identify(b"inbound", b"450", LINE, 100)


def test_what_is_remembered_is_bounded() -> None:
    """Within one second, too."""
    identities = Identities("esa1")
    for number in range(MAX_GENERATION * 2 + 9):
        identities.identify(b"inbound", b"%d" % number, LINE, 0)
    assert len(identities.current) <= MAX_GENERATION
    assert len(identities.previous) <= MAX_GENERATION


@given(EVENTS)
def test_names_are_unique_and_repeatable(events: list[tuple[bytes, bytes, bytes, int]]) -> None:
    """Whatever comes in whatever order, no two events share a name."""
    first, again = Identities("esa1"), Identities("esa1")
    names = [first.identify(*event) for event in events]
    assert len(set(names)) == len(names)
    assert names == [again.identify(*event) for event in events]


def test_no_line_can_take_the_name_of_another_ones_repetition() -> None:
    """What ends in the client's text may end in anything, NUL and digits too."""
    identities = Identities("esa1")
    names = [
        identities.identify(b"inbound", b"450", line, 0) for line in (LINE, LINE, LINE + b"\x001")
    ]
    assert len(set(names)) == 3
