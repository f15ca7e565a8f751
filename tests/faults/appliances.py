"""An appliance that writes its logs to a folder, or sends them there."""

import gzip
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from random import Random

LIVE = "mail.current"
_STEP_BYTES = 30_000

Rotation = Callable[[Path, Path], None]
"""Makes a closed file of the live one: gets both paths."""

Step = Callable[[], object]


class Writer:
    """Writes the files of an appliance, one after the other, each under the live name at first."""

    def __init__(self, folder: Path, files: Mapping[str, bytes], live: str = LIVE) -> None:
        """Write nothing yet.

        Args:
            folder: Of the appliance; it is made.
            files: Contents by their names in the end, oldest first.
            live: Name of the file that grows.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.live = folder / live
        self.files = dict(files)
        self.sizes = dict.fromkeys(files, 0)
        """How much of each is written, in bytes."""
        self._names = list(files)
        self._number = 0

    @property
    def name(self) -> str:
        """Name in the end of the file that is being written."""
        return self._names[self._number]

    @property
    def left(self) -> int:
        """Bytes that are missing in the file that is being written."""
        return len(self.files[self.name]) - self.sizes[self.name]

    @property
    def is_last(self) -> bool:
        """Whether no other file follows."""
        return self._number == len(self._names) - 1

    def grow(self, size: int | None = None) -> None:
        """Append so many bytes, cut anywhere; without a number, all that are left."""
        start = self.sizes[self.name]
        content = self.files[self.name][start:][:size]
        with self.live.open("ab") as file:
            file.write(content)
        self.sizes[self.name] += len(content)

    def grow_into_a_line(self) -> None:
        """Append about a half of what is left, and end within a line."""
        content = self.files[self.name]
        start = content.index(b"\n", self.sizes[self.name] + self.left // 2) + 1
        middle = start + content[start:].index(b"\n") // 2
        self.grow(middle - self.sizes[self.name])

    def rotate(self, how: Rotation = os.rename) -> Path:
        """Make a closed file of the live one, which is complete, and let the next one begin."""
        assert not self.left
        closed = self.folder / self.name
        how(self.live, closed)
        self._number += 1
        return closed

    def send(self) -> Path:
        """Send the file whole, as an upload of a closed file does, and let the next one begin."""
        path = self.folder / self.name
        path.write_bytes(self.files[self.name])
        self.sizes[self.name] = len(self.files[self.name])
        self._number += not self.is_last
        return path


def pack(path: Path) -> None:
    """Replace a file with a compressed one, as gzip(1) does."""
    begin, end = packing(path)
    begin()
    end()


def packing(path: Path) -> tuple[Step, Step]:
    """Give the two halves of packing a file; between them the compressed one is cut off."""
    compressed = path.with_name(path.name + ".gz")

    def begin() -> None:
        content = gzip.compress(path.read_bytes(), 1)
        compressed.write_bytes(content[: len(content) // 2])

    def end() -> None:
        content = gzip.compress(path.read_bytes(), 1)
        with compressed.open("ab") as file:
            file.write(content[len(content) // 2 :])
        path.unlink()

    return begin, end


def send_again(path: Path, content: bytes) -> None:
    """Send a closed file again: under its name, with another inode."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.rename(path)


def live(writer: Writer, chance: Random) -> Iterator[Step]:
    """Give the steps of an appliance at work: what grows, is renamed, compressed and sent again."""
    plain: list[Path] = []
    for name, content in writer.files.items():
        size = 0
        while size < len(content):
            step = chance.randint(1, _STEP_BYTES)
            size += step
            yield partial(writer.grow, step)
        if name == [*writer.files][-1]:
            return
        yield writer.rotate
        plain.append(writer.folder / name)
        path = plain[chance.randrange(len(plain))]
        what = chance.randrange(4)
        if what == 0:
            yield from packing(path)
            plain.remove(path)
        elif what == 1:
            yield partial(send_again, path, writer.files[path.name])
        elif what == 2:
            # The name of a copy has to tell its log: it may be read in place of the first one.
            yield partial(shutil.copyfile, path, path.with_name(f"{path.name}.1"))


def sending(writer: Writer, chance: Random) -> Iterator[Step]:
    """Give the steps of an appliance that sends closed files, each in two parts."""
    for name, content in writer.files.items():
        path = writer.folder / name.replace("current", "@20260401T000000.s")
        # A part that ends within a line, and rests for long, would be taken for the whole.
        middle = content.index(b"\n", chance.randrange(len(content) - 1000)) + 1
        yield partial(append, path, content[:middle])
        yield partial(append, path, content[middle:])


def append(path: Path, content: bytes) -> None:
    """Write behind what a file has."""
    with path.open("ab") as file:
        file.write(content)
