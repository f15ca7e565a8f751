"""Which subscription a log is of: told by its lines, and not guessed."""

import pytest

from forwarder.mail_logs.subscriptions import SUBSCRIPTIONS, OtherLog
from forwarder.pipeline import FileParser, LogParser

STAMP = b"Wed Apr 22 11:44:48 2026 "
HEADER = b"".join(
    STAMP + b"Info: " + x + b"\n"
    for x in (
        b"Begin Logfile",
        b"Version: 15.5.1-055 SN: 421F6D8FB9C75E19C425-C9AEA81B2B70",
        b"Time offset from UTC: 7200 seconds",
    )
)
END = STAMP + b"Info: End Logfile\n"

LINES = {
    "HTTP logs (gui_logs)": [
        b"Info: req:203.0.113.5 user:- id:ABCDEFGH 200 GET /login HTTP/1.1 python-requests/2.26.0",
        b"Info: Session ABCDEFGH from 203.0.113.5 not found",
        b"Warning: SSL error with client 203.0.113.5:37222 - (336027804, 'error:1407609C')",
        b"Critical: Error in http connection from host 203.0.113.5 port 33275 - not indexable",
    ],
    "authentication logs (authentication)": [
        b"Info: User joe failed authentication.",
        b"Info: The user admin successfully logged on from 203.0.113.5 using an HTTPS connection.",
        b"Info: User joe from 203.0.113.5 was authenticated successfully.",
        b"Info: An authentication attempt by the user joe from 203.0.113.5 failed",
        b"Info: logout:203.0.113.5 user:joe session:ABCDEFGH",
    ],
    "CLI audit logs (cli_logs)": [
        rb"Info: PID 16328: User admin entered 'mailconfig'; prompt was '\nmail3.example.com> '"
    ],
    "audit logs (audit_logs)": [
        b"Info: Appliance: mail1.example.com, Interaction Mode: GUI, User: admin, Event: Login"
    ],
    "system logs (system_logs)": [
        b"Info: PID 608: User system commit changes: SSW:Password",
        b"Warning: Received an invalid DNS Response: '' to IP 203.0.113.5 looking up example.com",
    ],
    "anti-spam logs (antispam)": [
        b"Info: case antispam - engine (20078) : case-daemon: server pid: 20078"
    ],
    "anti-virus logs (antivirus)": [b"Info: sophos antivirus - MID 190 - Result 'CLEAN' ()"],
    "AMP engine logs (amp)": [
        b"Info:  File reputation query initiating. File Name = 'a.pdf', MID = 852867",
        b"Info: Response received for file reputation query from Cloud. File Name = 'a', MID = 5",
        b"Info: File not uploaded for analysis. MID = 0 File SHA256[a5f2] file mime[text/plain]",
    ],
    "status logs (status)": [b"Info: Status: CPULd 3 DskIO 0 RAMUtil 1 CrtMID 41 CrtICID 644374"],
    "bounce logs (bounces)": [
        b"Info: Bounced: DCID 2 MID 15232 From:<a@example.com> To:<b@example.com> RID 0 - 5.1.0",
        b"Info: Bounced: 20:0 From:<a@example.com> To:<b@example.com>",
    ],
}
FORMS = {
    "file": STAMP,
    "syslog": b"<22>Apr 22 11:44:48 esa1 any: ",
    "RFC 5424": b"<22>1 2026-04-22T11:44:48+02:00 esa1 any - - - ",
}


def reading() -> FileParser:
    """Begin a file."""
    return LogParser().open("esa1", "/logs/any.current")


def other(text: bytes, *, cut: int = 1 << 20) -> OtherLog | None:
    """Say what a file looks like that comes in blocks; resuming in between changes nothing."""
    begun = reading()
    for at in range(0, len(text), cut):
        begun.feed(text[at : at + cut])
    begun.finish()
    return begun.other


def test_every_subscription_has_samples() -> None:
    """Under the name that is said."""
    assert list(LINES) == list(SUBSCRIPTIONS)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, lines in LINES.items() for line in lines]
)
def test_a_subscription_is_told_by_its_lines(name: str, line: bytes, form: str) -> None:
    """In any framing, behind lines that tell nothing; a header is no line of its own."""
    begin = FORMS[form]
    text = HEADER + b"".join(
        begin + x + b"\n" for x in (b"Info: System is coming up.", line, b"Info: And so on.")
    )
    expected = OtherLog(3, name, is_foreign=False)
    assert other(text + END) == expected
    assert other(text + END, cut=7) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"Wed Apr 22 11:44:48 2026: CEF:0|Cisco|C100V Email Security Virtual Appliance|14.0.0|ESA",
        b"Wed Apr 22 11:44:48 2026 CEF:0|Cisco|C100V Email Security Virtual Appliance|14.0.0|ESA",
        b"<22>Apr 22 11:44:48 esa1 cef: CEF:0|Cisco|C100V Secure Email Gateway Virtual|15.5.1|ESA",
    ],
)
def test_consolidated_event_logs_are_told_though_they_have_no_level(line: bytes) -> None:
    """They are of an appliance, and so not foreign."""
    expected = OtherLog(2, "consolidated event logs (CEF)", is_foreign=False)
    assert other((line + b"\n") * 2) == expected


