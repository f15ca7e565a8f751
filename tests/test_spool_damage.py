"""A damaged spool is never reset in silence, and what can be read of it is carried over."""

import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from forwarder.output import Failure
from forwarder.spool.dead_letters import DeadLetter, dead_letter, page
from forwarder.spool.errors import DamagedError
from forwarder.spool.schema import connect
from forwarder.spool.spool import Spool
from forwarder.spool.stats import read_spool
from tests.spooling import document, documents, numbers, opened, read, take

BLOCKS, EACH = 40, 25
TOTAL = BLOCKS * EACH
LETTERS = 4


def fill(folder: Path) -> None:
    """Make a spool of some size, with everything in it, of which output a has had a bit."""
    folder.chmod(0o700)
    for name, content in _full_spool().items():
        (folder / name).write_bytes(content)


@cache
def _full_spool() -> Mapping[str, bytes]:
    with TemporaryDirectory() as folder:
        _fill(Path(folder))
        return {x.name: x.read_bytes() for x in Path(folder).iterdir()}


def _fill(folder: Path) -> None:
    with closing(opened(folder, "a")) as spool:
        for first in range(0, TOTAL, EACH):
            state = [(f"connection/{x}", b"open" * 30) for x in range(first, first + EACH)]
            spool.commit(
                documents(first, first + EACH, size=800), [("file/x", b"%d" % first), *state]
            )
        batch = read(spool, "a", 10)
        rejected = [Failure(x, "no") for x in batch.documents[:LETTERS]]
        now = datetime(2026, 3, 1, tzinfo=UTC)
        spool.advance("a", batch, [dead_letter("a", x, now) for x in rejected])


def change_block(path: Path, first: int) -> None:
    """Change a byte in the middle of a block of documents."""
    with closing(connect(path)) as connection:
        (data,) = connection.execute(
            "SELECT compressed FROM blocks WHERE first = ?", (first,)
        ).fetchone()
        middle = len(data) // 2
        data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        connection.execute("UPDATE blocks SET compressed = ? WHERE first = ?", (data, first))


def aside_of(logs: list[EventDict]) -> Path:
    """Return the database that was set aside."""
    (path,) = [Path(x["aside"]) for x in logs if "complete" in x]
    return path


def set_aside(folder: Path) -> list[str]:
    """Return the names of what was set aside, without the time."""
    names = sorted(x.name for x in folder.iterdir() if ".damaged-" in x.name)
    names = [x for x in names if not x.endswith("-shm")]
    return [x[: x.index("-") + 1] + x[x.index("Z") :] for x in names]


def test_a_damaged_block_is_deleted_when_it_is_read(tmp_path: Path) -> None:
    """Those around it are delivered; how many are missing is counted."""
    fill(tmp_path)
    change_block(tmp_path / "spool.db", 1 + EACH)
    with capture_logs() as logs, closing(opened(tmp_path, "a")) as spool:
        assert take(spool, "a", 99) == [*range(10, EACH), *range(2 * EACH, TOTAL)]
        assert spool.outputs["a"].missing == EACH
        assert spool.load_state("spool/damage") == [("spool/damage", orjson.dumps([1, EACH]))]
    assert [(x["documents"], x["fault"]) for x in logs if x["log_level"] == "error"] == [
        (EACH, "the checksum does not match")
    ]
    assert set_aside(tmp_path) == []


def test_a_damaged_block_is_not_read_ahead(tmp_path: Path) -> None:
    """It is left for the reader to find."""
    fill(tmp_path)
    with closing(opened(tmp_path, "a")) as spool:
        change_block(tmp_path / "spool.db", 1 + EACH)
        assert not spool.read_ahead("a", 1 + EACH, max_documents=9, max_bytes=1000).documents
    assert set_aside(tmp_path) == []


