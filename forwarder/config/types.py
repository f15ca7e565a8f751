"""Types of settings: durations, sizes, time zones, paths, names.

Each reads what people write, names what is allowed, and is written the same way again. The command
line reads durations, zones and names with the same functions.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticKnownError

from forwarder.ecs.layout import MAX_KEYWORD
from forwarder.errors import ForwarderError
from forwarder.inputs.syslog.sockets import Address, read_address

_LOOPBACK = "127.0.0.1"

MAX_HOST = 255
"""Characters of the name of a host, and of a pattern of names (RFC 5424, section 6.2.4)."""

NAMESPACE = r'[^-A-Z\\/*?"<>| ,#:]{1,100}'
"""Elastic's data stream naming scheme: lower case, no hyphen, nothing that an index name must not
have."""

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

_Item = TypeVar("_Item")
_Quantity = TypeVar("_Quantity", int, timedelta)

_QUANTITY = re.compile(r"([0-9]{1,15}) ?([A-Za-z]+)")
_COUNT = re.compile(r"[0-9]{1,15}")


class InvalidValue(ValueError):  # noqa: N818 - it is the value that is
    """A value is refused; the message follows the value: "is not a valid duration; ..."."""


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
    """Refuse a value outside of two limits; the message names both."""

    def hold(value: _Quantity) -> _Quantity:
        if not least <= value <= most:
            raise InvalidValue(f"is not between {write(least)} and {write(most)}")
        return value

    return AfterValidator(hold)


def _read_with(read: Callable[[str], object], kind: type | UnionType) -> BeforeValidator:
    """Read text; a value of the kind, such as a default, stays as it is."""
    return BeforeValidator(lambda x: x if isinstance(x, kind) else read(str(x)))


def read_duration(text: str) -> timedelta:
    """Read a duration, as ``90s``; raise InvalidValue for what is not one."""
    advice = "duration; use a whole number and ms, s, m, h or d, as in 30s, up to 36500d"
    return _read(text, _DURATIONS, _MAX_DURATION, advice)


def _size(value: object) -> int:
    if type(value) is int and 0 <= value <= MAX_SIZE:
        return value
    advice = (
        "size; use a whole number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, as in 64MB, up to"
        " 1000TB"
    )
    return _read(str(value), _SIZES, MAX_SIZE, advice)


def _read(text: str, units: Mapping[str, _Quantity], most: _Quantity, advice: str) -> _Quantity:
    found = _QUANTITY.fullmatch(text)
    if found is None or found[2] not in units or int(found[1]) > most / units[found[2]]:
        raise InvalidValue(f"is not a valid {advice}")
    return int(found[1]) * units[found[2]]


def _count(value: object) -> int:
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise PydanticKnownError("int_type")


def read_zone(text: str) -> ZoneInfo:
    """Find a time zone by its IANA name, as ``Europe/Rome``, or raise InvalidValue."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # no such file, a folder, ..
        raise InvalidValue("is not an IANA time zone, such as Europe/Rome") from None


def read_keyword(value: str) -> str:
    """Accept text that is visible and can be indexed, or raise InvalidValue."""
    if not value.strip() or not value.isprintable():
        raise InvalidValue("is empty, or contains invisible characters")
    if len(value) > MAX_KEYWORD:
        raise InvalidValue(f"is longer than {MAX_KEYWORD} characters")
    return value


def read_host(value: str) -> str:
    """Accept the name of a host, or raise InvalidValue."""
    if len(read_keyword(value)) > MAX_HOST:
        raise InvalidValue(f"is longer than {MAX_HOST} characters")
    return value


def _path(value: object) -> object:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidValue("is not a valid path")
    if value.startswith("~"):
        raise InvalidValue("begins with ~, which only a shell expands; write the folder in full")
    return value


def _address(text: str) -> Address:
    try:
        return read_address(text)
    except ForwarderError as error:
        raise InvalidValue(str(error)) from None


