"""The made-up networks of the world: who owns them, and where they are.

Addresses from 240.0.0.0 up are reserved, so they are of no real network.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Network(NamedTuple):
    """What GeoIP would say of an address."""

    number: int
    owner: str
    code: str
    country: str
    latitude: float
    longitude: float


_ROME = ("IT", "Italy", 41.9, 12.5)
_MILAN = ("IT", "Italy", 45.5, 9.2)
_FRANKFURT = ("DE", "Germany", 50.1, 8.7)
_NEW_YORK = ("US", "United States", 40.7, -74.0)
_SINGAPORE = ("SG", "Singapore", 1.3, 103.8)

_NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        "198.51.": Network(64496, "Example Company", *_ROME),
        "203.0.": Network(64497, "Example VPN", *_FRANKFURT),
        "240.0.": Network(64498, "Home Net", *_ROME),
        "240.1.": Network(64499, "Fibre Net", *_MILAN),
        "240.2.": Network(64500, "Mobile Net", *_ROME),
        "240.3.": Network(64500, "Mobile Net", *_MILAN),
        "240.4.": Network(64501, "Third Net", *_ROME),
        "240.8.": Network(64502, "Hotel Net", *_FRANKFURT),
        "240.9.": Network(64503, "Airport Net", *_NEW_YORK),
        "2001:db8:": Network(64507, "Six Net", *_FRANKFURT),
    }
)
_ATTACKERS: Mapping[str, Network] = MappingProxyType(
    {
        "241": Network(65000, "Rented Servers", *_ROME),
        "242": Network(66000, "Botnet Net", *_NEW_YORK),
        "243": Network(67000, "Far Net", *_SINGAPORE),
    }
)
"""By the first number of an address; the second one tells their networks apart."""


def network_of(address: str) -> Network | None:
    """Return the network of an address; private ones have none."""
    first, _, rest = address.partition(".")
    if first in _ATTACKERS:
        network = _ATTACKERS[first]
        return network._replace(number=network.number + int(rest.partition(".")[0]))
    end = address.find(".", len(first) + 1) + 1 or len("2001:db8:")
    return _NETWORKS.get(address[:end])


def country_of(address: str) -> str:
    """Return the country as the appliance has it."""
    network = network_of(address)
    return network.country if network else "not applicable"
