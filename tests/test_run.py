"""The command ``run``, as a process: exit codes, and what it says."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from forwarder.cli.main import main
from tests.faults.program import COMMAND, Program, open_fifo, wait_until
from tests.services import append, logins

CONFIG = """\
state: {folder}/state
inputs:
  - {{type: {input}}}
outputs:
  out: {{type: stdout}}
log: {{format: json}}
"""
FILES = 'files, paths: ["{folder}/logs/{{appliance}}/mail*"]'


def configure(folder: Path, source: str) -> Path:
    """Write a configuration with an input."""
    path = folder / "esa.yaml"
    path.write_text(CONFIG.format(folder=folder, input=source.format(folder=folder)), "utf-8")
    return path


def run(path: Path, *options: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end."""
    command = [*COMMAND, "run", "-c", str(path), *options]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)  # noqa: S603


def test_once_prints_documents_and_nothing_else(tmp_path: Path) -> None:
    """The log of the program is on standard error, as the configuration says."""
    append(tmp_path, logins(1, 2))
    done = run(configure(tmp_path, FILES), "--once")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") == done.stdout.count(b'"smtp-authentication"') == 2
    assert all(x.startswith(b"{") for x in done.stderr.splitlines())


def test_filters_drop_documents_of_all_outputs_or_of_one(tmp_path: Path) -> None:
    """The log names each filter once, and status counts what it dropped."""
    log = logins(1, 2, 3).replace(b"203.0.113.9", b"198.51.100.1", 1)
    append(tmp_path, log.replace(b"user: u ", b"user: monitor ", 2).replace(b"monitor", b"u", 1))
    path = configure(tmp_path, FILES)
    text = path.read_text().replace(
        "{type: stdout}", "{type: stdout, filter: {drop: [{user: monitor}]}}"
    )
    path.write_text(text + "documents: {filter: {keep: [{source: 203.0.113.0/24}]}}\n")
    done = run(path, "--once")
    assert done.returncode == 0, done.stderr
    assert [json.loads(x)["cisco_esa"]["icid"] for x in done.stdout.splitlines()] == ["3"]
    said = [json.loads(x)["event"] for x in done.stderr.splitlines()]
    assert [x for x in said if "ilter" in x] == [
        "Documents filtered: see documents.filter.",
        "Filter drops documents of the output; status counts them.",
    ]
    shown = CliRunner().invoke(main, ["status", "-c", str(path), "--format", "json"]).stdout
    status = json.loads(shown)
    assert status["inputs"]["warnings"]["filtered_documents"] == 1
    output = status["outputs"]["out"]
    assert (output["delivered"], output["filtered"]) == (1, 1)


@pytest.mark.parametrize("once", [[], ["--once"]])
def test_standard_input_is_read_to_its_end(tmp_path: Path, once: list[str]) -> None:
    """With or without --once."""
    done = run(configure(tmp_path, "stdin, appliance: esa9"), *once, stdin=logins(1, 2, 3))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b'"hostname":"esa9"') == 3


def test_standard_input_that_is_no_log_is_a_problem(tmp_path: Path) -> None:
    """As it is for the command parse."""
    done = run(configure(tmp_path, "stdin"), "--once", stdin=b"Dear all,\nsee you.\n")
    assert done.returncode == 1
    assert b"standard input has no line of a mail log in it" in done.stderr
    parsed = subprocess.run(  # noqa: S603
        [*COMMAND, "parse", "-"], input=b"Dear all,\n", capture_output=True, check=False, timeout=60
    )
    assert parsed.returncode == 1


def test_standard_input_beside_files(tmp_path: Path) -> None:
    """Neither keeps the other waiting."""
    append(tmp_path, logins(1))
    source = "stdin, appliance: esa9}}\n  - {{type: " + FILES
    done = run(configure(tmp_path, source), "--once", stdin=logins(2))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") == 2


