"""The values of a report, and the part of it that is not a finding: facts, counts over time, tops.

Its tables have rows, and these the lines that they came from.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from forwarder.events import Counters
from forwarder.report.definitions import DAY, HOUR
from forwarder.report.store import Chosen, Line, Store
from forwarder.text import Time, many

MAX_ROWS = 100  # of a table that are shown
MAX_LINES = 5  # that a row shows
TOP = 20  # sources and users with the most refusals
MOST_BARS = 120
_STEPS = (300, 900, HOUR, 3 * HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY)  # seconds of a bar

Cell = str | int | Time | None  # text, a number, a time, or None for nothing
Selector = tuple[object, ...]  # which logins a row came from: a kind, and the values that they have


def duration(seconds: int) -> str:
    """Name the time of a bar."""
    for size, noun in ((DAY, "day"), (HOUR, "hour")):
        if seconds >= size:
            return many(seconds // size, noun)
    return many(seconds // 60, "minute")


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


def top_sources(store: Store) -> Table:
    """List the sources with the most refusals."""
    rows = store.ask(
        "SELECT source, refused, accepted, accounts, last FROM by_source WHERE first IS NOT NULL"
        " ORDER BY refused DESC, accepted DESC, source LIMIT ?",
        TOP,
    )
    columns = ("Source", "Refused", "Accepted", "Accounts refused", "Last")
    return _top("source", "Sources", f"The {TOP} addresses with the most refusals.", columns, rows)


def top_accounts(store: Store) -> Table:
    """List the accounts with the most refusals."""
    rows = store.ask(
        "SELECT account, SUM(refused) AS no, SUM(accepted) AS yes, COUNT(*), MAX(last) FROM pair"
        " WHERE first IS NOT NULL GROUP BY account ORDER BY no DESC, yes DESC, account LIMIT ?",
        TOP,
    )
    columns = ("Account", "Refused", "Accepted", "Sources", "Last")
    about = f"The {TOP} accounts with the most refusals."
    return _top("account", "Accounts", about, columns, rows)


def _top(
    kind: str, title: str, about: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]
) -> Table:
    found = [
        Row((*cells, Time(last)), (kind, cells[0], 0 if cells[1] else 1)) for *cells, last in rows
    ]
    return Table(f"top_{kind}s", title, about, columns, found, is_finding=False)


def joined(store: Store) -> Table:
    """Tell by appliance how many logins have an address."""
    answers = [
        Row((appliance, logins, joined, f"{joined / logins:.1%}"), ids=(first,) if first else ())
        for appliance, logins, joined, first in store.ask(
            "SELECT appliance, COUNT(joined) AS n, SUM(joined),"
            " MIN(CASE WHEN NOT joined THEN id END) FROM login WHERE shown"
            " GROUP BY appliance HAVING n > 0 ORDER BY appliance"
        )
    ]
    return Table(
        "joined",
        "Logins joined to their connection",
        "The others have no address: their connection was opened before the first log that was"
        " read, or lines are missing. The line is the first of them.",
        ("Appliance", "Logins", "Joined", "Share"),
        answers,
        is_finding=False,
    )


def count_over_time(store: Store) -> tuple[int, tuple[Bar, ...]]:
    """Count over time, in bars of equal length."""
    ((first, last),) = store.ask(
        "SELECT MIN(time), MAX(time) FROM (SELECT time FROM login WHERE shown UNION ALL"
        " SELECT time FROM session WHERE shown)"
    )
    if first is None:
        return HOUR, ()
    seconds = next((x for x in _STEPS if (last - first) / x < MOST_BARS), _STEPS[-1])
    bars: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for begin, good, number in store.ask(
        f"SELECT time / {seconds} * {seconds} AS begin, good, COUNT(*) FROM login WHERE shown"
        " GROUP BY begin, good"
    ):
        bars[begin][0 if good else 1] = number
    for begin, number in store.ask(
        f"SELECT time / {seconds} * {seconds} AS begin, SUM(recipients) FROM session WHERE shown"
        " GROUP BY begin"
    ):
        bars[begin][2] = number
    begun = min(bars)
    # A wrong clock may be years off: what is beyond the most bars is in the last one.
    steps = range(begun, min(max(bars), begun + 10 * MOST_BARS * seconds) + 1, seconds)
    return seconds, tuple(Bar(x, *bars.get(x, (0, 0, 0))) for x in steps)


_NAMES: dict[tuple[str, str | None], str] = {
    ("smtp-authentication", "success"): "logins accepted",
    ("smtp-authentication", "failure"): "logins refused",
    ("smtp-authentication-error", "failure"): "logins not checked",
    ("smtp-authentication-not-initiated", None): "logins not begun",
    ("smtp-relay-authentication", "success"): "logins at smart hosts accepted",
    ("smtp-relay-authentication", "failure"): "logins at smart hosts refused",
    ("smtp-session-closed", "success"): "sessions",
}
_ALWAYS = {"logins accepted", "logins refused"}  # also where there is none


def list_facts(store: Store, files: int, counts: Counters) -> Iterator[tuple[str, Cell]]:
    """Yield what a reader wants to know first, each with its name."""
    if only := ", ".join(_describe_chosen(store.chosen)):
        yield "only", only
    ((first, last),) = store.ask("SELECT MIN(time), MAX(time) FROM login WHERE shown")
    if first is not None:
        yield "first login", Time(first)
        yield "last login", Time(last)
    yield "files", files
    yield "lines", counts.lines
    for (action, result), name in _NAMES.items():
        number = sum(n for (a, r), n in store.actions.items() if (a.value, r) == (action, result))
        if number or name in _ALWAYS:
            yield name, number
    ((sources, accounts),) = store.ask(
        "SELECT COUNT(DISTINCT source), COUNT(DISTINCT account) FROM pair WHERE first IS NOT NULL"
    )
    yield "sources", sources
    yield "accounts", accounts


def _describe_chosen(chosen: Chosen) -> Iterator[str]:
    """Yield what limits a report: it must not look like one of all logins."""
    if chosen.account is not None:
        yield f"account {chosen.account}"
    if chosen.source is not None:
        yield f"source {chosen.source}"
    if chosen.since is not None:
        yield f"from {Time(chosen.since)} UTC"
    if chosen.until is not None:
        yield f"before {Time(chosen.until)} UTC"
