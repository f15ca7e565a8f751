"""The lines of `traffic` and `storm`: what one connection says, in pieces.

A piece is a text of whole lines in which `MARK` stands for timestamp and level; the stream puts
these in, a whole second at once. All is ASCII, so that a length in characters is one in bytes.
"""

from random import Random
from typing import NamedTuple

MARK = "\0"

# Of a hundred connections so many log in: with 26 lines each, that makes one line in a hundred.
_LOGIN_CHANCE = 0.22
_LOGIN_SUCCEEDS = 0.78
_RELAY_LOGIN_CHANCE = 0.02
_STORM_SUCCEEDS = 0.015
_RETRY_CHANCE = 0.3
_TLS_CHANCE = 0.8
_WITHOUT_NAME = 0.3
# Every appliance goes on counting where it was; 2^31 is far.
_FIRST_ICID = 282_204_970
_FIRST_MID = 53_110_400
_FIRST_DCID = 8_414_309

_COUNTRIES = (
    "United States", "Italy", "Germany", "China", "Brazil", "Viet Nam", "Korea, Republic of",
    "Russian Federation", "India", "France", "Netherlands", "Iran, Islamic Republic of",
    "not enabled", "not applicable", "Ukraine", "Bulgaria",
)  # fmt: skip
_GROUPS = (
    ("UNKNOWNLIST", "sbrs[-1.0:10.0]"),
    ("SUSPECTLIST", "sbrs[-4.0:-1.0]"),
    ("WHITELIST", "sbrs[6.0:10.0]"),
    ("UNKNOWNLIST", "sbrs[none]"),
)
_TLS = (
    "protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384",
    "protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384",
    "protocol TLSv1.2 cipher ECDHE-RSA-AES128-GCM-SHA256",
    "protocol TLSv1 cipher DHE-RSA-AES256-SHA",
)
_NAMES = (
    "anna", "bruno", "carla", "david", "elena", "franz", "giulia", "hannes", "irene", "jonas",
    "karin", "luca", "maria", "nora", "otto", "paola", "quirin", "rosa", "stefan", "teresa",
)  # fmt: skip
_DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "shop.example.org")
_WORDS = (
    "invoice", "meeting", "report", "offer", "order", "question", "minutes", "reminder",
    "newsletter", "contract", "delivery", "holiday", "budget", "draft", "update", "welcome",
)  # fmt: skip
_POOL = 1 << 12


class Told(NamedTuple):
    """What one connection says.

    Attributes:
        pieces: Its lines, piece after piece.
        logins: How many of them are logins.
        sessions: 1 where it is inbound and a login succeeded on it.
    """

    pieces: tuple[str, ...]
    logins: int = 0
    sessions: int = 0


