"""Dead letters for people: to look at them, to have them delivered again, or to delete them.

All of it works while the service runs and while it does not. Replaying only marks a letter; the
worker of its output delivers it, within a second or so, or as soon as the service runs again. What
is delivered is a dead letter no longer; what is refused again stays, with the new reason.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from forwarder.spool import dead_letters as letters
from forwarder.spool.database import read_spool, write_spool
from forwarder.spool.dead_letters import ALL, DeadLetter, Selection, Source, dead_letter

_CHANGED_AT_ONCE = 2000
"""Dead letters in one transaction: a tenth of a second, so that the service, which writes to the
same database, goes on meanwhile."""

__all__ = [
    "ALL",
    "DeadLetter",
    "Replayed",
    "Selection",
    "Source",
    "dead_letter",
    "numbers",
    "outputs",
    "purge",
    "read",
    "replay",
]


def read(
    folder: Path, take: Callable[[Sequence[DeadLetter]], None], selection: Selection = ALL
) -> int:
    """Hand over dead letters, oldest first.

    Args:
        folder: The state folder.
        take: Called with some at a time; however long it takes, it is in nobody's way.
        selection: Which.

    Returns:
        How many there were.

    Raises:
        SpoolError: There is no spool, or it cannot be read.
    """
    after = 0
    number = 0
    while True:
        page = read_spool(folder, partial(letters.page, selection=selection, after=after))
        if not page:
            return number
        take(page)
        number += len(page)
        after = page[-1].number


def numbers(folder: Path, selection: Selection) -> frozenset[int]:
    """Give the numbers of dead letters.

    Raises:
        SpoolError: There is no spool, or it cannot be read.
    """
    return frozenset(read_spool(folder, partial(letters.numbers_of, selection=selection)))


class Replayed(NamedTuple):
    """What came of a replay."""

    marked: int
    """Dead letters that are to be delivered again now."""
    before: int
    """Those that were to be already."""


def replay(folder: Path, selection: Selection) -> Replayed:
    """Have dead letters delivered to their outputs again.

    Raises:
        SpoolError: There is no spool, or it cannot be written.
    """
    found, marked = _change(folder, selection, letters.mark)
    return Replayed(marked, found - marked)


def purge(folder: Path, selection: Selection) -> int:
    """Delete dead letters for good.

    Returns:
        How many there were.

    Raises:
        SpoolError: There is no spool, or it cannot be written.
    """
    return _change(folder, selection, letters.remove)[1]


def outputs(folder: Path) -> list[str]:
    """Return the names of the outputs that have dead letters.

    Raises:
        SpoolError: There is no spool, or it cannot be read.
    """
    return list(read_spool(folder, letters.count))


def _change(
    folder: Path,
    selection: Selection,
    change: Callable[[sqlite3.Connection, Sequence[int]], int],
) -> tuple[int, int]:
    """Change dead letters that are there now, some at a time; count them, and what changed."""
    found = read_spool(folder, partial(letters.numbers_of, selection=selection))
    changed = 0
    for start in range(0, len(found), _CHANGED_AT_ONCE):
        with write_spool(folder) as connection:
            changed += change(connection, found[start : start + _CHANGED_AT_ONCE])
    return len(found), changed
