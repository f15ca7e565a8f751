"""The values of a report: facts, counts over time, and tables whose rows have their lines."""

from collections.abc import Sequence
from typing import NamedTuple

from forwarder.report.store import Line
from forwarder.text import Time, many

MAX_ROWS = 100  # of a table that are shown
MAX_LINES = 5  # that a row shows

Cell = str | int | Time | None
"""Text, a number, a time, or None for nothing."""

Selector = tuple[object, ...]
"""Which logins a row came from: a kind, and the values that they have."""


def duration(seconds: int) -> str:
    """Name the time of a bar."""
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return many(seconds // size, noun)
    return many(seconds, "second")


class Row(NamedTuple):
    """A row of a table, and where its lines are: in rows of the database, or of a selector."""

    cells: tuple[Cell, ...]
    selector: Selector = ()
    table: str = "login"  # of the database
    ids: tuple[int, ...] = ()
    lines: tuple[Line, ...] = ()  # some of those that it came from, the first ones by time


class Table(NamedTuple):
    """One answer."""

    name: str  # for programs
    title: str
    about: str  # what is in it, by which definition
    columns: tuple[str, ...]
    rows: Sequence[Row]
    more: int = 0  # rows beyond those
    is_finding: bool = True  # whether a row is something to look at


class Bar(NamedTuple):
    """What was counted in a stretch of time."""

    time: int  # when it begins, in seconds since 1970
    success: int
    failure: int
    recipients: int


class Report(NamedTuple):
    """What happened."""

    facts: tuple[tuple[str, Cell], ...]
    seconds: int  # that a bar stands for
    bars: tuple[Bar, ...]
    tables: tuple[Table, ...]
    warnings: tuple[str, ...] = ()  # what was not read or not understood
