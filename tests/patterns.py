"""Messages that each pattern of the grammar matches, and others that almost match."""

from typing import NamedTuple

from forwarder.mail_logs import grammar


class Form(NamedTuple):
    """A form of the grammar with its examples."""

    pattern: grammar.Form
    samples: tuple[bytes, ...]
    """Messages that match."""
    counterexamples: tuple[bytes, ...]
    """Messages that almost match, and must not."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.pattern.name

    @property
    def verbatim(self) -> bool:
        """Whether white space belongs to a value, as in a user."""
        return b"SMTP Auth" in self.pattern.pattern or b"SMTP auth" in self.pattern.pattern


def _form(pattern: grammar.Form, *lines: bytes) -> Form:
    """Make a form of samples marked ``+`` and counterexamples marked ``-``."""
    samples, others = (tuple(x[1:] for x in lines if x[:1] == mark) for mark in (b"+", b"-"))
    return Form(pattern, samples, others)


CONNECTION_OPENED = _form(
    grammar.CONNECTION_OPENED,
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
    grammar.POLICY,
    b"+ICID 450 ACCEPT SG None match ALL SBRS None",
    b"+ICID 450 RELAY SG RELAYLIST match 192.0.2.0/24 SBRS rfc1918 country not applicable  ",
    b"+ICID 450 REJECT SG BLOCKLIST match  SBRS -4.2 country United States",
    b"+ICID 450 ACCEPT SG UNKNOWNLIST SBRS unable to retrieve",
    b"+ICID 450 ACCEPT SG UNKNOWNLIST match ALL SBRS 3.5 and more",
    b"-ICID 450 ACCEPTED SG None match ALL SBRS None",
    b"-ICID 0 TCPREFUSE SG BLOCKLIST match 192.0.2.1 SBRS -9.0",
)

DELAYED_REJECT = _form(
    grammar.DELAYED_REJECT,
    b"+ICID 450 Delayed HAT REJECT continuing session for recipient logging (198.51.100.7)",
    b"-ICID 450 Delayed HAT REJECT continuing session for recipient logging",
)

TLS = _form(
    grammar.TLS,
    b"+ICID 450 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384",
    b"+ICID 450 TLS success",
    b"+DCID 9 TLS success protocol TLSv1/SSLv3 cipher RC4-SHA",
    b"+DCID 9 TLS success protocol TLSv1.2 cipher AES128-SHA for example.com",
    b"+DCID 9 TLS success CN: <mx.example.com>",
    b"+ICID 450 TLS failed: (336150757, 'error:140943E8:SSL routines:no certificate')",
    b"-ICID 450 TLS successful",
    b"-MID 450 TLS success",
)

CONNECTION_ENDED = _form(
    grammar.CONNECTION_ENDED,
    b"+ICID 450 close",
    b"+ICID 450 lost",
    b"+DCID 5633 close",
    b"+DCID 5633 lost",
    b"+ICID 450 disconnected address 198.51.100.7, no messages injected within timeout period",
    b"+ICID 450 disconnected address 198.51.100.7, exceeded allowable connection time",
    b"+ICID 450 Connection from 198.51.100.7 on interface Data 1 (192.0.2.1) lost after 139 seconds"
    b" (DNS query took 139 seconds), before any commands were received",
    b"-ICID 450 closed",
    b"-Info: ICID 450 close",
    b"-ICID 450 disconnect",
    b"-ICID 450 Connection from 198.51.100.7 on interface Data 1 (192.0.2.1)",
)

INBOUND_LOGIN = _form(
    grammar.INBOUND_LOGIN,
    b"+SMTP Auth: (ICID 450) succeeded for user: ironport using AUTH mechanism: PLAIN"
    b" with profile: IncomingAuthentication",
    b"+SMTP Auth (ICID 450) failed for user:  using AUTH mechanism: LOGIN with profile: P 1",
    b"+SMTP Auth: (ICID 9) failed for user: a using AUTH mechanism: X with profile: Y"
    b" using AUTH mechanism: PLAIN with profile: P",
    b"-SMTP Auth: (ICID 450) succeeded for user: ironport",
    b"-x SMTP Auth: (ICID 450) failed for user: a using AUTH mechanism: PLAIN with profile: P",
)

INBOUND_LOGIN_CUT = _form(
    grammar.INBOUND_LOGIN_CUT,
    b"+SMTP Auth: (ICID 450) failed for user: ironport",
    b"+SMTP Auth: (ICID 450) failed for user:",
    b"+SMTP Auth: (ICID 450) failed for user: ironport using AUTH mech",
    b"-SMTP Auth: (ICID 450) failed for user: a using AUTH mechanism: PLAIN with profile: P",
    b"-SMTP Auth: (ICID 450) failed for ",
)

OUTBOUND_LOGIN = _form(
    grammar.OUTBOUND_LOGIN,
    b"+DCID: 5633 IP: 172.16.155.102 SMTP authentication using the profile Out succeeded.",
    b"+DCID: 5633 IP: 172.16.155.102 SMTP authentication using the profile Out 1 succeeded",
    b"+DCID: 5640 IP: 172.16.155.102 SMTP authentication using the profile Out failed:"
    b" ('535', ['5.7.8 Error: authentication failed: authentication failure'])",
    b"+DCID: 5633 IP: 172.16.155.102 SMTP authentication using the profile Out succeeded. At once",
    b"-DCID: 5640 IP: 172.16.155.102 SMTP authentication using the profile Out",
    b"-DCID 5640 IP: 172.16.155.102 SMTP authentication using the profile Out succeeded.",
)

PROFILE_BROKEN = _form(
    grammar.PROFILE_BROKEN,
    b"+SMTP Auth (ICID 450) profile: P is misconfigured or missing causing an Auth failure",
    b"-SMTP Auth (ICID 450) profile: P is misconfigured",
)

SERVER_UNREACHABLE = _form(
    grammar.SERVER_UNREACHABLE,
    b"+SMTP Auth (ICID 450) could not reach forwarding server ldap.example.com",
    b"+SMTP Auth: (ICID 450) could not reach forwarding server s with reason: timed out",
    b"-SMTP Auth (ICID 450) could reach forwarding server s",
)

LOOKUP_FAILED = _form(
    grammar.LOOKUP_FAILED,
    b"+SMTP Auth (ICID 450) LDAP query/user lookup failed for user: ironport",
    b"-SMTP Auth (ICID 450) LDAP query/user lookup failed",
)

LDAP_FAILED = _form(
    grammar.LDAP_FAILED,
    b"+SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server.",
    b"-SMTP Auth LDAP query failed",
)

NOT_INITIATED = _form(
    grammar.NOT_INITIATED,
    b"+SMTP Auth (ICID 450) was required but remote host did not initiate it",
    b"-SMTP Auth (ICID 450) was required",
)

SERVER_POOL = _form(
    grammar.SERVER_POOL,
    b"+SMTP Auth forward server connection to s.example.com, port 25, interface i,"
    b" 3 connections available",
    b"-SMTP Auth forward server",
)

DELIVERY_OPENED = _form(
    grammar.DELIVERY_OPENED,
    b"+New SMTP DCID 5633 interface 172.16.155.16 address 172.16.155.102 port 25",
    b"+New SMTP DCID 5633 interface Data 1 address 172.16.155.102",
    b"+New SMTP DCID 5633 interface  address 172.16.155.102 port 25 and more",
    b"-New SMTP DCID 5633 interface 172.16.155.16",
)

MESSAGE_STARTED = _form(
    grammar.MESSAGE_STARTED,
    b"+Start MID 6 ICID 5",
    b"-Start MID 6 ICID",
)

RECIPIENT = _form(
    grammar.RECIPIENT,
    b"+MID 6 ICID 5 RID 0 To: <user@example.com>",
    b"-MID 6 ICID 5 RID 0 Cc: <user@example.com>",
    b"-MID 6 ICID 5 From: <x RID 0 To: <user@example.com>>",
)

MESSAGE_READY = _form(
    grammar.MESSAGE_READY,
    b"+MID 6 ready 100 bytes from <user@example.com>",
    b"-MID 6 ready",
    b"-MID 6 Subject 'MID 6 ready 100 bytes from <user@example.com>'",
)

MESSAGE_ABORTED = _form(
    grammar.MESSAGE_ABORTED,
    b"+Message aborted MID 6 Receiving aborted by sender",
    b"-Message aborted",
)

HEADER_VERSION = _form(
    grammar.HEADER_VERSION,
    b"+Version: 7.6.3-019 SN: 564D0123456789ABCDEF-0123456789AB",
    b"-Version: 7.6.3-019",
)

HEADER_OFFSET = _form(
    grammar.HEADER_OFFSET,
    b"+Time offset from UTC: 7200 seconds",
    b"+Time offset from UTC: -18000 seconds",
    b"-Time offset from UTC: unknown",
)

FORMS = (
    *(CONNECTION_OPENED, POLICY, DELAYED_REJECT, TLS, DELIVERY_OPENED),
    CONNECTION_ENDED,
    *(INBOUND_LOGIN, INBOUND_LOGIN_CUT, OUTBOUND_LOGIN, PROFILE_BROKEN, SERVER_UNREACHABLE),
    *(LOOKUP_FAILED, LDAP_FAILED, NOT_INITIATED, SERVER_POOL),
    *(MESSAGE_STARTED, RECIPIENT, MESSAGE_READY, MESSAGE_ABORTED),
    *(HEADER_VERSION, HEADER_OFFSET),
)
