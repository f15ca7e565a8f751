"""The messages that matter, each a regular expression under the lines it was read from.

``scanning`` picks the few lines of a block that matter; a form takes such a line apart, and only
when somebody asks for it: most connections never see a login.

Rules:

* A form is anchored: it counts at the start of a message, right after ``Level: ``. What a client,
  a sender or a subject puts further right is never a form.
* Of a connection's lines, words behind what is known, or between it, do not make them unknown:
  releases differ. In a login what ends a form has to be there.
* Two forms never match one line. ``tests/test_grammar.py`` holds every form to its samples.
* Linear time on any input: no repetition within a repetition, and white space is squeezed
  before a form of the appliance's own words looks at it, so that no two repetitions compete.

Sources, by the short names used below:

* *Cisco 118570*: tech note "How are SMTP authentication events logged?"
* *guide*: AsyncOS user guides, chapter "Logging", releases 7 to 16
* *seen*: lines that administrators published
* *template*: the appliance's own message template; no live line was seen
"""

import re
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

LEVEL = rb"[A-Z][a-z]+"
"""Info, Warning, Critical, Alert, Debug, Trace (guide); others are as good."""

STAMP_BYTES = 25
"""``Wed Apr 22 11:43:59 2009 ``, the same width on every line."""

DATE_BYTES = 11
DATE = rb"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d "
"""Begins a line of a file."""

REGULAR = re.compile(DATE + rb".{8} \d{4} " + LEVEL + rb": (?! )")
"""A line of a file, up to its message. The year tells it from a syslog header that is as long."""


class Form(NamedTuple):
    """One kind of message.

    Attributes:
        name: A name for people.
        source: Where its samples come from.
        pattern: Matches the whole message, without timestamp and level.
        verbatim: Whether white space belongs to a value (a user may have two blanks); else runs
            of it count as one blank, and none at the ends.
        samples: Messages that match.
        near: Messages that almost do, and must not.
    """

    name: str
    source: str
    pattern: bytes
    verbatim: bool
    samples: tuple[bytes, ...]
    near: tuple[bytes, ...]


def compile_late(expression: bytes) -> Callable[[], re.Pattern[bytes]]:
    """Compile an expression when it is asked for the first time.

    That takes a millisecond for a large one, and most commands need few of them.
    """
    return partial(_compiled, expression)


_compiled = cache(re.compile)


def _form(name: str, source: str, pattern: bytes, *lines: bytes) -> Form:
    """Make a form of a pattern and lines marked ``+`` (sample) or ``-`` (near)."""
    samples, near = (tuple(x[1:] for x in lines if x[:1] == mark) for mark in (b"+", b"-"))
    verbatim = b"SMTP Auth" in pattern or b"SMTP auth" in pattern
    return Form(name, source, pattern, verbatim, samples, near)


def match(form: Form, message: bytes) -> re.Match[bytes] | None:
    """Take a message apart.

    Args:
        form: What it may be.
        message: The message, without timestamp, level and line end.
    """
    if not form.verbatim and (b"  " in message or message.endswith(b" ")):
        message = b" ".join(message.split())
    return _compiled(form.pattern).fullmatch(message)


def read(form: Form, line: bytes) -> re.Match[bytes] | None:
    """Take a line of the appliance's own words apart.

    Args:
        form: What it may be; not one in which white space belongs to a value.
        line: The whole line, maybe with a carriage return.
    """
    start = find_message(line)
    line = line.rstrip()
    if line.find(b"  ", start) < 0:
        return _compiled(form.pattern).fullmatch(line, start)
    return _compiled(form.pattern).fullmatch(b" ".join(line[start:].split()))


def find_message(line: bytes) -> int:
    """Find where the message begins: behind timestamp and level, in bytes."""
    if line.startswith(_INFO, STAMP_BYTES):
        return STAMP_BYTES + len(_INFO)
    return line.index(b": ", STAMP_BYTES) + 2


def message_of(line: bytes) -> bytes:
    """Give the message of a line: what is behind timestamp and level, without the line's end."""
    return line[find_message(line) :].removesuffix(b"\r")


