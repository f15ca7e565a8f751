"""Dead letters: kept, shown, delivered again, deleted; while the service runs and while not."""

import json
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from forwarder.cli.dead_letters import (
    as_json,
    as_row,
    read_letters,
)
from forwarder.cli.main import main
from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.dead_letters import (
    ALL,
    DeadLetter,
    Replay,
    Selection,
    Source,
    dead_letter,
    mark,
    page,
)
from forwarder.spool.errors import SpoolError
from forwarder.spool.spool import Spool
from forwarder.spool.stats import write_spool
from tests.spooling import (
    document,
    documents,
    numbers,
    opened,
    purge_letters,
    read,
    replay_letters,
    usage,
)

NOW = datetime(2026, 3, 1, 6, 41, 9, 123000, tzinfo=UTC)


def reject(spool: Spool, output: str, *which: int, reason: str = "no") -> None:
    """Deliver everything but some documents."""
    batch = read(spool, output)
    failures = [Failure(x, reason, status=400) for x in batch.documents if int(x.id, 16) in which]
    spool.advance(output, batch, [dead_letter(output, x, NOW) for x in failures])


def letters(folder: Path, selection: Selection = ALL) -> list[DeadLetter]:
    """Return dead letters."""
    return list(read_letters(folder, selection))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a spool with dead letters 3 and 5 of output a, and 3 of output b; no service runs."""
    folder = tmp_path / "state"
    with closing(opened(folder, "a", "b")) as spool:
        spool.commit(documents(0, 10))
        reject(spool, "a", 3, 5)
        reject(spool, "b", 3, reason="\x1b[31mbad\u202e " + "x" * 300)
    return folder


def test_a_dead_letter_has_all_there_is_to_know(folder: Path) -> None:
    """And the whole document, byte by byte."""
    first = letters(folder)[0]
    assert first == DeadLetter("a", document(3), "no", 400, NOW, number=1)
    assert first.source == Source("/srv/esa/mail.log", 30)


def test_letters_are_selected(folder: Path) -> None:
    """By output, by number, or both."""

    def of(selection: Selection) -> list[tuple[str, int]]:
        return [(x.output, x.number) for x in letters(folder, selection)]

    assert of(ALL) == [("a", 1), ("a", 2), ("b", 3)]
    assert of(Selection("a")) == [("a", 1), ("a", 2)]
    assert of(Selection(numbers=[3, 2, 7])) == [("a", 2), ("b", 3)]
    assert of(Selection("a", [3])) == []
    assert of(Selection("unknown")) == []


@pytest.mark.parametrize(
    ("body", "source"),
    [
        (b'{"log":{"file":{"path":"/x"},"offset":7}}', Source("/x", 7)),
        (b'{"log":{"file":{"path":"/x"}}}', Source("/x", None)),
        (b'{"log":{"offset":7}}', None),
        (b'{"log":7}', None),
        (b"{", None),
        (b"", None),
    ],
)
def test_the_source_is_taken_from_the_document(
    tmp_path: Path, body: bytes, source: Source | None
) -> None:
    """Where it has one; any document can be a dead letter, and shown."""
    with closing(opened(tmp_path, "a")) as spool:
        spool.commit([Document("x", body)])
        batch = read(spool, "a")
        failure = Failure(batch.documents[0], "\udcff" + "r" * 9999)
        spool.advance("a", batch, [dead_letter("a", failure, NOW)])
    (letter,) = letters(tmp_path)
    assert (letter.source, letter.document.body, letter.status) == (source, body, None)
    assert letter.reason == "?" + "r" * 4094 + "…"
    assert json.loads(as_json(letter)) == json.loads(as_json(letter, indent=True))
    assert as_row(letter)[0] == "1"


def test_replaying_survives_and_ends_with_the_delivery(folder: Path) -> None:
    """Marked while no service runs; delivered before what is new; gone when it is delivered."""
    assert replay_letters(folder, Selection("a")) == [1, 2]
    assert replay_letters(folder, Selection("a")) == [1, 2]
    with closing(opened(folder, "a", "b")) as spool:
        spool.commit(documents(10, 12))
        assert numbers(read(spool, "b").documents) == [10, 11]
        batch = read(spool, "a")
        assert numbers(batch.documents) == [3, 5]
    # The process died before it was delivered.
    with closing(opened(folder, "a", "b")) as spool:
        batch = read(spool, "a")
        rejected = dead_letter("a", Failure(batch.documents[1], "still"), NOW)
        spool.advance("a", batch, [rejected._replace(number=batch.letters[1].number)])
        assert [(x.number, x.reason, x.replay) for x in letters(folder)][:1] == [
            (2, "still", Replay.NO)
        ]
        assert numbers(read(spool, "a").documents) == [10, 11]


def test_replays_come_in_batches(folder: Path) -> None:
    """With the limits of the output."""
    replay_letters(folder, Selection("a"))
    with closing(opened(folder, "a")) as spool:
        assert len(spool.read("a", max_documents=1, max_bytes=9999).documents) == 1
        assert len(spool.read("a", max_documents=9, max_bytes=1).documents) == 1


def test_numbers_are_not_given_twice(folder: Path) -> None:
    """Who purges by number purges what he saw."""
    assert purge_letters(folder, ALL) == [1, 2, 3]
    with closing(opened(folder, "a", "b")) as spool:
        spool.commit(documents(10, 12))
        reject(spool, "a", 11)
    assert [x.number for x in letters(folder)] == [4]


def test_many_letters_are_read_page_by_page(tmp_path: Path) -> None:
    """However slow the reader is, the service writes and keeps its log of changes small."""
    with closing(opened(tmp_path, "a")) as spool:
        spool.commit(documents(0, 1200))
        reject(spool, "a", *range(1200))
        number = 0
        for number, _ in enumerate(read_letters(tmp_path, ALL), 1):
            if number % 500 == 1:
                spool.commit(documents(0, 500, size=20_000))
        assert number == 1200
        assert usage(spool).wal < 24 << 20


def test_there_is_nothing_where_no_service_has_run(tmp_path: Path) -> None:
    """And nothing is made there."""
    for act in (letters, lambda x: replay_letters(x, ALL), lambda x: purge_letters(x, ALL)):
        with pytest.raises(SpoolError, match="the service has not run with this"):
            act(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write a configuration with the outputs a and c."""
    path = tmp_path / "config.yaml"
    path.write_text(
        f"state: {tmp_path / 'state'}\n"
        "inputs: [{type: stdin}]\n"
        "outputs:\n"
        "  a: {type: stdout}\n"
        f"  c: {{type: file, path: {tmp_path / 'out'}}}\n"
    )
    return path


