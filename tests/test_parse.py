"""``parse`` as a function: which files are read, in what order, and what is said of them."""

import gzip
import io
import os
import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import orjson
import pytest

from forwarder.app.parse import READ_BYTES, Outcome, ParseOptions, parse
from forwarder.cli.parse import row
from forwarder.ecs.layout import Common
from forwarder.inputs.files.discovery import find
from forwarder.pipeline import Settings
from tests.corpus import hostile
from tests.services import no_bar

LOGIN = b"SMTP Auth: (ICID %d) failed for user: %b using AUTH mechanism: PLAIN with profile: P"


def log(*users: str, day: int = 1, offset: int | None = 0) -> bytes:
    """Return a log in which each user fails to log in once, a second after the other."""
    lines = [] if offset is None else [b"Time offset from UTC: %d seconds" % offset]
    for number, user in enumerate(users, start=450):
        lines += [
            b"New SMTP ICID %d interface mail (192.0.2.1) address 198.51.100.7" % number,
            LOGIN % (number, user.encode()),
            b"ICID %d close" % number,
        ]
    stamp = b"Sun Mar  %d 06:00:%02d 2026 Info: %b\n"
    return b"".join(stamp % (day, second % 60, line) for second, line in enumerate(lines))


def request(*paths: Path | str, **chosen: object) -> ParseOptions:
    """Return a request for paths, with the defaults of the command."""
    default = ParseOptions(
        paths=tuple(map(str, paths)),
        appliance=None,
        settings=Settings(),
        zone=None,
        jobs=1,
    )
    return default._replace(**chosen)  # type: ignore[arg-type]  # a name of its own for each field


def run(wanted: ParseOptions) -> tuple[list[dict[str, dict[str, str]]], Outcome]:
    """Return the documents and how it went."""
    out = io.BytesIO()
    outcome = parse(wanted, out, no_bar)
    return [orjson.loads(line) for line in out.getvalue().splitlines()], outcome


def users(wanted: ParseOptions) -> list[tuple[str, str]]:
    """Return the appliance and the user of each document."""
    documents, outcome = run(wanted)
    assert outcome.problems == ()
    return [(x["host"]["name"], x["user"]["name"]) for x in documents]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with the logs of two appliances."""
    for name, content in (
        ("esa1/mail.@20260301T060000.s", log("a", "b")),
        ("esa1/mail.current", log("e", day=3)),
        ("esa1/mail.@20260302T060000.s.gz", gzip.compress(log("c", "d", day=2))),
        ("esa2/mail.current", log("f")),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def _parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes be started for any log, however small."""
    monkeypatch.setattr("forwarder.app.parse.MIN_PARALLEL_BYTES", 1)


ALL = [("esa1", "a"), ("esa1", "b"), ("esa1", "c"), ("esa1", "d"), ("esa1", "e"), ("esa2", "f")]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["esa1/mail.current"], ALL[4:5]),
        (["esa1/mail.@20260302T060000.s.gz"], ALL[2:4]),
        (["esa1"], ALL[:5]),
        ([""], ALL),
        (["esa*/mail*"], ALL),
        (["esa*/*.gz"], ALL[2:4]),
        (["**/mail.current"], ALL[4:]),
        (["{appliance}/mail*"], ALL),
        (["esa{appliance}/mail.current"], [("1", "e"), ("2", "f")]),
        (["esa2", "esa1", "esa1/mail.current"], ALL),
    ],
)
def test_files_are_read_by_appliance_from_old_to_new(
    tree: Path, paths: list[str], expected: list[tuple[str, str]]
) -> None:
    """A file, a folder, a glob and a pattern come to the same documents in the same order."""
    assert expected == users(request(*(tree / x for x in paths)))


def test_an_appliance_can_be_named(tree: Path) -> None:
    """The name holds for all PATHs, and the order is that of one appliance."""
    assert {x for x, _ in users(request(tree, appliance="mx"))} == {"mx"}


