"""Whatever is done to files while they are followed, each line comes once."""

import gzip
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.inputs.files.reader import SETTLE
from tests.following import Reader, following

HEADERS = (b"", b"header\n" * 6, b"header\n" * 300)
"""What all files begin with, and what is not counted: nothing, below 64 bytes, above 1 KiB."""


class World:
    """A logger and its files, which are rotated in every way there is."""

    def __init__(
        self, folder: Path, *, fresh: bool, header: bytes = b"", distinct: bool = False
    ) -> None:
        self.folder = folder
        self.header = header
        self.distinct = distinct
        self.fresh = fresh
        self.live = folder / "mail.log"
        self.written = 0
        self.rest = b""
        self.numbers = 0
        self.half: tuple[Path, bytes] | None = None

    def append(self, lines: int, cut: int) -> None:
        """Write lines, the last one perhaps not to its end."""
        text = self.rest
        for _ in range(lines):
            # No two files begin with the same byte; none is that of anything compressed.
            first = b"%c" % (0x80 + self.written % 120) if self.distinct else b"line"
            text += b"%b %d %b\n" % (first, self.written, b"x" * (self.written * 7 % 50))
            self.written += 1
        self.rest = text[len(text) - min(cut, max(len(text) - 1, 0)) :] if cut else b""
        with self.live.open("ab") as file:
            if file.tell() == 0:
                file.write(self.header)
            file.write(text[: len(text) - len(self.rest)])

    def rotated(self) -> list[Path]:
        """Return all files that are not written to."""
        return sorted(x for x in self.folder.iterdir() if x != self.live)

    def rename(self, _: int) -> None:
        """Rename the live file, and begin another."""
        if self.live.exists():
            self.append(0, 0)
            self.numbers += 1
            self.live.rename(self.folder / f"mail.log-20260101-{1767225600 + self.numbers}")

    def shift(self, _: int) -> None:
        """Rename the live file to number 1, and all that have a number to the next."""
        numbers = {int(x.name.split(".")[2]): x for x in self.folder.glob("mail.log.[0-9]*")}
        for number, path in sorted(numbers.items(), reverse=True):
            path.rename(self.folder / f"mail.log.{number + 1}{_packing(path)}")
        if self.live.exists():
            self.append(0, 0)
            self.live.rename(self.folder / "mail.log.1")

    def copytruncate(self, _: int) -> None:
        """Copy the live file, and truncate it."""
        if self.live.exists():
            self.append(0, 0)
            self.numbers += 1
            shutil.copy(self.live, self.folder / f"mail.log-20260101-{1767225600 + self.numbers}")
            os.truncate(self.live, 0)

    def send(self, _: int) -> None:
        """Remove the live file, and send it under another name."""
        if self.live.exists():
            self.append(0, 0)
            self.numbers += 1
            content = self.live.read_bytes()
            self.live.unlink()
            closed = self.folder / f"mail.log-20260101-{1767225600 + self.numbers}"
            closed.write_bytes(content)

    def pack(self, which: int) -> None:
        """Pack a file that is not written to."""
        names = [x for x in self.rotated() if x.suffix != ".gz"]
        if names and self.half is None:
            path = names[which % len(names)]
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()

    def copy(self, which: int) -> None:
        """Copy a file that is not written to."""
        names = self.rotated()
        if names and self.half is None:
            self.numbers += 1
            path = names[which % len(names)]
            shutil.copy(path, self.folder / f"mail.copy{self.numbers}.s{_packing(path)}")

    def upload(self, which: int) -> None:
        """Send a file again, and only half of it yet; or its rest."""
        names = self.rotated()
        if self.half is not None:
            path, rest = self.half
            with path.open("ab") as file:
                file.write(rest)
            self.half = None
        elif names:
            path = names[which % len(names)]
            content = path.read_bytes()
            self.numbers += 1
            path = self.folder / f"mail.again{self.numbers}.s{_packing(path)}"
            # What looks old is taken for whole; then at least no line is cut.
            half = len(content) // 2 if self.fresh else content.rfind(b"\n") + 1
            path.write_bytes(content[:half])
            self.half = (path, content[half:])


