"""Reads a log once, in blocks of bytes: plain, gzip or from standard input.

- Blocks are cut anywhere, never empty and never above the limit, whatever a file expands to.
- A format is known by the first bytes and not by the name. Plain text and gzip are read. Other
  compression, UTF-16 and archives are refused by name: they would look like a log without logins,
  and the members of an archive like one log of one appliance.
- gzip is decompressed while it grows. As in gzip(1), members that follow one another are one file,
  and anything else after a member is ignored. A truncated file gives all that is there, a damaged
  one the blocks before the one with the damage, and then the error.
- A file may hold much that expands to nothing: empty members, empty blocks. So a call reads a
  bounded part of it and returns what came out, if only nothing.
"""

import os
import select
import stat
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from forwarder.errors import ForwarderError
from forwarder.inputs.files.paths import time_in_name
from forwarder.text import many, shown

STDIN = "-"  # the path that stands for standard input, as in cat(1)

BLOCK_BYTES = 1 << 20
"""1 MiB: the cost of a call is spread over some 10,000 lines, and the block still fits a
processor's cache. Larger ones gained nothing when tried."""

GZIP_MAGIC = b"\x1f\x8b"
HEAD_BYTES = 512  # enough to know every format: the header of the first member of a tar archive

_FORMATS = {
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "zstdcat FILE > LOG"),
    b"\xfd7zXZ\x00": ("compressed with xz", "xzcat FILE > LOG"),
    b"BZh": ("compressed with bzip2", "bzcat FILE > LOG"),
    b"PK\x03\x04": ("a zip archive", "unzip FILE -d FOLDER"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "7z x FILE -oFOLDER"),
    b"Rar!\x1a\x07": ("a RAR archive", "unrar x FILE FOLDER/"),
    # Notepad and PowerShell write it; an appliance never does.
    b"\xff\xfe": ("in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE > LOG"),
    b"\xfe\xff": ("in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE > LOG"),
}
"""What a file is by its first bytes, and what makes a log of it."""
_TAR = slice(257, 262)  # where "ustar" stands in a header
_MAGICS = (GZIP_MAGIC, *_FORMATS)

_GZIP = 31
"""zlib's wbits for "gzip, any window": it checks length and CRC itself."""
_COMPRESSED_BYTES = 1 << 18  # 256 KiB of gzip are read at once
_CHUNK_BYTES = 1 << 16
"""64 KiB are decompressed at once: zlib copies what follows the end of a member, and there may be
thousands of members."""

Read = Callable[[int], bytes]
"""Returns at most so many bytes, what is there now; b"" at the end."""


class ReadError(ForwarderError):
    """A log could not be read, or not to its end; the blocks before are good."""


def read_blocks(path: str, *, block_bytes: int = BLOCK_BYTES) -> Generator[bytes, None, None]:
    """Read a file, a FIFO, or "-", standard input; decompressed if it is gzip.

    What a pipe has is returned at once; a full block is not waited for. The file is closed with the
    iterator. ReadError for a file that is missing, not readable, a folder, of a format that is
    refused, or gzip that is cut off or damaged (after what could be decompressed).
    """
    with _opened(path) as read:
        gzip, next_block = None, partial(read, block_bytes)
        block = _read_head(path, next_block)
        if block.startswith(GZIP_MAGIC):
            gzip = GzipReader(read, block)
            next_block = partial(gzip.read_on, block_bytes)
            block = _read_head(path, next_block)
        total = 0
        while block:
            total += len(block)
            # Reading the first bytes may have gathered more than one block.
            yield from (block[at : at + block_bytes] for at in range(0, len(block), block_bytes))
            block = next_block()
        if gzip is not None and not gzip.complete:
            raise ReadError(f"{shown(path)} {describe_damage(gzip.fault, total)}")


def file_times(path: str) -> tuple[datetime, datetime | None]:
    """Return about when a log was begun, to find the year of stamps that have none, and its end.

    Aware UTC: the timestamp in the name, or the time of the last change; and when it was last
    written to, None if unknown: no line is more than a day later. Now for what is not a file.
    """
    now, named = datetime.now(UTC), time_in_name(path)
    if path == STDIN:
        return now, now
    with _clear_errors(path):
        status = Path(path).stat()
    if not stat.S_ISREG(status.st_mode):
        return named or now, now
    changed = instant(status.st_mtime)
    if changed is None:
        return named or now, named
    return named or changed, max(changed, named or changed)


