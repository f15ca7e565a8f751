"""Looking at folders: which files are there that the settings ask for.

One look costs a listing of each folder and one call to the system a file.

Whose log a file is, its place says. Where accounts that upload logs have folders of their own, none
may make another one's log its own:

- Links behind the first part of a path that is a pattern are not followed, nor is a file that is a
  link, unless the input says so. Where it does, a file's own name beats links, across inputs.
- Of several names of one file (hard links), that counts which belongs to the appliance that had the
  file first; where nobody knows, the one in a folder of the file's owner.
- The program's own files are never logs, whatever names they have. To open and close one of them
  would let go of the locks that SQLite has on it.
"""

# Paths stay the text that the user wrote and the system knows; see finding.py.
# ruff: noqa: PTH100, PTH110, PTH112, PTH116, PTH118, PTH119, PTH120

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from functools import cache
from sys import intern
from typing import NamedTuple

from forwarder.inputs.files.discovery import LogFile, is_log, is_of_owner, log_at
from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.paths import (
    Links,
    expand,
    fixed_folder,
    is_pattern,
    matches,
    reading_order,
)

FOLLOW = "to have it followed, set follow_symlinks: true for the input"
"""What to do about links that were passed over."""


class StartAt(StrEnum):
    """Where to begin in files that are there when a pattern is followed for the first time."""

    BEGINNING = "beginning"
    END = "end"


class FileSource(NamedTuple):
    """What to follow: one input of the settings."""

    paths: tuple[str, ...]
    """Files or patterns of files; folders are not walked."""
    appliance: str | None = None
    """Whose logs they are; None if ``{appliance}`` or the folder says so."""
    start_at: StartAt = StartAt.BEGINNING
    ignore_older: timedelta | None = None
    """Files that were last changed before that are left alone until they change."""
    leave_out: tuple[str, ...] = ()
    """What the program itself writes, absolute and without links: beginnings of paths, with a slash
    behind a folder or a whole name. Nothing of it is a log."""
    follow_symlinks: bool = False
    """Whether links that a pattern finds are followed, and files that are links."""


class FileStat(NamedTuple):
    """A file as it was when it was looked at."""

    path: str
    """Absolute; bytes that are not UTF-8 as surrogates (``os.fsdecode``)."""
    appliance: str
    named: bool
    """Whether the appliance was named, by the settings or the pattern."""
    input: int
    """Which of the inputs asked for it, from 0."""
    pattern: str
    """Which of its paths."""
    inode: Inode
    size: int
    """On disk, in bytes."""
    modified_ns: int
    """Nanoseconds from 1970."""


class ScanResult(NamedTuple):
    """What a look came to."""

    files: dict[Inode, FileStat]
    """Each once, whatever names it has."""
    problems: list[str]
    """What could not be looked at or is no file, one sentence each."""
    links: list[str] = []  # noqa: RUF012 - never changed
    """Links that were passed over, none of them beside what it leads to."""
    complete: bool = True
    """Whether every name that was listed was still there when it was looked at. If not, the file
    may be there under a name that was not there yet when its folder was listed."""


Owner = Callable[[Inode], str | None]
"""Says which appliance had a file first; None if nobody knows."""


def nobody(_: Inode) -> None:
    """Know of no file whose it is."""


def scan(
    inputs: Sequence[FileSource], known: Mapping[str, FileStat], owner: Owner = nobody
) -> ScanResult:
    """Look for all files that the settings ask for.

    Args:
        inputs: The inputs; of two that ask for one file, the first counts.
        known: What was seen before, by path: it saves finding out again whose log a file is.
        owner: Decides between appliances where a file has several names.
    """
    return _Look(known, owner).look(inputs)


