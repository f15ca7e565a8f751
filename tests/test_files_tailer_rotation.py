"""The last lines of a file come before the first ones of the file that takes its place."""

import gzip
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, combinations, islice
from pathlib import Path

import pytest

from forwarder.inputs.files.paths import Search, expand
from tests.following import Reader, following, numbered

FIRST, LAST, NEW = numbered(range(20)), numbered(range(20, 25)), numbered(range(25, 30))
CLOSED = "mail.@20090422T110000.s"

Rotation = Callable[[Path], Iterator[None]]


def write(path: Path, text: bytes) -> None:
    """Append to a file."""
    with path.open("ab") as file:
        file.write(text)


def rename(live: Path) -> Iterator[None]:
    """Write the last lines, rename the file, write to it once more, and begin another."""
    write(live, b"".join(LAST[:3]))
    yield
    live.rename(live.with_name(CLOSED))
    yield
    write(live.with_name(CLOSED), b"".join(LAST[3:]))
    yield
    live.touch()
    yield
    write(live, NEW[0][:10])
    yield
    write(live, NEW[0][10:] + b"".join(NEW[1:]))


def copytruncate(live: Path) -> Iterator[None]:
    """Write the last lines, copy the file in two parts, truncate it, and write on."""
    write(live, b"".join(LAST))
    yield
    content = live.read_bytes()
    write(live.with_name(CLOSED), content[:500])
    yield
    write(live.with_name(CLOSED), content[500:])
    yield
    os.truncate(live, 0)
    yield
    write(live, NEW[0][:10])
    yield
    write(live, NEW[0][10:] + b"".join(NEW[1:]))


def send_again(live: Path) -> Iterator[None]:
    """Write the last lines, remove the file, send it in two parts, and begin another."""
    write(live, b"".join(LAST))
    content = live.read_bytes()
    yield
    live.unlink()
    yield
    write(live.with_name(CLOSED), content[:500])
    yield
    write(live.with_name(CLOSED), content[500:])
    yield
    write(live, NEW[0][:10])
    yield
    write(live, NEW[0][10:] + b"".join(NEW[1:]))


STEPS = 6

ROTATIONS = pytest.mark.parametrize("rotate", [rename, copytruncate, send_again])


def begun(folder: Path, first: list[bytes]) -> tuple[Reader, Path]:
    """Follow a file that was read to its end, amid a line."""
    folder.mkdir()
    (folder / "mail.@20090422T100000.s").write_bytes(b"old\n")
    live = folder / "mail.current"
    live.write_bytes(b"".join(first))
    reader = following(folder)
    reader.settle(times=2)
    assert reader.taken == [b"old\n", *first]
    return reader, live


def tell(reader: Reader, *paths: Path) -> None:
    """Look at some of the files between two scans, and scan if any of them is new or gone."""
    files = reader.following._files  # noqa: SLF001 - between two scans, only live ones are looked at
    known = {x.path: x.stat for x in files if x.here}
    for path in map(str, paths):
        if path in known:
            reader.following._restat(known[path])  # noqa: SLF001
        else:
            files.scan_is_due = True


def assert_in_order(reader: Reader, first: list[bytes]) -> None:
    """Read to the end, and look at what came and when."""
    reader.finish()
    assert reader.taken == [b"old\n", *first, *LAST, *NEW]
    assert reader.lost == 0
    reader.following.close()


@ROTATIONS
@pytest.mark.parametrize("first", [FIRST, []], ids=["read", "empty"])
def test_when_only_the_new_file_is_told_of(
    tmp_path: Path, rotate: Rotation, first: list[bytes]
) -> None:
    """The events of the old one come later; a look that is due anyway does not."""
    for shown in range(STEPS + 1):
        reader, live = begun(tmp_path / str(shown), first)
        steps = rotate(live)
        list(islice(steps, shown))
        tell(reader, live)
        reader.read()
        list(steps)
        tell(reader, live)
        reader.read()
        tell(reader, live.with_name(CLOSED))
        assert_in_order(reader, first)


