"""Documents are what the truth of made-up logs says, however the logs arrive."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.events import Counters
from forwarder.pipeline import LogParser, Settings
from tests.corpus import Corpus, hostile, many_open
from tests.ecs_fields import violations
from tests.truth_check import ROOT, differences, documents_of, flatten, key
from tests.truth_digest import digest

SEEDS = (1, 90_001)


@cache
def corpus(seed: int) -> Corpus:
    """Return a corpus with every variant."""
    return hostile(seed)


@cache
def documents(seed: int) -> tuple[bytes, ...]:
    """Return its documents."""
    return tuple(documents_of(corpus(seed)))


@cache
def small() -> Corpus:
    """Return a corpus that is short enough to be read many times."""
    return hostile(3, connections=60)


@cache
def small_documents() -> list[bytes]:
    """Return the documents of the small one."""
    return documents_of(small())


def read_in_pieces(made: Corpus, sizes: Sequence[int]) -> list[bytes]:
    """Read files in feeds of these sizes, over and over; all files through one flow."""
    flow = LogParser()
    got: list[bytes] = []
    for path, content in made.files.items():
        reading = flow.open(path.partition("/")[0], ROOT + path)
        position = turn = 0
        while position < len(content):
            size = sizes[turn % len(sizes)]
            got += reading.feed(content[position : position + size])
            position, turn = position + size, turn + 1
        got += reading.finish()
    return got


def without(names: Iterable[str], contents: Iterable[bytes]) -> list[dict[str, object]]:
    """Give documents without some fields."""
    left_out = set(names)
    return [
        {k: v for k, v in flatten(orjson.loads(x)).items() if k not in left_out} for x in contents
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_event_is_there_once_in_order_and_right_in_every_field(seed: int) -> None:
    """Nothing is lost, doubled or invented, and no document says more than the truth."""
    got = documents(seed)
    assert len(got) == len(corpus(seed).expected)
    assert list(differences(got, corpus(seed).expected)) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_an_id_belongs_to_one_event(seed: int) -> None:
    """Identical lines of one second on one connection have ids of their own."""
    ids = [orjson.loads(x)["event"]["id"] for x in documents(seed)]
    assert len(set(ids)) == len(ids) == len({key(x) for x in corpus(seed).expected})


@pytest.mark.parametrize("seed", SEEDS)
def test_no_document_breaks_the_table_of_fields(seed: int) -> None:
    """Whatever a client says, documents stay mapped."""
    assert [fault for x in documents(seed) for fault in violations(orjson.loads(x))] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_without_sessions_the_logins_are_the_same(seed: int) -> None:
    """Leaving out the ends of sessions leaves out nothing else."""
    logins = [x for x in documents(seed) if b'"smtp-session-closed"' not in x]
    assert documents_of(corpus(seed), Settings(sessions=False)) == logins


def test_a_second_read_gives_the_same_bytes() -> None:
    """A replay makes nothing new."""
    assert tuple(documents_of(corpus(1))) == documents(1)


def test_another_folder_changes_nothing_but_the_path() -> None:
    """The same event has the same id wherever its file lies."""
    moved = documents_of(corpus(1), root="/mnt/old logs/")
    assert moved != list(documents(1))
    names = ("log.file.path",)
    assert without(names, moved) == without(names, documents(1))


def test_carriage_returns_change_nothing_but_the_offset() -> None:
    """A file that came through a Windows machine holds the same events."""
    files = {k: v.replace(b"\n", b"\r\n") for k, v in corpus(1).files.items()}
    converted = documents_of(Corpus(files, []))
    names = ("log.offset",)
    assert without(names, converted) == without(names, documents(1))
    for before, after in zip(documents(1), converted, strict=True):
        offset = orjson.loads(before)["log"]["offset"]
        path = orjson.loads(before)["log"]["file"]["path"].removeprefix(ROOT)
        lines = corpus(1).files[path].count(b"\n", 0, offset)
        assert orjson.loads(after)["log"]["offset"] == offset + lines


@pytest.mark.parametrize("size", [1, 2, 61, 4096])
def test_the_size_of_a_feed_changes_nothing(size: int) -> None:
    """Not even single bytes."""
    made = hostile(3, connections=25, appliances=1) if size < 3 else small()
    assert read_in_pieces(made, [size]) == documents_of(made)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=30))
def test_a_file_may_be_cut_anywhere(sizes: list[int]) -> None:
    """Files are read while they are written."""
    assert read_in_pieces(small(), sizes) == small_documents()


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_cut_next_to_the_end_of_a_line_changes_nothing(data: st.DataObject) -> None:
    """The places where a reader goes wrong are those around newlines."""
    path, content = data.draw(st.sampled_from(sorted(small().files.items())), label="file")
    newlines = [i for i, byte in enumerate(content) if byte == 10]
    points = st.tuples(st.sampled_from(newlines), st.integers(-2, 30)).map(sum)
    cuts = sorted(data.draw(st.sets(points, min_size=1, max_size=12), label="cuts"))
    alone = LogParser().open("esa1", path)
    whole = [*alone.feed(content), *alone.finish()]
    reading = LogParser().open("esa1", path)
    got: list[bytes] = []
    for begin, end in pairwise([0, *cuts, len(content)]):
        got += reading.feed(content[begin:end])
    assert [*got, *reading.finish()] == whole


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_the_time_zone_of_the_machine_does_not_matter(zone: str) -> None:
    """Only the log says what time it is; nor does the seed of hashes play a part."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.truth_digest", "5"],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"TZ": zone, "PYTHONHASHSEED": "77"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == digest(5)


def test_ten_thousand_connections_wait_half_an_hour_for_their_logins() -> None:
    """All of them are joined, across the ends of files."""
    made = many_open(1)
    counts = Counters()
    got = documents_of(made, counts=counts)
    assert counts.joined == counts.joinable == 10_000
    assert list(differences(got, made.expected)) == []
