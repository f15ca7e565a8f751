"""What was committed last is at hand as it was made, and no more of it than is allowed."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.events import Document
from forwarder.spool import segments
from forwarder.spool.segments import RecentCommits
from tests.spooling import documents, opened, read, take


def size_of(found: Sequence[Document]) -> int:
    """Count the bytes of bodies."""
    return sum(len(x.body) for x in found)


def test_each_document_is_found_with_its_commit() -> None:
    """And nothing before or behind them."""
    recent = RecentCommits()
    first, second = documents(0, 10), documents(10, 11)
    recent.add(5, first)
    recent.add(15, second)
    assert recent.find(4) is None
    assert recent.find(5) == recent.find(14) == (5, first)
    assert recent.find(15) == (15, second)
    assert recent.find(16) is None


def test_the_oldest_go_where_there_is_no_room() -> None:
    """By whole commits."""
    first, second, third = documents(0, 2), documents(2, 4), documents(4, 6)
    recent = RecentCommits(size_of(second + third))
    for number, part in ((0, first), (2, second), (4, third)):
        recent.add(number, part)
    assert recent.find(1) is None
    assert recent.find(2) == (2, second)
    recent.add(6, documents(6, 7, size=10_000))
    assert [x for x in range(9) if recent.find(x)] == []


def test_what_is_not_asked_for_any_more_is_dropped() -> None:
    """A commit stays as long as one of its documents may be asked for."""
    recent = RecentCommits()
    recent.add(0, documents(0, 2))
    recent.add(2, documents(2, 4))
    recent.forget(3)
    assert [x for x in range(5) if recent.find(x)] == [2, 3]
    recent.forget(4)
    assert recent.find(3) is None


def test_an_output_that_keeps_up_has_nothing_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is behind has."""
    unpacked: list[int] = []
    decompress = segments.decompress

    def unpack(block: segments.Segment) -> list[Document]:
        unpacked.append(block.documents)
        return decompress(block)

    monkeypatch.setattr(segments, "decompress", unpack)
    parts = [documents(x, x + 10) for x in (0, 10, 20)]
    with closing(opened(tmp_path, "a", "slow", recent_bytes=size_of(parts[2]))) as spool:
        for part in parts:
            spool.commit(part)
            (first, *_) = read(spool, "a").documents
            assert first is part[0]
            assert take(spool, "a") == [int(x.id, 16) for x in part]
        assert unpacked == []
        assert take(spool, "slow") == list(range(30))
        assert unpacked == [10, 10]
