"""The story of a connection: what the log says, in order, and what came of it."""

import gzip
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from forwarder.app import explain as tracing
from forwarder.app import parse as parsing
from forwarder.cli.main import main
from forwarder.cli.parse import read_options
from forwarder.ecs.encoder import Encoder
from forwarder.mail_logs import stories
from forwarder.mail_logs.stories import Story
from forwarder.pipeline import Settings
from tests.corpus.hostile import hostile
from tests.test_docs import block

SAMPLES = Path(__file__).parents[1] / "examples" / "mail_logs"
FIRST = """\
New SMTP ICID 5 interface A (192.0.2.1) address 198.51.100.7 reverse dns host a.example verified yes
New SMTP ICID 6 interface A (192.0.2.1) address 2001:db8::7
ICID 5 ACCEPT SG None match ALL SBRS None
SMTP Auth: (ICID 5) failed for user: EXAMPLE\\Anna using AUTH mechanism: PLAIN with profile: P
ICID 6 close
"""
SECOND = """\
SMTP Auth: (ICID 5) succeeded for user: anna@example.com using AUTH mechanism: PLAIN with profile: P
Start MID 7 ICID 5
MID 7 ICID 5 From: <anna@example.com>
MID 7 ICID 5 RID 0 To: <b@example.net>
MID 7 Subject 'ICID 6 close \x1b[31m\u202e'
MID 7 ready 100 bytes from <anna@example.com>
ICID 5 lost
ICID 5 close
New SMTP DCID 9 interface 192.0.2.1 address 192.0.2.99 port 25
DCID: 9 IP: 192.0.2.99 SMTP authentication using the profile Out failed: ('535', ['no'])
Delivery start DCID 9 MID 7 to RID [0]
Message done DCID 9 MID 7 to RID [0]
Message finished MID 7 done
MID 7 Subject 'of the next one'
DCID 9 close
New SMTP ICID 5 interface A (192.0.2.1) address 203.0.113.5 reverse dns host None verified no
SMTP Auth: (ICID 5) succeeded for user: bert using AUTH mechanism: LOGIN with profile: P
"""


