"""Reading a log in blocks of bytes: plain, gzipped or from standard input.

- Blocks are cut anywhere, never empty, never above the limit, whatever a file unpacks to.
- gzip is known by its first bytes and not by its name. Of a damaged one, all that can be
  unpacked is handed over before the error: half an upload still holds logins.
- A file is read to the end that is there when reading gets to it. Nothing is mapped into
  memory: a mapped file that is cut short ends the process with SIGBUS.
"""

import os
import select
import stat
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from forwarder.errors import ForwarderError
from forwarder.inputs.files.paths import time_in_name
from forwarder.inputs.formats import HEAD_BYTES, MAGICS, is_too_short, refusal
from forwarder.inputs.unpacking import GZIP_MAGIC, Read, Unpacking, describe_damage
from forwarder.text import quoted

if TYPE_CHECKING:
    from io import BufferedReader

STDIN = "-"
"""The path that stands for standard input, as in cat(1)."""

BLOCK_BYTES = 1 << 20
"""1 MiB: the cost of a call is spread over some 10,000 lines, and the block still fits a
processor's cache. Larger ones gained nothing when tried."""

_CURES: dict[type[Exception], str] = {
    FileNotFoundError: "it may have been renamed or removed since it was found; run again",
    PermissionError: "give this user the right to read it",
    IsADirectoryError: "name a file to read",
}


class ReadError(ForwarderError):
    """A log could not be read, or not to its end; blocks handed over before it are good."""


def read_blocks(path: str, *, block_bytes: int = BLOCK_BYTES) -> Generator[bytes, None, None]:
    """Read a log, unpacked if it is gzipped.

    The file is opened when the first block is asked for, and closed when the last was handed
    over or the iterator is closed.

    Args:
        path: Path of a file or FIFO, or "-" for standard input. From a pipe, what is there is
            handed over at once; a full block is not waited for.
        block_bytes: The largest block to hand over, in bytes; at least 1.

    Yields:
        1 to ``block_bytes`` bytes, in order.

    Raises:
        ReadError: The file is missing, not readable, a folder, an archive, compressed with
            something other than gzip, or a gzip file that is cut off or damaged (after all that
            could be unpacked).
        ValueError: ``block_bytes`` is below 1.
    """
    if block_bytes < 1:
        raise ValueError(f"block_bytes is {block_bytes}; it must be at least 1")
    with _opened(path) as read:
        head = _head(path, read, block_bytes)
        if head.startswith(GZIP_MAGIC):
            yield from _unpack(path, head, read, block_bytes)
            return
        # Waiting for the first bytes may have gathered more than one block.
        yield from (head[at : at + block_bytes] for at in range(0, len(head), block_bytes))
        while block := read(block_bytes):
            yield block


def file_time(path: str) -> datetime:
    """Say roughly when a log was begun, to find the year of stamps that have none.

    Args:
        path: Path of the file, or "-" for standard input.

    Returns:
        Aware UTC: the timestamp in the name, good to a day or so; without one, the time of the
        last change; for standard input, now. Its first line is not after that, but for a day.

    Raises:
        ReadError: The time is not in the name and the file cannot be asked.
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
    """Say when a log was last written to; no line of it is after that, but for a day.

    Args:
        path: Path of the file, or "-" for standard input.

    Returns:
        Aware UTC; for what is no regular file, now; None if nobody knows. A time in the name that
        is later is believed more.
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
    """Say how many bytes a regular file will give, where that is known without reading it.

    Args:
        path: Path of the file.

    Returns:
        Its size in bytes; None if it is packed.

    Raises:
        ReadError: The file is missing or not readable.
    """
    with _opened(path) as read:
        head = read(HEAD_BYTES)
    with _clear_errors(path):
        return None if head.startswith(MAGICS) else Path(path).stat().st_size


def _head(path: str, read: Read, block_bytes: int) -> bytes:
    """Read the first bytes, until it is known what they are; what is no log is refused.

    A line from a pipe is not kept waiting for what may follow.
    """
    head = read(block_bytes)
    while is_too_short(head) or (len(head) < HEAD_BYTES and b"\n" not in head):
        more = read(block_bytes)
        if not more:
            break
        head += more
    reason = refusal(head)
    if reason is not None:
        raise ReadError(f"{_shown(path)} {reason}")
    return head


def _unpack(path: str, packed: bytes, read: Read, block_bytes: int) -> Iterator[bytes]:
    unpacking = Unpacking(read, packed)
    handed_over = 0
    block = _head(path, unpacking.read_on, block_bytes)
    while block:
        for at in range(0, len(block), block_bytes):
            handed_over += len(block[at : at + block_bytes])
            yield block[at : at + block_bytes]
        block = unpacking.read_on(block_bytes)
    if unpacking.fault is not None or not unpacking.complete:
        raise ReadError(f"{_shown(path)} {describe_damage(unpacking.fault, handed_over)}")


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
        cure = _CURES.get(type(error))
        what_to_do = f"; {cure}" if cure else ""
        raise ReadError(f"{_shown(path)} cannot be read: {reason}{what_to_do}") from error


def _shown(path: str) -> str:
    return "standard input" if path == STDIN else quoted(path)