def test_connections_last_across_files(tmp_path: Path) -> None:
    """The address is in one file, the login in the next."""
    lines = log("a").splitlines(keepends=True)
    (tmp_path / "mail.1").write_bytes(b"".join(lines[:2]))
    (tmp_path / "mail.0").write_bytes(b"".join(lines[2:]))
    [document], outcome = run(request(tmp_path))
    assert document["source"]["ip"] == "198.51.100.7"
    assert (outcome.counts.joined, outcome.counts.joinable) == (1, 1)


def test_repeated_content_is_read_once_and_said(tree: Path) -> None:
    """A file beside its compressed copy gives its documents once."""
    copy = tree / "esa1/mail.current.gz"
    copy.write_bytes(gzip.compress(log("e", day=3)))
    documents, outcome = run(request(tree))
    assert [x["user"]["name"] for x in documents] == [user for _, user in ALL]
    assert outcome.repeated == ((str(copy), str(tree / "esa1/mail.current")),)
    assert (outcome.files, outcome.problems, outcome.complete) == (4, (), True)


@pytest.mark.usefixtures("_parallel")
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_cannot_be_read_leaves_the_rest(tree: Path, jobs: int) -> None:
    """One sentence each, and every other document is there."""
    cut = tree / "esa1/mail.@20260302T060000.s.gz"
    cut.write_bytes(cut.read_bytes()[:-9])
    (tree / "empty").mkdir()
    paths = (tree / "missing", tree, tree / "empty", "/proc/self/mem", tree / "*.none")
    documents, outcome = run(request(*paths, jobs=jobs))
    assert [x["user"]["name"] for x in documents][-2:] == ["e", "f"]
    missing, empty, unmatched, compressed, memory = outcome.problems
    assert "'" + str(tree / "missing") + "' does not exist" in missing
    assert "matches no log" in empty
    assert "matches no log" in unmatched
    assert "is a gzip file that is cut off" in compressed
    assert memory == "'/proc/self/mem' cannot be read: Input/output error"
    assert outcome.complete


@pytest.mark.usefixtures("_parallel")
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_no_log_is_a_problem_only_where_it_was_named(tree: Path, jobs: int) -> None:
    """Beside logs there may be anything."""
    notes = tree / "esa1/notes.txt"
    notes.write_bytes(b"call Mario\n")
    for paths in ((tree,), (tree / "esa*/*",), (tree / "{appliance}/*",)):
        _, outcome = run(request(*paths, jobs=jobs))
        assert outcome.problems == ()
        [warning] = outcome.warnings
        assert f"'{notes}' has no line of a mail log in it" in warning
    _, outcome = run(request(tree, notes, jobs=jobs))
    assert (len(outcome.problems), outcome.warnings) == (1, ())
    (tree / "none").mkdir()
    (tree / "none/notes.txt").write_bytes(b"call Mario\n")
    assert len(run(request(tree / "none", jobs=jobs))[1].problems) == 1


