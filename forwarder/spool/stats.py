"""What there is to say of a spool, for ``status``. Takes milliseconds, however large it is."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

import orjson

from forwarder.spool import dead_letters as letters
from forwarder.spool import segments
from forwarder.spool.cursors import (
    Progress,
    count_own,
    load_backfills,
    load_outputs,
    next_number,
    next_own,
)
from forwarder.spool.database import NAME, read_spool
from forwarder.spool.schema import DAMAGE, LIMITS, load_keys, load_state
from forwarder.spool.writer import DiskUsage, Pause, held, usage_of

_INGEST = "status/ingest"  # what ingest says of the inputs
_CORE = "core/"
_OPEN = ("inbound", "outbound")
"""Of the keys of the core, the kinds that are open connections: the last part but one."""


class Waiting(NamedTuple):
    """What an output has not had."""

    progress: Progress
    documents: int  # that are waiting
    since: float | None  # when the oldest of them was written to the spool; seconds since 1970
    put_off: int = 0  # documents that it put off while it took others; kept with the dead letters
    put_off_for: str | None = None  # the reason of one of them


class Summary(NamedTuple):
    """A spool at one moment."""

    process: int | None  # the service that has it open
    pause: Pause | None  # why it reads nothing; None if it does
    usage: DiskUsage
    max_bytes: int | None  # its limit, as the service was last started
    documents: int  # in the spool, delivered to some outputs or to none
    damage: tuple[int, int]  # segments and documents that were damaged and quarantined
    outputs: dict[str, Waiting]
    dead_letters: dict[str, letters.Count]  # by output
    max_letter_bytes: int | None  # the limit of the dead letters of each
    connections: int  # that are open in the logs
    ingest: bytes | None  # what ingest has said of the inputs, in JSON; None if it never did


def summarise(folder: Path) -> Summary:
    """Read the spool of a state folder; raises SpoolError if there is none or it cannot be read."""
    return read_spool(folder, lambda connection: _summarise(connection, folder))


def _summarise(connection: sqlite3.Connection, folder: Path) -> Summary:
    holder = held(folder)
    connection.execute("BEGIN")
    try:
        outputs = load_outputs(connection)
        end = next_number(connection, outputs)
        backfills = load_backfills(connection)
        first = segments.oldest_number(connection)
        own = dict(load_state(connection, "spool/"))
        max_bytes, max_letter_bytes = orjson.loads(own.get(LIMITS, b"[null, null]"))
        damaged_segments, damaged_documents = orjson.loads(own.get(DAMAGE, b"[0, 0]"))

        def waiting(name: str, progress: Progress) -> Waiting:
            oldest = next_own(backfills, name, progress.cursor)
            return Waiting(
                progress,
                max(0, count_own(backfills, name, progress.cursor, end)),
                segments.commit_time(connection, oldest) if oldest < end else None,
                *letters.put_off_of(connection, name),
            )

        return Summary(
            process=holder and holder.process,
            pause=holder and holder.pause,
            usage=usage_of(folder / NAME, connection),
            max_bytes=max_bytes,
            documents=0 if first is None else end - first,
            damage=(damaged_segments, damaged_documents),
            outputs={name: waiting(name, progress) for name, progress in outputs.items()},
            dead_letters=letters.count(connection),
            max_letter_bytes=max_letter_bytes,
            connections=sum(x.rsplit("/", 2)[1] in _OPEN for x in load_keys(connection, _CORE)),
            ingest=dict(load_state(connection, _INGEST)).get(_INGEST),
        )
    finally:
        connection.execute("ROLLBACK")
