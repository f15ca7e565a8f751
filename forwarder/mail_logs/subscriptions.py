"""Which subscription a log is of, where it is not a mail log.

An appliance writes some thirty kinds of logs, all with the same timestamps and levels, and a
wrong one gives no document and no error. A mail log shows with the first line of a connection, a
message or a login; as long as there is none, lines are counted, and one that only a certain
subscription has tells which it is. Mail logs themselves have lines that tell nothing, so what
has no such line is not guessed.

The lines under which the signs stand are of AsyncOS user guides 7 to 15, chapter "Logging", and of
lines that administrators and makers of parsers published. In brackets is the name that AsyncOS or
its guides give such a subscription; an administrator may give it another.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from forwarder.mail_logs.grammar import LEVEL, compile_late
from forwarder.text import shown

SHOWN_BYTES = 512
"""Of a line without a level; what tells is at its beginning."""

_BEGIN = rb"\n(?s:.{25})" + LEVEL + rb": *+"
_MAIL = compile_late(
    _BEGIN + rb"(?:New (?:SMTP|smtp) [ID]CID |[ID]CID:? \d|MID \d|Start MID |SMTP Auth"
    rb"|Message (?:done|aborted|finished|\d)|Delivery start |RPC Delivery start "
    # A bounce log has the sender there.
    rb"|(?:Bounced|Delayed): DCID \d++ MID \d++ to RID )"
)
_HEADER = compile_late(
    _BEGIN + rb"(?:Begin Logfile|End Logfile|Logfile rolled over|Version: |Time offset from UTC: )"
)


class _Subscription(NamedTuple):
    """A kind of log, with how messages begin that no other kind has, as an expression."""

    name: str
    signs: bytes


SUBSCRIPTIONS = (
    # req:192.0.2.5 user:admin id:AbCdEf 200 GET /mail_policies HTTP/1.1 Mozilla/5.0
    # Session AbCdEf from 192.0.2.5 not found
    # SourceIP:192.0.2.5 Destination:/login Username:admin Privilege:admin session:AbCdEf Action: ..
    # Error in https connection from host 192.0.2.5 port 1234 - [Errno 54] Connection reset by peer
    _Subscription(
        "HTTP logs (gui_logs)",
        rb"req:\S+ user:\S* id:|Session \S+ (?:from \S+ not found|user:\S* expired)"
        rb"|SourceIP:\S+ Destination:|https? service on \S+ redirecting|SSL error with client "
        rb"|PERIODIC REPORTS: |Error in https? connection from host ",
    ),
    # The user admin successfully logged on from 192.0.2.5 with privilege admin using an HTTPS ..
    # User joe failed authentication.
    # An authentication attempt by the user admin from 192.0.2.5 failed using an HTTPS connection.
    # logout:192.0.2.5 user:admin session:AbCdEf
    _Subscription(
        "authentication logs (authentication)",
        rb"(?:The user|User) \S+ (?:from \S+ )?(?:successfully logged on|was authenticated "
        rb"success|failed authentication|logged out of )|An authentication attempt by the user "
        rb"|log(?:in|out):\S+ user:\S+ session:|(?:CLI|GUI): User \S+ logged out ",
    ),
    # PID 16328: User admin entered 'mailconfig'; prompt was '\nmail3.example.com> '
    _Subscription("CLI audit logs (cli_logs)", rb"PID \d++: User \S+ (?:entered|executed) "),
    # Appliance: mail1.example.com, Interaction Mode: GUI, User: admin, Source IP: 192.0.2.5, ..
    _Subscription("audit logs (audit_logs)", rb"Appliance: \S+ Interaction Mode: "),
    # PID 608: User system commit changes: SSW:Password
    # lame DNS referral: qname:example.net ns_name:ns.example.net zone:example.net ..
    # Received an invalid DNS Response: '' to IP 192.0.2.5 looking up example.net
    _Subscription(
        "system logs (system_logs)",
        rb"PID \d++: User \S+ commit changes|lame DNS referral: |Received an invalid DNS Response: "
        rb"|DNS query network error |Failed to bootstrap the DNS resolver",
    ),
    # Info: case antispam - engine (20078) : case-daemon: server pid: 20078
    _Subscription("anti-spam logs (antispam)", rb"\w+ antispam - "),
    # sophos antivirus - MID 190 - Result 'CLEAN' ()
    _Subscription("anti-virus logs (antivirus)", rb"\w+ antivirus - "),
    # File reputation query initiating. File Name = 'a.exe', MID = 5, File Size = 1673216 bytes, ..
    # Response received for file reputation query from Cloud. File Name = 'a.exe', MID = 5, ..
    # Retrospective verdict received. SHA256: ..
    _Subscription(
        "AMP engine logs (amp)",
        rb"File (?:reputation query|(?:not )?uploaded for analysis|[Aa]nalysis (?:complete|upload))"
        rb"|Response received for file |Retrospective verdict received",
    ),
    # PF: Starting multi-threaded Perceptive server (pid=92062)
    _Subscription("content scanner logs (content_scanner)", rb"PF: "),
    # graymail [CONFIG] Starting graymail configuration handler
    _Subscription("graymail logs (graymail)", rb"graymail \["),
    # Status: CPULd 0 DskIO 0 RAMUtil 1 QKUsd 0 QKFre 8388608 CrtMID 0 CrtICID 0 CrtDCID 1 ..
    _Subscription("status logs (status)", rb"Status: CPULd \d"),
    # Bounced: DCID 2 MID 15232 From:<a@example.com> To:<b@example.com> RID 0 - 5.1.0 - ..
    # Bounced: 20:0 From:<a@example.com> To:<b@example.com>
    _Subscription(
        "bounce logs (bounces)",
        rb"(?:Bounced|Delayed): (?:DCID \d++ )?(?:MID )?[\d:]++ From:<",
    ),
    # LDAP: Masquerade query sun.masquerade address a@mail.example.com to a@example.com
    _Subscription("LDAP debug logs", rb"LDAP: "),
    # 6216 Sent to '192.0.2.5': '220 ESMTP\015\012'
    _Subscription("injection debug logs", rb"(?:\d++ )?(?:Sent to|Rcvd from) '"),
    # 102503993 Sent: 'MAIL FROM:<a@example.com>'
    _Subscription("domain debug logs", rb"(?:\d++ )?(?:Sent|Rcvd): '"),
    # ISQ: out of limit action changed to 'DELETE OLDEST'
    _Subscription("spam quarantine logs (euq_logs)", rb"ISQ: "),
    # SLBL: The database snapshot has been created.
    _Subscription("safelist/blocklist logs (slbl_logs)", rb"SLBL: "),
    # Period minute using 0 (KB)
    # Update 2 registered appliance at 2007-10-03-13-40
    _Subscription(
        "reporting logs (reportd_logs)",
        rb"Period \w+ using \d++ \(KB\)|Update \d++ registered appliance ",
    ),
    # case waiting for new updates
    # Dynamic manifest fetch URI is https://..
    _Subscription(
        "updater logs (updater_logs)",
        rb"\w+ waiting for new updates|Dynamic manifest fetch |Starting scheduled update",
    ),
    # sntp query host 192.0.2.5 delay 653 offset -652
    # The system time was changed from Sun, 16 Jun 2024 21:00:52 to ..
    _Subscription("NTP logs (sntpd_logs)", rb"sntp query host |The system time was changed from "),
)
_SIGNS = compile_late(
    _BEGIN + rb"(?:" + b"|".join(rb"(%b)" % x.signs for x in SUBSCRIPTIONS) + rb")"
)

_WITHOUT_LEVEL = (
    # Tue Aug 13 15:15:49 2019: CEF:0|Cisco|C300V Email Security Virtual Appliance|13.0.0-252|ESA_..
    # <22>Jun 17 18:06:02 esa1 mail_cef: CEF:0|Cisco|C100V Secure Email Gateway Virtual|15.5.1|..
    _Subscription("consolidated event logs (CEF)", rb".{15,150}?[ :]CEF:\d++\|Cisco\|"),
    # Thu Sep  9 12:25:02 2004 LDAP: Masquerade query sun.masquerade address a@mail.example.com ..
    _Subscription("LDAP debug logs", rb"\w{3} \w{3} [ \d]\d [\d:]{8} \d{4} LDAP: "),
)


class OtherLog(NamedTuple):
    """A file without a line of a connection, a message or a login."""

    lines: int
    """Those with a timestamp, but for the header of the file."""
    subscription: str | None
    """Which it looks like; None where nothing tells."""
    is_foreign: bool
    """Whether it is none of an appliance at all, as far as can be seen."""

    def say(self, what: str, *, several: bool = False) -> str:
        """Make a sentence, without its full stop.

        Args:
            what: The file, in quotes, or several.
            several: Whether it is more than one.
        """
        if self.is_foreign:
            return (
                f"{what} has no line of a mail log in it; a line begins like"
                " 'Wed Apr 22 11:43:59 2009 Info: ', or with a syslog header before the level"
            )
        lines = f"{self.lines:,} {'line' if self.lines == 1 else 'lines'}"
        looks = (
            "which subscription it is of cannot be told"
            if self.subscription is None
            else f"it looks like {self.subscription}"
        )
        return (
            f"{what} {'have' if several else 'has'} {lines} with a timestamp, and no connection,"
            f" message or login among them; {looks}, and logins are in text mail logs (mail_logs)"
        )


class Contents:
    """Examines the lines of a file until one shows that it is a mail log."""

    __slots__ = ("_is_framed", "_lines", "_subscription")

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._is_framed = False
        self._lines = 0
        self._subscription: str | None = None

    def is_mail(self, text: bytes, start: int, end: int) -> bool:
        """Take lines, each behind a newline; whether one is of a connection, message or login."""
        if _MAIL().search(text, start, end):
            return True
        self._is_framed = True
        headers = sum(1 for _ in _HEADER().finditer(text, start, end))
        self._lines += text.count(b"\n", start, end) - headers
        if self._subscription is None and (sign := _SIGNS().search(text, start, end)):
            assert sign.lastindex is not None  # noqa: S101 - each sign is a group
            self._subscription = SUBSCRIPTIONS[sign.lastindex - 1].name
        return False

    def describe(self, others: int, first_other: bytes) -> OtherLog | None:
        """Return what the file looks like so far; None if there is only a header.

        Args:
            others: Lines with a timestamp and without a level.
            first_other: The first of them.
        """
        subscription = self._subscription
        if subscription is None:
            found = (x.name for x in _WITHOUT_LEVEL if re.match(x.signs, first_other))
            subscription = next(found, None)
        is_foreign = not self._is_framed and subscription is None
        lines = self._lines + others
        return OtherLog(lines, subscription, is_foreign) if lines or is_foreign else None

    @property
    def state(self) -> tuple[bool, int, str | None]:
        """What another object needs to go on with the file."""
        return self._is_framed, self._lines, self._subscription

    @classmethod
    def resumed(cls, state: tuple[bool, int, str | None]) -> Self:
        """Go on where another object was."""
        contents = cls()
        contents._is_framed, contents._lines, contents._subscription = state
        return contents


def say_others(found: Sequence[tuple[str, OtherLog]]) -> Iterator[str]:
    """Say which logs are of other subscriptions: a sentence for each of these, not for each file.

    Args:
        found: Paths, and what is there.
    """
    kinds: dict[str | None, list[tuple[str, OtherLog]]] = {}
    for path, other in found:
        kinds.setdefault(other.subscription, []).append((path, other))
    for same in kinds.values():
        path, first = same[0]
        if len(same) == 1:
            yield first.say(shown(path))
        else:
            what = f"{len(same):,} files, the first of them {shown(path)},"
            lines = sum(x.lines for _, x in same)
            yield first._replace(lines=lines).say(what, several=True)
