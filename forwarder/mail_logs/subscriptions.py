"""Recognises the subscription of a log that is not a mail log.

An appliance writes some thirty kinds of logs, all with the same timestamps and levels. A mail log
is recognised by the first line of a connection, a message or a login. Until then, lines are
counted, and a line that only one subscription has shows which it is. Otherwise nothing is guessed.

The sample lines come from the AsyncOS user guides 7 to 15, chapter "Logging", and from lines that
administrators and authors of parsers published. In brackets is the name that AsyncOS or its guides
give to the subscription; an administrator may choose another.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from forwarder.mail_logs.grammar import LEVEL, compile_late
from forwarder.text import many, shown

SHOWN_BYTES = 512  # of a line without a level, whose beginning is enough

_BEGIN = rb"\n(?s:.{25})" + LEVEL + rb": *+"
_MAIL = compile_late(
    _BEGIN + rb"(?:New (?:SMTP|smtp) [ID]CID |[ID]CID:? \d|MID \d|Start MID |SMTP Auth"
    rb"|Message (?:done|aborted|finished|\d)|Delivery start |RPC Delivery start "
    # A bounce log has the sender here.
    rb"|(?:Bounced|Delayed): DCID \d++ MID \d++ to RID )"
)
_HEADER = compile_late(
    _BEGIN + rb"(?:Begin Logfile|End Logfile|Logfile rolled over|Version: |Time offset from UTC: )"
)


SUBSCRIPTIONS = {
    # req:192.0.2.5 user:admin id:AbCdEf 200 GET /mail_policies HTTP/1.1 Mozilla/5.0
    # Session AbCdEf from 192.0.2.5 not found
    # Error in https connection from host 192.0.2.5 port 1234 - [Errno 54] Connection reset by peer
    "HTTP logs (gui_logs)": (
        rb"req:\S+ user:\S* id:|Session \S+ (?:from \S+ not found|user:\S* expired)"
        rb"|SourceIP:\S+ Destination:|SSL error with client |Error in https? connection from host "
    ),
    # The user admin successfully logged on from 192.0.2.5 with privilege admin using an HTTPS ..
    # User joe failed authentication.
    # An authentication attempt by the user admin from 192.0.2.5 failed using an HTTPS connection.
    # logout:192.0.2.5 user:admin session:AbCdEf
    "authentication logs (authentication)": (
        rb"(?:The user|User) \S+ (?:from \S+ )?(?:successfully logged on|was authenticated "
        rb"success|failed authentication|logged out of )|An authentication attempt by the user "
        rb"|log(?:in|out):\S+ user:\S+ session:"
    ),
    # PID 16328: User admin entered 'mailconfig'; prompt was '\nmail3.example.com> '
    "CLI audit logs (cli_logs)": rb"PID \d++: User \S+ (?:entered|executed) ",
    # Appliance: mail1.example.com, Interaction Mode: GUI, User: admin, Source IP: 192.0.2.5, ..
    "audit logs (audit_logs)": rb"Appliance: \S+ Interaction Mode: ",
    # PID 608: User system commit changes: SSW:Password
    # Received an invalid DNS Response: '' to IP 192.0.2.5 looking up example.net
    "system logs (system_logs)": (
        rb"PID \d++: User \S+ commit changes|lame DNS referral: |Received an invalid DNS Response: "
    ),
    # Info: case antispam - engine (20078) : case-daemon: server pid: 20078
    "anti-spam logs (antispam)": rb"\w+ antispam - ",
    # sophos antivirus - MID 190 - Result 'CLEAN' ()
    "anti-virus logs (antivirus)": rb"\w+ antivirus - ",
    # File reputation query initiating. File Name = 'a.exe', MID = 5, File Size = 1673216 bytes, ..
    # Response received for file reputation query from Cloud. File Name = 'a.exe', MID = 5, ..
    "AMP engine logs (amp)": (
        rb"File (?:reputation query|(?:not )?uploaded for analysis)|Response received for file "
    ),
    # Status: CPULd 0 DskIO 0 RAMUtil 1 QKUsd 0 QKFre 8388608 CrtMID 0 CrtICID 0 CrtDCID 1 ..
    "status logs (status)": rb"Status: CPULd \d",
    # Bounced: DCID 2 MID 15232 From:<a@example.com> To:<b@example.com> RID 0 - 5.1.0 - ..
    "bounce logs (bounces)": rb"(?:Bounced|Delayed): (?:DCID \d++ )?(?:MID )?[\d:]++ From:<",
}
"""How messages begin that only one kind of log has, as expressions. Only kinds that are mistaken
for mail logs are here."""

_SIGNS = compile_late(
    _BEGIN + rb"(?:" + b"|".join(rb"(%b)" % x for x in SUBSCRIPTIONS.values()) + rb")"
)

# Tue Aug 13 15:15:49 2019: CEF:0|Cisco|C300V Email Security Virtual Appliance|13.0.0-252|ESA_..
# <22>Jun 17 18:06:02 esa1 mail_cef: CEF:0|Cisco|C100V Secure Email Gateway Virtual|15.5.1|..
_CEF = re.compile(rb".{15,150}?[ :]CEF:\d++\|Cisco\|")  # these have no level


class OtherLog(NamedTuple):
    """A file without a line of a connection, a message or a login."""

    lines: int  # with a timestamp, except for the header of the file
    subscription: str | None  # what it looks like, if any
    is_foreign: bool  # whether nothing shows that it is a log of an appliance

    def say(self, what: str) -> str:
        """Describe it in a sentence without a period; ``what`` is the file, in quotes."""
        if self.is_foreign:
            return (
                f"{what} has no line of a mail log in it; a line begins like"
                " 'Wed Apr 22 11:43:59 2009 Info: ', or with a syslog header before the level"
            )
        looks = f"it looks like {self.subscription}" if self.subscription else "its kind is unknown"
        return (
            f"{what} has {many(self.lines, 'line')} with a timestamp, and no connection, message or"
            f" login among them; {looks}, and logins are in text mail logs (mail_logs)"
        )


@dataclass
class Contents:
    """Examines the lines of a file until one shows that it is a mail log."""

    is_framed: bool = False  # whether a line had a timestamp and a level
    lines: int = 0  # with both, except for the header of the file
    subscription: str | None = None

    def is_mail(self, text: bytes, start: int, end: int) -> bool:
        """Whether a line is of a connection, message or login; each line is behind a newline."""
        if _MAIL().search(text, start, end):
            return True
        self.is_framed = True
        headers = sum(1 for _ in _HEADER().finditer(text, start, end))
        self.lines += text.count(b"\n", start, end) - headers
        if self.subscription is None and (sign := _SIGNS().search(text, start, end)):
            self.subscription = next(
                x for x, y in zip(SUBSCRIPTIONS, sign.groups(), strict=True) if y
            )
        return False

    def describe(self, others: int, first_other: bytes) -> OtherLog | None:
        """Return what the file looks like so far; None if it only has a header.

        ``others`` is the number of lines with a timestamp but no level.
        """
        subscription = self.subscription
        if subscription is None and _CEF.match(first_other):
            subscription = "consolidated event logs (CEF)"
        is_foreign = not self.is_framed and subscription is None
        lines = self.lines + others
        return OtherLog(lines, subscription, is_foreign) if lines or is_foreign else None


def say_others(found: Sequence[tuple[str, OtherLog]]) -> Iterator[str]:
    """Yield a sentence for each other subscription, with the path of its first file."""
    known: dict[str | None, list[tuple[str, OtherLog]]] = defaultdict(list)
    for path, other in found:
        known[other.subscription].append((path, other))
    for (path, other), *more in known.values():
        ending = f"; the same goes for {many(len(more), 'more file')}" if more else ""
        yield other.say(shown(path)) + ending
