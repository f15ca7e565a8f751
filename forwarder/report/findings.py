"""Questions to the stored logins, by the definitions, and the report that their answers make."""

from bisect import insort
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import groupby

from forwarder.events import Counters
from forwarder.report import definitions as limits
from forwarder.report.definitions import DAY, HOUR
from forwarder.report.overview import (
    MAX_LINES,
    MAX_ROWS,
    Report,
    Row,
    Selector,
    Table,
    count_over_time,
    joined,
    list_facts,
    top_accounts,
    top_sources,
)
from forwarder.report.store import Store
from forwarder.text import Time

_PREPARE = (
    """CREATE TABLE pair AS SELECT account, source, network, public,
       SUM(shown AND NOT good) AS refused, SUM(shown AND good) AS accepted,
       SUM(good) AS all_accepted, MIN(CASE WHEN good THEN time END) AS first_good,
       MIN(CASE WHEN good THEN id END) AS good_id,
       MIN(CASE WHEN shown THEN time END) AS first, MAX(CASE WHEN shown THEN time END) AS last
       FROM login WHERE source IS NOT NULL AND account IS NOT NULL GROUP BY account, source""",
    """CREATE TABLE by_source AS SELECT source, public, SUM(refused) AS refused,
       SUM(accepted) AS accepted, SUM(all_accepted) AS all_accepted, SUM(refused > 0) AS accounts,
       SUM(all_accepted > 0) AS accepted_accounts, MIN(first) AS first, MAX(last) AS last
       FROM pair GROUP BY source""",
    """CREATE TABLE home AS SELECT account, network, MIN(first_good) AS first
       FROM pair WHERE all_accepted > 0 AND network IS NOT NULL GROUP BY account, network""",
    "CREATE UNIQUE INDEX by_source_index ON by_source (source)",
    "CREATE UNIQUE INDEX home_index ON home (account, network)",
    "CREATE INDEX home_network ON home (network)",
)


def make_report(store: Store, files: int, counts: Counters) -> Report:
    """Answer all questions; everything must have been stored."""
    for order in _PREPARE:
        store.do(order)
    suspects: dict[tuple[str, str], int] = {}
    tables = [
        _after_refusals(store, suspects),
        _while_guessed(store, suspects),
        _guessing(store),
        _spraying(store, suspects),
        _distributed_guessing(store),
        _distributed_spraying(store),
        _new_networks(store, suspects),
        _without_tls(store),
        _suspicious_sessions(store, suspects),
        _mass_mail(store),
        _smart_hosts(store),
        top_sources(store),
        top_accounts(store),
        joined(store),
    ]
    lines = _find_lines(store, {x.selector for y in tables for x in y.rows[:MAX_ROWS]})
    tables = [_with_lines(store, x, lines) for x in tables]
    seconds, bars = count_over_time(store)
    return Report(tuple(list_facts(store, files, counts)), seconds, bars, tuple(tables))


def _with_lines(store: Store, table: Table, lines: dict[Selector, list[tuple[int, int]]]) -> Table:
    rows = []
    for row in table.rows[:MAX_ROWS]:
        ids = (*(x for _, x in lines.get(row.selector, ())), *row.ids)
        rows.append(row._replace(lines=tuple(store.lines(row.table, ids))))
    return table._replace(rows=rows, more=table.more + len(table.rows) - len(rows))


def _find_lines(store: Store, wanted: set[Selector]) -> dict[Selector, list[tuple[int, int]]]:
    """Find time and id of the first lines of each row, going once through all logins."""
    found: dict[Selector, list[tuple[int, int]]] = {x: [] for x in wanted if x}
    question = "SELECT time, id, source, account, network, good FROM login WHERE shown"
    for time, number, source, account, network, good in store.ask(question):
        for selector in (
            ("source", source, good),
            ("account", account, good),
            ("pair", account, source),
            ("pair", account, source, good),
            ("network", account, network, good),
        ):
            known = found.get(selector)
            # Appliances are read one after another, so a later one may have earlier lines.
            if known is not None and (len(known) < MAX_LINES or time < known[-1][0]):
                insort(known, (time, number))
                del known[MAX_LINES:]
    return found


