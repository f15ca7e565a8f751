"""Documents that an output rejected for good, kept until an operator replays or purges them.

To replay one marks it: the worker of its output delivers what is marked before anything else, and
removes it when it is delivered; what is rejected again stays, with the new reason.

What an output postpones while it takes others is kept here as well, so that the cursor can move on:
the worker tries it again by itself, until it is taken or rejected.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

import orjson
import zstandard

from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.errors import DamagedError
from forwarder.spool.schema import checksum
from forwarder.text import shortened

_MAX_REASON = 4096  # characters; servers quote what they reject, and that comes from strangers
_NEWEST = 100  # letters whose reasons are shown
_PAGE = 500  # letters that are read at a time
_PAGE_OF_REASONS = 5000  # without bodies
_ROW_BYTES = 150  # what a row takes beside its texts: numbers, its entries in two indexes
_MAX_NUMBER = 2**63 - 1  # SQLite's; no letter has a larger one
_LEVEL = 3  # each is compressed alone, and they are few
_COLUMNS = "number, output, time, status, replay, id, reason, checksum, compressed"


class Replay(IntEnum):
    """Whether a letter is to be delivered again, and why; as in the column.

    It stands in the text of statements, because SQLite takes an index of some rows only where it
    sees the value.
    """

    NO = 0
    ASKED = 1  # by an operator
    POSTPONED = 2  # by its output


class Source(NamedTuple):
    """Where the line of a document stands."""

    path: str
    offset: int | None  # in bytes from the start of the file, decompressed


class DeadLetter(NamedTuple):
    """A document that an output rejected."""

    output: str
    document: Document
    reason: str  # from the other side
    status: int | None  # status code of the answer, where there was one
    time: datetime  # of the answer; UTC, milliseconds
    number: int = 0  # by which commands know it; 0 while it is not stored
    replay: Replay = Replay.NO

    @property
    def source(self) -> Source | None:
        """Where its line stands; None if the document does not say it."""
        try:
            log = orjson.loads(self.document.body)["log"]
            path, offset = log["file"]["path"], log.get("offset")
        except (ValueError, KeyError, TypeError):
            return None
        return Source(str(path), offset if isinstance(offset, int) else None)


class Count(NamedTuple):
    """How many dead letters an output has."""

    number: int
    replays: int  # how many of them are to be delivered again
    size: int  # bytes that they take


class Selection(NamedTuple):
    """Selects dead letters by output and number; None matches any."""

    output: str | None = None
    numbers: Sequence[int] | None = None


ALL = Selection()


def dead_letter(output: str, failure: Failure, time: datetime) -> DeadLetter:
    """Make a dead letter of what an output answered."""
    reason = shortened(failure.reason, _MAX_REASON)
    return DeadLetter(output, failure.document, reason, failure.status, time)


def store(
    connection: sqlite3.Connection,
    replayed: Sequence[DeadLetter],
    letters: Sequence[DeadLetter],
) -> None:
    """Store new letters and new answers to those that were replayed; remove what was delivered."""
    kept = {x.number for x in letters}
    remove(connection, [x.number for x in replayed if x.number not in kept])
    connection.executemany(
        "UPDATE dead_letters SET replay = ?, time = ?, status = ?, reason = ? WHERE number = ?",
        [
            (x.replay, _milliseconds(x.time), x.status, x.reason, x.number)
            for x in letters
            if x.number
        ],
    )
    connection.executemany(
        "INSERT INTO dead_letters (size, output, time, status, replay, id, reason, checksum,"
        " compressed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(x) for x in letters if not x.number],
    )


def count(connection: sqlite3.Connection) -> dict[str, Count]:
    """Count the letters of each output."""
    rows = connection.execute(
        "SELECT output, number, replays, size FROM dead_letter_counts"
        " WHERE number > 0 ORDER BY output"
    )
    return {output: Count(*counts) for output, *counts in rows}


def newest(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """Return output, reason and time of the newest letters, which no output merely postponed.

    The time is in milliseconds since 1970; the newest one is the first.
    """
    return connection.execute(
        "SELECT output, reason, time FROM"
        " (SELECT * FROM dead_letters ORDER BY number DESC LIMIT ?) WHERE replay <> 2",
        (_NEWEST,),
    ).fetchall()


def postponed_of(connection: sqlite3.Connection, output: str) -> tuple[int, str | None]:
    """Count the documents that an output postponed, and give the reason of one."""
    where = "FROM dead_letters WHERE output = ?1 AND replay = 2"
    number, reason = connection.execute(
        f"SELECT count(*), (SELECT reason {where} ORDER BY number LIMIT 1) {where}",
        (output,),
    ).fetchone()
    return number, reason


def replays(
    connection: sqlite3.Connection,
    output: str,
    max_documents: int,
    max_bytes: int,
    *,
    postponed: bool,
) -> list[DeadLetter]:
    """Read the oldest letters of an output that an operator asked for, or else the postponed ones.

    The first alone may have more bytes of bodies than ``max_bytes``.
    """
    found = list[DeadLetter]()
    for kind in (Replay.ASKED, Replay.POSTPONED)[: 1 + postponed]:
        for row in connection.execute(
            f"SELECT {_COLUMNS} FROM dead_letters WHERE output = ? AND replay = {kind:d}"  # noqa: S608 - our own text
            " ORDER BY number LIMIT ?",
            (output, max_documents),
        ):
            letter = _letter(row)
            max_bytes -= len(letter.document.body)
            if found and max_bytes < 0:
                break
            found.append(letter)
        if found:
            break
    return found


def page(
    connection: sqlite3.Connection, selection: Selection = ALL, *, after: int = 0
) -> list[DeadLetter]:
    """Read the next letters behind a number; few, so that a slow reader holds no transaction."""
    return [_letter(x) for x in _select(connection, _COLUMNS, selection, after, _PAGE)]


def page_of_reasons(
    connection: sqlite3.Connection, selection: Selection = ALL, *, after: int = 0
) -> list[tuple[int, str, int | None, str]]:
    """Read number, output, status and reason of the next letters behind a number."""
    columns = "number, output, status, reason"
    return _select(connection, columns, selection, after, _PAGE_OF_REASONS)


def numbers_of(connection: sqlite3.Connection, selection: Selection = ALL) -> list[int]:
    """Return the numbers of letters, oldest first."""
    return [number for (number,) in _select(connection, "number", selection)]


def mark(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Mark letters to be delivered again."""
    statement = "UPDATE dead_letters SET replay = 1 WHERE number = ?"
    connection.executemany(statement, [(x,) for x in numbers])


