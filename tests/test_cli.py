"""The command as people run it: streams, exit codes, terminals, pipes and signals."""

import contextlib
import gzip
import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from click.testing import CliRunner

from forwarder import __version__
from forwarder.cli.main import main
from tests.faults.program import open_fifo

COMMAND = str(Path(sys.executable).with_name("esa-forwarder"))
PATIENCE = 60
"""Seconds until a test gives up; none is waited for in vain."""

HEADER = b"Sun Mar  1 06:00:00 2026 Info: Time offset from UTC: 0 seconds\n"
NEW = (
    b"Sun Mar  1 06:00:01 2026 Info: New SMTP ICID %d interface mail (192.0.2.1) address"
    b" 198.51.100.7\n"
)
LOGIN = (
    b"Sun Mar  1 06:00:02 2026 Info: SMTP Auth: (ICID %d) failed for user: %b using AUTH"
    b" mechanism: PLAIN with profile: P\n"
)


def log(logins: int = 1, *, user: bytes = b"rossi", header: bytes = HEADER) -> bytes:
    """Return a log with connections that log in once each."""
    return header + b"".join(NEW % n + LOGIN % (n, user) for n in range(1, logins + 1))


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: bytes
    err: str


def run(  # noqa: PLR0913 - those of subprocess.run
    *arguments: object,
    text: bytes | None = b"",
    stdin: int | None = None,
    stdout: int = subprocess.PIPE,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    pass_fds: Collection[int] = (),
    before: Callable[[], object] | None = None,
) -> Ran:
    """Run the command to its end."""
    done = subprocess.run(  # noqa: S603
        [COMMAND, *map(str, arguments)],
        input=text if stdin is None else None,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
        cwd=cwd,
        env=env,
        pass_fds=pass_fds,
        preexec_fn=before,
    )
    return Ran(done.returncode, done.stdout or b"", done.stderr.decode())