def test_a_line_of_standard_input_is_whole_though_settings_change_amid_it(tmp_path: Path) -> None:
    """What was read of it, and of the file's header, goes on to what reads the rest."""
    path = configure(tmp_path, "stdin, appliance: esa9")
    path.write_text(path.read_text("utf-8").replace("type: stdout", "type: file, path: out.ndjson"))
    out, said = tmp_path / "out.ndjson", tmp_path / "log.ndjson"
    first, second = logins(1), logins(2)
    stamp = first[: first.index(b"Info: ")]
    header = (b"Version: 15.0.3-002 SN: 564D", b"Time offset from UTC: 3600 seconds")
    first = b"".join(stamp + b"Info: " + x + b"\n" for x in header) + first
    with said.open("wb") as log:
        program = subprocess.Popen(  # noqa: S603
            [*COMMAND, "run", "-c", str(path)], stdin=subprocess.PIPE, stderr=log, cwd=tmp_path
        )
    assert program.stdin is not None
    with program, program.stdin as stdin:
        os.write(stdin.fileno(), first + second[:-40])
        wait_until(lambda: out.exists() and out.read_bytes(), "the first login")
        program.send_signal(signal.SIGHUP)
        wait_until(lambda: b"is in use" in said.read_bytes(), "new settings")
        os.write(stdin.fileno(), second[-40:])
    assert program.returncode == 0
    text = out.read_bytes()
    for there in (b'"correlated":true', b'"timezone":"+01:00"', b'"serial_number":"564D"'):
        assert text.count(there) == 2
    assert b"Times are taken for UTC" not in said.read_bytes()


def test_closed_standard_input_fails_the_check(tmp_path: Path) -> None:
    """Nor is a file of the program's own, to which the system gave its number, a log."""
    path = configure(tmp_path, "stdin")
    done = in_shell(f"check -c {path} <&-")
    assert done.returncode == 1
    assert b"FAIL  inputs[0]: standard input is closed\n" in done.stdout


def in_shell(command: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command with what a shell makes of its standard streams."""
    shell = ["/bin/sh", "-c", f'exec "$@" {command}', "sh", *COMMAND]
    return subprocess.run(shell, capture_output=True, check=False, timeout=60)  # noqa: S603


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path, closed: str) -> None:
    """What a library writes to standard error would be in the spool."""
    append(tmp_path, logins(1, 2))
    path = configure(tmp_path, FILES)
    out = tmp_path / "out.ndjson"
    path.write_text(path.read_text("utf-8").replace("stdout", f"file, path: {out}"))
    done = in_shell(f"run --once -c {path} {closed}")
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_closed_stream_leads_nowhere(number: int) -> None:
    """And Python still knows that it was closed."""
    code = (
        "import os, sys, forwarder.cli.start as start; start.fill_closed_streams();"
        "os.write(3, repr([*(os.readlink(f'/proc/self/fd/{x}') == os.devnull for x in range(3)),"
        " *(x is None for x in (sys.stdin, sys.stdout, sys.stderr))]).encode())"
    )
    shell = ["/bin/sh", "-c", f'exec 3>&1 "$0" -c "$1" {number}>&-', sys.executable, code]
    with Path("/dev/zero").open("rb") as file:
        done = subprocess.run(shell, stdin=file, capture_output=True, check=True, timeout=60)  # noqa: S603
    expected = [x == number for x in range(3)]
    assert done.stdout.decode() == repr([*expected, *expected])


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--once",), 1)])
def test_a_signal_before_it_has_begun_ends_it(
    tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    """A service has done then what it was asked; nothing is said."""
    path = tmp_path / "config.yaml"
    os.mkfifo(path)
    program = subprocess.Popen(  # noqa: S603
        [*COMMAND, "run", "-c", str(path), *options], stderr=subprocess.PIPE
    )
    with program, open_fifo(path, program.pid):  # it reads now, and waits for more
        # One that comes just before a system call that waits is heeded behind it.
        for _ in range(60):
            program.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                program.wait(timeout=1)
                break
        _, said = program.communicate()
    assert (program.returncode, said) == (code, b"")


@pytest.mark.parametrize(
    ("number", "options", "code", "module"),
    [
        ("SIGTERM", [], 0, "forwarder.cli.main"),
        ("SIGTERM", ["--once"], 1, "forwarder.cli.run"),
        ("SIGTERM", [], 0, "forwarder.config.load"),
        ("SIGINT", [], 0, "forwarder.cli.run"),
        ("SIGHUP", [], 2, "forwarder.cli.main"),
    ],
)
def test_a_signal_amid_an_import_is_heeded(
    tmp_path: Path, module: str, number: str, options: list[str], code: int
) -> None:
    """Also where Python lets no exception through, as when it deletes what an import leaves.

    SIGHUP does not end it: it goes on, and finds that its configuration is missing.
    """
    argv = ["esa-forwarder", "run", "-c", str(tmp_path / "nothing"), *options]
    script = f"""\
import os, signal, sys
from forwarder.cli import start
class Sender:
    def __del__(self):
        os.kill(os.getpid(), signal.{number})
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            Sender()
sys.meta_path.insert(0, Finder())
sys.argv = {argv!r}
start.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr[:7]) == (code, b"error: " if code == 2 else b"")


