"""What tells streams apart, and the keys and values by which a store knows them."""

from datetime import timedelta
from typing import NamedTuple

import orjson

from forwarder.mail_logs.snapshot import offset_of, offset_seconds

SERIALS = "serials"
"""What the keys of serial numbers begin with; all others begin with the number of a stream."""


class Family(NamedTuple):
    """The streams that only serial numbers tell apart."""

    appliance: str
    base: str
    host: str | None
    folder: str  # empty for a stream with a serial number: that says more than the place of a file
    messages: bool = False  # whether it is of messages, which may arrive in another order


class Key(NamedTuple):
    """What identifies a stream."""

    family: Family
    serial: str | None
    file: str | None  # of one without a serial number, where its family has several; None else
    is_late: bool = False  # whether it is of a file that came late


class Beginning(NamedTuple):
    """When a file begins, by itself."""

    stamp: bytes  # of its first line, as a file has it
    offset: timedelta | None  # local time minus UTC, by its header


def serials_key(family: Family) -> str:
    """Return the key under which a store has the serial numbers of a family."""
    return f"{SERIALS}/{orjson.dumps(_names(family)).decode()}"


def dump_stream(key: Key, newest: Beginning | None) -> bytes:
    """Serialise what a store knows a stream by."""
    family, *rest = key
    begun = None
    if newest is not None:
        begun = newest.stamp.decode("latin-1"), offset_seconds(newest.offset)
    return orjson.dumps([_names(family), *rest, begun])


def load_stream(value: bytes) -> tuple[Key, Beginning | None]:
    """Read what :func:`dump_stream` wrote."""
    names, serial, file, is_late, begun = orjson.loads(value)
    newest = None
    if begun is not None:
        stamp, seconds = begun
        newest = Beginning(stamp.encode("latin-1"), offset_of(seconds))
    return Key(Family(*names), serial, file, is_late), newest


def _names(family: Family) -> list[str | bool | None]:
    """Return a family for the store, which has only what differs from a file."""
    return [*family] if family.messages else [*family[:-1]]
