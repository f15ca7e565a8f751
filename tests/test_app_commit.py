"""What is committed is all up to some point, whatever is refused on the way."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.app import ingest as module
from forwarder.app.ingest import Committer
from forwarder.spool import schema
from forwarder.spool.errors import DamagedError
from forwarder.spool.spool import Spool
from tests.faults.program import wait_until
from tests.spooling import busy, documents, opened, take


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    """Open a spool for one output; it is not patient with others."""
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    with closing(opened(tmp_path, "told")) as found:
        yield found


@pytest.fixture
def stop() -> threading.Event:
    """Give what ends the program."""
    return threading.Event()


@pytest.fixture
def committer(spool: Spool, stop: threading.Event) -> Iterator[Committer]:
    """Commit to the spool."""
    with closing(Committer(spool, stop)) as found:
        yield found
        stop.set()


def test_commits_are_made_in_their_order(spool: Spool, committer: Committer) -> None:
    """One need not be waited for before the next."""
    for number in range(10):
        committer.commit(documents(number, number + 1), [("at", b"%d" % number)])
    committer.wait()
    assert take(spool, "told") == list(range(10))
    assert spool.load_state("at") == [("at", b"9")]


def test_nothing_is_committed_behind_what_was_given_up(
    tmp_path: Path,
    spool: Spool,
    committer: Committer,
    stop: threading.Event,
    said: Callable[[str], bool],
) -> None:
    """The positions of the second would say that the first is there."""
    with busy(tmp_path):
        committer.commit(documents(0, 2), [("at", b"2")])
        wait_until(lambda: said("Reading paused: nothing can be written"), "a refusal")
        stop.set()
        committer.wait()
    committer.commit(documents(2, 4), [("at", b"4")])
    committer.wait()
    assert take(spool, "told") == []
    assert spool.load_state("at") == []


def test_what_is_refused_is_committed_before_what_follows(
    tmp_path: Path, spool: Spool, committer: Committer, said: Callable[[str], bool]
) -> None:
    """A thread that brings more waits."""
    follows = threading.Thread(target=committer.commit, args=(documents(2, 4), []))
    with busy(tmp_path):
        committer.commit(documents(0, 2), [])
        wait_until(lambda: said("Reading paused: nothing can be written"), "a refusal")
        follows.start()
        assert take(spool, "told") == []
    follows.join(60)
    committer.wait()
    assert take(spool, "told") == [0, 1, 2, 3]
    assert said("The spool can be written again; reading resumed.")


def test_a_broken_spool_is_told_even_if_nothing_follows(
    spool: Spool, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who commits looks from time to time."""

    def refuse(*_: object) -> None:
        raise DamagedError("the database is damaged")

    monkeypatch.setattr(spool, "commit", refuse)
    committer.commit(documents(0, 1), [])

    def is_told() -> bool:
        try:
            committer.check()
        except DamagedError:
            return True
        return False

    wait_until(is_told, "the damage")
    with pytest.raises(DamagedError):
        committer.commit(documents(1, 2), [])