def test_mistakes_end_it_with_2(tmp_path: Path) -> None:
    """All of them are said."""
    done = run(configure(tmp_path, "nothing"))
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: ")


def test_mistakes_that_are_not_shown_end_it_with_2_too(tmp_path: Path) -> None:
    """The exit code says it."""
    assert in_shell(f"run -c {configure(tmp_path, 'nothing')} 2>&-").returncode == 2


def test_a_state_folder_that_cannot_be_ends_it_with_1(tmp_path: Path) -> None:
    """With a sentence."""
    (tmp_path / "state").touch()
    done = run(configure(tmp_path, FILES))
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: the state folder")


def test_a_reader_that_goes_away_stops_the_output(tmp_path: Path) -> None:
    """And is said; ``--once`` has not done all then."""
    append(tmp_path, logins(*range(1, 50)))
    read, write = os.pipe()
    os.close(read)
    program = Program(configure(tmp_path, FILES))
    program.start("--once", stdout=write)
    os.close(write)
    assert program.wait() == 1
    assert "the reader of standard output has closed it" in program.log


def test_sighup_before_it_has_begun_does_not_end_it(tmp_path: Path) -> None:
    """It reads its configuration just now anyway."""
    path = configure(tmp_path, FILES)
    content = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    program = Program(path)
    program.start()
    try:
        status = Path(f"/proc/{program.pid}/status")

        def cares() -> bool:
            (line,) = (x for x in status.read_text().splitlines() if x.startswith("SigIgn"))
            return bool(int(line.split()[1], 16) & (1 << (signal.SIGHUP - 1)))

        wait_until(cares, "SIGHUP is ignored")
        program.send(signal.SIGHUP)
        with open_fifo(path, program.pid) as fifo:
            fifo.write(content)
        program.await_log("The service has begun.")
        assert program.end() == 0
    finally:
        program.finish()


def test_once_gives_up_after_a_while(tmp_path: Path) -> None:
    """With 1; a state that may not be opened is waited for as long as an output."""
    append(tmp_path, logins(1))
    path = configure(tmp_path, FILES)
    path.write_text(path.read_text("utf-8").replace("type: stdout", "type: file, path: /dev/full"))
    done = run(path, "--once", "--give-up-after", "300ms")
    assert done.returncode == 1
    assert b"The service gives up" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--give-up-after", "5m"], b"--give-up-after needs --once"),
        (
            ["--once", "--give-up-after", "5"],
            b"'5' is not a valid duration; use a whole number and ms",
        ),
    ],
)
def test_mistakes_in_options_are_said(tmp_path: Path, options: list[str], said: bytes) -> None:
    """With 2, and before anything is done."""
    done = run(configure(tmp_path, FILES), *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "state").exists()


def serial(number: bytes, second: int) -> bytes:
    """Give the header of a file."""
    stamp = b"Tue Mar  3 10:00:%02d 2026 Info: " % second
    return stamp + b"Begin Logfile\n" + stamp + b"Version: 15.5.1-055 SN: " + number + b"\n"


def test_two_machines_under_one_name_are_not_joined(tmp_path: Path) -> None:
    """One warning a name says which they are, and `status` does, too; over a restart as well.

    They show in the serial numbers of esa1, and in the files of esa2, which grow beside each other.
    """
    opened, login = logins(7).splitlines(keepends=True)
    append(tmp_path, serial(b"AAAA", 0) + opened, name="mail.@20260303T100000.s")
    append(tmp_path, opened, "esa2", "mail1.log")
    config = configure(tmp_path, FILES)
    assert run(config, "--once").stdout == b""
    append(tmp_path, serial(b"AAAA", 0) + logins(8), name="mail.@20260303T100009.s")
    append(tmp_path, logins(8), "esa2", "mail1.log")
    append(tmp_path, serial(b"BBBB", 1) + login + login, name="mail.@20260303T100001.s")
    append(tmp_path, login + login, "esa2", "mail2.log")
    done = run(config, "--once")
    assert done.returncode == 0
    documents = [json.loads(x) for x in done.stdout.splitlines()]
    for name in ("esa1", "esa2"):
        mine = [x for x in documents if x["host"]["name"] == name]
        assert sorted(x["source"].get("ip", "-") for x in mine) == ["-", "-", "203.0.113.9"]
    assert len({x["event"]["id"] for x in documents}) == 6
    warnings = [x for x in done.stderr.decode().splitlines() if "two machines" in x]
    assert len(warnings) == 2
    status = [*COMMAND, "status", "-c", str(config)]
    shown = subprocess.run(status, capture_output=True, check=False, text=True)  # noqa: S603
    for words in (("serial numbers", "AAAA", "BBBB"), ("files", "/mail1.log", "/mail2.log")):
        assert [all(word in x for word in words) for x in warnings].count(True) == 1
        assert all(word in shown.stdout for word in words)


