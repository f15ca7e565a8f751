"""Lines that were not understood: ``parse --unparsed`` lists them, ``status`` shows a sample."""

from contextlib import closing
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from forwarder.app.input_status import InputStatus
from forwarder.app.parser_client import InputOptions, ParserSettings
from forwarder.app.parser_worker import MAX_SAMPLE, ParserPool
from forwarder.cli.main import main
from forwarder.ecs.layout import Common
from forwarder.inputs.chunk import Kind
from forwarder.inputs.files.tailer import FileTailer
from tests.spooling import opened
from tests.test_app_parser_worker import MORE

STAMP = b"Wed Apr 22 11:43:59 2009 "
ODD = b"SMTP Auth: (ICID 5) \x1b[31mperhaps for user: \xe2\x80\xaeo@example.com"
LINES = {
    "not understood": STAMP + b"Info: " + ODD,
    "followed by text that is not part of it": STAMP + b"Info: ICID 5 close\n-- the end --",
    "longer than 64 KiB": STAMP + b"Info: MID 5 Subject '" + b"x" * (1 << 16) + b"'",
    "not of a mail log": b"<22>Apr 22 11:44:00 relay1 kernel: eth0 is up",
}
LAST = STAMP + b"Info: New SMTP ICID 6 interface A (192.0.2.1) address 192.0.2.9\n"


def unparsed(*arguments: str) -> list[str]:
    """Return what the command lists."""
    done = CliRunner().invoke(main, ["parse", "--unparsed", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a log with a line of each kind."""
    path = tmp_path / "esa1" / "mail.current"
    path.parent.mkdir()
    path.write_bytes(b"".join(x + b"\n" for x in LINES.values()) + LAST)
    return path


@pytest.mark.parametrize("why", LINES)
def test_each_kind_is_listed_at_its_place(path: Path, why: str) -> None:
    """File, byte, why, and the line; nothing of it commands the terminal."""
    line, at = LINES[why], path.read_bytes().index(LINES[why])
    (found,) = (x for x in unparsed(str(path)) if f": {why}: " in x)
    begin, _, text = found.partition(f": {why}: ")
    assert begin == f"{path}:{at}"
    expected = line.partition(b"\n")[0][:1024].replace(b"\x1b", b"\\x1b").decode()
    assert text == expected.replace("\u202e", "\\u202e")


def test_lines_come_in_the_order_of_the_file(path: Path) -> None:
    """And nothing else: no document."""
    found = unparsed(str(path))
    assert [next(y for y in LINES if f": {y}: " in x) for x in found] == [*LINES]


def test_a_table_of_them_is_refused(path: Path) -> None:
    """They are lines, whatever is asked for."""
    done = CliRunner().invoke(main, ["parse", "--unparsed", "--format", "table", str(path)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "cannot be combined with --format table" in done.stderr


def test_what_is_understood_is_not_listed(tmp_path: Path) -> None:
    """Lines that no login needs are understood, too."""
    (tmp_path / "mail.1").write_bytes(LAST + STAMP + b"Info: MID 5 Subject 'SMTP Auth'\n")
    assert unparsed(str(tmp_path)) == []


def status(folder: Path, value: bytes | None, *options: str) -> list[str]:
    """Return what the command shows of what ingest has saved."""
    with closing(opened(folder / "state", "siem")) as spool:
        if value is not None:
            spool.commit([], [("status/ingest", value)])
    config = folder / "config.yaml"
    config.write_text(
        f"state: {folder}/state\ninputs: [{{type: stdin}}]\noutputs: {{siem: {{type: stdout}}}}\n"
    )
    done = CliRunner().invoke(main, ["status", "--unparsed", *options, str(config)])
    assert done.exit_code == 2, done.output  # the service does not run
    return done.stdout.splitlines()


def test_the_service_keeps_the_newest_of_each_kind(tmp_path: Path) -> None:
    """A relay's other lines do not push out what begins like a login."""
    pool = ParserPool(ParserSettings((InputOptions(),), sessions=True, common=Common()), ())
    lines = [LINES["not understood"] + b"\n"]
    lines += [b"<22>Apr 22 11:44:00 r kernel: %d\n" % x for x in range(50)]
    pool.take(MORE._replace(data=b"".join(lines), kind=Kind.END))
    [(_, value)] = InputStatus(FileTailer([], []), (), {}).take(pool.checkpoint())
    kept = [x["text"] for x in orjson.loads(value)["unparsed"] if x["kind"] == "foreign_lines"]
    assert [x.rpartition(" ")[2] for x in kept] == [str(x) for x in range(50 - MAX_SAMPLE, 50)]
    shown = status(tmp_path, value)
    assert len(shown) == 1 + MAX_SAMPLE
    assert shown[0].startswith("/srv/esa/mail:0: not understood: Wed Apr 22 11:43:59 2009 Info: ")
    assert "\x1b" not in shown[0]
    made = orjson.loads("\n".join(status(tmp_path, None, "--format", "json")))
    assert len(made["inputs"]["unparsed"]) == 1 + MAX_SAMPLE


@pytest.mark.parametrize("value", [None, b"{}"])
def test_without_any_status_says_so(tmp_path: Path, value: bytes | None) -> None:
    """An empty answer would look like a fault."""
    assert status(tmp_path, value) == ["Every line was understood since the service began."]


def test_a_line_with_two_faults_is_counted_once_and_the_first_one_is_named(tmp_path: Path) -> None:
    """The framer finds some of them, the correlator others, and each looks at a block at a time."""
    login = b"SMTP Auth: (ICID 5) succeeded for user: a@example.com using AUTH mechanism: LOGIN"
    lines = [STAMP + b"Info: " + ODD, b"Wed Apr 22 11:44:01 CET 2009 Info: " + login, LAST]
    path = tmp_path / "mail.current"
    path.write_bytes(b"\n".join(lines))
    done = CliRunner().invoke(main, ["parse", str(path)])
    assert "2 lines not understood" in done.stderr
    assert f"the first is at byte 0 of '{path}'" in done.stderr
    assert "not of a mail log" not in done.stderr