def _http_address(text: str) -> Address:
    host = "" if ":" in text else f"{_LOOPBACK}:"
    try:
        return read_address(f"tcp://{_LOOPBACK if text[:1] == ':' else host}{text}")
    except ForwarderError:
        raise InvalidValue(
            "is not a port or HOST:PORT; use 9273, 192.0.2.7:9273 or [::]:9273"
        ) from None


_MAPPED_BITS = 96  # in front of an IPv4 address in one of IPv6


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text)
    except ValueError:
        raise InvalidValue(_explain_network(text)) from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return ip_network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _explain_network(text: str) -> str:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return "is not an address or a network; use 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"
    address = text.partition("/")[0]
    return (
        f"has bits behind its /{meant.prefixlen}; use {meant} for the network, or {address} for the"
        " address"
    )


def _listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


class _ItemOrList:
    """Allows a list of one without brackets in the JSON Schema."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found = handler(schema)
        return {"anyOf": [found["items"], found]}


class Written:
    """Marks a path that an output writes to; see ``WrittenPath``."""


OneOrMore = Annotated[
    tuple[_Item, ...], Field(min_length=1), BeforeValidator(_listed), _ItemOrList()
]
"""A list that is not empty; of one item, also the item alone."""
Duration = Annotated[
    timedelta,
    _read_with(read_duration, timedelta),
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
    _read_with(read_zone, ZoneInfo),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["Europe/Rome"]}),
]
FolderPath = Annotated[Path, BeforeValidator(_path)]
"""A folder, which need not exist yet."""
WrittenPath = Annotated[Path, BeforeValidator(_path), Written()]
"""A file or folder that an output writes to, and nothing else may: two outputs with the same one,
or one in the state folder, are an error. Inputs never read it, nor files beside it whose names are
its own, a dot and more, such as rotated ones."""
FilePattern = Annotated[str, BeforeValidator(_path)]
ListenAddress = Annotated[
    Address,
    _read_with(_address, Address),
    PlainSerializer(lambda address: address.url, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(udp|tcp|tls|unix)://.+$",
            "examples": ["udp://127.0.0.1:5514"],
        }
    ),
]
HttpAddress = Annotated[
    Address,
    _read_with(_http_address, Address),
    PlainSerializer(lambda address: address.url.removeprefix("tcp://"), return_type=str),
    WithJsonSchema({"type": ["string", "integer"], "examples": [9273, "192.0.2.7:9273"]}),
]
"""Where HTTP is served: a port of this host alone, or a host and a port."""
Network = Annotated[
    IPv4Network | IPv6Network,
    _read_with(_network, IPv4Network | IPv6Network),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["192.0.2.0/24"]}),
]
OutputName = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
"""The name of an output in the spool, in logs and on the command line."""
LabelName = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,128}$")]
"""A field below ``labels``."""
Namespace = Annotated[str, Field(pattern=rf"^{NAMESPACE}$")]
"""The last part of a data stream's name."""
Keyword = Annotated[str, AfterValidator(read_keyword)]
"""Text that is visible and can be indexed, up to 1,024 characters."""
ANY_CASE = AfterValidator(str.lower)
"""Marks text of which capital letters do not matter."""
Host = Annotated[str, AfterValidator(read_host)]
"""The name of a host, up to 255 characters."""


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the settings of a model by their names in a configuration."""
    return {name_of(x, y): y for x, y in model.model_fields.items()}


def name_of(attribute: str, field: FieldInfo) -> str:
    """Return the name of a setting in a configuration."""
    return field.validation_alias if isinstance(field.validation_alias, str) else attribute


def models_in(annotation: object) -> list[type[BaseModel]]:
    """Return the models within a type."""
    return [x for x in types_in(annotation) if isinstance(x, type) and issubclass(x, BaseModel)]


def types_in(annotation: object) -> Iterator[object]:
    """Yield an annotation and all within it, such as those of a list's items, and metadata."""
    yield annotation
    for inner in (*getattr(annotation, "__metadata__", ()), *get_args(annotation)):
        yield from types_in(inner)
