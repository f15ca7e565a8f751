"""What the program makes of a line, and why; by the code that parses."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from forwarder.app import explain as explaining
from forwarder.cli.main import main
from forwarder.ecs.encoder import Encoder
from forwarder.mail_logs.grammar import FORMS, find_form
from forwarder.mail_logs.stories import Story
from tests.test_trace import all_logs, stamped

HEADER = "Version: 15.0.0-100 SN: 564D\nTime offset from UTC: 7200 seconds\n"
OPENED = (
    "New SMTP ICID 5 interface A (192.0.2.1) address 198.51.100.7"
    " reverse dns host a.example verified yes"
)
POLICY = "ICID 5 ACCEPT SG SUBMIT match ALL SBRS 2.5 country Italy"
TLS = "ICID 5 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384"
LOGIN = (
    "SMTP Auth: (ICID 5) succeeded for user: anna@example.com using AUTH mechanism: PLAIN"
    " with profile: P"
)
SENT = (
    "Start MID 7 ICID 5\nMID 7 ICID 5 RID 0 To: <b@example.net>\n"
    "MID 7 ready 100 bytes from <anna@example.com>\nICID 5 close"
)
LOG = f"{OPENED}\n{POLICY}\n{TLS}\n{LOGIN}\n{SENT}\n"


def explain(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["explain", *map(str, arguments)])


def given(done: Result) -> dict[str, dict[str, Any]]:
    """Return, by its message, what each line gave to the document."""
    found: dict[str, dict[str, Any]] = {}
    message = ""
    for line in done.stdout.partition("\n{")[0].splitlines():
        if line.startswith(" " * 10):
            name, _, value = line.strip().partition(": ")
            found[message][name] = json.loads(value)
        elif "Info: " in line:
            message = line.partition("Info: ")[2]
            found[message] = {}
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder in which a connection begins in one file and goes on in the next."""
    folder = tmp_path / "esa1"
    folder.mkdir()
    (folder / "mail.current").write_bytes(stamped(HEADER + LOG))
    return folder


def test_each_field_stands_below_the_line_that_gave_it(folder: Path) -> None:
    """Address, policy, TLS, user; the header of the file gives the time."""
    log = folder / "mail.current"
    done = explain(f"{log}:{log.read_bytes().index(b'SMTP Auth')}")
    assert done.exit_code == 0, done.output
    fields = given(done)
    version, offset = HEADER.splitlines()
    assert fields[version] == {"observer.serial_number": "564D", "host.id": "564D"}
    assert fields[offset]["event.timezone"] == "+02:00"
    assert fields[OPENED]["source.ip"] == "198.51.100.7"
    assert fields[OPENED]["source.domain"] == "a.example"
    assert fields[POLICY] == {
        "cisco_esa.sender.policy": "ACCEPT",
        "cisco_esa.sender.group": "SUBMIT",
        "cisco_esa.sender.match": "ALL",
        "cisco_esa.sender.sbrs": 2.5,
        "cisco_esa.sender.country": "Italy",
    }
    assert fields[TLS]["tls.version"] == "1.3"
    assert fields[LOGIN]["user.name"] == "anna@example.com"
    assert fields[SENT.splitlines()[1]] == {}


def test_the_end_of_a_session_has_fields_from_its_messages(folder: Path) -> None:
    """And from the login that it began with."""
    log = folder / "mail.current"
    done = explain(f"{log}:{log.read_bytes().index(b'ICID 5 close') - 10:,}")
    fields = given(done)
    _, recipient, size, end = SENT.splitlines()
    assert fields[recipient] == {"cisco_esa.session.recipients": 1}
    assert fields[size] == {"cisco_esa.session.bytes": 100}
    assert fields[end]["user.name"] == "anna@example.com"
    assert "without it there is no document" in done.stdout


def test_every_field_of_every_document_has_a_line(tmp_path: Path) -> None:
    """Of all kinds in the sample logs and in hostile ones; none is left without one."""
    options = all_logs(tmp_path)
    encode = Encoder(options.settings.common, options.settings.appliances).encode
    kinds = set()

    def tell(story: Story) -> None:
        for event in story.events:
            outcome, session, known = event.outcome, event.session, event.connection
            how = (session and session.reason, known and known.correlated, event.syslog is None)
            if (kind := (outcome.action, outcome.result, *how)) in kinds:
                continue
            kinds.add(kind)
            whole = explaining.flatten(json.loads(encode(event)))
            sources = [*explaining.find_sources(story, event, options)]
            fields = {x: y for source in sources for x, y in source.fields.items()}
            expected = {x: y for x, y in whole.items() if x not in explaining.FIXED}
            assert fields == expected
            assert [x.is_own for x in sources].count(True) == 1

    explaining.explain_file(options, None, tell, lambda _: None, lambda *_: None)
    assert len(kinds) > 15


