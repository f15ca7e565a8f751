"""What is at the end of a file that was written before: documents to recognise, and damage.

A process that is killed leaves part of a batch, cut anywhere. After a power cut there may also be
stretches of NUL bytes, where data did not reach the disk that was written before what did.

- Behind the mark, all that follows the first damaged line is of the last batch: it was not synced,
  so it comes again, and is cut.
- Where the mark is not in the file (the file was copied here, or the mark was deleted), or where
  lines of other programs follow the damage, nothing whole is cut. Damaged lines at the very end go;
  others become spaces before the line that follows, which JSON allows: nothing moves, so a kill in
  the middle of this does no harm.
- A line is damaged if it begins like a document, or with NUL, is not one, and has a NUL in it or no
  newline: that is what kills and power cuts leave. All other text was written by other programs; it
  stays.
- A whole document that lacks only its newline gets it.
"""

import fcntl
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import orjson

from forwarder_file.mark import Place

UNMARKED_BYTES = 1 << 26
"""How much of the end of a file without a mark is searched: 64 MiB, six times as much as the
batches that shippers commonly send, and read in a fraction of a second."""

_ID_BYTES = 32
"""No document is shorter than its id."""


class Recovered(NamedTuple):
    """What was found at the end of a file."""

    ids: set[str]
    """Of the documents that may come again."""
    most: int
    """How many documents may come again before any that is not in the file, at most."""
    start: int | None
    """Where they begin; None if the mark says so."""


def recover(descriptor: int, place: Place | None) -> Recovered:
    """Mend the end of a file.

    Args:
        descriptor: The file, open for reading and appending.
        place: What the mark says.
    """
    is_marked = place is not None and place.is_in(descriptor)
    size = os.fstat(descriptor).st_size
    start = place.offset if place is not None and is_marked else max(0, size - UNMARKED_BYTES)
    with _reading(descriptor, start) as file:
        if not is_marked and start:
            file.readline()  # its beginning is before the start
        start = at = end = file.tell()
        ids: list[str] = []
        damaged: list[tuple[int, int, int]] = []  # first byte, size, documents before it
        last, has_others = b"\n", False
        for line, id_ in _documents(file):
            if id_ is None:
                damaged.append((at, len(line), len(ids)))
            else:
                end, last = at + len(line), line
                ids += [id_] if id_ else []
                has_others |= bool(damaged) and not id_
            at += len(line)
    if damaged and is_marked and not has_others:
        end, _, count = damaged[0]
        del ids[count:]
        damaged, last = [], b"\n"
    blanks = [(at, length) for at, length, _ in damaged if at < end]
    _blank(descriptor, blanks)
    if end < size:
        os.ftruncate(descriptor, end)
    if not last.endswith(b"\n"):
        os.write(descriptor, b"\n")
    if ids or end < size:
        os.fsync(descriptor)  # what is recognised counts as written
    most = len(ids) + sum(length for _, length in blanks) // _ID_BYTES
    return Recovered(set(ids), most, None if is_marked else start)


def recall(path: str, place: Place) -> set[str]:
    """Return the ids behind the mark in a file that was renamed; none if it is another."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not place.is_in(descriptor):
            return set()
        os.fsync(descriptor)  # what is recognised counts as written
        with _reading(descriptor, place.offset) as file:
            return {id_ for _, id_ in _documents(file) if id_}
    finally:
        os.close(descriptor)


def _blank(descriptor: int, lines: list[tuple[int, int]]) -> None:
    """Overwrite lines, each given by its first byte and its size, with their ends."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    # Whatever is written to a file that is open for appending goes to its end.
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_APPEND)
    try:
        for at, length in lines:
            os.pwrite(descriptor, b" " * length, at)
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


def _reading(descriptor: int, start: int) -> BinaryIO:
    """Read from a place; appending does not care where that stands."""
    file = open(os.dup(descriptor), "rb")  # noqa: PTH123, SIM115 - a descriptor, for the caller
    file.seek(start)
    return file


def _documents(file: BinaryIO) -> Iterator[tuple[bytes, str | None]]:
    """Give each line with its document's id, empty if it has none; None for a damaged line."""
    for line in iter(file.readline, b""):
        yield line, _id(line)


def _id(line: bytes) -> str | None:
    if not line.lstrip(b" ").startswith((b"{", b"\0")):
        return ""
    try:
        id_ = orjson.loads(line)["event"]["id"]
    except orjson.JSONDecodeError:
        return None if b"\0" in line or not line.endswith(b"\n") else ""
    except (KeyError, TypeError):
        return ""
    return id_ if isinstance(id_, str) else ""