def _packing(path: Path) -> str:
    return path.suffix if path.suffix == ".gz" else ""


IN_ORDER = ("rename", "copytruncate", "send")
"""What leaves the order of names that of writing: numbers would come behind timestamps."""

ROTATIONS = (*IN_ORDER, "shift", "pack", "copy", "upload")


def steps(rotations: Sequence[str]) -> st.SearchStrategy[list[tuple[str, int, int]]]:
    """Return what may happen, in any order."""
    names = ["append"] * 4 + ["read"] * 4 + ["settle", "commit", "crash"] * 2
    names += rotations
    return st.lists(
        st.tuples(st.sampled_from(names), st.integers(0, 5), st.integers(0, 60)), max_size=40
    )


def run(world: World, reader: Reader, todo: list[tuple[str, int, int]]) -> None:
    """Do it all."""
    begun = reader.clock.now
    for name, number, more in todo:
        if world.half is None:
            begun = reader.clock.now
        elif reader.clock.now + 5 - begun >= SETTLE.total_seconds():
            world.upload(0)  # an upload that pauses for longer is taken for whole
        match name:
            case "append":
                world.append(number, more)
            case "read":
                reader.clock.now += number
                reader.read()
            case "settle":
                reader.settle(number)
            case "commit":
                reader.commit()
            case "crash":
                reader.crash()
            case _:
                getattr(world, name)(number)


@settings(deadline=None, max_examples=100)
@given(
    steps(ROTATIONS), st.sampled_from([7, 100, 1 << 17]), st.booleans(), st.sampled_from(HEADERS)
)
def test_each_line_comes_once(
    tmp_path_factory: pytest.TempPathFactory,
    todo: list[tuple[str, int, int]],
    block_bytes: int,
    fresh: bool,  # noqa: FBT001 - drawn
    header: bytes,
) -> None:
    """Appended to, rotated, compressed, sent again, read across crashes: lost 0, doubled 0."""
    folder = tmp_path_factory.mktemp("world")
    world = World(folder, fresh=fresh, header=header)
    reader = following(folder, fresh=fresh, block_bytes=block_bytes, read_bytes=4 * block_bytes)
    run(world, reader, todo)
    if world.half is not None:
        world.upload(0)
    world.append(1, 0)
    reader.finish()
    expected = {b"line %d %b\n" % (x, b"x" * (x * 7 % 50)): 1 for x in range(world.written)}
    count = reader.count
    for line in header.splitlines(keepends=True):
        count.pop(line, None)
    assert dict(count) == expected
    assert reader.lost == 0


@settings(deadline=None, max_examples=80)
@given(steps(IN_ORDER), st.sampled_from([7, 100, 1 << 17]), st.booleans())
def test_lines_come_in_the_order_in_which_they_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    todo: list[tuple[str, int, int]],
    block_bytes: int,
    fresh: bool,  # noqa: FBT001 - drawn
) -> None:
    """From file to file, however they are rotated, between any two restarts.

    As long as files are told apart by their first byte; one that begins with all that was read of
    the one that it replaces, in place, is taken for that one at first.
    """
    folder = tmp_path_factory.mktemp("world")
    world = World(folder, fresh=fresh, distinct=True)
    reader = following(folder, fresh=fresh, block_bytes=block_bytes, read_bytes=4 * block_bytes)
    for step in todo:
        before = reader.following
        run(world, reader, [step])
        if reader.following is before:
            assert_ascending(reader.taken)
    world.append(1, 0)
    reader.finish()
    assert_ascending(reader.taken)


def assert_ascending(lines: list[bytes]) -> None:
    """Compare the numbers in the lines."""
    numbers = [int(x.split()[1]) for x in lines]
    assert numbers == sorted(set(numbers))
