"""Prints the lines of one appliance into rotated files, and books their facts.

A subscription writes `mail.current`; a closed file is called `mail.@<local time>.s`. Each begins
with three header lines, and a closed one ends with `End Logfile`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tests.corpus.facts import Said
from tests.corpus.ledger import Ledger, Place
from tests.corpus.truth import Corpus, Expected

# As the appliance prints them, whatever the locale of this machine.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Appliance:
    """One machine that writes logs.

    Attributes:
        name: Its host name, and the name of its folder.
        serial: Its serial number.
        version: The AsyncOS release.
        utc_offset: Local time minus UTC.
    """

    name: str
    serial: str
    version: str
    utc_offset: timedelta


class Line(NamedTuple):
    """A line and when it was written, UTC, finer than the printed second for the order."""

    at: datetime
    said: Said


def stamp(local: datetime) -> str:
    """Return a timestamp as the appliance prints it.

    Args:
        local: Local time of the appliance.

    Returns:
        24 characters, e.g. `Tue Aug  9 10:28:55 2005`.
    """
    return (
        f"{_DAYS[local.weekday()]} {_MONTHS[local.month - 1]} {local.day:2} "
        f"{local.hour:02}:{local.minute:02}:{local.second:02} {local.year}"
    )


def header(appliance: Appliance, begin: datetime) -> bytes:
    """Return the three lines at the beginning of a file.

    Args:
        appliance: The machine that writes it.
        begin: When it begins, UTC.
    """
    prefix = stamp(begin + appliance.utc_offset)
    seconds = int(appliance.utc_offset.total_seconds())
    return (
        f"{prefix} Info: Begin Logfile\n"
        f"{prefix} Info: Version: {appliance.version} SN: {appliance.serial}\n"
        f"{prefix} Info: Time offset from UTC: {seconds} seconds\n"
    ).encode()


def lay_out(
    appliance: Appliance,
    lines: Iterable[Line],
    begins: Sequence[datetime],
    until: datetime | None = None,
) -> Corpus:
    """Print lines into files and book what they mean.

    Args:
        appliance: The machine that writes them.
        lines: Its lines in any order; those before the first file begins are left out, as they
            are in life.
        begins: When each file begins, UTC, whole seconds, ascending; the last is `mail.current`.
        until: When the corpus ends, UTC; what was written later is left out. None for no end.

    Returns:
        The files and the events of this appliance.
    """
    ledger = Ledger()
    files: dict[str, bytes] = {}
    seen = (line for line in lines if begins[0] <= line.at and (until is None or line.at < until))
    ordered = sorted(seen, key=lambda line: line.at)
    position = 0
    for begin, end in zip(begins, [*begins[1:], None], strict=True):
        local = begin + appliance.utc_offset
        name = "current" if end is None else f"@{local:%Y%m%dT%H%M%S}.s"
        path = f"{appliance.name}/mail.{name}"
        content = bytearray(header(appliance, begin))
        while position < len(ordered) and (end is None or ordered[position].at < end):
            at, said = ordered[position]
            position += 1
            prefix = f"{stamp(at + appliance.utc_offset)} {said.level}: ".encode()
            printed = prefix + said.text
            if said.fact is not None:
                ledger.feed(
                    said.fact,
                    Place(
                        appliance.name,
                        path,
                        len(content),
                        printed,
                        at.replace(microsecond=0).astimezone(UTC),
                        appliance.utc_offset,
                        appliance.serial,
                    ),
                )
            content += printed + b"\n"
        if end is not None:
            content += f"{stamp(end + appliance.utc_offset)} Info: End Logfile\n".encode()
        files[path] = bytes(content)
    return Corpus(files, ledger.expected)


def gather(parts: Iterable[Corpus]) -> Corpus:
    """Return several appliances as one corpus.

    Args:
        parts: One an appliance, sorted by name.
    """
    files: dict[str, bytes] = {}
    expected: list[Expected] = []
    for part in parts:
        files |= part.files
        expected += part.expected
    return Corpus(files, expected)
