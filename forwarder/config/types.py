"""Types of settings: durations, sizes, time zones, paths, names.

Each reads what people write, names what is allowed, and is written the same way again. The command
line reads durations, zones and names with the same functions.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticKnownError

from forwarder.config.issue import InvalidValue, suggest
from forwarder.ecs.fields import MAX_KEYWORD, NAMESPACE

_DURATIONS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
"""Longest first. Units as in Go and Filebeat, and days, which logs are kept for."""
# pydantic's ByteSize reads these too, but also "64.5M", and writes "64.0MB".
_SIZES = {
    "TB": 10**12,
    "TiB": 2**40,
    "GB": 10**9,
    "GiB": 2**30,
    "MB": 10**6,
    "MiB": 2**20,
    "kB": 10**3,
    "KiB": 2**10,
    "B": 1,
}
_MAX_DURATION = timedelta(days=36_500)
"""A century: instants that lie so far from now can still be written."""
MAX_SIZE = 1_000 * 10**12
"""Bytes. No disk is so large, and SQLite counts in 64 bits."""

_Quantity = TypeVar("_Quantity", int, timedelta)

_QUANTITY = re.compile(r"([0-9]{1,15}) ?([A-Za-z]+)")
_COUNT = re.compile(r"[0-9]{1,15}")

_NO_ZONES = frozenset({"localtime", "posixrules"})
"""Files beside the zones: what they mean depends on the machine."""
_ABBREVIATION = re.compile(r"[A-Z]{2,5}")
_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+-])0?(\d{1,2})(?::?00)?", re.IGNORECASE)
_MAX_HOURS = {"+": 14, "-": 12}
"""The zones of whole hours go from Etc/GMT-14, which is ahead of UTC, to Etc/GMT+12."""


def format_duration(duration: timedelta) -> str:
    """Write a duration, as ``90s``, in the largest unit that divides it."""
    unit = next((x for x, y in _DURATIONS.items() if duration and not duration % y), "s")
    return f"{duration / _DURATIONS[unit]:.15g}{unit}"


def format_size(size: int) -> str:
    """Write a size in bytes, as ``64MB``, in the largest unit that divides it."""
    unit = next((x for x, y in _SIZES.items() if size and not size % y), "B")
    return f"{size // _SIZES[unit]}{unit}"


def between(
    least: _Quantity, most: _Quantity, write: Callable[[_Quantity], str] = str
) -> AfterValidator:
    """Hold a value to limits; the message names both."""

    def hold(value: _Quantity) -> _Quantity:
        if not least <= value <= most:
            raise InvalidValue(f"is not between {write(least)} and {write(most)}")
        return value

    return AfterValidator(hold)


def read_duration(value: object) -> timedelta:
    """Read a duration, as ``90s``; raise InvalidValue for what is not one."""
    if isinstance(value, timedelta):
        return value
    found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2] not in _DURATIONS:
        raise InvalidValue(
            "is not a valid duration; use a whole number and ms, s, m, h or d, as in 30s"
        )
    if int(found[1]) > _MAX_DURATION / _DURATIONS[found[2]]:
        raise InvalidValue(f"is too long; the maximum is {format_duration(_MAX_DURATION)}")
    return int(found[1]) * _DURATIONS[found[2]]


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
        if found is None or found[2] not in _SIZES:
            hint = suggest(found[1] + found[2], (found[1] + x for x in _SIZES)) if found else ""
            raise InvalidValue(
                "is not a valid size; use a whole number and B, kB, MB, GB, TB, KiB, MiB, GiB or"
                f" TiB, as in 64MB{hint}"
            )
        size = int(found[1]) * _SIZES[found[2]]
    if not 0 <= size <= MAX_SIZE:
        raise InvalidValue(f"is not between 0 and {format_size(MAX_SIZE)}")
    return size


def _count(value: object) -> int:
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise PydanticKnownError("int_type")


def read_zone(value: object) -> ZoneInfo:
    """Find a time zone by its IANA name, as ``Europe/Rome``, or raise InvalidValue."""
    if isinstance(value, ZoneInfo):
        return value
    try:
        if isinstance(value, str) and value not in _NO_ZONES:
            return ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # no such file, a folder, ..
        pass
    raise InvalidValue(f"is not an IANA time zone, such as Europe/Rome{_zone_hint(str(value))}")


def _zone_hint(text: str) -> str:
    """Propose the zone that was meant, also by its city alone.

    Abbreviations resemble others that mean another time: CEST resembles EST.
    """
    zones = sorted(available_timezones() - _NO_ZONES)
    if (found := _OFFSET.fullmatch(text)) and int(found[2]) <= _MAX_HOURS[found[1]]:
        inverted = "-" if found[1] == "+" else "+"
        return (
            "; name the region, so that daylight saving time is known, or use"
            f" Etc/GMT{inverted}{found[2]}, whose sign is inverted"
        )
    if _ABBREVIATION.fullmatch(text) and text.casefold() not in map(str.casefold, zones):
        return "; name the region: abbreviations are ambiguous and know no daylight saving time"
    cities = {x.rpartition("/")[2].casefold(): x for x in zones}
    return suggest(cities.get(text.casefold().replace(" ", "_")) or text, zones)


def read_keyword(value: str) -> str:
    """Accept text that is visible and can be indexed, or raise InvalidValue."""
    if not value.strip() or not value.isprintable():
        raise InvalidValue("is empty, or contains invisible characters")
    if len(value) > MAX_KEYWORD:
        raise InvalidValue(f"is longer than {MAX_KEYWORD} characters")
    return value


def _path(value: object) -> object:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidValue("is not a valid path")
    if value.startswith("~"):
        raise InvalidValue("begins with ~, which only a shell expands; write the folder in full")
    return value


def _pattern(value: object) -> object:
    if value == "-":
        raise InvalidValue("is standard input; use type: stdin")
    return _path(value)


def _named(expression: str, text: str) -> AfterValidator:
    """Hold a name to a form; the text follows a name that is refused."""
    form = re.compile(expression)

    def hold(value: str) -> str:
        if form.fullmatch(value) is None:
            raise InvalidValue(text)
        return value

    return AfterValidator(hold)


class Written:
    """Marks a path that an output writes to; see ``WrittenPath``."""


Duration = Annotated[
    timedelta,
    BeforeValidator(read_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h|d)$", "examples": ["30s"]}),
]
"""A number and a unit, as ``30s``, ``5m``, ``24h``, ``30d`` or ``500ms``."""
Size = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": "^[0-9]+ ?([kMGT]B|[KMGT]iB|B)$",
            "examples": ["64MB"],
        }
    ),
]
"""Bytes: a number and a unit, as ``64MB``, ``1GiB`` or ``500kB``; without a unit, bytes."""
Count = Annotated[int, BeforeValidator(_count)]
"""A whole number, also as text, which references give. Not ``true``, ``1.0`` or ``1e3``."""
Zone = Annotated[
    ZoneInfo,
    BeforeValidator(read_zone),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["Europe/Rome"]}),
]
"""An IANA time zone by its name."""
FolderPath = Annotated[Path, BeforeValidator(_path)]
"""A folder, which need not exist yet."""
WrittenPath = Annotated[Path, BeforeValidator(_path), Written()]
"""A file or folder that an output writes to, and nothing else may: two outputs with the same one,
or one in the state folder, are an error. Inputs never read it, nor files beside it whose names are
its own, a dot and more, such as rotated ones."""
FilePattern = Annotated[str, BeforeValidator(_pattern)]
"""A file, a folder, or a pattern of them."""
OutputName = Annotated[
    str,
    _named(
        r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}",
        "is not a valid name for an output; use up to 63 letters (a to z), digits, _ and -, the"
        " first of them a letter or digit",
    ),
]
"""The name of an output in the spool, in logs and on the command line."""
LabelName = Annotated[
    str,
    _named(
        r"[A-Za-z0-9_-]{1,128}",
        "is not a valid name for a label; use up to 128 letters (a to z), digits, _ and -",
    ),
]
"""A field below ``labels``."""
Namespace = Annotated[
    str,
    _named(
        NAMESPACE,
        "is not a valid namespace of a data stream; use up to 100 characters, no capital letters,"
        ' no space, and none of - \\ / * ? " < > | , # :',
    ),
]
"""The last part of a data stream's name."""
Keyword = Annotated[str, AfterValidator(read_keyword)]
"""Text that is visible and can be indexed, up to 1,024 characters."""
