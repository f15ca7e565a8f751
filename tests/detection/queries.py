"""The queries of the rules, in ES|QL.

What they have in common:

- An alert is raised only by the run in which a count crosses its limit: ``new`` are the documents
  that arrived since the run before, and without them the limit was not reached. So windows may be
  long, nothing is repeated, and no paid licence is needed.
- What counts as new goes by the time of arrival, because logs may come in hourly or daily files. It
  must not be older than two days: else the first import would raise an alert for all of its past.
- A run leaves the last minute to the next one, as documents that just arrived may not be
  searchable yet.
- A stranger is a source without any login; where many sources are counted, one in a network from
  which the account, or any account, did not log in. So phones that change their address are none.
"""

import re
from types import MappingProxyType

from forwarder.report import findings as limits
from forwarder.report import store

SCORES = MappingProxyType({"low": 21, "medium": 47, "high": 73, "critical": 99})
"""The risk that Kibana gives each severity."""
INDEX = "logs-cisco_esa.auth-*"
NETWORK = (
    'COALESCE(CONCAT("AS", TO_STRING(source.as.number)),'
    f" TO_STRING(IP_PREFIX(source.ip, {store.IPV4_BITS}, {store.IPV6_BITS})))"
)
"""The network of a source: by GeoIP, or else by the beginning of its address."""
PRIVATE = "CIDR_MATCH(source.ip, " + ", ".join(f'"{x}"' for x in store.PRIVATE) + ")"
CONTEXT = ("host.name", "cisco_esa.sender.country", "source.as.organization.name")
"""What an analyst wants to see in every alert, beside source and account."""


def _read(interval: int, days: int, *, action: str = "smtp-authentication") -> str:
    """Begin a query: logins of the last days, which of them are new, and their account."""
    return f"""\
FROM {INDEX}
| WHERE event.action == "{action}" AND source.ip IS NOT NULL AND user.name IS NOT NULL
| WHERE @timestamp > NOW() - {days} days AND event.ingested <= NOW() - 1 minute
| EVAL account = COALESCE(cisco_esa.auth.account, user.name), network = {NETWORK}
| EVAL new = event.ingested > NOW() - {interval + 1} minutes AND @timestamp > NOW() - 2 days
| EVAL good = event.outcome == "success\""""


def _context(condition: str = "") -> str:
    """Collect what is shown in an alert."""
    where = f" WHERE {condition}" if condition else ""
    return ", ".join(f"{x} = VALUES({x}){where}" for x in CONTEXT)


_FEW = "| EVAL " + ", ".join(f"{x} = MV_SLICE({x}, 0, 99)" for x in ("source.ip", *CONTEXT))
"""Show a hundred of many values."""


def _severity(condition: str, higher: str, lower: str) -> str:
    """Tell by what happened how severe an alert is."""
    cases = (
        f"{name} = CASE({condition}, {x}, {y})"
        for name, x, y in (
            ("severity", f'"{higher}"', f'"{lower}"'),
            ("risk", SCORES[higher], SCORES[lower]),
        )
    )
    return f"| EVAL {', '.join(cases)}"


def _end(*lines: str) -> str:
    """Join the lines; an alert has the account as its user, so that Kibana knows it as one."""
    account = any(re.search(r" BY .*account", x) for x in lines)
    return "\n".join([*lines, *(["| RENAME account AS user.name"] if account else [])])


GUESSING = _end(
    _read(15, 2),
    f"| WHERE NOT {PRIVATE}",
    "| STATS accepted = COUNT(*) WHERE good, refusals = COUNT(*) WHERE NOT good,"
    " earlier = COUNT(*) WHERE NOT good AND NOT new, users = COUNT_DISTINCT(account) WHERE NOT good,"
    f" accounts = VALUES(account) WHERE NOT good, {_context()} BY source.ip",
    f"| WHERE accepted == 0 AND refusals >= {limits.GUESSING_REFUSALS} AND earlier <"
    f" {limits.GUESSING_REFUSALS} AND users < {limits.SPRAYING_ACCOUNTS}",
    # One account is most often a device with an old password.
    _severity("users > 1", "medium", "low"),
    "| SORT refusals DESC",
    "| LIMIT 100",
)

