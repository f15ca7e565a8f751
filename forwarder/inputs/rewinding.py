"""Forgetting how far a file was read, so that it is read again.

Works on what was saved, while nothing follows the files.
"""

# Paths stay text; see finding.py.
# ruff: noqa: PTH100, PTH116

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from forwarder.inputs.comparing import find_alike
from forwarder.inputs.positions import PREFIX, Position, decode, split
from forwarder.inputs.sources import MovedError, Source, SourceError


class Rewound(NamedTuple):
    """Logs that will be read again."""

    changes: list[tuple[str, None]]
    """Of the state."""
    appliances: frozenset[str]
    """Whose logs they are."""


def rewind(saved: Iterable[tuple[str, bytes]], path: str) -> Rewound:
    """Forget all logs that a path stands for.

    These are the log that was last read under this path and, if there is a file now, the log
    whose content the file has, whatever name that was read under.

    Args:
        saved: All pairs of the state whose key begins with ``file/``.
        path: A path; a file need not be there any more.

    Returns:
        What to change; nothing if nothing is known of the path.

    Raises:
        PositionError: What was saved cannot be read.
    """
    path = os.path.abspath(path)
    _, pairs = split(saved)
    positions = {key: decode(key, value) for key, value in pairs}
    names = {path, os.path.realpath(path)}
    found = {key for key, position in positions.items() if position.path in names}
    with suppress(OSError, MovedError, SourceError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            source = Source(path, (status.st_dev, status.st_ino))
            try:
                found |= _same_content(source, positions)
            finally:
                source.close()
    return Rewound(
        [(PREFIX + key, None) for key in positions if key in found],
        frozenset(positions[key].appliance for key in found),
    )


def _same_content(source: Source, positions: dict[str, Position]) -> set[str]:
    known = {key: x.fingerprint for key, x in positions.items() if x.fingerprint.size}
    steps = find_alike(source, known)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            longest = max((known[key].size for key in stop.value.whole), default=0)
            return {key for key in stop.value.whole if known[key].size == longest}
