"""What happened, of a folder of logs: right by the definitions, harmless, and easy to read."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from forwarder.app import parse as parsing
from forwarder.cli.main import main
from forwarder.cli.parse import read_options
from forwarder.cli.report import as_text, make
from forwarder.report import findings as limits
from forwarder.report import store
from forwarder.report.findings import find_peaks
from forwarder.report.html import render_html
from forwarder.report.overview import Report, Row, Table
from forwarder.report.store import Chosen
from tests.detection.table import RULES
from tests.test_docs import between, rows
from tests.test_trace import SAMPLES
from tests.world import story
from tests.world.attacks import ATTACKS, trace

BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVIL = "<script>alert(1)</script>\x1b[31m\u202e\x9b=cmd"


def login(  # noqa: PLR0913 - what a login has
    time: timedelta,
    user: str,
    source: str,
    *,
    good: bool = True,
    mechanism: str = "PLAIN",
    tls: bool = True,
    recipients: int = 0,
) -> tuple[timedelta, list[str]]:
    """Return the messages of a connection with a login; ``{}`` is its number."""
    outcome = "succeeded" if good else "failed"
    using = f"using AUTH mechanism: {mechanism} with profile: P"
    return time, [
        f"New SMTP ICID {{0}} interface S (192.0.2.11) address {source}",
        *(["ICID {0} TLS success protocol TLSv1.3 cipher A"] if tls else []),
        f"SMTP Auth: (ICID {{0}}) {outcome} for user: {user} {using}",
        *(["Start MID {0} ICID {0}"] if recipients else []),
        *(f"MID {{0}} ICID {{0}} RID {x} To: <r{x}@example.net>" for x in range(recipients)),
        "ICID {0} close",
    ]


def relay(time: timedelta, answer: str) -> tuple[timedelta, list[str]]:
    """Return the messages of a refusal by a smart host."""
    using = "SMTP authentication using the profile Out"
    return time, [
        "New SMTP DCID {0} interface 192.0.2.10 address 192.0.2.250 port 587",
        f"DCID: {{0}} IP: 192.0.2.250 {using} failed: ('535', ['{answer}'])",
        "DCID {0} close",
    ]


def write(folder: Path, connections: Iterable[tuple[timedelta, list[str]]]) -> Path:
    """Write a log of connections, in their order of time."""
    path = folder / "esa1" / "mail.current"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{BEGIN:%a %b %e %H:%M:%S %Y} Info: Time offset from UTC: 0 seconds\n")
        for number, (time, messages) in enumerate(sorted(connections), 1):
            for message in messages:
                stamp = f"{BEGIN + time:%a %b %e %H:%M:%S %Y}"
                # The user may have braces.
                file.write(f"{stamp} Info: {message.replace('{0}', str(number))}\n")
    return path.parent


def read(*paths: Path | str, chosen: Chosen = Chosen()) -> Report:  # noqa: B008 - it is frozen
    """Make the report of logs."""
    options = read_options(
        tuple(map(str, paths)),
        config=None,
        appliance=None,
        zone=None,
        year=None,
        follow_symlinks=False,
    )
    made, outcome = make(options, chosen, lambda *_: None)
    assert outcome.problems == ()
    assert made is not None
    return made


def found(made: Report, name: str) -> list[tuple[Any, ...]]:
    """Return the cells of a table's rows, times as text."""
    (table,) = (x for x in made.tables if x.name == name)
    return [
        tuple(x if x is None or type(x) is int else str(x) for x in y.cells) for y in table.rows
    ]


