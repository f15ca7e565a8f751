"""How lines end, where that shows whether something of them is missing.

A line that makes or describes a login mostly ends in the appliance's own words. Where it does not,
as at a profile or a server, nothing tells its end from the place where a copy broke off.

A form shows in how a line begins and how it ends. So of a long line only that much is looked at,
and what a stranger writes into a user or a host name takes no time.
"""

import re
from enum import IntEnum
from typing import NamedTuple

from forwarder.mail_logs import syslog
from forwarder.mail_logs.grammar import REGULAR, STAMP_BYTES, compile_late
from forwarder.mail_logs.syslog import REPEATED, may_begin, unframe

MAX_BEGIN = 512
"""Bytes at the beginning of a line that are looked at: headers of relays, and the form's head."""
MAX_END = 512
"""Bytes at the end: the longest known end has the answer of a server in it."""


class End(IntEnum):
    """What the end of a line says."""

    UNKNOWN = 0
    """It is of no known form, or not yet."""
    CUT = 1
    """It is a login of which the end is missing."""
    LOOSE = 2
    """It may be there, and may be missing: an address or a number could go on."""
    OPEN = 3
    """It is there, but for parts that not every line of the form has."""
    NAMED = 4
    """It is there; a name that is the end of it may have been cut."""
    WHOLE = 5
    """It is there."""


class Ending(NamedTuple):
    """How a line ends."""

    end: End
    text: bytes
    """The part of it in which words stand, with blanks between them."""
    user: bytes | None = None
    """Of a login that is there."""


_LOGIN = rb"SMTP Auth:? \(ICID \d+\) "
_TRIED = _LOGIN + rb"(?:succeeded|failed) for user:"
_OUTBOUND = rb"DCID: \d+ IP: [^ ()]+ SMTP authentication using the profile .*? "
_IP = rb"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)"
_INTERFACE = rb" \d+ [Ii]nterface (?:(?P<text>[A-Za-z][^ ()]* \d+) |[^()]* )?"
_NEW = rb"New (?:SMTP|smtp) ICID" + _INTERFACE + rb"(?:\([^ ()]+\) )?address " + _IP
_NEW_DELIVERY = rb"New (?:SMTP|smtp) DCID" + _INTERFACE + rb"address " + _IP
_POLICY = rb"ICID \d+ (?:ACCEPT|RELAY|REJECT) SG [^ ]+(?<!match)"
_SBRS = rb" SBRS (?:None|rfc1918|not enabled|unable to retrieve|-?\d{1,2}(?:\.\d{1,3})?)"
_COUNTRY = rb"(?: country (?P<text>[^ :]+(?: [^ :]+){0,6}))?"
_CODE = rb"(?:[245]\.\d{1,3}\.\d{1,3}(?!\d| ?\.)|(?![245] ?\.))"
_ANSWER = rb"\(u?['\"]?\d{3}['\"]?, ?\[?u?['\"](?! )" + _CODE + rb"(?:.*[^ ])?['\"]\]?\)\.?"
_BROKEN = rb" is misconfigured or missing causing an Auth failure\.?"
_UNREACHABLE = rb"LDAP query failed, possible LDAP misconfiguration or unreachable server\.?"
_DELAYED = rb"ICID \d+ Delayed HAT REJECT continuing session for recipient logging"
_PEER = rb"(?: for [^ ]+)?(?: CN(?:=|: )[^ ]+)?"

