"""Forgets how far logs were read, so that they are read again.

To rewind a log is to go back to its beginning in everything that its appliance wrote: it and every
later log of the appliance are forgotten, in the order of reading. Were only the one read again, its
lines would be joined with connections that came long after it.

Works on what was saved, while the files are not followed.
"""

# Paths stay text; see paths.py.
# ruff: noqa: PTH100

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import NamedTuple

from forwarder.inputs.files.checkpoint import STARTED, LogState, decode
from forwarder.inputs.files.discovery import FileSource, FileStat, scan
from forwarder.inputs.files.file_handle import FileError, FileHandle
from forwarder.inputs.files.paths import ReadingOrder, reading_order
from forwarder.text import quoted


class Again(NamedTuple):
    """A log that is forgotten."""

    key: str  # of its position, with the prefix
    position: LogState
    path: str  # where it is now, or was last
    file: FileStat | None  # none if no file that is followed holds it under a name that is known


def rewind(
    saved: Iterable[tuple[str, bytes]], name: str, inputs: Sequence[FileSource]
) -> list[Again]:
    """Find all logs that have to be forgotten for a path to be read again, in order of reading.

    A path stands for the log that was last read under it, and for the log whose file has that name
    now. These are forgotten, and all that are read after them of the same appliance.
    """
    names = {os.path.abspath(name), os.path.realpath(name)}
    files = scan(inputs).files.values()
    by_inode = {(x.appliance, x.inode): x for x in files}
    by_path = {x.path: x for x in files}
    logs = []
    for key, value in saved:
        if key == STARTED:
            continue
        position = decode(key, value)
        path = position.path
        candidates = (
            by_inode.get((position.appliance, position.inode)),
            *map(by_path.get, (path, path + ".gz", path.removesuffix(".gz"))),
        )
        file = next((x for x in candidates if x is not None and _still_is(x, position)), None)
        logs.append(Again(key, position, file.path if file else path, file))
    first: dict[str, ReadingOrder] = {}
    for log in logs:
        if names & {log.path, log.position.path}:
            order = reading_order(log.path)
            first[log.position.appliance] = min(first.get(log.position.appliance, order), order)
    later = (
        log
        for log in logs
        if log.position.appliance in first
        and reading_order(log.path) >= first[log.position.appliance]
    )
    return sorted(later, key=lambda x: (x.position.appliance, reading_order(x.path)))


def obstacles(logs: Iterable[Again], inputs: Sequence[FileSource], wall: float) -> Iterator[str]:
    """Yield a sentence for each log that is forgotten and will not be read again."""
    for log in logs:
        if log.file is None:
            yield (
                f"{quoted(log.path)} is not there any more, or no input asks for it, and it"
                " cannot be read again; connections that go through it will miss what it said"
            )
            continue
        older = inputs[log.file.input].ignore_older
        if older is not None and wall - log.file.modified_ns / 1e9 > older.total_seconds():
            yield (
                f"{quoted(log.path)} was last changed before ignore_older of its input, and will"
                " not be read again; to read it, raise ignore_older before the service runs again"
            )


def _still_is(file: FileStat, position: LogState) -> bool:
    """Whether a file still is the log that it was: inodes and names are given again."""
    with suppress(OSError, FileError), closing(FileHandle(file.path, file.inode)) as handle:
        # To compare what is compressed, all of it would have to be decompressed.
        same = file.path.removesuffix(".gz") == position.path.removesuffix(".gz")
        return same if handle.is_gzip else handle.still_matches(position.fingerprint)
    return False
