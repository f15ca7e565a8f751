"""Finds log files: those that the PATHs of a command name, and those that the inputs ask for.

A PATH is a file, a folder, a pattern, or ``-``:

- What exists is taken literally, whatever characters it holds.
- Folders, also those that a pattern matches, are walked with all below them. Hidden files and
  folders are skipped, and so is what is plainly not a log.
- A link is followed where it is named outright, or stands in a PATH before anything that is a
  pattern; others are only if that was asked for, and then each folder once.
- A file that several PATHs reach is read once. The first naming counts, but an appliance that
  is named beats one that is taken from the folder; within one PATH, a file's own name beats links.
- A file needs no reading if another one has the same content: appliances send again what failed
  before, and people keep ``mail.log.1`` beside ``mail.log.1.gz``. Only files whose first 4 KiB
  agree are read to find out.

Inputs ask for files and patterns, and folders are not walked. Whose log a file is depends on its
place. Where accounts that upload logs have folders of their own, none may make another one's log
its own:

- Links behind the first part of a path that is a pattern are not followed, nor is a file that is a
  link, unless the input says so. Where it does, a file's own name beats links, across inputs.
- Of several names of one file (hard links), that counts which belongs to the appliance that had the
  file first.
- The program's own files are never logs, whatever names they have. To open and close one of them
  would drop the locks that SQLite has on it.
"""

# Paths stay text; see paths.py.
# ruff: noqa: PTH100, PTH112, PTH113, PTH116, PTH118, PTH120

import hashlib
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from sys import intern
from typing import NamedTuple

from forwarder.errors import ForwarderError
from forwarder.inputs.block_reader import STDIN, read_blocks
from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.paths import (
    ANY_FOLDERS,
    NO_LOG,
    ReadingOrder,
    Search,
    appliance_of,
    expand,
    fixed_folder,
    is_log,
    is_pattern,
    reading_order,
    walk,
)
from forwarder.text import quoted

