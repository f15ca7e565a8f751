"""The panels that only ES|QL can ask for."""

from tests.dashboards.panels import Esql
from tests.dashboards.questions import ACCOUNT

_FROM = "FROM logs-cisco_esa.auth-*"
_LOGIN = '| WHERE event.action == "smtp-authentication"'
_GOOD, _BAD = 'event.outcome == "success"', 'event.outcome == "failure"'
_NETWORK = "COALESCE(source.as.organization.name, TO_STRING(source.ip))"


def _lines(*lines: str) -> str:
    return "\n".join(lines)


DID_THEY_GET_IN = Esql(
    "Refused, and did they get in? (24 hours; before: the 6 days before)",
    _lines(
        _FROM,
        f"{_LOGIN} AND source.ip IS NOT NULL",
        f"| EVAL network = {_NETWORK}",
        f"| STATS refused = COUNT(*) WHERE {_BAD} AND @timestamp > NOW() - 1 day,",
        f"    accepted = COUNT(*) WHERE {_GOOD} AND @timestamp > NOW() - 1 day,",
        f"    before = COUNT(*) WHERE {_GOOD} AND @timestamp <= NOW() - 1 day,",
        f"    last_in = MAX(@timestamp) WHERE {_GOOD}",
        f"    BY account = {ACCOUNT}, source.ip, network",
        "| WHERE refused > 0",
        "| EVAL got_in = accepted > 0, new = before == 0",
        "| SORT got_in DESC, new DESC, refused DESC",
        "| LIMIT 15",
        "| KEEP account, source.ip, network, refused, accepted, before, last_in",
    ),
    {
        "account": "Account",
        "source.ip": "Source",
        "network": "Network",
        "refused": "refused",
        "accepted": "accepted",
        "before": "accepted before",
        "last_in": "last accepted",
    },
    days=7,
)

NEW_NETWORKS = Esql(
    "New networks of accounts (24 hours, against 30 days)",
    _lines(
        _FROM,
        f"{_LOGIN} AND {_GOOD} AND source.ip IS NOT NULL",
        f"| EVAL network = {_NETWORK}",
        "| STATS first_seen = MIN(@timestamp), logins = COUNT(*), source = VALUES(source.ip),",
        f"    country = VALUES(cisco_esa.sender.country) BY account = {ACCOUNT}, network",
        "| EVAL fresh = first_seen > NOW() - 1 day",
        "| STATS known_since = MIN(first_seen) WHERE NOT fresh, known = COUNT(*) WHERE NOT fresh,",
        "    first_seen = MIN(first_seen) WHERE fresh, logins = SUM(logins) WHERE fresh,",
        "    network = VALUES(network) WHERE fresh, country = VALUES(country) WHERE fresh,",
        "    source = VALUES(source) WHERE fresh BY account",
        "| WHERE network IS NOT NULL AND known_since < NOW() - 2 days",
        "| EVAL source = MV_SLICE(source, 0, 2), network = MV_SLICE(network, 0, 2),",
        "    country = MV_SLICE(country, 0, 2)",
        "| SORT first_seen DESC",
        "| LIMIT 15",
        "| KEEP account, network, country, source, first_seen, logins, known",
    ),
    {
        "account": "Account",
        "network": "New network",
        "country": "Country",
        "source": "Source",
        "first_seen": "first login",
        "logins": "logins",
        "known": "networks before",
    },
    days=30,
)

MASS_MAIL = Esql(
    "Mass mail: recipients in the largest hour (24 hours; usual: the 7 days before)",
    _lines(
        _FROM,
        '| WHERE event.action == "smtp-session-closed"',
        "| STATS sent = SUM(cisco_esa.session.recipients),",
        "    messages = SUM(cisco_esa.session.messages), bytes = SUM(cisco_esa.session.bytes)",
        f"    BY account = {ACCOUNT}, hour = DATE_TRUNC(1 hour, @timestamp)",
        "| EVAL fresh = hour > NOW() - 1 day",
        "| STATS recipients = MAX(sent) WHERE fresh, usual = MAX(sent) WHERE NOT fresh,",
        "    messages = SUM(messages) WHERE fresh, bytes = SUM(bytes) WHERE fresh BY account",
        "| WHERE recipients > 0",
        "| EVAL usual = COALESCE(usual, 0)",
        # Within one EVAL, a name stands for what it was before.
        "| EVAL more = recipients - usual, megabytes = ROUND(bytes / 1000000.0, 1)",
        "| SORT more DESC",
        "| LIMIT 10",
        "| KEEP account, recipients, usual, messages, megabytes",
    ),
    {
        "account": "Account",
        "recipients": "recipients",
        "usual": "usual",
        "messages": "messages",
        "megabytes": "MB",
    },
    days=8,
)