@pytest.mark.parametrize("first", [1, 1 + 3 * EACH, 1 + TOTAL - EACH])
def test_a_damaged_block_does_not_stop_those_who_come_upon_it(tmp_path: Path, first: int) -> None:
    """Each output steps over it; it is deleted and told of once. Later ones are delivered."""
    fill(tmp_path)
    lost = range(first - 1, first - 1 + EACH)
    with capture_logs() as logs, closing(opened(tmp_path, "a", "b")) as spool:
        change_block(tmp_path / "spool.db", first)
        expected = [x for x in range(TOTAL) if x not in lost]
        assert take(spool, "b", 30) == expected
        assert spool.pending("b") == 0
        assert take(spool, "a", 99) == [x for x in expected if x >= 10]
        spool.commit(documents(TOTAL, TOTAL + 1))
        assert take(spool, "b") == [TOTAL]
        assert spool.outputs["b"].missing == EACH
        assert spool.outputs["b"].delivered == TOTAL - EACH + 1
    assert len([x for x in logs if x["log_level"] == "error"]) == 1
    assert set_aside(tmp_path) == []


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 9999, b"SQLite format 3\0", random.Random(1).randbytes(50_000)]
)
def test_what_is_no_database_any_more_is_set_aside(tmp_path: Path, content: bytes) -> None:
    """An empty file too: a database gets its name when it is whole."""
    fill(tmp_path)
    path = tmp_path / "spool.db"
    path.write_bytes(content)
    with capture_logs() as logs, closing(opened(tmp_path, "a")) as spool:
        spool.commit(documents(0, 3))
        assert take(spool, "a") == [0, 1, 2]
    (said,) = [x for x in logs if x["log_level"] == "error"]
    assert said["complete"] is False
    assert said["documents"] == said["state"] == 0
    assert Path(said["aside"]).read_bytes() == content
    assert set_aside(tmp_path) == ["spool.db.damaged-Z"]


@pytest.mark.parametrize("seed", range(30))
def test_damage_anywhere_is_noticed_and_the_rest_carried_over(tmp_path: Path, seed: int) -> None:
    """Zeros, noise or single bits, anywhere; the end cut off."""
    fill(tmp_path)
    chance = random.Random(seed)
    path = tmp_path / "spool.db"
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    match seed % 4:
        case 0:
            content[at : at + 4096] = bytes(len(content[at : at + 4096]))
        case 1:
            content[at : at + 9000] = chance.randbytes(len(content[at : at + 9000]))
        case 2:
            content[at] ^= 1 << chance.randrange(8)
        case _:
            del content[at:]
    path.write_bytes(content)
    found: list[int] = []
    with capture_logs() as logs:
        with opened_again(tmp_path) as spool:
            cursor = spool.outputs["a"].cursor
            state = len(spool.load_state("connection/"))
        found = take_all(tmp_path)
        letters = len(all_letters(tmp_path))
        with closing(opened(tmp_path, "a")) as spool:
            missing = spool.outputs["a"].missing
            assert found == sorted(set(found))
            assert set(found) <= set(range(TOTAL))
            spool.commit(documents(TOTAL, TOTAL + 1))
            assert take(spool, "a")[-1:] == [TOTAL]
    loud = [x for x in logs if x["log_level"] == "error"]
    whole = (cursor, state, letters, found) == (11, TOTAL, LETTERS, list(range(10, TOTAL)))
    assert whole or loud
    if cursor == 11:  # what is missing at the end is not counted
        assert len(found) + missing <= TOTAL - 10


@contextmanager
def opened_again(folder: Path) -> Iterator[Spool]:
    """Open a spool."""
    with closing(opened(folder, "a")) as spool:
        yield spool


def take_all(folder: Path) -> list[int]:
    """Deliver everything; where damage is come upon, open the spool again, as the service does."""
    found: list[int] = []
    while True:
        with suppress(DamagedError), opened_again(folder) as spool:
            while (batch := read(spool, "a", 99)).documents:
                spool.advance("a", batch)
                found += numbers(batch.documents)
            return found
        assert (folder / "spool.db.suspect").exists()


def all_letters(folder: Path) -> list[DeadLetter]:
    """Return all dead letters; where damage is come upon, the next start sees to it."""
    while True:
        with suppress(DamagedError):
            return read_spool(folder, page)
        opened(folder, "a").close()
        assert not (folder / "spool.db.suspect").exists()


