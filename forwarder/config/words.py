"""What the configuration and the command line take alike: time zones, and names of appliances.

``parse`` starts without the library of the models, so there is nothing of it here.
"""

import re
from zoneinfo import ZoneInfo, available_timezones

from forwarder.config.issue import Wrong, suggest
from forwarder.ecs.fields import MAX_KEYWORD

_NO_ZONES = frozenset({"localtime", "posixrules"})
"""Files beside the zones: they are what this machine has them to be."""

_ABBREVIATION = re.compile(r"[A-Z]{2,5}")
_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+-])0?(\d{1,2})(?::?00)?", re.IGNORECASE)
_MAX_HOURS = {"+": 14, "-": 12}
"""The zones of whole hours go from Etc/GMT-14, which is ahead of UTC, to Etc/GMT+12."""


def read_zone(value: object) -> ZoneInfo:
    """Find a time zone by its IANA name, as ``Europe/Rome``.

    Raises:
        Wrong: There is none of that name.
    """
    if isinstance(value, ZoneInfo):
        return value
    try:
        if isinstance(value, str) and value not in _NO_ZONES:
            return ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # no such file, a folder, ..
        pass
    raise Wrong(f"is no IANA time zone, as Europe/Rome is{_zone_hint(value)}")


def read_keyword(value: str) -> str:
    """Take a text that can be seen and found.

    Raises:
        Wrong: It cannot.
    """
    if not value.strip() or not value.isprintable():
        raise Wrong("is empty, or has characters in it that cannot be seen")
    if len(value) > MAX_KEYWORD:
        raise Wrong(f"is longer than {MAX_KEYWORD} characters")
    return value


def _zone_hint(value: object) -> str:
    """Find the zone that was meant, also by its city alone.

    Abbreviations are near to others that mean another time: CEST to EST.
    """
    text = str(value)
    zones = sorted(available_timezones() - _NO_ZONES)
    cities = {x.rpartition("/")[2].casefold(): x for x in zones}
    if (found := _OFFSET.fullmatch(text)) and int(found[2]) <= _MAX_HOURS[found[1]]:
        turned = "-" if found[1] == "+" else "+"
        return (
            f"; name the region, so that summer time is known, or take Etc/GMT{turned}{found[2]},"
            f" whose sign is turned round"
        )
    if _ABBREVIATION.fullmatch(text) and text.casefold() not in map(str.casefold, zones):
        return "; name the region: an abbreviation may be of several, and knows no summer time"
    city = cities.get(text.casefold().replace(" ", "_"))
    return suggest(city or text, zones)
