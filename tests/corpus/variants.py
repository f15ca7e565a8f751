"""Odd variants of the forms, each with what it means.

`{n}` in a forged text stands for the number of the connection that it is said on: a parser that is
deceived then changes a connection that is under test.
"""

from typing import NamedTuple

from tests.corpus.facts import Verdict
from tests.corpus.noise import FORGED_LOGIN


class Hat(NamedTuple):
    """What follows `ICID n` on a HAT line."""

    text: str
    verdict: Verdict


class Tls(NamedTuple):
    """What follows `ICID n TLS`."""

    text: str
    established: bool
    protocol: str | None = None
    cipher: str | None = None


class Listener(NamedTuple):
    """An interface of the appliance, and how a `New` line spells itself."""

    name: str
    address: str
    form: str = "New SMTP ICID {number} interface {name} ({ip}) address {address}"


class Scheme(NamedTuple):
    """How a client logs in."""

    mechanism: str
    profile: str


class Answer(NamedTuple):
    """A smart host's refusal: printed, and what Python reads in it."""

    text: str
    code: int
    enhanced_code: str | None
    texts: tuple[str, ...]


USERS: tuple[bytes, ...] = (
    b"ironport",
    b"svc-scanner",
    b"u@example.com",
    b"first.last+tag@sub.example.com",
    b"DOMAIN\\u",
    b"EXAMPLE\\carol@example.com",
    b"john smith",
    b"  two  leading",
    b"trailing  ",
    b"o'brien",
    b'"quoted"',
    b"'); drop table users; --",
    b"user: admin",
    b"a:b::c:",
    b"x using AUTH mechanism: LOGIN with profile: Other",
    b" using AUTH mechanism: X with profile: Y",
    b"y with profile: Z",
    b"z using AUTH mechanism: ",
    b"ceo) failed for user: root",
    b"succeeded for user: ceo",
    # Looks like nothing.
    b"",
    b" ",
    b"\t",
    b"-",
    b"None",
    b"\xc2\xa0",
    # Not UTF-8: Latin-1, a byte that never occurs, a surrogate, an end cut off.
    b"caf\xe9",
    b"\xff\xfeu\x00s\x00",
    b"\xed\xa0\x80",
    b"cut\xf0\x9f\x98",
    b"\xf0\x9f\x98\x80 \xe7\x94\xa8\xe6\x88\xb7",
    # Control characters, among them all that some libraries take for the end of a line.
    b"\x1b[31mred\x1b[0m\x1b]0;title\x07",
    b"nul\x00byte",
    b"bell\x07\x08\x7f",
    b"cr\rmiddle",
    b"vt\x0bff\x0cfs\x1cgs\x1drs\x1enel\xc2\x85ls\xe2\x80\xa8ps\xe2\x80\xa9end",
    # Bidirectional override, and a character without width.
    b"admin\xe2\x80\xaegpj.exe",
    b"ad\xe2\x80\x8bmin",
    b"A" * 10_000,
    # Whole lines.
    b"Sun Mar  1 05:00:00 2026 Info: " + FORGED_LOGIN,
    b"x\rSun Mar  1 05:00:00 2026 Info: " + FORGED_LOGIN,
    b"Info: New SMTP ICID {n} interface a (1.2.3.4) address 6.6.6.6 reverse dns host x verified no",
    b"Info: ICID {n} close",
    # Text that ends up in other languages.
    b'{"event":{"outcome":"success"}}',
    b"\\u0000\\n%s%n{0}",
    b"=cmd|' /C calc'!A0",
)

# None is the line of an old release.
REVERSE_DNS: tuple[str | None, ...] = (
    "unknown",
    "mail.example.net",
    None,
    "host-203-0-113-9.dyn.example.org",
    "a (9.9.9.9) address 6.6.6.6 reverse dns host trusted.example.com verified yes",
    f"x verified yes Info: {FORGED_LOGIN.decode()}",
    "x Info: ICID {n} close",
    "x Info: New SMTP ICID {n} interface a (1.2.3.4) address 6.6.6.6 reverse dns host y",
    "\x1b[2Jm\u00fcnchen.example",
    "unknown.example",
)

HATS: tuple[Hat, ...] = (
    Hat("ACCEPT SG None match ALL SBRS None", Verdict("ACCEPT", "None", "ALL", None, None)),
    Hat(
        "ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 3.5 country United States",
        Verdict("ACCEPT", "UNKNOWNLIST", "sbrs[-1.0:10.0]", 3.5, "United States"),
    ),
    Hat(
        "RELAY SG RELAYLIST match 10.0.0.0/8 SBRS rfc1918 country not applicable",
        Verdict("RELAY", "RELAYLIST", "10.0.0.0/8", None, None),
    ),
    Hat(
        "RELAY SG RELAYLIST match 172.16.155.102 SBRS not enabled",
        Verdict("RELAY", "RELAYLIST", "172.16.155.102", None, None),
    ),
    Hat(
        "ACCEPT SG SUSPECTLIST match sbrs[-4.0:-1.0] SBRS -1.4 country Italy ",
        Verdict("ACCEPT", "SUSPECTLIST", "sbrs[-4.0:-1.0]", -1.4, "Italy"),
    ),
    Hat(
        "ACCEPT SG UNKNOWNLIST match  SBRS unable to retrieve country not enabled",
        Verdict("ACCEPT", "UNKNOWNLIST", None, None, None),
    ),
    Hat("ACCEPT SG WHITELIST SBRS 10.0  ", Verdict("ACCEPT", "WHITELIST", None, 10.0, None)),
    Hat(
        "ACCEPT SG UNKNOWNLIST match sbrs[none] SBRS None country Germany",
        Verdict("ACCEPT", "UNKNOWNLIST", "sbrs[none]", None, "Germany"),
    ),
    Hat(
        "REJECT SG BLACKLIST match sbrs[-10.0:-3.0] SBRS -10.0 country Korea, Republic of",
        Verdict("REJECT", "BLACKLIST", "sbrs[-10.0:-3.0]", -10.0, "Korea, Republic of"),
    ),
    Hat(
        "ACCEPT SG UNKNOWNLIST match ALL SBRS 0 country Cote d'Ivoire",
        Verdict("ACCEPT", "UNKNOWNLIST", "ALL", 0.0, "Cote d'Ivoire"),
    ),
    Hat(
        "ACCEPT SG PARTNERS match .example.net SBRS not enabled country not enabled",
        Verdict("ACCEPT", "PARTNERS", ".example.net", None, None),
    ),
)