@ROTATIONS
@pytest.mark.parametrize("first", [FIRST, []], ids=["read", "empty"])
def test_when_files_are_read_between_any_of_the_steps(
    tmp_path: Path, rotate: Rotation, first: list[bytes]
) -> None:
    """Without events, and with a look at everything or none in between."""
    masks = chain.from_iterable(combinations(range(STEPS), x) for x in range(STEPS + 1))
    for number, mask in enumerate(masks):
        reader, live = begun(tmp_path / str(number), first)
        for step, _ in enumerate(chain(rotate(live), [None])):
            if step in mask:
                reader.clock.now += number % 2
                tell(reader, live)
                reader.read()
        assert_in_order(reader, first)


@ROTATIONS
@pytest.mark.parametrize("first", [FIRST, []], ids=["read", "empty"])
def test_when_files_are_rotated_while_they_are_looked_at(
    tmp_path: Path, rotate: Rotation, first: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the folder is listed, before the first file is looked at, or after it."""
    steps: Iterator[None] = iter(())
    cuts: list[int] = []

    def rotating(pattern: str, search: Search) -> Iterator[tuple[str, str | None]]:
        found = list(expand(pattern, search))
        for each in sorted(found):
            list(islice(steps, cuts.pop() if cuts else 0))
            yield each

    monkeypatch.setattr("forwarder.inputs.files.discovery.expand", rotating)
    for before in range(STEPS + 1):
        for between in range(STEPS + 1 - before):
            reader, live = begun(tmp_path / f"{before}-{between}", first)
            steps = rotate(live)
            list(islice(steps, before))
            cuts = [STEPS, between]
            tell(reader, live)
            reader.clock.now += 1
            reader.read()
            list(steps)
            assert_in_order(reader, first)


def test_a_line_of_a_file_that_was_begun_waits_for_no_look(tmp_path: Path) -> None:
    """Only what is new is looked for twice."""
    reader, live = begun(tmp_path / "logs", FIRST)
    write(live, LAST[0])
    tell(reader, live)
    (piece,) = reader.following.read(0)
    assert piece.data == LAST[0]


def test_a_new_file_that_grows_all_the_time_is_begun(tmp_path: Path) -> None:
    """It is not the same at any two looks, and known by its beginning."""
    reader, live = begun(tmp_path / "logs", FIRST)
    live.rename(live.with_name(CLOSED))
    pieces: Sequence[object] = []
    for line in NEW[:2]:
        assert pieces == []
        write(live, line)
        tell(reader, live)
        reader.clock.now += 1
        pieces = [x.data for x in reader.following.read(0) if x.data]
    assert pieces == [b"".join(NEW[:2])]


def test_a_new_file_that_is_replaced_before_it_was_begun_waits_again(tmp_path: Path) -> None:
    """While those before it are read it is rotated, unseen."""
    live = tmp_path / "mail.current"
    (tmp_path / "mail.@20090422T100000.s").write_bytes(b"".join(FIRST))
    live.write_bytes(b"".join(LAST))
    reader = following(tmp_path, block_bytes=100, read_bytes=100)
    reader.read()
    live.with_name(CLOSED).write_bytes(b"".join(LAST))
    live.write_bytes(b"".join(NEW))
    reader.settle(seconds=0)
    assert reader.taken == FIRST + LAST + NEW


def test_a_file_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    """Nor does half of one: they are what comes late."""
    reader, live = begun(tmp_path / "logs", FIRST)
    live.with_name("mail.@20090422T101000.s").write_bytes(b"BZh91AY&SY")
    live.with_name("mail.@20090422T102000.s").write_bytes(b"\x1f\x8b\x08")
    live.rename(live.with_name(CLOSED))
    live.write_bytes(NEW[0])
    reader.settle(seconds=1)
    assert reader.taken[-1] == NEW[0]


def test_a_live_file_waits_for_the_last_line_of_an_unknown_one(tmp_path: Path) -> None:
    """It was rotated before it was ever seen; its last line may be wrapped."""
    (tmp_path / CLOSED).write_bytes(b"".join(LAST))
    (tmp_path / "mail.current").write_bytes(b"".join(NEW))
    reader = following(tmp_path)
    reader.settle(seconds=0)
    assert reader.taken == LAST + NEW
    assert reader.clock.now < 1002


def test_a_last_line_that_may_go_on_comes_before_what_another_file_gets(tmp_path: Path) -> None:
    """Also where the other one was begun long ago, as after a restart."""
    live, closed_one = tmp_path / "mail.current", tmp_path / CLOSED
    write(live, NEW[0])
    reader = following(tmp_path)
    reader.settle(seconds=0)
    write(closed_one, b"".join(LAST))
    reader.settle(seconds=0.1)
    assert reader.taken == [NEW[0], *LAST[:-1]]
    write(live, NEW[1])
    tell(reader, live)
    reader.read()
    assert reader.taken == [NEW[0], *LAST, NEW[1]]


def test_a_live_file_does_not_wait_for_the_end_of_an_upload(tmp_path: Path) -> None:
    """That goes on and on."""
    (tmp_path / "mail.current").write_bytes(NEW[0])
    reader = following(tmp_path)
    for line in numbered(range(100, 130)):
        write(tmp_path / CLOSED, line)
        tell(reader, tmp_path / CLOSED)
        reader.clock.now += 0.1
        reader.read()
    assert NEW[0] in reader.taken
    assert reader.clock.now < 1004


def test_many_new_files_take_one_more_look(tmp_path: Path) -> None:
    """Not one each."""
    for number, line in enumerate(numbered(range(300))):
        (tmp_path / f"mail.@20090422T11{number:04}.s").write_bytes(line)
    reader = following(tmp_path, fresh=False)
    reader.settle()
    assert len(reader.taken) == 300
    assert reader.following._files.scans == 2  # noqa: SLF001 - the cost is counted in looks


def closed(folder: Path, hour: int) -> Path:
    """Name a file that is not written to any more."""
    return folder / f"mail.@20090422T{hour:02}0000.s"


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("is_once", [False, True])
def test_a_file_that_is_compressed_while_all_are_looked_at_comes_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, *, is_once: bool
) -> None:
    """Its folder was listed with its old name only, which is gone: such a look does not count."""
    contents = {hour: numbered(range(hour * 10, hour * 10 + 5)) for hour in (9, 10, 11, 12)}
    closed(tmp_path, 9).write_bytes(b"".join(contents[9]))
    reader = following(tmp_path)
    reader.settle(times=4)
    for hour in (10, 11, 12):
        closed(tmp_path, hour).write_bytes(b"".join(contents[hour]))
    if is_once:
        reader.commit()
        reader.crash(once=True)
    names = [closed(tmp_path, 10).with_suffix(x) for x in (".s", ".s.gz", ".s", ".s.gz")][
        : times + 1
    ]

    def packing(pattern: str, search: Search) -> Iterator[tuple[str, str | None]]:
        found = list(expand(pattern, search))
        if len(names) > 1:
            before = names.pop(0)
            content = gzip.compress(b"".join(contents[10]))
            names[0].write_bytes(content if names[0].suffix == ".gz" else b"".join(contents[10]))
            before.unlink()
        yield from found

    monkeypatch.setattr("forwarder.inputs.files.discovery.expand", packing)
    reader.settle(times=4)
    assert reader.taken == [*chain(*(contents[x] for x in ((10, 11, 12) if is_once else contents)))]
    assert reader.lost == 0


def test_names_that_go_all_the_time_hold_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that makes and removes them could otherwise keep all new files waiting."""

    def vanishing(pattern: str, search: Search) -> Iterator[tuple[str, str | None]]:
        yield from expand(pattern, search)
        yield str(tmp_path / "mail.gone"), None

    monkeypatch.setattr("forwarder.inputs.files.discovery.expand", vanishing)
    closed(tmp_path, 9).write_bytes(b"".join(FIRST))
    reader = following(tmp_path)
    reader.settle(times=4)
    assert reader.taken == FIRST
