"""The spool: documents on disk, with what must agree with them."""

import gc
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from forwarder.errors import ForwarderError
from forwarder.events import Document
from forwarder.spool import segments
from forwarder.spool.cursors import Batch
from forwarder.spool.errors import BlockedError, ClosedError, SpoolError
from forwarder.spool.schema import VERSIONS, checksum, connect, create, migrate, version_of
from forwarder.spool.segments import RECENT_BYTES
from forwarder.spool.spool import Spool
from tests.faults.tearing import transactions
from tests.spooling import MANY, documents, is_full, numbers, opened, read, take, usage


@pytest.fixture(params=[0, 2000, RECENT_BYTES], ids=["from disk", "from both", "from memory"])
def spool(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Spool]:
    """Open a spool with the outputs a and b."""
    with closing(opened(tmp_path / "state", "a", "b", recent_bytes=request.param)) as spool:
        yield spool


def test_what_was_committed_is_read_in_order(spool: Spool) -> None:
    """By each output, whatever the others do."""
    for first in range(0, 100, 10):
        spool.commit(documents(first, first + 10))
    assert take(spool, "a", 7) == list(range(100))
    assert take(spool, "b", 1000) == list(range(100))
    assert take(spool, "a") == []


def test_a_batch_keeps_its_limits(spool: Spool) -> None:
    """In number and in bytes of bodies, over the limits of rows."""
    for first in range(0, 100, 10):
        spool.commit(documents(first, first + 10))
    size = sum([len(x.body) for x in documents(0, 13)])
    assert numbers(read(spool, "a", 25).documents) == list(range(25))
    for max_bytes, number in [(size, 13), (size - 1, 12)]:
        found = spool.read("a", max_documents=99, max_bytes=max_bytes)
        assert numbers(found.documents) == list(range(number))


def test_a_document_that_is_too_large_for_a_batch_is_one_alone(spool: Spool) -> None:
    """It must not stop those behind it."""
    spool.commit(documents(0, 2, size=1000))
    assert numbers(spool.read("a", max_documents=9, max_bytes=1).documents) == [0]


def test_what_is_not_advanced_is_read_again(spool: Spool) -> None:
    """A cursor may stand within a row."""
    spool.commit(documents(0, 10))
    assert numbers(read(spool, "a", 4).documents) == [0, 1, 2, 3]
    batch = read(spool, "a", 4)
    spool.advance("a", batch.part(3))
    assert numbers(read(spool, "a", 4).documents) == [3, 4, 5, 6]
    assert spool.pending("a") == 7
    assert spool.pending("b") == 10


def ahead(spool: Spool, start: int) -> Batch:
    """Read a batch ahead."""
    return spool.read_ahead("a", start, max_documents=10, max_bytes=MANY)


def test_what_was_read_ahead_is_taken_if_it_comes_next(spool: Spool) -> None:
    """Otherwise what comes next is read."""
    spool.commit(documents(0, 30))
    first = read(spool, "a", 10)
    second = ahead(spool, first.end)
    assert numbers(second.documents) == list(range(10, 20))
    again = spool.read("a", max_documents=10, max_bytes=MANY, ahead=second)
    assert numbers(again.documents) == list(range(10))
    spool.advance("a", first)
    assert spool.read("a", max_documents=10, max_bytes=MANY, ahead=second) is second


def test_where_nothing_can_be_read_ahead_nothing_is(tmp_path: Path) -> None:
    """The next reader finds out why."""
    with closing(opened(tmp_path, "a")) as spool:
        spool.commit(documents(0, 5))
        assert not ahead(spool, 6).documents
    assert not ahead(spool, 1).documents


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    """Documents, cursors, counts and state."""
    with closing(opened(tmp_path, "a", "b")) as spool:
        spool.commit(documents(0, 10), [("file/x", b"10")])
        spool.advance("a", read(spool, "a", 4))
    with closing(opened(tmp_path, "a", "b")) as spool:
        assert spool.outputs["a"].delivered == 4
        assert take(spool, "a") == list(range(4, 10))
        assert take(spool, "b") == list(range(10))
        assert spool.load_state("file/") == [("file/x", b"10")]
        spool.commit(documents(10, 12))
    with closing(opened(tmp_path, "a", "b")) as spool:
        assert take(spool, "a") == [10, 11]