def users(out: bytes) -> list[str]:
    """Return the users of documents; every line has to be one."""
    return [orjson.loads(line)["user"]["name"] for line in out.splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a log with one login."""
    path = tmp_path / "esa1/mail.log"
    path.parent.mkdir()
    path.write_bytes(log())
    return path


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Return the logs of two appliances, with more documents than a pipe holds."""
    for name in ("esa1", "esa2"):
        (tmp_path / "two" / name).mkdir(parents=True)
        (tmp_path / "two" / name / "mail.log").write_bytes(log(2_000))
    return tmp_path / "two"


# Help and usage


def test_the_version_is_that_of_the_package() -> None:
    """It stands in one place."""
    assert run("--version") == (0, f"esa-forwarder, version {__version__}\n".encode(), "")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_the_command_and_each_option(option: str) -> None:
    """Both spellings, for the program and for its command."""
    code, out, err = run(option)
    assert (code, err) == (0, "")
    assert re.search(rb"\n  parse +Parse mail logs and print one ECS document", out)
    code, out, err = run("parse", option)
    assert (code, err) == (0, "")
    for name in (
        *("--appliance NAME", "--timezone ZONE", "--year", "--format [ndjson|table]", "--jobs"),
        *("--no-session-events", "--no-original", "-q, --quiet", "-h, --help", "[PATH]..."),
    ):
        assert name.encode() in out


def test_without_a_command_there_is_help() -> None:
    """The help says it."""
    assert "Commands:" in CliRunner().invoke(main, []).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-such-option"], "No such option"),
        (["--format", "xml"], "'xml' is not one of 'ndjson', 'table'"),
        (["--jobs", "0"], "0 is not in the range x>=1"),
        (["--year", "1492"], "1492 is not in the range"),
        (
            ["--timezone", "Europe/Rom"],
            "'Europe/Rom' is not an IANA time zone, such as Europe/Rome.",
        ),
        (["--timezone", "../../etc/passwd"], "is not an IANA time zone"),
        (["--timezone", "Europe"], "is not an IANA time zone"),
        (["--timezone", ""], "is not an IANA time zone"),
        (["--timezone", "\udcff"], "is not an IANA time zone"),
        (
            ["--timezone", "/etc/localtime"],
            "is not an IANA time zone, such as Europe/Rome.",
        ),
        (["--appliance", "a\nb"], "is empty, or contains invisible characters."),
        (["--appliance", "x" * 1025], "is longer than 1024 characters."),
    ],
)
def test_bad_usage_is_said_and_ends_with_2(path: Path, arguments: list[str], message: str) -> None:
    """Nothing is read."""
    result = CliRunner().invoke(main, ["parse", *arguments, str(path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_no_path_on_a_terminal_is_bad_usage() -> None:
    """A log is not typed in; a forgotten PATH is named."""
    terminal, stdin = pty.openpty()
    with open_descriptors(terminal, stdin):
        code, out, err = run("parse", stdin=stdin)
    assert (code, out) == (2, b"")
    assert "specify a file, a folder or a pattern, or pipe in a log." in err


@contextlib.contextmanager
def open_descriptors(*descriptors: int) -> Iterator[None]:
    """Close descriptors at the end."""
    try:
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


# Where logs come from


def test_each_kind_of_path_is_read(path: Path) -> None:
    """A file, a folder, a glob, a pattern, a compressed file, relative and not."""
    (path.parent / "mail.log.1.gz").write_bytes(gzip.compress(log(user=b"verdi")))
    root = path.parents[1]
    for paths, expected in (
        ([path], ["rossi"]),
        (["esa1/mail.log"], ["rossi"]),
        (["esa1/mail.log.1.gz"], ["verdi"]),
        ([root], ["verdi", "rossi"]),
        (["."], ["verdi", "rossi"]),
        (["esa?/*.log"], ["rossi"]),
        ([f"{root}/{{appliance}}/mail*"], ["verdi", "rossi"]),
    ):
        code, out, err = run("parse", "-q", *paths, cwd=root)
        assert (code, sorted(users(out)), err) == (0, sorted(expected), "")
        assert {orjson.loads(x)["host"]["name"] for x in out.splitlines()} == {"esa1"}


@pytest.mark.parametrize(
    ("arguments", "pack"),
    [
        ([], bytes),
        (["-"], gzip.compress),
        (["/dev/stdin"], gzip.compress),
        (["-", "/dev/fd/0", "-"], bytes),
    ],
)
def test_standard_input_is_read(arguments: list[str], pack: Callable[[bytes], bytes]) -> None:
    """Without a PATH, too, and once however often it is named."""
    code, out, err = run("parse", "-q", *arguments, text=pack(log()))
    assert (code, users(out), err) == (0, ["rossi"], "")
    assert "path" not in orjson.loads(out)["log"].get("file", {})


def test_standard_input_and_a_file_descriptor_may_stand_beside_files(two: Path) -> None:
    """Other processes cannot read them, whatever --jobs says."""
    outputs = []
    for jobs in (1, 3):
        reader, writer = os.pipe()
        with open_descriptors(reader):
            os.write(writer, log(user=b"bianchi"))
            os.close(writer)
            arguments = ("parse", "-q", f"--jobs={jobs}", "-", two, f"/dev/fd/{reader}")
            outputs.append(run(*arguments, text=log(user=b"verdi"), pass_fds=[reader]))
    assert outputs[0] == outputs[1]
    assert (outputs[0].code, outputs[0].err) == (0, "")
    assert users(outputs[0].out) == ["rossi"] * 4_000 + ["verdi", "bianchi"]


def test_a_file_that_is_there_twice_is_read_once(path: Path) -> None:
    """By name, and by content."""
    path.with_name("mail.log.gz").write_bytes(gzip.compress(log()))
    code, out, err = run("parse", path, path.parent)
    assert (code, users(out)) == (0, ["rossi"])
    assert f"left out '{path}.gz': all of it is in '{path}'" in err


def test_what_cannot_be_read_is_said_and_the_rest_is_read(path: Path) -> None:
    """A sentence a problem, without a traceback, and the exit code tells scripts."""
    cut = path.with_name("mail.log.1.gz")
    cut.write_bytes(gzip.compress(log(2, user=b"verdi"))[:-4])
    compressed = path.with_name("mail.xz")
    compressed.write_bytes(b"\xfd7zXZ\x00")
    empty = path.parent / "empty"
    empty.mkdir()
    arguments = (path.with_name("none"), empty, "/proc/self/mem", path.parent)
    code, out, err = run("parse", "-q", *arguments)
    assert (code, users(out)) == (1, ["verdi", "verdi", "rossi"])
    problems = err.splitlines()
    assert all(x.startswith("error: ") for x in problems)
    for words in (
        f"'{path.with_name('none')}' does not exist",
        f"'{empty}' matches no log",
        f"'{cut}' is a gzip file that is cut off",
        f"'{compressed}' is compressed with xz",
        "'/proc/self/mem' cannot be read: Input/output error",
    ):
        assert len([x for x in problems if words in x]) == 1
    assert len(problems) == 5


@pytest.mark.parametrize("content", [b"\x7fELF\0\1\2" * 999, b"Dear all,\nsee you.\n"])
def test_a_file_that_is_no_mail_log_is_said(path: Path, content: bytes) -> None:
    """It was named by mistake, or is in a format that is not known."""
    other = path.with_name("other")
    other.write_bytes(content)
    for paths, begin in (([path.parent], "warning: "), ([path, other], "error: ")):
        ran = run("parse", "-q", *paths)
        assert ran.code == (begin == "error: ")
        assert ran.err.startswith(f"{begin}'{other}' has no line of a mail log in it; ")
        assert users(ran.out) == ["rossi"]


def test_names_that_are_no_utf_8_are_read_and_shown_by_their_codes(tmp_path: Path) -> None:
    """A name is bytes; a document and a terminal want text."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/esa\xff"))
    folder.mkdir()
    (folder / "mail.log").write_bytes(log())
    missing = os.fsdecode(b"none\xfe")
    code, out, err = run("parse", "-q", folder, missing)
    [document] = map(orjson.loads, out.splitlines())
    assert (code, document["host"]["name"]) == (1, "esa\\xff")
    assert document["log"]["file"]["path"] == f"{tmp_path}/esa\ufffd/mail.log"
    assert "'none\\xfe' does not exist" in err


# What comes out


def test_documents_alone_go_to_standard_output(path: Path) -> None:
    """The summary is for people."""
    code, out, err = run("parse", path)
    assert (code, users(out)) == (0, ["rossi"])
    first, *rest = err.splitlines()
    pattern = r"1 file, 3 lines, 0\.0 MB in \d+\.\d\d s"
    assert re.fullmatch(pattern, first)
    assert rest == [
        "inbound logins: 1 (1 failure)",
        "joined to their connection: 1 of 1 (100.0 %)",
    ]


def test_an_empty_log_is_no_problem() -> None:
    """There is nothing to say of it."""
    code, out, err = run("parse")
    assert (code, out) == (0, b"")
    assert err.startswith("1 file, 0 lines, 0.0 MB in ")
    assert err.count("\n") == 1


def test_quiet_keeps_problems_and_warnings(path: Path) -> None:
    """What a person has to see is said all the same."""
    path.write_bytes(log(header=b""))
    code, _, err = run("parse", "--quiet", path, path.with_name("none"))
    assert code == 1
    assert [x.split(":")[0] for x in err.splitlines()] == ["error", "warning"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_zone_is_asked_for_once_where_nothing_says_it(two: Path, jobs: int) -> None:
    """However many files have no header."""
    for name in ("esa1", "esa2"):
        (two / name / "mail.log").write_bytes(log(header=b""))
    arguments = ("parse", "-q", f"--jobs={jobs}", two)
    code, out, err = run(*arguments)
    assert code == 0
    assert err.count("times were taken for UTC") == err.count("\n") == 1
    assert orjson.loads(out.splitlines()[0])["@timestamp"] == "2026-03-01T06:00:02.000Z"
    code, out, err = run(*arguments, "--timezone", "Europe/Rome")
    assert (code, err) == (0, "")
    assert orjson.loads(out.splitlines()[0])["@timestamp"] == "2026-03-01T05:00:02.000Z"


def test_options_change_the_documents(path: Path) -> None:
    """The name of the appliance, session events, the original line."""
    close = b"Sun Mar  1 06:00:03 2026 Info: ICID 1 close\n"
    path.write_bytes(log().replace(b"failed", b"succeeded") + close)

    def documents(*options: str) -> list[dict[str, dict[str, str]]]:
        result = CliRunner().invoke(main, ["parse", "-q", *options, str(path)])
        assert result.exit_code == 0
        return [orjson.loads(x) for x in result.stdout_bytes.splitlines()]

    login, session = documents()
    assert login["event"]["original"] == (LOGIN % (1, b"rossi"))[:-1].decode().replace(
        "failed", "succeeded"
    )
    assert session["event"]["action"] == "smtp-session-closed"
    assert documents("--no-session-events") == [login]
    without, _ = documents("--no-original")
    assert "original" not in without["event"]
    assert documents("--appliance", "mx")[0]["host"]["name"] == "mx"


def test_a_configuration_says_what_documents_have(path: Path) -> None:
    """Its appliances, and what it says of documents; options go further."""
    config = path.parent / "esa.yaml"
    config.write_text(
        "inputs: [{type: stdin}]\noutputs: {a: {type: stdout}}\nknown_appliances_only: true\n"
        "appliances: {esa1.example.com: {names: [esa1], timezone: Asia/Tokyo, labels: {a: own}}}\n"
        "documents: {labels: {a: '1', b: '2'}, namespace: mail}\n"
    )
    path.write_bytes(log(header=b""))
    code, out, err = run("parse", "-q", "-c", config, "--no-original", path)
    assert (code, err) == (0, "")
    document = orjson.loads(out)
    assert document["host"]["name"] == "esa1.example.com"
    assert document["@timestamp"] == "2026-02-28T21:00:02.000Z"
    assert document["labels"] == {"a": "own", "b": "2"}
    assert document["data_stream"]["namespace"] == "mail"
    assert "original" not in document["event"]
    code, out, err = run("parse", "-q", "-c", config, "--appliance", "mx", path)
    assert code == 0
    assert orjson.loads(out)["host"]["name"] == "mx"
    assert "warning: 'mx' is in no entry of appliances, and keeps its own name; add it" in err
    config.write_text("outputs: {a: {type: stdout}}")
    code, out, err = run("parse", "-c", config, path)
    assert (code, out) == (2, b"")
    assert "inputs: is missing" in err


def test_it_runs_within_another_program(path: Path) -> None:
    """With documents, problems, warnings and the summary."""
    path.write_bytes(log(header=b""))
    result = CliRunner().invoke(main, ["parse", "--format=table", str(path), "/none"])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].split()[5] == "rossi"
    first, second, third, *rest = result.stderr.splitlines()
    assert first.startswith("error: '/none' does not exist")
    assert second.startswith("warning: times were taken for UTC")
    assert third.startswith("1 file, 2 lines, ")
    assert rest == [
        "inbound logins: 1 (1 failure)",
        "joined to their connection: 1 of 1 (100.0 %)",
    ]


def test_standard_input_within_another_program() -> None:
    """No PATH, and no terminal."""
    result = CliRunner().invoke(main, ["parse", "-q"], input=log())
    assert (result.exit_code, users(result.stdout_bytes)) == (0, ["rossi"])


def test_the_year_can_be_given(path: Path) -> None:
    """For stamps without one."""
    line = LOGIN % (1, b"rossi")
    path.write_bytes(b"Mar  1 06:00:02 esa9 mail_logs: " + line[25:])
    _, out, _ = run("parse", "-q", "--year", "2019", path)
    assert orjson.loads(out)["@timestamp"] == "2019-03-01T06:00:02.000Z"


def test_a_table_is_aligned_and_shows_what_hides(path: Path) -> None:
    """A login name from a stranger does not command the terminal."""
    names = (b"rossi", b"\x1b[2J", "\u202egpj.exe".encode(), "山田太郎".encode(), b"x" * 500)
    path.write_bytes(log() + b"".join(LOGIN % (1, name) for name in names[1:]))
    code, out, err = run("parse", "-q", "--format", "table", path)
    assert (code, err) == (0, "")
    header, *rows = out.decode().splitlines()
    titles = ("TIME (UTC)", "APPLIANCE", "EVENT", "USER", "SOURCE", "HOW", "TLS", "WHAT")
    assert re.split("  +", header) == list(titles)
    at = header.index("USER")
    columns = header.index("SOURCE")
    assert [x[at:columns].rstrip() for x in rows[:3]] == ["rossi", "\\x1b[2J", "\\u202egpj.exe"]
    assert [x[columns:].split()[0] for x in rows[:3]] == ["198.51.100.7"] * 3
    assert rows[3][at:].startswith("山田太郎" + " " * (columns - at - 8) + "198.51.100.7")
    assert "x" * 31 + "…  198.51.100.7" in rows[4]


def test_a_table_of_nothing_has_no_header(tmp_path: Path) -> None:
    """No file, no table."""
    assert run("parse", "-q", "--format=table", tmp_path / "none").out == b""


# Terminals


def until_end(terminal: int) -> str:
    """Read what a terminal is shown, until no process is left to write."""
    shown = b""
    with contextlib.suppress(OSError):  # Linux says the end of a terminal so
        while chunk := os.read(terminal, 1 << 16):
            shown += chunk
    return shown.decode()


@pytest.mark.parametrize("options", [["--jobs=1"], ["--jobs=2"]])
def test_progress_is_shown_on_a_terminal(two: Path, options: list[str]) -> None:
    """Up to the end, on a line of its own before the summary."""
    terminal, stderr = pty.openpty()
    with open_descriptors(terminal):
        with open_descriptors(stderr):
            environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
            command = [COMMAND, "parse", *options, str(two)]
            process = subprocess.Popen(  # noqa: S603
                command, stdout=subprocess.DEVNULL, stderr=stderr, env=environment
            )
        shown = until_end(terminal)
        assert process.wait(PATIENCE) == 0
    assert "100%" in shown
    plain = run("parse", *options, two)
    assert "\x1b" not in plain.err
    assert shown.splitlines()[-2:] == plain.err.splitlines()[-2:]


@pytest.mark.parametrize("options", [["--quiet"], ["--format=table"]])
def test_no_progress_where_it_would_disturb(path: Path, options: list[str]) -> None:
    """It is turned off, or the documents go to the same terminal."""
    terminal, slave = pty.openpty()
    with open_descriptors(terminal):
        with open_descriptors(slave):
            out = slave if "table" in options[0] else subprocess.DEVNULL
            process = subprocess.Popen(  # noqa: S603
                [COMMAND, "parse", *options, str(path)], stdout=out, stderr=slave
            )
        shown = until_end(terminal)
        assert process.wait(PATIENCE) == 0
    assert "\x1b" not in shown


def test_documents_on_a_terminal_do_not_command_it(path: Path) -> None:
    """A pipe gets the bytes as they are, a terminal the same values with escapes."""
    path.write_bytes(log() + LOGIN % (1, "a\x9b2J\u202eb\x7f".encode()))
    terminal, slave = pty.openpty()
    with open_descriptors(terminal):
        with open_descriptors(slave):
            process = subprocess.Popen(  # noqa: S603
                [COMMAND, "parse", "--quiet", str(path)], stdout=slave, stderr=slave
            )
        shown = until_end(terminal)
        assert process.wait(PATIENCE) == 0
    assert [x for x in "\x9b\u202e\x7f" if x in shown] == []
    plain = run("parse", "--quiet", path).out
    assert "\u202e".encode() in plain
    assert [orjson.loads(x) for x in shown.splitlines()] == [
        orjson.loads(x) for x in plain.splitlines()
    ]


# Standard streams that are closed, full or no longer read


@pytest.mark.parametrize(("form", "jobs"), [("ndjson", 2), ("table", 1)])
def test_a_reader_that_has_seen_enough_is_no_error(
    two: Path, tmp_path: Path, form: str, jobs: int
) -> None:
    """As with ``| head``: quiet, and no temporary file or process stays."""
    arguments = [COMMAND, "parse", f"--format={form}", f"--jobs={jobs}", str(two)]
    folder = temporary(tmp_path)
    process = subprocess.Popen(  # noqa: S603
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert os.read(process.stdout.fileno(), 1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert list(folder.iterdir()) == []


def test_a_reader_that_never_was_is_no_error(path: Path) -> None:
    """Also where all of it would fit into a pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    with open_descriptors(writer):
        assert run("parse", path, stdout=writer) == (0, b"", "")


@pytest.mark.parametrize(
    ("unbuffered", "form", "logins"),
    [("", "ndjson", 1), ("", "table", 2_000), ("1", "table", 1), ("1", "ndjson", 2_000)],
)
def test_a_full_disk_is_said(path: Path, unbuffered: str, form: str, logins: int) -> None:
    """Whether it shows at once or at the end; containers like PYTHONUNBUFFERED."""
    path.write_bytes(log(logins))
    with Path("/dev/full").open("wb") as full:
        arguments = ("parse", f"--format={form}", path, path.with_name("none"))
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        code, _, err = run(*arguments, stdout=full.fileno(), env=environment)
    missing, refused = err.splitlines()
    assert "does not exist" in missing
    assert (code, refused) == (1, REFUSED.format("No space left on device"))


REFUSED = "error: documents cannot be written to standard output: {}; some are missing."


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_disk_that_fills_up_within_a_document_is_said(
    path: Path, tmp_path: Path, unbuffered: str
) -> None:
    """The system takes a part of the last write, and says nothing."""
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    whole = run("parse", path).out
    with (tmp_path / "out").open("wb") as out:
        code, _, err = run(
            *("parse", path),
            stdout=out.fileno(),
            env=without_coverage(environment),
            before=lambda: limit_files(len(whole) - 1),
        )
    assert (code, err) == (1, REFUSED.format("File too large") + "\n")


def without_coverage(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what makes a process write the coverage of its tests."""
    return {x: y for x, y in environment.items() if not x.startswith("COVERAGE")}


def limit_files(size: int) -> None:
    """Let no file of this process get larger."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("form", ["ndjson", "table"])
def test_a_pipe_that_does_not_wait_is_waited_for(
    tmp_path: Path, unbuffered: str, form: str
) -> None:
    """Another program with the same pipe may have set it so; nothing is lost or written twice."""
    path = tmp_path / "mail.log"
    path.write_bytes(log(2_000))
    _, expected, _ = run("parse", f"--format={form}", path)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen(  # noqa: S603
        [COMMAND, "parse", "-q", f"--format={form}", str(path)],
        stdout=writer,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    ) as process:
        wait_until(lambda: not select.select([], [writer], [], 0)[1])
        os.close(writer)
        with open(reader, "rb") as pipe:  # noqa: PTH123
            assert pipe.read() == expected
    assert process.returncode == 0


def test_a_signal_while_it_starts_ends_it() -> None:
    """It is not Python's to say."""
    code = (
        "import os, signal, sys\n"
        "from forwarder.cli import start\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "start.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, b"")


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_an_appliance_has_a_name(path: Path, name: str) -> None:
    """An empty one would be a folder's."""
    code, _, err = run("parse", "--appliance", name, path)
    assert code == 2
    assert "is empty, or contains invisible characters" in err


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (10, "no process or temporary file can be had: "),  # semaphores are files, too
        (1 << 16, "documents cannot be written to a temporary file: File too large; "),
    ],
)
def test_a_temporary_folder_without_space_is_said(
    two: Path, tmp_path: Path, size: int, words: str
) -> None:
    """A limit on the size of files stands for a small folder."""
    path = two / "esa1/mail.log"
    path.write_bytes(log(2_000))
    # Enough to start processes for.
    os.truncate(path, 33 << 20)
    environment = without_coverage(os.environ | {"TMPDIR": str(temporary(tmp_path))})
    code, out, err = run(
        "parse", "-q", "--jobs=2", two, env=environment, before=lambda: limit_files(size)
    )
    assert (code, out) == (1, b"")
    assert err.startswith(f"error: {words}")
    assert "; run again with --jobs 1, or with TMPDIR set to a folder that " in err


@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [
        (">&-", 1, "error: standard output is closed; there is nowhere to write to.\n"),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
    ],
)
def test_a_closed_stream_is_no_crash(path: Path, redirection: str, code: int, message: str) -> None:
    """Some supervisors start programs so."""
    script = f'exec "$0" parse -q "$1" {redirection}'
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", script, COMMAND, str(path)],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (code, message)
    assert users(done.stdout) == ([] if code else ["rossi"])


def test_closed_standard_input_is_a_problem_where_it_is_to_be_read() -> None:
    """Not a log without logins."""
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", 'exec "$0" parse -q <&-', COMMAND],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: standard input is closed")