def stamped(messages: str) -> bytes:
    """Make lines of messages, a second from one to the next."""
    lines = (
        f"Wed Apr 22 11:{x // 60:02}:{x % 60:02} 2009 Info: {message}\n"
        for x, message in enumerate(messages.splitlines())
    )
    return "".join(lines).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder in which a connection goes over two files."""
    folder = tmp_path / "esa1"
    folder.mkdir()
    (folder / "mail.@20090422T110000.s.gz").write_bytes(gzip.compress(stamped(FIRST)))
    (folder / "mail.current").write_bytes(stamped(SECOND))
    return folder


def trace(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["trace", *map(str, arguments)])


def messages(done: Result) -> list[str]:
    """Return the messages that are shown, without time and level, and what came of them."""
    lines = [x.strip() for x in done.stdout.splitlines()]
    return [x.partition("Info: ")[2] or x for x in lines if "Info: " in x or x.startswith("=>")]


def test_a_connection_is_told_over_files(folder: Path) -> None:
    """All its lines and those of its messages, in order, each event below its line."""
    done = trace("5", folder, "--limit", "1")
    one, two = FIRST.splitlines(), SECOND.splitlines()
    shown = [x for x in messages(done) if not x.startswith("=>")]
    subject = "MID 7 Subject 'ICID 6 close \\x1b[31m\\u202e'"
    assert shown == [one[0], one[2], one[3], *two[:4], subject, *two[5:8], *two[10:13]]
    events = [x[3:].split() for x in messages(done) if x.startswith("=>")]
    assert [x[3:6] for x in events] == [
        ["-", "login", "EXAMPLE\\Anna"],
        ["+", "login", "anna@example.com"],
        ["+", "session", "anna@example.com"],
    ]
    assert messages(done)[3].startswith("=> ")
    assert "  Logins: 1 failure, 1 success.\n" in done.stdout
    assert "1 more connection not shown; see --limit" in done.stderr


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("5", ["ICID 5", "ICID 5"]),
        ("ICID 6", ["ICID 6"]),
        ("icid:6", ["ICID 6"]),
        ("DCID 9", ["DCID 9"]),
        ("198.51.100.7", ["ICID 5"]),
        ("198.51.100.99/24", ["ICID 5"]),
        ("2001:DB8:0::7", ["ICID 6"]),
        ("192.0.2.99", ["DCID 9"]),
        ("anna", ["ICID 5"]),
        ("ANNA@example.com", ["ICID 5"]),
        ("bert", ["ICID 5"]),
    ],
)
def test_connections_are_found(folder: Path, query: str, names: list[str]) -> None:
    """By number, address and user; a user without a domain stands for any domain."""
    done = trace(query, folder)
    assert done.exit_code == 0, done.output
    found = [x for x in done.stdout.splitlines() if x and not x.startswith(" ")]
    assert found == [f"{x} of esa1" for x in names]


@pytest.mark.parametrize(
    "query", ["o\x1b\u202eM@example.com", r"O\x1b\u202em@example.com", r"o\x1b\u202em"]
)
def test_a_user_is_found_as_tables_show_it(tmp_path: Path, query: str) -> None:
    """With codes for what a terminal would obey, with and without the domain."""
    user = "o\x1b\u202em@example.com"
    line = (
        f"SMTP Auth: (ICID 5) failed for user: {user} using AUTH mechanism: PLAIN with profile: P"
    )
    (tmp_path / "mail.current").write_bytes(stamped(line))
    done = trace(query, tmp_path)
    assert (done.exit_code, "Logins: 1 failure" in done.stdout) == (0, True)


@pytest.mark.parametrize("query", ["anna@example.net", "7", "198.51.100.8", "\x1b[31m"])
def test_what_is_not_there_is_said(folder: Path, query: str) -> None:
    """And ends with 1, as grep does; what was asked for does no harm."""
    done = trace(query, folder)
    shown = query.replace("\x1b", "\\x1b")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.endswith(f"No connection of {shown} is in 2 files.\n")


def test_a_login_without_a_beginning_says_so(folder: Path) -> None:
    """Where the older file is not read."""
    done = trace("anna", folder / "mail.current")
    assert "its address is not known, as its beginning is not in these files" in done.stdout


def test_a_story_without_an_end_says_so(folder: Path) -> None:
    """It may go on in a newer file."""
    assert "  Logins: 1 success; its end is not in these files.\n" in trace("bert", folder).stdout


def test_an_empty_query_is_refused(folder: Path) -> None:
    """It would be in every user."""
    assert trace(" ", folder).exit_code == 2


def test_hosts_of_one_file_have_numbers_of_their_own(tmp_path: Path) -> None:
    """A relay writes the lines of two machines into one file."""
    form = "Apr 22 11:00:0{} 2009 {} mail_logs: Info: {}\n"
    lines = [
        form.format(x % 10, host, message)
        for x, message in enumerate(FIRST.splitlines())
        for host in ("esa1", "esa2")
    ]
    (tmp_path / "relay.log").write_text("".join(lines))
    done = trace("5", tmp_path)
    found = [x for x in done.stdout.splitlines() if x and not x.startswith(" ")]
    assert found == ["ICID 5 of esa1", "ICID 5 of esa2"]
    assert [x for x in messages(done) if " esa2 " in x and " esa1 " in x] == []


def all_logs(folder: Path) -> parsing.ParseOptions:
    """Return how to read the sample logs, and hostile ones that are written into a folder."""
    for path, content in hostile(1).files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return read_options(
        (str(SAMPLES), str(folder)),
        config=None,
        appliance=None,
        zone=None,
        year=None,
        follow_symlinks=False,
    )


def test_every_document_is_in_a_story(tmp_path: Path) -> None:
    """Once, and as ``parse`` has it; also where the logs are hostile."""
    options = all_logs(tmp_path)
    told: list[bytes] = []
    encode = Encoder(options.settings.common, options.settings.appliances).encode
    outcome = tracing.trace(
        options,
        lambda *_: True,
        lambda story: told.extend(map(encode, story.events)),
        lambda *_: None,
    )
    out = BytesIO()
    assert parsing.parse(options, out, lambda *_: None).problems == outcome.problems == ()
    assert sorted(told) == sorted(out.getvalue().splitlines(keepends=True))


def told(content: bytes, size: int) -> list[Story]:
    """Return all stories of a log that is read in pieces."""
    found: list[Story] = []
    tracer = tracing.Tracer(Settings(), lambda *_: True, found.append)
    reading = tracer.open("esa1", "/mail")
    for at in range(0, len(content), size):
        reading.feed(content[at : at + size])
    reading.finish()
    tracer.end()
    return found


@given(st.integers(1, 500))
def test_stories_are_the_same_wherever_blocks_are_cut(size: int) -> None:
    """Lines, events and ends."""
    content = stamped(FIRST + SECOND)
    whole, pieces = (
        [(x.name, x.lines, [y.id for y in x.events], x.has_ended) for x in told(content, y)]
        for y in (len(content), size)
    )
    assert pieces == whole


def test_a_message_number_that_comes_again_is_of_the_last_connection() -> None:
    """And the story of the first one is not lost."""
    lines = ("New SMTP ICID {0} interface A (192.0.2.1) address 192.0.2.9", "Start MID 7 ICID {0}")
    content = "\n".join(y.format(x) for x in (5, 6) for y in (*lines, "ICID {0} close"))
    found = told(stamped(f"{content}\nMID 7 ready 5 bytes from <a@b.c>\n"), 1000)
    assert {x.name: len(x.lines) for x in found} == {"ICID 5": 3, "ICID 6": 4}


def test_a_session_whose_number_comes_again_ends_with_that_line() -> None:
    """It is of the old connection, as is its document; the line is of both."""
    login = SECOND.splitlines()[0]
    new = "New SMTP ICID 5 interface A (192.0.2.1) address 192.0.2.{}"
    content = stamped(f"{new.format(1)}\n{login}\n{new.format(2)}\n{login}\n")
    one, two = told(content, 1000)
    assert [len(x.lines) for x in (one, two)] == [3, 2]
    assert [x.session is not None for x in one.events] == [False, True]
    assert [x.session is not None for x in two.events] == [False]


def test_what_is_open_takes_a_limited_part_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no connection ends, the oldest are told early."""
    monkeypatch.setattr(stories, "MAX_BYTES", 2_000)
    lines = (f"New SMTP ICID {x} interface A (192.0.2.1) address 192.0.2.9" for x in range(99))
    found = told(stamped("\n".join(lines) + "\n"), 1_000)
    assert [x.name for x in found] == [f"ICID {x}" for x in range(99)]