PLACES_OF_ACCOUNT = Esql(
    "Sources and networks, the newest first (30 days)",
    _lines(
        _FROM,
        f"{_LOGIN} AND source.ip IS NOT NULL",
        f"| EVAL network = {_NETWORK}",
        f"| STATS first_seen = MIN(@timestamp) WHERE {_GOOD}, last_seen = MAX(@timestamp),",
        f"    accepted = COUNT(*) WHERE {_GOOD}, refused = COUNT(*) WHERE {_BAD},",
        "    country = VALUES(cisco_esa.sender.country) BY source.ip, network",
        "| SORT first_seen DESC NULLS LAST, last_seen DESC",
        "| LIMIT 20",
        "| KEEP source.ip, network, country, first_seen, last_seen, accepted, refused",
    ),
    {
        "source.ip": "Source",
        "network": "Network",
        "country": "Country",
        "first_seen": "first login",
        "last_seen": "last attempt",
        "accepted": "accepted",
        "refused": "refused",
    },
    days=30,
)

ACCOUNTS_OF_SOURCE = Esql(
    "Accounts, the latest to get in first (30 days)",
    _lines(
        _FROM,
        f"{_LOGIN} AND source.ip IS NOT NULL",
        f"| STATS first_seen = MIN(@timestamp) WHERE {_GOOD},",
        f"    last_in = MAX(@timestamp) WHERE {_GOOD},",
        f"    accepted = COUNT(*) WHERE {_GOOD}, refused = COUNT(*) WHERE {_BAD},",
        f"    last_seen = MAX(@timestamp) BY account = {ACCOUNT}",
        "| SORT first_seen DESC NULLS LAST, last_seen DESC",
        "| LIMIT 20",
        "| KEEP account, first_seen, last_in, last_seen, accepted, refused",
    ),
    {
        "account": "Account",
        "first_seen": "first login",
        "last_in": "last login",
        "last_seen": "last attempt",
        "accepted": "accepted",
        "refused": "refused",
    },
    days=30,
)

_DELAY = 'EVAL delay = DATE_DIFF("seconds", @timestamp, event.ingested)'

APPLIANCES = Esql(
    "Appliances, the longest silent first (24 hours; silent: 7 days)",
    _lines(
        _FROM,
        f"| {_DELAY}, recent = @timestamp > NOW() - 1 day,",
        # With IN or OR here, Elasticsearch 8.19 never ends to optimize the query.
        '    login = event.action RLIKE "smtp-(relay-)?authentication(-error)?"',
        "| STATS last_seen = MAX(@timestamp), logins = COUNT(*) WHERE recent AND login,",
        "    lone = COUNT(*) WHERE recent AND login AND NOT cisco_esa.connection.correlated,",
        "    median = MEDIAN(delay) WHERE recent, slow = PERCENTILE(delay, 95) WHERE recent",
        "    BY host.name",
        '| EVAL silent = DATE_DIFF("minutes", last_seen, NOW()),',
        "    lone = ROUND(100.0 * lone / logins, 1),",
        "    median = ROUND(median), slow = ROUND(slow)",
        "| SORT silent DESC",
        "| LIMIT 100",
        "| KEEP host.name, last_seen, silent, logins, lone, median, slow",
    ),
    {
        "host.name": "Appliance",
        "last_seen": "last event",
        "silent": "minutes silent",
        "logins": "logins",
        "lone": "without connection, %",
        "median": "delay, s",
        "slow": "delay of 95 %, s",
    },
    days=7,
)

DELAYS = Esql(
    "Seconds from the event to Elasticsearch, for 95 % of events",
    _lines(
        _FROM,
        f"| {_DELAY}",
        "| STATS delay = PERCENTILE(delay, 95) BY hour = DATE_TRUNC(1 hour, @timestamp), host.name",
        "| SORT hour",
        "| LIMIT 10000",
        "| KEEP hour, delay, host.name",
    ),
    {"hour": "Time", "delay": "Seconds", "host.name": "Appliance"},
    split="host.name",
)