def find_peaks(
    rows: Iterable[tuple[object, int, object]], seconds: int, *, distinct: bool = True
) -> Iterator[tuple[object, int]]:
    """Give by key the most values within so many seconds; rows are sorted by key and time."""
    for key, group in groupby(rows, key=lambda x: x[0]):
        window: deque[tuple[int, object]] = deque()
        counts: Counter[object] = Counter()
        most = 0
        for _, time, value in group:
            window.append((time, value))
            counts[value] += 1
            while window[0][0] <= time - seconds:
                _, old = window.popleft()
                counts[old] -= 1
                if not counts[old]:
                    del counts[old]
            most = max(most, len(counts) if distinct else len(window))
        yield key, most


def _guessing(store: Store) -> Table:
    rows = store.ask(
        "SELECT source, time, id FROM login WHERE shown AND NOT good AND source IN"
        " (SELECT source FROM by_source WHERE public AND all_accepted = 0 AND refused >= ?"
        " AND accounts < ?) ORDER BY source, time",
        limits.GUESSING_REFUSALS,
        limits.SPRAYING_ACCOUNTS,
    )
    peaks = find_peaks(rows, DAY, distinct=False)
    found = {x for x, most in peaks if most >= limits.GUESSING_REFUSALS}
    return Table(
        "guessing",
        "Password guessing from one source",
        f"A public address without a login, refused {limits.GUESSING_REFUSALS} times or more in a"
        " day.",
        ("Source", "Refused", "Accounts", "First", "Last"),
        _sources(store, found),
    )


def _spraying(store: Store, suspects: dict[tuple[str, str], int]) -> Table:
    rows = store.ask(
        "SELECT source, time, account FROM login WHERE shown AND NOT good AND source IN"
        " (SELECT source FROM by_source WHERE accounts >= ? AND accepted_accounts * ? < accounts)"
        " ORDER BY source, time",
        limits.SPRAYING_ACCOUNTS,
        limits.SPRAYING_SHARE,
    )
    found = {x for x, most in find_peaks(rows, DAY) if most >= limits.SPRAYING_ACCOUNTS}
    for account, source, first in store.ask(
        "SELECT account, source, first_good FROM pair WHERE accepted > 0"
    ):
        if source in found:
            suspects.setdefault((account, source), first)
    return Table(
        "spraying",
        "Password spraying from one source",
        f"An address that was refused as {limits.SPRAYING_ACCOUNTS} accounts or more in a day, and"
        " accepted as fewer than half as many.",
        ("Source", "Refused", "Accounts", "First", "Last"),
        _sources(store, found),
    )


def _sources(store: Store, found: set[object]) -> list[Row]:
    if not found:
        return []
    rows = store.ask(
        "SELECT source, refused, accounts, first, last FROM by_source WHERE refused > 0"
        " ORDER BY refused DESC, source"
    )
    return [
        Row((source, *numbers, Time(first), Time(last)), ("source", source, 0))
        for source, *numbers, first, last in rows
        if source in found
    ]


def _distributed_guessing(store: Store) -> Table:
    rows = store.ask(
        "SELECT account, time, source FROM login WHERE shown AND NOT good AND account IN (SELECT"
        " account FROM pair WHERE refused > 0 GROUP BY account HAVING COUNT(*) >= ?) AND source IS"
        " NOT NULL AND NOT EXISTS (SELECT 1 FROM home WHERE home.account = login.account AND"
        " home.network = login.network) ORDER BY account, time",
        limits.GUESSING_STRANGERS,
    )
    peaks = find_peaks(rows, DAY)
    found = {x: most for x, most in peaks if most >= limits.GUESSING_STRANGERS}
    answers = [
        Row((account, found[account], refused, Time(first), Time(last)), ("account", account, 0))
        for account, refused, first, last in store.ask(
            "SELECT account, SUM(refused) AS n, MIN(first), MAX(last) FROM pair WHERE refused > 0"
            " GROUP BY account ORDER BY n DESC, account"
        )
        if account in found
    ]
    return Table(
        "distributed_guessing",
        "Password guessing from many sources",
        f"An account that was refused from {limits.GUESSING_STRANGERS} addresses or more in a day,"
        " in networks without a login of it.",
        ("Account", "Sources in a day", "Refused", "First", "Last"),
        answers,
    )


