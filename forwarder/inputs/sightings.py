"""Looking at folders: which files are there that the settings ask for.

One look costs a listing of each folder and one call to the system a file.
"""

# Paths stay the text that the user wrote and the system knows; see finding.py.
# ruff: noqa: PTH100, PTH112, PTH116, PTH118, PTH119

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from forwarder.inputs.finding import LogFile, is_log, log_file
from forwarder.inputs.names import reading_order
from forwarder.inputs.patterns import expand, fixed_folder, is_pattern, matches
from forwarder.inputs.sources import Inode


class StartAt(StrEnum):
    """Where to begin in files that are there when a pattern is followed for the first time."""

    BEGINNING = "beginning"
    END = "end"


class Followed(NamedTuple):
    """What to follow: one input of the settings."""

    paths: tuple[str, ...]
    """Files or patterns of files; folders are not walked."""
    appliance: str | None = None
    """Whose logs they are; None if ``{appliance}`` or the folder says so."""
    start_at: StartAt = StartAt.BEGINNING
    ignore_older: timedelta | None = None
    """Files that were last changed before that are left alone until they change."""
    leave_out: str | None = None
    """A folder that is the program's own, absolute and without links: nothing in it is a log."""


class Sighting(NamedTuple):
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


class Seen(NamedTuple):
    """What a look came to."""

    files: dict[Inode, Sighting]
    """Each once, whatever names it has."""
    problems: list[str]
    """What could not be looked at or is no file, one sentence each."""


def look(inputs: Sequence[Followed], known: Mapping[str, Sighting]) -> Seen:
    """Look for all files that the settings ask for.

    Args:
        inputs: The inputs; of two that ask for one file, the first counts.
        known: What was seen before, by path: it saves finding out again whose log a file is.
    """
    files: dict[Inode, Sighting] = {}
    problems: list[str] = []
    real_folders = _RealFolders()
    for number, followed in enumerate(inputs):
        for pattern in followed.paths:
            whole = os.path.abspath(pattern)
            for path, appliance in real_folders.outside(followed, _paths(whole, problems)):
                try:
                    status = os.stat(path)
                except FileNotFoundError:  # removed meanwhile, or a link that leads nowhere yet
                    continue
                except OSError as error:
                    problems.append(f"{path!r} cannot be looked at: {error.strerror}.")
                    continue
                if not stat.S_ISREG(status.st_mode):
                    if not (stat.S_ISDIR(status.st_mode) and _looks_into(whole, path)):
                        problems.append(_refusal(path, status.st_mode))
                    continue
                before = known.get(path)
                if before is None or (before.input, before.pattern) != (number, pattern):
                    log = log_file(path, followed.appliance or appliance)
                else:
                    log = LogFile(path, before.appliance, before.named)
                sighting = Sighting(
                    log.path,
                    log.appliance,
                    log.named,
                    number,
                    pattern,
                    (status.st_dev, status.st_ino),
                    status.st_size,
                    status.st_mtime_ns,
                )
                other = files.setdefault(sighting.inode, sighting)
                if other is not sighting and _is_better(sighting, other):
                    files[sighting.inode] = sighting
    return Seen(files, problems)


def look_again(sighting: Sighting) -> Sighting | None:
    """Look at one file.

    Returns:
        It as it is now; None if it is no longer there under that name.
    """
    try:
        status = os.stat(sighting.path)
    except OSError:
        return None
    if (status.st_dev, status.st_ino) != sighting.inode or not stat.S_ISREG(status.st_mode):
        return None
    return sighting._replace(size=status.st_size, modified_ns=status.st_mtime_ns)


def may_matter(inputs: Sequence[Followed], path: str) -> bool:
    """Say whether a change at a path that is not known may show a file that is asked for."""
    patterns = [
        os.path.abspath(pattern)
        for followed in inputs
        if not (followed.leave_out and _is_in(path, followed.leave_out))
        for pattern in followed.paths
    ]
    return any(matches(x, path) for x in patterns) or (bool(patterns) and os.path.isdir(path))


def folders(inputs: Sequence[Followed]) -> dict[str, bool]:
    """Return the folders to watch, and whether the folders within them matter, too."""
    found: dict[str, bool] = {}
    for followed in inputs:
        for pattern in followed.paths:
            folder, deep = fixed_folder(os.path.abspath(pattern))
            found[folder] = found.get(folder, False) or deep
    return found


def _paths(pattern: str, problems: list[str]) -> Iterator[tuple[str, str | None]]:
    if not is_pattern(pattern) or os.path.lexists(pattern):
        if os.path.lexists(pattern):
            yield pattern, None
        return
    wants_any = not is_log(pattern)
    for path, appliance in expand(pattern, problems):
        if wants_any or is_log(path):
            yield path, appliance


class _RealFolders(dict[str, str]):
    """Where folders are, without links: one look for all that is in one."""

    def __missing__(self, folder: str) -> str:
        real = self[folder] = os.path.realpath(folder)
        return real

    def outside(
        self, followed: Followed, paths: Iterable[tuple[str, str | None]]
    ) -> Iterator[tuple[str, str | None]]:
        """Leave out what is the program's own."""
        for path, appliance in paths:
            above, name = os.path.split(path)
            own = followed.leave_out
            if own is None or not _is_in(os.path.join(self[above], name), own):
                yield path, appliance


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _looks_into(pattern: str, folder: str) -> bool:
    """Say whether a pattern that matches a folder may match what is in it."""
    return matches(pattern, os.path.join(folder, os.path.basename(folder)))


def _refusal(path: str, mode: int) -> str:
    if stat.S_ISDIR(mode):
        return f"{path!r} is a folder and is not followed; name the files in it: {path + '/*'!r}."
    kind = "FIFO" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
    return f"{path!r} is a {kind} and is not followed; name files, or use the input stdin."


def _is_better(sighting: Sighting, other: Sighting) -> bool:
    """Prefer, of two names within one input, the own name of a file before links to it."""
    if sighting.input != other.input:
        return False
    return _rank(sighting.path) < _rank(other.path)


def _rank(path: str) -> tuple[bool, int, tuple[object, ...]]:
    return os.path.realpath(path) != path, path.count("/"), reading_order(path)
