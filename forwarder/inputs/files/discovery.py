"""Finding the log files that PATHs name, and putting them in the order of reading.

A PATH is a file, a folder, a glob, a pattern with ``{appliance}``, or ``-``:

- What exists is taken literally, whatever characters it holds.
- Folders, also those that a glob matches, are walked with all below them. Hidden files and
  folders are skipped, and so is what is plainly no log.
- A link is followed where it is named outright, or stands in a PATH before anything that is a
  pattern; others are only if that was asked for, and then each folder once.
- In a glob, ``*``, ``?`` and ``[]`` match within one part of a path, ``**`` any number of
  folders. ``{appliance}`` matches a part or a piece of one, as short as the rest allows.
- A file that several PATHs reach is read once. The first naming counts, but an appliance that
  is named beats one that is taken from the folder; within one PATH, a file's own name beats links.
- A file with names in the folders of several appliances (hard links) is read once, too: as that of
  the folder whose owner has the file.
"""

# Paths stay the text that the user wrote and the system knows: pathlib takes "" for the working
# directory, and drops the slash behind which a file is no folder.
# ruff: noqa: PTH100, PTH112, PTH113, PTH115, PTH116, PTH119, PTH120

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from forwarder.inputs.block_reader import STDIN
from forwarder.inputs.files.paths import ReadingOrder, reading_order
from forwarder.inputs.files.patterns import APPLIANCE, Links, expand, is_pattern, walk
from forwarder.inputs.files.repeats import find_repeated
from forwarder.text import quoted

UNKNOWN_APPLIANCE = "unknown"
"""The appliance of standard input, which has no folder to take a name from."""

_BRACES = re.compile(r"\{[^{}/]*\}")