def run(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


# --- definitions


@pytest.mark.parametrize(
    ("tries", "apart", "source", "accepted", "rows"),
    [
        (20, timedelta(minutes=70), "203.0.113.5", False, 1),
        (19, timedelta(minutes=1), "203.0.113.5", False, 0),
        (20, timedelta(minutes=76), "203.0.113.5", False, 0),
        (20, timedelta(minutes=1), "10.0.0.5", False, 0),
        (20, timedelta(minutes=1), "::ffff:10.0.0.5", False, 0),
        (20, timedelta(minutes=1), "203.0.113.5", True, 0),
    ],
    ids=[
        *("at the limit", "below it", "over more than a day", "own network"),
        *("own network as IPv6", "source has a login"),
    ],
)
def test_guessing(  # noqa: PLR0913, PLR0917 - a row of a table
    tmp_path: Path,
    tries: int,
    apart: timedelta,
    source: str,
    accepted: bool,  # noqa: FBT001
    rows: int,
) -> None:
    """Twenty refusals in a day of a public source without a login."""
    connections = [login(x * apart, "anna", source, good=False) for x in range(tries)]
    if accepted:
        connections.append(login(9 * DAY, "bert", source))
    result = found(read(write(tmp_path, connections)), "guessing")
    assert [x[:3] for x in result] == [(source, tries, 1)] * rows


@pytest.mark.parametrize(
    ("tried", "accepted", "rows"), [(10, 4, 1), (9, 0, 0), (10, 5, 0), (12, 5, 1)]
)
def test_spraying(tmp_path: Path, tried: int, accepted: int, rows: int) -> None:
    """Ten accounts refused, and fewer than half as many accepted; one user in two forms is one."""
    connections = [
        login(x * HOUR, f"{y}u{x}{z}", "203.0.113.5", good=False)
        for x in range(tried)
        for y, z in (("", ""), ("DOMAIN\\", "@example.com"))
    ]
    connections += [login(DAY + x * HOUR, f"good{x}", "203.0.113.5") for x in range(accepted)]
    result = found(read(write(tmp_path, connections)), "spraying")
    assert [x[:3] for x in result] == [("203.0.113.5", 2 * tried, tried)] * rows


@pytest.mark.parametrize(("sources", "home", "rows"), [(8, 0, 1), (7, 0, 0), (8, 1, 0), (9, 1, 1)])
def test_guessing_from_many_sources(tmp_path: Path, sources: int, home: int, rows: int) -> None:
    """Eight strangers in a day; a network from which the account logs in has none."""
    connections = [login(x * HOUR, "anna", f"203.{x}.113.5", good=False) for x in range(sources)]
    connections += [login(2 * DAY, "anna", f"203.{x}.9.9") for x in range(home)]
    result = found(read(write(tmp_path, connections)), "distributed_guessing")
    assert [x[0] for x in result] == ["anna"] * rows


@pytest.mark.parametrize(("sources", "accounts", "rows"), [(15, 10, 1), (14, 10, 0), (15, 9, 0)])
def test_spraying_from_many_sources(tmp_path: Path, sources: int, accounts: int, rows: int) -> None:
    """Fifteen strangers and ten accounts in an hour."""
    connections = [
        login(timedelta(minutes=x), f"u{x % accounts}", f"203.{x}.113.5", good=False)
        for x in range(sources)
    ]
    result = found(read(write(tmp_path, connections)), "distributed_spraying")
    assert result == [("2026-03-02 08:00:00", sources, accounts, sources)] * rows


@pytest.mark.parametrize(
    ("refused", "apart", "rows"), [(5, HOUR, 1), (4, HOUR, 0), (5, 2 * DAY, 0)]
)
def test_a_login_after_refusals(tmp_path: Path, refused: int, apart: timedelta, rows: int) -> None:
    """Five refusals in seven days before the first login from there, and what it sent."""
    connections = [login(x * apart, "anna", "203.0.113.5", good=False) for x in range(refused)]
    last = refused * apart
    connections += [
        login(last, "anna", "203.0.113.5", recipients=3),
        login(last + HOUR, "bert", "203.0.113.5"),
    ]
    made = read(write(tmp_path, connections))
    assert [x[:3] for x in found(made, "in_after_refusals")] == [("anna", "203.0.113.5", 5)] * rows
    lines = [[y.text for y in x.lines] for x in made.tables[0].rows]
    assert [("succeeded" in x[-1], len(x)) for x in lines] == [(True, 5)] * rows
    sent = [x[:5] for x in found(made, "suspicious_sessions")]
    assert sent == [("anna", "203.0.113.5", 1, 1, 3)] * rows


@pytest.mark.parametrize(
    ("strangers", "tries", "apart", "rows"),
    [(4, 8, HOUR, 1), (3, 8, HOUR, 0), (4, 7, HOUR, 0), (4, 8, 4 * HOUR, 0)],
)
def test_a_login_while_the_account_is_guessed(
    tmp_path: Path, strangers: int, tries: int, apart: timedelta, rows: int
) -> None:
    """Four strangers refused eight times in the day before it logs in from a new network."""
    connections = [login(timedelta(0), "anna", "203.0.113.5")]
    connections += [
        login(HOUR + x * apart, "anna", f"198.{x % strangers}.7.7", good=False)
        for x in range(tries)
    ]
    connections.append(login(HOUR + tries * apart, "anna", "192.0.2.5", recipients=2))
    made = read(write(tmp_path, connections))
    result = [x[:4] for x in found(made, "in_while_guessed")]
    assert result == [("anna", "192.0.2.5", strangers, tries)] * rows
    assert len(found(made, "suspicious_sessions")) == rows


def test_a_login_from_a_new_network(tmp_path: Path) -> None:
    """Of an account that is known for five days; earlier ones are its own networks."""
    connections = [
        login(timedelta(0), "anna", "203.0.113.5"),
        login(4 * DAY, "anna", "198.51.100.5"),
        login(6 * DAY, "anna", "203.0.7.7"),
        login(6 * DAY, "anna", "2001:db8::5"),
        login(6 * DAY, "bert", "192.0.2.5"),
    ]
    assert found(read(write(tmp_path, connections)), "new_networks") == [
        ("anna", "2001:db8::5", "2001:db8::/32", 2, "2026-03-08 08:00:00")
    ]


def test_the_first_login_is_shown_whichever_appliance_had_it(tmp_path: Path) -> None:
    """Logs of appliances are read one after another."""
    address = "198.51.100.5"
    write(
        tmp_path / "a",
        [login(timedelta(0), "anna", "203.0.113.5"), login(7 * DAY, "anna", address)],
    )
    folders = tmp_path / "a", write(tmp_path / "b", [login(6 * DAY, "anna", address)])
    made = read(*folders)
    ((*_, first),) = found(made, "new_networks")
    (row,) = next(x.rows for x in made.tables if x.name == "new_networks")
    assert first == "2026-03-08 08:00:00"
    assert [x.text[:24] for x in row.lines] == ["Sun Mar  8 08:00:00 2026"]


def test_readable_passwords(tmp_path: Path) -> None:
    """From public addresses, without TLS; CRAM-MD5 is not readable."""
    address = "203.0.113.5"
    connections = [
        login(HOUR, "anna", address, tls=False, good=False),
        login(HOUR, "anna", address, tls=False),
        login(HOUR, "bert", address, tls=True),
        login(HOUR, "carl", address, tls=False, mechanism="CRAM-MD5"),
        login(HOUR, "dora", "10.0.0.5", tls=False),
    ]
    result = found(read(write(tmp_path, connections)), "without_tls")
    assert result == [("anna", address, 1, 1, "2026-03-02 09:00:00")]


def test_mass_mail(tmp_path: Path) -> None:
    """Two hundred recipients in an hour, and three times as many as usual."""
    connections = [
        login(HOUR, "often", "203.0.113.5", recipients=100),
        login(3 * HOUR, "often", "203.0.113.5", recipients=200),
        login(HOUR, "anna", "203.0.113.5", recipients=100),
        login(1.5 * HOUR, "anna", "203.0.113.5", recipients=100),
    ]
    result = found(read(write(tmp_path, connections)), "mass_mail")
    assert result == [("anna", "2026-03-02 09:00:00", 200, 0, 2)]


def test_smart_hosts_and_their_answers(tmp_path: Path) -> None:
    """Counted by host, profile and answer."""
    made = read(write(tmp_path, [relay(x * HOUR, "expired") for x in range(2)]))
    first, last = "2026-03-02 08:00:00", "2026-03-02 09:00:00"
    assert found(made, "smart_hosts") == [("192.0.2.250", "Out", 2, "expired", first, last)]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.integers(0, 5))),
    st.integers(1, 20),
)
def test_peaks_are_those_of_all_windows(rows: list[tuple[int, int, int]], seconds: int) -> None:
    """Compared with every window that ends at a row."""
    rows.sort()
    expected = {
        key: max(
            len({v for k, t, v in rows if k == key and end - seconds < t <= end})
            for k, end, _ in rows
            if k == key
        )
        for key, _, _ in rows
    }
    assert dict(find_peaks(rows, seconds)) == expected


