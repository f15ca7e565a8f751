"""Knowing contents by fingerprints that grow."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.inputs.files.file_handle import HEAD_BYTES, NOTHING, TAIL_BYTES, Fingerprint, Index


def of(data: bytes) -> Fingerprint:
    """Return the fingerprint of bytes read at once."""
    return NOTHING.extend(data)


@given(st.binary(max_size=5000), st.lists(st.integers(0, 5000)))
def test_it_is_the_same_however_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    """And its parts are what they are said to be."""
    fingerprint = NOTHING
    begin = 0
    for end in [*sorted(min(x, len(data)) for x in cuts), len(data)]:
        fingerprint = fingerprint.extend(data[begin:end])
        begin = end
    assert fingerprint == of(data)
    assert fingerprint.size == len(data)
    assert fingerprint.checksum == zlib.crc32(data)
    assert fingerprint.tail == data[-TAIL_BYTES:]
    assert fingerprint.head == data[:HEAD_BYTES]


@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_a_beginning_may_be_the_whole(beginning: bytes, rest: bytes) -> None:
    """A file that grew agrees with what it was."""
    assert of(beginning).may_be(of(beginning + rest))
    assert of(beginning + rest).may_be(of(beginning))
    assert of(beginning).equals(of(beginning + rest)) == (not rest)


@pytest.mark.parametrize("at", [0, 1, 63, 64, 200, 511, 512, 1500, 4000])
def test_other_bytes_are_told_apart(at: int) -> None:
    """By the first bytes, or by the whole."""
    one = bytes(5000)
    other = bytearray(one)
    other[at] = 1
    assert not of(one).equals(of(bytes(other)))
    assert of(one).may_be(of(bytes(other))) == (at >= HEAD_BYTES)


def test_what_was_passed_over_is_known_by_its_ends() -> None:
    """By its beginning and by the bytes before its end."""
    data = bytes(range(256)) * 40
    jumped = Fingerprint(len(data), None, data[:HEAD_BYTES], data[-TAIL_BYTES:])
    assert jumped.equals(of(data))
    assert jumped.extend(b"more").equals(of(data + b"more"))
    assert not jumped.equals(of(data[:-1] + b"!"))
    assert not jumped.equals(of(b"!" + data[1:]))


def test_a_head_of_an_earlier_version_stays_short() -> None:
    """What is appended later does not belong to it."""
    data = bytes(range(256)) * 4
    before = of(data)._replace(head=data[:64])
    assert before.extend(b"more").equals(of(data + b"more"))
    assert before.extend(b"more").head == data[:64]


@given(st.lists(st.binary(max_size=300), max_size=20), st.binary(max_size=300))
def test_the_index_finds_what_agrees(contents: list[bytes], wanted: bytes) -> None:
    """As looking at each would, and no longer what was taken out."""
    index = Index()
    contents += [wanted[: len(wanted) // 2], b"\0" + wanted[:70], b"\0" + wanted + b"more"]
    prints = {str(i): of(x) for i, x in enumerate(contents) if x}
    for key, fingerprint in prints.items():
        index.add(key, fingerprint.head)
    target = of(b"\0" + wanted)
    expected = {key for key, x in prints.items() if x.may_be(target)}
    assert set(index.find(target.head)) == expected
    for key in expected:
        index.remove(key, prints[key].head)
    assert index.find(target.head) == []