_STDIN_PATHS = frozenset({STDIN, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
"""All are read as "-": opening them again fails for sockets, and would start files over."""

_MAX_NAMED = 3  # links that a sentence names; there may be thousands

_HEAD_BYTES = 1 << 12
"""4 KiB, some 40 lines: log files begin with the time they were begun, and differ long before."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file to read."""

    path: str  # absolute, as os.fsdecode() has it; "-" is standard input
    appliance: str  # that wrote it
    named: bool  # whether the user named the appliance; if not, it is the folder of the file
    outright: bool = field(default=True, compare=False)
    """Whether the user named this very file, and not a folder or a pattern."""


@dataclass(frozen=True, slots=True)
class Found:
    """The files that PATHs name."""

    files: tuple[LogFile, ...]
    """By appliance, sorted by name; within one in the order of reading; each content once."""
    problems: tuple[str, ...]  # what could not be found, one sentence each
    repeated: tuple[tuple[str, str], ...]
    """Files left out because another has their content: that file, and the one in ``files``."""
    links: tuple[str, ...]  # that were not followed


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

    path: str  # absolute, as os.fsdecode() has it
    appliance: str
    named: bool  # whether the appliance was named, by the configuration or the pattern
    input: int  # index of the input that asked for it
    pattern: str  # which of its paths
    inode: Inode
    size: int  # on disk, in bytes
    modified_ns: int  # nanoseconds from 1970


Owner = Callable[[Inode], str | None]
"""Returns which appliance had a file first; None if that is unknown."""


def find(
    paths: Sequence[str], appliance: str | None = None, *, follow_symlinks: bool = False
) -> Found:
    """Find the files to read and put them in order.

    ``appliance`` wrote all of them, also where a pattern holds ``{appliance}``; None or empty if
    the user did not say.
    """
    search = Search(follow=follow_symlinks)
    appliance = appliance or None
    namings: dict[str, list[LogFile]] = defaultdict(list)  # by file, in order of naming
    for path in dict.fromkeys(paths):
        for file in sorted(list_files(path, appliance, search), key=_own_name_first):
            namings[os.path.realpath(file.path)].append(file)

    by_appliance: dict[str, list[LogFile]] = defaultdict(list)
    instead: dict[str, str] = {}
    for same in namings.values():
        chosen = next((file for file in same if file.named), same[0])
        chosen = replace(chosen, outright=any(file.outright for file in same))
        by_appliance[chosen.appliance].append(chosen)
        instead.update({file.path: chosen.path for file in same if file.path != chosen.path})

    found: list[LogFile] = []
    for _, files in sorted(by_appliance.items()):
        files.sort(key=lambda file: reading_order(file.path))
        repeated = find_repeated([file.path for file in files])
        found += (file for file in files if file.path not in repeated)
        instead = {path: repeated.get(read, read) for path, read in instead.items()} | repeated
    return Found(
        tuple(found),
        tuple(dict.fromkeys(search.problems)),
        tuple(sorted(instead.items())),
        tuple(dict.fromkeys(x for x in search.links if is_log(x))),
    )


def describe_links(
    links: Sequence[str],
    advice: str = "to have it followed, set follow_symlinks: true for the input",
) -> str:
    """Return the sentence that tells which links were not followed, and what to do."""
    named = ", ".join(map(quoted, links[:_MAX_NAMED]))
    more = f" and {len(links) - _MAX_NAMED:,} more" if len(links) > _MAX_NAMED else ""
    are = "is a symbolic link and was" if len(links) == 1 else "are symbolic links and were"
    return f"{named}{more} {are} skipped, because a link can lead to anything; {advice}"


def list_files(path: str, appliance: str | None, search: Search) -> list[LogFile]:
    """List what one PATH names, in no particular order, maybe the same file several times.

    The search gets a problem for what cannot be found, listed or accessed.
    """
    if path in _STDIN_PATHS:
        return [LogFile(STDIN, *appliance_of(STDIN, appliance))]
    before = len(search.problems)
    literal = not is_pattern(path) or os.path.lexists(path)
    if literal:
        try:
            os.stat(path)
        except FileNotFoundError:
            text = f"{quoted(path)} does not exist; name a file, a folder, a glob or -."
            search.problems.append(text)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = error.strerror if isinstance(error, OSError) else error
            search.problems.append(f"{quoted(path)} cannot be accessed: {reason}.")
            return []
    files = [
        replace(_log_file(log, appliance or name), outright=log == path)
        for match, name in ([(path, None)] if literal else expand(path, search))
        for log in _logs_at(match, path, search)
    ]
    if files or len(search.problems) > before:
        return files
    folder = fixed_folder(os.path.abspath(path))
    if not os.path.lexists(folder):
        search.problems.append(f"{quoted(path)} matches no log: {quoted(folder)} does not exist.")
    else:
        search.problems.append(
            f"{quoted(path)} matches no log: check it against what is there, and that it is quoted "
            f"in full (* ? [] match within a folder, ** across folders, {{appliance}} a name); "
            f"hidden files and those with one of these endings are read only if a path names them: "
            f"{' '.join(NO_LOG)}"
        )
    return files


def find_repeated(paths: Sequence[str]) -> dict[str, str]:
    """Find the files of one appliance whose content another one has, by their paths: the first.

    Empty files, pipes, and files that cannot be read to their end are like no other.
    """
    heads = {path: _head(path) for path in paths}
    alike = Counter(heads.values())
    first: dict[bytes, str] = {}
    repeated: dict[str, str] = {}
    for path, head in heads.items():
        if head and alike[head] > 1 and (digest := _digest(path)):
            read = first.setdefault(digest, path)
            if read != path:
                repeated[path] = read
    return repeated


def _digest(path: str) -> bytes | None:
    digest = hashlib.sha256()
    with suppress(ForwarderError):
        for block in read_blocks(path):
            digest.update(block)
        return digest.digest()
    return None


def _head(path: str) -> bytes:
    """Return the first bytes of a regular file; nothing if it cannot be read."""
    head = b""
    if path == STDIN or not os.path.isfile(path):
        return head
    with suppress(ForwarderError), closing(read_blocks(path, block_bytes=_HEAD_BYTES)) as blocks:
        while len(head) < _HEAD_BYTES and (block := next(blocks, b"")):
            head += block
    return head[:_HEAD_BYTES]


def _logs_at(match: str, path: str, search: Search) -> list[str]:
    """Return the logs at what a PATH matches: what ends as the PATH does is wanted."""
    if os.path.isdir(match):
        found = (file for _, files in walk(match, search) for file in files)
        return [file for file in found if is_log(file)]
    if os.path.isfile(match):
        return [match] if match == path or is_log(match) or not is_log(path) else []
    return [match] if match == path and Path(path).is_fifo() else []


def _log_file(path: str, appliance: str | None) -> LogFile:
    absolute = os.path.abspath(path)
    if os.pardir in path.split("/") and os.path.realpath(absolute) != os.path.realpath(path):
        absolute = os.path.realpath(path)  # LINK/.. is not the folder that holds LINK
    return LogFile(absolute, *appliance_of(absolute, appliance))


def _own_name_first(file: LogFile) -> tuple[bool, int, ReadingOrder]:
    """Sort the names without a link to the front, and of others the shortest way."""
    path = file.path
    return path != os.path.realpath(path), path.count("/"), reading_order(path)


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
    problems: list[str] = field(default_factory=list)  # what cannot be accessed or is not a file
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
            owner, named = appliance_of(path, source.appliance or appliance)
            file = FileStat(
                path,
                intern(owner),
                named,
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
            self.problems.append(f"{path!r} cannot be accessed: {error.strerror}.")
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