# --- whole logs


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Make the report of ten days of a company, the last one with attacks."""
    folder = tmp_path_factory.mktemp("report") / "logs"
    story.write(folder)
    return read(f"{folder}/{{appliance}}/mail*")


FINDINGS = {
    "guessing": {"guessing"},
    "spraying": {"spraying"},
    "a list of names": {"spraying"},
    "a leaked list": {"spraying"},
    "one user from": {"distributed_guessing"},
    "guessed": {"in_after_refusals"},
    "slow guessing, then in": {"in_after_refusals"},
    "in from elsewhere while guessed": {"in_while_guessed", "distributed_guessing", "new_networks"},
    "right password, rented server": {"mass_mail"},
    "usual address": {"mass_mail"},
    "300 recipients": {"mass_mail"},
    "password without TLS": {"without_tls"},
    "account of the": {"new_networks"},
    "smart host": {"smart_hosts"},
}
"""By how the name of an attack begins, where it must be found."""


@pytest.mark.parametrize(("begin", "names"), FINDINGS.items())
def test_attacks_are_found(company: Report, begin: str, names: set[str]) -> None:
    """Each by the definition that fits; the account or the source is named."""
    attacks = [x for x in ATTACKS if x.name.startswith(begin)]
    assert attacks
    for attack in attacks:
        truth = trace(attack, story.ATTACKED)
        for name in names:
            named = {y for x in found(company, name) for y in x}
            assert (truth.accounts | truth.sources) & named, (attack.name, name)


def test_what_is_counted_is_what_was_written(company: Report) -> None:
    """The bars are all logins; a hundred users come from a company's own networks."""
    facts = dict(company.facts)
    accepted = sum(x.success for x in company.bars)
    refused = sum(x.failure for x in company.bars)
    assert (accepted, refused) == (facts["logins accepted"], facts["logins refused"])
    joined = found(company, "joined")
    assert sum(x[1] for x in joined) == accepted + refused


