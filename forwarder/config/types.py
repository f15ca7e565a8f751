"""Kinds of values: durations, sizes, time zones, folders, names.

They are types for the fields of a model. Each reads what people write, says what is allowed, and
is written the same way again.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticKnownError

from forwarder.config.issue import Wrong, suggest
from forwarder.config.words import read_keyword, read_zone
from forwarder.ecs.fields import FIELDS

_DURATIONS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
"""Longest first. Units as in Go and Filebeat, and days, which logs are kept for."""
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
_OUTPUT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NAMESPACE = FIELDS["data_stream.namespace"].allowed


def format_duration(duration: timedelta) -> str:
    """Write a duration, as ``90s``; the largest unit of which it is a whole number."""
    unit = next((x for x, y in _DURATIONS.items() if duration and not duration % y), "s")
    return f"{duration / _DURATIONS[unit]:.15g}{unit}"


def format_size(size: int) -> str:
    """Write a size in bytes, as ``64MB``; the largest unit of which it is a whole number."""
    unit = next((x for x, y in _SIZES.items() if size and not size % y), "B")
    return f"{size // _SIZES[unit]}{unit}"


def between(
    least: _Quantity, most: _Quantity, write: Callable[[_Quantity], str] = str
) -> AfterValidator:
    """Hold a value to limits, and say both where it is beyond one."""

    def hold(value: _Quantity) -> _Quantity:
        if not least <= value <= most:
            raise Wrong(f"is not between {write(least)} and {write(most)}")
        return value

    return AfterValidator(hold)


def read_duration(value: object) -> timedelta:
    """Read a duration, as ``90s``.

    Raises:
        Wrong: It is none.
    """
    if isinstance(value, timedelta):
        return value
    found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2] not in _DURATIONS:
        raise Wrong("is no duration; say a whole number and ms, s, m, h or d, as in 30s")
    if int(found[1]) > _MAX_DURATION / _DURATIONS[found[2]]:
        raise Wrong(f"is too long; the longest is {format_duration(_MAX_DURATION)}")
    return int(found[1]) * _DURATIONS[found[2]]


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
        if found is None or found[2] not in _SIZES:
            hint = suggest(found[1] + found[2], (found[1] + x for x in _SIZES)) if found else ""
            raise Wrong(
                "is no size; say a whole number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, as "
                f"in 64MB{hint}"
            )
        size = int(found[1]) * _SIZES[found[2]]
    if not 0 <= size <= MAX_SIZE:
        raise Wrong(f"is no size between 0 and {format_size(MAX_SIZE)}")
    return size


def _count(value: object) -> int:
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise PydanticKnownError("int_type")


class Written:
    """Marks a path that an output writes to; see ``WrittenPath``."""


@dataclass(frozen=True, slots=True, init=False)
class Beside:
    """Marks what else an output writes, or deletes, in the folder of a ``WrittenPath``.

    As with the path itself, no input may read it, and no other output may have it:

        path: Annotated[WrittenPath, Beside("{name}.[0-9]", ".{name}.lock")]
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Take the forms of names.

        Args:
            *names: In each, ``{name}`` stands for the name of the path, where links lead, and
                ``*``, ``?`` and ``[]`` match as in a shell.
        """
        object.__setattr__(self, "names", names)


def _written(value: object) -> object:
    return value if isinstance(value, Path) else _path(value)


def _path(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise Wrong("is no path")
    if value.startswith("~"):
        raise Wrong("begins with ~, which only a shell knows; say the folder in full")
    return value


def _pattern(value: object) -> str:
    if value == "-":
        raise Wrong("is standard input; say type: stdin")
    return _path(value)


def _output_name(value: str) -> str:
    if _OUTPUT_NAME.fullmatch(value) is None:
        raise Wrong(
            "is no name for an output; take up to 63 letters (a to z), digits, _ and -, the first "
            "of them a letter or digit"
        )
    return value


def _label(value: str) -> str:
    if _LABEL.fullmatch(value) is None:
        raise Wrong("is no name for a label; take up to 128 letters (a to z), digits, _ and -")
    return value


def _namespace(value: str) -> str:
    if not isinstance(_NAMESPACE, re.Pattern) or _NAMESPACE.fullmatch(value) is None:
        raise Wrong(
            "is no namespace of a data stream; take up to 100 characters, no capital letters, no "
            'blank, and none of - \\ / * ? " < > | , # :'
        )
    return value


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
"""A whole number; as text, as references give it, too. Not ``true``, ``1.0`` or ``1e3``."""

Zone = Annotated[
    ZoneInfo,
    BeforeValidator(read_zone),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["Europe/Rome"]}),
]
"""An IANA time zone by its name."""

FolderPath = Annotated[Path, BeforeValidator(_path)]
"""A folder, which need not be there yet."""
WrittenPath = Annotated[Path, BeforeValidator(_written), Written()]
"""A file or folder that an output writes to, and nothing else may: two outputs of a configuration
with one are a mistake; see also ``Beside``. As any ``Path`` of an output, it may neither be in the
state folder nor be read by an input."""
FilePattern = Annotated[str, BeforeValidator(_pattern)]
"""A file, a folder, or a pattern of them."""
OutputName = Annotated[str, AfterValidator(_output_name)]
"""How an output is called in the spool, in logs and on the command line."""
LabelName = Annotated[str, AfterValidator(_label)]
"""A field below ``labels``."""
Namespace = Annotated[str, AfterValidator(_namespace)]
"""The last part of a data stream's name."""
Keyword = Annotated[str, AfterValidator(read_keyword)]
"""Text that can be seen and found, up to 1,024 characters."""