_ENDS = [
    (end, compile_late(pattern))
    for end, pattern in (
        (End.NAMED, _TRIED + rb"(?P<user> .*) using AUTH mechanism: [^ ]+ with profile: [^ ].*"),
        (End.CUT, _TRIED + rb".*"),
        (End.WHOLE, _LOGIN + rb"profile: .*" + _BROKEN),
        (End.NAMED, _LOGIN + rb"could not reach forwarding server [^ ]+ with reason: .+"),
        (End.OPEN, _LOGIN + rb"could not reach forwarding server [^ ]+"),
        (End.NAMED, _LOGIN + rb"LDAP query/user lookup failed for user: .+"),
        (End.WHOLE, _LOGIN + rb"was required but remote host did not initiate it\.?"),
        (End.WHOLE, rb"SMTP Auth:? " + _UNREACHABLE),
        (End.WHOLE, rb"SMTP Auth:? forward server connection to .* connections available"),
        (End.WHOLE, _OUTBOUND + rb"succeeded\.(?: .*)?"),
        (End.OPEN, _OUTBOUND + rb"succeeded"),
        (End.WHOLE, _OUTBOUND + rb"failed: (?P<text>" + _ANSWER + rb")"),
        (End.OPEN, _OUTBOUND + rb"failed"),
        (End.CUT, _OUTBOUND + rb"failed: *(?P<text>.*)"),
        (End.WHOLE, _NEW + rb" reverse dns host (?:[^ ]+ )?verified (?:yes|no)"),
        (End.WHOLE, _NEW + rb" (?:.* )?reverse dns host (?:[^ ]+ )?verified (?:yes|no)(?: .*)?"),
        (End.LOOSE, _NEW + rb"(?: reverse dns host [^ ]+)?"),
        (End.OPEN, _NEW_DELIVERY + rb" port \d{1,5}"),
        (End.LOOSE, _NEW_DELIVERY),
        (End.OPEN, _POLICY + rb"(?: match(?: .*?)?)?" + _SBRS + _COUNTRY),
        (End.LOOSE, _POLICY + rb"(?: match(?: [^ ]+)?)?"),
        (End.WHOLE, _DELAYED + rb" \(" + _IP + rb"\)"),
        (
            End.OPEN,
            rb"[ID]CID \d+ TLS success(?: protocol [^ ]+)?(?: cipher [A-Z0-9_-]+)?" + _PEER,
        ),
        (End.OPEN, rb"[ID]CID \d+ TLS failed(?:[ :].*)?"),
        (End.WHOLE, rb"[ID]CID \d+ (?:close|lost)(?:\W.*)?"),
        (End.OPEN, rb"[ID]CID \d+ disconnected(?:\W.*)?"),
        (End.OPEN, rb"[ID]CID \d+ Connection (?:.* )?lost(?:\W.*)?"),
        (End.LOOSE, rb"SMTP server connection killed [ID]CID:? \d+(?:[ .,].*)?"),
        (End.OPEN, rb"Message aborted MID \d+(?: .*)?"),
        (End.LOOSE, rb"Start MID \d+ ICID \d+"),
        (End.WHOLE, rb"MID \d+ ICID \d+ RID \d+ To: .*>"),
        (End.WHOLE, rb"MID \d+ ready \d+ bytes from .*"),
        (End.WHOLE, rb"Version: [^ ]+ SN: [0-9A-Z]{12,}-[0-9A-Z]{12}"),
        (End.LOOSE, rb"Version: [^ ]+ SN: [0-9A-Z]+(?:-[0-9A-Z]*)?"),
        (End.WHOLE, rb"Time offset from UTC: [-+]?\d{1,5} seconds"),
    )
]
"""The first that a message matches counts."""

_MATTERS = re.compile(rb"SMTP Auth|DCID: |New (?:SMTP|smtp) |ICID \d+ [A-Z]+ SG ")


def shorten(line: bytes) -> bytes:
    """Leave out what does not matter of a long line: all but its beginning and its end."""
    if len(line) <= MAX_BEGIN + MAX_END:
        return line
    return line[:MAX_BEGIN] + line[-MAX_END:]


def find_message(line: bytes) -> int | None:
    """Find where the message begins, in bytes; None where it is no line of a mail log."""
    if REGULAR.match(line):
        return line.index(b": ", STAMP_BYTES) + 2
    repeated = REPEATED.search(line)
    whole = line if repeated is None else line[: repeated.start()] + line[repeated.end() :]
    unframed = unframe(whole)
    if unframed is None:
        return None
    start = syslog.find_message(whole, unframed[0].end())
    if repeated is None:
        return start
    if not may_begin(whole, repeated.start()):
        return None
    return start + len(line) - len(whole)


def read_ending(message: bytes) -> Ending:
    """Say how a message ends.

    Args:
        message: Without timestamp and level; what :func:`shorten` leaves of it is enough.
    """
    message = message.rstrip()
    # White space in a user is the user's own.
    if not message.startswith(b"SMTP "):
        message = b" ".join(message.split())
    for end, pattern in _ENDS:
        found = pattern().fullmatch(message)
        if found is not None:
            groups = found.groupdict()
            return Ending(end, groups.get("text") or b"", groups.get("user"))
    return Ending(End.UNKNOWN, b"")


def matters(message: bytes) -> bool:
    """Whether a message begins like one that makes or describes a login."""
    return _MATTERS.match(message) is not None


def is_broken_off(line: bytes) -> bool:
    """Say whether a line that no newline ends is a piece of one that matters for logins.

    Args:
        line: In any framing, from its first byte.
    """
    line = shorten(line)
    start = find_message(line)
    if start is None or not matters(line[start:]):
        return False
    return read_ending(line[start:]).end < End.OPEN
