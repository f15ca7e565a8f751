"""The limits of the spool: of its own, of the log of changes, and of the disk."""

import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from forwarder.output import Failure
from forwarder.spool.dead_letters import DeadLetter, Selection, dead_letter
from forwarder.spool.errors import BlockedError, SpoolError
from forwarder.spool.spool import Spool
from forwarder.spool.stats import summarise
from tests.faults.disks import fill_up, small_disk
from tests.spooling import (
    documents,
    is_full,
    numbers,
    opened,
    purge_letters,
    read,
    replay_letters,
    take,
    usage,
)

NEVER = threading.Event()


@contextmanager
def reading_for_long(folder: Path) -> Iterator[None]:
    """Be a process that began to read and does not end."""
    path = folder / "spool.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM state").fetchone()
        yield
        connection.execute("ROLLBACK")


def test_a_reader_that_does_not_end_pauses_ingest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the log of changes has grown beyond its limit; when it ends, all goes on."""
    limit = 1 << 20
    monkeypatch.setattr("forwarder.spool.writer.MAX_WAL_BYTES", limit)
    with closing(Spool(tmp_path)) as spool:
        spool.add_outputs(["a"])
        committed = 0
        with reading_for_long(tmp_path):
            while not is_full(spool):
                spool.commit(documents(committed, committed + 20, size=2000))
                committed += 20
                assert committed < 10_000
            assert limit < usage(spool).wal < limit + 200_000
            assert "cannot be emptied: another process has been reading" in str(
                spool.blocked_reason
            )
            assert not spool.wait_for_space(NEVER, 0.1)
            # What is there is delivered all the same.
            assert take(spool, "a") == list(range(committed))
        assert spool.wait_for_space(NEVER, 60)
        assert usage(spool).wal < limit


def test_the_log_of_changes_stays_small(tmp_path: Path) -> None:
    """Under load, with outputs that read at the same time."""
    largest = 0
    with closing(opened(tmp_path, "a", "b")) as spool:
        ended = threading.Event()

        def deliver(name: str) -> None:
            while not (ended.is_set() and spool.pending(name) == 0):
                batch = read(spool, name, 100)
                spool.advance(name, batch)

        threads = [threading.Thread(target=deliver, args=(x,)) for x in "ab"]
        for thread in threads:
            thread.start()
        for first in range(0, 15_000, 100):
            spool.commit(documents(first, first + 100, size=2000))
            largest = max(largest, usage(spool).wal)
        ended.set()
        for thread in threads:
            thread.join()
        assert largest < 24 << 20


def test_what_is_remembered_does_not_fill_it(tmp_path: Path) -> None:
    """However much that is: no output could make it less, so reading would never go on."""
    with closing(opened(tmp_path, "a", max_bytes=100_000)) as spool:
        spool.commit([], [(f"core/{x}", b"x" * 1000) for x in range(200)])
        assert usage(spool).file > 200_000
        was_full = [is_full(spool)]
        spool.commit(documents(0, 1))
        was_full.append(is_full(spool))
        assert take(spool, "a") == [0]
        assert [*was_full, is_full(spool)] == [False, False, False]


def test_disk_full(tmp_path: Path) -> None:
    """The service waits, says why, and goes on by itself; nothing is lost, nothing doubled."""
    with small_disk(tmp_path / "disk", 8) as folder, closing(opened(folder, "a")) as spool:
        ballast = folder / "ballast"
        committed = 0
        said = ""
        while not said:
            part = documents(committed, committed + 50, size=4000)
            try:
                spool.commit(part, [("p", b"%d" % committed)])
                committed += 50
            except BlockedError as error:
                said = str(error)
        assert said.startswith("only ")
        assert said.endswith("free some space")
        assert spool.load_state("p") == [("p", b"%d" % (committed - 50))]
        # Only delivery makes room.
        taken = numbers(read(spool, "a").documents)
        assert taken == list(range(committed))
        assert take(spool, "a", 100) == taken
        spool.commit(documents(committed, committed + 5))
        # Another program takes all of it: not even a cursor can be moved.
        fill_up(ballast)
        with pytest.raises(BlockedError, match=r"bytes are free|the disk is full"):
            spool.commit(documents(0, 500, size=4000))
        assert not spool.wait_for_space(NEVER, 0.1)
        batch = read(spool, "a")
        with pytest.raises(BlockedError, match="the disk is full"):
            spool.commit((), [(f"x/{x}", bytes(4000)) for x in range(2000)])
        # And then it is over.
        ballast.unlink()
        assert spool.wait_for_space(NEVER, 60)
        spool.advance("a", batch)
        spool.commit(documents(committed + 5, committed + 7))
        assert numbers(batch.documents) == list(range(committed, committed + 5))
        assert take(spool, "a") == [committed + 5, committed + 6]


def test_a_full_disk_at_the_start_says_so(tmp_path: Path) -> None:
    """And leaves nothing that would be in the way later."""
    with small_disk(tmp_path / "disk", 4) as folder:
        ballast = folder / "ballast"
        fill_up(ballast)
        with pytest.raises(SpoolError):
            Spool(folder)
        ballast.unlink()
        with capture_logs() as logs, closing(opened(folder, "a")) as spool:
            spool.commit(documents(0, 3))
            assert take(spool, "a") == [0, 1, 2]
        assert logs == []


def test_a_disk_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    """As one that the kernel made read-only after an error."""
    with small_disk(tmp_path / "disk", 8) as folder:
        opened(folder, "a").close()
        remount = ["mount", "-o", "remount,ro", str(folder)]
        subprocess.run(remount, check=True)  # noqa: S603 - nothing of strangers
        with pytest.raises(SpoolError, match=r"spool.lock' cannot be written: Read-only"):
            Spool(folder)


def test_dead_letters_have_a_limit(tmp_path: Path) -> None:
    """Their output waits for the operator."""
    with closing(opened(tmp_path, "a", max_letter_bytes=130_000)) as spool:
        spool.commit(documents(0, 300, size=2000))
        now = datetime(2026, 3, 1, tzinfo=UTC)
        delivered = 0
        letters = list[DeadLetter]()
        while not (full := spool.letters_full("a")):
            batch = read(spool, "a", 10)
            letters = [dead_letter("a", Failure(x, "no"), now) for x in batch.documents]
            spool.advance("a", batch, letters)
            delivered += 10
        assert "find out why documents are rejected (dead-letters list)" in str(full)
        assert "(dead_letters.max_bytes), so it waits" in str(full)
        assert 80 < delivered < 120
        # What is good still goes through.
        assert spool.outputs["a"].rejected == delivered
        batch = read(spool, "a", 10)
        spool.advance("a", batch.part(2))
        assert len(replay_letters(tmp_path, Selection("a", range(1, 6)))) == 5
        again = read(spool, "a", 99)
        assert numbers(again.documents) == list(range(5))
        spool.advance("a", again, [letters[0]._replace(number=1)])
        assert len(purge_letters(tmp_path, Selection("a"))) == delivered - 4
        assert spool.letters_full("a") is None


def test_dead_letters_hold_up_no_documents(tmp_path: Path) -> None:
    """Those of one output count neither against another's limit nor against the spool's."""
    limit = 500_000
    with closing(opened(tmp_path, "a", "b", max_bytes=limit, max_letter_bytes=limit)) as spool:
        now = datetime(2026, 3, 1, tzinfo=UTC)
        for first in range(0, 700, 100):
            spool.commit(documents(first, first + 100, size=2000))
            for output in ("a", "b"):
                batch = read(spool, output)
                letters = [dead_letter(output, Failure(x, "no"), now) for x in batch.documents]
                letters = letters if output == "a" else letters[:2]
                if not spool.letters_full(output):
                    spool.advance(output, batch, letters)
        rejected = spool.outputs["a"].rejected
        assert 300 < rejected <= 400
        assert spool.outputs["b"].rejected == 14
        assert spool.pending("b") == 0
        assert usage(spool).used < limit < usage(spool).file
        assert not is_full(spool)
        size = summarise(tmp_path).dead_letters["a"].size
        assert limit <= size < limit + 100 * limit / rejected