def test_numbers_go_on_when_nothing_is_left(tmp_path: Path) -> None:
    """What is committed later is never taken for delivered."""
    with closing(opened(tmp_path, "a")) as spool:
        spool.commit(documents(0, 10))
        take(spool, "a")
    with closing(opened(tmp_path, "a")) as spool:
        spool.commit(documents(10, 12))
        assert take(spool, "a") == [10, 11]


def test_state_is_written_changed_and_deleted(spool: Spool) -> None:
    """Of a key that comes twice, the last value counts; prefixes are exact."""
    spool.commit((), [("c/1", b"a"), ("c/2", b"b"), ("c/1", b"c"), ("d", b""), ("c0", b"x")])
    assert spool.load_state("c/") == [("c/1", b"c"), ("c/2", b"b")]
    spool.commit((), [("c/1", None), ("c/3", None), ("c/2", b"\x00\xff")])
    assert spool.load_state("c/") == [("c/2", b"\x00\xff")]
    assert [key for key, _ in spool.load_state("")] == [
        *("c/2", "c0", "d", "output/a", "output/b", "spool/limits"),
        "spool/synced",
    ]


@pytest.mark.parametrize("number", [0, 1, 999, 1000, 1001, 2500])
def test_state_is_given_a_page_at_a_time(tmp_path: Path, number: int) -> None:
    """All that has the prefix, once and in order, also where others write meanwhile."""
    state = [(f"c/{x:04}", b"%d" % x) for x in range(number)]
    with closing(opened(tmp_path, "a")) as spool:
        spool.commit((), [*state, ("b/9", b"before"), ("c", b"before"), ("c0", b"behind")])
        given = spool.iter_state("c/")
        begun = [next(given)] if number else []
        spool.commit((), [("c/0000", b"again"), ("d", b"behind")])
        rest = [x for x in given if x != ("c/0000", b"again")]
        assert begun + rest == state


def test_a_commit_that_fails_leaves_nothing_behind(spool: Spool) -> None:
    """Neither documents nor state, and the next one works."""
    with pytest.raises(UnicodeEncodeError):
        spool.commit(documents(0, 5), [("good", b"1"), ("bad\udcff", b"2")])
    spool.commit(documents(5, 7), [("other", b"3")])
    assert take(spool, "a") == [5, 6]
    assert spool.load_state("good") == []


def test_a_newline_in_a_body_is_a_bug(spool: Spool) -> None:
    """It is refused before anything is written."""
    with pytest.raises(ValueError, match="a body has a newline in it"):
        spool.commit([Document("a", b"{\n}")])
    assert spool.pending("a") == 0


@given(
    st.lists(
        st.builds(
            Document,
            st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])),
            st.binary().map(lambda x: x.replace(b"\n", b"")),
        ),
        min_size=1,
    )
)
def test_compressing_gives_the_same_documents_back(given_documents: list[Document]) -> None:
    """Whatever is in them."""
    found = [x for block in segments.compress(given_documents) for x in segments.decompress(block)]
    assert found == given_documents


def test_large_commits_become_several_rows(spool: Spool) -> None:
    """So that a reader has little in memory; the numbers stay in order."""
    body = b'{"x":"' + b"y" * 1000 + b'"}'
    many = [Document(f"{x:032x}", body) for x in range(3000)]
    assert [x.documents for x in segments.compress(many)] == [1040, 1040, 920]
    spool.commit(many)
    assert take(spool, "a", 700) == list(range(3000))


