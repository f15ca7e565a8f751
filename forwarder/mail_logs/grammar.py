"""The messages that matter, each form a regular expression with a sample.

``scanner`` finds the few lines of a block that may matter; a form parses such a line only when a
login needs it, as most connections never see one.

Rules:

* A form is anchored at the start of a message, right after ``Level: ``. Text of a client, a sender
  or a subject further right never matches.
* Lines about a connection may have unknown words behind or between the known ones, as releases
  differ. A login has to end as its form does.
* No line matches two forms. ``tests/patterns.py`` has samples and counterexamples of each.
* Forms take linear time on any input: no repetition contains another, and runs of white space
  become one space before the appliance's own words are matched, so that repetitions never compete.

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
"""Info, Warning, Critical, Alert, Debug, Trace (guide), or any other."""

STAMP_BYTES = 25  # ``Wed Apr 22 11:43:59 2009 ``, the same width on every line
DATE_BYTES = 11
DATE = rb"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d "  # begins a line of a file

REGULAR = re.compile(DATE + rb".{8} \d{4} " + LEVEL + rb": (?! )")
"""A line of a file, up to its message. The year excludes a syslog header of the same length."""


def compile_late(expression: bytes) -> Callable[[], re.Pattern[bytes]]:
    """Compile an expression at its first use: a large one takes a millisecond."""
    return partial(_compiled, expression)


_compiled = cache(re.compile)


class Form(NamedTuple):
    """One kind of message."""

    name: str
    sample: bytes
    pattern: bytes
    is_login: bool = False  # whether it becomes a document by itself


def match(form: Form, message: bytes) -> re.Match[bytes] | None:
    """Match a message, without timestamp, level and line end.

    Runs of white space count as one space, and are ignored at the ends, except in logins, where
    they may belong to the user.
    """
    if (b"  " in message or message.endswith(b" ")) and not message.startswith(_LOGIN):
        message = b" ".join(message.split())
    return _compiled(form.pattern).fullmatch(message)


def read(form: Form, line: bytes) -> re.Match[bytes] | None:
    """Match a whole line that is not a login, with or without a carriage return."""
    start = find_message(line)
    line = line.rstrip()
    if line.find(b"  ", start) < 0:
        return _compiled(form.pattern).fullmatch(line, start)
    return _compiled(form.pattern).fullmatch(b" ".join(line[start:].split()))


def find_message(line: bytes) -> int:
    """Return where the message begins, behind timestamp and level, in bytes."""
    if line.startswith(_INFO, STAMP_BYTES):
        return STAMP_BYTES + len(_INFO)
    return line.index(b": ", STAMP_BYTES) + 2


def message_of(line: bytes) -> bytes:
    """Return the message of a line: without timestamp, level and line end."""
    return line[find_message(line) :].removesuffix(b"\r")


_LOGIN = (b"SMTP Auth", b"DCID: ")
_INFO = b"Info: "  # the level of nearly all lines


# Any text without spaces and brackets: addresses are checked where they are used.
MAX_DIGITS = 20  # of a connection's number: more than 64 bits have; up to 2^31 was seen
_NUMBER = rb"(?P<number>\d{1,%d})" % MAX_DIGITS
_ADDRESS = rb"[^ ()]+"

# Cisco 118570; seen (spaces in the name, old releases without address or reverse dns)
CONNECTION_OPENED = Form(
    "beginning of an inbound connection",
    b"New SMTP ICID 450 interface IncomingMail (192.0.2.1) address 198.51.100.7"
    b" reverse dns host unknown verified no",
    # The name word by word, so that the first " address " ends it: the client's name comes later.
    rb"New (?:SMTP|smtp) ICID " + _NUMBER + rb" [Ii]nterface"
    rb"(?: (?P<listener>(?!\()[^ ]+(?: [^ ]+)*?))??"
    rb"(?: \((?P<own>" + _ADDRESS + rb")\))? address (?P<address>" + _ADDRESS + rb")"
    # The last "verified" is the appliance's own.
    rb"(?:(?: .*?)?? reverse dns host"
    rb"(?:(?: (?P<domain>.*))? verified (?P<verified>yes|no)(?: .*)?| (?P<name>.*))| .*)?",
)

# Cisco 118570; guide (country since 12); seen (blank match, text for SBRS)
POLICY = Form(
    "policy of the host access table",
    b"ICID 450 ACCEPT SG None match ALL SBRS None country Italy",
    rb"ICID " + _NUMBER + rb" (?P<action>ACCEPT|RELAY|REJECT) SG (?P<group>\S+)"
    rb"(?: match(?: (?P<match>(?!SBRS )(?:(?! SBRS | country ).)*+))?)?"
    rb"(?:(?: .*?)?? SBRS (?P<sbrs>[^ ]+))?(?:(?: .*?)?? country (?P<country>.*))?(?: .*)?",
)

# guide; seen
DELAYED_REJECT = Form(
    "rejection that is put off",
    b"ICID 450 Delayed HAT REJECT continuing session for recipient logging (198.51.100.7)",
    rb"ICID " + _NUMBER + rb" Delayed HAT REJECT continuing session for recipient logging"
    rb" \((?P<address>" + _ADDRESS + rb")\)(?: .*)?",
)

# In both directions. guide; seen
TLS = Form(
    "TLS of a connection",
    b"ICID 450 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384",
    rb"[ID]CID " + _NUMBER + rb" TLS (?:(?P<success>success)"
    rb"(?:(?: .*?)?? protocol (?P<protocol>\S+))?(?:(?: .*?)?? cipher (?P<cipher>\S+))?(?: .*)?"
    rb"|failed(?:[ :].*)?)",
)

# ICID 450 disconnected address 198.51.100.7, no messages injected within timeout period
# ICID 450 Connection from 198.51.100.7 on interface Data 1 (192.0.2.1) lost after 139 seconds
# (DNS query took 139 seconds), before any commands were received
#   Cisco 118570; seen (all but close)
CONNECTION_ENDED = Form(
    "end of a connection",
    b"ICID 450 close",
    rb"[ID]CID " + _NUMBER + rb" (?:(?P<reason>close|lost|disconnected)|Connection (?:.* )?lost)"
    rb"(?:\W.*)?",
)

_TRIED = rb"SMTP Auth:? +\(ICID +" + _NUMBER + rb"\) +(?P<outcome>succeeded|failed) +for +user:"

# Cisco 118570; template (no colon after Auth in older releases)
INBOUND_LOGIN = Form(
    "login of a client",
    b"SMTP Auth: (ICID 450) succeeded for user: ironport using AUTH mechanism: PLAIN"
    b" with profile: SmtpAuth",
    # The user is the client's text. The last " using AUTH mechanism: " with a profile behind it
    # is the appliance's: the greedy user leaves no other reading.
    _TRIED + rb" (?P<user>.*) using AUTH mechanism: (?P<mechanism>[^ ]+) with profile: "
    rb"(?P<profile>.*)",
    is_login=True,
)

# Cisco 118570, cut short: by the limit of a line, or by a copy that lost its end
INBOUND_LOGIN_CUT = Form(
    "login of a client whose end is missing",
    b"SMTP Auth: (ICID 450) failed for user: ironport",
    _TRIED + rb"(?!.* using AUTH mechanism: [^ ]+ with profile: )(?: (?P<rest>.*))?",
    is_login=True,
)

# Cisco 118570
OUTBOUND_LOGIN = Form(
    "login at a smart host",
    b"DCID: 5633 IP: 198.51.100.7 SMTP authentication using the profile Out succeeded.",
    rb"DCID: " + _NUMBER + rb" IP: (?P<address>" + _ADDRESS + rb") SMTP authentication using the"
    rb" profile (?:(?P<profile>.*?) (?:(?P<success>succeeded)\.?|failed(?:: *(?P<answer>.*))?)"
    # Further words only count if there is no other reading, as a profile may contain them.
    rb"|(?P<name>.*?) (?:(?P<done>succeeded)|failed)[ .,;:] *(?P<words>.*))",
    is_login=True,
)

# template
PROFILE_BROKEN = Form(
    "login that could not be checked: profile",
    b"SMTP Auth (ICID 450) profile: P is misconfigured or missing causing an Auth failure",
    rb"SMTP Auth:? \(ICID " + _NUMBER + rb"\) (?P<reason>profile: (?P<profile>.*?) is misconfigured"
    rb" or missing causing an Auth failure)\.?",
    is_login=True,
)

# template
SERVER_UNREACHABLE = Form(
    "login that could not be checked: forwarding server",
    b"SMTP Auth (ICID 450) could not reach forwarding server ldap.example.com",
    rb"SMTP Auth:? \(ICID " + _NUMBER + rb"\) (?P<reason>could not reach forwarding server .*)",
    is_login=True,
)

# template
LOOKUP_FAILED = Form(
    "login that could not be checked: LDAP look-up",
    b"SMTP Auth (ICID 450) LDAP query/user lookup failed for user: ironport",
    rb"SMTP Auth:? \(ICID " + _NUMBER + rb"\) (?P<reason>LDAP query/user lookup failed)"
    rb" for user:(?: (?P<user>.*))?",
    is_login=True,
)

# template; the connection is unknown
LDAP_FAILED = Form(
    "login that could not be checked: LDAP",
    b"SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server.",
    rb"SMTP Auth:? (?P<reason>LDAP query failed, possible LDAP misconfiguration or unreachable"
    rb" server)\.?",
    is_login=True,
)

# template
NOT_INITIATED = Form(
    "login that was required and not begun",
    b"SMTP Auth (ICID 450) was required but remote host did not initiate it",
    rb"SMTP Auth:? \(ICID " + _NUMBER + rb"\) (?P<reason>was required but remote host did not"
    rb" initiate it)\.?",
    is_login=True,
)

# Not a login. template
SERVER_POOL = Form(
    "connections to a forwarding server",
    b"SMTP Auth forward server connection to s.example.com, port 25, interface i,"
    b" 3 connections available",
    rb"SMTP Auth:? forward server connection to .*",
)

# Cisco 118570; seen (no port in old releases)
DELIVERY_OPENED = Form(
    "beginning of an outbound connection",
    b"New SMTP DCID 5633 interface 192.0.2.1 address 198.51.100.7 port 25",
    rb"New (?:SMTP|smtp) DCID " + _NUMBER + rb" [Ii]nterface(?: (?P<own>.*?))??"
    rb" address (?P<address>" + _ADDRESS + rb")"
    rb"(?:(?: .*?)?? port (?P<port>\d{1,5})(?![^ ]))?(?: .*)?",
)

# guide; seen
MESSAGE_STARTED = Form(
    "beginning of a message",
    b"Start MID 6 ICID 5",
    rb"Start +MID +(?P<message>\d+) +ICID +" + _NUMBER + rb"(?![^ \r])(?: .*)?",
)

# guide; seen
RECIPIENT = Form(
    "recipient of a message",
    b"MID 6 ICID 5 RID 0 To: <user@example.com>",
    rb"MID +(?P<message>\d+) +ICID +" + _NUMBER + rb" +RID +(?P<recipient>\d+) +To: +[^ \r].*",
)

# guide; seen
MESSAGE_READY = Form(
    "size of a message",
    b"MID 6 ready 100 bytes from <a@example.com>",
    rb"MID +(?P<message>\d+) +ready +(?P<size>\d{1,15}) +bytes +from +[^ \r].*",
)

# guide; seen
MESSAGE_ABORTED = Form(
    "message that was given up",
    b"Message aborted MID 6 Receiving aborted by sender",
    rb"Message +aborted +MID +(?P<message>\d+)(?![^ \r])(?: .*)?",
)

# guide
HEADER_VERSION = Form(
    "header of the file: release and serial number",
    b"Version: 15.0.0-100 SN: 564D0123456789ABCDEF-0123456789AB",
    rb"Version: \S+ SN: (?P<serial>\S+)(?: .*)?",
)

# Local time minus UTC. guide
HEADER_OFFSET = Form(
    "header of the file: offset of its times",
    b"Time offset from UTC: 7200 seconds",
    rb"Time offset from UTC: (?P<seconds>[-+]?\d{1,5}) seconds(?: .*)?",
)

FORMS = (
    *(CONNECTION_OPENED, POLICY, DELAYED_REJECT, TLS, CONNECTION_ENDED),
    *(INBOUND_LOGIN, INBOUND_LOGIN_CUT, OUTBOUND_LOGIN, PROFILE_BROKEN, SERVER_UNREACHABLE),
    *(LOOKUP_FAILED, LDAP_FAILED, NOT_INITIATED, SERVER_POOL, DELIVERY_OPENED),
    *(MESSAGE_STARTED, RECIPIENT, MESSAGE_READY, MESSAGE_ABORTED, HEADER_VERSION, HEADER_OFFSET),
)


def find_form(message: bytes) -> Form | None:
    """Find the form of a message, which is without timestamp, level and line end."""
    return next((x for x in FORMS if match(x, message)), None)
