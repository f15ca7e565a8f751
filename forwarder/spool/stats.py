"""What commands read and change of a spool, whether or not the service runs."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import orjson

from forwarder.spool import cursors, schema, segments
from forwarder.spool import dead_letters as letters
from forwarder.spool.database import NAME
from forwarder.spool.errors import SpoolError, explained
from forwarder.spool.writer import DiskUsage, Pause, held, size_of, usage_of, wal_of

_INGEST = "status/ingest"  # what ingest says of the inputs

_Result = TypeVar("_Result")


class Waiting(NamedTuple):
    """What waits for an output."""

    progress: cursors.Progress
    documents: int  # that are waiting
    since: float | None  # when the oldest of them was written to the spool; seconds since 1970
    postponed: int = 0  # documents, while it took others; kept with the dead letters
    postponed_for: str | None = None  # the reason of one of them


class Summary(NamedTuple):
    """A spool at one moment."""

    process: int | None  # the service that has it open
    pause: Pause | None  # why it reads nothing; None if it does
    usage: DiskUsage
    max_bytes: int | None  # its limit, as the service was last started
    documents: int  # in the spool, delivered to some outputs or to none
    damage: tuple[int, int]  # segments and documents that were damaged and deleted
    outputs: dict[str, Waiting]
    dead_letters: dict[str, letters.Count]  # by output
    newest_letters: list[tuple[str, str, int]]  # output, reason, time in milliseconds since 1970
    max_letter_bytes: int | None  # the limit of the dead letters of each
    ingest: bytes | None  # what ingest has said of the inputs, in JSON; None if it never did


def summarise(folder: Path) -> Summary:
    """Read the spool of a state folder; raises SpoolError if there is none or it cannot be read."""
    return read_spool(folder, partial(_summarise, folder))


def summarise_own(folder: Path) -> Summary:
    """Read the spool that this very process has open; raises SpoolError if it cannot be read.

    By SQLite alone: to open and close the file besides drops the locks of this process.
    """
    path = folder / NAME
    with explained(path), closing(schema.connect_to_read(path)) as connection:
        return _summarise(folder, connection)


def _summarise(folder: Path, connection: sqlite3.Connection) -> Summary:
    holder = held(folder)
    connection.execute("BEGIN")  # so that all of it is of one moment
    outputs = cursors.load_outputs(connection)
    end = cursors.next_number(connection, outputs)
    backfills = cursors.load_backfills(connection)
    first = segments.oldest_number(connection)
    own = dict(schema.load_state(connection, "spool/"))
    max_bytes, max_letter_bytes = orjson.loads(own.get(schema.LIMITS, b"[null, null]"))
    damaged_segments, damaged_documents = orjson.loads(own.get(schema.DAMAGE, b"[0, 0]"))

    def waiting(name: str, progress: cursors.Progress) -> Waiting:
        runs = [*cursors.own_runs(backfills, name, progress.cursor, end)]
        return Waiting(
            progress,
            sum(last - first for first, last in runs),
            segments.commit_time(connection, runs[0][0]) if runs else None,
            *letters.postponed_of(connection, name),
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
        newest_letters=letters.newest(connection),
        max_letter_bytes=max_letter_bytes,
        ingest=dict(schema.load_state(connection, _INGEST)).get(_INGEST),
    )


def read_spool(folder: Path, ask: Callable[[sqlite3.Connection], _Result]) -> _Result:
    """Read the spool of a state folder with ``ask``; raises SpoolError if it cannot be read.

    Nothing is changed, and nothing is locked for longer than a moment. While the service runs, or
    its log of changes is there, SQLite needs both files to read; otherwise the database is read as
    a file that does not change, which leaves no traces.

    ``ask`` gets a connection that cannot write, and is called again if the service started
    meanwhile. It is to be quick, or to hold no transaction open for long.
    """
    path = database_path(folder)
    while True:
        still = _is_still(path)
        try:
            with explained(path), closing(schema.connect_to_read(path, is_still=still)) as source:
                _check_version(source, path)
                answer = ask(source)
        except (SpoolError, sqlite3.Error):
            if not still or _is_still(path):
                raise
        else:
            if not still or _is_still(path):
                return answer


@contextmanager
def write_spool(folder: Path) -> Iterator[sqlite3.Connection]:
    """Change the spool of a state folder in one transaction; raises SpoolError if it cannot be."""
    path = database_path(folder)
    with explained(path), closing(schema.connect(path)) as connection:
        _check_version(connection, path)
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")  # where it is not reached, closing rolls back


def database_path(folder: Path) -> Path:
    """Return the path of the database of a state folder; raises SpoolError if there is none."""
    path = folder / NAME
    try:
        path.open("rb").close()
    except FileNotFoundError as error:
        raise SpoolError(
            f"there is no spool in {str(folder)!r}: the service has not run with this state folder"
            " yet"
        ) from error
    except OSError as error:
        raise SpoolError(
            f"{str(path)!r} cannot be read: {error.strerror}; name another state folder, or run"
            " this as the user that the service runs as"
        ) from error
    return path


def _is_still(path: Path) -> bool:
    """Tell whether no process writes, and nothing waits to be copied into the database."""
    return held(path.parent) is None and size_of(wal_of(path)) == 0


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    schema.refuse_newer(connection, path)
    found, newest = schema.version_of(connection), len(schema.VERSIONS)
    if found < newest:
        raise SpoolError(
            f"{str(path)!r} has version {found}, and this program has {newest}: start the service"
            " once, it brings the spool up to date"
        )