def test_rows_that_are_damaged_do_not_unpack() -> None:
    """By their checksum, their compression, or their number of lines."""
    (block,) = segments.compress(documents(0, 3))
    broken = bytes([*block.data[:9], block.data[9] ^ 1, *block.data[10:]])
    for bad, reason in [
        (block._replace(data=broken), "checksum"),
        (segments.Segment(3, checksum(b"no"), b"no"), "cannot be decompressed"),
        (block._replace(documents=2), "6 lines are not 2 documents"),
    ]:
        with pytest.raises(segments.DamagedSegmentError, match=reason):
            segments.decompress(bad)


def test_rows_are_deleted_behind_the_slowest(spool: Spool) -> None:
    """Pages are used again: the file does not grow with what went through."""

    def rows() -> int:
        with spool._writer.locked() as connection:  # noqa: SLF001 - there is no public way
            (number,) = connection.execute("SELECT count(*) FROM blocks").fetchone()
            return int(number)

    for first in range(0, 40, 10):
        spool.commit(documents(first, first + 10))
    take(spool, "a")
    assert rows() == 4
    spool.advance("b", read(spool, "b", 15))
    assert rows() == 3
    take(spool, "b")
    assert rows() == 0
    sizes = []
    for _ in range(20):
        spool.commit(documents(0, 200, size=2000))
        take(spool, "a")
        take(spool, "b")
        sizes.append(usage(spool).file)
    assert sizes[-1] == sizes[1]


def test_a_large_file_is_given_back_to_the_disk(tmp_path: Path) -> None:
    """After an output was down for long."""
    with closing(opened(tmp_path, "a")) as spool:
        for first in range(0, 12_000, 500):
            spool.commit(documents(first, first + 500, size=8000))
        large = usage(spool).file
        assert large > 40 << 20
        assert take(spool, "a", 50) == list(range(12_000))
        assert usage(spool).file < 17 << 20
        assert usage(spool).used < 1 << 20


def test_a_new_output_begins_at_the_oldest_document_that_is_there(tmp_path: Path) -> None:
    """And one that is not wanted any more is forgotten, loudly; it does not hold up others."""
    with closing(opened(tmp_path, "a")) as spool:
        for first in range(0, 40, 10):
            spool.commit(documents(first, first + 10))
        spool.advance("a", read(spool, "a", 20))
        with capture_logs() as logs:
            spool.add_outputs(["b"])
        assert [(x["log_level"], x["output"], x["undelivered"]) for x in logs] == [
            ("warning", "a", 20)
        ]
        assert take(spool, "b") == list(range(20, 40))
        spool.add_outputs(["b", "a"])
        assert take(spool, "a") == []


def test_forgetting_the_slowest_makes_room(tmp_path: Path) -> None:
    """Otherwise ingest would wait for ever."""
    with closing(opened(tmp_path, "a", "slow", max_bytes=300_000)) as spool:
        while not is_full(spool):
            spool.commit(documents(0, 50, size=2000))
        take(spool, "a")
        assert is_full(spool)
        spool.add_outputs(["a"])
        assert not is_full(spool)


def test_it_is_full_at_its_limit_and_has_room_again_behind_the_slowest(tmp_path: Path) -> None:
    """A waiting ingest is woken at once."""
    with closing(opened(tmp_path, "a", max_bytes=500_000)) as spool:
        assert spool.blocked_reason is None
        while not is_full(spool):
            spool.commit(documents(0, 50, size=2000))
        assert 500_000 <= usage(spool).used < 700_000
        assert str(spool.blocked_reason).startswith("the spool is full: ")
        never = threading.Event()
        assert not spool.wait_for_space(never, 0.01)
        worker = threading.Thread(target=take, args=(spool, "a"))
        worker.start()
        assert spool.wait_for_space(never, 60)
        worker.join()


def test_waiting_for_room_ends_with_the_program(tmp_path: Path) -> None:
    """Long before its time is over."""
    with closing(opened(tmp_path, "a", max_bytes=1)) as spool:
        spool.commit(documents(0, 1))  # without one there would be nothing to wait for
        assert is_full(spool)
        stop = threading.Event()
        threading.Timer(0.05, stop.set).start()
        assert not spool.wait_for_space(stop, 600)