def test_it_agrees_with_parse() -> None:
    """On the sample logs, by action and outcome."""
    options = read_options(
        (str(SAMPLES),), config=None, appliance=None, zone=None, year=None, follow_symlinks=False
    )
    out = BytesIO()
    events = parsing.parse(options, out, lambda *_: None).counts.events
    names = {
        "logins accepted": ("smtp-authentication", "success"),
        "logins refused": ("smtp-authentication", "failure"),
        "logins not checked": ("smtp-authentication-error", "failure"),
        "logins not begun": ("smtp-authentication-not-initiated", None),
        "logins at smart hosts accepted": ("smtp-relay-authentication", "success"),
        "logins at smart hosts refused": ("smtp-relay-authentication", "failure"),
        "sessions": ("smtp-session-closed", "success"),
    }
    facts = dict(read(SAMPLES).facts)
    assert {y: facts[x] for x, y in names.items()} == dict(events)


def test_rows_have_the_lines_that_they_came_from(company: Report) -> None:
    """Each at its place in the file; of a source or account, those that name it."""
    for table in company.tables:
        for row in table.rows:
            for line in row.lines:
                with Path(line.path).open("rb") as file:
                    file.seek(line.offset)
                    assert file.readline().decode().rstrip("\n") == line.text
    for table in company.tables:
        for row in table.rows:
            # 'Mon Mar  2 08:00:00 2026' in March: the day of the month, and the time.
            times = [(int(x.text[8:10]), x.text[11:19]) for x in row.lines]
            assert times == sorted(times), table.name
    checked = Counter(x.name for x in company.tables for y in x.rows if y.lines)
    assert checked["guessing"] == len(found(company, "guessing"))
    assert checked["mass_mail"] == len(found(company, "mass_mail"))


# --- what is left out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a log with guessing on one day, and logins on the next."""
    connections = [
        *(login(x * timedelta(minutes=1), "anna", "203.0.113.5", good=False) for x in range(30)),
        login(DAY, "anna@example.com", "198.51.100.9"),
        login(DAY + HOUR, "bert", "198.51.100.10"),
    ]
    return write(tmp_path, connections)