class _Look:
    """One look at everything."""

    def __init__(self, known: Mapping[str, FileStat], owner: Owner) -> None:
        self._known = known
        self._owner = owner
        self._files: dict[Inode, FileStat] = {}
        self._problems: list[str] = []
        self._is_complete = True
        self._real_folders = _RealFolders()
        self._own: dict[str, frozenset[Inode]] = {}

    def look(self, inputs: Sequence[FileSource]) -> ScanResult:
        """Look at all inputs, one after the other."""
        passed: list[str] = []
        for number, followed in enumerate(inputs):
            links = Links(follow=followed.follow_symlinks)
            for pattern in followed.paths:
                self._look_at_pattern(followed, number, pattern, links)
            passed += (x for x in links.skipped if is_log(x))
        # Of a link beside what it leads to, as to the newest log, nothing is left out.
        files = self._files.values()
        places = {(x.inode, os.path.dirname(x.path)) for x in files} if passed else set()
        passed = [
            x for x in dict.fromkeys(passed) if (_target(x), os.path.dirname(x)) not in places
        ]
        return ScanResult(self._files, self._problems, passed, self._is_complete)

    def _look_at_pattern(
        self, followed: FileSource, number: int, pattern: str, links: Links
    ) -> None:
        whole = os.path.abspath(pattern)
        found = _paths(whole, self._problems, links)
        for path, appliance in self._real_folders.outside(followed, found):
            status = self._stat(path, links)
            if status is None:
                continue
            reason = self._refuse(path, status, followed, whole)
            if reason is not None:
                self._problems.append(reason)
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            before = self._known.get(path)
            if before is None or (before.input, before.pattern) != (number, pattern):
                log = log_at(path, followed.appliance or appliance)
            else:
                log = LogFile(path, before.appliance, before.named)
            sighting = FileStat(
                log.path,
                intern(log.appliance),
                log.named,
                number,
                pattern,
                (status.st_dev, status.st_ino),
                status.st_size,
                status.st_mtime_ns,
            )
            other = self._files.setdefault(sighting.inode, sighting)
            if other is not sighting and _is_better(sighting, other, self._owner):
                self._files[sighting.inode] = sighting

    def _stat(self, path: str, links: Links) -> os.stat_result | None:
        """Look at what is at a path; None if there is nothing that may be a file."""
        try:
            status = os.stat(path, follow_symlinks=links.follow)
        except FileNotFoundError:  # removed meanwhile, or a link that leads nowhere yet
            self._is_complete = self._is_complete and os.path.lexists(path)
            return None
        except OSError as error:
            self._problems.append(f"{path!r} cannot be looked at: {error.strerror}.")
            return None
        is_link = stat.S_ISLNK(status.st_mode)
        return None if links.skips(path, is_link=is_link) else status

    def _refuse(
        self, path: str, status: os.stat_result, followed: FileSource, pattern: str
    ) -> str | None:
        """Say why what is at a path is never a log; None if it is one, or may lead to some."""
        mode = status.st_mode
        if stat.S_ISDIR(mode) and _looks_into(pattern, path):
            return None
        if not stat.S_ISREG(mode):
            return _refusal(path, mode)
        if status.st_dev in _system_devices():
            return f"{path!r} is not a file on a disk and is not followed."
        for own in followed.leave_out:
            if own not in self._own:
                self._own[own] = _files_at(own)
            if (status.st_dev, status.st_ino) in self._own[own]:
                return f"{path!r} is a file of the program's own by another name; it is never read."
        return None


def restat(sighting: FileStat, followed: FileSource) -> FileStat | None:
    """Look at one file.

    Args:
        sighting: The file as it was.
        followed: The input that asked for it.

    Returns:
        It as it is now; None if it is no longer there under that name.
    """
    try:
        status = os.stat(sighting.path, follow_symlinks=followed.follow_symlinks)
    except OSError:
        return None
    if (status.st_dev, status.st_ino) != sighting.inode or not stat.S_ISREG(status.st_mode):
        return None
    return sighting._replace(size=status.st_size, modified_ns=status.st_mtime_ns)