@pytest.mark.parametrize(
    "message",
    [
        b"New SMTP ICID 5 interface Data 1 (192.0.2.1) address 203.0.113.5",
        b"ICID 5 close",
        b"DCID 5 close",
        b"DCID: 5 IP: 203.0.113.5 SMTP authentication using the profile P succeeded.",
        b"Start MID 5 ICID 5",
        b"MID 5 Subject 'req:203.0.113.5 user:- id:ABC'",
        b"Message done DCID 5 MID 5 to RID [0]",
        b"Delivery start DCID 5 MID 5 to RID [0]",
        b"Bounced: DCID 5 MID 5 to RID 0 - Bounced by destination server with response: 5.1.0",
        b"SMTP Auth: (ICID 5) failed for user: a using AUTH mechanism: PLAIN with profile: P",
        b"SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server.",
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_one_line_shows_a_mail_log(message: bytes, form: str) -> None:
    """Whatever else is there, before and after."""
    begin = FORMS[form] + b"Info: "
    sign = begin + LINES["status logs (status)"][0].removeprefix(b"Info: ") + b"\n"
    assert other(HEADER + sign * 3 + begin + message + b"\n" + sign) is None
    assert other(HEADER + sign * 3 + begin + message + b"\n" + sign, cut=11) is None


@pytest.mark.parametrize("text", [b"", HEADER, HEADER + END])
def test_a_quiet_log_is_not_blamed(text: bytes) -> None:
    """Nothing has happened."""
    assert other(text) is None


def test_what_nothing_tells_is_not_guessed() -> None:
    """A mail log has lines of all kinds; a message further right is no sign."""
    line = STAMP + b"Info: An alert 'Info: req:1 user:- id:1' CEF:0|Cisco| Status: CPULd 3\n"
    assert other(HEADER + line * 4) == OtherLog(4, None, is_foreign=False)


@pytest.mark.parametrize(
    "text",
    [
        b"# Notes\n",
        b"\x00" * 300,
        b"Apr 22 11:44:48 host sshd[12]: Accepted password for a from 203.0.113.5\n",
        b'203.0.113.5 - - [22/Apr/2026:11:44:48 +0200] "GET / HTTP/1.1" 200 5\n',
    ],
)
def test_what_is_of_no_appliance_is_foreign(text: bytes) -> None:
    """No line has a level behind its timestamp."""
    found = other(text)
    assert found is not None
    assert found.is_foreign


def test_what_was_seen_outlives_a_restart() -> None:
    """Also in the middle of a line, and from a state that had less."""
    text = HEADER + (STAMP + b"Info: Status: CPULd 3 DskIO 0\n") * 5
    for cut in range(0, len(text), 13):
        first, second = reading(), reading()
        first.feed(text[:cut])
        second.resume(first.state)
        second.feed(text[first.position :])
        second.finish()
        assert second.other == OtherLog(5, "status logs (status)", is_foreign=False)
    mail = reading()
    mail.feed(STAMP + b"Info: ICID 5 close\n" * 2)
    mail.settle()
    again = reading()
    again.resume(mail.state)
    again.feed(STAMP + b"Info: Status: CPULd 3 DskIO 0\n")
    again.finish()
    assert again.other is None


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            OtherLog(1, "HTTP logs (gui_logs)", is_foreign=False),
            (
                "x has 1 line with a timestamp, and no connection, message or login among them; it"
                " looks like HTTP logs (gui_logs), and logins are in text mail logs (mail_logs)"
            ),
        ),
        (
            OtherLog(2000, None, is_foreign=False),
            (
                "x has 2,000 lines with a timestamp, and no connection, message or login among"
                " them; its kind is unknown, and logins are in text mail"
                " logs (mail_logs)"
            ),
        ),
        (
            OtherLog(0, None, is_foreign=True),
            (
                "x has no line of a mail log in it; a line begins like 'Wed Apr 22 11:43:59 2009"
                " Info: ', or with a syslog header before the level"
            ),
        ),
    ],
)
def test_it_is_said_in_a_sentence(found: OtherLog, said: str) -> None:
    """With what to look for instead."""
    assert found.say("x") == said