_INFO = b"Info: "
"""The level of nearly all lines."""


# An address is checked by who uses it: here it is whatever has no space and no bracket.
MAX_DIGITS = 20
"""Of a connection's number: more than 64 bits have. Numbers up to 2^31 were seen."""
_NUMBER = rb"(?P<number>\d{1,%d})" % MAX_DIGITS
_ADDRESS = rb"[^ ()]+"

CONNECTION_OPENED = _form(
    "inbound connection",
    "Cisco 118570; seen (spaces in the name, old releases without address or reverse dns)",
    # The name word by word, so that the first " address " ends it: the client's name comes later.
    rb"New (?:SMTP|smtp) ICID " + _NUMBER + rb" [Ii]nterface"
    rb"(?: (?P<listener>(?!\()[^ ]+(?: [^ ]+)*?))??"
    rb"(?: \((?P<own>" + _ADDRESS + rb")\))? address (?P<address>" + _ADDRESS + rb")"
    # The last "verified" is the appliance's own.
    rb"(?:(?: .*?)?? reverse dns host"
    rb"(?:(?: (?P<domain>.*))? verified (?P<verified>yes|no)(?: .*)?| (?P<name>.*))| .*)?",
    b"+New SMTP ICID 450 interface IncomingMail (172.16.155.16) address 172.16.155.102"
    b" reverse dns host unknown verified no",
    b"+New SMTP ICID 5 interface Data 1 (192.0.2.1) address 198.51.100.7"
    b" reverse dns host  mx.example.com verified yes",
    b"+New smtp ICID 6 Interface Management (192.0.2.1)  address 2001:db8::7",
    b"+New SMTP ICID 7 interface private address 198.51.100.7",
    b"+New SMTP ICID 7 interface  (192.0.2.1) address 198.51.100.7",
    b"+New SMTP ICID 7 interface a (192.0.2.1) address 198.51.100.7 port 1 reverse dns host"
    b" b.example verified no whatever",
    b"-New SMTP ICID 450 interface IncomingMail (172.16.155.16)",
    b"-New SMTP ICID x interface IncomingMail (172.16.155.16) address 172.16.155.102",
    b"-MID 9 Subject 'New SMTP ICID 450 interface a (192.0.2.1) address 192.0.2.2'",
)

POLICY = _form(
    "host access table",
    "Cisco 118570; guide (country since 12); seen (blank match, text for SBRS)",
    rb"ICID " + _NUMBER + rb" (?P<action>ACCEPT|RELAY|REJECT) SG (?P<group>\S+)"
    rb"(?: match(?: (?P<match>(?!SBRS )(?:(?! SBRS | country ).)*+))?)?"
    rb"(?:(?: .*?)?? SBRS (?P<sbrs>[^ ]+))?(?:(?: .*?)?? country (?P<country>.*))?(?: .*)?",
    b"+ICID 450 ACCEPT SG None match ALL SBRS None",
    b"+ICID 450 RELAY SG RELAYLIST match 192.0.2.0/24 SBRS rfc1918 country not applicable  ",
    b"+ICID 450 REJECT SG BLOCKLIST match  SBRS -4.2 country United States",
    b"+ICID 450 ACCEPT SG UNKNOWNLIST SBRS unable to retrieve",
    b"+ICID 450 ACCEPT SG UNKNOWNLIST match ALL SBRS 3.5 and more",
    b"-ICID 450 ACCEPTED SG None match ALL SBRS None",
    b"-ICID 0 TCPREFUSE SG BLOCKLIST match 192.0.2.1 SBRS -9.0",
)

DELAYED_REJECT = _form(
    "rejection put off",
    "guide; seen",
    rb"ICID " + _NUMBER + rb" Delayed HAT REJECT continuing session for recipient logging"
    rb" \((?P<address>" + _ADDRESS + rb")\)(?: .*)?",
    b"+ICID 450 Delayed HAT REJECT continuing session for recipient logging (198.51.100.7)",
    b"-ICID 450 Delayed HAT REJECT continuing session for recipient logging",
)