def test_a_file_is_explained_connection_by_connection(folder: Path) -> None:
    """With what was not understood, at its place."""
    log = folder / "mail.current"
    odd = "SMTP Authentication: (ICID 5) \x1b[31msucceeded for user: a using AUTH mechanism: PLAIN"
    with log.open("ab") as out:
        out.write(stamped(odd + "\n"))
    done = explain(log)
    assert "\x1b" not in done.stdout
    assert f"{log}:{len(stamped(HEADER + LOG))}: not understood: " in done.stdout
    assert "ICID 5 of esa1\n" in done.stdout


def test_a_login_without_its_beginning_says_so(folder: Path) -> None:
    """The file before has it."""
    log = folder / "mail.current"
    log.write_bytes(stamped(LOGIN + "\n"))
    assert "The address is not known: no line before the login says" in explain(log).stdout


def test_compressed_files_are_read_at_their_uncompressed_bytes(folder: Path) -> None:
    """As ``log.offset`` has them."""
    log = folder / "mail.@20090422T110000.s.gz"
    log.write_bytes(gzip.compress(stamped(LOG)))
    done = explain(f"{log}:{stamped(LOG).index(b'SMTP Auth')}")
    assert given(done)[LOGIN]["user.name"] == "anna@example.com"


STAMP = "Wed Apr 22 11:00:00 2009 Info: "
NO_LDAP = "SMTP Auth: LDAP query failed, possible LDAP misconfiguration or unreachable server."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            f"{STAMP}{LOGIN.replace('Auth:', 'Authentication:')}",
            (
                "has no known form",
                "The nearest form is: login of a client\n",
                "The line has 'Authentication: (ICID 5)' where this has 'Auth: (ICID 450)'.",
            ),
        ),
        (f"{STAMP}MID 6 Subject 'x'", ("line of a file", "has no form that a login needs")),
        (f"{STAMP}{OPENED}", ("beginning of an inbound connection", "it has no login")),
        (
            f"{STAMP}Version: 1 SN: 2",
            ("serial number. It makes no document by itself",),
        ),
        (f"Wed Apr 42 11:00:00 2009 Info: {LOGIN}", ("the timestamp of the login is impossible",)),
        (
            f"<22>1 2009-04-22T11:00:00+02:00 esa1 mail - - - Info: {LOGIN}",
            ("line of syslog (version 1, priority 22, host esa1, tag mail, offset +02:00); login",),
        ),
        ("<22>Apr 22 11:00:00 r kernel: eth0 is up", ("not of a mail log: <22>",)),
        (
            f"{STAMP}{NO_LDAP}",
            ("Login without a connection of unknown", '"smtp-authentication-error"'),
        ),
        ("hello, world", ("is not a line of a mail log",)),
        (f"{STAMP}\x1b[31m \u202e", ("\\x1b[31m \\u202e",)),
    ],
)
def test_a_line_is_explained_by_itself(line: str, words: tuple[str, ...]) -> None:
    """Framing, form, document; or why there is none, and what is nearest."""
    done = explain(line)
    assert done.exit_code == 0, done.output
    assert [x for x in words if x not in done.stdout] == [], done.stdout
    assert "\x1b" not in done.stdout


def test_what_is_neither_file_nor_line_is_bad_usage() -> None:
    """A name that was mistyped."""
    done = explain("/none/mail.current:5")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: '/none/mail.current:5' is neither a file nor a line of a log.\n",
    )
    done = explain("")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: '' is neither a file nor a line of a log.\n",
    )


def test_a_line_may_be_longer_than_the_name_of_a_file() -> None:
    """And a file may be one that cannot be accessed."""
    line = f"Thu Mar  1 12:00:00 2026 Info: SMTP Auth: (ICID 1) succeeded for user: {'a' * 300}"
    assert "SMTP" in explain(line).stdout
    done = explain("a" * 300)
    assert (done.exit_code, done.stderr.partition("' ")[2]) == (
        2,
        "is neither a file nor a line of a log.\n",
    )


def test_a_byte_behind_the_end_is_in_no_line(folder: Path) -> None:
    """And is not explained by the last one."""
    log = folder / "mail.current"
    done = explain(f"{log}:999999")
    assert done.stdout == f"There is no line of a mail log at byte 999,999 of '{log}'.\n"
    assert done.exit_code == 1


def test_of_what_cannot_be_read_nothing_is_claimed(tmp_path: Path) -> None:
    """Whether there is a line at the byte is not known then."""
    log = tmp_path / "mail.current"
    log.write_bytes(bytes(range(128, 256)))
    done = explain(f"{log}:5")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "has no line of a mail log in it" in done.stderr


def test_a_line_in_quotes_has_no_place() -> None:
    """It is of no file."""
    line = "Sun Mar  1 18:31:14 2026 Info: SMTP Auth: (ICID 5) perhaps"
    assert explain(line).stdout.startswith(f"not understood: {line}\n\n")


def test_samples_are_of_their_forms() -> None:
    """Each with a line that it alone matches."""
    assert [find_form(x.sample) for x in FORMS] == [*FORMS]