def instant(seconds: float) -> datetime | None:
    """Return an instant, aware UTC, by seconds from 1970; None outside the years 1 to 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def refusal(head: bytes) -> str | None:
    """Return why a file with these first bytes, decompressed, is not read; None if it is."""
    known = next((known for magic, known in _FORMATS.items() if head.startswith(magic)), None)
    # Lines of a log have no NUL in them, so no user name that a stranger chose makes it an archive.
    if head[_TAR] == b"ustar" and b"\0" in head[: _TAR.start]:
        known = "a tar archive", "mkdir FOLDER && tar -xf FILE -C FOLDER"
    if known is None:
        return None
    what, command = known
    return f"is {what}, and only plain text and gzip are read; first run: {command}"


def is_too_short(head: bytes) -> bool:
    """Whether the first bytes are too few to know whether they are compressed."""
    return any(len(magic) > len(head) and magic.startswith(head) for magic in _MAGICS)


def describe_damage(fault: str | None, total: int) -> str:
    """Describe a gzip file that has a fault, or is cut off, as what follows its name."""
    damage = "is cut off" if fault is None else f"is damaged ({fault})"
    return (
        f"is a gzip file that {damage}; {many(total, 'byte')} decompressed before that were"
        f" read unverified and may be wrong; fetch the file again"
    )


class GzipReader:
    """Decompresses a gzip file that may be growing."""

    def __init__(self, read: Read, data: bytes = b"") -> None:
        """Begin a file whose first bytes may have been read already."""
        self._read = read
        self._data, self._at = data, 0
        self._member: zlib._Decompress | None = zlib.decompressobj(_GZIP)
        self._garbage = False
        self.fault: str | None = None  # in zlib's words; nothing comes after one
        self.pending = False  # whether a call gave nothing as it had read its share; call again

    @property
    def complete(self) -> bool:
        """Whether a gzip file may end here."""
        return self._member is None

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; b"" if nothing comes out now.

        Nothing more is there then, unless :attr:`pending` is set.
        """
        self.pending = has_read = False
        while self.fault is None and not self._garbage:
            if self._member is None:
                goes_on = self._begin_member()
            else:
                block = self._decompress(self._member, size)
                if block:
                    return block
                goes_on = self.complete or self._at < len(self._data)
            if goes_on:
                continue
            if has_read:
                self.pending = True
                break
            more = self._read(_COMPRESSED_BYTES)
            if not more:
                break
            has_read = True
            self._data, self._at = self._data[self._at :] + more, 0
        return b""

    def read_on(self, size: int) -> bytes:
        """Return the next bytes, however much has to be read for them; b"" only at the end."""
        block = self.read(size)
        while self.pending:
            block = self.read(size)
        return block

    def _decompress(self, member: "zlib._Decompress", size: int) -> bytes:
        chunk = self._data[self._at : self._at + _CHUNK_BYTES]
        try:
            block = member.decompress(chunk, size)
        except zlib.error as error:
            self.fault = str(error)
            return b""
        self._at += len(chunk) - len(member.unused_data if member.eof else member.unconsumed_tail)
        if member.eof:
            self._member = None
        return block

    def _begin_member(self) -> bool:
        """Begin the next member; False if more of the file is needed for it."""
        magic = self._data[self._at : self._at + len(GZIP_MAGIC)]
        if magic == GZIP_MAGIC:
            self._member = zlib.decompressobj(_GZIP)
        else:
            self._garbage = not GZIP_MAGIC.startswith(magic)
        return self._garbage or self._member is not None


def _read_head(path: str, next_block: Callable[[], bytes]) -> bytes:
    """Read until the format is known; a line from a pipe does not wait for what may follow."""
    head = next_block()
    while is_too_short(head) or (len(head) < HEAD_BYTES and b"\n" not in head):
        more = next_block()
        if not more:
            break
        head += more
    reason = refusal(head)
    if reason is not None:
        raise ReadError(f"{shown(path)} {reason}")
    return head


@contextmanager
def _opened(path: str) -> Iterator[Read]:
    with _clear_errors(path):
        if path == STDIN:
            yield _read_stdin
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield partial(os.read, descriptor)
        finally:
            os.close(descriptor)


def _read_stdin(size: int) -> bytes:
    if sys.stdin is None:  # as after <&- in a shell
        raise ReadError("standard input is closed; give it a file or a pipe, or name files to read")
    try:
        descriptor = sys.stdin.fileno()
    except OSError:  # bytes in memory
        return sys.stdin.buffer.read(size)
    select.select([descriptor], [], [])  # an empty read of one that never waits is not the end
    return os.read(descriptor, size)


@contextmanager
def _clear_errors(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise ReadError(f"{shown(path)} cannot be read: {reason}") from error