TLS = _form(
    "STARTTLS, both directions",
    "guide; seen",
    rb"[ID]CID " + _NUMBER + rb" TLS (?:(?P<success>success)"
    rb"(?:(?: .*?)?? protocol (?P<protocol>\S+))?(?:(?: .*?)?? cipher (?P<cipher>\S+))?(?: .*)?"
    rb"|failed(?:[ :].*)?)",
    b"+ICID 450 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384",
    b"+ICID 450 TLS success",
    b"+DCID 9 TLS success protocol TLSv1/SSLv3 cipher RC4-SHA",
    b"+DCID 9 TLS success protocol TLSv1.2 cipher AES128-SHA for example.com",
    b"+DCID 9 TLS success CN: <mx.example.com>",
    b"+ICID 450 TLS failed: (336150757, 'error:140943E8:SSL routines:no certificate')",
    b"-ICID 450 TLS successful",
    b"-MID 450 TLS success",
)

CONNECTION_CLOSED = _form(
    "end of a connection",
    "Cisco 118570; seen (lost)",
    rb"[ID]CID " + _NUMBER + rb" (?P<reason>close|lost)(?:\W.*)?",
    b"+ICID 450 close",
    b"+ICID 450 lost",
    b"+DCID 5633 close",
    b"+DCID 5633 lost",
    b"-ICID 450 closed",
    b"-Info: ICID 450 close",
)

CONNECTION_DISCONNECTED = _form(
    "end of a connection that was idle, or open for too long",
    "seen",
    rb"[ID]CID " + _NUMBER + rb" (?P<reason>disconnected)(?:\W.*)?",
    b"+ICID 450 disconnected address 198.51.100.7, no messages injected within timeout period",
    b"+ICID 450 disconnected address 198.51.100.7, exceeded allowable connection time",
    b"-ICID 450 disconnect",
)

CONNECTION_LOST = _form(
    "end of a connection before anything was said",
    "seen",
    rb"[ID]CID " + _NUMBER + rb" Connection (?:.* )?(?P<reason>lost)(?:\W.*)?",
    b"+ICID 450 Connection from 198.51.100.7 on interface Data 1 (192.0.2.1) lost after 139 seconds"
    b" (DNS query took 139 seconds), before any commands were received",
    b"-ICID 450 Connection from 198.51.100.7 on interface Data 1 (192.0.2.1)",
)

CONNECTION_KILLED = _form(
    "end of a connection by an administrator",
    "seen",
    rb"SMTP server connection (?P<reason>killed) [ID]CID:? " + _NUMBER + rb"(?:[ .,].*)?",
    b"+SMTP server connection killed ICID: 450",
    b"-SMTP server connection killed",
)

_TRIED = rb"SMTP Auth:? +\(ICID +" + _NUMBER + rb"\) +(?P<outcome>succeeded|failed) +for +user:"

INBOUND_LOGIN = _form(
    "inbound login",
    "Cisco 118570; template (no colon after Auth in older releases)",
    # The user is the client's text. The last " using AUTH mechanism: " with a profile behind it
    # is the appliance's: the greedy user leaves no other reading.
    _TRIED + rb" (?P<user>.*) using AUTH mechanism: (?P<mechanism>[^ ]+) with profile: "
    rb"(?P<profile>.*)",
    b"+SMTP Auth: (ICID 450) succeeded for user: ironport using AUTH mechanism: PLAIN"
    b" with profile: IncomingAuthentication",
    b"+SMTP Auth (ICID 450) failed for user:  using AUTH mechanism: LOGIN with profile: P 1",
    b"+SMTP Auth: (ICID 9) failed for user: a using AUTH mechanism: X with profile: Y"
    b" using AUTH mechanism: PLAIN with profile: P",
    b"-SMTP Auth: (ICID 450) succeeded for user: ironport",
    b"-x SMTP Auth: (ICID 450) failed for user: a using AUTH mechanism: PLAIN with profile: P",
)

