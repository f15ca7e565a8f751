"""The pages: what is on each, in which order."""

from tests.dashboards import panels
from tests.dashboards.panels import Chart, Column, Esql, Map, Metric, Page, Row, Search, Table
from tests.dashboards.questions import (
    ACCEPTED,
    ACCOUNT,
    CLOSED,
    LOGIN,
    QUESTIONS,
    REFUSED,
    RELAY,
    UNCHECKED,
)

SUCCESS, FAILURE = 'event.outcome: "success"', 'event.outcome: "failure"'
_FROM = "FROM logs-cisco_esa.auth-*"
_TITLES = {x.id: x.title for x in QUESTIONS}

# Numbers

IN = Column("accepted", query=SUCCESS, colour=panels.ACCEPTED)
OUT = Column("refused", query=FAILURE, colour=panels.REFUSED)
SHARE = Column("refused, share", "share", query=FAILURE, format="percent")
ACCOUNTS = Column("accounts", "unique_count", ACCOUNT)
SOURCES = Column("sources", "unique_count", "source.ip")
FIRST, LAST = Column("first", "min", "@timestamp"), Column("last", "max", "@timestamp")
RECIPIENTS = Column("recipients", "sum", "cisco_esa.session.recipients")
OUTCOMES = (
    Column("accepted", query=ACCEPTED, colour=panels.ACCEPTED),
    Column("refused", query=REFUSED, colour=panels.REFUSED),
    Column("not checked", query=UNCHECKED, colour=panels.UNCHECKED),
)
ANY_LOGIN = f"({LOGIN}) or ({UNCHECKED})"
BY_ACCOUNT, BY_SOURCE = Row("Account", ACCOUNT), Row("Source", "source.ip")


def _number(title: str, column: Column, query: str, colour: str = panels.NEUTRAL) -> Metric:
    return Metric(title, column._replace(label=title.lower(), colour=colour), query)


def _search(identity: str) -> Search:
    return Search(_TITLES[identity], identity)


_ACCEPTED = _number("Accepted", Column(""), ACCEPTED, panels.ACCEPTED)
_REFUSED = _number("Refused", Column(""), REFUSED, panels.REFUSED)
_SHARE = _number("Share refused", SHARE, LOGIN, panels.REFUSED)
_SENT = _number("Recipients", RECIPIENTS, CLOSED)
_OVER_TIME = Chart("Logins over time", OUTCOMES, ANY_LOGIN)
_MAP = Map("Where the sources are, by GeoIP", (IN, OUT))

# Queries

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
        f"| STATS first_seen = MIN(@timestamp) WHERE {_GOOD}, last_in = MAX(@timestamp) WHERE {_GOOD},",
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
        '| EVAL silent = DATE_DIFF("minutes", last_seen, NOW()), lone = ROUND(100.0 * lone / logins, 1),',
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

# Pages

_APPLIANCE, _ACCOUNT, _SOURCE = (
    ("Appliance", "host.name"),
    ("Account", ACCOUNT),
    ("Source", "source.ip"),
)

MORNING = Page(
    "morning",
    "Morning",
    "What happened since yesterday: who was refused, who got in after that, what is new, who sent to "
    "many. Click on an account or a source to open its page.",
    (_APPLIANCE, _ACCOUNT, _SOURCE),
    (
        (
            5,
            (
                _ACCEPTED,
                _REFUSED,
                _SHARE,
                _number("Accounts refused", ACCOUNTS, REFUSED),
                _number("Could not be checked", Column(""), UNCHECKED, panels.UNCHECKED),
                _SENT,
            ),
        ),
        (11, (_OVER_TIME, _MAP)),
        (13, (DID_THEY_GET_IN,)),
        (
            12,
            (
                Table(
                    "Sources with refusals",
                    (BY_SOURCE,),
                    (
                        OUT,
                        IN,
                        SHARE,
                        ACCOUNTS._replace(label="accounts refused", query=FAILURE),
                        LAST,
                    ),
                    LOGIN,
                    "source",
                ),
                Table(
                    "Accounts with refusals",
                    (BY_ACCOUNT,),
                    (
                        OUT,
                        IN,
                        SHARE,
                        SOURCES._replace(label="sources refused", query=FAILURE),
                        LAST,
                    ),
                    LOGIN,
                    "account",
                ),
            ),
        ),
        (12, (NEW_NETWORKS,)),
        (
            12,
            (
                MASS_MAIL,
                Chart(
                    "Recipients an hour, the five accounts with the most",
                    (RECIPIENTS,),
                    CLOSED,
                    Row("Account", ACCOUNT, 5),
                ),
            ),
        ),
        (
            12,
            (
                Table(
                    "Networks, by GeoIP",
                    (Row("Network", "source.as.organization.name"),),
                    (OUT, IN, SHARE, ACCOUNTS),
                    LOGIN,
                ),
                Table(
                    "Countries, as the appliance has them",
                    (Row("Country", "cisco_esa.sender.country"),),
                    (OUT, IN, SHARE, ACCOUNTS),
                    LOGIN,
                ),
                Table(
                    "Logins without TLS",
                    (BY_ACCOUNT,),
                    (Column("logins"), OUT, SOURCES),
                    next(x.query for x in QUESTIONS if x.id == "without-tls"),
                    "account",
                ),
            ),
        ),
        (14, (_search("refused"),)),
    ),
)