def _lines(hour: int, *messages: str) -> bytes:
    return b"".join(
        f"Mon Apr 20 {hour:02}:00:{second:02} 2026 Info: {message}\n".encode()
        for second, message in enumerate(messages)
    )


_HEADER = (
    "Begin Logfile",
    "Version: 15.0.3-002 SN: 564D0123",
    "Time offset from UTC: 7200 seconds",
)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_log_that_is_begun_at_its_end_has_its_header_all_the_same(
    tmp_path: Path, *, restarts: bool
) -> None:
    """Its zone, its serial number, and after a rewind the same ids.

    Of short logs and long ones, with ``ignore_older`` and without.
    """
    logs = [
        append(tmp_path, content, appliance)
        for length, fillers in (("short", 0), ("long", 3_000))
        for content in [_log_of_yesterday(fillers)]
        for appliance in (f"all/{length}1", f"new/{length}2")
    ]
    for log in logs:
        os.utime(log, (1e9, 1e9))
    inputs = [
        f"{FILES.replace('logs', f'logs/{name}')}, timezone: America/New_York, start_at: end{more}"
        for name, more in (("all", ""), ("new", ", ignore_older: 1h"))
    ]
    path = configure(tmp_path, "}}\n  - {{type: ".join(inputs))
    first = run(path, "--once")
    assert (first.returncode, first.stdout) == (0, b""), first.stderr
    if restarts:
        assert run(path, "--once").returncode == 0
    for log in logs:
        with log.open("ab") as file:
            file.write(logins_at(11))
    second = run(path, "--once")
    documents = [json.loads(x) for x in second.stdout.splitlines()]
    assert sorted(x["host"]["name"] for x in documents) == sorted(x.parent.name for x in logs)
    for document in documents:
        assert document["@timestamp"].startswith("2026-04-20T09:00:01")
        assert document["event"]["timezone"] == "+02:00"
        assert document["observer"]["serial_number"] == "564D0123"
    for log in logs:
        done = CliRunner().invoke(main, ["rewind", "-c", str(path), str(log), "--yes"])
        assert done.exit_code == 0, done.output
    text = path.read_text("utf-8").replace(", ignore_older: 1h", "")
    path.write_text(text.replace(", start_at: end", ""))
    again = [json.loads(x) for x in run(path, "--once").stdout.splitlines()]
    assert sorted((x["event"]["id"], x["@timestamp"]) for x in again) == sorted(
        (x["event"]["id"], x["@timestamp"]) for x in documents
    )


def _log_of_yesterday(fillers: int) -> bytes:
    """Make a log with its header, and so many lines that say nothing."""
    old = [f"Message about nothing in particular, number {x}" for x in range(fillers)]
    return _lines(8, *_HEADER) + b"".join(_lines(9, x) for x in old) + _lines(10, "nothing")


def logins_at(hour: int) -> bytes:
    """A connection and a login on it."""
    return _lines(
        hour,
        "New SMTP ICID 77 interface Data 1 (192.0.2.1) address 203.0.113.7 reverse dns host x.test"
        " verified no",
        "SMTP Auth: (ICID 77) succeeded for user: jane using AUTH mechanism: LOGIN with profile: x",
    )


def test_an_appliance_that_goes_silent_is_named(tmp_path: Path) -> None:
    """Until it writes again; the others are not."""
    path = configure(tmp_path, FILES)
    with path.open("a", encoding="utf-8") as file:
        file.write("silence: 1s\n")
    append(tmp_path, logins(1))
    program = Program(path).begin()
    try:
        program.await_log("An appliance is silent")
        append(tmp_path, logins(2))
        program.await_log("An appliance sends again")
    finally:
        program.finish()
