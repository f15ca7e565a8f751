"""The values of a report, and the part of it that is not a finding: facts, counts over time, tops.

Its tables have rows, and these the lines that they came from.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from forwarder.events import Action, Counters
from forwarder.report.store import Chosen, Store
from forwarder.text import Time, decoded, many

HOUR, DAY = 3_600, 86_400  # seconds

MAX_ROWS = 100  # of a table that are shown
MAX_LINES = 5  # that a row shows
TOP = 20  # sources and users with the most refusals
MOST_BARS = 120
_STEPS = (300, 900, HOUR, 3 * HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY)  # seconds of a bar

Cell = str | int | Time | None  # text, a number, a time, or None for nothing

_TIMES = {"Hour", "First", "Last", "First refusal", "First login"}  # columns of seconds since 1970


class Line(NamedTuple):
    """A line of a log."""

    path: str  # `-` for standard input
    offset: int
    text: str


class Row(NamedTuple):
    """A row of a table."""

    cells: Sequence[Cell]
    lines: Sequence[Line] = ()  # some of those that it came from, the first ones by time


class Table(NamedTuple):
    """One answer."""

    name: str  # for programs
    title: str
    about: str  # what is in it, by which definition
    columns: Sequence[str]
    rows: Sequence[Row] = ()
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

    facts: Sequence[tuple[str, Cell]]
    seconds: int  # that a bar stands for
    bars: Sequence[Bar]
    tables: Sequence[Table]
    warnings: Sequence[str] = ()  # what was not read or not understood


def duration(seconds: int) -> str:
    """Name the time of a bar."""
    for size, noun in ((DAY, "day"), (HOUR, "hour")):
        if seconds >= size:
            return many(seconds // size, noun)
    return many(seconds // 60, "minute")


def fill(
    store: Store, table: Table, answers: Iterable[Sequence[Any]], kind: str = "login"
) -> Table:
    """Return a table with its rows, each with lines that it came from.

    Args:
        store: Where the lines are.
        table: The table without rows.
        answers: The cells of each row, and behind them the condition that rows of the database
            have whose lines are shown, and the values of that condition; or else their ids.
        kind: Of which rows of the database: ``login``, ``session`` or ``relay``.
    """
    rows, more = list[Row](), 0
    for answer in answers:
        if len(rows) == MAX_ROWS:
            more += 1
            continue
        values = zip(table.columns, answer, strict=False)
        cells = [Time(x) if name in _TIMES else x for name, x in values]
        rows.append(Row(cells, [*_find_lines(store, kind, answer[len(cells) :])]))
    return table._replace(rows=rows, more=more)


def _find_lines(store: Store, kind: str, where: Sequence[Any]) -> Iterator[Line]:
    condition, values = where[0], where[1:]
    if not isinstance(condition, str):
        condition, values = f"id IN ({','.join('?' * len(where))})", where
    rows = store.ask(
        f"SELECT path, offset, line FROM {kind} WHERE {condition} AND line IS NOT NULL"
        f" ORDER BY time, id LIMIT {MAX_LINES}",
        *values,
    )
    for path, offset, line in rows:
        yield Line(path, offset, decoded(line))


def top_sources(store: Store) -> Table:
    """List the sources with the most refusals."""
    table = Table(
        "top_sources",
        "Sources",
        f"The {TOP} addresses with the most refusals.",
        ("Source", "Refused", "Accepted", "Accounts refused", "Last"),
        is_finding=False,
    )
    rows = store.ask(
        "SELECT source, refused, accepted, accounts, last,"
        " 'shown AND source = ? AND good = ?', source, NOT refused FROM by_source"
        " WHERE first IS NOT NULL ORDER BY refused DESC, accepted DESC, source LIMIT ?",
        TOP,
    )
    return fill(store, table, rows)


def top_accounts(store: Store) -> Table:
    """List the accounts with the most refusals."""
    table = Table(
        "top_accounts",
        "Accounts",
        f"The {TOP} accounts with the most refusals.",
        ("Account", "Refused", "Accepted", "Sources", "Last"),
        is_finding=False,
    )
    rows = store.ask(
        "SELECT account, SUM(refused) AS no, SUM(accepted) AS yes, COUNT(*), MAX(last),"
        " 'shown AND account = ? AND good = ?', account, NOT SUM(refused) FROM pair"
        " WHERE first IS NOT NULL GROUP BY account ORDER BY no DESC, yes DESC, account LIMIT ?",
        TOP,
    )
    return fill(store, table, rows)


def joined(store: Store) -> Table:
    """Tell by appliance how many logins have an address."""
    table = Table(
        "joined",
        "Logins joined to their connection",
        "The others have no address: their connection was opened before the first log that was"
        " read, or lines are missing. The line shown is the first of them.",
        ("Appliance", "Logins", "Joined", "Share"),
        is_finding=False,
    )
    rows = store.ask(
        "SELECT appliance, COUNT(joined) AS n, SUM(joined), PRINTF('%.1f%%', 100 * AVG(joined)),"
        " MIN(CASE WHEN NOT joined THEN id END)"
        " FROM login WHERE shown GROUP BY appliance HAVING n > 0 ORDER BY appliance"
    )
    return fill(store, table, rows)


_MOMENTS = """(SELECT time, good, NOT good AS bad, 0 AS recipients FROM login WHERE shown
UNION ALL SELECT time, 0, 0, recipients FROM session WHERE shown)"""


def count_over_time(store: Store) -> tuple[int, Sequence[Bar]]:
    """Count over time, in bars of equal length; return how many seconds that is, and the bars."""
    ((first, last),) = store.ask(f"SELECT MIN(time), MAX(time) FROM {_MOMENTS}")
    if first is None:
        return HOUR, ()
    seconds = next((x for x in _STEPS if (last - first) / x < MOST_BARS), _STEPS[-1])
    question = (
        "SELECT time / ?1 * ?1 AS begin, SUM(good), SUM(bad), SUM(recipients)"
        f" FROM {_MOMENTS} GROUP BY begin"
    )
    bars = {begin: Bar(begin, *counts) for begin, *counts in store.ask(question, seconds)}
    begun = min(bars)
    # A wrong clock may be years off: what is beyond the most bars is left out.
    steps = range(begun, min(max(bars), begun + 10 * MOST_BARS * seconds) + 1, seconds)
    return seconds, [bars.get(x, Bar(x, 0, 0, 0)) for x in steps]


_NAMES = {
    (Action.INBOUND, "success"): "logins accepted",
    (Action.INBOUND, "failure"): "logins refused",
    (Action.ERROR, "failure"): "logins not checked",
    (Action.NOT_INITIATED, None): "logins not begun",
    (Action.OUTBOUND, "success"): "logins at smart hosts accepted",
    (Action.OUTBOUND, "failure"): "logins at smart hosts refused",
    (Action.SESSION_CLOSED, "success"): "sessions",
}


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
        number = store.actions[action, result]
        if number or action is Action.INBOUND:
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