def run(config: Path, *arguments: str) -> Result:
    """Run a command on dead letters."""
    return CliRunner().invoke(main, ["dead-letters", *arguments, "-c", str(config)])


@pytest.mark.parametrize("runs", [False, True])
def test_the_commands_work_whether_or_not_the_service_runs(
    folder: Path, config: Path, *, runs: bool
) -> None:
    """List, show, replay, purge."""
    spool = opened(folder, "a", "b") if runs else None
    listed = run(config, "list", "--format", "ndjson")
    found = [json.loads(x) for x in listed.stdout.splitlines()]
    assert found[0] == {
        "number": 1,
        "output": "a",
        "reason": "no",
        "status": 400,
        "time": "2026-03-01T06:41:09.123Z",
        "source": {"path": "/srv/esa/mail.log", "offset": 30},
        "replay": False,
        "document": json.loads(document(3).body),
    }
    assert [x["number"] for x in found] == [1, 2, 3]
    listed = run(config, "list")
    assert listed.stdout.splitlines()[:6] == [
        "no (output a)",
        "2 dead letters:",
        "NUMBER  TIME (UTC)           REPLAY  SOURCE",
        "1       2026-03-01 06:41:09          /srv/esa/mail.log at byte 30",
        "2       2026-03-01 06:41:09          /srv/esa/mail.log at byte 50",
        "",
    ]
    assert "\x1b" not in listed.stdout
    assert "\\x1b[31mbad\\u202e" in listed.stdout
    shown = run(config, "show", "2")
    assert json.loads(shown.stdout) == found[1]
    assert shown.stdout == as_json(found_of(folder), indent=True) + "\n"
    marked = run(config, "replay", "--all")
    assert (marked.exit_code, marked.stdout) == (0, "3 dead letters to be delivered again.\n")
    assert "warning: output 'b' has dead letters and is not in " in marked.stderr
    assert "yes" in run(config, "list").stdout
    again = run(config, "replay", "--all")
    assert again.exit_code == 0
    assert again.stdout == "3 dead letters to be delivered again.\n"
    deleted = run(config, "purge", "1")
    assert (deleted.exit_code, deleted.stdout) == (0, "1 dead letter deleted.\n")
    assert run(config, "purge", "--output", "b").stdout == "1 dead letter deleted.\n"
    if spool is not None:
        assert numbers(read(spool, "a").documents) == [5]
        spool.close()
    assert [x.number for x in letters(folder)] == [2]