def test_the_headers_of_files_are_kept_for_lines_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection may go over many files."""
    monkeypatch.setattr(stories, "MAX_LINES", 3)
    found: list[Story] = []
    tracer = tracing.Tracer(Settings(), lambda *_: True, found.append)
    for number in range(9):
        reading = tracer.open("esa1", f"/{number}", base="mail")
        reading.feed(stamped("Version: 15.0.0-100 SN: 564D\nICID 5 TLS failed\n"))
        reading.finish()
    tracer.end()
    assert [(len(x.lines), x.more, len(x.headers)) for x in found] == [(3, 6, 3)]


def test_what_is_kept_is_limited(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines and stories: a hostile log must not fill the memory."""
    monkeypatch.setattr(stories, "MAX_LINES", 2)
    monkeypatch.setattr(stories, "MAX_OPEN", 1)
    done = trace("5", folder)
    assert "more lines" in done.stdout
    assert done.stdout.count(" of esa1\n") > 2


def test_the_documentation_shows_what_is_so() -> None:
    """In a folder of its own."""
    done = trace("884244", SAMPLES / "esa1.example.com" / "mail.current")
    shown = block("trace", SAMPLES.parents[1] / "docs" / "investigating.md")
    assert done.stdout.rstrip() == shown.rstrip().replace("/srv/esa", str(SAMPLES))
