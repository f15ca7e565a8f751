"""Messages out of the bytes of a connection."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forwarder.inputs.syslog.framing import MessageFramer, clean


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (b"<22>one\n<22>two\n", [b"<22>one", b"<22>two"]),
        (b"<22>one\r\n\n\0<22>two\0\n", [b"<22>one", b"<22>two"]),
        (b"7 <22>one7 <22>two", [b"<22>one", b"<22>two"]),
        (b"8 <22>one\n8 <22>two\n\n", [b"<22>one", b"<22>two"]),
        (b"<22>one\n7 <22>two<22>three\n", [b"<22>one", b"<22>two", b"<22>three"]),
        (b"8 <22>a\nb\n5 <22>c", [b"<22>a#012b", b"<22>c"]),
        # A number that no priority follows is no length.
        (b"2026 Apr 22 11:44:48 esa1\n", [b"2026 Apr 22 11:44:48 esa1"]),
        (b"7 days\n999999999 <22>x\n", [b"7 days", b"999999999 <22>x"]),
        (b"0 <22>x\n", [b"0 <22>x"]),
        # What has no end is no message.
        (b"<22>one\n<22>tw", [b"<22>one"]),
        (b"9 <22>one", []),
    ],
)
def test_both_framings_are_told_apart(data: bytes, messages: list[bytes]) -> None:
    """Also within one connection, and cut anywhere."""
    framer = MessageFramer()
    assert framer.feed(data) == messages
    framer = MessageFramer()
    assert [y for x in data for y in framer.feed(bytes((x,)))] == messages
    assert framer.is_within == (data[-1:] in {b"w", b"e"})


@pytest.mark.parametrize("end", [b"\n", b""])
def test_what_is_too_long_is_cut_and_counted(end: bytes) -> None:
    """Whatever follows is read as ever; memory is bounded."""
    framer = MessageFramer(10)
    long = b"<22>" + b"x" * 1_000
    data = long + end if end else b"1004 " + long
    messages: list[bytes] = []
    for start in range(0, len(data), 7):
        messages += framer.feed(data[start : start + 7])
    messages += framer.feed(b"<22>y\n" if end else b"5 <22>y")
    assert messages == [b"<22>xxxxxx", b"<22>y"]
    assert framer.cut == 1
    assert not framer.is_within


_PARTS = st.sampled_from(
    [
        *(b"12 <22>abcdefgh", b"5 <2>ab\n", b"<22>one\n", b"9 ", b"<1", b"\n", b"\0", b"123"),
        *(b"99999999 <2", b"x" * 60, b"70 <3>" + b"y" * 67, b"51 <4>" + b"z" * 48),
    ]
)


@example(b"<22>one\n\x005 <2>ab\n", [9])  # a length behind what is between messages
@example(b"<22>one\n\0" + b"x" * 60 + b"\n", [9])  # what is between does not count for the limit
@given(st.lists(_PARTS | st.binary(max_size=8)).map(b"".join), st.lists(st.integers(0, 400)))
def test_it_does_not_matter_where_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    """A message is always one line, no longer than the limit."""
    whole, parts = MessageFramer(50), MessageFramer(50)
    messages = whole.feed(data)
    places = [0, *sorted(cuts), len(data)]
    found = [y for a, b in pairwise(places) for y in parts.feed(data[a:b])]
    assert found == messages
    assert (parts.cut, parts.is_within) == (whole.cut, whole.is_within)
    assert all(x and b"\n" not in x and len(x) <= 50 + 4 * x.count(b"#012") for x in messages)


def test_a_datagram_is_one_line() -> None:
    """What ends it is not part of it."""
    assert clean(b"<22>one\r\n\0") == b"<22>one"
    assert clean(b"<22>a\nb") == b"<22>a#012b"
