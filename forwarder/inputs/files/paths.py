"""What the name of a log file says: which log it is of, when it was written, and its place there.

Names that are read:

- the appliance's own, ``mail.@20090422T114359.s``: local time at which the file was begun;
  ``.s`` is a closed file, ``.c`` and ``.current`` are the one being written;
- logrotate's ``dateext``: ``-20260131``, ``-20260131-1769817600`` (``%s``), ``-2026013105``
  (hourly); and ``.2026-01-31`` or ``.2026.01.31`` with or without a clock, as relays write them;
  behind the name or before its ending (``mail-20260131.log``);
- numbers, ``mail.log.2`` and ``mail.2.log``: the higher, the older. What stands behind a date,
  ``mail-20260131-1.log``, is the other way round. An IPv4 address is no number: ``10.0.0.1`` and
  ``10.0.0.2.log`` are names of hosts.

``.gz`` changes nothing. Pure: names in, values out.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache

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
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_COUNT = re.compile(r"-([0-9]{1,5})(?=$|\.)")
"""Behind a date, of the files of one day."""
_MOVED = re.compile(
    r"[0-9]{1,4}(?:-?[0-9]{2}){0,2}|archives?|old|olddir|backups?|rotated", re.IGNORECASE
)
"""Folders for years, months, days and hours, and those that closed files are moved to."""
_LIVE = (".c", ".current")
_CLOSED = (".s", ".gz")

_NO_TIME = datetime.max.replace(tzinfo=UTC)
"""Sorts names without a timestamp behind those with one."""


class _Age(IntEnum):
    """Oldest first: closed files by their time, then by their number, then what is written to."""

    STAMPED = 0
    NUMBERED = 1
    LIVE = 2


ReadingOrder = tuple[int, datetime, int, int, str, str, str]
"""A sort key; compare it, do not look into it."""


def time_in_name(path: str) -> datetime | None:
    """Read the timestamp in a file's name.

    The name has no zone, and the appliance's is unknown, so it is read as UTC: up to 14 hours
    off, and for logrotate the end of the file rather than its beginning.

    Args:
        path: Path or name of the file; folders are not looked at.

    Returns:
        Aware UTC; the last timestamp if the name holds several; None if it holds none.
    """
    return _stamp_and_rest(_plain_name(path))[0]


def base_name(path: str) -> str:
    """Say which log a file is of: its name without all that rotation and packing add.

    What is not known to come of rotation stays: better two logs that are one, of which connections
    are not joined, than one that is two, of which they are joined wrongly.

    Args:
        path: Path of the file; folders are not looked at.

    Returns:
        ``mail`` for ``mail.@20090422T114359.s`` and ``mail.current``, ``mail.log`` for
        ``mail.log.2.gz``. Empty where the name is nothing but a timestamp.
    """
    name = path.rpartition("/")[2]
    numbered = False
    while True:
        shorter = _without_ending(name)
        if shorter == name:
            shorter = _without_stamp(name)
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
    """Say where a log is: the folder of a file without what archives and dates add to it.

    Two files of one name in two folders are two logs; where logs are moved to an archive, or have a
    folder for each day, they are one.

    Args:
        path: Path of the file.

    Returns:
        ``/srv/esa1`` for ``/srv/esa1/mail.log``, ``/srv/esa1/2026/04/22/mail.log`` and
        ``/srv/esa1/archive/mail.log.1``.
    """
    folders = path.rpartition("/")[0].split("/")
    return "/".join(x for x in folders if not _MOVED.fullmatch(x))


def _without_ending(name: str) -> str:
    """Leave out what says that a file is packed, closed or live."""
    for ending in (*_CLOSED, *_LIVE):
        if name.endswith(ending):
            return name.removesuffix(ending) or name
    return name


def _without_stamp(name: str) -> str:
    """Leave out the last timestamp, and what joins it to the rest."""
    found = _find_stamp(name)
    if found is None:
        return name
    stamp, _ = found
    before, behind = name[: stamp.start()].rstrip(".@-_"), name[stamp.end() :]
    count = _COUNT.match(behind)
    behind = behind if count is None else behind[count.end() :]
    return before + behind if before else behind.lstrip(".-_")


@lru_cache(maxsize=1024)  # each step with a file asks for it again
def is_live(path: str) -> bool:
    """Say whether a file may be the one that is written to, by its name.

    Args:
        path: Path of the file.

    Returns:
        True for ``.c``, ``.current``, and names with neither timestamp nor number; False for
        ``.s`` and packed files, whatever else they are called.
    """
    if path.endswith(_CLOSED):
        return False
    name = _plain_name(path)
    time, rest = _stamp_and_rest(name)
    return _age(name, time, _find_number(rest)) is _Age.LIVE


def is_successor(path: str, of: str) -> bool:
    """Say whether a live file was begun in the place of another one, by their names.

    Args:
        path: Path of a live file with a timestamp.
        of: Path of another file.

    Returns:
        True if both names are the same but for a later timestamp, in the same folder.
    """
    folder, _, name = path.rpartition("/")
    other_folder, _, other_name = of.rpartition("/")
    time, rest = _stamp_and_rest(name)
    other_time, other_rest = _stamp_and_rest(other_name)
    return (
        time is not None
        and other_time is not None
        and time > other_time
        and (folder, rest) == (other_folder, other_rest)
        and name.partition("@")[0] == other_name.partition("@")[0]
    )


@lru_cache(maxsize=1024)  # each step with a file asks for it again
def reading_order(path: str) -> ReadingOrder:
    """Say where a file stands among the files of its appliance.

    By the timestamp in the name, whatever the folder; then numbered names, the highest first;
    then the live ones (``.c``, ``.current``, or neither timestamp nor number). Ties by the length
    of the base name, so that of two copies the one is read that bears the name of its log
    (``mail.@20090422T114359.s`` and not ``mail.@20090422T114359.again.s``); then by name, the
    packed behind the plain, then by folder.

    Args:
        path: Path of the file. Files below one folder stand in the same order wherever that
            folder is.

    Returns:
        A key for ``sorted``; two different paths never have the same.
    """
    file_name = path.rpartition("/")[2]
    name = file_name.removesuffix(".gz")
    time, rest = _stamp_and_rest(name)
    number = _find_number(rest)
    count = None if time is None else _COUNT.match(rest)
    age = _age(name, time, number)
    # The unnumbered is newer than .1 and .0, and older than -1.
    place = -int(number[1]) if number else 1
    place = place if count is None else 1 + int(count[1])
    base = len(base_name(name))
    return (age, time or _NO_TIME, place, base, name, file_name, path)


def _age(name: str, time: datetime | None, number: re.Match[str] | None) -> _Age:
    if name.endswith(_LIVE) or (time is None and number is None):
        return _Age.LIVE
    return _Age.NUMBERED if time is None else _Age.STAMPED


def _plain_name(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".gz")


def _stamp_and_rest(name: str) -> tuple[datetime | None, str]:
    """Return the last timestamp and the text behind it, or None and the whole name."""
    found = _find_stamp(name)
    return (None, name) if found is None else (found[1], name[found[0].end() :])


def _find_stamp(name: str) -> tuple[re.Match[str], datetime] | None:
    """Find the last timestamp, and say which it is."""
    last = None
    for found in _STAMP.finditer(name):
        time = _instant(found)
        if time is not None:
            last = found, time
    return last


def _find_number(name: str) -> re.Match[str] | None:
    """Find the number of a rotated file; an IPv4 address ends in none."""
    number = _NUMBER.search(name)
    if number is None:
        return None
    digits = next(x for x in _DIGITS.finditer(name) if x.end() == number.end())
    parts = digits[0].split(".")
    is_address = len(parts) == _ADDRESS_PARTS and all(
        len(x) <= _PART_DIGITS and int(x) <= _MAX_PART for x in parts
    )
    return None if is_address else number


_ADDRESS_PARTS = 4
_PART_DIGITS = 3
_MAX_PART = 255


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