IN_AFTER_REFUSALS = _end(
    _read(5, 8),
    "| STATS first_login = MIN(@timestamp) WHERE good, arrived = MIN(event.ingested) WHERE good,"
    f' first_refusals = TOP(@timestamp, {limits.REFUSALS_BEFORE}, "asc") WHERE NOT good,'
    " refusals = COUNT(*) WHERE NOT good,"
    f" {_context()} BY source.ip, account",
    "| WHERE arrived > NOW() - 6 minutes AND first_login > NOW() - 2 days",
    f"| WHERE MV_COUNT(first_refusals) == {limits.REFUSALS_BEFORE} AND MV_MAX(first_refusals) <="
    " first_login",
    "| SORT refusals DESC",
    "| LIMIT 100",
)

IN_WHILE_GUESSED = _end(
    _read(15, 8),
    "| EVAL tried = NOT good AND event.ingested > NOW() - 1 day AND @timestamp > NOW() - 2 days",
    "| STATS refusals = COUNT(*) WHERE tried, sources = COUNT_DISTINCT(source.ip) WHERE tried,"
    " accepted = COUNT(*) WHERE good, arrived = MIN(event.ingested) WHERE good,"
    " first_login = MIN(@timestamp) WHERE good, source.ip = VALUES(source.ip) WHERE good AND new,"
    f" {_context('good AND new')} BY account, network",
    "| EVAL entered = arrived > NOW() - 16 minutes AND first_login > NOW() - 2 days",
    "| STATS strangers = SUM(sources) WHERE accepted == 0, refusals = SUM(refusals) WHERE accepted == 0,"
    f" source.ip = VALUES(source.ip) WHERE entered, {_context('entered')} BY account",
    f"| WHERE strangers >= {limits.WHILE_STRANGERS} AND refusals >= {limits.WHILE_REFUSALS}"
    " AND source.ip IS NOT NULL",
    "| SORT refusals DESC",
    "| LIMIT 100",
)

SPRAYING = _end(
    _read(15, 2),
    "| STATS accepted = COUNT_DISTINCT(account) WHERE good, users = COUNT_DISTINCT(account) WHERE NOT"
    " good, earlier = COUNT_DISTINCT(account) WHERE NOT good AND NOT new,"
    f" accounts = VALUES(account) WHERE NOT good, {_context()} BY source.ip",
    f"| WHERE users >= {limits.SPRAYING_ACCOUNTS} AND earlier < {limits.SPRAYING_ACCOUNTS} AND"
    f" accepted * {limits.SPRAYING_SHARE} < users",
    "| EVAL accounts = MV_SLICE(MV_SORT(accounts), 0, 99)",
    _severity("accepted > 0", "high", "medium"),
    "| SORT users DESC",
    "| LIMIT 100",
)

DISTRIBUTED_SPRAYING = _end(
    _read(60, 2),
    "| EVAL fresh = NOT good AND new, before = NOT good AND event.ingested <= NOW() - 61 minutes"
    " AND event.ingested > NOW() - 121 minutes",
    "| STATS accepted = COUNT(*) WHERE good, account = VALUES(account) WHERE fresh,"
    " strangers = COUNT_DISTINCT(source.ip) WHERE fresh, source.ip = VALUES(source.ip) WHERE fresh,"
    " strangers_before = COUNT_DISTINCT(source.ip) WHERE before, refusals = COUNT(*) WHERE fresh,"
    f" {_context('fresh')} BY network",
    "| WHERE accepted == 0",
    "| STATS strangers = SUM(strangers), strangers_before = SUM(strangers_before),"
    " users = COUNT_DISTINCT(account), refusals = SUM(refusals), accounts = VALUES(account),"
    f" source.ip = VALUES(source.ip), {_context()}",
    f"| WHERE strangers >= {limits.SPRAYING_STRANGERS} AND users >= {limits.SPRAYING_ACCOUNTS} AND"
    f" strangers_before < {limits.SPRAYING_STRANGERS}",
    "| EVAL accounts = MV_SLICE(MV_SORT(accounts), 0, 99)",
    _FEW,
    "| LIMIT 100",
)

