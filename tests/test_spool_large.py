"""A start, a status and an end read as much of a large spool as of a small one."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from forwarder.spool.dead_letters import Selection, page
from forwarder.spool.segments import RecentCommits
from forwarder.spool.spool import Spool
from forwarder.spool.stats import read_spool, summarise
from tests.large_spool import fill
from tests.spooling import documents, usage

FEW = 2_000_000
"""Bytes that may be read of tens of millions."""


@contextmanager
def reading_little() -> Iterator[None]:
    """Fail if this thread reads much of any file."""
    before = _read()
    yield
    assert _read() - before < FEW


def _read() -> int:
    text = Path("/proc/thread-self/io").read_text("ascii")
    return int(dict(x.split(": ") for x in text.splitlines())["rchar"])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a state folder with a spool of some size."""
    folder = tmp_path_factory.mktemp("state")
    folder.chmod(0o700)
    fill(folder, "siem", size=40_000_000, letters=20_000)
    assert (folder / "spool.db").stat().st_size > 20 * FEW
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """Copy it, since what one test deletes would be given back to the disk in another."""
    return shutil.copytree(filled, tmp_path / "state")


def test_nothing_reads_the_whole_spool(folder: Path) -> None:
    """Each step for itself."""
    with reading_little():
        spool = Spool(folder, max_bytes=1 << 40, max_letter_bytes=1 << 40)
    with closing(spool):
        with reading_little():
            spool.add_outputs(["siem", "archive"])
        with reading_little():
            assert summarise(folder).dead_letters["siem"].number == 20_000
        with reading_little():
            assert len(read_spool(folder, page)) == 500
        with reading_little():
            assert read_spool(folder, lambda x: page(x, Selection("archive"))) == []
        with reading_little():
            batch = spool.read("siem", max_documents=100, max_bytes=1 << 20)
            spool.advance("siem", batch)
        with reading_little():
            spool.commit(documents(0, 10))


def test_what_a_removed_output_leaves_is_trimmed_in_steps(folder: Path) -> None:
    """Each is short, and in the end nothing is left."""
    with closing(Spool(folder, max_bytes=1 << 40, max_letter_bytes=1 << 40)) as spool:
        spool.add_outputs(["siem", "new"])
        end = spool.outputs["siem"].cursor + spool.pending("siem")
        spool.advance("new", spool.read("new", max_documents=1, max_bytes=1)._replace(start=end))
        steps = 0
        before = usage(spool).used
        spool.add_outputs(["new"])
        while True:
            assert before - usage(spool).used < 10_000_000
            before = usage(spool).used
            if not spool.trim():
                break
            steps += 1
        assert steps > 2
        assert usage(spool).used < 1_000_000


class Counted(int):
    """A number that counts how often it is compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        """Compare, and count."""
        Counted.compared += 1
        return int(self) < int(other)


def test_what_was_committed_last_is_found_by_few_comparisons() -> None:
    """However many commits there are."""
    recent = RecentCommits()
    for number in range(4096):
        recent.add(number, documents(number, number + 1))
    found = recent.find(Counted(2500))
    assert found is not None
    assert found[0] == 2500
    assert 0 < Counted.compared < 20