INBOUND_LOGIN_CUT = _form(
    "inbound login whose end is missing",
    "Cisco 118570, cut short: by the limit of a line, or by a copy that lost its end",
    _TRIED + rb"(?!.* using AUTH mechanism: [^ ]+ with profile: )(?: (?P<rest>.*))?",
    b"+SMTP Auth: (ICID 450) failed for user: ironport",
    b"+SMTP Auth: (ICID 450) failed for user:",
    b"+SMTP Auth: (ICID 450) failed for user: ironport using AUTH mech",
    b"-SMTP Auth: (ICID 450) failed for user: a using AUTH mechanism: PLAIN with profile: P",
    b"-SMTP Auth: (ICID 450) failed for ",
)

OUTBOUND_LOGIN = _form(
    "outbound login",
    "Cisco 118570",
    rb"DCID: " + _NUMBER + rb" IP: (?P<address>" + _ADDRESS + rb") SMTP authentication using the"
    rb" profile (?:(?P<profile>.*?) (?:(?P<success>succeeded)\.?|failed(?:: *(?P<answer>.*))?)"
    # With words behind, which only count where there is no other reading: a profile may have them.
    rb"|(?P<name>.*?) (?:(?P<done>succeeded)|failed)[ .,;:] *(?P<words>.*))",
    b"+DCID: 5633 IP: 172.16.155.102 SMTP authentication using the profile Out succeeded.",
    b"+DCID: 5633 IP: 172.16.155.102 SMTP authentication using the profile Out 1 succeeded",
    b"+DCID: 5640 IP: 172.16.155.102 SMTP authentication using the profile Out failed:"
    b" ('535', ['5.7.8 Error: authentication failed: authentication failure'])",
    b"+DCID: 5633 IP: 172.16.155.102 SMTP authentication using the profile Out succeeded. At once",
    b"-DCID: 5640 IP: 172.16.155.102 SMTP authentication using the profile Out",
    b"-DCID 5640 IP: 172.16.155.102 SMTP authentication using the profile Out succeeded.",
)

PROFILE_BROKEN = _form(
    "login that could not be checked: profile",
    "template",
    rb"SMTP Auth:? \(ICID " + _NUMBER + rb"\) (?P<reason>profile: (?P<profile>.*?) is misconfigured"
    rb" or missing causing an Auth failure)\.?",
    b"+SMTP Auth (ICID 450) profile: P is misconfigured or missing causing an Auth failure",
    b"-SMTP Auth (ICID 450) profile: P is misconfigured",
)

SERVER_UNREACHABLE = _form(
    "login that could not be checked: forwarding server",
    "template",
    rb"SMTP Auth:? \(ICID " + _NUMBER + rb"\) (?P<reason>could not reach forwarding server .*)",
    b"+SMTP Auth (ICID 450) could not reach forwarding server ldap.example.com",
    b"+SMTP Auth: (ICID 450) could not reach forwarding server s with reason: timed out",
    b"-SMTP Auth (ICID 450) could reach forwarding server s",
)

LOOKUP_FAILED = _form(
    "login that could not be checked: LDAP look-up",
    "template",
    rb"SMTP Auth:? \(ICID " + _NUMBER + rb"\) (?P<reason>LDAP query/user lookup failed)"
    rb" for user: (?P<user>.*)",
    b"+SMTP Auth (ICID 450) LDAP query/user lookup failed for user: ironport",
    b"-SMTP Auth (ICID 450) LDAP query/user lookup failed",
)

LDAP_FAILED = _form(
    "login that could not be checked: LDAP, connection unknown",
    "template",
    rb"SMTP Auth:? (?P<reason>LDAP query failed, possible LDAP misconfiguration or unreachable"
    rb" server)\.?",
    b"+SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server.",
    b"-SMTP Auth LDAP query failed",
)

NOT_INITIATED = _form(
    "login required and not begun",
    "template",
    rb"SMTP Auth:? \(ICID " + _NUMBER + rb"\) (?P<reason>was required but remote host did not"
    rb" initiate it)\.?",
    b"+SMTP Auth (ICID 450) was required but remote host did not initiate it",
    b"-SMTP Auth (ICID 450) was required",
)