ACCOUNT_PAGE = Page(
    "account",
    "Account",
    "One account: where it logs in from, what is new, what it sends. Choose it in the control, or "
    "come from another page by a click.",
    (_ACCOUNT, _SOURCE, _APPLIANCE),
    (
        (
            5,
            (
                _ACCEPTED,
                _REFUSED,
                _SHARE,
                _number("Sources", SOURCES, ACCEPTED),
                _number("Networks", Column("", "unique_count", "source.as.number"), ACCEPTED),
                _SENT,
            ),
        ),
        (11, (_OVER_TIME, _MAP)),
        (13, (PLACES_OF_ACCOUNT,)),
        (
            12,
            (
                Table(
                    "Sources in this time",
                    (BY_SOURCE,),
                    (IN, OUT, SHARE, FIRST, LAST),
                    LOGIN,
                    "source",
                ),
                Chart("Recipients an hour", (RECIPIENTS._replace(colour=panels.NEUTRAL),), CLOSED),
            ),
        ),
        (12, (_search("sent"),)),
        (14, (_search("attempts"),)),
    ),
)

SOURCE_PAGE = Page(
    "source",
    "Source",
    "One source: whose it is, which accounts it tried, and which let it in. Choose it in the control, or "
    "come from another page by a click.",
    (_SOURCE, _ACCOUNT, _APPLIANCE),
    (
        (
            5,
            (
                _ACCEPTED,
                _REFUSED,
                _SHARE,
                _number("Accounts accepted", ACCOUNTS, ACCEPTED, panels.ACCEPTED),
                _number("Accounts refused", ACCOUNTS, REFUSED, panels.REFUSED),
                _SENT,
            ),
        ),
        (
            11,
            (
                _OVER_TIME,
                Table(
                    "Whose it is",
                    (
                        Row("Network", "source.as.organization.name", 3, missing=True),
                        Row("Country", "source.geo.country_name", 3, missing=True),
                        Row("Sender group", "cisco_esa.sender.group", 3),
                    ),
                    (Column("logins"), SOURCES),
                    LOGIN,
                ),
            ),
        ),
        (13, (ACCOUNTS_OF_SOURCE,)),
        (
            12,
            (
                Table(
                    "Accounts in this time",
                    (BY_ACCOUNT,),
                    (IN, OUT, SHARE, FIRST, LAST),
                    LOGIN,
                    "account",
                ),
                Chart("Recipients an hour", (RECIPIENTS._replace(colour=panels.NEUTRAL),), CLOSED),
            ),
        ),
        (12, (_search("sent"),)),
        (14, (_search("attempts"),)),
    ),
)

HEALTH = Page(
    "health",
    "Health",
    "Whether all appliances send, how late events come, and what could not be joined or checked.",
    (_APPLIANCE,),
    (
        (
            5,
            (
                _number("Appliances", Column("", "unique_count", "host.name"), ""),
                _number("Events", Column(""), ""),
                _number(
                    "Without connection",
                    Column(
                        "",
                        "share",
                        query="cisco_esa.connection.correlated: false",
                        format="percent",
                    ),
                    'event.category: "authentication"',
                    panels.UNCHECKED,
                ),
                _number("Could not be checked", Column(""), UNCHECKED, panels.UNCHECKED),
                _number("Refused by smart hosts", Column("", query=FAILURE), RELAY, panels.REFUSED),
                _number("Cut lines", Column(""), 'tags: "truncated_line"', panels.UNCHECKED),
            ),
        ),
        (8, (APPLIANCES,)),
        (
            11,
            (
                Chart(
                    "Events an hour, by appliance",
                    (Column("events"),),
                    "",
                    Row("Appliance", "host.name", 10),
                ),
                DELAYS,
            ),
        ),
        (
            10,
            (
                Table(
                    "Why logins could not be checked",
                    (Row("Reason", "event.reason", 5), Row("Appliance", "host.name", 5)),
                    (Column("logins"), ACCOUNTS, LAST),
                    UNCHECKED,
                ),
                Table(
                    "Logins to smart hosts",
                    (
                        Row("Smart host", "destination.address", 5),
                        Row("Profile", "cisco_esa.auth.profile", 5),
                        Row("Answer", "event.reason", 5, missing=True),
                    ),
                    (OUT, IN, LAST),
                    RELAY,
                ),
            ),
        ),
        (
            9,
            (
                Table(
                    "TLS of logins",
                    (Row("TLS", "tls.version", 5, missing=True),),
                    (Column("logins"), ACCOUNTS, SOURCES),
                    LOGIN,
                ),
                Table(
                    "Mechanisms",
                    (Row("Mechanism", "cisco_esa.auth.mechanism", 5),),
                    (Column("logins"), OUT, ACCOUNTS),
                    LOGIN,
                ),
                Table(
                    "Versions of the forwarder",
                    (Row("Version", "agent.version", 5),),
                    (Column("events"), LAST),
                    "",
                ),
            ),
        ),
        (12, (_search("uncorrelated"),)),
        (12, (_search("unchecked"),)),
    ),
)

PAGES = (MORNING, ACCOUNT_PAGE, SOURCE_PAGE, HEALTH)
