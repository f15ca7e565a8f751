"""Reading gzip: members, cuts, damage and bombs."""

import gzip
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.inputs.block_reader import GzipReader
from forwarder.text import many
from tests.test_inputs_block_reader import LOG, read, run

TRAILER_BYTES = 8
"""CRC and length, behind all that can be unpacked."""


@settings(deadline=None)  # it writes files
@given(
    st.lists(st.binary(max_size=300), max_size=4),
    st.integers(1, 400),
    st.sampled_from([b"", b"\0", b"\0" * 700, b"\x1f", b"\n", b"garbage", b"\0\0x", b"\x1fx"]),
)
def test_members_follow_one_another_and_garbage_is_ignored(
    tmp_path_factory: pytest.TempPathFactory,
    members: list[bytes],
    block_bytes: int,
    garbage: bytes,
) -> None:
    """All members are read as one; padding and garbage behind the last do no harm."""
    path = tmp_path_factory.mktemp("members") / "mail.log.gz"
    path.write_bytes(b"".join(map(gzip.compress, [b"first", *members])) + garbage)
    assert (b"first" + b"".join(members), None) == read(path, block_bytes)


EMPTY_MEMBER = gzip.compress(b"", mtime=0)
EMPTY_BLOCK = b"\0\0\0\xff\xff"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(EMPTY_MEMBER * 200_000 + gzip.compress(LOG), id="empty members"),
        pytest.param(
            gzip.compress(b"", mtime=0)[:10]
            + EMPTY_BLOCK * 800_000
            + zlib.compress(LOG, wbits=-15)
            + zlib.crc32(LOG).to_bytes(4, "little")
            + len(LOG).to_bytes(4, "little"),
            id="empty blocks",
        ),
    ],
)
def test_what_unpacks_to_nothing_is_read_in_shares(tmp_path: Path, content: bytes) -> None:
    """A call reads a bounded part of the file, so that others have their turn meanwhile."""
    path = tmp_path / "mail.gz"
    path.write_bytes(content)
    assert read(path) == (LOG, None)
    taken = 0

    def take(size: int) -> bytes:
        nonlocal taken
        data = content[taken : taken + size]
        taken += len(data)
        return data

    unpacking = GzipReader(take)
    found, shares, before = b"", 0, 0
    while (data := unpacking.read(1 << 20)) or unpacking.pending:
        found += data
        shares += 1
        assert taken - before <= 1 << 18
        before = taken
    assert found == LOG
    assert shares >= taken >> 18
    assert unpacking.complete


@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_cut_off_gzip_gives_what_is_there(tmp_path: Path, level: int) -> None:
    """Cut at any byte: the beginning comes out, never less for more bytes, and then the error."""
    compressed = gzip.compress(LOG, level)
    path = tmp_path / "mail.@20090422T114359.s"
    path.write_bytes(compressed[:1])
    lengths = []
    for end in range(1, len(compressed) - 1):
        with path.open("ab") as file:  # to write all of it again takes minutes on a busy disk
            file.write(compressed[end : end + 1])
        content, error = read(path)
        assert LOG.startswith(content)
        assert error == (
            f"{str(path)!r} is a gzip file that is cut off; {many(len(content), 'byte')}"
            " decompressed before that were read unverified and may be wrong; fetch the file again"
        )
        lengths.append(len(content))
    assert all(shorter <= longer for shorter, longer in pairwise(lengths))
    assert len(LOG) == lengths[-TRAILER_BYTES]  # all there, only the check is missing


def test_a_cut_in_a_later_member_keeps_those_before(tmp_path: Path) -> None:
    """The error tells of the whole file, not of the member."""
    path = tmp_path / "mail.log.gz"
    path.write_bytes(gzip.compress(LOG) + gzip.compress(LOG)[:-TRAILER_BYTES])
    content, error = read(path, 1000)
    assert content == LOG * 2
    assert f"cut off; {2 * len(LOG):,} bytes decompressed before that were read" in str(error)


def test_a_damaged_gzip_gives_the_blocks_before_the_damage(tmp_path: Path) -> None:
    """A byte wrong anywhere: what zlib unpacked in whole blocks comes out, then the error."""
    compressed = gzip.compress(LOG, 1, mtime=0)
    path = tmp_path / "mail.log.gz"
    for at in range(10, len(compressed)):
        broken = bytearray(compressed)
        broken[at] ^= 0xFF
        path.write_bytes(broken)
        content, error = read(path, 1000)
        assert "gzip file that is" in str(error)
        possible = unpacked_bytewise(bytes(broken))
        assert possible.startswith(content)
        assert len(possible) - len(content) <= 1000


def unpacked_bytewise(compressed: bytes) -> bytes:
    """Unpack one byte at a time until zlib complains: all that can be had."""
    member = zlib.decompressobj(31)
    unpacked = b""
    try:
        for at in range(len(compressed)):
            unpacked += member.decompress(compressed[at : at + 1])
    except zlib.error:
        pass
    return unpacked


@settings(deadline=None)  # it writes files
@given(st.integers(0, 5000), st.integers(1, 255), st.integers(1, 3000))
def test_damage_never_ends_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, at: int, mask: int, block_bytes: int
) -> None:
    """Whatever is wrong with a gzip file, the only error is ReadError."""
    compressed = bytearray(gzip.compress(LOG) + gzip.compress(LOG))
    compressed[at % len(compressed)] ^= mask
    path = tmp_path_factory.mktemp("damage") / "mail.log.gz"
    path.write_bytes(compressed)
    content, error = read(path, block_bytes)
    assert error is not None or LOG in content or bytes(compressed) == content


def test_a_bad_member_behind_a_good_one_is_no_garbage(tmp_path: Path) -> None:
    """What begins as gzip and is none is damage, as gzip(1) has it."""
    path = tmp_path / "mail.log.gz"
    path.write_bytes(gzip.compress(LOG) + b"\x1f\x8b\x09 unknown method")
    content, error = read(path)
    assert content == LOG
    assert "damaged" in str(error)


def test_a_gzip_bomb_stays_small(tmp_path: Path) -> None:
    """256 MiB out of 256 KiB come in blocks, in a process that may not hold them."""
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb") as bomb:
        for _ in range(256):
            bomb.write(bytes(1 << 20))
    code = f"""
        import resource
        resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20))
        print(sum(map(len, read_blocks({str(path)!r}))), end="")
    """
    assert run(code).stdout == b"%d" % (256 << 20)


def test_a_cut_off_gzip_on_standard_input_is_named() -> None:
    """The message says where it came from."""
    code = """
        import sys
        try: list(read_blocks("-"))
        except ReadError as error: print(error, end="")
    """
    done = run(code, input=gzip.compress(LOG)[:-1])
    assert done.stdout.startswith(b"standard input is a gzip file that is cut off; ")
