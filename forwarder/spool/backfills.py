"""Documents for one output alone: runs of serial numbers that all others pass over.

They are rows like all others, so they are delivered in their order and what comes again after a
crash still comes first. A run is remembered until every output is behind it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from forwarder.spool.state import load_state, put_state

PREFIX = "spool/backfill/"
"""Of the keys in the state; behind it the first serial number."""


class Backfill(NamedTuple):
    """A run of documents for one output."""

    output: str
    start: int
    """Serial number of the first document."""
    end: int
    """Serial number behind the last one."""


def load_backfills(connection: sqlite3.Connection) -> Sequence[Backfill]:
    """Return those that are remembered, in order."""
    return [Backfill(*orjson.loads(value)) for _, value in load_state(connection, PREFIX)]


def remember(connection: sqlite3.Connection, backfill: Backfill) -> None:
    """Write one to the state."""
    put_state(connection, [(_key(backfill), orjson.dumps([*backfill]))])


def forget(
    connection: sqlite3.Connection, backfills: Sequence[Backfill], before: int
) -> Sequence[Backfill]:
    """Forget those that every output is behind; return the others."""
    over = [x for x in backfills if x.end <= before]
    if over:
        put_state(connection, [(_key(x), None) for x in over])
    return [x for x in backfills if x.end > before]


def next_own(backfills: Iterable[Backfill], output: str, cursor: int) -> int:
    """Return the first serial number, from a cursor on, that is not for other outputs."""
    for backfill in backfills:
        if backfill.output != output and backfill.start <= cursor < backfill.end:
            cursor = backfill.end
    return cursor


def end_of_own(backfills: Iterable[Backfill], output: str, cursor: int, end: int) -> int:
    """Return how far an output may read: up to the next document that is not for it."""
    starts = (x.start for x in backfills if x.output != output and x.start >= cursor)
    return min(starts, default=end)


def count_others(backfills: Iterable[Backfill], output: str, cursor: int) -> int:
    """Count the documents behind a cursor that are for other outputs."""
    return sum(max(0, x.end - max(cursor, x.start)) for x in backfills if x.output != output)


def _key(backfill: Backfill) -> str:
    return f"{PREFIX}{backfill.start:020d}"
