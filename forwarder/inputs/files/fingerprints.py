"""Knowing a log by what is in it, under whatever name, inode or packing.

A fingerprint is of the bytes that were read, from the first to a position, and grows with each
byte. It has four parts:

- ``size``: how many bytes they are;
- ``marks``: the first 64 bytes as they are, then checksums of the beginning at every 16 bytes up
  to 1 KiB and at each power of two. Two files agree as far as they can be compared exactly if the
  marks of one begin with the marks of the other, so all files that may be the same are found by
  one search among sorted marks, also among 10,000 files with the same header;
- ``checksum``: CRC-32 of all of them. It goes on from its own value, so it survives a restart
  without reading anything again, and costs a sixth of the scan for logins;
- ``tail``: the last 256 bytes, two or three lines. Each read begins there, so that a file that
  was truncated and written anew is found out before a byte of it is taken for the rest of the old.

Why not an inode: it is given to the next file at once. Why not a hash of the first KiB: files
share headers, and files may be shorter. Why CRC-32 is enough: it is only asked where the first
64 and the last 256 bytes agree at exactly one length, and whoever writes into the log from outside
does not know the rest of it.

Pure: bytes in, values out.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple
from zlib import crc32

HEAD_BYTES = 64
"""Kept as they are: most log lines differ within them, by their timestamp."""

TAIL_BYTES = 256

_FINE_BYTES = 1024
_FINE_STEP = 16
"""Up to here there is a mark every 16 bytes: so a file with a header and one line, too, has a mark
in that line that no other has."""

_MARK_BYTES = 4


class Fingerprint(NamedTuple):
    """Of the beginning of a file."""

    size: int = 0
    """Bytes that it covers."""
    checksum: int | None = 0
    """CRC-32 of all of them; None where some were passed over without being read."""
    marks: bytes = b""
    """The first :data:`HEAD_BYTES`, then 4 bytes for each checksum on the way."""
    tail: bytes = b""
    """The last :data:`TAIL_BYTES`; fewer at the beginning."""

    def extend(self, data: bytes) -> "Fingerprint":
        """Return the fingerprint that covers the following bytes as well."""
        size, checksum, marks, tail = self
        behind = size + len(data)
        tail = data[-TAIL_BYTES:] if len(data) >= TAIL_BYTES else (tail + data)[-TAIL_BYTES:]
        if checksum is None:
            return Fingerprint(behind, None, marks, tail)
        if size < HEAD_BYTES:
            marks += data[: HEAD_BYTES - size]
        view = memoryview(data)
        while (mark := _next_mark(size)) <= behind:
            view, before = view[mark - size :], view[: mark - size]
            checksum = crc32(before, checksum)
            if mark > HEAD_BYTES:
                marks += checksum.to_bytes(_MARK_BYTES, "big")
            size = mark
        return Fingerprint(behind, crc32(view, checksum), marks, tail)

    def jump(self, size: int, tail: bytes) -> "Fingerprint":
        """Return the fingerprint behind bytes that are passed over without reading them.

        Args:
            size: Where to go on, in bytes from the start of the file.
            tail: The bytes before it, :data:`TAIL_BYTES` or all.
        """
        return Fingerprint(size, None, self.marks, tail)

    def is_of(self, data: bytes) -> bool:
        """Say whether it covers just these bytes."""
        return (
            len(data) == self.size
            and data.startswith(self.marks[:HEAD_BYTES])
            and data.endswith(self.tail)
            and crc32(data) == self.checksum
        )

    def may_be(self, other: "Fingerprint") -> bool:
        """Say whether both can be of one file, as far as marks tell."""
        return self.marks.startswith(other.marks) or other.marks.startswith(self.marks)

    def equals(self, other: "Fingerprint") -> bool:
        """Say whether both cover the same bytes; either may have passed some over."""
        unread = None in (self.checksum, other.checksum)
        return (
            self.size == other.size
            and self.tail == other.tail
            and (unread or self.checksum == other.checksum)
            and self.may_be(other)
        )


NOTHING = Fingerprint()
"""Of no bytes."""


class Index:
    """Finds the contents that a file may have, by their marks."""

    def __init__(self) -> None:
        self._sorted: list[tuple[bytes, str]] = []
        self._lengths: Counter[int] = Counter()
        """How many marks there are of each length: few files are so short that theirs are, too."""

    def add(self, key: str, marks: bytes) -> None:
        """Put a content in; without marks it is not found."""
        if not marks:
            return
        insort(self._sorted, (marks, key))
        self._lengths[len(marks)] += 1

    def remove(self, key: str, marks: bytes) -> None:
        """Take a content out that was put in with these marks."""
        if not marks:
            return
        del self._sorted[bisect_left(self._sorted, (marks, key))]
        self._lengths[len(marks)] -= 1
        if not self._lengths[len(marks)]:
            del self._lengths[len(marks)]

    def find(self, marks: bytes) -> set[str]:
        """Find all contents that agree with the marks as far as both go."""
        return set(self._find(marks))

    def find_few(self, marks: bytes, most: int) -> set[str]:
        """Find them, as :meth:`find`, if there are no more than so many; otherwise none."""
        found = set(islice(self._find(marks), most + 1))
        return found if len(found) <= most else set()

    def _find(self, marks: bytes) -> Iterator[str]:
        yield from self._beginning_with(marks, whole=False)
        for length in self._lengths:
            if length < len(marks):
                yield from self._beginning_with(marks[:length], whole=True)

    def _beginning_with(self, marks: bytes, *, whole: bool) -> Iterator[str]:
        """Find those whose marks begin with these, or are these."""
        for at in range(bisect_left(self._sorted, (marks, "")), len(self._sorted)):
            longer, key = self._sorted[at]
            if longer != marks and (whole or not longer.startswith(marks)):
                break
            yield key


def _next_mark(size: int) -> int:
    """Return the first mark behind a size, in bytes."""
    if size < _FINE_BYTES:
        return (size // _FINE_STEP + 1) * _FINE_STEP
    return 1 << size.bit_length()
