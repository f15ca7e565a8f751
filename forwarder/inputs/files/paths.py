"""Paths of log files: what their names tell, and the patterns that find them.

Names that are read:

- the appliance's own, ``mail.@20090422T114359.s``: local time at which the file was begun;
  ``.s`` is a closed file, ``.c`` and ``.current`` are the one being written;
- logrotate's ``dateext``: ``-20260131``, ``-20260131-1769817600`` (``%s``), ``-2026013105``
  (hourly); and ``.2026-01-31`` or ``.2026.01.31`` with or without a clock, as relays write them;
  behind the name or before its ending (``mail-20260131.log``);
- numbers, ``mail.log.2`` and ``mail.2.log``: the higher, the older. What stands behind a date,
  ``mail-20260131-1.log``, is the other way round. An IPv4 address is not a number: ``10.0.0.1`` and
  ``10.0.0.2.log`` are names of hosts.

``.gz`` changes nothing.

In a pattern, ``*``, ``?`` and ``[]`` match within one part of a path, ``**`` any number of folders,
``{appliance}`` a part or a piece of one, as short as the rest allows. Hidden files and folders are
matched only by parts that begin with a dot. Why not ``glob``: it follows links in a circle
(bpo-26012), is silent about folders that cannot be listed, and does not tell what part of a name
``{appliance}`` stands for.
"""

# Paths stay the text that the user wrote and the system knows: pathlib takes "" for the working
# directory, and drops the slash that only a folder may have at its end.
# ruff: noqa: PTH112, PTH114, PTH118, PTH119, PTH120

import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from forwarder.text import quoted

