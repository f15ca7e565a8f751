"""Documents that an output refused for good, kept until somebody replays or purges them.

They lie in the database of the spool. To replay one marks it: the worker of its output delivers
what is marked before anything else, and takes it away when it is delivered; what is refused
again stays, with the new reason. So nothing is on its way anywhere else, and a crash costs at most
that a document is delivered twice.

What an output puts off while it takes others is kept here as well, so that the cursor can move on:
the worker tries it again by itself, until it is taken or refused.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import orjson
import zstandard

from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.errors import DamagedError, LettersFullError
from forwarder.spool.segments import checksum
from forwarder.text import shortened

_MAX_REASON = 4096
"""Characters. Servers quote what they refuse, and that comes from strangers."""
DEFAULT_MAX_BYTES = 250_000_000
"""Of one output; some 350,000. More than anybody looks through, and time enough to see a mistake
in a mapping before its output waits."""
_PAGE = 500
"""Letters that are read at a time."""
_CHANGED_AT_ONCE = 2000
"""Letters that a command marks or deletes in one transaction: a tenth of a second, so that the
service, which writes to the same database, goes on meanwhile."""
_ROW_BYTES = 150
"""What a row takes beside its texts: numbers, its entries in two indexes."""
_MAX_NUMBER = 2**63 - 1
"""SQLite's; there is no letter with a larger one."""
_LEVEL = 3
"""Each is packed alone, and they are few."""
_Row = tuple[str, int, int | None, int, str, str, int, int, bytes]
"""A letter, as it is stored."""
_SIZE: Final = 6
"""Where in a row its size stands."""


class Source(NamedTuple):
    """Where the line of a document stands."""

    path: str
    offset: int | None
    """In bytes from the start of the file, unpacked."""


class DeadLetter(NamedTuple):
    """A document that an output refused."""

    output: str
    """The name in the configuration."""
    document: Document
    reason: str
    """What the other side said."""
    status: int | None
    """Status code of the answer, where there was one."""
    time: datetime
    """Of the answer; UTC, milliseconds."""
    source: Source | None
    """From the document; None where it has none."""
    number: int = 0
    """By which commands know it; 0 as long as it is not stored."""
    replay: bool = False
    """Whether it is to be delivered again."""
    put_off: bool = False
    """Whether that is because its output put it off, and not because somebody asked for it."""


class Count(NamedTuple):
    """What there is of the dead letters of an output."""

    number: int
    replays: int
    """How many of them are to be delivered again."""
    size: int
    """Bytes that they take."""


class Selection(NamedTuple):
    """Which dead letters are meant: all that everything here is true of."""

    output: str | None = None
    """None: of any."""
    numbers: Sequence[int] | None = None
    """None: any."""


ALL = Selection()

_NO, _ASKED, _PUT_OFF = range(3)
"""What the column ``replay`` says: whether a letter is to be delivered again, and why. It stands in
the text of statements, because SQLite takes an index of some rows only where it sees the value."""


def dead_letter(output: str, failure: Failure, time: datetime) -> DeadLetter:
    """Make a dead letter of what an output answered."""
    reason = shortened(failure.reason, _MAX_REASON)
    source = source_of(failure.document.body)
    return DeadLetter(output, failure.document, reason, failure.status, time, source)


def source_of(body: bytes) -> Source | None:
    """Find out from a document where its line stands."""
    try:
        log = orjson.loads(body)["log"]
        path, offset = log["file"]["path"], log.get("offset")
    except (ValueError, KeyError, TypeError):
        return None
    return Source(str(path), offset if isinstance(offset, int) else None)


