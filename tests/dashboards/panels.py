"""The words in which pages are told: panels, their rows and columns."""

from typing import NamedTuple

ACCEPTED, REFUSED, UNCHECKED, NEUTRAL = "#54B399", "#E7664C", "#D6BF57", "#6092C0"
"""One colour for each outcome, on all pages; the last is for what has none."""


class Column(NamedTuple):
    """A number of a panel."""

    label: str
    operation: str = "count"
    """``count``, ``unique_count``, ``sum``, ``min``, ``max``, or ``share``: of those found by the
    query among all."""
    field: str = ""
    query: str = ""
    """In KQL: which documents count."""
    colour: str = ""


class Row(NamedTuple):
    """The field whose most frequent values are the rows of a table, or the parts of a bar."""

    label: str
    field: str
    size: int = 10
    missing: bool = False
    """Whether documents without the field have a row."""


class Metric(NamedTuple):
    """One number."""

    title: str
    column: Column
    query: str


class Table(NamedTuple):
    """Rows with numbers, those with the most of the first number on top."""

    title: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    query: str
    to: str = ""
    """The page that a click on a value opens."""


class Chart(NamedTuple):
    """Bars over time, one upon the other."""

    title: str
    columns: tuple[Column, ...]
    query: str
    split: Row | None = None


class Esql(NamedTuple):
    """What only ES|QL can ask: a table, or lines over time where ``split`` is given."""

    title: str
    query: str
    labels: dict[str, str]
    """Of the columns, in their order."""
    days: int = 0
    """How far back it looks, whatever time the page shows; 0: the time of the page."""
    split: str = ""
    """The column by which lines differ; the first column is the time, the other one the value."""


class Map(NamedTuple):
    """Circles where sources are, a layer for each column."""

    title: str
    columns: tuple[Column, ...]


class Search(NamedTuple):
    """A saved search as a panel."""

    title: str
    search: str


Panel = Metric | Table | Chart | Esql | Map | Search


class Page(NamedTuple):
    """A dashboard."""

    id: str
    name: str
    description: str
    controls: tuple[tuple[str, str], ...]
    """Names and fields."""
    rows: tuple[tuple[int, tuple[Panel, ...]], ...]
    """Rows of panels of one width, with the height of each row."""
