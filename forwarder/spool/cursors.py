"""The cursors of outputs: how far each is, what it passes over, and what it loses.

A cursor is the serial number of the next document for an output.

A backfill is a run of documents for one output alone, which all others pass over. They are rows
like all others, so they are delivered in their order, and what comes again after a crash still
comes first. A run is remembered until every output is behind it.

A full spool pauses reading. An output that does not deliver would stop all the others, so its
oldest documents are dropped, a tenth of the spool at a time, unless its ``when_full`` is ``block``:

- Nothing is dropped while no other output delivers: logs wait on disk.
- Nothing is dropped that another output still has to get.
- An output is stalled when it fails, rejects all or does not return from a call, and has taken
  nothing since its oldest document was read, or for a minute. So a server that restarts while a
  long log is being read loses nothing.
"""

import math
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import orjson
import structlog
from pydantic import TypeAdapter

from forwarder.events import Document
from forwarder.spool.dead_letters import DeadLetter, Replay
from forwarder.spool.schema import load_state, put_state
from forwarder.spool.segments import DamagedSegmentError, commit_time, decompress, find, find_end

PATIENCE_SECONDS = 60.0  # to wait for an output that fails, where it took something meanwhile
_SHARE = 10  # one part in so many of the spool's limit is dropped at once
_LOG_SECONDS = 3600.0  # how often it is logged that an output has lost more
_OUTPUTS = "output/"  # of keys in the state; behind it the name
_BACKFILLS = "spool/backfills"

_log = structlog.get_logger(__name__)


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
    """Documents that an output lost because the spool was full and it did not deliver."""

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
        dropped = self.dropped
        if dropped is not None:  # what it had in hand while it was dropped is no loss
            late = max(0, min(self.cursor, batch.end) - batch.start)
            dropped = dropped._replace(documents=dropped.documents - late)
        return after._replace(cursor=max(self.cursor, batch.end), dropped=dropped)


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

    def part(self, number: int) -> "Batch":
        """Return so many documents of it, from the first."""
        return self._replace(documents=self.documents[:number], letters=self.letters[:number])


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
    """Return the backfills, in order."""
    return [Backfill(*x) for _, y in load_state(connection, _BACKFILLS) for x in orjson.loads(y)]


def save_backfills(connection: sqlite3.Connection, backfills: Sequence[Backfill]) -> None:
    """Write the backfills, instead of those before."""
    value = orjson.dumps([[*x] for x in backfills]) if backfills else None
    put_state(connection, [(_BACKFILLS, value)])


def own_runs(
    backfills: Iterable[Backfill], output: str, start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Yield the runs of documents, between two serial numbers, that are not for others alone."""
    for other in backfills:
        if other.output != output and start < other.end and other.start < end:
            if start < other.start:
                yield start, other.start
            start = other.end
    if start < end:
        yield start, end


def count_own(backfills: Iterable[Backfill], output: str, start: int, end: int) -> int:
    """Count the documents, between two serial numbers, that are not for others alone."""
    return sum(last - first for first, last in own_runs(backfills, output, start, end))


def waiting_ids(connection: sqlite3.Connection, runs: Iterable[tuple[int, int]]) -> set[str]:
    """Return the ids of the documents of some runs; those of damaged ones are not known."""
    found = set[str]()
    for start, end in runs:
        number = start
        while number < end and (segment := find(connection, number)):
            with suppress(DamagedSegmentError):
                documents = decompress(segment)[max(0, start - segment.first) :]
                found.update(x.id for x in documents[: max(0, end - segment.first)])
            number = segment.first + segment.documents
    return found


class Overflow:
    """Chooses what is dropped of a full spool, under the writer's lock, and logs it."""

    def __init__(self) -> None:
        self._blocking: frozenset[str] = frozenset()
        self._taken: dict[str, tuple[float, float]] = {}
        """When each last took something: seconds since 1970, and by the monotonic clock."""
        self._logged: dict[str, float] = {}  # when, by the monotonic clock

    def begin(self, outputs: Iterable[str], blocking: Iterable[str]) -> None:
        """Begin with outputs; the ``blocking`` ones lose nothing."""
        self._blocking = frozenset(blocking)
        for output in outputs:
            self.take(output)

    def take(self, output: str) -> None:
        """Note that an output took something."""
        self._taken[output] = time.time(), time.monotonic()

    def choose(
        self,
        connection: sqlite3.Connection,
        outputs: Mapping[str, Progress],
        backfills: Sequence[Backfill],
        max_bytes: int,
    ) -> dict[str, Progress]:
        """Return how far outputs are when they have lost their oldest documents, if any do."""
        stalled = {x for x, y in outputs.items() if self._is_stalled(connection, x, y)}
        losing = stalled - self._blocking
        others = outputs.keys() - losing
        if not losing or others <= stalled:
            return {}
        first = min(outputs[x].cursor for x in losing)
        bound = min(outputs[x].cursor for x in others)
        end = find_end(connection, first, bound, max_bytes // _SHARE)
        return {
            x: _drop(connection, y, end, count_own(backfills, x, y.cursor, end))
            for x, y in sorted(outputs.items())
            if x in losing and y.cursor < end
        }

    def _is_stalled(self, connection: sqlite3.Connection, output: str, progress: Progress) -> bool:
        trouble, rejecting = progress.trouble, progress.rejecting
        rejects_all = rejecting is not None and rejecting.number == rejecting.of
        if trouble is None and progress.attempt_since is None and not rejects_all:
            return False
        if trouble is not None and trouble.stopped:
            return True
        wall, monotonic = self._taken[output]
        oldest = commit_time(connection, progress.cursor)
        is_new = oldest is not None and wall <= oldest
        return is_new or time.monotonic() - monotonic >= PATIENCE_SECONDS

    def log(self, losing: Mapping[str, Progress]) -> None:
        """Log that documents were dropped: the first time, and then once an hour."""
        for name, progress in losing.items():
            dropped, now = progress.dropped, time.monotonic()
            if dropped is None or now - self._logged.get(name, -math.inf) < _LOG_SECONDS:
                continue
            self._logged[name] = now
            rewind = f"esa-forwarder rewind --output {name}"
            _log.error(
                "The spool is full; the oldest documents of an output that does not deliver are"
                f" dropped so that the others go on. To deliver them later: {rewind} PATH, with the"
                " log in which they begin, for each appliance; this needs space in the spool"
                f" (spool.max_bytes). Then {rewind} --settle, so that status no longer names them."
                " To pause reading instead: when_full: block.",
                output=name,
                documents=dropped.documents,
                first=dropped.first.words,
                last=dropped.last.words,
                error=progress.trouble and progress.trouble.error,
            )


def _drop(connection: sqlite3.Connection, progress: Progress, end: int, documents: int) -> Progress:
    """Move a cursor over documents that are dropped: so many, up to a serial number."""
    before = progress.dropped
    dropped = Dropped(
        (before.documents if before else 0) + documents,
        before.first if before else _place(connection, progress.cursor),
        _place(connection, end - 1),
    )
    return progress._replace(cursor=end, dropped=dropped)


def _place(connection: sqlite3.Connection, number: int) -> Place:
    """Return where a document is from; empty where it is damaged."""
    segment = find(connection, number)
    if segment is None or segment.first > number:
        return Place()
    try:
        body = orjson.loads(decompress(segment)[number - segment.first].body)
        return Place(str(body.get("@timestamp", "")), str(body["log"]["file"]["path"]))
    except (DamagedSegmentError, ValueError, TypeError, KeyError):
        return Place()