def _distributed_spraying(store: Store) -> Table:
    answers = [
        Row((Time(hour), strangers, accounts, refused), ids=(first, last))
        for hour, strangers, accounts, refused, first, last in store.ask(
            f"SELECT time / {HOUR} * {HOUR} AS hour, COUNT(DISTINCT source) AS strangers,"
            " COUNT(DISTINCT account) AS accounts, COUNT(*), MIN(id), MAX(id) FROM login"
            " WHERE shown AND NOT good AND network NOT IN (SELECT network FROM home)"
            " GROUP BY hour HAVING strangers >= ? AND accounts >= ? ORDER BY hour",
            limits.SPRAYING_STRANGERS,
            limits.SPRAYING_ACCOUNTS,
        )
    ]
    return Table(
        "distributed_spraying",
        "Password spraying from many sources",
        f"An hour in which {limits.SPRAYING_STRANGERS} addresses or more, in networks without a"
        f" login, were refused as {limits.SPRAYING_ACCOUNTS} accounts or more.",
        ("Hour", "Sources", "Accounts", "Refused"),
        answers,
    )


def _after_refusals(store: Store, suspects: dict[tuple[str, str], int]) -> Table:
    answers = []
    rows = store.ask(
        "SELECT login.account, login.source, first_good, good_id, time FROM login JOIN pair ON"
        " pair.account = login.account AND pair.source = login.source WHERE NOT good AND"
        " all_accepted > 0 AND first IS NOT NULL AND time <= first_good AND time >= first_good - ?"
        " ORDER BY first_good, login.account, login.source, time",
        limits.DAYS_BEFORE * DAY,
    )
    for (account, source, first, number), group in groupby(rows, key=lambda x: x[:4]):
        times = [x[4] for x in group]
        if len(times) >= limits.REFUSALS_BEFORE and store.chosen.has(first):
            suspects[account, source] = first
            cells = (account, source, len(times), Time(times[0]), Time(first))
            answers.append(Row(cells, ("pair", account, source, 0), ids=(number,)))
    return Table(
        "in_after_refusals",
        "Login after repeated refusals",
        f"The first login of an account from a source, after {limits.REFUSALS_BEFORE} refusals or"
        f" more in the {limits.DAYS_BEFORE} days before: a password may have been guessed.",
        ("Account", "Source", "Refused before", "First refusal", "First login"),
        answers,
    )


def _while_guessed(store: Store, suspects: dict[tuple[str, str], int]) -> Table:
    answers = []
    rows = store.ask(
        "SELECT login.account, home.network, home.first, login.source, login.id FROM login"
        " JOIN home ON home.account = login.account AND time BETWEEN home.first - ? AND home.first"
        " WHERE NOT good AND login.account IN (SELECT account FROM pair WHERE refused > 0"
        " GROUP BY account HAVING COUNT(*) >= ?) AND NOT EXISTS (SELECT 1 FROM home AS own WHERE"
        " own.account = login.account AND own.network = login.network)"
        " ORDER BY home.first, login.account, home.network, time",
        DAY,
        limits.WHILE_STRANGERS,
    )
    for (account, network, first), group in groupby(rows, key=lambda x: x[:3]):
        tries = [x[3:] for x in group]
        strangers = len({x for x, _ in tries})
        is_guessed = strangers >= limits.WHILE_STRANGERS and len(tries) >= limits.WHILE_REFUSALS
        if not is_guessed or not store.chosen.has(first):
            continue
        for source, begun, number in store.ask(_FIRST_SOURCE, account, network):
            suspects.setdefault((account, source), begun)
            cells = account, source, strangers, len(tries), Time(first)
            ids = (*(x for _, x in tries[: MAX_LINES - 1]), number)
            answers.append(Row(cells, ids=ids))
    return Table(
        "in_while_guessed",
        "Login from a new network while the account is guessed",
        f"The first login of an account from a network, after {limits.WHILE_STRANGERS} strangers"
        f" were refused as it {limits.WHILE_REFUSALS} times or more in the day before.",
        ("Account", "Source", "Strangers", "Refused before", "First login"),
        answers,
    )


_FIRST_SOURCE = """SELECT source, first_good, good_id FROM pair WHERE account = ? AND network = ?
AND accepted > 0 ORDER BY first_good LIMIT 1"""


def _new_networks(store: Store, suspects: dict[tuple[str, str], int]) -> Table:
    answers = []
    rows = store.ask("SELECT account, first, network FROM home ORDER BY account, first, network")
    for account, group in groupby(rows, key=lambda x: x[0]):
        networks = [*group]
        since = networks[0][1]
        for before, (_, first, network) in enumerate(networks):
            if first - since < limits.KNOWN_DAYS * DAY or not store.chosen.has(first):
                continue
            for source, begun, _ in store.ask(_FIRST_SOURCE, account, network):
                suspects.setdefault((account, source), begun)
                cells = account, source, network, before, Time(first)
                answers.append(Row(cells, ("network", account, network, 1)))
    answers.sort(key=lambda x: str(x.cells[4]))
    return Table(
        "new_networks",
        "Login from a new network",
        f"An account that is known for {limits.KNOWN_DAYS} days, and its first login from another"
        " network. Shorter logs have none.",
        ("Account", "Source", "Network", "Networks before", "First login"),
        answers,
    )


