"""Unpacking gzip as it comes: in blocks, and on when the rest arrives.

As gzip(1) does, members that follow one another are read as one, padding with NULs is skipped,
and anything else behind a member is ignored.

A file may hold much and unpack to nothing: empty members, empty blocks, padding. So a call reads a
bounded part of it, takes time in proportion, and gives back what it has, if only nothing.
"""

import re
import zlib
from collections.abc import Callable

from forwarder.text import many

GZIP_MAGIC = b"\x1f\x8b"

_GZIP = 31
"""zlib's wbits for "gzip, any window": it checks length and CRC itself."""

_PACKED_BYTES = 1 << 18
"""256 KiB of gzip unpack to 1 to 3 MiB of log, so most blocks come out full."""

_MIN_CHUNK_BYTES = 1 << 10
"""Given to zlib at once where members are tiny. zlib copies what is behind the end of a member, so
a chunk is larger than this only in proportion to the member before."""

_MAX_PADDING_BYTES = 1 << 20
"""1 MiB of NULs between two members, more than any tape pads; a hole in a sparse file costs
nothing to make, and to read it would take hours."""

_NO_PADDING = re.compile(rb"[^\0]")

Read = Callable[[int], bytes]
"""Hands over at most so many bytes, what is there now; b"" at the end."""


class Unpacking:
    """A gzip file on its way.

    Attributes:
        fault: What is wrong with it, in zlib's words; None while it is sound. Behind a fault
            nothing comes out any more.
        pending: Whether the last call gave nothing because it had read its share; the next one
            goes on.
    """

    __slots__ = (
        "_at",
        "_begun",
        "_chunk_bytes",
        "_garbage",
        "_member",
        "_packed",
        "_padding",
        "_read",
        "_used",
        "fault",
        "pending",
    )

    def __init__(self, read: Read, packed: bytes = b"") -> None:
        """Begin a file.

        Args:
            read: Gives the bytes of the file.
            packed: Those that were read already.
        """
        self._read = read
        self._packed = packed
        self._at = 0
        self._member: zlib._Decompress | None = zlib.decompressobj(_GZIP)
        self._begun = False
        self._used = 0
        self._chunk_bytes = _PACKED_BYTES
        self._padding = 0
        self._garbage = False
        self.fault: str | None = None
        self.pending = False

    @property
    def complete(self) -> bool:
        """Whether a gzip file may end where this one was read to."""
        return self._member is None

    def read(self, size: int) -> bytes:
        """Unpack what follows.

        Args:
            size: The most bytes to return; at least 1.

        Returns:
            Unpacked bytes; b"" if nothing comes out now. Then, unless it is ``pending``, there is
            nothing more now, and ``fault`` and ``complete`` say how the file ends; if it is
            neither, it is cut off so far, and may be asked again.
        """
        self.pending = False
        has_read = False
        while self.fault is None and not self._garbage:
            if self._member is None:
                goes_on = self._begin_member()
            else:
                block = self._unpack(self._member, size)
                if block:
                    return block
                goes_on = self.complete or self._at < len(self._packed)
            if goes_on:
                continue
            if has_read:
                self.pending = True
                break
            more = self._read(_PACKED_BYTES)
            if not more:
                break
            has_read = True
            self._packed = self._packed[self._at :] + more
            self._at = 0
        return b""

    def read_on(self, size: int) -> bytes:
        """Unpack what follows, however much has to be read for it; b"" only at the end."""
        block = self.read(size)
        while self.pending:
            block = self.read(size)
        return block

    def _unpack(self, member: "zlib._Decompress", size: int) -> bytes:
        """Unpack a chunk, or less."""
        chunk = self._packed[self._at : self._at + self._chunk_bytes]
        # zlib drops what it had unpacked in the call that meets a fault, so keep a way back.
        before = member.copy() if self._begun else zlib.decompressobj(_GZIP)
        try:
            block = member.decompress(chunk, size)
        except zlib.error as error:
            self.fault = str(error)
            return _until_fault(before, chunk)
        used = len(chunk) - len(member.unused_data if member.eof else member.unconsumed_tail)
        self._at += used
        self._used += used
        self._begun = True
        if member.eof:
            self._member = None
            self._chunk_bytes = min(max(4 * self._used, _MIN_CHUNK_BYTES), _PACKED_BYTES)
        else:
            self._chunk_bytes = min(2 * self._chunk_bytes, _PACKED_BYTES)
        return block

    def _begin_member(self) -> bool:
        """Begin the next member behind padding.

        Returns:
            False if that takes more of the file.
        """
        found = _NO_PADDING.search(self._packed, self._at)
        at = len(self._packed) if found is None else found.start()
        self._padding += at - self._at
        self._at = at
        if self._padding > _MAX_PADDING_BYTES:
            self._garbage = True
        elif self._packed.startswith(GZIP_MAGIC, at):
            self._member = zlib.decompressobj(_GZIP)
            self._begun, self._used, self._padding = False, 0, 0
        else:
            self._garbage = not GZIP_MAGIC.startswith(self._packed[at : at + len(GZIP_MAGIC)])
        return self._garbage or self._member is not None


def describe_damage(fault: str | None, unpacked_bytes: int) -> str:
    """Describe a gzip file that does not end as it should, as what follows its name in a sentence.

    Args:
        fault: In zlib's words; None if the file is cut off.
        unpacked_bytes: What was read of it.
    """
    damage = "is cut off" if fault is None else f"is damaged ({fault})"
    return (
        f"is a gzip file that {damage}; {many(unpacked_bytes, 'byte')} unpacked before that were"
        f" read unverified and may be wrong; fetch the file again"
    )


def _until_fault(member: "zlib._Decompress", packed: bytes) -> bytes:
    """Unpack byte by byte up to the fault that is known to be in ``packed``.

    What comes out is below one block: with more, zlib would have stopped short of the fault.
    Lost is only what is unpacked from the very byte of the fault.
    """
    unpacked = bytearray()
    for at in range(len(packed)):
        try:
            unpacked += member.decompress(packed[at : at + 1])
        except zlib.error:
            break
    return bytes(unpacked)