def test_a_file_that_goes_away_is_a_problem(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between finding and reading anything may happen."""

    def find_and_remove(
        paths: tuple[str, ...], appliance: str | None, *, follow_symlinks: bool
    ) -> object:
        found = find(paths, appliance, follow_symlinks=follow_symlinks)
        (tree / "esa1/mail.current").unlink()
        (tree / "esa1/mail.@20260301T060000.s").unlink()
        return found

    monkeypatch.setattr("forwarder.app.parse.find", find_and_remove)
    documents, outcome = run(request(tree))
    assert [x["user"]["name"] for x in documents] == ["c", "d", "f"]
    assert len(outcome.problems) == 2
    assert all("No such file or directory" in x for x in outcome.problems)


@pytest.mark.usefixtures("_parallel")
def test_bytes_in_a_name_that_are_no_utf_8_do_no_harm(tmp_path: Path) -> None:
    """The path in a document is valid Unicode, whatever the name is."""
    folder = os.fsencode(tmp_path) + b"/esa\xff"
    os.mkdir(folder)  # noqa: PTH102 - bytes
    Path(os.fsdecode(folder + b"/mail\xfe.log")).write_bytes(log("a"))
    for jobs in (1, 2):
        [document], outcome = run(request(tmp_path, jobs=jobs))
        assert document["host"]["name"] == "esa\\xff"
        assert orjson.loads(orjson.dumps(document)) == document
        assert "mail\ufffd.log" in str(document["log"])
        assert outcome.problems == ()


@pytest.mark.usefixtures("_parallel")
@pytest.mark.parametrize(("jobs", "as_table"), [(2, True), (3, False), (9, False)])
def test_any_number_of_jobs_gives_the_same_bytes(
    tmp_path: Path, jobs: int, *, as_table: bool
) -> None:
    """More processes change the time, and nothing else."""
    for path, content in hostile(1, connections=60, appliances=4).files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    outputs = []
    for number in (1, jobs):
        out = io.BytesIO()
        outcome = parse(request(tmp_path, jobs=number, row=row if as_table else None), out, no_bar)
        outputs.append((out.getvalue(), outcome.counts, outcome.problems))
    assert outputs[0] == outputs[1]
    assert outputs[0][0].count(b"\n") > 100


def test_settings_arrive(tmp_path: Path) -> None:
    """Zone, sessions and the original line are up to the caller."""
    path = tmp_path / "mail.log"
    path.write_bytes(log("a", offset=None).replace(b"failed", b"succeeded"))
    documents, outcome = run(request(path))
    assert [x["event"]["action"] for x in documents] == [
        "smtp-authentication",
        "smtp-session-closed",
    ]
    assert "original" in documents[0]["event"]
    assert outcome.counts.assumed_utc
    settings = Settings(sessions=False, common=Common(original=False))
    [document], outcome = run(request(path, settings=settings, zone=ZoneInfo("Europe/Rome")))
    assert str(document["@timestamp"]) == "2026-03-01T05:00:01.000Z"
    assert "original" not in document["event"]
    assert not outcome.counts.assumed_utc


def test_the_year_of_stamps_without_one_is_chosen_or_found(tmp_path: Path) -> None:
    """Syslog says no year: the name of the file does, or the caller."""
    path = tmp_path / "mail-20240305.log"
    path.write_bytes(b"Mar  1 06:00:00 esa9 mail_logs: Info: " + LOGIN % (450, b"a") + b"\n")
    [document], _ = run(request(path))
    assert str(document["@timestamp"]) == "2024-03-01T06:00:00.000Z"
    [document], _ = run(request(path, settings=Settings(year=2019)))
    assert str(document["@timestamp"]) == "2019-03-01T06:00:00.000Z"


def steps(*paths: Path, jobs: int = 1) -> tuple[list[int], set[int]]:
    """Return the steps of the bar, and what it took for the whole."""
    told: list[tuple[int, int]] = []
    outcome = parse(
        request(*paths, jobs=jobs), io.BytesIO(), lambda read, whole: told.append((read, whole))
    )
    assert outcome.problems == ()
    return [read for read, _ in told], {whole for _, whole in told}


@pytest.fixture(scope="module")
def long_log() -> bytes:
    """Return a log of several blocks."""
    return b"".join(log(*map(str, range(3000 * i, 3000 * i + 3000))) for i in range(6))


@pytest.mark.usefixtures("_parallel")
@pytest.mark.parametrize("jobs", [1, 2])
def test_the_bar_comes_to_its_end(tmp_path: Path, long_log: bytes, jobs: int) -> None:
    """A step a block, or an appliance in a process of its own; at the end all is read."""
    paths = [tmp_path / "esa1/mail.log", tmp_path / "esa2/mail.log"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(long_log)
    read, whole = steps(tmp_path, jobs=jobs)
    assert whole == {sum(read)} == {2 * len(long_log)}
    assert len(long_log) > 5 * READ_BYTES
    assert max(read) <= (READ_BYTES if jobs == 1 else len(long_log))


def test_the_bar_counts_compressed_files_by_their_size_on_disk(
    tmp_path: Path, long_log: bytes
) -> None:
    """What comes out of them is more than the whole."""
    path = tmp_path / "mail.gz"
    path.write_bytes(gzip.compress(long_log))
    size = path.stat().st_size
    assert steps(path) == ([size], {size})


def test_the_whole_is_not_known_with_a_stream(tmp_path: Path, long_log: bytes) -> None:
    """A FIFO has no size: the bar still says how much came."""
    (tmp_path / "mail.log").write_bytes(long_log)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = os.fork()
    if not writer:
        fifo.write_bytes(long_log)
        os._exit(0)
    try:
        read, whole = steps(tmp_path / "mail.log", fifo)
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    assert whole == {0}
    assert sum(read) == 2 * len(long_log)


@pytest.mark.usefixtures("_parallel")
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("buffering", [0, -1], ids=["at once", "at the end"])
def test_a_full_disk_is_a_problem_and_no_crash(tree: Path, jobs: int, buffering: int) -> None:
    """It ends with a sentence, and with what was known before."""
    with suppress(OSError), Path("/dev/full").open("wb", buffering=buffering) as full:
        outcome = parse(request(tree / "missing", tree, jobs=jobs), full, no_bar)
    _, problem = outcome.problems
    assert problem == (
        "documents cannot be written to standard output: No space left on device; some are missing"
    )
    assert not outcome.complete


@pytest.mark.usefixtures("_parallel")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_reader_that_leaves_ends_it(tree: Path, jobs: int) -> None:
    """It is no problem; the caller decides."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb", buffering=0) as pipe, pytest.raises(BrokenPipeError):  # noqa: PTH123
        parse(request(tree, jobs=jobs), pipe, no_bar)