def test_most_of_a_damaged_database_is_carried_over(tmp_path: Path) -> None:
    """Each table up to the broken place."""
    fill(tmp_path)
    path = tmp_path / "spool.db"
    with closing(connect(path)) as connection:
        pages = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'blocks' AND pagetype = 'leaf' ORDER BY path"
        ).fetchall()
    (middle,) = pages[len(pages) // 2]
    with path.open("r+b") as file:
        file.seek((middle - 1) * 4096)
        file.write(b"\xff" * 4096)
    with capture_logs() as logs:
        found = take_all(tmp_path)
        with opened_again(tmp_path) as spool:
            assert spool.load_state("file/x") == [("file/x", b"%d" % (TOTAL - EACH))]
        assert len(all_letters(tmp_path)) == LETTERS
    (said,) = [x for x in logs if x["log_level"] == "error"]
    assert found == list(range(10, 10 + len(found)))
    assert TOTAL // 3 < len(found) < TOTAL * 2 // 3
    assert said["complete"] is False


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE state SET value = x'00' WHERE key = 'connection/7'",
        "UPDATE state SET value = 7 WHERE key = 'connection/7'",
        "UPDATE dead_letters SET compressed = x'00' WHERE number = 2",
    ],
)
def test_a_changed_value_stays_behind(tmp_path: Path, change: str) -> None:
    """Everything else is carried over."""
    fill(tmp_path)
    with closing(connect(tmp_path / "spool.db")) as connection:
        connection.execute(change)
    with capture_logs() as logs:
        left = len(all_letters(tmp_path))
        with opened_again(tmp_path) as spool:
            left += len(spool.load_state("connection/"))
            assert take(spool, "a") == list(range(10, TOTAL))
        assert left == TOTAL + LETTERS - 1
    (said,) = [x for x in logs if x["log_level"] == "error"]
    assert (said["documents"], said["complete"]) == (TOTAL, False)


def spoil(path: Path, kind: str) -> None:
    """Damage a database so that positions are whole, partly there or gone."""
    with closing(connect(path)) as connection:
        match kind:
            case "nothing":
                connection.execute("PRAGMA user_version = 0")
            case "documents":
                connection.execute("UPDATE dead_letters SET compressed = x'00' WHERE number = 2")
            case "a position":
                connection.execute("UPDATE state SET value = x'00' WHERE key = 'file/x'")
            case _:
                path.write_bytes(b"rubbish")


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("nothing", "Nothing in it was lost."),
        ("documents", "To deliver them again, run esa-forwarder rewind"),
        ("a position", "are read again without a rewind"),
        ("everything", "are read again without a rewind"),
    ],
)
def test_the_operator_is_told_whether_to_rewind(tmp_path: Path, kind: str, advice: str) -> None:
    """Never where the logs are read again anyway: outputs would get a third copy."""
    fill(tmp_path)
    spoil(tmp_path / "spool.db", kind)
    (tmp_path / "spool.db.suspect").touch()
    with capture_logs() as logs, opened_again(tmp_path) as spool:
        kept = dict(spool.load_state("file/x"))
    (said,) = [x for x in logs if x["log_level"] == "error"]
    assert bool(kept) == (kind in {"nothing", "documents"})
    assert advice in said["event"]
    assert ("run esa-forwarder rewind" in said["event"]) == (kind == "documents")


def test_a_value_that_changes_while_the_service_runs_is_not_handed_out(tmp_path: Path) -> None:
    """It would be a wrong position, or a wrong document."""
    fill(tmp_path)
    with closing(opened(tmp_path, "a")) as spool:
        with closing(connect(tmp_path / "spool.db")) as connection:
            connection.execute("UPDATE state SET value = x'00' WHERE key = 'file/x'")
            connection.execute("UPDATE dead_letters SET compressed = x'00', replay = 1")
        with pytest.raises(DamagedError, match="the state 'file/x' is damaged; start the service"):
            spool.load_state("file/")
        with pytest.raises(DamagedError, match="dead letter 1 is damaged; start the service"):
            read(spool, "a")


def test_a_broken_structure_is_said_with_what_to_do(tmp_path: Path) -> None:
    """Where it is come upon while the service runs."""
    fill(tmp_path)
    with closing(opened(tmp_path, "a")) as spool:
        path = tmp_path / "spool.db"
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))
        with pytest.raises(DamagedError, match=r"is damaged .* start the service again"):
            take(spool, "a")
    with capture_logs() as logs:
        opened(tmp_path, "a").close()
    assert "error" in [x["log_level"] for x in logs]