# Signals


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """Return the logs of two appliances that take forever, and no room on the disk."""
    for name in ("esa1", "esa2"):
        path = tmp_path / "endless" / name / "mail.log"
        path.parent.mkdir(parents=True)
        path.write_bytes(log(500, user=name.encode()))
        os.truncate(path, 1 << 42)
    return tmp_path / "endless"


class Begun(NamedTuple):
    """A command at work, in a process group of its own as in a shell."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    """For temporary files."""

    def workers(self) -> list[int]:
        """Return the processes that parse for it."""
        number = self.process.pid
        children = Path(f"/proc/{number}/task/{number}/children").read_text()
        return [int(x) for x in children.split() if b"spawn_main" in command_line(int(x))]

    def end(self) -> tuple[int, str, bytes | None]:
        """Wait until it and all of its processes are gone."""
        out, err = self.process.communicate(timeout=PATIENCE)
        wait_until(lambda: not group(self.process.pid))
        return self.process.returncode, err.decode(), out


def command_line(number: int) -> bytes:
    """Return the command line of a process, nothing if it is gone."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


def group(leader: int) -> list[int]:
    """Return the processes of a group that live."""
    living = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, group = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state != "Z":
                living.append(int(process.name))
    return living


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something that comes to pass."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def temporary(tmp_path: Path) -> Path:
    """Return an empty folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def begun(folder: Path, *arguments: object, out: int = subprocess.PIPE) -> Iterator[Begun]:
    """Start the command, and let nothing of it survive the test."""
    process = subprocess.Popen(  # noqa: S603
        [COMMAND, "parse", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    try:
        yield Begun(process, folder)
    finally:
        if group(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def is_at_work(command: Begun) -> bool:
    """Say whether both processes of a command have begun to write documents."""
    with contextlib.suppress(OSError):
        sizes = [x.stat().st_size for x in command.folder.glob("*/*")]
        return len(sizes) == 2 and all(sizes)
    return False


@pytest.mark.parametrize(
    ("number", "to_all", "early"),
    [
        (signal.SIGINT, True, True),
        (signal.SIGINT, True, False),
        (signal.SIGTERM, False, True),
        (signal.SIGTERM, False, False),
        (signal.SIGHUP, True, True),
        (signal.SIGHUP, False, False),
    ],
)
def test_a_signal_ends_all_processes_and_leaves_nothing(
    endless: Path, tmp_path: Path, number: signal.Signals, *, to_all: bool, early: bool
) -> None:
    """At once, without a word, whether a terminal sends it to all or a supervisor to one."""
    with begun(temporary(tmp_path), "--jobs=2", endless) as command:
        wait_until(lambda: bool(command.workers()) if early else is_at_work(command))
        if to_all:
            os.killpg(command.process.pid, number)
        else:
            command.process.send_signal(number)
        assert command.end() == (128 + number, "", b"")
        assert list(command.folder.iterdir()) == []


@pytest.mark.parametrize(("number", "form"), [(signal.SIGINT, "ndjson"), (signal.SIGTERM, "table")])
def test_a_signal_ends_it_while_its_output_is_not_read(
    endless: Path, tmp_path: Path, number: signal.Signals, form: str
) -> None:
    """A pager that waits for a key does not keep it."""
    path = endless / "esa1/mail.log"
    reader, writer = os.pipe()
    arguments = ("--jobs=1", f"--format={form}", path)
    with (
        open_descriptors(reader, writer),
        begun(temporary(tmp_path), *arguments, out=writer) as command,
    ):
        wait_until(lambda: not select.select([], [writer], [], 0)[1])
        command.process.send_signal(number)
        assert command.end() == (128 + number, "", None)


def test_a_signal_while_waiting_for_input_ends_it(tmp_path: Path) -> None:
    """As where nothing is piped in."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with (
        begun(temporary(tmp_path), fifo) as command,
        open_fifo(fifo, command.process.pid) as writer,
    ):
        # The other side is open: the command waits for the first bytes.
        writer.write(b"\n")
        writer.flush()

        def has_ended() -> bool:
            # One that arrives right before a read begins is noticed only after it.
            command.process.send_signal(signal.SIGINT)
            return command.process.poll() is not None

        wait_until(has_ended)
        assert command.end() == (130, "", b"")


