"""A row of the spool: one block of documents, packed.

Unpacked, a block has two lines for each document: its id and its body. The id is in the body
again a few hundred bytes later, where zstandard finds it: it costs next to nothing. Lines are cut
and joined by whole blocks, never document by document.
"""

import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import zstandard

from forwarder.events import Document, new_document

MAX_BLOCK_BYTES = 1 << 20
"""Of bodies in one row. A reader has one row unpacked in memory; below a megabyte zstandard finds
less that is alike, above this nothing is gained."""

_LEVEL = 1
"""A hundredth of the size at level 1; higher levels save little and take longer by far."""


class Block(NamedTuple):
    """Packed documents."""

    documents: int
    """How many."""
    checksum: int
    """CRC-32 of ``packed``. SQLite does not notice when the content of a page changes."""
    packed: bytes


def pack(documents: Sequence[Document]) -> list[Block]:
    """Pack documents, in order, into as many blocks as their size asks for.

    Raises:
        ValueError: An id or a body has a newline in it.
    """
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return [_pack(compressor, part) for part in _cut(documents)]


def unpack(block: Block) -> list[Document]:
    """Return the documents of a block.

    Raises:
        ValueError: It is damaged.
    """
    if checksum(block.packed) != block.checksum:
        raise ValueError("the checksum does not match")
    try:
        content = zstandard.ZstdDecompressor().decompress(block.packed)
    except zstandard.ZstdError as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error
    lines = content.split(b"\n")
    if len(lines) != 2 * block.documents:
        raise ValueError(f"{len(lines)} lines are not {block.documents} documents")
    ids = b"\n".join(lines[0::2]).decode().split("\n")
    return list(map(new_document, zip(ids, lines[1::2], strict=True)))


def checksum(*parts: bytes) -> int:
    """Return the CRC-32 of bytes."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return value


def _cut(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    """Cut what is too large for one block; a document that is too large for any is alone."""
    ends = list(accumulate([len(x.body) for x in documents]))
    start = size = 0
    while start < len(documents):
        end = max(bisect_right(ends, size + MAX_BLOCK_BYTES), start + 1)
        yield documents[start:end]
        start, size = end, ends[end - 1]


def _pack(compressor: zstandard.ZstdCompressor, documents: Sequence[Document]) -> Block:
    ids, bodies = zip(*documents, strict=True)
    lines: list[bytes] = [b""] * (2 * len(documents))
    lines[0::2] = "\n".join(ids).encode().split(b"\n")
    lines[1::2] = bodies
    # To look for a byte is far quicker than to count it.
    if any(b"\n" in x for x in bodies):
        raise ValueError("a body has a newline in it")
    packed = compressor.compress(b"\n".join(lines))
    return Block(len(documents), checksum(packed), packed)
