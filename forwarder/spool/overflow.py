"""Which documents are dropped when the spool is full.

A full spool pauses reading. An output that does not deliver would stop all the others, so its
oldest documents are dropped, a tenth of the spool at a time, unless its ``when_full`` is ``block``:

- Nothing is dropped while no other output delivers: logs wait on disk.
- Nothing is dropped that another output still has to get.
- An output is stalled when it fails, rejects all or does not return from a call, and has taken
  nothing since its oldest document was read, or for a minute. So a server that restarts while a
  long log is being read loses nothing.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence

import orjson
import structlog

from forwarder.spool.cursors import Backfill, Dropped, Place, Progress, count_own
from forwarder.spool.segments import commit_time, decompress, find, find_end

PATIENCE_SECONDS = 60.0  # to wait for an output that fails, where it took something meanwhile
_SHARE = 10  # one part in so many of the spool's limit is dropped at once
_LOG_SECONDS = 3600.0  # how often it is logged that an output has lost more

_log = structlog.get_logger(__name__)


class Overflow:
    """Chooses what is dropped of a full spool, under the writer's lock, and logs it."""

    def __init__(self) -> None:
        self._blocking: frozenset[str] = frozenset()
        self._taken: dict[str, tuple[float, float]] = {}
        """When each last took something: seconds since 1970, and by the monotonic clock."""
        self.rejecting = set[str]()
        """Outputs that rejected all of their last batch, or have too many dead letters."""
        self._logged: dict[str, tuple[float, int]] = {}

    def begin(self, outputs: Iterable[str], blocking: Iterable[str]) -> None:
        """Begin with outputs, of which some lose nothing."""
        self._blocking = frozenset(blocking)
        self.rejecting.clear()
        for output in outputs:
            self.take(output)

    def take(self, output: str) -> None:
        """Note that an output took something."""
        self._taken[output] = time.time(), time.monotonic()
        self.rejecting.discard(output)

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
        trouble = progress.trouble
        if trouble is None and progress.attempt_since is None and output not in self.rejecting:
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
            before, number = self._logged.get(name, (float("-inf"), 0))
            if dropped is None or now - before < _LOG_SECONDS:
                continue
            self._logged[name] = (now, dropped.documents)
            rewind = f"esa-forwarder rewind --output {name}"
            _log.error(
                "The spool is full; the oldest documents of an output that does not deliver are"
                f" dropped so that the others go on. To deliver them later: {rewind} PATH, with the"
                " log in which they begin, for each appliance; this needs space in the spool"
                f" (spool.max_bytes). Then {rewind} --settle, so that status no longer names them."
                " To pause reading instead: when_full: block.",
                output=name,
                documents=dropped.documents - number,
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
    found = find(connection, number)
    if found is None or found[0] > number:
        return Place()
    try:
        body = orjson.loads(decompress(found[1])[number - found[0]].body)
        return Place(str(body.get("@timestamp", "")), str(body["log"]["file"]["path"]))
    except (ValueError, TypeError, KeyError):
        return Place()
