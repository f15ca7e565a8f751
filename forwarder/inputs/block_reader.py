"""Reads a log once, in blocks of bytes: plain, gzip or from standard input.

- Blocks are cut anywhere, never empty and never above the limit, whatever a file expands to.
- A format is known by the first bytes and not by the name. Plain text and gzip are read. Other
  compression, UTF-16 and archives are refused by name, with the command that helps: they would
  look like a log without logins, and the members of an archive like one log of one appliance.
- gzip is decompressed while it grows. As in gzip(1), members that follow one another are one file,
  padding with NULs is skipped, and anything else after a member is ignored. A truncated file gives
  all that is there, a damaged one the blocks before the one with the damage, and then the error.
- A file may hold much that expands to nothing: empty members, empty blocks, padding. So a call
  reads a bounded part of it and returns what came out, if only nothing.
- A file is read to the end that is there when reading reaches it. Nothing is mapped into memory:
  a mapped file that is truncated ends the process with SIGBUS.
"""

import os
import re
import select
import stat
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from forwarder.errors import ForwarderError
from forwarder.inputs.files.paths import time_in_name
from forwarder.text import many, quoted

if TYPE_CHECKING:
    from io import BufferedReader

STDIN = "-"  # the path that stands for standard input, as in cat(1)

BLOCK_BYTES = 1 << 20
"""1 MiB: the cost of a call is spread over some 10,000 lines, and the block still fits a
processor's cache. Larger ones gained nothing when tried."""

GZIP_MAGIC = b"\x1f\x8b"
HEAD_BYTES = 512  # enough to know every format: the header of the first member of a tar archive