def is_relevant(inputs: Sequence[FileSource], path: str) -> bool:
    """Say whether a change at a path that is not known may show a file that is asked for."""
    patterns = [
        os.path.abspath(pattern)
        for followed in inputs
        if not f"{path}/".startswith(followed.leave_out)
        for pattern in followed.paths
    ]
    return any(matches(x, path) for x in patterns) or (bool(patterns) and os.path.isdir(path))


def folders(inputs: Sequence[FileSource]) -> dict[str, bool]:
    """Return the folders to watch, and whether the folders within them matter, too."""
    found: dict[str, bool] = {}
    for followed in inputs:
        for pattern in followed.paths:
            folder, deep = fixed_folder(os.path.abspath(pattern))
            found[folder] = found.get(folder, False) or deep
    return found


def _paths(pattern: str, problems: list[str], links: Links) -> Iterator[tuple[str, str | None]]:
    if not is_pattern(pattern) or os.path.lexists(pattern):
        if os.path.lexists(pattern):
            yield pattern, None
        return
    wants_any = not is_log(pattern)
    for path, appliance in expand(pattern, problems, links):
        if wants_any or is_log(path):
            yield path, appliance


class _RealFolders(dict[str, str]):
    """Where folders are, without links: one look for all that is in one."""

    def __missing__(self, folder: str) -> str:
        real = self[folder] = os.path.realpath(folder)
        return real

    def outside(
        self, followed: FileSource, paths: Iterable[tuple[str, str | None]]
    ) -> Iterator[tuple[str, str | None]]:
        """Leave out what is the program's own."""
        for path, appliance in paths:
            above, name = os.path.split(path)
            if not f"{os.path.join(self[above], name)}/".startswith(followed.leave_out):
                yield path, appliance


def _looks_into(pattern: str, folder: str) -> bool:
    """Say whether a pattern that matches a folder may match what is in it."""
    return matches(pattern, os.path.join(folder, os.path.basename(folder)))


def _refusal(path: str, mode: int) -> str:
    if stat.S_ISDIR(mode):
        return f"{path!r} is a folder and is not followed; name the files in it: {path + '/*'!r}."
    kind = "FIFO" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
    return f"{path!r} is a {kind} and is not followed; name files, or use the input stdin."


def _is_better(sighting: FileStat, other: FileStat, owner: Owner) -> bool:
    """Prefer, of two names, that of the appliance that had the file first.

    Then the own name of a file before links to it, then the first input.
    """
    if sighting.appliance != other.appliance:
        first = owner(sighting.inode)
        if first in {sighting.appliance, other.appliance}:
            return sighting.appliance == first
        owned = is_of_owner(sighting.path), is_of_owner(other.path)
        if owned[0] != owned[1]:
            return owned[0]
    return _rank(sighting) < _rank(other)


def _rank(sighting: FileStat) -> tuple[bool, int, int, tuple[object, ...]]:
    path = sighting.path
    return _is_linked(sighting), sighting.input, path.count("/"), reading_order(path)


def _is_linked(sighting: FileStat) -> bool:
    """Say whether there is a link in a path, behind what is written literally."""
    folder, _ = fixed_folder(os.path.abspath(sighting.pattern))
    below = os.path.relpath(sighting.path, folder)
    return os.path.realpath(sighting.path) != os.path.join(os.path.realpath(folder), below)


def _files_at(own: str) -> frozenset[Inode]:
    """Return the files in a folder of the program, or the file that it writes, if there are any."""
    path = own.rstrip("/")
    try:
        if not os.path.isdir(path):
            found = [os.stat(path)]
        else:
            with os.scandir(path) as entries:
                found = [x.stat(follow_symlinks=False) for x in entries]
    except OSError:
        return frozenset()
    return frozenset((x.st_dev, x.st_ino) for x in found)


@cache
def _system_devices() -> frozenset[int]:
    return frozenset(os.stat(x).st_dev for x in ("/proc", "/sys") if os.path.exists(x))


def _target(link: str) -> Inode | None:
    try:
        status = os.stat(link)
    except OSError:
        return None
    return status.st_dev, status.st_ino