@pytest.mark.usefixtures("_parallel")
@pytest.mark.parametrize(
    "name", ["tempfile.TemporaryDirectory", "multiprocessing.resource_tracker.ensure_running"]
)
def test_without_processes_or_files_it_says_what_to_do(
    tree: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process needs none."""

    def refuse(**_: object) -> None:
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr(name, refuse)
    documents, outcome = run(request(tree, jobs=2))
    assert (documents, outcome.complete) == ([], False)
    [problem] = outcome.problems
    assert problem.startswith("no process or temporary file can be had: Too many open files; run")
    assert users(request(tree)) == ALL


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_pipe_that_does_not_block_gets_everything(tmp_path: Path, buffering: int) -> None:
    """Another program with the same pipe may have set it so."""
    path = tmp_path / "mail.log"
    path.write_bytes(log(*map(str, range(2_000))))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    read: list[bytes] = []

    def drain() -> None:
        with open(reader, "rb") as pipe:  # noqa: PTH123
            read.append(pipe.read())

    thread = Thread(target=drain)
    with open(writer, "wb", buffering=buffering) as stream:  # noqa: PTH123
        thread.start()
        outcome = parse(request(path), stream, no_bar)
    thread.join()
    expected = io.BytesIO()
    parse(request(path), expected, no_bar)
    assert (read, outcome.problems) == ([expected.getvalue()], ())


def test_little_work_is_done_in_one_process(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To start others takes longer."""
    monkeypatch.setattr("tempfile.TemporaryDirectory", None)
    assert users(request(tree, jobs=9)) == ALL


@pytest.mark.usefixtures("_parallel")
def test_an_outcome_says_what_it_took(tree: Path) -> None:
    """Time passes, also that of other processes."""
    for jobs in (1, 2):
        _, outcome = run(request(tree, jobs=jobs))
        assert 0 < outcome.seconds < timedelta(minutes=1).total_seconds()
        assert outcome.counts.bytes == 2 * len(log("a", "b")) + 2 * len(log("e"))
