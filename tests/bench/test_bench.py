"""The bench measures what it says it measures."""

import re
import shutil
from pathlib import Path

import orjson
import pytest

from forwarder.mail_logs import grammar
from tests import patterns
from tests.bench import __main__ as command
from tests.bench import ripgrep, service_rows, syslog_rows
from tests.bench.against import against
from tests.bench.corpora import Corpora, Log
from tests.bench.measuring import PROGRAM, BenchError, Output, look_at, ratio
from tests.bench.rows import Row, Sizes, check, line_by_line, ours, traffic


def test_ripgrep_has_the_forms_of_the_grammar() -> None:
    """Each matches the samples of its form; names and order are the same."""
    assert list(ripgrep.FORMS) == [form.name for form in patterns.FORMS]
    for form in patterns.FORMS:
        pattern = re.compile(ripgrep.FORMS[form.name].encode())
        for sample in form.samples:
            message = sample if form.verbatim else b" ".join(sample.split())
            assert pattern.fullmatch(message), sample


def test_ripgrep_matches_no_more_than_the_grammar() -> None:
    """What is near a form is none; but a login is also a login that is cut."""
    both = re.compile("|".join(ripgrep.FORMS.values()).encode())
    for form in patterns.FORMS:
        for near in form.counterexamples:
            meant = [x.name for x in patterns.FORMS if grammar.match(x.pattern, near)]
            assert bool(both.fullmatch(near)) == bool(meant), near


def test_the_yardstick_finds_the_same_as_the_program(tmp_path: Path) -> None:
    """User, address and outcome of each login and session, in the same order."""
    corpora = Corpora(tmp_path)
    for kind in ("storm", "traffic"):
        log = corpora.make(kind, 1)
        sides = []
        for make in (ours, line_by_line):
            check(log, look_at(make(log.path)))
            sides.append([orjson.loads(x) for x in lines(make(log.path))])
        assert len(sides[0]) == len(sides[1]) > 100
        for mine, theirs in zip(*sides, strict=True):
            assert mine["event"]["action"] == theirs["event"]["action"]
            assert mine["event"]["outcome"] == theirs["event"]["outcome"]
            assert mine["@timestamp"][:19] == theirs["@timestamp"][:19]
            assert mine.get("user", {}).get("name") == theirs.get("user", {}).get("name")
            side = "destination" if "relay" in mine["event"]["action"] else "source"
            assert mine[side]["ip"] == theirs["source"]["ip"]


def lines(made: object) -> list[bytes]:
    """Run a command and return what it prints."""
    import subprocess  # noqa: PLC0415 - for this test alone

    assert isinstance(made, list)
    return subprocess.run(made, check=True, capture_output=True).stdout.splitlines()  # noqa: S603


def test_a_missing_document_is_no_figure() -> None:
    """However fast it was."""
    log = Log("mail.log", 3, 1, 100)
    check(log, Output(3, 1, ""))
    with pytest.raises(BenchError, match="3 logins and 1 ends of sessions, and 2 and 1 came out"):
        check(log, Output(2, 1, ""))


def test_the_ratio_is_the_middle_one_of_neighbours() -> None:
    """A round on a busy machine is no figure."""
    assert ratio([2, 40, 6], [1, 10, 2]) == 3


def test_ripgrep_is_skipped_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In plain words."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    skipped, rate = traffic(Corpora(tmp_path), Sizes(1, 1))
    assert skipped.figure == "skipped: ripgrep is not installed"
    # Of a megabyte, the time over start-up may be less than nothing on a busy machine.
    assert re.fullmatch(r"-?[\d,]+", rate.figure)
    assert "no ripgrep" in command.machine()


def test_the_command_prints_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row has its cells, and the exit code says whether limits are kept."""
    monkeypatch.setattr(service_rows, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(service_rows, "LATENCIES", 3)
    monkeypatch.setattr(syslog_rows, "LATENCIES", 3)
    code = command.main(["--megabytes=0.2", "--rounds=1"])
    first, _, *table = capsys.readouterr().out.splitlines()
    assert re.search(r"\d+ cores?, Python 3\..*; 0.2 MB of traffic$", first)
    assert {row.count("|") for row in table} <= {5, 6}
    names = {row.split(":")[0].removeprefix("| ") for row in table[2:]}
    assert names - {"rsyslog", "rsyslog with imtcp and omfile"} == {
        "traffic",
        "storm",
        "report",
        "memory",
        "start-up",
        "two appliances",
        "run --once",
        "run",
    }
    assert code == any("over the limit" in row for row in table)


def test_a_row_over_its_limit_says_so() -> None:
    """In a column of its own."""
    assert command.line(Row("a", "2", "1", "0", kept=False)) == "| a | 2 | 1 | 0 | over the limit |"


def test_an_earlier_version_is_measured_at_the_same_time(tmp_path: Path) -> None:
    """Each command of it on each log; the same version takes as long."""
    rows = list(against(Corpora(tmp_path), Sizes(0.2, 1), PROGRAM))
    assert [x.name.partition(":")[0] for x in rows] == [
        f"{command} of {log}"
        for command in ("parse", "run --once")
        for log in ("traffic", "storm", "nothing")
    ]
    assert all(float(x.figure) > 0 for x in rows)
