"""What there is to say of a spool, for ``status``. Takes milliseconds, however large it is."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

import orjson

from forwarder.spool import dead_letters as letters
from forwarder.spool.backfills import count_others, load_backfills, next_own
from forwarder.spool.cursors import PREFIX, Progress, load
from forwarder.spool.database import NAME
from forwarder.spool.locking import Pause, holder, pause_of
from forwarder.spool.room import Usage, usage_of
from forwarder.spool.state import DAMAGE, LETTER_LIMIT, LIMIT, load_keys, load_state
from forwarder.spool.upkeep import next_number, oldest_time
from forwarder.spool.visiting import look

_INGEST = "status/ingest"
"""What ingest says of the inputs."""
_CORE = "core/"
_OPEN = ("inbound", "outbound")
"""Of the keys of the core, the kinds that are open connections: the last part but one."""


class Waiting(NamedTuple):
    """What an output has not had."""

    progress: Progress
    documents: int
    """That are waiting."""
    since: float | None
    """When the oldest of them was written to the spool; seconds since 1970."""
    put_off: int = 0
    """Documents that it put off while it took others; kept with the dead letters."""
    put_off_for: str | None = None
    """The reason of one of them."""


class Summary(NamedTuple):
    """A spool at one moment."""

    process: int | None
    """The service that has it open."""
    pause: Pause | None
    """Why it reads nothing; None if it does."""
    usage: Usage
    max_bytes: int | None
    """Its limit, as the service was last started."""
    documents: int
    """In the spool, delivered to some outputs or to none."""
    damage: tuple[int, int]
    """Blocks and documents that were damaged and set aside."""
    outputs: dict[str, Waiting]
    dead_letters: dict[str, letters.Count]
    """By output."""
    max_letter_bytes: int | None
    """The limit of the dead letters of each."""
    connections: int
    """That are open in the logs."""
    ingest: bytes | None
    """What ingest has said of the inputs, in JSON; None if it never did."""


def summarise(folder: Path) -> Summary:
    """Look at the spool of a folder.

    Raises:
        SpoolError: There is none, or it cannot be read.
    """
    return look(folder, lambda connection: _summarise(connection, folder))


def _summarise(connection: sqlite3.Connection, folder: Path) -> Summary:
    process = holder(folder)
    connection.execute("BEGIN")
    try:
        outputs = {
            key.removeprefix(PREFIX): load(value) for key, value in load_state(connection, PREFIX)
        }
        end = next_number(connection, outputs.values())
        backfills = load_backfills(connection)
        (first,) = connection.execute("SELECT min(first) FROM blocks").fetchone()
        own = dict(load_state(connection, "spool/"))
        damaged_blocks, damaged_documents = orjson.loads(own.get(DAMAGE, b"[0, 0]"))
        return Summary(
            process=process,
            pause=pause_of(folder),
            usage=usage_of(folder / NAME, connection),
            max_bytes=orjson.loads(own.get(LIMIT, b"null")),
            documents=0 if first is None else end - first,
            damage=(damaged_blocks, damaged_documents),
            outputs={
                name: Waiting(
                    progress,
                    max(0, end - progress.cursor - count_others(backfills, name, progress.cursor)),
                    oldest_time(connection, own) if own < end else None,
                    letters.count_put_off(connection, name),
                    letters.reason_of_put_off(connection, name),
                )
                for name, progress in outputs.items()
                for own in (next_own(backfills, name, progress.cursor),)
            },
            dead_letters=letters.count(connection),
            max_letter_bytes=orjson.loads(own.get(LETTER_LIMIT, b"null")),
            connections=sum(x.rsplit("/", 2)[1] in _OPEN for x in load_keys(connection, _CORE)),
            ingest=dict(load_state(connection, _INGEST)).get(_INGEST),
        )
    finally:
        connection.execute("ROLLBACK")
