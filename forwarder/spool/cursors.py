"""How far each output is, and which documents are not for it.

A cursor is the serial number of the next document for an output.

A backfill is a run of documents for one output alone, which all others pass over. They are rows
like all others, so they are delivered in their order, and what comes again after a crash still
comes first. A run is remembered until every output is behind it.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson
from pydantic import TypeAdapter

from forwarder.events import Document
from forwarder.spool.dead_letters import DeadLetter, Replay
from forwarder.spool.schema import load_state, put_state

_OUTPUTS = "output/"  # of keys in the state; behind it the name
_BACKFILLS = "spool/backfills"


class OutputError(NamedTuple):
    """Why an output delivers nothing."""

    error: str  # the last one
    time: float  # of the last error; seconds since 1970
    since: float  # of the first error since something was delivered; seconds since 1970
    stopped: bool = False  # whether the output is not tried again before the service is restarted


class Rejecting(NamedTuple):
    """How many of the newest documents an output rejected for good."""

    number: int  # at least one
    of: int  # the newest documents that it took or rejected
    reason: str  # of the last one
    time: float  # of the last one; seconds since 1970


class Place(NamedTuple):
    """Where a document is from; empty where that is not known."""

    time: str = ""  # of its line, as the document has it
    path: str = ""  # the log

    @property
    def words(self) -> str:
        """For messages."""
        return f"{self.time} in {self.path}" if self.path else "unknown"


class Dropped(NamedTuple):
    """What an output lost because the spool was full and it did not deliver."""

    documents: int  # how many, since an operator settled it
    first: Place
    last: Place


class Progress(NamedTuple):
    """How far an output is; documents are counted from its beginning."""

    cursor: int
    delivered: int = 0
    rejected: int = 0  # documents that it rejected for good
    retried: int = 0  # documents that were handed over again
    filtered: int = 0  # documents that its filter dropped
    missing: int = 0  # documents that were damaged in the spool before they could be delivered
    trouble: OutputError | None = None  # none while it delivers
    last_error: tuple[str, float] | None = None
    """The newest error, also if it is over; seconds since 1970."""
    attempt_since: float | None = None
    """Since when an attempt is going on, where that is long; seconds since 1970."""
    rejecting: Rejecting | None = None  # none where it took all of the newest documents
    dropped: Dropped | None = None  # none where there never was any, or an operator settled it

    def behind(self, batch: "Batch", dead_letters: Sequence[DeadLetter]) -> "Progress":
        """Return how far it is when it took a batch, except for dead letters."""
        after = self._replace(
            delivered=self.delivered + len(batch.documents) - len(dead_letters) - batch.filtered,
            filtered=self.filtered + batch.filtered,
            rejected=self.rejected + sum(x.replay is not Replay.POSTPONED for x in dead_letters),
        )
        if batch.letters:
            return after
        missing = self.missing + max(0, batch.start - self.cursor)
        after = after._replace(cursor=max(self.cursor, batch.end), missing=missing)
        if self.dropped is None:
            return after
        # What it had in hand while it was dropped is no loss.
        late = max(0, min(self.cursor, batch.end) - batch.start)
        dropped = self.dropped._replace(documents=self.dropped.documents - late)
        return after._replace(dropped=dropped)


_PROGRESS = TypeAdapter(Progress)


class Batch(NamedTuple):
    """What an output is to deliver next."""

    documents: Sequence[Document]  # in order; empty if there is nothing
    start: int = 0  # serial number of the first one
    letters: Sequence[DeadLetter] = ()
    """The dead letters that the documents come from, where they are to be replayed."""
    filtered: int = 0  # how many of them were not handed over, because of the output's filter

    @property
    def end(self) -> int:
        """Serial number behind the last one."""
        return self.start + len(self.documents)

    def part(self, start: int, end: int) -> "Batch":
        """Return some documents of it, by their positions."""
        return Batch(self.documents[start:end], self.start + start, self.letters[start:end])


class Backfill(NamedTuple):
    """A run of documents for one output."""

    output: str
    start: int  # serial number of the first document
    end: int  # serial number behind the last one


def save_outputs(connection: sqlite3.Connection, outputs: Mapping[str, Progress | None]) -> None:
    """Write how far outputs are; None forgets one."""
    put_state(connection, [(_OUTPUTS + x, y and _dump(y)) for x, y in outputs.items()])


def load_outputs(connection: sqlite3.Connection) -> dict[str, Progress]:
    """Return how far each output is."""
    state = load_state(connection, _OUTPUTS)
    return {x.removeprefix(_OUTPUTS): _PROGRESS.validate_json(value) for x, value in state}


def _dump(progress: Progress) -> bytes:
    fields = {x: y for x, y in progress._asdict().items() if y is not None}
    return orjson.dumps(fields, default=tuple)


def next_number(connection: sqlite3.Connection, outputs: Mapping[str, Progress]) -> int:
    """Return the serial number of the next document that is committed."""
    (last,) = connection.execute("SELECT max(first) FROM blocks").fetchone()
    ends = connection.execute("SELECT first + documents FROM blocks WHERE first = ?", (last,))
    return max([1, *[x.cursor for x in outputs.values()], *[int(x) for (x,) in ends]])


def load_backfills(connection: sqlite3.Connection) -> Sequence[Backfill]:
    """Return the remembered ones, in order."""
    return [Backfill(*x) for _, y in load_state(connection, _BACKFILLS) for x in orjson.loads(y)]


def save_backfills(connection: sqlite3.Connection, backfills: Sequence[Backfill]) -> None:
    """Remember these alone."""
    value = orjson.dumps([[*x] for x in backfills]) if backfills else None
    put_state(connection, [(_BACKFILLS, value)])


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


def count_own(backfills: Iterable[Backfill], output: str, cursor: int, end: int) -> int:
    """Count the documents between two serial numbers that are not for other outputs."""
    others = (x for x in backfills if x.output != output)
    return end - cursor - sum(max(0, min(x.end, end) - max(x.start, cursor)) for x in others)
