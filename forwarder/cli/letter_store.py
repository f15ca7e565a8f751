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
from forwarder.spool.dead_letters import ALL, DeadLetter, Selection, Source, dead_letter
from forwarder.spool.visiting import changing, look

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
        page = look(folder, partial(letters.page, selection=selection, after=after))
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
    return look(folder, partial(letters.numbers_of, selection=selection))


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
    before = look(folder, partial(letters.count_replays, selection=selection))
    return Replayed(_change(folder, selection, letters.mark), before)


def purge(folder: Path, selection: Selection) -> int:
    """Delete dead letters for good.

    Returns:
        How many there were.

    Raises:
        SpoolError: There is no spool, or it cannot be written.
    """
    return _change(folder, selection, letters.remove)


def outputs(folder: Path) -> list[str]:
    """Return the names of the outputs that have dead letters.

    Raises:
        SpoolError: There is no spool, or it cannot be read.
    """
    return list(look(folder, letters.count))


def _change(
    folder: Path,
    selection: Selection,
    change: Callable[[sqlite3.Connection, Sequence[int]], int],
) -> int:
    """Change dead letters that are there now, some at a time; return how many were."""
    changed = after = 0
    last = None
    while True:
        with changing(folder) as connection:
            # Others may come meanwhile, and make this endless.
            last = letters.newest(connection) if last is None else last
            found = letters.some_numbers(connection, selection, after, last)
            if not found:
                return changed
            changed += change(connection, found)
            after = found[-1]
