"""What is at the end of a file that was written before: documents to recognise, and damage.

A process that is killed leaves part of a batch, cut anywhere. After a power cut there may also be
stretches of NUL bytes, where data did not reach the disk that was written before what did.

- Behind the mark, all is the last batch. It is cut at the first line that is damaged: whatever
  follows was not synced, so it comes again.
- Where the mark is not in the file (somebody else made it, or took the mark away), only damaged
  lines at the very end are cut.
- A line is damaged that begins like a document, or with NUL, and is none. Other text was put there
  by somebody; it stays.
- A whole document that lacks only its newline gets it.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

import orjson

from forwarder_file.mark import Place

UNMARKED_BYTES = 1 << 26
"""How much of the end of a file without a mark is searched: 64 MiB, six times as much as the
batches that shippers commonly send, and read in a fraction of a second."""


def recover(descriptor: int, place: Place | None) -> set[str]:
    """Mend the end of a file.

    Args:
        descriptor: The file, open for reading and appending.
        place: What the mark says.

    Returns:
        Ids of the documents that may come again.
    """
    is_marked = place is not None and place.is_in(descriptor)
    size = os.fstat(descriptor).st_size
    start = place.offset if place is not None and is_marked else max(0, size - UNMARKED_BYTES)
    ids: set[str] = set()
    with _reading(descriptor, start) as file:
        if not is_marked and start:
            file.readline()  # its beginning is before the start
        end, last = file.tell(), b"\n"
        for line, id_ in _documents(file):
            if id_ is None:
                if is_marked:
                    break
                continue
            end, last = file.tell(), line
            ids.add(id_)
    if end < size:
        os.ftruncate(descriptor, end)
    if not last.endswith(b"\n"):
        os.write(descriptor, b"\n")
    ids.discard("")
    return ids


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
    if not line.startswith((b"{", b"\0")):
        return ""
    try:
        id_ = orjson.loads(line)["event"]["id"]
    except orjson.JSONDecodeError:
        return None
    except (KeyError, TypeError):
        return ""
    return id_ if isinstance(id_, str) else ""