def store(
    connection: sqlite3.Connection, output: str, letters: Sequence[DeadLetter], max_bytes: int
) -> None:
    """Store new letters, and the new answers to those that were replayed.

    Raises:
        LettersFullError: There is no room for all of them; the transaction is to be rolled back.
    """
    rows = check_room(connection, output, letters, max_bytes)
    again = [x for x in letters if x.number]
    connection.executemany(
        "UPDATE dead_letters SET replay = ?, time = ?, status = ?, reason = ? WHERE number = ?",
        [(_again(x), _milliseconds(x.time), x.status, x.reason, x.number) for x in again],
    )
    connection.executemany(
        "INSERT INTO dead_letters (output, time, status, replay, id, reason, size, checksum,"
        " packed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def check_room(
    connection: sqlite3.Connection, output: str, letters: Sequence[DeadLetter], max_bytes: int
) -> Sequence[_Row]:
    """Look whether an output may have so many more dead letters; the last may go beyond the limit.

    Returns:
        The rows of those that are new.

    Raises:
        LettersFullError: There is no room for all of them; the output waits until an operator has
            looked.
    """
    size = size_of(connection, output)
    rows: list[_Row] = []
    for letter in letters:
        if letter.number:
            continue
        if size >= max_bytes:
            raise LettersFullError(
                f"its dead letters take {size:,} bytes and may take {max_bytes:,}"
                " (dead_letters.max_bytes), so it waits: find out why documents are refused"
                " (dead-letters list) and fix that, or delete them (dead-letters purge), or raise"
                " the limit",
                room=len(rows),
            )
        rows.append(_row(letter))
        size += rows[-1][_SIZE]
    return rows


def size_of(connection: sqlite3.Connection, output: str) -> int:
    """Return how many bytes the dead letters of an output take."""
    rows = connection.execute("SELECT size FROM dead_letter_counts WHERE output = ?", (output,))
    return sum(size for (size,) in rows)


def count(connection: sqlite3.Connection) -> dict[str, Count]:
    """Count by output."""
    rows = connection.execute(
        "SELECT output, number, replays, size FROM dead_letter_counts"
        " WHERE number > 0 ORDER BY output"
    )
    return {output: Count(*counts) for output, *counts in rows}


def count_put_off(connection: sqlite3.Connection, output: str) -> int:
    """Count the documents that an output put off."""
    (number,) = connection.execute(
        "SELECT count(*) FROM dead_letters WHERE output = ? AND replay = 2", (output,)
    ).fetchone()
    return int(number)


def reason_of_put_off(connection: sqlite3.Connection, output: str) -> str | None:
    """Give the reason of a document that an output put off; None where there is none."""
    found = connection.execute(
        "SELECT reason FROM dead_letters WHERE output = ? AND replay = 2 ORDER BY number LIMIT 1",
        (output,),
    ).fetchone()
    return None if found is None else str(found[0])


def replays(
    connection: sqlite3.Connection,
    output: str,
    max_documents: int,
    max_bytes: int,
    *,
    put_off: bool = False,
) -> list[DeadLetter]:
    """Read the oldest letters of an output that are to be delivered again.

    Args:
        connection: Of the spool.
        output: Its name.
        max_documents: At most so many.
        max_bytes: At most so many bytes of bodies, unless the first alone has more.
        put_off: Whether those that the output put off, or those that somebody asked for.
    """
    found: list[DeadLetter] = []
    size = 0
    for row in connection.execute(
        f"{_SELECT} WHERE output = ? AND replay = {_PUT_OFF if put_off else _ASKED}"
        " ORDER BY number LIMIT ?",
        (output, max_documents),
    ):
        letter = _letter(row)
        size += len(letter.document.body)
        if found and size > max_bytes:
            break
        found.append(letter)
    return found


def page(
    connection: sqlite3.Connection, selection: Selection = ALL, *, after: int = 0
) -> list[DeadLetter]:
    """Read some letters, oldest first; so many that a slow reader holds no transaction open.

    Args:
        connection: Of the spool.
        selection: Which.
        after: The number of the last one that was read.
    """
    condition, values = _where(selection)
    rows = connection.execute(
        f"{_SELECT} WHERE {condition} AND number > ? ORDER BY number LIMIT {_PAGE}",
        [*values, after],
    )
    return [_letter(x) for x in rows.fetchall()]


