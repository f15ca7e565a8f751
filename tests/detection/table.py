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


_LOCK = (
    "If it was not the user: lock the account, end its sessions, and have the password changed.",
    "Trace on the appliance what was sent, and to whom.",
)
_BLOCK = (
    "Put the address into a sender group that is refused, or limit logins for each host.",
    "If the source is a device or partner of your own: have its password corrected, and add an "
    "exception for `source.ip` until then.",
)
_ASK = "Ask the user, by another way than mail."
_IN = 'Did the source get in? `source.ip: "{{source.ip}}" and event.outcome: "success"`'
_USER = 'cisco_esa.auth.account: "{{user.name}}"'
_BEFORE = f'Where does the user log in from? `{_USER} and event.outcome: "success"`'
_SENT = f'What was sent? `{_USER} and event.action: "smtp-session-closed"`'
_WHOSE = "Whose network is it: `source.as.organization.name`, `cisco_esa.sender.country`?"

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
        "The appliance refused at least 20 logins from `source.ip` within a day, and no login came "
        "from there.",
        (
            _IN,
            "One user or many? See `accounts`. One user of yours and a steady interval: an old "
            "password. Names that do not exist here: guessing.",
            _WHOSE,
        ),
        _BLOCK,
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
        ("A new device whose owner mistyped the password again and again.",),
        "`user.name` was refused at least five times from `source.ip`, and logged in from there for the "
        "first time at `first_login`.",
        (
            "How far apart are the refusals? Seconds are a program, minutes a person. "
            '`source.ip: "{{source.ip}}" and event.outcome: "failure"`',
            _BEFORE,
            _SENT,
        ),
        _LOCK,
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
        ("A user who travels while own devices at home still have an old password.",),
        "`strangers` sources were refused as `user.name` within a day, and it logged in from `source.ip`, "
        "which is in a network that is new for it.",
        (_BEFORE, _WHOSE, _SENT),
        _LOCK,
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
        "`source.ip` tried at least ten accounts within a day, and most were refused.",
        (
            _IN,
            "Do the names in `accounts` exist here? They tell where the list came from.",
            _WHOSE,
        ),
        (
            *_BLOCK,
            "If it got in as a user, treat that account as taken over.",
        ),
        ("source.ip", "users", "accounts"),
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
        ("A directory that answers wrongly while many users are on the road.",),
        "`strangers` addresses were refused as `users` accounts within an hour.",
        (
            'Which accounts? `event.action: "smtp-authentication" and event.outcome: "failure"`',
            "Did one of the sources get in? See the first ones in `source.ip`.",
        ),
        (
            "Where users need no SMTP login from outside, refuse it for all other networks.",
            "Users on the list should have a password that is in no list.",
        ),
        ("source.ip", "strangers", "users", "refusals"),
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
        "`strangers` addresses tried to log in as `user.name` within a day, and all were refused.",
        (
            _BEFORE,
            _WHOSE,
            'Do the same addresses try other users? `source.ip: "{{source.ip}}"`',
        ),
        (
            "Make sure that the account has a strong password, and ask whether it needs SMTP logins.",
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
        "`user.name` sent to `recipients` recipients in an hour; the most before was `usual`.",
        (_SENT, _BEFORE, "Look at the messages themselves by message tracking of the appliance."),
        (*_LOCK, "For an account that sends newsletters: add an exception for `user.name`."),
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
        "`user.name` logged in from `source.ip`, in the network `value`, for the first time in 30 days.",
        (_WHOSE + " A hosting provider is where users seldom are.", _BEFORE, _SENT),
        (_ASK, *_LOCK),
        ("user.name", "source.ip", "value"),
        needs="better with GeoIP; without it, a network is the first 16 bits of an address (32 of IPv6)",
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
        "An account logged in from a country that is new for it in 30 days, as the appliance has it.",
        ("Journeys.", "VPNs, and mobile networks that come out in another country."),
        "`user.name` logged in from `value`, for the first time in 30 days.",
        (_WHOSE, _BEFORE, _SENT),
        (_ASK, *_LOCK),
        ("user.name", "source.ip", "value"),
        needs="an appliance that logs the country of a sender",
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
        "A client at `source.ip` sent the password of `user.name` without encryption.",
        (
            'Is it a device of your own? `source.ip: "{{source.ip}}"`',
            "Was it accepted? `accepted` counts the logins.",
        ),
        (
            "Require TLS in the mail flow policy for senders that log in.",
            "Change the password, and the client's settings.",
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
        "`user.name` was in two places `km` km apart within `minutes` minutes.",
        (_WHOSE, _BEFORE, _SENT),
        (_ASK, *_LOCK),
        ("user.name", "source.ip", "km", "minutes"),
        needs="GeoIP",
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
        "`user.name` logged in from `source.ip`; in the last seven days all its `logins` logins came "
        "from one other network.",
        (_WHOSE, _BEFORE, _SENT),
        (_ASK, *_LOCK),
        ("user.name", "source.ip", "logins"),
        needs="better with GeoIP, as above",
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
        ("Troubles of the smart host itself.",),
        "The smart host `destination.address` refused the profile `cisco_esa.auth.profile`.",
        (
            "What did it answer? See `error.message`.",
            'Does it work again? `event.action: "smtp-relay-authentication" and event.outcome: '
            '"success"`',
        ),
        ("Correct the credentials of the profile on the appliance, and look at its queue.",),
        ("destination.address", "cisco_esa.auth.profile", "refusals", "error.message"),
        sigma="smart_host",
    ),
)
"""In the order of the documentation."""