def test_an_ignored_signal_stays_ignored(path: Path, tmp_path: Path) -> None:
    """As nohup wants it."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(  # noqa: S603
        [COMMAND, "parse", "-q", str(fifo)],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),  # noqa: PLW1509
    ) as process:
        with open_fifo(fifo, process.pid) as writer:
            process.send_signal(signal.SIGHUP)
            writer.write(path.read_bytes())
        out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, users(out)) == (0, ["rossi"])


def test_a_killed_worker_is_said(endless: Path, tmp_path: Path) -> None:
    """By the kernel when memory runs out: documents are missing, and that is said."""
    with begun(temporary(tmp_path), "--jobs=2", endless) as command:
        wait_until(lambda: is_at_work(command))
        os.kill(min(command.workers()), signal.SIGKILL)
        code, err, out = command.end()
        assert (code, out) == (1, b"")
        assert err == (
            "error: a process that parsed the logs of one appliance was killed, perhaps for lack"
            " of memory, so documents are missing; run again with --jobs 1.\n"
        )
        assert list(command.folder.iterdir()) == []


def test_workers_end_with_the_process_that_started_them(endless: Path, tmp_path: Path) -> None:
    """Killed, it can clear nothing away; but its workers end too."""
    with begun(temporary(tmp_path), "--jobs=2", endless) as command:
        wait_until(lambda: is_at_work(command))
        command.process.kill()
        code, err, _ = command.end()
    assert code == -signal.SIGKILL
    # Python itself clears away its semaphores, and says so.
    assert all("leaked semaphore" in x or "warnings.warn" in x for x in err.splitlines())


def test_signals_are_as_before_once_it_has_ended(path: Path) -> None:
    """A caller in Python keeps its own."""
    before = [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert CliRunner().invoke(main, ["parse", str(path)]).exit_code == 0
    assert before == [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def test_documents_come_as_soon_as_they_are_known(tmp_path: Path) -> None:
    """A log that is still being written into a pipe is no reason to wait."""
    with subprocess.Popen(  # noqa: S603
        [COMMAND, "parse", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(log(50))
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        assert ready
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
