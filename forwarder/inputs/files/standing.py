"""How far each log is, for whoever asks."""

from datetime import datetime
from typing import NamedTuple

from forwarder.inputs.files.checkpoint import LogState
from forwarder.inputs.files.reader import modified_at
from forwarder.inputs.files.registry import File


class FileStatus(NamedTuple):
    """How far one log is."""

    key: str
    """Of the log, as its pieces have it."""
    path: str
    appliance: str
    size: int
    """Bytes that are known of, unpacked where it is packed."""
    offset: int
    """Bytes that are in documents."""
    behind: int
    """Bytes that are there and not in documents."""
    lost: int
    """Bytes that were there and cannot be read any more."""
    modified: datetime | None
    """When it changed last; None if it is gone."""


def status_of(trail: LogState, file: File | None) -> FileStatus:
    """Return how far a log is; its file is None if it is gone."""
    position = trail.position
    modified = None if file is None else modified_at(file.sighting)
    offset = position.fingerprint.size
    # What is left at the end of a closed log is no line; nobody waits for it.
    behind = 0 if file is None else position.size - (trail.read.size if trail.ended else offset)
    return FileStatus(
        trail.key,
        position.path,
        position.appliance,
        position.size,
        offset,
        behind,
        position.lost,
        modified,
    )
