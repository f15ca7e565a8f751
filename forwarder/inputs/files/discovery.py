"""Finds the log files that PATHs name, and puts them in the order of reading.

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
"""

# Paths stay text; see paths.py.
# ruff: noqa: PTH100, PTH112, PTH113, PTH116, PTH119, PTH120

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from forwarder.errors import ForwarderError
from forwarder.inputs.block_reader import STDIN, read_blocks
from forwarder.inputs.files.paths import (
    ReadingOrder,
    Search,
    expand,
    is_pattern,
    reading_order,
    walk,
)
from forwarder.text import quoted

UNKNOWN_APPLIANCE = "unknown"
"""The appliance of standard input, which has no folder to take a name from."""

_STDIN_PATHS = frozenset({STDIN, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
"""All are read as "-": opening them again fails for sockets, and would start files over."""

_NO_FOLDER = ("/dev/", "/proc/")
"""``<(zcat ...)`` gives ``/dev/fd/63``: "fd" is not the name of an appliance."""

_NO_LOG = (
    *(".tmp", ".part", ".partial", ".filepart", ".swp", "~"),
    *(".md", ".json", ".ndjson", ".yml", ".yaml", ".html", ".pdf", ".py", ".sh"),
)
"""What lies beside logs and would only cost time: uploads and edits under way, notes and results.
Archives and other compression (.xz) stay in, so that reading says what to do with them."""

_MAX_NAMED = 3  # links that a sentence names; there may be thousands

_HEAD_BYTES = 1 << 12
"""4 KiB, some 40 lines: log files begin with the time they were begun, and differ long before."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file to read."""

    path: str
    """Absolute; bytes that are not UTF-8 as surrogates (``os.fsdecode``); "-" is standard input."""
    appliance: str
    """The appliance that wrote it; always valid Unicode, other bytes stand as ``\\xff``."""
    named: bool
    """Whether the user named the appliance; if not, it is the folder that holds the file."""
    outright: bool = field(default=True, compare=False)
    """Whether the user named this very file, and not a folder or a pattern."""


@dataclass(frozen=True, slots=True)
class Found:
    """The files that PATHs name."""

    files: tuple[LogFile, ...]
    """By appliance, sorted by name; within one in the order of reading; each content once."""
    problems: tuple[str, ...]
    """What could not be found, one sentence each; everything else is in ``files``."""
    repeated: tuple[tuple[str, str], ...]
    """Files left out because another has their content: that file, and the one in ``files``."""
    links: tuple[str, ...] = ()  # links that were not followed


def find(
    paths: Sequence[str], appliance: str | None = None, *, follow_symlinks: bool = False
) -> Found:
    """Find the files to read and put them in order.

    ``appliance`` wrote all of them, also where a pattern holds ``{appliance}``; None or empty if
    the user did not say.
    """
    search = Search(follow=follow_symlinks)
    appliance = _printable(appliance) if appliance else None
    namings: dict[str, list[LogFile]] = defaultdict(list)  # by file, in order of naming
    for path in dict.fromkeys(paths):
        try:
            for file in sorted(list_files(path, appliance, search), key=_own_name_first):
                namings[os.path.realpath(file.path)].append(file)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = error.strerror if isinstance(error, OSError) else error
            search.problems.append(f"{quoted(path)} cannot be looked at: {reason}.")

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


def say_passed_over(links: Sequence[str], follow: str) -> str:
    """Return the sentence that tells which links were not followed; ``follow`` is what to do."""
    named = ", ".join(map(quoted, links[:_MAX_NAMED]))
    more = f" and {len(links) - _MAX_NAMED:,} more" if len(links) > _MAX_NAMED else ""
    are = "is a symbolic link and was" if len(links) == 1 else "are symbolic links and were"
    return f"{named}{more} {are} passed over, because a link can lead to anything; {follow}"


def list_files(path: str, appliance: str | None, search: Search) -> list[LogFile]:
    """List what one PATH names, in no particular order, maybe the same file several times.

    The search gets a problem for what cannot be found or listed; OSError, or ValueError for a NUL
    in it, if the PATH cannot be looked at.
    """
    if path in _STDIN_PATHS:
        return [LogFile(STDIN, appliance or UNKNOWN_APPLIANCE, named=appliance is not None)]
    before = len(search.problems)
    literal = not is_pattern(path) or os.path.lexists(path)
    if literal:
        try:
            os.stat(path)
        except FileNotFoundError:
            text = f"{quoted(path)} does not exist; name a file, a folder, a glob or -."
            search.problems.append(text)
    files = [
        replace(_log_file(log, appliance or name), outright=log == path)
        for match, name in ([(path, None)] if literal else expand(path, search))
        for log in _logs_at(match, path, search)
    ]
    if not files and len(search.problems) == before:
        search.problems.append(
            f"{quoted(path)} matches no log: check it against what is there, and that it is quoted "
            f"in full (* ? [] match within a folder, ** across folders, {{appliance}} a name); "
            f"name files that are hidden or end in one of: {' '.join(_NO_LOG)}"
        )
    return files


def is_log(path: str) -> bool:
    """Whether a file that is not named outright may be a log, by its name."""
    return not path.lower().endswith(_NO_LOG)


def log_at(absolute: str, appliance: str | None) -> LogFile:
    """Return whose log a file is; ``appliance`` as the user or a pattern names it."""
    if appliance is not None:
        return LogFile(absolute, _printable(appliance), named=True)
    folder = "" if absolute.startswith(_NO_FOLDER) else os.path.basename(os.path.dirname(absolute))
    return LogFile(absolute, _printable(folder) or UNKNOWN_APPLIANCE, named=False)


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
    return log_at(absolute, appliance)


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _own_name_first(file: LogFile) -> tuple[bool, int, ReadingOrder]:
    """Sort the names without a link to the front, and of others the shortest way."""
    path = file.path
    return path != os.path.realpath(path), path.count("/"), reading_order(path)
