"""The forms of the grammar by name, each with a line of its kind, to explain a line to people."""

import re
from difflib import SequenceMatcher
from typing import NamedTuple

from forwarder.mail_logs import grammar
from forwarder.text import decoded

MAX_WORDS = 100  # of a message that are compared
LEAST_LIKE = 0.5  # of the words of a message and a sample that agree; with less, none is near


class Form(NamedTuple):
    """One kind of message."""

    name: str
    pattern: bytes
    sample: bytes
    is_login: bool = False  # whether it becomes a document by itself


FORMS = (
    Form(
        "beginning of an inbound connection",
        grammar.CONNECTION_OPENED,
        b"New SMTP ICID 450 interface IncomingMail (192.0.2.1) address 198.51.100.7"
        b" reverse dns host unknown verified no",
    ),
    Form(
        "policy of the host access table",
        grammar.POLICY,
        b"ICID 450 ACCEPT SG None match ALL SBRS None country Italy",
    ),
    Form(
        "rejection that is put off",
        grammar.DELAYED_REJECT,
        b"ICID 450 Delayed HAT REJECT continuing session for recipient logging (198.51.100.7)",
    ),
    Form(
        "TLS of a connection",
        grammar.TLS,
        b"ICID 450 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384",
    ),
    Form("end of a connection", grammar.CONNECTION_ENDED, b"ICID 450 close"),
    Form(
        "login of a client",
        grammar.INBOUND_LOGIN,
        b"SMTP Auth: (ICID 450) succeeded for user: ironport using AUTH mechanism: PLAIN"
        b" with profile: SmtpAuth",
        is_login=True,
    ),
    Form(
        "login of a client whose end is missing",
        grammar.INBOUND_LOGIN_CUT,
        b"SMTP Auth: (ICID 450) failed for user: ironport",
        is_login=True,
    ),
    Form(
        "login at a smart host",
        grammar.OUTBOUND_LOGIN,
        b"DCID: 5633 IP: 198.51.100.7 SMTP authentication using the profile Out succeeded.",
        is_login=True,
    ),
    Form(
        "login that could not be checked: profile",
        grammar.PROFILE_BROKEN,
        b"SMTP Auth (ICID 450) profile: P is misconfigured or missing causing an Auth failure",
        is_login=True,
    ),
    Form(
        "login that could not be checked: forwarding server",
        grammar.SERVER_UNREACHABLE,
        b"SMTP Auth (ICID 450) could not reach forwarding server ldap.example.com",
        is_login=True,
    ),
    Form(
        "login that could not be checked: LDAP look-up",
        grammar.LOOKUP_FAILED,
        b"SMTP Auth (ICID 450) LDAP query/user lookup failed for user: ironport",
        is_login=True,
    ),
    Form(
        "login that could not be checked: LDAP",
        grammar.LDAP_FAILED,
        b"SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server.",
        is_login=True,
    ),
    Form(
        "login that was required and not begun",
        grammar.NOT_INITIATED,
        b"SMTP Auth (ICID 450) was required but remote host did not initiate it",
        is_login=True,
    ),
    Form(
        "connections to a forwarding server",
        grammar.SERVER_POOL,
        b"SMTP Auth forward server connection to s.example.com, port 25, interface i",
    ),
    Form(
        "beginning of an outbound connection",
        grammar.DELIVERY_OPENED,
        b"New SMTP DCID 5633 interface 192.0.2.1 address 198.51.100.7 port 25",
    ),
    Form("beginning of a message", grammar.MESSAGE_STARTED, b"Start MID 6 ICID 5"),
    Form(
        "recipient of a message",
        grammar.RECIPIENT,
        b"MID 6 ICID 5 RID 0 To: <user@example.com>",
    ),
    Form("size of a message", grammar.MESSAGE_READY, b"MID 6 ready 100 bytes from <a@example.com>"),
    Form(
        "message that was given up",
        grammar.MESSAGE_ABORTED,
        b"Message aborted MID 6 Receiving aborted by sender",
    ),
    Form(
        "header of the file: release and serial number",
        grammar.HEADER_VERSION,
        b"Version: 15.0.0-100 SN: 564D0123456789ABCDEF-0123456789AB",
    ),
    Form(
        "header of the file: offset of its times",
        grammar.HEADER_OFFSET,
        b"Time offset from UTC: 7200 seconds",
    ),
)


class Near(NamedTuple):
    """The form that a message is most like, and where they part."""

    form: Form
    own: str  # the words of the message there; empty at its end
    expected: str  # those of the form's sample


def find_form(message: bytes) -> Form | None:
    """Find the form of a message, which is without timestamp, level and line end."""
    return next((x for x in FORMS if grammar.match(x.pattern, message)), None)


def find_nearest(message: bytes) -> Near | None:
    """Find the form that an unknown message is most like; None if it is like none."""
    own = decoded(message).split()[:MAX_WORDS]
    matcher = SequenceMatcher[str](None, autojunk=False)
    matcher.set_seq2([_alike(x) for x in own])
    best, most = None, LEAST_LIKE
    for form in FORMS:
        matcher.set_seq1([_alike(x) for x in form.sample.decode().split()])
        if matcher.ratio() >= most:
            best, most = form, matcher.ratio()
    if best is None:
        return None
    words = best.sample.decode().split()
    pairs = zip(words, own, strict=False)
    agree = next((i for i, (x, y) in enumerate(pairs) if _alike(x) != _alike(y)), None)
    at = min(len(words), len(own)) if agree is None else agree
    return Near(best, " ".join(own[at : at + 3]), " ".join(words[at : at + 3]))


def _alike(word: str) -> str:
    """Let numbers be alike."""
    return re.sub(r"[0-9]+", "0", word)