def found_of(folder: Path) -> DeadLetter:
    """Return the second dead letter."""
    return letters(folder, Selection(numbers=[2]))[0]


HUGE = "9" * 23
"""More than the database can count to."""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["purge"], 2, "select dead letters with NUMBER..., --output NAME, or --all."),
        (["replay", "--all", "--output", "a"], 2, "--all cannot be combined"),
        (["show"], 2, "Missing argument"),
        (["show", "1", "99", "98"], 1, "error: dead letters not found: 98, 99; see the list."),
        (["purge", "99"], 1, "error: dead letters not found: 99; see the list."),
        (["replay", "99"], 1, "error: dead letters not found: 99; see the list."),
        (["show", HUGE, "99"], 1, f"error: dead letters not found: 99, {HUGE}; see the list."),
        (["replay", HUGE], 1, f"error: dead letters not found: {HUGE}; see the list."),
        (["purge", HUGE], 1, f"error: dead letters not found: {HUGE}; see the list."),
        (["purge", "1", "--output", "b"], 1, "error: dead letters not found: 1; see the list."),
        (
            ["show", *map(str, range(10, 33))],
            1,
            f"error: dead letters not found: {', '.join(map(str, range(10, 33)))}; see the list.",
        ),
        (["list", "--output", "typo"], 1, "error: no output 'typo' in '"),
        (["purge", "--output", "typo"], 1, "' or the dead letters; there are: a, c, b."),
        (["replay", "--output", "typo"], 1, "; there are: a, c, b."),
    ],
)
def test_mistakes_are_said(
    folder: Path, config: Path, arguments: list[str], code: int, said: str
) -> None:
    """And change nothing."""
    done = run(config, *arguments)
    assert done.exit_code == code
    assert said in done.stderr
    assert len(letters(folder)) == 3


@pytest.mark.usefixtures("folder")
def test_a_letter_is_there_though_it_was_marked_before(config: Path) -> None:
    """To replay it once more changes nothing, and is no mistake."""
    for _ in range(2):
        done = run(config, "replay", "1")
        assert (done.exit_code, done.stdout) == (0, "1 dead letter to be delivered again.\n")


