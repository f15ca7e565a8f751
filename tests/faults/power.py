"""What a power cut leaves of two folders: what a process did to them, recorded and replayed.

A recorder (`recording.c`, compiled here, loaded with LD_PRELOAD) records each write, truncation,
sync, rename and deletion. A `Replay` rebuilds from the first so many of these what the disk might
hold if the power failed then: all that was synced, and of the rest whatever a model says.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

_HEADER = struct.Struct("=IiQQII")
_SECTOR = 512
_INODE_DIGITS = 20
_MARK = ".mark"
"""Ending of the file that names another by its inode; in what is rebuilt that is another number."""


class Model(NamedTuple):
    """What may be left of what was not synced."""

    name: str
    data: str
    """`none` of it, `mark`: only that of the mark of the file output, or `any`: whole writes, or
    sectors of 512 bytes, in any order."""
    names: str
    """`journal`: a file system writes changes of names down in their order, and all so far with
    each sync; `strict`: a name is there for certain only when its folder was synced."""


MODELS = (
    Model("any data", "any", "journal"),
    Model("any data, strict names", "any", "strict"),
    Model("nothing unsynced", "none", "journal"),
    Model("nothing unsynced, strict names", "none", "strict"),
    Model("the newest mark alone", "mark", "journal"),
)


class Event(NamedTuple):
    """One thing that a process did."""

    process: int
    descriptor: int
    number: int
    inode: int
    what: str
    data: bytes


class Left(NamedTuple):
    """What is on the disk after a power cut."""

    contents: Mapping[str, bytes | None]
    """By path; None for a folder."""
    inodes: Mapping[int, str]
    """Paths by the numbers that the files had."""


@dataclass
class _File:
    inode: int
    now: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes by offset; truncations have None."""

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.synced, offset, data)
        self.pending.clear()


class _Change(NamedTuple):
    """Of names: a file gets one, or loses one."""

    old: str
    new: str
    file: "_File | None"
    """None: a folder."""

    @property
    def folder(self) -> str:
        return os.path.dirname(self.new or self.old)  # noqa: PTH120 - text as recorded


def build_recorder(folder: Path) -> Path:
    """Compile the recorder; without a compiler the test is skipped, but never in CI."""
    compiler = shutil.which("cc")
    if compiler is None and os.environ.get("CI") != "true":
        pytest.skip("there is no C compiler (cc), which the recorder of power cuts needs")
    source, made = Path(__file__).with_name("recording.c"), folder / "recording.so"
    options = ["-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl", "-lpthread"]
    subprocess.run([compiler or "cc", *options], check=True)  # noqa: S603 - our own
    return made


def recorder_environment(
    recorder: Path, folder: Path, to: Path, kill_at: int = 0
) -> dict[str, str]:
    """Return the variables with which a process is recorded.

    Args:
        recorder: As it was compiled.
        folder: What is recorded is what happens to it and below.
        to: File of the records.
        kill_at: Number of the record behind which the process is killed; 0 for none.
    """
    found = {
        "LD_PRELOAD": str(recorder),
        "RECORDED_FOLDER": str(folder),
        "RECORD_TO": str(to),
    }
    return found | ({"RECORD_KILL_AT": str(kill_at)} if kill_at else {})


def read_records(path: Path) -> list[Event]:
    """Read what was recorded."""
    content = path.read_bytes()
    events, at = [], 0
    while at < len(content):
        process, descriptor, number, inode, size, what = _HEADER.unpack_from(content, at)
        at += _HEADER.size
        data = content[at : at + size]
        events.append(Event(process, descriptor, number, inode, chr(what), data))
        at += size
    return events


