"""What counts as suspicious, and the questions to the stored logins that find it.

The detection rules use the same limits. A *stranger* is a source without a login that was accepted;
where many sources are counted, one in a network without such a login. So a phone that changes its
address is none. An account is a user in one form, as ``cisco_esa.auth.account`` has it.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from forwarder.events import Counters
from forwarder.report.overview import (
    DAY,
    HOUR,
    MAX_LINES,
    Report,
    Table,
    count_over_time,
    fill,
    joined,
    list_facts,
    top_accounts,
    top_sources,
)
from forwarder.report.store import READABLE, Store

GUESSING_REFUSALS = 20  # in a day, of a public stranger
GUESSING_STRANGERS = 8  # in a day, refused as one account: guessing from many sources

SPRAYING_ACCOUNTS = 10
"""In a day, refused from one source; from many sources, in an hour. With fewer it is guessing."""
SPRAYING_SHARE = 2  # the source was accepted as fewer accounts than one in so many
SPRAYING_STRANGERS = 15  # in an hour: spraying from many sources

REFUSALS_BEFORE = 5
"""Of an account from a source, before its first login from there: a password may be guessed."""
DAYS_BEFORE = 7  # how far back that goes

WHILE_STRANGERS, WHILE_REFUSALS = 4, 8
"""In the day before an account logs in from a new network: it is being guessed."""

KNOWN_DAYS = 5  # for which an account is known before a network counts as new for it

MASS_RECIPIENTS = 200  # of an account in an hour
MASS_TIMES = 3  # and so many times as many as in its largest hour before

SMART_HOST_REFUSALS = 3  # in a day

_PREPARE = (
    "CREATE INDEX login_source ON login (source, time)",
    "CREATE INDEX login_account ON login (account, time)",
    """CREATE TABLE pair AS SELECT account, source, network, public,
       SUM(shown AND NOT good) AS refused, SUM(shown AND good) AS accepted,
       SUM(good) AS all_accepted, MIN(CASE WHEN good THEN time END) AS first_good,
       MIN(CASE WHEN shown THEN time END) AS first, MAX(CASE WHEN shown THEN time END) AS last
       FROM login WHERE source IS NOT NULL AND account IS NOT NULL GROUP BY account, source""",
    "CREATE UNIQUE INDEX pair_index ON pair (account, source)",
    """CREATE TABLE by_source AS SELECT source, public, SUM(refused) AS refused,
       SUM(accepted) AS accepted, SUM(all_accepted) AS all_accepted, SUM(refused > 0) AS accounts,
       SUM(all_accepted > 0) AS accepted_accounts, MIN(first) AS first, MAX(last) AS last
       FROM pair GROUP BY source""",
    "CREATE UNIQUE INDEX by_source_index ON by_source (source)",
    """CREATE TABLE home AS SELECT account, network, MIN(first_good) AS first
       FROM pair WHERE all_accepted > 0 AND network IS NOT NULL GROUP BY account, network""",
    "CREATE UNIQUE INDEX home_index ON home (account, network)",
    "CREATE INDEX home_network ON home (network)",
    "CREATE TABLE suspect (account TEXT, source TEXT, PRIMARY KEY (account, source))",
)


def make_report(store: Store, files: int, counts: Counters) -> Report:
    """Answer all questions; everything must have been stored."""
    for order in _PREPARE:
        store.ask(order)
    tables = [
        _after_refusals(store),
        _while_guessed(store),
        _guessing(store),
        _spraying(store),
        _distributed_guessing(store),
        _distributed_spraying(store),
        _new_networks(store),
        _without_tls(store),
        _suspicious_sessions(store),
        _mass_mail(store),
        _smart_hosts(store),
        top_sources(store),
        top_accounts(store),
        joined(store),
    ]
    return Report([*list_facts(store, files, counts)], *count_over_time(store), tables)


def find_peaks(
    rows: Iterable[tuple[object, int, object]], seconds: int
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
            most = max(most, len(counts))
        yield key, most


def _guessing(store: Store) -> Table:
    table = Table(
        "guessing",
        "Password guessing from one source",
        f"A public address that never logged in and was refused {GUESSING_REFUSALS} or more times"
        " in a day.",
        ("Source", "Refused", "Accounts", "First", "Last"),
    )
    refused = store.ask(
        "SELECT source, time, id FROM login WHERE shown AND NOT good AND source IN"
        " (SELECT source FROM by_source WHERE public AND all_accepted = 0 AND refused >= ?"
        " AND accounts < ?) ORDER BY source, time",
        GUESSING_REFUSALS,
        SPRAYING_ACCOUNTS,
    )
    found = {x for x, most in find_peaks(refused, DAY) if most >= GUESSING_REFUSALS}
    return fill(store, table, _sources(store, found))


def _spraying(store: Store) -> Table:
    table = Table(
        "spraying",
        "Password spraying from one source",
        f"An address that was refused for {SPRAYING_ACCOUNTS} or more accounts in a day, and"
        " accepted for fewer than half as many.",
        ("Source", "Refused", "Accounts", "First", "Last"),
    )
    refused = store.ask(
        "SELECT source, time, account FROM login WHERE shown AND NOT good AND source IN"
        " (SELECT source FROM by_source WHERE accounts >= ? AND accepted_accounts * ? < accounts)"
        " ORDER BY source, time",
        SPRAYING_ACCOUNTS,
        SPRAYING_SHARE,
    )
    found = {x for x, most in find_peaks(refused, DAY) if most >= SPRAYING_ACCOUNTS}
    for account, source in store.ask("SELECT account, source FROM pair WHERE accepted > 0"):
        if source in found:
            _suspect(store, account, source)
    return fill(store, table, _sources(store, found))


def _sources(store: Store, found: set[object]) -> Iterator[Sequence[Any]]:
    rows = store.ask(
        "SELECT source, refused, accounts, first, last, 'shown AND NOT good AND source = ?', source"
        " FROM by_source WHERE refused > 0 ORDER BY refused DESC, source"
    )
    return (x for x in rows if x[0] in found)


def _suspect(store: Store, account: str, source: str) -> None:
    store.ask("INSERT OR IGNORE INTO suspect VALUES (?, ?)", account, source)


def _distributed_guessing(store: Store) -> Table:
    table = Table(
        "distributed_guessing",
        "Password guessing from many sources",
        f"An account that was refused from {GUESSING_STRANGERS} or more addresses in a day, in"
        " networks it never logged in from.",
        ("Account", "Sources in a day", "Refused", "First", "Last"),
    )
    refused = store.ask(
        "SELECT account, time, source FROM login WHERE shown AND NOT good AND account IN (SELECT"
        " account FROM pair WHERE refused > 0 GROUP BY account HAVING COUNT(*) >= ?) AND source IS"
        " NOT NULL AND NOT EXISTS (SELECT 1 FROM home WHERE home.account = login.account AND"
        " home.network = login.network) ORDER BY account, time",
        GUESSING_STRANGERS,
    )
    found = {x: most for x, most in find_peaks(refused, DAY) if most >= GUESSING_STRANGERS}
    rows = store.ask(
        "SELECT account, SUM(refused) AS n, MIN(first), MAX(last),"
        " 'shown AND NOT good AND account = ?', account FROM pair WHERE refused > 0"
        " GROUP BY account ORDER BY n DESC, account"
    )
    return fill(store, table, ((x, found[x], *rest) for x, *rest in rows if x in found))


def _distributed_spraying(store: Store) -> Table:
    table = Table(
        "distributed_spraying",
        "Password spraying from many sources",
        f"An hour in which {SPRAYING_STRANGERS} or more addresses, in networks without a login,"
        f" were refused for {SPRAYING_ACCOUNTS} or more accounts.",
        ("Hour", "Sources", "Accounts", "Refused"),
    )
    rows = store.ask(
        "SELECT time / ?1 * ?1 AS hour, COUNT(DISTINCT source) AS strangers,"
        " COUNT(DISTINCT account) AS accounts, COUNT(*), MIN(id), MAX(id) FROM login"
        " WHERE shown AND NOT good AND network NOT IN (SELECT network FROM home)"
        " GROUP BY hour HAVING strangers >= ?2 AND accounts >= ?3 ORDER BY hour",
        HOUR,
        SPRAYING_STRANGERS,
        SPRAYING_ACCOUNTS,
    )
    return fill(store, table, rows)


def _after_refusals(store: Store) -> Table:
    table = Table(
        "in_after_refusals",
        "Login after repeated refusals",
        f"An account's first login from a source, after {REFUSALS_BEFORE} or more refusals in the"
        f" {DAYS_BEFORE} days before: the password may have been guessed.",
        ("Account", "Source", "Refused before", "First refusal", "First login"),
    )
    rows = store.ask(
        "SELECT login.account, login.source, first_good, time, id FROM login JOIN pair ON"
        " pair.account = login.account AND pair.source = login.source WHERE NOT good AND"
        " all_accepted > 0 AND first IS NOT NULL AND time <= first_good AND time >= first_good - ?"
        " ORDER BY first_good, login.account, login.source, time",
        DAYS_BEFORE * DAY,
    )
    answers = list[Sequence[Any]]()
    for (account, source, first), group in groupby(rows, key=lambda x: x[:3]):
        tries = [x[3:] for x in group]
        if len(tries) >= REFUSALS_BEFORE and store.chosen.has(first):
            _suspect(store, account, source)
            lines = _tries_and_login(tries, account, source, first)
            answers.append((account, source, len(tries), tries[0][0], first, *lines))
    return fill(store, table, answers)


def _while_guessed(store: Store) -> Table:
    table = Table(
        "in_while_guessed",
        "Login from a new network while the account is guessed",
        f"An account's first login from a network, after {WHILE_STRANGERS} or more strangers were"
        f" refused {WHILE_REFUSALS} or more times for it in the day before.",
        ("Account", "Source", "Strangers", "Refused before", "First login"),
    )
    rows = store.ask(
        "SELECT login.account, home.network, home.first, login.source, login.id FROM login"
        " JOIN home ON home.account = login.account AND time BETWEEN home.first - ? AND home.first"
        " WHERE NOT good AND login.account IN (SELECT account FROM pair WHERE refused > 0"
        " GROUP BY account HAVING COUNT(*) >= ?) AND NOT EXISTS (SELECT 1 FROM home AS own WHERE"
        " own.account = login.account AND own.network = login.network)"
        " ORDER BY home.first, login.account, home.network, time",
        DAY,
        WHILE_STRANGERS,
    )
    answers = list[Sequence[Any]]()
    for (account, network, first), group in groupby(rows, key=lambda x: x[:3]):
        tries = [x[3:] for x in group]
        strangers = len({x for x, _ in tries})
        is_guessed = strangers >= WHILE_STRANGERS and len(tries) >= WHILE_REFUSALS
        if is_guessed and store.chosen.has(first):
            for source, begun in store.ask(_FIRST_SOURCE, account, network):
                _suspect(store, account, source)
                lines = _tries_and_login(tries, account, source, begun)
                answers.append((account, source, strangers, len(tries), first, *lines))
    return fill(store, table, answers)


_FIRST_SOURCE = """SELECT source, first_good FROM pair WHERE account = ? AND network = ?
AND accepted > 0 ORDER BY first_good LIMIT 1"""


def _tries_and_login(
    tries: Sequence[tuple[Any, int]], account: str, source: str, time: int
) -> Sequence[Any]:
    """Return the condition of the first tries, which end in their ids, and of a login."""
    ids = [x for _, x in tries[: MAX_LINES - 1]]
    login = "(SELECT id FROM login WHERE account = ? AND source = ? AND time = ? AND good)"
    return f"id IN ({'?,' * len(ids)}{login})", *ids, account, source, time


def _new_networks(store: Store) -> Table:
    table = Table(
        "new_networks",
        "Login from a new network",
        f"An account known for {KNOWN_DAYS} days, and its first login from another network."
        " Shorter logs have none.",
        ("Account", "Source", "Network", "Networks before", "First login"),
    )
    rows = store.ask("SELECT account, first, network FROM home ORDER BY account, first, network")
    answers = list[Sequence[Any]]()
    for account, group in groupby(rows, key=lambda x: x[0]):
        networks = [*group]
        since = networks[0][1]
        for before, (_, first, network) in enumerate(networks):
            if first - since < KNOWN_DAYS * DAY or not store.chosen.has(first):
                continue
            for source, begun in store.ask(_FIRST_SOURCE, account, network):
                _suspect(store, account, source)
                lines = _tries_and_login((), account, source, begun)
                answers.append((account, source, network, before, first, *lines))
    return fill(store, table, sorted(answers, key=lambda x: x[4]))


def _without_tls(store: Store) -> Table:
    table = Table(
        "without_tls",
        "Readable passwords without TLS",
        f"Passwords sent with {' or '.join(READABLE)} from a public address without TLS: anyone on"
        " the path could read them.",
        ("Account", "Source", "Accepted", "Refused", "First"),
    )
    rows = store.ask(
        "SELECT account, source, SUM(good) AS yes, SUM(NOT good), MIN(time) AS first, MIN(id),"
        " MAX(id) FROM login WHERE shown AND exposed AND account IS NOT NULL"
        " GROUP BY account, source ORDER BY yes DESC, first, account"
    )
    return fill(store, table, rows)


def _suspicious_sessions(store: Store) -> Table:
    """Look at what the suspects sent; they must have been found."""
    table = Table(
        "suspicious_sessions",
        "What was sent after suspicious logins",
        "Sessions after logins that followed refusals, or came from spraying sources or new"
        " networks.",
        ("Account", "Source", "Sessions", "Messages", "Recipients", "Bytes", "First", "Last"),
    )
    rows = store.ask(
        "SELECT session.account, session.source, COUNT(*), SUM(messages), SUM(recipients) AS n,"
        " SUM(bytes), MIN(time), MAX(time), MIN(id), MAX(id) FROM suspect JOIN pair"
        " USING (account, source) JOIN session USING (account, source)"
        " WHERE shown AND time >= first_good GROUP BY session.account, session.source"
        " ORDER BY n DESC, session.account, session.source"
    )
    return fill(store, table, rows, "session")


def _mass_mail(store: Store) -> Table:
    table = Table(
        "mass_mail",
        "Mass mail of an account",
        f"{MASS_RECIPIENTS} or more recipients in an hour, and at least {MASS_TIMES} times as many"
        f" as in the busiest hour of the {DAYS_BEFORE} days before.",
        ("Account", "Hour", "Recipients", "Most before", "Sessions"),
    )
    rows = store.ask(
        """SELECT account, time / ?1 * ?1 AS hour, SUM(recipients), COALESCE(MAX(SUM(recipients))
        OVER (PARTITION BY account ORDER BY time / ?1 RANGE BETWEEN ?2 PRECEDING AND 1 PRECEDING),
        0), COUNT(*), MIN(id), MAX(id), MAX(shown) FROM session WHERE account IS NOT NULL
        GROUP BY account, hour ORDER BY account, hour""",
        HOUR,
        DAYS_BEFORE * DAY // HOUR,
    )
    answers = (x for *x, shown in rows if shown and x[2] >= max(MASS_RECIPIENTS, MASS_TIMES * x[3]))
    return fill(store, table, answers, "session")


def _smart_hosts(store: Store) -> Table:
    table = Table(
        "smart_hosts",
        "Smart hosts that refuse the appliance",
        "Mail to them is delayed or bounces. The detection rule requires"
        f" {SMART_HOST_REFUSALS} refusals in a day.",
        ("Smart host", "Profile", "Refused", "Answer", "First", "Last"),
    )
    rows = store.ask(
        "SELECT host, profile, COUNT(*) AS n, answer, MIN(time), MAX(time), MIN(id), MAX(id)"
        " FROM relay WHERE shown AND NOT good GROUP BY host, profile, answer ORDER BY n DESC"
    )
    return fill(store, table, rows, "relay")
