"""What the configuration and the command line take alike: time zones, and names of appliances.

``parse`` starts without the library of the models, so there is nothing of it here.
"""

from zoneinfo import ZoneInfo, available_timezones

from forwarder.ecs_fields import MAX_KEYWORD
from forwarder.settings.mistakes import Wrong, suggest

_NO_ZONES = frozenset({"localtime", "posixrules"})
"""Files beside the zones: they are what this machine has them to be."""


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
    """Find the zone that was meant, also by its city alone."""
    zones = sorted(available_timezones() - _NO_ZONES)
    cities = {x.rpartition("/")[2].casefold(): x for x in zones}
    city = cities.get(str(value).casefold().replace(" ", "_"))
    return suggest(city or str(value), zones)
