"""Forgetting how far logs were read, so that they are read again.

To rewind a log is to go back to its beginning in all that its appliance wrote: it and every later
log of the appliance are forgotten, in the order in which they are read. Were only the one read
again, its lines would be joined with connections that came long after it.

Works on what was saved, while nothing follows the files.
"""

# Paths stay text; see finding.py.
# ruff: noqa: PTH100, PTH116

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from forwarder.inputs.files.comparing import match_fingerprints
from forwarder.inputs.files.file_handle import FileHandle, MovedError, SourceError
from forwarder.inputs.files.paths import ReadingOrder, reading_order
from forwarder.inputs.files.positions import PREFIX, Position, decode, positions_in
from forwarder.inputs.files.scanner import FileSource, FileStat, scan
from forwarder.text import quoted


class Again(NamedTuple):
    """A log that is forgotten."""

    key: str
    """Of its position, with the prefix."""
    position: Position
    path: str
    """Where it is now, or was last."""
    sighting: FileStat | None
    """Its file; None if no file that is followed holds it under a name that is known."""


def rewind(
    saved: Iterable[tuple[str, bytes]], path: str, inputs: Sequence[FileSource]
) -> list[Again]:
    """Find all logs that have to be forgotten for a path to be read again.

    A path stands for the log that was last read under it and, if there is a file now, the log
    whose content the file has, whatever name that was read under. These are forgotten, and all
    that are read after them of the same appliance.

    Args:
        saved: All pairs of the state whose key begins with ``file/``.
        path: A path; a file need not be there any more.
        inputs: What is followed.

    Returns:
        The logs by appliance, in the order of reading; nothing if nothing is known of the path.

    Raises:
        PositionError: What was saved cannot be read.
    """
    path = os.path.abspath(path)
    positions = {key: decode(key, value) for key, value in positions_in(saved, [])}
    found = _named(path, positions)
    if not found:
        return []
    places = _Places(scan(inputs, {}).files.values())
    logs = [Again(PREFIX + key, x, *places.find(x)) for key, x in positions.items()]
    first: dict[str, ReadingOrder] = {}
    for log in logs:
        appliance, order = log.position.appliance, reading_order(log.path)
        if log.key.removeprefix(PREFIX) in found:
            first[appliance] = min(first.get(appliance, order), order)
    later = [
        log
        for log in logs
        if log.position.appliance in first
        and reading_order(log.path) >= first[log.position.appliance]
    ]
    return sorted(later, key=lambda x: (x.position.appliance, reading_order(x.path)))


class _Places:
    """Where logs are now: a file may have been renamed or packed since it was read last."""

    def __init__(self, sightings: Iterable[FileStat]) -> None:
        self._files = list(sightings)
        self._by_inode = {(x.appliance, x.inode): x for x in self._files}
        self._by_path: Mapping[str, FileStat] = {x.path: x for x in self._files}

    def find(self, position: Position) -> tuple[str, FileStat | None]:
        """Find the file that holds a log, by inode, by name, and by name but for packing."""
        path = position.path
        candidates = (
            self._by_inode.get((position.appliance, position.inode)),
            self._by_path.get(path),
            self._by_path.get(path + ".gz"),
            self._by_path.get(path.removesuffix(".gz")),
        )
        for sighting in candidates:
            if sighting is not None and _holds(sighting, position):
                return sighting.path, sighting
        return path, None


def _holds(sighting: FileStat, position: Position) -> bool:
    """Say whether a file still is the log that it was: inodes and names are given anew."""
    with suppress(MovedError, SourceError):
        source = FileHandle(sighting.path, sighting.inode)
        try:
            # To compare what is packed, all of it would have to be unpacked.
            same = sighting.path.removesuffix(".gz") == position.path.removesuffix(".gz")
            return same if source.packed else source.holds(position.fingerprint)
        finally:
            source.close()
    return False


def _named(path: str, positions: dict[str, Position]) -> set[str]:
    """Find the logs that a path stands for."""
    names = {path, os.path.realpath(path)}
    found = {key for key, position in positions.items() if position.path in names}
    with suppress(OSError, MovedError, SourceError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            source = FileHandle(path, (status.st_dev, status.st_ino))
            try:
                found |= _same_content(source, positions)
            finally:
                source.close()
    return found


def _same_content(source: FileHandle, positions: dict[str, Position]) -> set[str]:
    known = {key: x.fingerprint for key, x in positions.items() if x.fingerprint.size}
    steps = match_fingerprints(source, known)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            longest = max((known[key].size for key in stop.value.whole), default=0)
            return {key for key in stop.value.whole if known[key].size == longest}


def obstacles(logs: Iterable[Again], inputs: Sequence[FileSource], wall: float) -> Iterator[str]:
    """Say which logs that are forgotten will not be read again, and why.

    Args:
        logs: As :func:`rewind` gives them.
        inputs: What is followed.
        wall: Seconds from 1970.

    Yields:
        A sentence for each.
    """
    for log in logs:
        if log.sighting is None:
            yield (
                f"{quoted(log.path)} is not there any more, or no input asks for it, and it"
                " cannot be read again; connections that go through it will miss what it said"
            )
            continue
        older = inputs[log.sighting.input].ignore_older
        if older is not None and wall - log.sighting.modified_ns / 1e9 > older.total_seconds():
            yield (
                f"{quoted(log.path)} was last changed before ignore_older of its input, and will"
                " not be read again; to read it, raise ignore_older before the service runs again"
            )
