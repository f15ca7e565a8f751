"""The table of the detection rules: all that is shipped and documented of them is made from it."""

from typing import NamedTuple

from tests.detection import queries

PREFIX = "Cisco ESA: "
GUESSING, SPRAYING, DISTRIBUTED = "T1110.001", "T1110.003", "T1110.004"
ACCOUNTS, EXTERNAL = "T1078", "T1133"


class Rule(NamedTuple):
    """One rule; its texts are those of the alert."""

    end: str
    """Of its id."""
    name: str
    finds: str
    """For the table of the documentation."""
    query: str
    interval: int
    """Minutes from run to run."""
    window: str
    """How far back it looks."""
    severity: str
    """Of most alerts; a query may set another one by what happened."""
    techniques: tuple[str, ...]
    description: str
    false_positives: tuple[str, ...]
    says: str
    look: tuple[str, ...]
    """Steps of the guide; a query in one has fields of the alert in braces."""
    do: tuple[str, ...]
    shown: tuple[str, ...]
    needs: str = ""
    sigma: str = ""
    """How Sigma can tell it; empty where it cannot."""


_ASK = "Ask the user, but not by mail."
_ASK_NOW = "Ask the user at once, by phone; if there is no answer, lock the account first."
_GROUP = "add `source.ip` to a sender group that is refused, such as `BLOCKED_LIST`."
_REFUSE, _STRANGER = f"Block the source: {_GROUP}", f"If it is a stranger, {_GROUP}"
_LOCK = (
    "If it was not the user, lock the account, have the password changed, and end its sessions.",
    _REFUSE,
    "Check the appliance's message tracking for what was sent since then, and to whom.",
)
_GOT_IN = (
    "If a source got in, treat the account as compromised: lock it, have the password changed, end its "
    "sessions, and check the appliance's message tracking for what it sent."
)
_FROM, _USER = 'source.ip: "{{source.ip}}"', 'cisco_esa.auth.account: "{{user.name}}"'
_HOST = 'destination.address: "{{destination.address}}"'
_GOOD, _BAD = 'event.outcome: "success"', 'event.outcome: "failure"'
_CLOSED = 'event.action: "smtp-session-closed"'
_IN = f"Did the source get in? `{_FROM} and {_GOOD}`"
_OTHERS = (
    "Which accounts did the source try, and which let it in? "
    f'`{_FROM} and event.action: "smtp-authentication"`'
)
_BEFORE = f"Where does the user log in from? `{_USER} and {_GOOD}`"
_SENT = f"What was sent? `{_USER} and {_CLOSED}`"
_WHOSE = (
    "Whose network is it? See `source.as.organization.name` and `cisco_esa.sender.country`, or use "
    "whois. Users rarely log in from a hosting provider."
)

_NETWORKS = (
    "better with GeoIP; without it, a network is the first 16 bits of an address (32 of IPv6)"
)