class Pools:
    """Counters, and texts made beforehand to choose from."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.icid = _FIRST_ICID
        self.mid = _FIRST_MID
        self.dcid = _FIRST_DCID
        pick = chance.choice
        number = chance.randrange
        self.users = [
            pick((f"{name}{tail}", f"{name}.{number(99)}@{domain}", f"CORP\\{name}{tail}"))
            for name, tail, domain in (
                (pick(_NAMES), number(10_000), pick(_DOMAINS)) for _ in range(_POOL)
            )
        ]
        self.mailboxes = [
            f"{pick(_NAMES)}.{pick(_WORDS)}{number(1_000)}@{pick(_DOMAINS)}" for _ in range(_POOL)
        ]
        self.subjects = [" ".join(pick(_WORDS) for _ in range(number(2, 7))) for _ in range(_POOL)]
        self.verdicts = [self._verdict() for _ in range(_POOL)]

    def _verdict(self) -> str:
        group, match = self.chance.choice(_GROUPS)
        score = self.chance.choice((f"{self.chance.uniform(-10, 10):.1f}", "None", "rfc1918"))
        country = self.chance.choice(_COUNTRIES)
        return f"ACCEPT SG {group} match {match} SBRS {score} country {country}"


def _address(bits: int) -> str:
    return f"{bits >> 24 or 1}.{bits >> 16 & 255}.{bits >> 8 & 255}.{bits & 255}"


def _greeting(pools: Pools, icid: int) -> str:
    """Return the `New` line and the HAT line of a client."""
    bits = pools.chance.getrandbits(44)
    address = _address(bits & 0xFFFFFFFF)
    name = "unknown verified no"
    if pools.chance.random() > _WITHOUT_NAME:
        name = f"host-{address.replace('.', '-')}.example.net verified yes"
    return (
        f"{MARK}New SMTP ICID {icid} interface Data 1 (192.0.2.25) address {address}"
        f" reverse dns host {name}\n"
        f"{MARK}ICID {icid} {pools.verdicts[bits >> 32]}\n"
    )


def _login(pools: Pools, icid: int, bits: int, outcome: str) -> str:
    mechanism = "PLAIN" if bits & 1 else "LOGIN"
    return (
        f"{MARK}SMTP Auth: (ICID {icid}) {outcome} for user: {pools.users[bits % _POOL]}"
        f" using AUTH mechanism: {mechanism} with profile: IncomingAuthentication\n"
    )


def session(pools: Pools) -> Told:
    """Return an inbound connection: greeting, TLS, at times logins, a message, close."""
    chance = pools.chance.random
    bits = pools.chance.getrandbits(60)
    pools.icid += 1
    icid = pools.icid
    opening = _greeting(pools, icid)
    if chance() < _TLS_CHANCE:
        opening += f"{MARK}ICID {icid} TLS success {_TLS[bits & 3]}\n"
    close = f"{MARK}ICID {icid} close\n"
    if chance() >= _LOGIN_CHANCE:
        return Told((opening, *_message(pools, icid, bits, "inbound"), close))
    if chance() < _LOGIN_SUCCEEDS:
        login = _login(pools, icid, bits, "succeeded")
        return Told((opening, login, *_message(pools, icid, bits, "outbound"), close), 1, 1)
    attempts = tuple(
        _login(pools, icid, bits + attempt, "failed")
        for attempt in range(2 if chance() < _RETRY_CHANCE else 1)
    )
    return Told((opening, *attempts, close), len(attempts))


def _message(pools: Pools, icid: int, bits: int, table: str) -> tuple[str, str, str]:
    pools.mid += 1
    mid = pools.mid
    sender = pools.mailboxes[bits & 0xFFF]
    size = (bits >> 12 & 0xFFFF) + 700
    recipients = "".join(
        f"{MARK}MID {mid} ICID {icid} RID {rid} To: <{pools.mailboxes[bits >> 24 + rid & 0xFFF]}>\n"
        for rid in range((1, 1, 2, 3)[bits >> 30 & 3])
    )
    envelope = (
        f"{MARK}Start MID {mid} ICID {icid}\n"
        f"{MARK}MID {mid} ICID {icid} From: <{sender}>\n{recipients}"
    )
    content = (
        f"{MARK}MID {mid} Message-ID '<{bits:015x}.{mid}@{sender.partition('@')[2]}>'\n"
        f"{MARK}MID {mid} Subject '{pools.subjects[bits >> 36 & 0xFFF]}'\n"
        f"{MARK}MID {mid} ready {size} bytes from <{sender}>\n"
        f"{MARK}MID {mid} matched all recipients for per-recipient policy DEFAULT in the {table}"
        " table\n"
    )
    scans = (
        f"{MARK}MID {mid} interim verdict using engine: CASE spam negative\n"
        f"{MARK}MID {mid} using engine: CASE spam negative\n"
        f"{MARK}MID {mid} interim AV verdict using Sophos CLEAN\n"
        f"{MARK}MID {mid} antivirus negative\n"
        f"{MARK}MID {mid} AMP file reputation verdict : SKIPPED (no attachment in message)\n"
        f"{MARK}MID {mid} using engine: GRAYMAIL negative\n"
        f"{MARK}MID {mid} Outbreak Filters: verdict negative\n"
        f"{MARK}MID {mid} queued for delivery\n"
    )
    return envelope, content, scans


def delivery(pools: Pools) -> Told:
    """Return an outbound connection: greeting, TLS, at times a login, the last message, close."""
    bits = pools.chance.getrandbits(60)
    pools.dcid += 1
    dcid, mid = pools.dcid, pools.mid
    address = _address(bits & 0xFFFFFFFF)
    login = ""
    if pools.chance.random() < _RELAY_LOGIN_CHANCE:
        login = (
            f"{MARK}DCID: {dcid} IP: {address} SMTP authentication using the profile"
            f" OutboundAuthentication "
        )
        login += (
            "succeeded.\n" if bits >> 40 & 7
            else "failed: ('535', ['5.7.8 Error: authentication failed: authentication failure'])\n"
        )  # fmt: skip
    opening = (
        f"{MARK}New SMTP DCID {dcid} interface 192.0.2.25 address {address} port 25\n"
        f"{MARK}DCID {dcid} TLS success {_TLS[bits >> 33 & 3]}\n{login}"
        f"{MARK}Delivery start DCID {dcid} MID {mid} to RID [0]\n"
    )
    done = (
        f"{MARK}Message done DCID {dcid} MID {mid} to RID [0] [('message-id',"
        f" '<{bits:015x}.{mid}@example.com>')]\n"
        f"{MARK}MID {mid} RID [0] Response '2.0.0 Ok: queued as {bits >> 20:010X}'\n"
        f"{MARK}Message finished MID {mid} done\n"
    )
    # The message arrives in about four pieces; before that, there is nothing to deliver.
    return Told(("", "", "", "", opening, done, f"{MARK}DCID {dcid} close\n"), 1 if login else 0)


def guess(pools: Pools) -> Told:
    """Return an inbound connection that tries one password: four lines, one of them a login."""
    pools.icid += 1
    icid = pools.icid
    bits = pools.chance.getrandbits(20)
    succeeds = pools.chance.random() < _STORM_SUCCEEDS
    login = _login(pools, icid, bits, "succeeded" if succeeds else "failed")
    return Told(
        (_greeting(pools, icid), login, f"{MARK}ICID {icid} close\n"), 1, 1 if succeeds else 0
    )