SERVER_POOL = _form(
    "connections to a forwarding server: no login",
    "template",
    rb"SMTP Auth:? forward server connection to .*",
    b"+SMTP Auth forward server connection to s.example.com, port 25, interface i,"
    b" 3 connections available",
    b"-SMTP Auth forward server",
)

DELIVERY_OPENED = _form(
    "outbound connection",
    "Cisco 118570; seen (no port in old releases)",
    rb"New (?:SMTP|smtp) DCID "
    + _NUMBER
    + rb" [Ii]nterface(?: (?P<own>.*?))?? address (?P<address>"
    + _ADDRESS
    + rb")(?:(?: .*?)?? port (?P<port>\d{1,5})(?![^ ]))?(?: .*)?",
    b"+New SMTP DCID 5633 interface 172.16.155.16 address 172.16.155.102 port 25",
    b"+New SMTP DCID 5633 interface Data 1 address 172.16.155.102",
    b"+New SMTP DCID 5633 interface  address 172.16.155.102 port 25 and more",
    b"-New SMTP DCID 5633 interface 172.16.155.16",
)

MESSAGE_STARTED = _form(
    "message begun",
    "guide; seen",
    rb"Start MID (?P<message>\d+) ICID " + _NUMBER + rb"(?: .*)?",
    b"+Start MID 6 ICID 5",
    b"-Start MID 6 ICID",
)

RECIPIENT = _form(
    "recipient accepted",
    "guide; seen",
    rb"MID (?P<message>\d+) ICID " + _NUMBER + rb" RID (?P<recipient>\d+) To: .*",
    b"+MID 6 ICID 5 RID 0 To: <user@example.com>",
    b"-MID 6 ICID 5 RID 0 Cc: <user@example.com>",
    b"-MID 6 ICID 5 From: <x RID 0 To: <user@example.com>>",
)

MESSAGE_READY = _form(
    "message received",
    "guide; seen",
    rb"MID (?P<message>\d+) ready (?P<size>\d{1,15}) bytes from .*",
    b"+MID 6 ready 100 bytes from <user@example.com>",
    b"-MID 6 ready",
    b"-MID 6 Subject 'MID 6 ready 100 bytes from <user@example.com>'",
)

MESSAGE_ABORTED = _form(
    "message given up",
    "guide; seen",
    rb"Message aborted MID (?P<message>\d+)(?: .*)?",
    b"+Message aborted MID 6 Receiving aborted by sender",
    b"-Message aborted",
)

HEADER_VERSION = _form(
    "file header: release and serial number",
    "guide",
    rb"Version: \S+ SN: (?P<serial>\S+)(?: .*)?",
    b"+Version: 7.6.3-019 SN: 564D0123456789ABCDEF-0123456789AB",
    b"-Version: 7.6.3-019",
)

HEADER_OFFSET = _form(
    "file header: local time minus UTC",
    "guide",
    rb"Time offset from UTC: (?P<seconds>[-+]?\d{1,5}) seconds(?: .*)?",
    b"+Time offset from UTC: 7200 seconds",
    b"+Time offset from UTC: -18000 seconds",
    b"-Time offset from UTC: unknown",
)

FORMS = (
    *(CONNECTION_OPENED, POLICY, DELAYED_REJECT, TLS, DELIVERY_OPENED),
    *(CONNECTION_CLOSED, CONNECTION_DISCONNECTED, CONNECTION_LOST, CONNECTION_KILLED),
    *(INBOUND_LOGIN, INBOUND_LOGIN_CUT, OUTBOUND_LOGIN, PROFILE_BROKEN, SERVER_UNREACHABLE),
    *(LOOKUP_FAILED, LDAP_FAILED, NOT_INITIATED, SERVER_POOL),
    *(MESSAGE_STARTED, RECIPIENT, MESSAGE_READY, MESSAGE_ABORTED),
    *(HEADER_VERSION, HEADER_OFFSET),
)