RULES = (
    Rule(
        "01",
        "password guessing from one source",
        "20 refusals in a day from a source without a login",
        queries.GUESSING,
        15,
        "1d",
        "low",
        (GUESSING,),
        "A public address without a login was refused at least 20 times within a day.",
        ("A phone in a mobile network that keeps using an old password.",),
        "The appliance refused `refusals` logins from `source.ip`, at least 20 of them within a day, for "
        "`accounts`. No login from there succeeded.",
        (
            f"Which accounts, and how fast? `{_FROM} and {_BAD}`. One account of yours at a steady pace: a "
            "device with an old password. Several accounts, or names that do not exist here: guessing.",
            _WHOSE,
            _IN.replace("get in", "get in since"),
        ),
        (
            "If the device is yours or a partner's, have its password corrected.",
            _STRANGER,
            _GOT_IN,
        ),
        ("source.ip", "refusals", "accounts"),
        sigma="guessing",
    ),
    Rule(
        "02",
        "SMTP login after repeated refusals",
        "5 refusals of an account from a source in 7 days, then its first login from there",
        queries.IN_AFTER_REFUSALS,
        5,
        "8d",
        "high",
        (GUESSING, ACCOUNTS),
        "An account was refused at least five times from an address within 7 days, and then logged in "
        "from there for the first time: its password may have been guessed.",
        (
            "A new device whose owner repeatedly mistyped the password.",
            "A device in a new network, with an old password until its owner corrected it.",
        ),
        "`user.name` was refused at least five times from `source.ip`, and then logged in from there, for "
        "the first time in 7 days, at `first_login`.",
        (
            f"How far apart are the refusals? `{_USER} and {_FROM} and {_BAD}`. Seconds suggest a "
            "program, minutes a person.",
            _BEFORE,
            _SENT,
            _OTHERS,
        ),
        (_ASK_NOW, *_LOCK),
        ("user.name", "source.ip", "refusals", "first_login"),
        sigma="in_after_refusals",
    ),
    Rule(
        "03",
        "SMTP login from a new network while the account is guessed",
        "4 strangers refused 8 times in a day for an account that logs in from a new network",
        queries.IN_WHILE_GUESSED,
        15,
        "8d",
        "high",
        (GUESSING, ACCOUNTS),
        "Several strangers were refused for an account within a day, and it logged in from elsewhere, in a "
        "network that is new for it.",
        ("A user who travels while the account is being guessed; some accounts always are.",),
        "Within a day, `strangers` addresses were refused for `user.name`, in networks from which it had "
        "not logged in for 7 days. It also logged in from `source.ip`, in another network that is new for it.",
        (
            _BEFORE,
            _WHOSE,
            f"Who guessed, and when? `{_USER} and {_BAD}`",
            _SENT,
            _OTHERS,
        ),
        (_ASK_NOW, *_LOCK),
        ("user.name", "source.ip", "strangers", "refusals"),
    ),
    Rule(
        "04",
        "password spraying from one source",
        "10 accounts refused in a day from a source, fewer than half as many accepted",
        queries.SPRAYING,
        15,
        "1d",
        "medium",
        (SPRAYING, DISTRIBUTED),
        "One address was refused for at least ten different accounts within a day, and accepted for fewer "
        "than half as many.",
        ("A misconfigured gateway or terminal server that logs in for many users.",),
        "`source.ip` was refused for `users` accounts within a day, and got in with `accepted`. `accounts` "
        "lists the refused ones, at most 100.",
        (
            _IN,
            f"What was sent from there? `{_FROM} and {_CLOSED}`",
            "Do the names in `accounts` exist here? They show where the list came from.",
            _WHOSE,
        ),
        (
            _GOT_IN,
            "If it is a gateway of yours or a partner's, have its configuration corrected.",
            _STRANGER,
        ),
        ("source.ip", "users", "accepted", "accounts"),
        sigma="spraying",
    ),
    Rule(
        "05",
        "password spraying from many sources",
        "15 strangers and 10 accounts refused in an hour, over all appliances",
        queries.DISTRIBUTED_SPRAYING,
        60,
        "1d",
        "medium",
        (SPRAYING, DISTRIBUTED),
        "Within an hour, many addresses in networks without a login were refused for many "
        "accounts: spraying that is spread over many machines.",
        (
            "A faulty directory while many users are travelling.",
            "Logs that arrive in daily files: the refusals of a whole day arrive within an hour.",
        ),
        "Among the attempts that arrived within an hour, `strangers` addresses in networks without any login "
        "were refused for `users` accounts. `source.ip` and `accounts` list at most 100 of each.",
        (
            "When, and from where? "
            f'`event.action: "smtp-authentication" and {_BAD}`. Do the names in `accounts` exist here?',
            f"Did the first source get in? `{_FROM} and {_GOOD}`. For all sources, see *New networks of "
            "accounts* on the page *Morning*.",
            _WHOSE,
        ),
        (
            _GOT_IN,
            "If the names exist, have users change passwords that they also use elsewhere.",
            "If users need no SMTP login from outside, refuse it for all other networks.",
        ),
        ("source.ip", "strangers", "users", "refusals", "accounts"),
    ),
    Rule(
        "06",
        "password guessing from many sources",
        "8 strangers refused for one account in a day",
        queries.DISTRIBUTED_GUESSING,
        15,
        "8d",
        "medium",
        (GUESSING,),
        "At least eight addresses were refused for one account within a day, in networks from which it "
        "had not logged in for 7 days.",
        ("A phone with an old password that just moved to another provider.",),
        "`strangers` addresses were refused for `user.name` within a day, in networks from which it had "
        "not logged in for 7 days. `source.ip` lists at most 100 of them.",
        (
            "Did one of them get in? "
            f"`{_USER} and {_GOOD}`. Compare the networks with those in the alert.",
            f"How fast, and since when? `{_USER} and {_BAD}`",
            _WHOSE,
            _OTHERS.replace("the source", "the first source"),
        ),
        (
            _GOT_IN,
            "If none got in, make sure that the account has a strong password, and ask whether it needs "
            "SMTP logins at all. Do not bother blocking so many addresses one by one.",
        ),
        ("user.name", "source.ip", "strangers", "refusals"),
        sigma="distributed_guessing",
    ),
    Rule(
        "07",
        "mass mail of an account",
        "200 recipients in an hour, and three times as many as in its largest hour of 7 days",
        queries.MASS_MAIL,
        15,
        "8d",
        "high",
        (ACCOUNTS,),
        "An account sent to at least 200 recipients in an hour, and to at least three times as many as "
        "in its largest hour of the last 7 days. Stolen accounts are used for this.",
        ("A newsletter or announcement that is sent for the first time.",),
        "`user.name` sent to `recipients` recipients in an hour, from `source.ip`; in its largest hour of "
        "the last 7 days, it sent to `usual`.",
        (
            _SENT,
            _BEFORE,
            "What is it? Look at subjects and recipients in the appliance's message tracking.",
        ),
        (
            _ASK_NOW,
            "If it was not the user, lock the account, have the password changed, end its sessions, and "
            "delete its messages from the appliance's queue.",
            _REFUSE,
        ),
        ("user.name", "source.ip", "recipients", "usual"),
        needs="session events (`session_events: true`, the default)",
    ),
    Rule(
        "08",
        "SMTP login from a new network",
        "first login of a known account from a network in 30 days",
        queries.NEW_NETWORK,
        15,
        "30d",
        "low",
        (ACCOUNTS, EXTERNAL),
        "An account that uses several networks logged in from one for the first time in 30 days.",
        ("A new provider at home, a hotel, another mobile network.",),
        "`user.name` logged in from `source.ip`, for the first time in 30 days from this network. `value` is "
        "its AS number, or, without GeoIP, the start of the address.",
        (_WHOSE, _BEFORE, _SENT),
        (_ASK, *_LOCK),
        ("user.name", "source.ip", "value"),
        needs=_NETWORKS,
    ),
    Rule(
        "09",
        "SMTP login from a new country",
        "first login of a known account from a country in 30 days",
        queries.NEW_COUNTRY,
        15,
        "30d",
        "medium",
        (ACCOUNTS, EXTERNAL),
        "An account logged in from a country for the first time in 30 days. The country is the one that "
        "the appliance logs.",
        ("A journey.", "VPNs, and mobile networks with exits in another country."),
        "`user.name` logged in from the country `value`, for the first time in 30 days; the source is "
        "`source.ip`.",
        (_WHOSE, _BEFORE, _SENT),
        (_ASK, *_LOCK),
        ("user.name", "source.ip", "value"),
        needs="an appliance that logs senders' countries; without it, there are no alerts",
    ),
    Rule(
        "10",
        "login with a readable password without TLS",
        "first attempt, accepted or refused, of an account from a public source in 30 days",
        queries.NO_TLS,
        15,
        "30d",
        "medium",
        ("T1040",),
        "A client sent a password with PLAIN or LOGIN over the internet without TLS: anyone on the path "
        "could read it, even if it was refused.",
        ("An old device outside that does not support TLS. It is reported once.",),
        "A client at `source.ip` sent the password of `user.name` without encryption; `accepted` of its "
        "logins were accepted.",
        (
            f"Is it a device of yours? `{_FROM}`",
            f"How else does the account log in? `{_USER} and {_GOOD}`. `tls.established` is missing "
            "if TLS was not tried.",
            _WHOSE,
        ),
        (
            "If a login was accepted, have the password changed, as others may know it. If all were "
            "refused, ask the user whether the password is used for anything else.",
            "If the source is not the user's, another person has the password or is guessing it. "
            f"{_REFUSE}",
            "Have the client configured to use TLS.",
            "Require TLS in the mail flow policy for senders that log in.",
        ),
        ("user.name", "source.ip", "accepted"),
        sigma="no_tls",
    ),
    Rule(
        "11",
        "SMTP logins too far apart to travel",
        "first login from a place in 7 days, 500 km away and faster than 900 km/h",
        queries.TRAVEL,
        30,
        "8d",
        "high",
        (ACCOUNTS,),
        "An account logged in from a new place, too far from another one to have travelled there in that "
        "time (500 km, 900 km/h).",
        ("A new VPN or provider with a distant exit.",),
        "`user.name` logged in from `source.ip`, in a place that is new for it. It also logged in up to "
        "`km` km away from there, as little as `minutes` minutes before or after.",
        (_BEFORE, _WHOSE, _SENT, _OTHERS),
        (_ASK_NOW, *_LOCK),
        ("user.name", "source.ip", "km", "minutes"),
        needs="GeoIP; without it, there are no alerts",
    ),
    Rule(
        "12",
        "account of one network logs in from another",
        "first login outside the only network of an account in 7 days",
        queries.FIXED_ACCOUNT,
        15,
        "8d",
        "medium",
        (ACCOUNTS, EXTERNAL),
        "An account that had logged in from one network only, such as that of a scanner or an "
        "application, logged in from another.",
        ("The first journey of a user who works in one place.", "A device that was moved."),
        "`user.name` logged in from `source.ip`, in a network that is new for it. In the 7 days before, "
        "all its `logins` logins came from one other network.",
        (_WHOSE, _BEFORE, _SENT),
        (
            "Ask the user, but not by mail, or the owner of the device or application.",
            *_LOCK,
        ),
        ("user.name", "source.ip", "logins"),
        needs=_NETWORKS,
    ),
    Rule(
        "13",
        "smart host refuses the appliance",
        "3 refusals of a profile in a day by a smart host",
        queries.SMART_HOST,
        15,
        "1d",
        "medium",
        ("T1531",),
        "A smart host refused the appliance's login at least three times within a day: mail to it "
        "is queued or bounces.",
        ("A temporary problem on the smart host.",),
        "The smart host `destination.address` refused the login of the appliance `host.name` with the "
        "profile `cisco_esa.auth.profile` `refusals` times.",
        (
            f"What did it answer? `{_HOST} and {_BAD}`. The answer is in `event.reason`, and in the alert "
            "in `error.message`.",
            f"Does it work again? `{_HOST} and {_GOOD}`",
        ),
        (
            "If it still fails, correct the user and password of the profile on the appliance.",
            "Then check the appliance's delivery status: is the queue for the smart host getting shorter?",
        ),
        ("destination.address", "cisco_esa.auth.profile", "refusals", "error.message"),
        sigma="smart_host",
    ),
)
"""In the order of the documentation."""
