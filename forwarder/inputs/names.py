"""What the name of a log file says: when it was written, and where it stands among others.

Names that are read:

- the appliance's own, ``mail.@20090422T114359.s``: local time at which the file was begun;
  ``.s`` is a closed file, ``.c`` and ``.current`` are the one being written;
- logrotate's ``dateext``: ``-20260131``, ``-20260131-1769817600`` (``%s``), ``-2026013105``
  (hourly); and ``.2026-01-31`` with or without a clock, as relays write them;
- numbers, ``mail.log.2``: the higher, the older.

``.gz`` changes nothing. Pure: names in, values out.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import IntEnum

_STAMP = re.compile(
    r"""
    (?<![0-9])
    (?P<year>(?:19|20)[0-9]{2})     # other centuries are serial numbers, not dates
    (?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})
    (?:
        -(?P<epoch>[0-9]{10})       # seconds since 1970: ten digits from 2001 to 2286
      | [T_-]?(?P<hour>[0-9]{2})(?:[:-]?(?P<minute>[0-9]{2})(?:[:-]?(?P<second>[0-9]{2}))?)?
    )?
    (?![0-9])
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"\.([0-9]+)$")
_LIVE = (".c", ".current")
_CLOSED = (".s", ".gz")

_NO_TIME = datetime.max.replace(tzinfo=UTC)
"""Sorts names without a timestamp behind those with one."""


class _Age(IntEnum):
    """Oldest first: closed files by their time, then by their number, then what is written to."""

    STAMPED = 0
    NUMBERED = 1
    LIVE = 2


ReadingOrder = tuple[int, datetime, int, str, str, str]
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


def is_live(path: str) -> bool:
    """Say whether a file may be the one that is written to, by its name.

    Args:
        path: Path of the file.

    Returns:
        True for ``.c``, ``.current``, and names with neither timestamp nor number; False for
        ``.s`` and packed files, whatever else they are called.
    """
    return reading_order(path)[0] == _Age.LIVE and not path.endswith(_CLOSED)


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


def reading_order(path: str) -> ReadingOrder:
    """Say where a file stands among the files of its appliance.

    By the timestamp in the name, whatever the folder; then numbered names, the highest first;
    then the live ones (``.c``, ``.current``, or neither timestamp nor number). Ties by name,
    the packed behind the plain, then by folder.

    Args:
        path: Path of the file. Files below one folder stand in the same order wherever that
            folder is.

    Returns:
        A key for ``sorted``; two different paths never have the same.
    """
    name = _plain_name(path)
    time, rest = _stamp_and_rest(name)
    number = _NUMBER.search(rest)
    if name.endswith(_LIVE) or (time is None and number is None):
        age = _Age.LIVE
    elif time is None:
        age = _Age.NUMBERED
    else:
        age = _Age.STAMPED
    higher_first = -int(number[1]) if number else 1  # 1: the unnumbered is newer than .1 and .0
    return (age, time or _NO_TIME, higher_first, name, path.rpartition("/")[2], path)


def _plain_name(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".gz")


def _stamp_and_rest(name: str) -> tuple[datetime | None, str]:
    """Return the last timestamp and the text behind it, or None and the whole name."""
    for found in reversed(list(_STAMP.finditer(name))):
        time = _instant(found)
        if time is not None:
            return time, name[found.end() :]
    return None, name


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
