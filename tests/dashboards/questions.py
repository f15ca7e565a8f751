"""The twelve questions of analysts: saved searches and their documentation are made from them."""

from typing import NamedTuple

LOGIN = 'event.action: "smtp-authentication"'
ACCEPTED = f'{LOGIN} and event.outcome: "success"'
REFUSED = f'{LOGIN} and event.outcome: "failure"'
CLOSED = 'event.action: "smtp-session-closed"'
RELAY = 'event.action: "smtp-relay-authentication"'
UNCHECKED = 'event.action: "smtp-authentication-error"'
UNCORRELATED = 'tags: "missing_connection_context"'
ACCOUNT = "cisco_esa.auth.account"


class Question(NamedTuple):
    """A question, and the saved search that answers it."""

    id: str
    question: str
    title: str
    query: str
    """In KQL."""
    columns: tuple[str, ...]
    answer: str
    """Where to look, for the documentation."""
    ascending: bool = False
    """Whether the oldest come first."""


_SENT = (
    "cisco_esa.session.messages",
    "cisco_esa.session.recipients",
    "cisco_esa.session.bytes",
    "cisco_esa.session.auth_failures",
    "cisco_esa.connection.id",
)

QUESTIONS = (
    Question(
        "refused",
        "Who was refused?",
        "Refused logins",
        REFUSED,
        (
            "host.name",
            ACCOUNT,
            "source.ip",
            "source.domain",
            "cisco_esa.auth.mechanism",
            "cisco_esa.sender.country",
            "cisco_esa.connection.id",
        ),
        "*Morning*, *Sources with refusals* and *Accounts with refusals*. A source that was nearly "
        "always refused, with many accounts, is trying names. One account, one source and a steady pace "
        "(see the page *Source*) suggest an old password. A source with few refusals among many logins "
        "is an office.",
    ),
    Question(
        "attempts",
        "Did a source that was refused get in?",
        "Logins, accepted and refused",
        f"{LOGIN} and source.ip: *",
        (
            "source.ip",
            "event.outcome",
            ACCOUNT,
            "host.name",
            "source.domain",
            "cisco_esa.sender.country",
            "cisco_esa.connection.id",
        ),
        "*Morning*, *Refused, and did they get in?* lists first those that got in for the first time. "
        "*Sources with refusals* shows a source that was refused with some accounts and got in with "
        "another. For one source, use the page *Source*, or the saved search with a filter on "
        "`source.ip`.",
    ),
    Question(
        "accepted",
        "Where does an account log in from?",
        "Accepted logins",
        ACCEPTED,
        (
            ACCOUNT,
            "source.ip",
            "source.domain",
            "cisco_esa.sender.country",
            "tls.version",
            "host.name",
            "cisco_esa.connection.id",
        ),
        "The page *Account* shows a map, and each source and network with its first login in 30 days. "
        "*Morning*, *New networks of accounts* shows what is new for any account.",
    ),
    Question(
        "sent",
        "What was sent after a login?",
        "Sessions: what was sent after a login",
        CLOSED,
        (ACCOUNT, "source.ip", *_SENT),
        "The pages *Account* and *Source*, *Sessions: what was sent after a login*; a chart shows "
        "recipients per hour. Subjects and recipients are not in the documents: use the appliance's "
        "message tracking, or `esa-forwarder trace` with the logs.",
    ),
    Question(
        "many-recipients",
        "Who sent to very many recipients?",
        "Sessions with 40 recipients or more",
        f"{CLOSED} and cisco_esa.session.recipients >= 40",
        (ACCOUNT, "source.ip", *_SENT),
        "*Morning*, *Mass mail* shows the largest hour of each account beside its usual largest hour. "
        "The saved search does not find accounts that send to many recipients in many small sessions.",
    ),
    Question(
        "refused-first",
        "Which sessions began with refusals?",
        "Sessions that began with refusals",
        f"{CLOSED} and cisco_esa.session.auth_failures > 0",
        (ACCOUNT, "source.ip", *_SENT),
        "The saved search finds refusals on the same connection as the login. For refusals on other "
        "connections, see *Morning*, *Refused, and did they get in?*.",
    ),
    Question(
        "without-tls",
        "Who sends passwords without encryption?",
        "Logins without TLS",
        f"{LOGIN} and cisco_esa.connection.correlated: true and not tls.established: true",
        (
            "event.outcome",
            ACCOUNT,
            "source.ip",
            "source.domain",
            "cisco_esa.auth.mechanism",
            "host.name",
            "cisco_esa.connection.id",
        ),
        "*Morning*, *Logins without TLS*; the saved search shows their sources, including devices in "
        "your own network. `tls.established: false` would not find them, because the field is missing if "
        "TLS was not tried. Logins without a known connection are left out, because their TLS is "
        "unknown, too.",
    ),
    Question(
        "old-tls",
        "Who does not use TLS 1.3 yet?",
        "Logins with TLS before 1.3",
        'event.category: "authentication" and tls.version: * and not tls.version: "1.3"',
        (
            "tls.version",
            "tls.cipher",
            "cisco_esa.auth.direction",
            ACCOUNT,
            "source.ip",
            "host.name",
            "cisco_esa.connection.id",
        ),
        "*Health*, *TLS of logins*; the saved search shows who it is. In the panel, `(missing)` "
        "stands for logins without TLS (see question 7), or whose TLS is not in the logs.",
    ),
    Question(
        "smart-host",
        "Does a smart host refuse the appliance, and why?",
        "Refused by a smart host",
        f'{RELAY} and event.outcome: "failure"',
        (
            "host.name",
            "destination.address",
            "cisco_esa.auth.profile",
            "cisco_esa.smtp.response.code",
            "event.reason",
            "cisco_esa.connection.id",
        ),
        "*Health*, *Logins to smart hosts*. `event.reason` is the smart host's answer, and "
        "`cisco_esa.auth.profile` is what to fix.",
    ),
    Question(
        "unchecked",
        "Which logins could not be checked?",
        "Logins that could not be checked",
        UNCHECKED,
        ("host.name", "event.reason", ACCOUNT, "source.ip", "cisco_esa.connection.id"),
        "*Health*, *Why logins could not be checked*: a misconfigured profile, a server that does not "
        "respond, or a failed LDAP query.",
    ),
    Question(
        "uncorrelated",
        "Which logins have no source, because their connection is not in the logs?",
        "Logins without their connection",
        UNCORRELATED,
        (
            "host.name",
            "event.action",
            "event.outcome",
            ACCOUNT,
            "cisco_esa.connection.id",
            "log.file.path",
        ),
        "*Health*, *Appliances*. A few at the start of the logs are normal; if there are more, logs "
        "are missing. The saved search also lists the ends of their sessions.",
    ),
    Question(
        "connection",
        "What happened on one connection?",
        "All events, the oldest first",
        "cisco_esa.connection.id: *",
        (
            "cisco_esa.connection.id",
            "event.action",
            "event.outcome",
            ACCOUNT,
            "source.ip",
            "cisco_esa.session.recipients",
        ),
        "The saved search with a filter on `cisco_esa.connection.id`. Every saved search has this "
        "column: click a value to add the filter. It lists attempts, the login, and what was sent, in "
        "order.",
        ascending=True,
    ),
)
"""In the order in which they are told."""