_STDIN_PATHS = frozenset({STDIN, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
"""All are read as "-": opening them again fails for sockets, and would start files anew."""

_NO_FOLDER = ("/dev/", "/proc/")
"""``<(zcat ...)`` gives ``/dev/fd/63``: "fd" is no name for an appliance."""

_NO_LOG = (
    *(".tmp", ".part", ".partial", ".filepart", ".swp", "~"),
    *(".md", ".json", ".ndjson", ".yml", ".yaml", ".html", ".pdf", ".py", ".sh"),
)

"""What lies beside logs and would only cost time: uploads and edits under way, and notes, settings
and results, ours among them. Short, because a log that is skipped is lost in silence and a file
that is no log does no harm; archives and packed logs (.xz) stay in, so that reading says what to do
with them."""


_MAX_NAMED = 3
"""Links that a sentence names; there may be thousands."""


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
    """What the PATHs came to."""

    files: tuple[LogFile, ...]
    """By appliance, sorted by name; within one in the order of reading; each content once."""
    problems: tuple[str, ...]
    """What could not be found, one sentence each; everything else is in ``files``."""
    repeated: tuple[tuple[str, str], ...]
    """Files left out because another has all of their content: that file, and the one in
    ``files``."""
    links: tuple[str, ...] = ()
    """Links that were passed over."""


def find(
    paths: Sequence[str], appliance: str | None = None, *, follow_symlinks: bool = False
) -> Found:
    """Find the files to read and put them in order.

    Never raises for what is or is not on the disk. Whether a file may be read is found out when
    it is read.

    Args:
        paths: The PATHs as the user wrote them; relative ones start at the working directory.
        appliance: The appliance that wrote all of them; None or empty if the user did not say.
            It also counts where a pattern holds ``{appliance}``.
        follow_symlinks: Whether links that nobody named are followed.

    Returns:
        The files, the problems, the repeated files and the links that were passed over.
    """
    links = Links(follow=follow_symlinks)
    appliance = _printable(appliance) if appliance else None
    problems: list[str] = []
    namings: dict[object, list[LogFile]] = defaultdict(list)  # by file, in order of naming
    for path in dict.fromkeys(paths):
        try:
            files = list_files(path, appliance, problems, links)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = error.strerror if isinstance(error, OSError) else error
            problems.append(f"{quoted(path)} cannot be looked at: {reason}.")
            continue
        for real, file in sorted(((_real(file), file) for file in files), key=_by_own_name):
            namings[_identity(real)].append(file)

    by_appliance: dict[str, list[LogFile]] = defaultdict(list)
    instead: dict[str, str] = {}
    for same in namings.values():
        candidates = _of_owner(same) or same
        chosen = next((file for file in candidates if file.named), candidates[0])
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
        tuple(dict.fromkeys(problems)),
        tuple(sorted(instead.items())),
        tuple(dict.fromkeys(x for x in links.passed if is_log(x))),
    )


def say_passed_over(links: Sequence[str], follow: str) -> str:
    """Say which links were passed over.

    Args:
        links: Their paths, at least one.
        follow: What to do to have them followed.
    """
    named = ", ".join(map(quoted, links[:_MAX_NAMED]))
    more = f" and {len(links) - _MAX_NAMED:,} more" if len(links) > _MAX_NAMED else ""
    are = "is a symbolic link and was" if len(links) == 1 else "are symbolic links and were"
    return f"{named}{more} {are} passed over, because a link can lead to anything; {follow}"


def list_files(
    path: str, appliance: str | None, problems: list[str], links: Links
) -> list[LogFile]:
    """List what one PATH names, also the same file several times, in no particular order.

    Args:
        path: As the user wrote it.
        appliance: The appliance that wrote all of them; None if the user did not say.
        problems: Is given one sentence for each thing that cannot be found or listed.
        links: What to do with links.

    Raises:
        OSError: It cannot be looked at.
        ValueError: There is a NUL in it.
    """
    if path in _STDIN_PATHS:
        return [LogFile(STDIN, appliance or UNKNOWN_APPLIANCE, named=appliance is not None)]
    if not is_pattern(path) or os.path.lexists(path):
        return [
            replace(log_file(log, appliance), outright=log == path)
            for log in _logs_at(path, problems, links)
        ]
    before = len(problems)
    files = [
        replace(log_file(log, appliance or name), outright=False)
        for match, name in expand(path, problems, links)
        for log in _logs_among(match, path, problems, links)
    ]
    if not files and len(problems) == before:
        problems.append(
            f"{quoted(path)} matches no log: check it against what is there, and that it is quoted "
            f"in full (* ? [] match within a folder, ** across folders, {{appliance}} a name)."
            f"{_about_braces(path)}"
        )
    return files


def _logs_at(path: str, problems: list[str], links: Links) -> Iterable[str]:
    """Return the file, or the logs in the folder, that the user named literally."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if os.path.lexists(path):
            problems.append(
                f"{quoted(path)} is a link to {quoted(os.readlink(path))}, which does not exist."
            )
        else:
            problems.append(
                f"{quoted(path)} does not exist; name a file, a folder, a glob or -."
                f"{_about_braces(path)}"
            )
        return []
    if stat.S_ISDIR(mode):
        before = len(problems)
        logs = _logs_below(path, problems, links)
        if not logs and len(problems) == before:
            problems.append(
                f"{quoted(path)} is a folder without any log; name the files if they are hidden or "
                f"end in one of: {' '.join(_NO_LOG)}"
            )
        return logs
    if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
        return [path]
    problems.append(f"{quoted(path)} is a device or a socket; name a file, a folder, a FIFO or -.")
    return []


def _about_braces(path: str) -> str:
    """Say what braces mean where they mean nothing; a file may have them in its name."""
    others = [x for x in _BRACES.findall(path) if x != APPLIANCE]
    if not others:
        return ""
    return f" {quoted(others[0])} is taken as it stands: in braces, only {APPLIANCE} is known."


def _logs_among(match: str, pattern: str, problems: list[str], links: Links) -> Iterable[str]:
    """Return the logs at what a pattern matched: what ends as the pattern does is wanted."""
    if os.path.isdir(match):
        return _logs_below(match, problems, links)
    wanted = os.path.isfile(match) and (is_log(match) or not is_log(pattern))
    return [match] if wanted else []


def _logs_below(folder: str, problems: list[str], links: Links) -> list[str]:
    return [log for _, files in walk(folder, problems, links) for log in files if is_log(log)]


def is_log(path: str) -> bool:
    """Say whether a file that nobody named may be a log, by its name."""
    return not path.lower().endswith(_NO_LOG)


def log_file(path: str, appliance: str | None) -> LogFile:
    """Say whose log a file is.

    Args:
        path: Path of the file.
        appliance: As the user named it, or as a pattern has it; None if neither did.
    """
    absolute = os.path.abspath(path)
    if os.pardir in path.split("/") and os.path.realpath(absolute) != os.path.realpath(path):
        absolute = os.path.realpath(path)  # LINK/.. is not the folder that holds LINK
    return log_at(absolute, appliance)


def log_at(absolute: str, appliance: str | None) -> LogFile:
    """Say whose log a file is, as :func:`log_file`, of an absolute path without ``..``."""
    if appliance is not None:
        return LogFile(absolute, _printable(appliance), named=True)
    folder = "" if absolute.startswith(_NO_FOLDER) else os.path.basename(os.path.dirname(absolute))
    return LogFile(absolute, _printable(folder) or UNKNOWN_APPLIANCE, named=False)


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _real(file: LogFile) -> str:
    return STDIN if file.path == STDIN else os.path.realpath(file.path)


def _identity(real: str) -> object:
    """Say which file there is at a path, whatever other names it has."""
    try:
        status = os.stat(real)
    except (OSError, ValueError):
        return real
    return (status.st_dev, status.st_ino) if status.st_nlink > 1 else real


def _of_owner(same: Sequence[LogFile]) -> list[LogFile]:
    """Pick the names of a file in folders of its owner, if it has names in several appliances'."""
    if len({x.appliance for x in same}) == 1:
        return []
    return [x for x in same if x.path != STDIN and is_of_owner(x.path)]


def is_of_owner(path: str) -> bool:
    """Say whether a file belongs to the owner of the folder it is in."""
    try:
        return os.stat(path).st_uid == os.stat(os.path.dirname(path)).st_uid
    except OSError:
        return False


def _by_own_name(found: tuple[str, LogFile]) -> tuple[bool, int, ReadingOrder]:
    """Sort the names without a link to the front, and of others the shortest way."""
    real, file = found
    return file.path != real, file.path.count("/"), reading_order(file.path)