def test_only_its_owner_may_look(tmp_path: Path) -> None:
    """The folder and all files in it."""
    folder = tmp_path / "new" / "state"
    before = os.umask(0)
    try:
        with closing(opened(folder, "a")) as spool:
            spool.commit(documents(0, 1))
            modes = {x.name: stat.S_IMODE(x.stat().st_mode) for x in folder.iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == dict.fromkeys(["spool.db", "spool.db-wal", "spool.db-shm", "spool.lock"], 0o600)


def test_a_folder_that_others_may_enter_is_named(tmp_path: Path) -> None:
    """It is not closed: it may be anybody's."""
    tmp_path.chmod(0o755)
    with capture_logs() as logs:
        opened(tmp_path).close()
    assert [(x["log_level"], x["folder"]) for x in logs] == [("warning", str(tmp_path))]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """As where a file has its name."""
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match=r"the state folder .* cannot be made: "):
        Spool(tmp_path / "file" / "state")


def test_a_second_process_is_turned_away_with_the_number_of_the_first(tmp_path: Path) -> None:
    """And it may come in when the first is gone."""
    code = (
        "import sys; from pathlib import Path; from forwarder.spool.errors import SpoolError\n"
        "from forwarder.spool.spool import Spool\n"
        "try: Spool(Path(sys.argv[1])).close(); print('opened')\n"
        "except SpoolError as error: print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]

    def run() -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603

    tmp_path.chmod(0o700)
    with closing(opened(tmp_path)):
        assert run() == (
            f"the spool in {str(tmp_path)!r} is in use by process {os.getpid()}; stop that one"
            " first, or give this one a state folder of its own\n"
        )
    assert run() == "opened\n"


def test_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """It is neither changed nor set aside."""
    opened(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "spool.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = (tmp_path / "spool.db").read_bytes()
    with pytest.raises(SpoolError, match=r"has version 99, and this program knows versions up to"):
        Spool(tmp_path)
    assert before == (tmp_path / "spool.db").read_bytes()
    assert not list(tmp_path.glob("*.damaged-*"))


def test_migrating_does_all_steps_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From any version to the newest, with what is stored."""
    path = tmp_path / "spool.db"
    first = ["CREATE TABLE x (a)", "INSERT INTO x VALUES (1)"]
    second = ["ALTER TABLE x ADD COLUMN b DEFAULT 2", "UPDATE x SET a = 3"]
    third = ["CREATE TABLE y (a)"]

    def known(*versions: list[str]) -> None:
        monkeypatch.setattr("forwarder.spool.schema.VERSIONS", versions)

    known(first)
    with closing(create(path)) as connection:
        assert version_of(connection) == 1
        known(first, second, ["DROP TABLE z"])
        with pytest.raises(sqlite3.OperationalError, match="no such table: z"):
            migrate(connection, path)
        assert version_of(connection) == 1
        assert connection.execute("SELECT * FROM x").fetchall() == [(1,)]
        known(first, second, third)
        migrate(connection, path)
        assert version_of(connection) == 3
        assert connection.execute("SELECT * FROM x").fetchall() == [(3, 2)]
        assert connection.execute("SELECT * FROM y").fetchall() == []
        migrate(connection, path)
        known(first, second)
        with pytest.raises(SpoolError, match=r"has version 3, and .* up to 2"):
            migrate(connection, path)


def test_a_database_is_made_in_the_newest_version(tmp_path: Path) -> None:
    """With a log of changes, and pages that can be given back."""
    opened(tmp_path).close()
    with closing(connect(tmp_path / "spool.db")) as connection:
        assert version_of(connection) == len(VERSIONS)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_several_threads_get_along(tmp_path: Path) -> None:
    """One commits, others read and advance; nothing is locked, nothing is lost."""
    names = ["a", "b", "c"]
    with closing(opened(tmp_path, *names)) as spool:
        taken: dict[str, list[int]] = {x: [] for x in names}

        def deliver(name: str) -> None:
            while len(taken[name]) < 3000:
                batch = read(spool, name, 70)
                if not batch.documents:
                    spool.wait(lambda: spool.pending(name) > 0, 60)
                taken[name] += numbers(batch.documents)
                spool.advance(name, batch)

        threads = [threading.Thread(target=deliver, args=(x,)) for x in names]
        for thread in threads:
            thread.start()
        for first in range(0, 3000, 30):
            spool.commit(documents(first, first + 30), [("position", b"%d" % first)])
        for thread in threads:
            thread.join()
        assert taken == {x: list(range(3000)) for x in names}


def test_another_process_that_writes_is_waited_for(tmp_path: Path) -> None:
    """And if it does not come to an end, that is said, and nothing is lost."""
    with closing(opened(tmp_path, "a")) as spool:
        with closing(sqlite3.connect(tmp_path / "spool.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with spool._writer.locked() as connection:  # noqa: SLF001 - ten seconds are long
                connection.execute("PRAGMA busy_timeout = 10")
            with pytest.raises(BlockedError, match="another process holds the database"):
                spool.commit(documents(0, 5))
            other.execute("ROLLBACK")
        spool.commit(documents(0, 5))
        assert take(spool, "a") == list(range(5))


def test_an_advance_of_nothing_changes_nothing(spool: Spool) -> None:
    """Neither does settling."""
    spool.commit(documents(0, 3))
    before = spool.outputs["a"]
    spool.advance("a", Batch((), before.cursor))
    spool.sync()
    spool.sync()
    assert spool.outputs["a"] == before


def test_reading_keeps_one_row_in_memory(tmp_path: Path) -> None:
    """However much there is."""
    with closing(opened(tmp_path, "a")) as spool:
        for first in range(0, 2000, 100):
            spool.commit(documents(first, first + 100))
        before = alive()
        take(spool, "a", 150)
        assert alive() - before <= 100


def alive() -> int:
    """Count the documents in memory, those of other tests among them."""
    gc.collect()
    return sum(type(x) is Document for x in gc.get_objects())


def test_wal_and_synchronous_are_as_promised(spool: Spool) -> None:
    """A commit of documents is on disk when it returns; a cursor before the next batch."""
    with spool._writer.locked() as connection:  # noqa: SLF001 - there is no public way
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        spool.commit(documents(0, 3))
        spool.advance("a", spool.read("a", max_documents=1, max_bytes=MANY))
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
        spool.sync()
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_cursor_is_synced_before_more_is_delivered(spool: Spool) -> None:
    """By a transaction that changes something: SQLite syncs nothing for one that does not."""
    log = spool.folder / "spool.db-wal"
    spool.commit(documents(0, 3))
    spool.advance("a", spool.read("a", max_documents=1, max_bytes=MANY))
    for expected in (1, 0):
        before = len(transactions(log))
        spool.sync()
        assert len(transactions(log)) - before == expected
    spool.advance("b", spool.read("b", max_documents=1, max_bytes=MANY))
    spool.commit(documents(3, 4))
    before = len(transactions(log))
    spool.sync()
    assert len(transactions(log)) == before, "the commit has synced it"


# For one output alone


def backfill(spool: Spool, output: str, *parts: range) -> int:
    """Write documents for an output alone."""
    return spool.backfill(output, [documents(x.start, x.stop) for x in parts])


def test_documents_for_one_output_are_passed_over_by_others(spool: Spool) -> None:
    """Wherever the others are; nothing counts as missing, and as waiting only what is for them."""
    spool.commit(documents(0, 10))
    spool.advance("b", read(spool, "b", 5))
    assert backfill(spool, "a", range(100, 104), range(104, 110)) == 10
    spool.commit(documents(10, 15))
    assert backfill(spool, "b", range(200, 203)) == 3
    assert (spool.pending("a"), spool.pending("b")) == (25, 13)
    assert take(spool, "a", 4) == [*range(10), *range(100, 110), *range(10, 15)]
    assert take(spool, "b", 4) == [*range(5, 15), *range(200, 203)]
    assert [spool.outputs[x].missing for x in "ab"] == [0, 0]
    assert (spool.pending("a"), spool.pending("b")) == (0, 0)


def test_a_batch_that_is_read_ahead_ends_before_documents_for_others(spool: Spool) -> None:
    """And there is none where these begin."""
    spool.commit(documents(0, 10))
    backfill(spool, "a", range(100, 110))
    spool.commit(documents(10, 20))
    ahead = spool.read_ahead("b", spool.outputs["b"].cursor + 4, max_documents=99, max_bytes=MANY)
    assert numbers(ahead.documents) == list(range(4, 10))
    nothing = spool.read_ahead("b", ahead.end, max_documents=99, max_bytes=MANY)
    assert numbers(nothing.documents) == []


def test_documents_for_one_output_outlive_the_process(tmp_path: Path) -> None:
    """Until all outputs are behind them; then nothing more is remembered of them."""
    with closing(opened(tmp_path, "a", "b")) as spool:
        spool.commit(documents(0, 3))
        backfill(spool, "new", range(100, 103))
    with closing(opened(tmp_path, "a", "b", "new")) as spool:
        assert take(spool, "new") == [*range(3), *range(100, 103)]
        assert take(spool, "a") == [*range(3)]
        assert len(spool.load_state("spool/backfills")) == 1
        assert take(spool, "b") == [*range(3)]
        assert spool.load_state("spool/backfills") == []
        spool.commit(documents(3, 5))
        assert [take(spool, x) for x in ("a", "b", "new")] == [[3, 4]] * 3


def test_what_waits_for_an_output_is_not_written_again_for_it(spool: Spool) -> None:
    """Neither what is for all nor what is for it alone; what is for others counts as new."""
    spool.commit(documents(0, 3))
    assert backfill(spool, "a", range(5)) == 2
    assert backfill(spool, "a", range(6)) == 1
    assert backfill(spool, "b", range(6)) == 3
    assert backfill(spool, "b", range(6)) == 0
    assert take(spool, "a") == take(spool, "b") == [*range(6)]


def test_all_documents_for_one_output_are_written_or_none(tmp_path: Path) -> None:
    """Where there is no room, or reading fails amid them."""

    def failing() -> Iterator[list[Document]]:
        yield documents(0, 3)
        raise ForwarderError("gone")

    with closing(opened(tmp_path, "a", max_bytes=300_000)) as spool:
        with pytest.raises(ForwarderError, match="gone"):
            spool.backfill("a", failing())
        large = [[Document(f"{x:032}", os.urandom(60_000).hex().encode())] for x in range(9)]
        with pytest.raises(BlockedError, match="raise it, or begin at a later log"):
            spool.backfill("a", large)
        spool.commit(documents(0, 2))
        assert take(spool, "a") == [0, 1]


def test_closing_ends_those_who_still_read_and_write(tmp_path: Path) -> None:
    """At any moment, with an error and no worse: SQLite forgives no other writer."""
    for _ in range(20):
        spool = opened(tmp_path, "a")
        errors: list[Exception] = []

        def deliver(spool: Spool = spool, errors: list[Exception] = errors) -> None:
            try:
                while True:
                    spool.advance("a", read(spool, "a", 5))
                    spool.wait(lambda: spool.pending("a") > 0, 0.001)
            except ClosedError as error:
                errors.append(error)

        worker = threading.Thread(target=deliver)
        worker.start()
        for first in range(0, 50, 10):
            spool.commit(documents(first, first + 10))
        spool.close()
        worker.join()
        assert len(errors) == 1
        with pytest.raises(ClosedError, match="is closed"):
            spool.commit(documents(0, 1))