APPLIANCE = "{appliance}"
ANY_FOLDERS = "**"
_ITEM = re.compile(r"\{appliance\}\**|\*+|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_MAGIC = re.compile(r"\{appliance\}|[*?\[]")

_STAMP = re.compile(
    r"""
    (?<![0-9])
    (?P<year>(?:19|20)[0-9]{2})     # other centuries are serial numbers, not dates
    (?P<dash>[-._]?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})
    (?:
        -(?P<epoch>[0-9]{10})       # seconds since 1970: ten digits from 2001 to 2286
      | [T_-]?(?P<hour>[0-9]{2})(?:[:-]?(?P<minute>[0-9]{2})(?:[:-]?(?P<second>[0-9]{2}))?)?
    )?
    (?![0-9])
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"\.([0-9]{1,9})(?=$|\.(?:log|txt)$)")
_ADDRESS = re.compile(
    r"(?<![0-9])(?<![0-9]\.)(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})(?:\.|$)){4}$"
)
_COUNT = re.compile(r"-([0-9]{1,5})(?=$|\.)")  # behind a date, of the files of one day
_MOVED = re.compile(
    r"[0-9]{1,4}(?:-?[0-9]{2}){0,2}|archives?|old|olddir|backups?|rotated", re.IGNORECASE
)
"""Folders for years, months, days and hours, and those that closed files are moved to."""
UNKNOWN_APPLIANCE = "unknown"
"""The appliance of standard input, which has no folder to take a name from."""

_NO_FOLDER = ("/dev/", "/proc/")
"""``<(zcat ...)`` gives ``/dev/fd/63``: "fd" is not the name of an appliance."""

NO_LOG = (
    *(".tmp", ".part", ".partial", ".filepart", ".swp", "~"),
    *(".md", ".json", ".ndjson", ".yml", ".yaml", ".html", ".pdf", ".py", ".sh"),
)
"""What lies beside logs and would only cost time: uploads and edits under way, notes and results.
Archives and other compression (.xz) stay in, so that reading says what to do with them."""

_LIVE = (".c", ".current")
_CLOSED = (".s", ".gz")

_LIVE_AGE = 2
_NO_TIME = datetime.max.replace(tzinfo=UTC)  # sorts names without a timestamp behind those with one


ReadingOrder = tuple[int, datetime, int, int, str, str, str]
"""A sort key; compare it, do not look into it."""


def is_log(path: str) -> bool:
    """Return whether a file that is not named outright may be a log, by its name."""
    return not path.lower().endswith(NO_LOG)


def appliance_of(path: str, name: str | None) -> tuple[str, bool]:
    r"""Return whose log is at an absolute path, and whether ``name``, if any, tells that.

    If not, it is the folder. Always valid Unicode: other bytes stand as ``\xff``.
    """
    folder = "" if path.startswith(_NO_FOLDER) else os.path.basename(os.path.dirname(path))
    appliance = folder or UNKNOWN_APPLIANCE if name is None else name
    return os.fsencode(appliance).decode("utf-8", "backslashreplace"), name is not None


def time_in_name(path: str) -> datetime | None:
    """Return the last timestamp in a file's name, aware UTC; None if it has none.

    It has no zone and is read as UTC: up to 14 hours off, and for logrotate the end of the file
    rather than its beginning.
    """
    return _find_stamp(os.path.basename(path).removesuffix(".gz"))[0]


def base_name(path: str) -> str:
    """Return which log a file is of: its name without what rotation and compression add.

    What is not known to come of rotation stays, so that no two logs are joined. ``mail`` for
    ``mail.@20090422T114359.s``, ``mail.log`` for ``mail.log.2.gz``; empty for a mere timestamp.
    """
    name = os.path.basename(path)
    numbered = False
    while True:
        shorter = next((name.removesuffix(x) for x in _CLOSED + _LIVE if name.endswith(x)), "")
        shorter = shorter or _without_stamp(name)
        number = _find_number(name)
        # Only at the end: ``mail.1.log`` may be rotated, ``esa.1.log`` a machine. And only one:
        # what is before may be a version, or half an address.
        if shorter == name and not numbered and number is not None and number.end() == len(name):
            numbered = True
            shorter = name[: number.start()]
        if shorter in {name, ""}:
            return shorter
        name = shorter


def log_folder(path: str) -> str:
    """Return where a log is: the folder of a file without folders for archives and dates.

    Two files of one name in two folders are two logs, but not where logs are moved to an archive,
    or have a folder for each day: ``/srv/esa1`` for ``/srv/esa1/2026/04/22/mail.log``.
    """
    folders = path.rpartition("/")[0].split("/")
    return "/".join(x for x in folders if not _MOVED.fullmatch(x))


def is_live(path: str) -> bool:
    """Whether a file may be the one that is written to, by its name."""
    name = os.path.basename(path)
    time, _, end = _find_stamp(name)
    return not path.endswith(_CLOSED) and _age(name, time, _find_number(name[end:])) == _LIVE_AGE


def reading_order(path: str) -> ReadingOrder:
    """Return the place of a file among the files of its appliance, as a key for ``sorted``.

    By the timestamp in the name, whatever the folder; then numbered names, the highest first;
    then the live ones (``.c``, ``.current``, or neither timestamp nor number). Ties by the length
    of the base name, so that of two copies the one is read that bears the name of its log; then by
    name, the compressed behind the plain, then by folder.
    """
    file_name = os.path.basename(path)
    name = file_name.removesuffix(".gz")
    time, _, end = _find_stamp(name)
    number = _find_number(name[end:])
    count = None if time is None else _COUNT.match(name[end:])
    # The unnumbered is newer than .1 and .0, and older than -1.
    place = -int(number[1]) if number else 1
    place = place if count is None else 1 + int(count[1])
    age, base = _age(name, time, number), len(base_name(name))
    return (age, time or _NO_TIME, place, base, name, file_name, path)


def _without_stamp(name: str) -> str:
    """Leave out the last timestamp, and what joins it to the rest."""
    time, start, end = _find_stamp(name)
    if time is None:
        return name
    before, behind = name[:start].rstrip(".@-_"), name[end:]
    count = _COUNT.match(behind)
    behind = behind if count is None else behind[count.end() :]
    return before + behind if before else behind.lstrip(".-_")


def _age(name: str, time: datetime | None, number: re.Match[str] | None) -> int:
    """Return what comes first: closed files by their time, then by their number, then live ones."""
    if name.endswith(_LIVE) or (time is None and number is None):
        return _LIVE_AGE
    return 1 if time is None else 0


def _find_stamp(name: str) -> tuple[datetime | None, int, int]:
    """Find the last timestamp, and where it begins and ends; None, 0 and 0 if there is none."""
    last: tuple[datetime | None, int, int] = None, 0, 0
    for found in _STAMP.finditer(name):
        time = _instant(found)
        if time is not None:
            last = time, *found.span()
    return last


def _find_number(name: str) -> re.Match[str] | None:
    """Find the number of a rotated file; an IPv4 address ends in none."""
    number = _NUMBER.search(name)
    return None if number is None or _ADDRESS.search(name[: number.end()]) else number


def _instant(found: re.Match[str]) -> datetime | None:
    year, month, day = int(found["year"]), int(found["month"]), int(found["day"])
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    try:
        midnight = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None  # 20261399: digits, but no date
    if found["epoch"]:
        return datetime.fromtimestamp(int(found["epoch"]), UTC)
    clock = timedelta(hours=hour, minutes=minute, seconds=second)
    return midnight + clock if clock < timedelta(days=1) else midnight


@dataclass(slots=True)
class Search:
    """What was met while files were searched for.

    What a pattern finds may have been put there by an account that uploads logs, and a link could
    make it any file. Folders before the first part that is a pattern may be reached through links.
    """

    follow: bool = False  # whether links that no path names are followed
    problems: list[str] = field(default_factory=list)  # what cannot be listed, one sentence each
    links: list[str] = field(default_factory=list)  # paths of links that were not followed

    def skips(self, path: str, *, is_link: bool) -> bool:
        """Whether something is a link that is not followed; it is noted then."""
        if self.follow or not is_link:
            return False
        self.links.append(path)
        return True


def is_pattern(path: str) -> bool:
    """Whether a path is a pattern, unless it exists: then it is to be taken literally."""
    return _MAGIC.search(path) is not None


def expand(pattern: str, search: Search) -> Iterator[tuple[str, str | None]]:
    """Find what a pattern matches, maybe one several times, and its ``{appliance}``, if any."""
    parts = _parts(pattern)
    fixed = _fixed(parts)
    base = os.path.join("/" if pattern.startswith("/") else os.curdir, *parts[:fixed])
    if not fixed or os.path.lexists(base):
        yield from _expand(base, parts[fixed:], None, search)


def fixed_folder(pattern: str) -> str:
    """Return the folder below which all matches of an absolute pattern lie."""
    parts = _parts(pattern)
    return "/" + "/".join(parts[: min(_fixed(parts), len(parts) - 1)])


def walk(folder: str, search: Search) -> Iterator[tuple[str, list[str]]]:
    """Visit a folder and all below it, without hidden ones: folder, and the sorted files in it.

    Links, if they are followed, come last, so that a folder is seen under its own name where it has
    one. Each folder is visited once: links may form a circle.
    """
    visited = set()
    waiting, linked = [folder], list[str]()
    while waiting or linked:
        here = waiting.pop() if waiting else linked.pop(0)
        real = os.path.realpath(here)
        if real in visited:
            continue
        visited.add(real)
        entries = [
            entry
            for entry in _entries(here, search)
            if not entry.name.startswith(".")
            and not search.skips(entry.path, is_link=entry.is_symlink())
        ]
        folders = [entry for entry in entries if _is(entry.is_dir)]
        linked += (entry.path for entry in folders if entry.is_symlink())
        waiting += (entry.path for entry in reversed(folders) if not entry.is_symlink())
        yield here, [entry.path for entry in entries if _is(entry.is_file)]


def _parts(path: str) -> list[str]:
    """Split a path; a slash at its end asks for a folder, other empty parts mean nothing."""
    parts = path.lstrip("/").split("/")
    return [part for part in parts[:-1] if part] + parts[-1:]


def _fixed(parts: Sequence[str]) -> int:
    """Count the parts before the first that is a pattern."""
    return next((i for i, part in enumerate(parts) if is_pattern(part)), len(parts))


def _name(part: str, name: str, appliance: str | None) -> str | None:
    """Match a part: None if it does not, else the appliance so far, "" while it has no name."""
    match = _compiled(part).fullmatch(name)
    if match is None or (name.startswith(".") and not part.startswith(".")):
        return None
    named: str = match.groupdict().get("appliance") or appliance or ""
    return named if appliance in {None, named} else None


def _expand(
    base: str, parts: Sequence[str], name: str | None, search: Search
) -> Iterator[tuple[str, str | None]]:
    if not parts:
        yield base, name
        return
    part, *rest = parts
    if not is_pattern(part):
        path = os.path.join(base, part)
        if os.path.lexists(path) and not search.skips(path, is_link=os.path.islink(path)):
            yield from _expand(path, rest, name, search)
    elif not os.path.isdir(base):
        return
    elif part == ANY_FOLDERS:
        for folder, _ in walk(base, search):
            yield from _expand(folder, rest, name, search)
    else:
        for entry in _entries(base, search):
            named = _name(part, entry.name, name)
            if named is not None and not search.skips(entry.path, is_link=entry.is_symlink()):
                yield from _expand(entry.path, rest, named or None, search)


def _entries(folder: str, search: Search) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:  # removed meanwhile
        return []
    except OSError as error:
        search.problems.append(
            f"{quoted(folder)} cannot be listed, so no log in it is read: {error.strerror}; give "
            f"this user the right to list it."
        )
        return []


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link in a circle, or into a folder that is closed to this user
        return False


@lru_cache(maxsize=64)  # a pattern has a handful of parts, each matched in many folders
def _compiled(part: str) -> re.Pattern[str]:
    """Translate a part of a pattern; each star and the name take as little as they can.

    So ``{appliance}-*.log`` finds esa1 in ``esa1-mail-2026.log``. Only a name with a star right
    behind it takes as much as it can: as little would be one letter.
    """
    expression = ""
    for item in _ITEM.findall(part):
        if item.startswith(APPLIANCE) and "(?P<appliance>" in expression:
            expression += "(?P=appliance)" + (".*?" if item.endswith("*") else "")
        elif item.startswith(APPLIANCE):
            expression += "(?P<appliance>.+)" if item.endswith("*") else "(?P<appliance>.+?)"
        elif item.startswith("*"):
            expression += ".*?"
        elif item == "?":
            expression += "."
        elif len(item) > 1:
            expression += fnmatch.translate(item)[:-2]  # without its \Z: (?s:[0-9])
        else:
            expression += re.escape(item)
    return re.compile(expression, re.DOTALL)
