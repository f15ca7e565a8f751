"""Scans folders for the files that the inputs ask for.

Whose log a file is depends on its place. Where accounts that upload logs have folders of their own,
none may make another one's log its own:

- Links behind the first part of a path that is a pattern are not followed, nor is a file that is a
  link, unless the input says so. Where it does, a file's own name beats links, across inputs.
- Of several names of one file (hard links), that counts which belongs to the appliance that had the
  file first.
- The program's own files are never logs, whatever names they have. To open and close one of them
  would drop the locks that SQLite has on it.
"""

# Paths stay the text that the user wrote and the system knows; see paths.py.
# ruff: noqa: PTH100, PTH116, PTH118, PTH120

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from sys import intern
from typing import NamedTuple

from forwarder.inputs.files.discovery import is_log, log_at
from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.paths import (
    ANY_FOLDERS,
    Search,
    expand,
    fixed_folder,
    is_pattern,
    reading_order,
)

FOLLOW = "to have it followed, set follow_symlinks: true for the input"
"""What to do about links that were not followed."""


class FileSource(NamedTuple):
    """One input of the configuration."""

    paths: tuple[str, ...]  # files or patterns of files; folders are not walked
    appliance: str | None = None  # whose logs they are; None if `{appliance}` or the folder tells
    at_end: bool = False
    """Whether to begin at the end in files that are there when a pattern is first followed."""
    ignore_older: timedelta | None = None
    """Files that were last changed before that are ignored until they change."""
    leave_out: tuple[str, ...] = ()
    """What the program itself writes, absolute and without links: beginnings of paths, with a slash
    behind a folder or a whole name. Nothing of it is a log."""
    follow_symlinks: bool = False
    """Whether links that a pattern finds are followed, and files that are links."""


class FileStat(NamedTuple):
    """A file as a scan found it."""

    path: str  # absolute; bytes that are not UTF-8 as surrogates (`os.fsdecode`).
    appliance: str
    named: bool  # whether the appliance was named, by the configuration or the pattern
    input: int  # index of the input that asked for it
    pattern: str  # which of its paths
    inode: Inode
    size: int  # on disk, in bytes
    modified_ns: int  # nanoseconds from 1970


Owner = Callable[[Inode], str | None]
"""Returns which appliance had a file first; None if that is unknown."""


def scan(inputs: Sequence[FileSource], owner: Owner = lambda _: None) -> "Scan":
    """Find all files that the inputs ask for; of two inputs that ask for one, the first counts.

    ``owner`` decides between appliances where a file has several names.
    """
    found = Scan(owner)
    skipped: list[str] = []
    for number, source in enumerate(inputs):
        search = Search(source.follow_symlinks, found.problems)
        for pattern in source.paths:
            found.scan_pattern(source, number, pattern, search)
        skipped += (x for x in search.links if is_log(x) and not _leads_beside(x))
    found.links = list(dict.fromkeys(skipped))
    return found


