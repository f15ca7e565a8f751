"""Unpacking gzip as it comes: in blocks, and on when the rest arrives.

As gzip(1) does, members that follow one another are read as one, padding with NULs is skipped,
and anything else behind a member is ignored.
"""

import zlib
from collections.abc import Callable

GZIP_MAGIC = b"\x1f\x8b"

_GZIP = 31
"""zlib's wbits for "gzip, any window": it checks length and CRC itself."""

_PACKED_BYTES = 1 << 18
"""256 KiB of gzip unpack to 1 to 3 MiB of log, so most blocks come out full."""

Read = Callable[[int], bytes]
"""Hands over at most so many bytes, what is there now; b"" at the end."""


class Unpacking:
    """A gzip file on its way.

    Attributes:
        fault: What is wrong with it, in zlib's words; None while it is sound. Behind a fault
            nothing comes out any more.
    """

    __slots__ = ("_garbage", "_member", "_packed", "_read", "fault")

    def __init__(self, read: Read, packed: bytes = b"") -> None:
        """Begin a file.

        Args:
            read: Gives the bytes of the file.
            packed: Those that were read already.
        """
        self._read = read
        self._packed = packed
        self._member: zlib._Decompress | None = zlib.decompressobj(_GZIP)
        self._garbage = False
        self.fault: str | None = None

    @property
    def complete(self) -> bool:
        """Whether a gzip file may end where this one was read to."""
        return self._member is None

    def read(self, size: int) -> bytes:
        """Unpack what follows.

        Args:
            size: The most bytes to return; at least 1.

        Returns:
            Unpacked bytes; b"" if there is nothing more now. Then ``fault`` and ``complete`` say
            how the file ends; if it is neither, it is cut off so far, and may be asked again.
        """
        while self.fault is None and (member := self._member or self._next_member()) is not None:
            # zlib drops what it had unpacked in the call that meets a fault, so keep a way back.
            before = member.copy()
            try:
                block = member.decompress(self._packed, size)
            except zlib.error as error:
                self.fault = str(error)
                return _until_fault(before, self._packed)
            self._packed = member.unused_data if member.eof else member.unconsumed_tail
            self._member = None if member.eof else member
            if block:
                return block
            if not member.eof and not self._packed:
                self._packed = self._read(_PACKED_BYTES)
                if not self._packed:
                    break
        return b""

    def _next_member(self) -> "zlib._Decompress | None":
        while not self._garbage:
            self._packed = self._packed.lstrip(b"\0")
            if self._packed.startswith(GZIP_MAGIC):
                self._member = zlib.decompressobj(_GZIP)
                break
            self._garbage = not GZIP_MAGIC.startswith(self._packed)
            more = b"" if self._garbage else self._read(_PACKED_BYTES)
            if not more:
                break
            self._packed += more
        return self._member


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