@pytest.mark.parametrize(
    ("options", "accepted", "refused", "guessing"),
    [
        ((), 2, 30, 1),
        (("--since", "2026-03-03"), 2, 0, 0),
        (("--until", "2026-03-03"), 0, 30, 1),
        (("--since", "2026-03-02 08:15", "--until", "2026-03-03T08:30:00"), 1, 15, 0),
        (("--since", "2026-03-02T08:15:00.000Z"), 2, 15, 0),
        (("--since", "2026-03-02T09:15:00+01:00"), 2, 15, 0),
        (("--user", "EXAMPLE\\Anna"), 1, 30, 1),
        (("--source", "198.51.100.0/24"), 2, 0, 0),
        (("--source", "198.51.100.77/24"), 2, 0, 0),
        (("--source", "203.0.113.5"), 0, 30, 1),
        (("--source", "2001:db8::/32"), 0, 0, 0),
    ],
)
def test_a_report_is_about_what_was_asked_for(
    folder: Path, options: tuple[str, ...], accepted: int, refused: int, guessing: int
) -> None:
    """By time, user and source."""
    done = run(folder, "--format", "json", *options)
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    facts = made["facts"]
    assert (facts["logins_accepted"], facts["logins_refused"]) == (accepted, refused)
    assert ("only" in facts) == bool(options)
    assert len(made["tables"]["guessing"]["rows"]) == guessing


@pytest.mark.parametrize("form", ["html", "text", "json"])
def test_a_report_says_what_it_is_about(folder: Path, form: str) -> None:
    """A page about one user must not look like one of a quiet company."""
    options = ("--user", "EXAMPLE\\Anna", "--source", "203.0.113.5/24", "--since", "2026-03-02")
    done = run(folder, *options, "--until", "2026-03-03T01:00+01:00", "--format", form)
    assert (
        "account anna, source 203.0.113.0/24, from 2026-03-02 00:00:00 UTC,"
        " before 2026-03-03 00:00:00 UTC" in done.stdout
    )


@pytest.mark.parametrize("form", ["html", "text", "json"])
def test_a_report_says_what_was_not_read(folder: Path, tmp_path: Path, form: str) -> None:
    """It is passed on without what was printed when it was made."""
    (folder / "mail.@20260301T000000.s.gz").write_bytes(b"\x1f\x8b\x08\x00")
    with (folder / "mail.current").open("a", encoding="utf-8") as file:
        file.write("Wed Mar  4 08:00:00 2026 Info: SMTP Auth: (ICID 9) maybe for user: x\n")
    out = tmp_path / "report"
    assert run(folder, "-o", out, "--format", form).exit_code == 1
    made = " ".join(out.read_text().split())  # lines are wrapped, wherever the folder is
    assert "error: " in made
    assert "is a gzip file that is cut off" in made
    assert "warning: 1 line not understood" in made