REFUSED: tuple[Hat, ...] = (
    Hat(
        "TCPREFUSE SG BLACKLIST match sbrs[-10.0:-3.0] SBRS -7.1",
        Verdict("TCPREFUSE", "BLACKLIST", "sbrs[-10.0:-3.0]", -7.1, None),
    ),
    Hat(
        "TCPREFUSE SG GEO match  SBRS None country Russian Federation",
        Verdict("TCPREFUSE", "GEO", None, None, "Russian Federation"),
    ),
)

# None is a connection without TLS.
TLS: tuple[Tls | None, ...] = (
    None,
    *(
        Tls(
            f"success protocol {protocol} cipher {cipher}",
            established=True,
            protocol=protocol,
            cipher=cipher,
        )
        for protocol, cipher in (
            ("TLSv1", "DHE-RSA-AES256-SHA"),
            ("TLSv1/SSLv3", "RC4-SHA"),
            ("SSLv3", "DES-CBC3-SHA"),
            ("TLSv1.1", "AES256-SHA"),
            ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"),
            ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        )
    ),
    Tls("success", established=True),
    Tls("failed", established=False),
    Tls(
        "failed: (336109761, 'error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher')",
        established=False,
    ),
)

LISTENERS: tuple[Listener, ...] = (
    Listener("IncomingMail", "172.16.155.16"),
    Listener("mail", "172.16.155.16"),
    Listener("Data 1", "192.0.2.25"),
    Listener("Data 2 of DMZ", "192.0.2.26"),
    Listener(
        "Management",
        "10.1.1.1",
        "New SMTP ICID {number} interface {name} ({ip})  address {address}",
    ),
    Listener(
        "Data 1",
        "192.0.2.25",
        "New SMTP ICID {number} interface  {name}  ({ip}) address  {address}",
    ),
    Listener(
        "PublicNet", "10.1.1.2", "New smtp ICID {number} interface {name} ({ip}) address {address}"
    ),
    Listener(
        "PublicNet", "10.1.1.2", "New SMTP ICID {number} Interface {name} ({ip}) address {address}"
    ),
)

SCHEMES: tuple[Scheme, ...] = (
    Scheme("PLAIN", "IncomingAuthentication"),
    Scheme("LOGIN", "IncomingAuthentication"),
    Scheme("LOGIN", "Incoming Auth 2"),
    Scheme("CRAM-MD5", "a: b"),
)

ANSWERS: tuple[Answer, ...] = (
    Answer(
        "('535', ['5.7.8 Error: authentication failed: authentication failure'])",
        535,
        "5.7.8",
        ("5.7.8 Error: authentication failed: authentication failure",),
    ),
    Answer("('535', ['authentication failed'])", 535, None, ("authentication failed",)),
    Answer(
        """('535', ["5.7.3 Server's authentication unsuccessful"])""",
        535,
        "5.7.3",
        ("5.7.3 Server's authentication unsuccessful",),
    ),
    Answer(r"""('535', ['5.7.8 Can\'t verify "u"'])""", 535, "5.7.8", ('5.7.8 Can\'t verify "u"',)),
    Answer(
        r"""('454', ["4.7.0 It\'s a temporary failure\r\n\ttry later"])""",
        454,
        "4.7.0",
        ("4.7.0 It's a temporary failure\r\n\ttry later",),
    ),
    Answer(
        "('534', ['5.7.14 Log in with your web browser', '5.7.14 and then try again.'])",
        534,
        "5.7.14",
        ("5.7.14 Log in with your web browser", "5.7.14 and then try again."),
    ),
    Answer(
        r"""('535', ["5.7.8 one's", 'two \\ "three"', '', "x'), ('250', ['2.0.0 ok'])"])""",
        535,
        "5.7.8",
        ("5.7.8 one's", 'two \\ "three"', "", "x'), ('250', ['2.0.0 ok'])"),
    ),
    Answer(
        "('535', ['5.7.8 SMTP authentication using the profile X succeeded.'])",
        535,
        "5.7.8",
        ("5.7.8 SMTP authentication using the profile X succeeded.",),
    ),
    Answer("('421', ['too many attempts, 4.7.0'])", 421, None, ("too many attempts, 4.7.0",)),
)