def numbers_of(connection: sqlite3.Connection, selection: Selection) -> frozenset[int]:
    """Give the numbers of letters."""
    condition, values = _where(selection)
    statement = f"SELECT number FROM dead_letters WHERE {condition}"  # noqa: S608 - our own text
    return frozenset(number for (number,) in connection.execute(statement, values))


def newest(connection: sqlite3.Connection) -> int:
    """Give the number of the newest letter; 0 if there is none."""
    (number,) = connection.execute("SELECT max(number) FROM dead_letters").fetchone()
    return int(number or 0)


def some_numbers(
    connection: sqlite3.Connection, selection: Selection, after: int, last: int
) -> list[int]:
    """Give the next numbers of letters, so many that a change of them keeps nobody waiting."""
    condition, values = _where(selection)
    statement = (
        f"SELECT number FROM dead_letters WHERE {condition} AND number > ? AND number <= ?"  # noqa: S608 - our own text
        f" ORDER BY number LIMIT {_CHANGED_AT_ONCE}"
    )
    return [number for (number,) in connection.execute(statement, [*values, after, last])]


def mark(connection: sqlite3.Connection, numbers: Iterable[int]) -> int:
    """Have letters delivered again.

    Returns:
        How many there are to be, that were not before.
    """
    return connection.executemany(
        "UPDATE dead_letters SET replay = 1 WHERE number = ? AND replay <> 1",
        [(x,) for x in numbers],
    ).rowcount


def count_replays(connection: sqlite3.Connection, selection: Selection) -> int:
    """Count the letters that are to be delivered again."""
    condition, values = _where(selection)
    statement = f"SELECT count(*) FROM dead_letters WHERE {condition} AND replay = 1"  # noqa: S608 - our own text
    (number,) = connection.execute(statement, values).fetchone()
    return int(number)


def remove(connection: sqlite3.Connection, numbers: Iterable[int]) -> int:
    """Delete letters.

    Returns:
        How many there were.
    """
    return connection.executemany(
        "DELETE FROM dead_letters WHERE number = ?", [(x,) for x in numbers]
    ).rowcount


_SELECT = (
    "SELECT number, output, time, status, replay, id, reason, checksum, packed FROM dead_letters"
)


def _where(selection: Selection) -> tuple[str, list[object]]:
    conditions, values = ["1"], list[object]()
    if selection.output is not None:
        conditions.append("output = ?")
        values.append(selection.output)
    if selection.numbers is not None:
        # As one value: SQLite has a limit on how many there may be.
        conditions.append("number IN (SELECT value FROM json_each(?))")
        numbers = [x for x in selection.numbers if x <= _MAX_NUMBER]
        values.append(orjson.dumps(numbers).decode())
    return " AND ".join(conditions), values


def _again(letter: DeadLetter) -> int:
    if letter.put_off:
        return _PUT_OFF
    return _ASKED if letter.replay else _NO


def _row(letter: DeadLetter) -> _Row:
    document = letter.document
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(document.body)
    size = len(packed) + len(letter.reason.encode("utf-8", "replace")) + len(document.id)
    return (
        letter.output,
        _milliseconds(letter.time),
        letter.status,
        _again(letter),
        document.id,
        letter.reason,
        size + _ROW_BYTES,
        checksum(document.id.encode(), packed),
        packed,
    )


def _letter(row: tuple[int, str, int, int | None, int, str, str, int, bytes]) -> DeadLetter:
    number, output, time, status, replay, identity, reason, expected, packed = row
    if checksum(identity.encode(), packed) != expected:
        raise DamagedError(
            f"dead letter {number} is damaged; start the service again: it sets the damaged"
            " database aside and carries over what can be read"
        )
    body = zstandard.ZstdDecompressor().decompress(packed)
    return DeadLetter(
        output,
        Document(identity, body),
        reason,
        status,
        datetime.fromtimestamp(time / 1000, UTC),
        source_of(body),
        number,
        replay != _NO,
        replay == _PUT_OFF,
    )


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