def test_what_is_left_out_was_known_before(folder: Path) -> None:
    """A source that had a login is no stranger, though the login is older."""
    write(
        folder.parent,
        [
            login(timedelta(0), "bert", "203.0.113.5"),
            *(
                login(DAY + x * timedelta(minutes=1), "anna", "203.0.113.5", good=False)
                for x in range(30)
            ),
        ],
    )
    made = json.loads(run(folder, "--format", "json", "--since", "2026-03-03").stdout)
    assert made["tables"]["guessing"]["rows"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--source", "house"), "is neither an address nor a network"),
        (("--since", "yesterday"), "'yesterday' is not a time; write it like 2026-03-01, "),
        (("--since", "0001-01-01T00:00+14:00"), "is not a time"),
        (("--since", "2026-03-02", "--until", "2026-03-02"), "--since must be before --until"),
        (("--user", " "), "it is empty; name a user"),
    ],
)
def test_bad_usage_is_said(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    """Before anything is read."""
    done = run(folder, *arguments)
    assert done.exit_code == 2
    assert words in done.stderr


# --- how it is shown


class Page(HTMLParser):
    """Checks that tags are closed in order, and collects what could act."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags[tag] += 1
        self.links += [y or "" for x, y in attrs if x in {"href", "src", "action"} or x[:2] == "on"]
        if tag not in {"meta", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        if tag != "rect":
            assert self.open.pop() == tag


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Return a log whose users, answers and files mean harm."""
    connections = [
        *(
            login(x * HOUR, f"{EVIL}{x % 2}", "203.0.113.5", good=False, tls=False)
            for x in range(30)
        ),
        relay(HOUR, EVIL),
    ]
    return write(tmp_path / "<b onclick=x>\x1b[31m", connections)


def test_a_page_is_whole_and_does_nothing(hostile: Path, tmp_path: Path) -> None:
    """Users are strangers: nothing of them is a tag, and nothing is loaded."""
    out = tmp_path / "report.html"
    done = run(hostile, "-o", out)
    assert (done.exit_code, done.stdout) == (0, "")
    text = out.read_text()
    page = Page(text)
    assert page.open == []
    assert [x for x in page.links if not re.fullmatch(r"#\w+", x)] == []
    assert page.tags["script"] == page.tags["b"] - text.count("<b>/") == page.tags["img"] == 0
    assert "default-src 'none'" in text
    assert not re.search("[\x1b\x9b\u202e]", text)
    assert "&lt;script&gt;" in text
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("form", ["text", "json"])
def test_text_commands_no_terminal(hostile: Path, form: str) -> None:
    """What a terminal would obey is shown by its code."""
    done = run(hostile, "--format", form)
    assert done.exit_code == 0
    assert not re.search("[\x1b\x9b\u202e]", done.stdout)
    assert "<script>" in done.stdout


@pytest.mark.parametrize("width", [80, 100, 200])
def test_text_fits_the_terminal(company: Report, width: int) -> None:
    """Long text is cut; numbers are not, nor the places that explain takes."""
    lines = [*map(click.unstyle, as_text(company, width))]
    places = {f"    {z.path}:{z.offset}" for x in company.tables for y in x.rows for z in y.lines}
    assert [x for x in lines if len(x) > width and x not in places] == []
    assert any(x.partition(" Mon")[0] in places for x in lines)
    assert "\x1b[" in "".join(as_text(company, width))


def test_addresses_are_whole_in_a_narrow_terminal(company: Report) -> None:
    """Times are left out first: the lines below have them."""
    lines = [*map(click.unstyle, as_text(company, 80))]
    for table in company.tables:
        if table.rows and "Source" in table.columns:
            at = table.columns.index("Source")
            titles = [x.partition(" (")[0] for x in lines]
            begin = titles.index(table.title)
            end = lines.index("", begin)
            shown = {y for x in lines[begin + 2 : end] if x[:1] != " " for y in x.split("  ")}
            assert {x.cells[at] for x in table.rows} <= {x.strip() for x in shown}, table.title


def test_text_for_no_terminal_is_whole(folder: Path) -> None:
    """A pipe has no width: each line is behind its place, and the login below the refusals."""
    write(folder.parent, [login(x * HOUR, "anna", "203.0.113.5", good=x > 4) for x in range(6)])
    log = folder / "mail.current"
    whole = log.read_text().splitlines()
    first, last = (next(x for x in whole if y in x) for y in ("failed", "succeeded"))
    begin, end = (log.read_bytes().index(x.encode()) for x in (first, last))
    assert f"    {log}:{begin} {first}\n    {log}:{end} {last}\n" in run(folder).stdout


def test_json_has_all_of_it(folder: Path) -> None:
    """With times in ISO 8601, and lines that can be found."""
    made = json.loads(run(folder, "--format", "json").stdout)
    (row,) = made["tables"]["guessing"]["rows"]
    lines = row.pop("lines")
    assert made["facts"]["first_login"] == "2026-03-02T08:00:00Z"
    assert (made["facts"]["lines"], made["warnings"]) == (129, [])
    assert row == {
        "source": "203.0.113.5",
        "refused": 30,
        "accounts": 1,
        "first": "2026-03-02T08:00:00Z",
        "last": "2026-03-02T08:29:00Z",
    }
    path = folder / "mail.current"
    assert lines[0]["path"] == str(path)
    assert path.read_bytes()[lines[0]["offset"] :].decode().startswith(lines[0]["text"])


def test_more_rows_than_are_shown_are_counted(tmp_path: Path) -> None:
    """In every form."""
    connections = [login(HOUR, f"u{x}", f"203.{x}.113.5", tls=False) for x in range(103)]
    folder = write(tmp_path, connections)
    assert "3 more rows" in run(folder).stdout
    assert "3 more rows not shown." in run(folder, "--format", "html").stdout
    assert json.loads(run(folder, "--format", "json").stdout)["tables"]["without_tls"]["more"] == 3


def test_an_empty_log_has_a_report(tmp_path: Path) -> None:
    """In each form, without anything in it."""
    (tmp_path / "mail.1").write_text("Mon Mar  2 08:00:00 2026 Info: ICID 5 close\n")
    for form in ("html", "text", "json"):
        done = run(tmp_path, "--format", form)
        assert done.exit_code == 0, done.output
    assert "Not found: " in run(tmp_path).stdout


@pytest.mark.parametrize("content", [None, "", "Dear all,\n"])
def test_what_was_not_read_is_no_quiet_day(tmp_path: Path, content: str | None) -> None:
    """There is no report then, and none of an earlier day is replaced."""
    if content is not None:
        (tmp_path / "mail.1").write_text(content)
    out = tmp_path / "report.html"
    done = run(tmp_path / ("mail.1" if content else "*.log"), "-o", out)
    assert (done.exit_code, done.stdout, out.exists()) == (1, "", False)
    assert done.stderr.startswith("error: ")


def test_a_full_disk_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do, and without half a report."""
    schema = f"PRAGMA max_page_count=9;{store.SCHEMA}"
    monkeypatch.setattr(store, "SCHEMA", schema)
    done = run(folder)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "the temporary database cannot be used: database or disk is full" in done.stderr


def test_what_cannot_be_written_is_said(folder: Path) -> None:
    """The path is named."""
    done = run(folder, "-o", "/none/report.html")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (
        1,
        "error: /none/report.html cannot be written: No such file or directory.",
    )


def test_a_log_is_not_written_over(folder: Path) -> None:
    """As by ``-o mail.*``, which a shell expands."""
    log = folder / "mail.current"
    before = log.read_bytes()
    done = run(folder, "-o", log)
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (
        2,
        f"Error: Invalid value for '-o': {log} is one of the logs.",
    )
    assert log.read_bytes() == before


def test_an_earlier_report_stays_where_the_disk_is_full(folder: Path, tmp_path: Path) -> None:
    """Whole, and with its mode; there is no half of the new one beside."""
    out = tmp_path / "report.html"
    out.write_text("earlier")
    out.chmod(0o600)
    command = [Path(sys.executable).with_name("esa-forwarder"), "report", folder, "-o", out]
    limited = ["sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *map(str, command)]
    environment = {**os.environ, "SQLITE_TMPDIR": str(tmp_path)}
    # What is measured of the tests is written to a file, too.
    environment.pop("COVERAGE_PROCESS_CONFIG", None)
    done = subprocess.run(limited, check=False, capture_output=True, text=True, env=environment)  # noqa: S603 - our own command
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        f"error: {out} cannot be written: File too large.",
    )
    assert (out.read_text(), [x.name for x in out.parent.glob("report*")]) == (
        "earlier",
        ["report.html"],
    )
    assert run(folder, "-o", out).exit_code == 0
    assert (out.read_text()[:15], out.stat().st_mode & 0o777) == ("<!DOCTYPE html>", 0o600)


def test_a_wrong_clock_does_not_fill_the_page(tmp_path: Path) -> None:
    """A line of another century is no reason for a million bars."""
    connections = [
        login(timedelta(0), "anna", "203.0.113.5"),
        login(9_000 * DAY, "anna", "203.0.113.5"),
    ]
    made = read(write(tmp_path, connections))
    assert len(made.bars) <= 1_200
    assert sum(x.success for x in made.bars) == 2


def test_cells_without_a_value_are_empty() -> None:
    """As the bytes of a session without messages."""
    table = Table("a", "A", "about", ("X", "Y"), (Row(("x", None), ()),))
    made = Report((("read", "1"),), 60, (), (table,))
    assert "<td></td>" in render_html(made)
    assert "None" not in "".join(as_text(made, 80))


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        ("01", (limits.GUESSING_REFUSALS,)),
        ("02", (limits.REFUSALS_BEFORE, limits.DAYS_BEFORE)),
        ("03", (limits.WHILE_STRANGERS, limits.WHILE_REFUSALS)),
        ("04", (limits.SPRAYING_ACCOUNTS,)),
        ("05", (limits.SPRAYING_STRANGERS, limits.SPRAYING_ACCOUNTS)),
        ("06", (limits.GUESSING_STRANGERS,)),
        ("07", (limits.MASS_RECIPIENTS,)),
        ("13", (limits.SMART_HOST_REFUSALS,)),
    ],
)
def test_the_words_of_a_rule_have_the_numbers_of_the_definitions(
    rule: str, numbers: tuple[int, ...]
) -> None:
    """Its query is made of them; its description is written by hand."""
    (finds,) = (x.finds for x in RULES if x.end == rule)
    assert {str(x) for x in numbers} <= {*re.findall(r"\d+", finds)}


def test_the_documentation_lists_all_parts(company: Report) -> None:
    """With what is in each, in the order of the report."""
    document = SAMPLES.parents[1] / "docs" / "investigating.md"
    assert [*rows(between("report", document))] == [[x.title, x.about] for x in company.tables]