def _without_tls(store: Store) -> Table:
    where = "shown AND readable AND joined AND public AND NOT tls AND account IS NOT NULL"
    ((number,),) = store.ask(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM login WHERE {where} GROUP BY account, source)"
    )
    answers = [
        Row((account, source, accepted, refused, Time(first)), ("pair", account, source))
        for account, source, accepted, refused, first in store.ask(
            "SELECT account, source, SUM(good) AS yes, SUM(NOT good), MIN(time) AS first FROM login"
            f" WHERE {where} GROUP BY account, source ORDER BY yes DESC, first, account LIMIT ?",
            MAX_ROWS,
        )
    ]
    return Table(
        "without_tls",
        "Readable passwords without TLS",
        f"Passwords that were sent by {' or '.join(limits.READABLE)} from a public address without"
        " TLS: anyone on the way could read them.",
        ("Account", "Source", "Accepted", "Refused", "First"),
        answers,
        # A whole storm may come without TLS.
        more=number - len(answers),
    )


def _suspicious_sessions(store: Store, suspects: dict[tuple[str, str], int]) -> Table:
    store.suspect((*pair, time) for pair, time in suspects.items())
    return Table(
        "suspicious_sessions",
        "What was sent after suspicious logins",
        "Sessions of the logins after refusals, from spraying sources and from new networks.",
        ("Account", "Source", "Sessions", "Messages", "Recipients", "Bytes", "First", "Last"),
        [
            Row((*cells, Time(first), Time(last)), table="session", ids=(*{begin, end},))
            for *cells, first, last, begin, end in store.ask(
                "SELECT session.account, session.source, COUNT(*), SUM(messages),"
                " SUM(recipients) AS n, SUM(bytes), MIN(time), MAX(time), MIN(id), MAX(id)"
                " FROM session JOIN suspect ON suspect.account = session.account"
                " AND suspect.source = session.source WHERE shown AND time >= since"
                " GROUP BY session.account, session.source"
                " ORDER BY n DESC, session.account, session.source"
            )
        ],
    )


def _mass_mail(store: Store) -> Table:
    answers = []
    rows = store.ask(
        f"SELECT account, time / {HOUR} * {HOUR} AS hour, SUM(recipients), COUNT(*), MAX(shown),"
        " MIN(id), MAX(id) FROM session WHERE account IS NOT NULL GROUP BY account, hour"
        " ORDER BY account, hour"
    )
    for account, group in groupby(rows, key=lambda x: x[0]):
        before: list[tuple[int, int]] = []
        for _, hour, recipients, sessions, shown, first, last in group:
            past = [n for time, n in before if time >= hour - limits.DAYS_BEFORE * DAY]
            usual = max(past, default=0)
            least = max(limits.MASS_RECIPIENTS, limits.MASS_TIMES * usual)
            if shown and recipients >= least:
                cells = account, Time(hour), recipients, usual, sessions
                answers.append(Row(cells, table="session", ids=(first, last)))
            before.append((hour, recipients))
    return Table(
        "mass_mail",
        "Mass mail of an account",
        f"{limits.MASS_RECIPIENTS} recipients or more in an hour, and {limits.MASS_TIMES} times as"
        f" many as in the largest hour of the {limits.DAYS_BEFORE} days before.",
        ("Account", "Hour", "Recipients", "Most before", "Sessions"),
        answers,
    )


def _smart_hosts(store: Store) -> Table:
    answers = [
        Row((*cells, Time(first), Time(last)), table="relay", ids=(*{begin, end},))
        for *cells, first, last, begin, end in store.ask(
            "SELECT host, profile, COUNT(*) AS n, answer, MIN(time), MAX(time), MIN(id), MAX(id)"
            " FROM relay WHERE shown AND NOT good GROUP BY host, profile, answer ORDER BY n DESC"
        )
    ]
    return Table(
        "smart_hosts",
        "Smart hosts that refuse the appliance",
        "Mail to them waits or bounces. The detection rule waits for"
        f" {limits.SMART_HOST_REFUSALS} refusals in a day.",
        ("Smart host", "Profile", "Refused", "Answer", "First", "Last"),
        answers,
    )