def test_the_log_of_changes_of_a_deleted_database_is_kept(tmp_path: Path) -> None:
    """It is not taken for that of the new one."""
    fill(tmp_path)
    (tmp_path / "spool.db").unlink()
    (tmp_path / "spool.db-wal").write_bytes(b"of another one")
    with capture_logs() as logs, closing(opened(tmp_path, "a")) as spool:
        assert take(spool, "a") == []
    (said,) = [x for x in logs if x["log_level"] == "error"]
    assert said["event"].startswith("The spool's log of changes was found without its database")
    assert set_aside(tmp_path) == ["spool.db.damaged-Z-wal"]


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\0" * 5000])
def test_what_was_not_finished_is_begun_again(tmp_path: Path, content: bytes) -> None:
    """Whether or not there is a database."""
    for _ in range(2):
        (tmp_path / "spool.db.new").write_bytes(content)
        with closing(opened(tmp_path, "a")) as spool:
            spool.commit(documents(0, 1))
        assert not (tmp_path / "spool.db.new").exists()
    assert set_aside(tmp_path) == []


def test_two_that_are_set_aside_in_one_second_are_both_kept(tmp_path: Path) -> None:
    """Under names of their own."""
    for content in (b"one", b"two", b"three"):
        opened(tmp_path).close()
        (tmp_path / "spool.db").write_bytes(content)
    opened(tmp_path).close()
    kept = {x.read_bytes() for x in tmp_path.iterdir() if ".damaged-" in x.name}
    assert kept == {b"one", b"two", b"three"}


@cache
def _running_spool() -> Mapping[str, bytes]:
    """Return what is on disk in the middle of commits of one document each."""
    with TemporaryDirectory() as folder, closing(opened(Path(folder), "a")) as spool:
        for number in range(30):
            spool.commit([document(number, size=1500)], [("position", b"%d" % (number + 1))])
        return {x: (Path(folder) / x).read_bytes() for x in ("spool.db", "spool.db-wal")}


@pytest.mark.parametrize("seed", range(40))
def test_torn_wal(tmp_path: Path, seed: int) -> None:
    """A log of changes that is cut or changed anywhere: documents and position still agree.

    As after a power loss on a disk that lied. What is gone is gone together, so it is read again.
    """
    chance = random.Random(seed)
    torn = tmp_path / "torn"
    torn.mkdir(mode=0o700)
    for name, content in _running_spool().items():
        (torn / name).write_bytes(content)
    wal = torn / "spool.db-wal"
    torn_content = bytearray(wal.read_bytes())
    at = chance.randrange(len(torn_content))
    if seed % 2:
        del torn_content[at:]
    else:
        torn_content[at] ^= 0xFF
    wal.write_bytes(torn_content)
    with capture_logs() as logs, closing(opened(torn, "a")) as spool:
        found = take(spool, "a")
        position = int(dict(spool.load_state("position")).get("position", b"0"))
        assert found == list(range(position))
    assert [x for x in logs if x["log_level"] == "error"] == []


def test_a_database_without_its_version_is_set_aside(tmp_path: Path) -> None:
    """And all that is in it is carried over."""
    fill(tmp_path)
    with closing(connect(tmp_path / "spool.db")) as connection:
        connection.execute("PRAGMA user_version = 0")
    with capture_logs() as logs, closing(opened(tmp_path, "a")) as spool:
        assert len(take(spool, "a")) == TOTAL - 10
    (said,) = [x for x in logs if "complete" in x]
    assert (said["complete"], said["fault"]) == (True, "its version is gone")


def test_a_database_of_an_older_version_that_is_damaged_is_set_aside(tmp_path: Path) -> None:
    """What its tables were is unknown: that is said."""
    tmp_path.chmod(0o700)
    path = tmp_path / "spool.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE blocks (x)")
        connection.execute("PRAGMA user_version = 0")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    with capture_logs() as logs:
        opened(tmp_path).close()
    assert [x.get("complete") for x in logs] == [False]


def test_nothing_is_written_to_what_is_set_aside(tmp_path: Path) -> None:
    """Nor is its log of changes lost."""
    fill(tmp_path)
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    with closing(Spool(tmp_path)) as spool:
        spool.commit(documents(0, 5))
        for name in ("spool.db", "spool.db-wal"):
            shutil.copy(tmp_path / name, other)
    with (other / "spool.db").open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096)
    before = {x.name.removeprefix("spool.db"): x.read_bytes() for x in other.iterdir()}
    with capture_logs() as logs:
        opened(other, "a").close()
    aside = str(aside_of(logs))
    assert before == {end: Path(aside + end).read_bytes() for end in before}
