"""The values of a report: facts, counts over time, and tables whose rows have their lines."""

from typing import NamedTuple

from forwarder.report.store import Line
from forwarder.text import Time

MAX_ROWS = 100  # of a table that are shown
MAX_LINES = 5  # that a row shows


Cell = str | int | Time | None
"""Text, a number, a time, or None for nothing."""


class Row(NamedTuple):
    """A row of a table."""

    cells: tuple[Cell, ...]
    lines: tuple[Line, ...]  # some of the lines that it came from, the first ones


class Table(NamedTuple):
    """One answer."""

    name: str  # for programs
    title: str
    about: str  # what is in it, by which definition
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
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

    facts: tuple[tuple[str, str], ...]
    seconds: int  # that a bar stands for
    bars: tuple[Bar, ...]
    tables: tuple[Table, ...]


Selector = tuple[object, ...]
"""Which logins a row came from: a kind, and the values that they have."""


class Draft(NamedTuple):
    """A row before its lines are known."""

    cells: tuple[Cell, ...]
    selector: Selector = ()
    table: str = "login"
    ids: tuple[int, ...] = ()


class Plan(NamedTuple):
    """A table before the lines of its rows are known."""

    name: str
    title: str
    about: str
    columns: tuple[str, ...]
    drafts: list[Draft]
    is_finding: bool = True
    more: int = 0  # rows that are no drafts
