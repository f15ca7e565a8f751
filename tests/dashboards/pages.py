"""The pages: what is on each, in which order."""

from tests.dashboards import panels, queries
from tests.dashboards.panels import Chart, Column, Map, Metric, Page, Row, Search, Table
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
_TITLES = {x.id: x.title for x in QUESTIONS}

# Numbers

IN = Column("accepted", query=SUCCESS, colour=panels.ACCEPTED)
OUT = Column("refused", query=FAILURE, colour=panels.REFUSED)
SHARE = Column("refused, share", "share", query=FAILURE)
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

# Pages

_APPLIANCE, _ACCOUNT, _SOURCE = (
    ("Appliance", "host.name"),
    ("Account", ACCOUNT),
    ("Source", "source.ip"),
)

MORNING = Page(
    "morning",
    "Morning",
    "What has happened since yesterday: who was refused, who got in after that, what is new, who sent "
    "to many recipients. Click an account or a source to open its page.",
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
        (13, (queries.DID_THEY_GET_IN,)),
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
        (12, (queries.NEW_NETWORKS,)),
        (
            12,
            (
                queries.MASS_MAIL,
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
    "click it on another page.",
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
        (13, (queries.PLACES_OF_ACCOUNT,)),
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
    "click it on another page.",
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
        (13, (queries.ACCOUNTS_OF_SOURCE,)),
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
    "Whether all appliances send, how late events arrive, and what could not be joined or checked.",
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
                    ),
                    'event.category: "authentication"',
                    panels.UNCHECKED,
                ),
                _number("Could not be checked", Column(""), UNCHECKED, panels.UNCHECKED),
                _number("Refused by smart hosts", Column("", query=FAILURE), RELAY, panels.REFUSED),
                _number("Cut lines", Column(""), 'tags: "truncated_line"', panels.UNCHECKED),
            ),
        ),
        (8, (queries.APPLIANCES,)),
        (
            11,
            (
                Chart(
                    "Events an hour, by appliance",
                    (Column("events"),),
                    "",
                    Row("Appliance", "host.name", 10),
                ),
                queries.DELAYS,
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