DISTRIBUTED_GUESSING = _end(
    _read(15, 8),
    "| EVAL tried = NOT good AND event.ingested > NOW() - 1 day AND @timestamp > NOW() - 2 days",
    "| STATS accepted = COUNT(*) WHERE good, strangers = COUNT_DISTINCT(source.ip) WHERE tried,"
    " earlier = COUNT_DISTINCT(source.ip) WHERE tried AND NOT new, refusals = COUNT(*) WHERE tried,"
    f" source.ip = VALUES(source.ip) WHERE tried, {_context('tried')} BY account, network",
    "| WHERE accepted == 0",
    "| STATS strangers = SUM(strangers), earlier = SUM(earlier), refusals = SUM(refusals),"
    f" source.ip = VALUES(source.ip), {_context()} BY account",
    f"| WHERE strangers >= {limits.GUESSING_STRANGERS} AND earlier < {limits.GUESSING_STRANGERS}",
    _FEW,
    "| SORT strangers DESC",
    "| LIMIT 100",
)

MASS_MAIL = _end(
    _read(15, 8, action="smtp-session-closed"),
    "| EVAL recipients = COALESCE(cisco_esa.session.recipients, 0)",
    "| STATS sent = SUM(recipients), earlier = SUM(recipients) WHERE NOT new,"
    " fresh = COUNT(*) WHERE new, source.ip = VALUES(source.ip) WHERE new,"
    f" {_context('new')} BY account, hour = DATE_TRUNC(1 hour, @timestamp)",
    "| STATS recipients = MAX(sent) WHERE fresh > 0, earlier = MAX(earlier) WHERE fresh > 0,"
    " usual = MAX(sent) WHERE fresh == 0, source.ip = VALUES(source.ip),"
    f" {_context()} BY account",
    "| EVAL usual = COALESCE(usual, 0), earlier = COALESCE(earlier, 0)",
    f"| EVAL limit = GREATEST(TO_LONG({limits.MASS_RECIPIENTS}), {limits.MASS_TIMES} * usual)",
    "| WHERE recipients >= limit AND earlier < limit",
    _FEW,
    "| SORT recipients DESC",
    "| LIMIT 100",
)


def _first_seen(field: str, *more: str) -> str:
    """Find accounts that are known for days, and log in with a value that is new for them."""
    return _end(
        _read(15, 30),
        f"| WHERE good AND {field} IS NOT NULL",
        "| STATS first_seen = MIN(@timestamp), arrived = MIN(event.ingested),"
        f" source.ip = VALUES(source.ip) WHERE new, {_context('new')} BY account, value = {field}",
        "| EVAL fresh = arrived > NOW() - 16 minutes AND first_seen > NOW() - 2 days",
        "| STATS known_since = MIN(first_seen) WHERE NOT fresh, known = COUNT(*) WHERE NOT fresh,"
        " value = VALUES(value) WHERE fresh, source.ip = VALUES(source.ip) WHERE fresh,"
        f" {_context('fresh')} BY account",
        f"| WHERE value IS NOT NULL AND known_since < NOW() - {limits.KNOWN_DAYS} days",
        *more,
        "| SORT account",
        "| LIMIT 100",
    )


# One who has a single network is a matter of the rule for fixed accounts.
NEW_NETWORK = _first_seen("network", "| WHERE known > 1")
NEW_COUNTRY = _first_seen("cisco_esa.sender.country")

NO_TLS = _end(
    _read(15, 30),
    "| WHERE cisco_esa.auth.mechanism IN (" + ", ".join(f'"{x}"' for x in store.READABLE) + ")"
    " AND cisco_esa.connection.correlated"
    f" AND COALESCE(tls.established, false) == false AND NOT {PRIVATE}",
    "| STATS first_seen = MIN(@timestamp), arrived = MIN(event.ingested), accepted = COUNT(*) WHERE good,"
    f" {_context()} BY account, source.ip",
    "| WHERE arrived > NOW() - 16 minutes AND first_seen > NOW() - 2 days",
    _severity("accepted > 0", "high", "medium"),
    "| SORT accepted DESC",
    "| LIMIT 100",
)