class Replay:
    """The folders as they were behind the first so many events, and what of that was synced."""

    def __init__(self, events: Sequence[Event]) -> None:
        """Begin with nothing."""
        self._events = events
        self._at = 0
        self._open: dict[tuple[int, int], _File | str] = {}
        self._now: dict[str, _File | None] = {}
        self._synced: dict[str, _File | None] = {}
        self._strict: dict[str, _File | None] = {}
        self._pending: list[_Change] = []
        self._unsynced: list[_Change] = []

    def go_to(self, count: int) -> None:
        """Go on up to so many events."""
        for event in self._events[self._at : count]:
            self._do(event)
        self._at = max(self._at, count)

    def left(self, model: Model, chance: Random) -> Left:
        """Return what may be on the disk now."""
        if model.names == "journal":
            names = dict(self._synced)
            for change in self._pending[: chance.randint(0, len(self._pending))]:
                _rename(names, change)
        else:
            names = dict(self._strict)
            keep = chance.choice((0.0, 0.5, 0.9))
            for change in self._unsynced:
                if chance.random() < keep:
                    _rename(names, change)
        made = {x for x, y in self._now.items() if y is None}
        contents: dict[str, bytes | None] = {}
        inodes: dict[int, str] = {}
        for path, file in sorted(names.items()):
            if not _is_reachable(path, names, made):
                continue
            contents[path] = None if file is None else _content(file, path, model, chance)
            if file is not None:
                inodes[file.inode] = path
        return Left(contents, inodes)

    def _do(self, event: Event) -> None:
        key = (event.process, event.descriptor)
        path = event.data.decode(errors="surrogateescape") if event.what in "orum" else ""
        match event.what:
            case "o":
                self._open_one(key, path, event)
            case "w" | "t":
                file = self._open[key]
                assert isinstance(file, _File)
                data = event.data if event.what == "w" else None
                _apply(file.now, event.number, data)
                file.pending.append((event.number, data))
            case "s":
                self._sync(self._open[key])
            case "r":
                old, _, new = path.partition("\n")
                self._change(_Change(old, new, self._now[old]))
            case "u":
                self._change(_Change(path, "", self._now[path]))
            case "m":
                self._change(_Change("", path, None))
            case _:
                raise AssertionError(event)

    def _open_one(self, key: tuple[int, int], path: str, event: Event) -> None:
        if path in self._now or event.number == 1:
            if event.number == 1:
                self._change(_Change("", path, _File(event.inode)))
            file = self._now[path]
            if file is not None and event.number == 2:
                _apply(file.now, 0, None)
                file.pending.append((0, None))
            self._open[key] = path if file is None else file
        else:
            self._open[key] = path  # a folder that was there before

    def _change(self, change: _Change) -> None:
        _rename(self._now, change)
        self._pending.append(change)
        self._unsynced.append(change)

    def _sync(self, what: "_File | str") -> None:
        for change in self._pending:
            _rename(self._synced, change)
        self._pending.clear()
        if isinstance(what, _File):
            what.sync()
            return
        for change in self._unsynced:
            if change.folder == what.rstrip("/"):
                _rename(self._strict, change)
        self._unsynced = [x for x in self._unsynced if x.folder != what.rstrip("/")]


def rebuild(left: Left, recorded: Path, folder: Path) -> None:
    """Write what was left to another folder.

    Args:
        left: As a replay gives it.
        recorded: The folder that was recorded.
        folder: The new one.
    """

    def place(path: str) -> Path:
        return folder / Path(path).relative_to(recorded)

    marks = []
    for path, content in left.contents.items():
        target = place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            target.mkdir(exist_ok=True, mode=0o700)
        else:
            target.write_bytes(content)
            marks += [target] if path.endswith(_MARK) else []
    for mark in marks:
        text = mark.read_bytes()
        if text[:_INODE_DIGITS].isdigit():
            path = left.inodes.get(int(text[:_INODE_DIGITS]), "")
            inode = place(path).stat().st_ino if path else 0
            mark.write_bytes(b"%020d" % inode + text[_INODE_DIGITS:])


def _rename(names: dict[str, _File | None], change: _Change) -> None:
    if change.old and names.get(change.old) is change.file:
        names.pop(change.old, None)
    if change.new:
        names[change.new] = change.file


def _is_reachable(path: str, names: Mapping[str, _File | None], made: set[str]) -> bool:
    """Say whether the folders that were made for a path are there."""
    parent = os.path.dirname(path)  # noqa: PTH120
    return parent not in made or (parent in names and _is_reachable(parent, names, made))


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _content(file: _File, path: str, model: Model, chance: Random) -> bytes:
    if not file.pending or model.data == "none":
        return bytes(file.synced)
    if model.data == "mark":
        return bytes(file.now if path.endswith(_MARK) else file.synced)
    how = chance.randrange(4)
    if how == 0:
        return bytes(file.synced)
    if how == 1:
        return bytes(file.now)
    if how == 2:
        content = bytearray(file.synced)
        for offset, data in file.pending:
            if chance.random() < 0.5:
                _apply(content, offset, data)
        return bytes(content)
    return _sectors(file, chance)


def _sectors(file: _File, chance: Random) -> bytes:
    """Let each sector be as it was behind any of the writes, and the size as well."""
    work = bytearray(file.synced)
    sizes = [len(work)]
    versions: dict[int, list[bytes]] = {}
    for offset, data in file.pending:
        end = offset + len(data) if data is not None else len(work)
        touched = range(offset // _SECTOR, -(-end // _SECTOR))
        for sector in touched:
            versions.setdefault(sector, [_sector(work, sector)])
        _apply(work, offset, data)
        for sector in touched:
            versions[sector].append(_sector(work, sector))
        sizes.append(len(work))
    size = chance.choice(sizes)
    content = bytearray(file.synced)
    for sector, found in versions.items():
        start = sector * _SECTOR
        content.extend(bytes(max(0, start + _SECTOR - len(content))))
        content[start : start + _SECTOR] = chance.choice(found)
    content.extend(bytes(max(0, size - len(content))))
    return bytes(content[:size])


def _sector(content: bytearray, number: int) -> bytes:
    return bytes(content[number * _SECTOR : (number + 1) * _SECTOR]).ljust(_SECTOR, b"\0")


def describe(events: Sequence[Event]) -> Iterator[str]:
    """Return a line for each event, to show what was done."""
    for event in events:
        shown = event.data[:80] if event.what in "orum" else b""
        yield f"{event.what} {event.descriptor} {event.number} {len(event.data)} {shown.decode()}"