def test_the_commands_say_that_there_is_no_spool(config: Path) -> None:
    """With exit code 1."""
    for arguments in (["list"], ["show", "1"], ["replay", "--all"], ["purge", "--all"]):
        done = run(config, *arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("error: there is no spool in ")


def test_reasons_that_differ_in_details_are_one(tmp_path: Path, config: Path) -> None:
    """The reason comes first, and of many letters the oldest are shown."""
    refused = (
        "https://es{0}:9200 answers 400 for a document in x: failed to parse field [source.{1}] of"
        " type [ip] in document with id '{0:032x}'. Preview of field's value: 'a{0}'"
    )
    with closing(opened(tmp_path / "state", "a")) as spool:
        spool.commit(documents(0, 30))
        batch = read(spool, "a")
        failures = [
            Failure(x, refused.format(n, "ip" if n % 3 else "address"), status=400)
            for n, x in enumerate(batch.documents)
        ]
        spool.advance("a", batch, [dead_letter("a", x, NOW) for x in failures])
    lines = run(config, "list").stdout.splitlines()
    assert lines[0].startswith("https://es0:9200 answers 400 for a document in x: failed to parse")
    assert lines[1:3] == ["10 dead letters:", "NUMBER  TIME (UTC)           REPLAY  SOURCE"]
    assert lines[13] == ""
    assert "[source.ip]" in lines[14]
    assert lines[15] == "20 dead letters, the oldest:"
    assert [x.split()[0] for x in lines[17:]] == [str(x) for x in range(2, 16) if (x - 1) % 3]
    assert run(config, "list", "--format", "ndjson").stdout.count("\n") == 30


def test_reasons_without_end_are_counted_together(tmp_path: Path, config: Path) -> None:
    """Strangers may write them."""
    words = ["".join("ghij"[x // 4**y % 4] for y in range(6)) for x in range(1100)]
    with closing(opened(tmp_path / "state", "a")) as spool:
        spool.commit(documents(0, 1100))
        batch = read(spool, "a")
        failures = [Failure(x, y) for x, y in zip(batch.documents, words, strict=False)]
        spool.advance("a", batch, [dead_letter("a", x, NOW) for x in failures])
    lines = run(config, "list").stdout.splitlines()
    place = lines.index("further reasons")
    assert lines[place + 1] == "100 dead letters, the oldest:"
    assert len(lines) == 1000 * 5 + 13


def test_an_empty_list_is_said(folder: Path, config: Path) -> None:
    """So it is seen that nothing is wrong."""
    purge_letters(folder, ALL)
    done = run(config, "list")
    assert (done.exit_code, done.stdout) == (0, "No dead letters.\n")
    assert run(config, "list", "--format", "ndjson").stdout == ""


@pytest.mark.parametrize("state", ["file", "file/x"])
def test_a_state_that_is_a_file_is_said(config: Path, state: str) -> None:
    """With what may be done."""
    folder = config.parent
    (folder / "file").touch()
    config.write_text(config.read_text().replace(f"{folder}/state", f"{folder}/{state}"))
    done = run(config, "list")
    path = str(folder / state / "spool.db")
    assert done.exit_code == 1
    assert f"error: {path!r} cannot be read: Not a directory; name another" in done.stderr


def test_a_change_that_fails_changes_nothing(folder: Path) -> None:
    """Not in part either, and the next one works."""

    def begin_and_fail() -> None:
        with write_spool(folder) as connection:
            mark(connection, [1, 2, 3])
            assert [x.replay for x in page(connection)] == [Replay.ASKED] * 3
            raise KeyError

    with pytest.raises(KeyError):
        begin_and_fail()
    assert [x.replay for x in letters(folder)] == [Replay.NO] * 3
    assert replay_letters(folder, ALL) == [1, 2, 3]


def test_commands_and_service_may_write_at_the_same_time(folder: Path) -> None:
    """No plugin is refused."""
    with closing(opened(folder, "a", "b")) as spool, capture_logs():
        ended = threading.Event()

        def command() -> None:
            while not ended.is_set():
                replay_letters(folder, Selection("b"))

        thread = threading.Thread(target=command)
        thread.start()
        for first in range(10, 400, 10):
            spool.commit(documents(first, first + 10))
            spool.advance("a", read(spool, "a"))
        ended.set()
        thread.join()
        assert spool.outputs["a"].delivered == 8 + 390