_FORMATS = (
    (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat"),
    (b"\xfd7zXZ\x00", "xz", "xzcat"),
    (b"BZh", "bzip2", "bzcat"),
    (b"PK\x03\x04", "zip archive", "unzip FILE -d FOLDER"),
    (b"7z\xbc\xaf\x27\x1c", "7z archive", "7z x FILE -oFOLDER"),
    (b"Rar!\x1a\x07", "RAR archive", "unrar x FILE FOLDER/"),
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks. Notepad and PowerShell write it; an appliance never does."""
_MAGICS = (GZIP_MAGIC, *(magic for magic, _, _ in _FORMATS))

# No magic number is common to all forms of tar (POSIX, GNU and older): each member's header has a
# checksum, in octal digits, of its 512 bytes with spaces in its own place.
_TAR_CHECKSUM = slice(148, 156)
_OCTAL = re.compile(rb" *([0-7]{1,7})[\0 ]")

_GZIP = 31
"""zlib's wbits for "gzip, any window": it checks length and CRC itself."""
_COMPRESSED_BYTES = 1 << 18
"""256 KiB of gzip expand to 1 to 3 MiB of log, so most blocks come out full."""
_MIN_CHUNK_BYTES = 1 << 10
"""Given to zlib at once where members are tiny. zlib copies what follows the end of a member, so
a chunk is larger than this only in proportion to the member before."""
_MAX_PADDING_BYTES = 1 << 20
"""1 MiB of NULs between two members, more than any tape pads; a hole in a sparse file costs
nothing to make, and to read it would take hours."""
_NO_PADDING = re.compile(rb"[^\0]")

Read = Callable[[int], bytes]
"""Returns at most so many bytes, what is there now; b"" at the end."""

_REMEDIES: dict[type[Exception], str] = {
    FileNotFoundError: "; it may have been renamed or removed since it was found; run again",
    PermissionError: "; give this user the right to read it",
    IsADirectoryError: "; name a file to read",
}


class ReadError(ForwarderError):
    """A log could not be read, or not to its end; the blocks before are good."""


def read_blocks(path: str, *, block_bytes: int = BLOCK_BYTES) -> Generator[bytes, None, None]:
    """Read a log, decompressed if it is gzip.

    The file is open from when the first block is asked for until the last was returned or the
    iterator is closed.

    Args:
        path: Path of a file or FIFO, or "-" for standard input. What a pipe has is returned at
            once; a full block is not waited for.
        block_bytes: The largest block, in bytes; at least 1.

    Yields:
        1 to ``block_bytes`` bytes, in order.

    Raises:
        ReadError: The file is missing, not readable, a folder, of a format that is refused, or a
            gzip file that is cut off or damaged (after what could be decompressed).
        ValueError: ``block_bytes`` is below 1.
    """
    if block_bytes < 1:
        raise ValueError(f"block_bytes is {block_bytes}; it must be at least 1")
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
            raise ReadError(f"{_shown(path)} {describe_damage(gzip.fault, total)}")


def file_time(path: str) -> datetime:
    """Return about when a log was begun, aware UTC, to find the year of stamps that have none.

    The timestamp in the name, good to a day or so; without one, the time of the last change; for
    standard input, now. The first line is at most a day later.

    Raises:
        ReadError: The time is not in the name and the file cannot be read.
    """
    if path == STDIN:
        return datetime.now(UTC)
    named = time_in_name(path)
    if named is not None:
        return named
    with _clear_errors(path):
        seconds = Path(path).stat().st_mtime
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise ReadError(
            f"{_shown(path)} was last changed at {seconds:.0f} seconds from 1970, which is "
            f"outside the years 1 to 9999; set the time with touch(1)"
        ) from error


def last_change(path: str) -> datetime | None:
    """Return when a log was last written to, aware UTC; no line is more than a day later.

    Now, for standard input and what is not a regular file; None if it is unknown. A time in the
    name that is later is believed more.
    """
    if path == STDIN:
        return datetime.now(UTC)
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            return datetime.now(UTC)
        changed = datetime.fromtimestamp(status.st_mtime, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return max(changed, time_in_name(path) or changed)


def plain_bytes(path: str) -> int | None:
    """Return the size of a regular file in bytes; None if it is compressed."""
    with _opened(path) as read:
        head = read(HEAD_BYTES)
    with _clear_errors(path):
        return None if head.startswith(_MAGICS) else Path(path).stat().st_size


def refusal(head: bytes) -> str | None:
    """Return why a file with these first bytes is not read; None if it is.

    The words follow its name in a sentence; ``head`` is decompressed if the file is gzip.
    """
    if _is_tar(head):
        return _refuse_archive("tar archive", "mkdir FOLDER && tar -xf FILE -C FOLDER")
    if head.startswith(_UTF_16):
        return (
            "is in UTF-16, and only ASCII and UTF-8 are read here; convert it first:"
            " iconv -f UTF-16 -t UTF-8 FILE > LOG"
        )
    for magic, name, command in _FORMATS:
        if head.startswith(magic):
            if name.endswith("archive"):
                return _refuse_archive(name, command)
            return (
                f"is compressed with {name}, and only gzip is read here; decompress it first:"
                f" {command} FILE > LOG"
            )
    return None


def is_too_short(head: bytes) -> bool:
    """Whether the first bytes are too few to know whether they are compressed."""
    return any(len(magic) > len(head) and magic.startswith(head) for magic in _MAGICS)


def describe_damage(fault: str | None, total: int) -> str:
    """Describe a gzip file that has a fault, or is cut off, as what follows its name."""
    damage = "is cut off" if fault is None else f"is damaged ({fault})"
    return (
        f"is a gzip file that {damage}; {many(total, 'byte')} unpacked before that were"
        f" read unverified and may be wrong; fetch the file again"
    )


class GzipReader:
    """Decompresses a gzip file that may be growing.

    Attributes:
        fault: What is wrong with it, in zlib's words; nothing comes after a fault.
        pending: Whether the last call gave nothing because it had read its share; call again.
    """

    def __init__(self, read: Read, data: bytes = b"") -> None:
        """Begin a file whose first bytes may have been read already."""
        self._read = read
        self._data, self._at = data, 0
        self._member: zlib._Decompress | None = zlib.decompressobj(_GZIP)
        self._used = self._padding = 0
        self._chunk_bytes = _COMPRESSED_BYTES
        self._garbage = False
        self.fault: str | None = None
        self.pending = False

    @property
    def complete(self) -> bool:
        """Whether a gzip file may end here."""
        return self._member is None

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``.

        Returns:
            b"" if nothing comes out now. Unless :attr:`pending` is set, nothing more is there;
            without :attr:`fault` and :attr:`complete` the file is cut off so far.
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
        chunk = self._data[self._at : self._at + self._chunk_bytes]
        try:
            block = member.decompress(chunk, size)
        except zlib.error as error:
            self.fault = str(error)
            return b""
        used = len(chunk) - len(member.unused_data if member.eof else member.unconsumed_tail)
        self._at += used
        self._used += used
        if member.eof:
            self._member = None
            self._chunk_bytes = min(max(4 * self._used, _MIN_CHUNK_BYTES), _COMPRESSED_BYTES)
        else:
            self._chunk_bytes = min(2 * self._chunk_bytes, _COMPRESSED_BYTES)
        return block

    def _begin_member(self) -> bool:
        """Begin the next member after padding; False if more of the file is needed for it."""
        found = _NO_PADDING.search(self._data, self._at)
        at = len(self._data) if found is None else found.start()
        self._padding += at - self._at
        self._at = at
        if self._padding > _MAX_PADDING_BYTES:
            self._garbage = True
        elif self._data.startswith(GZIP_MAGIC, at):
            self._member = zlib.decompressobj(_GZIP)
            self._used = self._padding = 0
        else:
            self._garbage = not GZIP_MAGIC.startswith(self._data[at : at + len(GZIP_MAGIC)])
        return self._garbage or self._member is not None


def _refuse_archive(name: str, command: str) -> str:
    return (
        f"is a {name}, and archives are not read, because each of their files is a log of"
        f" its own; unpack it into a folder first: {command}"
    )


def _is_tar(head: bytes) -> bool:
    """Whether a file begins with the header of a member of a tar archive.

    Lines of a log have no NUL in them, so no user name that a stranger chose makes it an archive.
    """
    if len(head) < HEAD_BYTES or b"\0" not in head[:HEAD_BYTES]:
        return False
    field = head[_TAR_CHECKSUM]
    digits = _OCTAL.match(field)
    unsigned = sum(head[:HEAD_BYTES]) - sum(field) + len(field) * ord(" ")
    return digits is not None and int(digits[1], 8) == unsigned


def _read_head(path: str, next_block: Callable[[], bytes]) -> bytes:
    """Read until the format is known, and refuse what is not a log.

    A line from a pipe is not kept waiting for what may follow.
    """
    head = next_block()
    while is_too_short(head) or (len(head) < HEAD_BYTES and b"\n" not in head):
        more = next_block()
        if not more:
            break
        head += more
    reason = refusal(head)
    if reason is not None:
        raise ReadError(f"{_shown(path)} {reason}")
    return head


@contextmanager
def _opened(path: str) -> Iterator[Read]:
    with _clear_errors(path):
        if path == STDIN:
            yield _stdin_read()
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield partial(os.read, descriptor)
        finally:
            os.close(descriptor)


def _stdin_read() -> Read:
    if sys.stdin is None:  # as after <&- in a shell
        raise ReadError("standard input is closed; give it a file or a pipe, or name files to read")
    buffer = cast("BufferedReader", sys.stdin.buffer)  # typeshed does not promise read1
    try:
        waits = os.get_blocking(buffer.fileno())
    except OSError:  # not a descriptor but a buffer in memory
        waits = True

    def read(size: int) -> bytes:
        if not waits:  # an empty read would look like the end
            select.select([buffer], [], [])
        return buffer.read1(size)

    return read


@contextmanager
def _clear_errors(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        remedy = _REMEDIES.get(type(error), "")
        raise ReadError(f"{_shown(path)} cannot be read: {reason}{remedy}") from error


def _shown(path: str) -> str:
    return "standard input" if path == STDIN else quoted(path)
