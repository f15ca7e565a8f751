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


_ASK = "Ask the user, by another way than mail."
_ASK_NOW = "Ask the user at once, by phone; if there is no answer, lock the account first."
_GROUP = "put `source.ip` into a sender group that is refused, such as `BLOCKED_LIST`."
_REFUSE, _STRANGER = f"Refuse the source: {_GROUP}", f"If it is a stranger: {_GROUP}"
_LOCK = (
    "If it was not the user: lock the account, have the password changed, and end its sessions.",
    _REFUSE,
    "Look up in the appliance's message tracking what was sent since then, and to whom.",
)
_GOT_IN = (
    "If a source got in, treat the account as taken over: lock it, have the password changed, end its "
    "sessions, and look up in the appliance's message tracking what it sent."
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
    "Whose network is it? See `source.as.organization.name` and `cisco_esa.sender.country`, or ask "
    "whois. Users are seldom at a hosting provider."
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
        "A public address without a login was refused 20 times or more within a day.",
        ("A phone in a mobile network that goes on with an old password.",),
        "The appliance refused `refusals` logins from `source.ip`, at least 20 of them within a day, as "
        "`accounts`. No login came from there.",
        (
            f"As whom, and how fast? `{_FROM} and {_BAD}`. One account of yours at a steady pace: a "
            "device with an old password. Several accounts, or names that do not exist here: guessing.",
            _WHOSE,
            _IN.replace("get in", "get in since"),
        ),
        (
            "If it is a device of yours or of a partner: have its password corrected.",
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
        "An account was refused five times or more from an address within the last days, and then let "
        "in from there for the first time: a password may have been guessed.",
        (
            "A new device whose owner mistyped the password again and again.",
            "A device with an old password, in a network that is new for it, until its owner corrected it.",
        ),
        "`user.name` was refused at least five times from `source.ip`, and then logged in from there, for "
        "the first time in 7 days, at `first_login`.",
        (
            f"How far apart are the refusals? `{_USER} and {_FROM} and {_BAD}`. Seconds: a program. "
            "Minutes: a person.",
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
        "4 strangers refused 8 times in a day as an account, and it logs in from a new network",
        queries.IN_WHILE_GUESSED,
        15,
        "8d",
        "high",
        (GUESSING, ACCOUNTS),
        "Several strangers were refused as an account within a day, and somewhere else, in a network "
        "that is new for the account, it logged in.",
        ("A user who travels while the account is guessed; some accounts always are.",),
        "Within a day, `strangers` addresses were refused as `user.name`, in networks from which it had "
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
        "10 accounts refused in a day from a source, and fewer than half as many accepted",
        queries.SPRAYING,
        15,
        "1d",
        "medium",
        (SPRAYING, DISTRIBUTED),
        "One address was refused as ten different accounts or more within a day, and accepted as fewer "
        "than half of that.",
        ("A gateway or terminal server that logs in for many users, with a wrong configuration.",),
        "`source.ip` was refused as `users` accounts within a day, and got in as `accepted`. `accounts` "
        "lists those that were refused, at most 100.",
        (
            _IN,
            f"What was sent from there? `{_FROM} and {_CLOSED}`",
            "Do the names in `accounts` exist here? They tell where the list came from.",
            _WHOSE,
        ),
        (
            _GOT_IN,
            "If it is a gateway or partner of yours: have its configuration corrected.",
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
        "Within an hour, many addresses in networks without a login were refused as many "
        "accounts: spraying that hides behind many machines.",
        (
            "A directory that answers wrongly while many users are on the road.",
            "Logs that arrive in daily files: the refusals of a whole day arrive within an hour.",
        ),
        "Of the attempts that arrived within an hour, those of `strangers` addresses were refused as `users` "
        "accounts, in networks without any login. `source.ip` and `accounts` list at most 100 of each.",
        (
            "When, and from where? "
            f'`event.action: "smtp-authentication" and {_BAD}`. `accounts` has who was tried; do these '
            "names exist here?",
            f"Did the first source get in? `{_FROM} and {_GOOD}`. For all sources, see *New networks of "
            "accounts* on the page *Morning*.",
            _WHOSE,
        ),
        (
            _GOT_IN,
            "If the names exist: have users change a password that they also use elsewhere.",
            "Where users need no SMTP login from outside, refuse it for all other networks.",
        ),
        ("source.ip", "strangers", "users", "refusals", "accounts"),
    ),
    Rule(
        "06",
        "password guessing from many sources",
        "8 strangers refused as one account in a day",
        queries.DISTRIBUTED_GUESSING,
        15,
        "8d",
        "medium",
        (GUESSING,),
        "Eight addresses or more were refused as one account within a day, in networks from which it "
        "did not log in during the last days.",
        ("A user with an old password on a phone that just changed to another provider.",),
        "`strangers` addresses were refused as `user.name` within a day, in networks from which it had "
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
            "If none got in: make sure that the account has a strong password, and ask whether it needs "
            "SMTP logins at all. To refuse so many addresses one by one is of no use.",
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
        "An account sent to 200 recipients or more in an hour, and to at least three times as many as "
        "in its largest hour of the last seven days: what stolen accounts are used for.",
        ("A newsletter or an announcement that is sent for the first time.",),
        "`user.name` sent to `recipients` recipients in an hour, from `source.ip`; in its largest hour of "
        "the last 7 days, it sent to `usual`.",
        (
            _SENT,
            _BEFORE,
            "What is it? Look at subjects and recipients in the appliance's message tracking.",
        ),
        (
            _ASK_NOW,
            "If it was not the user: lock the account, have the password changed, end its sessions, and "
            "delete what waits in the appliance's queue.",
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
        "An account that logs in from several networks did so from one that is new for it in 30 days.",
        ("A new provider at home, a hotel, another mobile network.",),
        "`user.name` logged in from `source.ip`, for the first time in 30 days from this network. `value` is "
        "the number of its AS, or, without GeoIP, the beginning of the address.",
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
        "An account logged in from a country that is new for it in 30 days. The country is the one that "
        "the appliance logs.",
        ("A journey.", "VPNs, and mobile networks that come out in another country."),
        "`user.name` logged in from the country `value`, for the first time in 30 days; the source is "
        "`source.ip`.",
        (_WHOSE, _BEFORE, _SENT),
        (_ASK, *_LOCK),
        ("user.name", "source.ip", "value"),
        needs="an appliance that logs the country of a sender; without it, there are no alerts",
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
        "A client sent a password by PLAIN or LOGIN over the internet without TLS: anyone on the way "
        "could read it, even if it was refused.",
        ("An old device outside, that knows no TLS. It is reported once.",),
        "A client at `source.ip` sent the password of `user.name` without encryption; `accepted` of its "
        "logins were accepted.",
        (
            f"Is it a device of yours? `{_FROM}`",
            f"How does the account log in otherwise? `{_USER} and {_GOOD}`. `tls.established` is missing "
            "where TLS was not tried.",
            _WHOSE,
        ),
        (
            "If a login was accepted: have the password changed, as others may know it. If all were "
            "refused, ask the user whether it is the password of something else.",
            "If the source is not one of the user's: another person has the password, or guesses it. "
            f"{_REFUSE}",
            "Have the client set to TLS.",
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
        "An account logged in from a place that is new for it, so far from another one that it cannot "
        "have travelled in that time (500 km, 900 km/h).",
        ("A VPN or a provider that is new, and comes out far away.",),
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
        "first login outside the only network that an account had in 7 days",
        queries.FIXED_ACCOUNT,
        15,
        "8d",
        "medium",
        (ACCOUNTS, EXTERNAL),
        "An account that logged in from one network alone, such as that of a scanner or an "
        "application, did so from another.",
        ("A user who works at one place, on the first journey.", "A device that was moved."),
        "`user.name` logged in from `source.ip`, in a network that is new for it. In the 7 days before, "
        "all its `logins` logins came from a single other one.",
        (_WHOSE, _BEFORE, _SENT),
        (
            "Ask the user, by another way than mail, or who runs the device or application.",
            *_LOCK,
        ),
        ("user.name", "source.ip", "logins"),
        needs=_NETWORKS,
    ),
    Rule(
        "13",
        "smart host refuses the appliance",
        "3 refusals in a day of a profile at a smart host",
        queries.SMART_HOST,
        15,
        "1d",
        "medium",
        ("T1531",),
        "A smart host refused the login of the appliance three times or more within a day: mail to it "
        "waits or bounces.",
        ("Trouble on the smart host, which passes by itself.",),
        "The smart host `destination.address` refused the login of the appliance `host.name` with the "
        "profile `cisco_esa.auth.profile` `refusals` times.",
        (
            f"What did it answer? `{_HOST} and {_BAD}`. The answer is in `event.reason`, and in the alert "
            "in `error.message`.",
            f"Does it work again? `{_HOST} and {_GOOD}`",
        ),
        (
            "If it does not work again: correct user and password of the profile on the appliance.",
            "Then look in the appliance's delivery status whether the queue for the smart host gets shorter.",
        ),
        ("destination.address", "cisco_esa.auth.profile", "refusals", "error.message"),
        sigma="smart_host",
    ),
)
"""In the order of the documentation."""