@dataclass(slots=True)
class Scan:
    """What a scan found."""

    owner: Owner
    files: dict[Inode, FileStat] = field(default_factory=dict)  # each once, whatever names it has
    problems: list[str] = field(default_factory=list)  # what cannot be looked at or is not a file
    links: list[str] = field(default_factory=list)
    """Links that were not followed, but for those to files beside them."""
    is_complete: bool = True
    """Whether every name that was listed was still there when it was looked at. If not, the file
    may be there under a name that was not there yet when its folder was listed."""
    real_folder: Callable[[str], str] = field(default_factory=lambda: cache(os.path.realpath))
    inodes_at: Callable[[str], frozenset[Inode]] = field(default_factory=lambda: cache(_inodes_at))

    def scan_pattern(self, source: FileSource, number: int, pattern: str, search: Search) -> None:
        """Add what a pattern of an input finds."""
        whole = os.path.abspath(pattern)
        for path, appliance in self._paths(whole, search):
            folder, name = os.path.split(path)
            if f"{os.path.join(self.real_folder(folder), name)}/".startswith(source.leave_out):
                continue
            status = self._stat(path, search)
            if status is None or self._refuses(path, status, source, whole):
                continue
            log = log_at(path, source.appliance or appliance)
            file = FileStat(
                log.path,
                intern(log.appliance),
                log.named,
                number,
                pattern,
                (status.st_dev, status.st_ino),
                status.st_size,
                status.st_mtime_ns,
            )
            other = self.files.setdefault(file.inode, file)
            if other is not file and _is_better(file, other, self.owner):
                self.files[file.inode] = file

    def _paths(self, pattern: str, search: Search) -> Iterator[tuple[str, str | None]]:
        if os.path.lexists(pattern):
            yield pattern, None
        elif is_pattern(pattern):
            wants_any = not is_log(pattern)
            for path, appliance in expand(pattern, search):
                if wants_any or is_log(path):
                    yield path, appliance

    def _stat(self, path: str, search: Search) -> os.stat_result | None:
        """Look at what is at a path; None if there is nothing that may be a file."""
        try:
            status = os.stat(path, follow_symlinks=search.follow)
        except FileNotFoundError:  # removed meanwhile, or a link that leads nowhere yet
            self.is_complete = self.is_complete and os.path.lexists(path)
            return None
        except OSError as error:
            self.problems.append(f"{path!r} cannot be looked at: {error.strerror}.")
            return None
        return None if search.skips(path, is_link=stat.S_ISLNK(status.st_mode)) else status

    def _refuses(self, path: str, status: os.stat_result, source: FileSource, pattern: str) -> bool:
        """Whether what is at a path is not a log; it is a problem if it can never lead to one."""
        mode, inode = status.st_mode, (status.st_dev, status.st_ino)
        if stat.S_ISDIR(mode):
            reason = f"is a folder and is not followed; name the files in it: {path + '/*'!r}."
            if ANY_FOLDERS in pattern:  # it looks into it
                return True
        elif not stat.S_ISREG(mode):
            kind = "FIFO" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
            reason = f"is a {kind} and is not followed; name files, or use the input stdin."
        elif status.st_dev in _system_devices():
            reason = "is not a file on a disk and is not followed."
        elif any(inode in self.inodes_at(x) for x in source.leave_out):
            reason = "is a file of the program's own by another name; it is never read."
        else:
            return False
        self.problems.append(f"{path!r} {reason}")
        return True


def restat(file: FileStat, source: FileSource) -> FileStat | None:
    """Look at one file again; None if it is no longer there under that name."""
    try:
        status = os.stat(file.path, follow_symlinks=source.follow_symlinks)
    except OSError:
        return None
    if (status.st_dev, status.st_ino) != file.inode or not stat.S_ISREG(status.st_mode):
        return None
    return file._replace(size=status.st_size, modified_ns=status.st_mtime_ns)


def _is_better(file: FileStat, other: FileStat, owner: Owner) -> bool:
    """Prefer, of two names, that of the appliance that had the file first.

    Then the own name of a file before links to it, then the first input.
    """
    if file.appliance != other.appliance:
        first = owner(file.inode)
        if first in {file.appliance, other.appliance}:
            return file.appliance == first
    return _rank(file) < _rank(other)


def _rank(file: FileStat) -> tuple[bool, int, int, tuple[object, ...]]:
    folder = fixed_folder(os.path.abspath(file.pattern))
    own = os.path.join(os.path.realpath(folder), os.path.relpath(file.path, folder))
    is_linked = os.path.realpath(file.path) != own
    return is_linked, file.input, file.path.count("/"), reading_order(file.path)


def _inodes_at(own: str) -> frozenset[Inode]:
    """Return the files in a folder of the program, or the file that it writes, if there are any."""
    path = Path(own)
    try:
        found = [x.lstat() for x in (path.iterdir() if path.is_dir() else (path,))]
    except OSError:
        return frozenset()
    return frozenset((x.st_dev, x.st_ino) for x in found)


@cache
def _system_devices() -> frozenset[int]:
    return frozenset(os.stat(x).st_dev for x in ("/proc", "/sys") if Path(x).exists())


def _leads_beside(link: str) -> bool:
    """Whether a link leads to a file in its own folder, as to the newest log."""
    folder = os.path.realpath(os.path.dirname(link))
    return Path(link).is_file() and os.path.dirname(os.path.realpath(link)) == folder
