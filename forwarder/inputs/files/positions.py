"""Positions as they are saved: how far each log is in documents, and how to know it again.

A position is a JSON object on a line of its own, and behind it the bytes that the rest of the
program wants to have back. Keys are ``file/`` and a name made up when the log was begun; it has
nothing to do with the path, so a renamed file keeps it.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from sys import intern

from forwarder.errors import ForwarderError
from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.fingerprints import NOTHING, Fingerprint

PREFIX = "file/"
"""Of all keys of this input."""

STARTED = PREFIX + "started"
"""The key of the list of patterns that were followed before; ``start_at`` is not for them."""

_NOWHERE: Inode = (0, 0)


class PositionError(ForwarderError):
    """A saved position cannot be used."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a log is in documents."""

    appliance: str
    path: str
    """Where it was last."""
    inode: Inode = _NOWHERE
    """A hint where to look first; never proof."""
    fingerprint: Fingerprint = NOTHING
    """Of all that is in documents; its size is the offset to go on from."""
    resume: bytes = b""
    """Opaque."""
    size: int = 0
    """The most bytes of it that were ever seen, unpacked where it is packed."""
    live: bool = False
    """Whether it was followed under the name of a live file."""
    ended: bool = False
    """Whether its end was handed over."""
    lost: int = 0
    """Bytes that were seen and are gone."""
    gone: float | None = None
    """Since when its file is gone, in seconds from 1970."""


def encode(position: Position) -> bytes:
    """Return a position as it is saved."""
    size, checksum, marks, tail = position.fingerprint
    # The json of the standard library: paths may hold bytes that are not UTF-8, and it keeps them.
    head = json.dumps(
        {
            "appliance": position.appliance,
            "path": position.path,
            "inode": position.inode,
            "offset": size,
            "checksum": checksum,
            "marks": b64encode(marks).decode(),
            "tail": b64encode(tail).decode(),
            "size": position.size,
            "live": position.live,
            "ended": position.ended,
            "lost": position.lost,
            "gone": position.gone,
        },
        separators=(",", ":"),
    )
    return head.encode() + b"\n" + position.resume


def decode(key: str, value: bytes) -> Position:
    """Read a saved position.

    Args:
        key: Its key, for the error.
        value: What was saved.

    Raises:
        PositionError: It is none.
    """
    head, _, resume = value.partition(b"\n")
    try:
        saved = json.loads(head)
        device, number = saved["inode"]
        return Position(
            appliance=intern(saved["appliance"]),
            path=saved["path"],
            inode=(device, number),
            fingerprint=Fingerprint(
                saved["offset"],
                saved["checksum"],
                b64decode(saved["marks"]),
                b64decode(saved["tail"]),
            ),
            resume=resume,
            size=saved["size"],
            live=saved["live"],
            ended=saved["ended"],
            lost=saved["lost"],
            gone=saved["gone"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PositionError(
            f"the position {key!r} in the state cannot be read ({error!r}); set the state folder "
            f"aside and start anew, which reads all files again"
        ) from error


def resume_in(value: bytes) -> bytes:
    """Give the bytes that the rest of the program wants to have back."""
    return value.partition(b"\n")[2]


def positions_in(
    saved: Iterable[tuple[str, bytes]], started: list[str]
) -> Iterator[tuple[str, bytes]]:
    """Give the positions in what was saved, by key without the prefix.

    Args:
        saved: All pairs whose key begins with :data:`PREFIX`.
        started: Is given the patterns that were followed before.

    Raises:
        PositionError: The list of patterns cannot be read.
    """
    for key, value in saved:
        if key != STARTED:
            yield key.removeprefix(PREFIX), value
            continue
        try:
            started += [str(pattern) for pattern in json.loads(value)]
        except (ValueError, TypeError) as error:
            raise PositionError(
                f"{STARTED!r} in the state cannot be read ({error!r}); set the state folder aside "
                f"and start anew, which reads all files again"
            ) from error


def encode_started(patterns: Iterable[str]) -> bytes:
    """Return the list of patterns as it is saved."""
    return json.dumps(sorted(patterns)).encode()
