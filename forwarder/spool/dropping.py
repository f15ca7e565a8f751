"""Which output loses its oldest documents when the spool is full, so that the others go on.

A full spool pauses reading, and that is right while the output that holds it delivers: it sets the
pace. One that does not deliver would stop all the others. Its oldest documents are dropped, a
tenth of the spool at a time, counted and named, unless its ``when_full`` is ``block``.

Rules:

- Nothing is dropped as long as no other output delivers: logs wait on disk.
- Nothing is dropped that another output still has to get.
- An output that is stalled has had its chance: it fails, refuses all, or does not come back from a
  call, and it has taken nothing since its oldest document was read, or for a minute. So a server
  that is started again while a long log is being read costs nothing.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
import structlog

from forwarder.spool.cursors import Dropped, Place, Progress, spell
from forwarder.spool.segments import Block, unpack

PATIENCE = 60.0
"""Seconds for which an output that fails is waited for, where it took something meanwhile."""
_SHARE = 10
"""One part in so many of the spool's limit is dropped at once."""
_SAY_SECONDS = 3600.0
"""How often it is said that an output has lost more."""

_log = structlog.get_logger(__name__)


class Moved(NamedTuple):
    """When an output last took something, or the spool was opened."""

    wall: float
    """Seconds since 1970, to compare with the times of commits."""
    monotonic: float


def now() -> Moved:
    """Look at the clocks."""
    return Moved(time.time(), time.monotonic())


def is_stalled(progress: Progress, moved: Moved, oldest: float | None, *, refuses: bool) -> bool:
    """Say whether an output is not worth waiting for.

    Args:
        progress: How far it is.
        moved: When it last moved.
        oldest: When the oldest document that waits for it was committed; seconds since 1970.
        refuses: Whether it refused all of its last batch, or more than there is room for.
    """
    trouble = progress.trouble
    if trouble is None and progress.attempt_since is None and not refuses:
        return False
    if trouble is not None and trouble.stopped:
        return True
    is_new = oldest is not None and moved.wall <= oldest
    return is_new or time.monotonic() - moved.monotonic >= PATIENCE


def find_end(connection: sqlite3.Connection, first: int, bound: int, max_bytes: int) -> int:
    """Find how far to drop documents: whole blocks, at least one if there is any.

    Args:
        connection: Of the spool.
        first: Serial number of the oldest document that may go.
        bound: Serial number of the first one that must stay.
        max_bytes: A tenth of this is enough.

    Returns:
        Serial number of the first document that stays.
    """
    enough = max_bytes // _SHARE
    end = first
    for start, documents, size in connection.execute(
        "SELECT first, documents, length(packed) FROM blocks WHERE first >="
        " coalesce((SELECT max(first) FROM blocks WHERE first <= ?), 0) ORDER BY first",
        (first,),
    ):
        if start + documents > bound or enough <= 0:
            break
        end = start + documents
        enough -= size
    return max(first, end)


def drop(connection: sqlite3.Connection, progress: Progress, end: int, others: int) -> Progress:
    """Move a cursor over documents that are dropped.

    Args:
        connection: Of the spool; it still has them.
        progress: Of their output.
        end: Serial number of the first document that stays.
        others: How many of them were for other outputs alone.
    """
    before = progress.dropped
    dropped = Dropped(
        (before.documents if before else 0) + end - progress.cursor - others,
        before.first if before else _place(connection, progress.cursor),
        _place(connection, end - 1),
    )
    return progress._replace(cursor=end, dropped=dropped)


class Sayings:
    """Says that documents were dropped: the first time, and then once an hour."""

    def __init__(self) -> None:
        """Start with nothing said."""
        self._said: dict[str, tuple[float, int]] = {}

    def say(self, outputs: Mapping[str, Progress], names: Sequence[str]) -> None:
        """Say it of some outputs."""
        for name in names:
            dropped = outputs[name].dropped
            time_said, number = self._said.get(name, (float("-inf"), 0))
            at = time.monotonic()
            if dropped is None or at - time_said < _SAY_SECONDS:
                continue
            self._said[name] = (at, dropped.documents)
            trouble = outputs[name].trouble
            _log.error(
                "The spool is full, and an output that does not deliver holds it: its oldest"
                " documents are dropped for it, so that the other outputs go on. To bring them"
                f" back later: esa-forwarder rewind --output {name} PATH, for the log of each"
                " appliance with which they begin; what it reads again needs room in the spool"
                f" (spool.max_bytes). Then esa-forwarder rewind --output {name} --settle, or status"
                " goes on to name them. To keep them, and have all wait instead: when_full: block.",
                output=name,
                documents=dropped.documents - number,
                first=spell(dropped.first),
                last=spell(dropped.last),
                error=trouble.error if trouble else None,
            )


def _place(connection: sqlite3.Connection, number: int) -> Place:
    """Say where the line of a document stands, and when it was written; empty if it is damaged."""
    row = connection.execute(
        "SELECT first, documents, checksum, packed FROM blocks"
        " WHERE first = (SELECT max(first) FROM blocks WHERE first <= ?)",
        (number,),
    ).fetchone()
    try:
        documents = unpack(Block(*row[1:]))
        body = orjson.loads(documents[number - row[0]].body)
        return Place(str(body.get("@timestamp", "")), str(body["log"]["file"]["path"]))
    except (ValueError, TypeError, KeyError, IndexError):
        return Place()
