"""Where sources are: country, place and network of an address, from the operator's databases.

* A database is read into memory as a whole: truncating a mapped file would kill the process.
* Files are checked every few seconds, and read again when they were replaced. If that fails, what
  was read before stays in use.
"""

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import orjson

from forwarder.cache import BoundedCache
from forwarder.ecs.layout import without_empty
from forwarder.errors import ConfigError
from forwarder.events import Document, new_document
from forwarder.text import error_text

if TYPE_CHECKING:
    from maxminddb import Reader

LOOK_SECONDS = 5.0
_MAX_NUMBER = 1 << 32  # of autonomous systems
_FAULTS = OSError, ValueError, RuntimeError  # maxminddb.InvalidDatabaseError is one of the last

_Value = TypeVar("_Value", str, int, float)


class _Database(NamedTuple):
    version: tuple[int, int, int]  # differs when the file was replaced
    reader: "Reader"


def require_databases(paths: Iterable[Path]) -> None:
    """Raise ConfigError if a database cannot be read."""
    for path in paths:
        try:
            _open(path)
        except _FAULTS as error:
            raise ConfigError(_describe(path, error)) from error


class GeoIp:
    """Adds ``source.geo`` and ``source.as`` to documents."""

    def __init__(self, paths: Iterable[Path], clock: Callable[[], float] = time.monotonic) -> None:
        """Read the databases, if need be again later; the clock gives seconds."""
        self._clock = clock
        self._databases: dict[Path, _Database | None] = dict.fromkeys(paths)
        self._troubles: dict[Path, str] = {}
        self._found = BoundedCache(self._find)
        self._looked_at = -math.inf
        self.look()

    @property
    def trouble(self) -> str | None:
        """Why a database cannot be read; None while all can be."""
        return "; ".join(self._troubles.values()) or None

    def look(self) -> None:
        """Read databases that are new or were replaced, at most every few seconds."""
        if self._clock() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = self._clock()
        for path, database in self._databases.items():
            self._troubles.pop(path, None)
            try:
                if database is None or _version(path) != database.version:
                    self._databases[path] = _open(path)
                    self._found.clear()
            except _FAULTS as error:
                self._troubles[path] = _describe(path, error)

    def add(self, document: Document) -> Document:
        """Add what is known of the source's address."""
        fields = orjson.loads(document.body)
        address = fields.get("source", {}).get("ip")
        found = {} if address is None else self._found[address]
        if not found:
            return document
        fields["source"] |= found
        return new_document((document.id, orjson.dumps(fields)))

    def _find(self, address: str) -> Mapping[str, Any]:
        if not ip_address(address).is_global:
            return {}
        found: dict[str, Any] = {}
        for database in filter(None, self._databases.values()):
            try:
                found |= _lay_out(database.reader.get(address))
            except _FAULTS:  # an address of IPv6 in a database of IPv4, or a damaged record
                continue
        return found


def _open(path: Path) -> _Database:
    import maxminddb  # noqa: PLC0415 - most services have no use for it

    return _Database(_version(path), maxminddb.open_database(path, maxminddb.MODE_MEMORY))


def _version(path: Path) -> tuple[int, int, int]:
    status = os.stat(path)  # noqa: PTH116 - as of other files
    return status.st_ino, status.st_mtime_ns, status.st_size


def _describe(path: Path, error: Exception) -> str:
    words = "it is damaged, or not a MaxMind database"
    if isinstance(error, OSError):
        words = error.strerror or error_text(error)
    return f"documents.geoip: {str(path)!r} cannot be read: {words}"


def _lay_out(record: object) -> dict[str, Any]:
    """Return the ECS fields of a record from a database of cities, countries or networks."""

    def at(kind: type[_Value], *keys: str | int) -> _Value | None:
        value: Any = record
        for key in keys:
            try:
                value = value[key]
            except (LookupError, TypeError):
                return None
        return value if isinstance(value, kind) else None

    country, region = at(str, "country", "iso_code"), at(str, "subdivisions", 0, "iso_code")
    location = {"lat": at(float, "location", "latitude"), "lon": at(float, "location", "longitude")}
    number = at(int, "autonomous_system_number")
    return without_empty(
        {
            "geo": {
                "continent_name": at(str, "continent", "names", "en"),
                "country_iso_code": country,
                "country_name": at(str, "country", "names", "en"),
                # As ISO 3166-2 has it: IT-25.
                "region_iso_code": f"{country}-{region}" if country and region else None,
                "region_name": at(str, "subdivisions", 0, "names", "en"),
                "city_name": at(str, "city", "names", "en"),
                "location": None if None in location.values() else location,
            },
            "as": {
                "number": number if number is not None and number < _MAX_NUMBER else None,
                "organization": {"name": at(str, "autonomous_system_organization")},
            },
        }
    )