def remove(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Delete letters."""
    connection.executemany("DELETE FROM dead_letters WHERE number = ?", [(x,) for x in numbers])


def _select(
    connection: sqlite3.Connection,
    columns: str,
    selection: Selection,
    after: int = 0,
    limit: int = -1,
) -> list[Any]:
    """Read columns of letters behind a number, oldest first."""
    conditions, values = ["number > ?"], list[object]([after])
    if selection.output is not None:
        conditions.append("output = ?")
        values.append(selection.output)
    if selection.numbers is not None:
        # As one value: SQLite has a limit on how many there may be.
        conditions.append("number IN (SELECT value FROM json_each(?))")
        values.append(orjson.dumps([x for x in selection.numbers if x <= _MAX_NUMBER]).decode())
    where = " AND ".join(conditions)
    statement = f"SELECT {columns} FROM dead_letters WHERE {where} ORDER BY number LIMIT {limit}"  # noqa: S608 - our own text
    return connection.execute(statement, values).fetchall()


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    identity, body = letter.document
    compressed = zstandard.ZstdCompressor(level=_LEVEL).compress(body)
    size = len(compressed) + len(letter.reason.encode("utf-8", "replace")) + len(identity)
    return (
        *(size + _ROW_BYTES, letter.output, _milliseconds(letter.time), letter.status),
        *(letter.replay, identity, letter.reason),
        *(checksum(identity.encode(), compressed), compressed),
    )


def _letter(row: tuple[int, str, int, int | None, int, str, str, int, bytes]) -> DeadLetter:
    number, output, time, status, replay, identity, reason, expected, compressed = row
    if checksum(identity.encode(), compressed) != expected:
        raise DamagedError(f"dead letter {number}")
    body = zstandard.ZstdDecompressor().decompress(compressed)
    return DeadLetter(
        output,
        Document(identity, body),
        reason,
        status,
        datetime.fromtimestamp(time / 1000, UTC),
        number,
        Replay(replay),
    )


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
