"""A full spool: who loses what, and who waits."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from forwarder.output import Failure
from forwarder.spool import cursors
from forwarder.spool.cursors import Dropped, OutputError, Place, Rejecting
from forwarder.spool.dead_letters import dead_letter
from forwarder.spool.spool import Spool
from forwarder.spool.stats import summarise
from tests.spooling import documents, is_full, numbers, opened, read, take, usage

NEVER = threading.Event()
LIMIT = 100_000
MAIL = Place("", "/srv/esa/mail.log")


def fill(spool: Spool, first: int = 0) -> int:
    """Commit documents until the spool is full; return the number of the next one."""
    while not is_full(spool):
        spool.commit(documents(first, first + 10, size=1000))
        first += 10
    return first


def fail(spool: Spool, *outputs: str) -> None:
    """Let outputs be down."""
    for output in outputs:
        now = time.time()
        spool.note(output, OutputError("connection refused", now, now))


def stop(spool: Spool) -> None:
    """Stop an output for good."""
    spool.note("down", OutputError("a bug", 0, 0, stopped=True))


def reject(spool: Spool) -> None:
    """Reject all of a batch."""
    batch = read(spool, "down", 1)
    now = datetime.now(UTC)
    letters = [dead_letter("down", Failure(x, "no"), now) for x in batch[0]]
    spool.advance("down", batch, letters, rejecting=Rejecting(1, 1, "no", now.timestamp()))


def reject_more_than_there_is_room_for(spool: Spool) -> None:
    """Reject until that is so."""
    while not spool.letters_full("down"):
        reject(spool)


def hang(spool: Spool) -> None:
    """Do not come back from a call."""
    spool.note_attempt("down", time.time())


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Open a small spool with two outputs."""
    limits = {"max_bytes": LIMIT, "max_letter_bytes": 1000}
    with closing(opened(tmp_path, "down", "well", **limits)) as spool:
        yield spool


@pytest.mark.parametrize(
    "stall",
    [lambda x: fail(x, "down"), stop, reject, reject_more_than_there_is_room_for, hang],
)
def test_an_output_that_does_not_deliver_stops_no_other(
    spool: Spool, stall: Callable[[Spool], None]
) -> None:
    """Its oldest documents are dropped, no more than need be; each is counted."""
    committed = fill(spool)
    stall(spool)
    cursor = spool.outputs["down"].cursor
    with capture_logs() as logs:
        taken = take(spool, "well")
        for _ in range(5):
            assert spool.wait_for_space(NEVER, 0)
            committed = fill(spool, committed)
            taken += take(spool, "well")
    assert taken == list(range(committed))
    progress = spool.outputs["down"]
    assert progress.dropped == Dropped(progress.cursor - cursor, MAIL, MAIL)
    assert 0.8 < usage(spool).used / LIMIT < 1.3
    assert spool.pending("down") > committed // 2
    (said,) = [x for x in logs if x["log_level"] == "error"]
    assert (said["output"], said["documents"] > 5) == ("down", True)
    assert "esa-forwarder rewind --output down" in said["event"]
    assert take(spool, "down") == list(range(progress.cursor - 1, committed))


def test_nothing_is_dropped_while_no_other_delivers(spool: Spool) -> None:
    """Logs wait on disk."""
    fill(spool)
    fail(spool, "down", "well")
    assert not spool.wait_for_space(NEVER, 0)
    assert [spool.outputs[x].dropped for x in ("down", "well")] == [None, None]
    assert "when output 'down' has delivered more of the" in str(spool.blocked_reason)
    assert "documents that wait for it, which fails: connection refused" in str(
        spool.blocked_reason
    )


def test_an_output_that_delivers_sets_the_pace(spool: Spool) -> None:
    """However far it is behind."""
    committed = fill(spool)
    take(spool, "well")
    assert not spool.wait_for_space(NEVER, 0)
    assert "which is slower than reading" in str(spool.blocked_reason)
    assert take(spool, "down") == list(range(committed))


def test_nothing_is_dropped_that_another_has_to_get(spool: Spool) -> None:
    """It comes first."""
    fill(spool)
    fail(spool, "down")
    spool.advance("well", read(spool, "well", 1))
    assert not spool.wait_for_space(NEVER, 0)
    assert spool.outputs["down"].dropped is None


def test_an_output_may_have_all_wait(tmp_path: Path) -> None:
    """If the operator says so."""
    with closing(opened(tmp_path, max_bytes=LIMIT)) as spool:
        spool.add_outputs(["down", "well"], blocking=["down"])
        committed = fill(spool)
        fail(spool, "down")
        take(spool, "well")
        assert not spool.wait_for_space(NEVER, 0)
        assert take(spool, "down") == list(range(committed))


def test_a_server_that_is_started_again_is_waited_for(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took something since its oldest document was read; but not for ever."""
    committed = fill(spool)
    spool.advance("down", read(spool, "down", 1))
    fail(spool, "down")
    assert len(take(spool, "well")) == committed
    assert not spool.wait_for_space(NEVER, 0)
    monkeypatch.setattr(cursors, "PATIENCE_SECONDS", 0.0)
    assert spool.wait_for_space(NEVER, 0)
    assert spool.outputs["down"].dropped is not None


def test_what_was_in_hand_is_no_loss(spool: Spool) -> None:
    """An output that comes back takes it."""
    fill(spool)
    fail(spool, "down")
    batch = read(spool, "down", 7)
    take(spool, "well")
    assert spool.wait_for_space(NEVER, 0)
    cursor = spool.outputs["down"].cursor
    assert cursor > 8
    spool.advance("down", batch)
    progress = spool.outputs["down"]
    assert (progress.cursor, progress.delivered) == (cursor, 7)
    assert progress.dropped == Dropped(cursor - 8, MAIL, MAIL)
    assert numbers(read(spool, "down", 1).documents) == [cursor - 1]


def test_documents_for_another_output_alone_do_not_wait_for_one(tmp_path: Path) -> None:
    """Neither in the status nor where it is forgotten; what does wait for it is counted."""
    with closing(opened(tmp_path, "a", "b")) as spool:
        spool.commit(documents(0, 10))
        assert take(spool, "b") == list(range(10))
        assert spool.backfill("a", [documents(20, 50)]) == 30
        waiting = summarise(tmp_path).outputs["b"]
        assert (waiting.documents, waiting.since) == (0, None)
        spool.commit(documents(50, 53))
        with capture_logs() as logs:
            spool.add_outputs(["a"])
    assert [(x["output"], x["undelivered"]) for x in logs] == [("b", 3)]