# A place is that of a network, rounded to 0.1 degrees; the centroid is quicker to read than the point
# of each document. However many places an account has, its latest new ones are compared with its last
# logins, and what an alert shows goes along in one string.
TRAVEL = _end(
    _read(30, 8),
    "| WHERE good AND source.geo.location IS NOT NULL",
    "| STATS point = ST_CENTROID_AGG(source.geo.location), first_seen = MIN(@timestamp),"
    " arrived = MIN(event.ingested),"
    ' time = TOP(@timestamp, 50, "desc") WHERE @timestamp > NOW() - 3 days, '
    + ", ".join(f"{x} = MAX({x}) WHERE new" for x in ("source.ip", *CONTEXT))
    + " BY account, prefix = IP_PREFIX(source.ip, 24, 48)",
    '| EVAL place = CONCAT("POINT(", TO_STRING(ROUND(ST_X(point), 1)), " ",'
    ' TO_STRING(ROUND(ST_Y(point), 1)), ")")',
    '| EVAL about = CONCAT(TO_STRING(source.ip), "|", '
    + ', "|", '.join(f'COALESCE({x}, "")' for x in CONTEXT)
    + ")",
    "| KEEP account, place, first_seen, arrived, about, time",
    "| MV_EXPAND time",
    '| EVAL seen = CONCAT(TO_STRING(time), "|", place)',
    "| STATS first_seen = MIN(first_seen), arrived = MIN(arrived), seen = VALUES(seen),"
    " about = MAX(about) BY account, place",
    "| EVAL fresh = arrived > NOW() - 31 minutes AND first_seen > NOW() - 2 days",
    '| EVAL visit = CASE(fresh, CONCAT(TO_STRING(first_seen), "|", place, "|", about), NULL)',
    '| STATS visit = TOP(visit, 5, "desc"), seen = TOP(seen, 300, "desc") BY account',
    "| WHERE visit IS NOT NULL",
    "| MV_EXPAND visit",
    "| MV_EXPAND seen",
    '| DISSECT visit "%{visit_time}|%{visit_place}|%{ip}|'
    + "|".join(f"%{{{x}}}" for x in CONTEXT)
    + '"',
    '| DISSECT seen "%{seen_time}|%{seen_place}"',
    "| WHERE visit_place != seen_place",
    '| EVAL minutes = ABS(DATE_DIFF("minutes", TO_DATETIME(seen_time), TO_DATETIME(visit_time)))',
    "| WHERE minutes < 1440",
    "| EVAL km = ROUND(ST_DISTANCE(TO_GEOPOINT(visit_place), TO_GEOPOINT(seen_place)) / 1000)",
    "| WHERE km >= 500 AND km * 60 > 900 * minutes",
    "| STATS km = MAX(km), minutes = MIN(minutes), source.ip = VALUES(TO_IP(ip)),"
    f" {_context()} BY account",
    "| SORT km DESC",
    "| LIMIT 100",
)

FIXED_ACCOUNT = _end(
    _read(15, 8),
    "| WHERE good",
    "| STATS logins = COUNT(*) WHERE NOT new, first_seen = MIN(@timestamp),"
    " arrived = MIN(event.ingested), source.ip = VALUES(source.ip) WHERE new,"
    f" {_context('new')} BY account, network",
    "| EVAL fresh = arrived > NOW() - 16 minutes AND first_seen > NOW() - 2 days",
    "| STATS known = COUNT(*) WHERE NOT fresh, logins = SUM(logins),"
    " known_since = MIN(first_seen) WHERE NOT fresh, source.ip = VALUES(source.ip) WHERE fresh,"
    f" {_context('fresh')} BY account",
    "| WHERE known == 1 AND logins >= 5 AND source.ip IS NOT NULL"
    f" AND known_since < NOW() - {limits.KNOWN_DAYS} days",
    "| SORT account",
    "| LIMIT 100",
)

SMART_HOST = _end(
    f"FROM {INDEX}",
    '| WHERE event.action == "smtp-relay-authentication" AND event.outcome == "failure"',
    "| WHERE @timestamp > NOW() - 2 days AND event.ingested <= NOW() - 1 minute",
    "| EVAL new = event.ingested > NOW() - 16 minutes",
    "| STATS refusals = COUNT(*), earlier = COUNT(*) WHERE NOT new, error.message = VALUES(error.message),"
    " host.name = VALUES(host.name) BY destination.address, cisco_esa.auth.profile",
    f"| WHERE refusals >= {limits.SMART_HOST_REFUSALS} AND earlier < {limits.SMART_HOST_REFUSALS}",
    "| SORT refusals DESC",
    "| LIMIT 100",
)
