"""The configured appliances, and which of them a host name or an address belongs to."""

import re
from collections.abc import Iterable
from datetime import timedelta, tzinfo
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

Network = IPv4Network | IPv6Network


class Appliance(NamedTuple):
    """One appliance."""

    name: str  # in documents; also one of its host names
    names: tuple[str, ...] = ()  # further host names and folder names; `*` matches any text
    addresses: tuple[Network, ...] = ()
    serial: str | None = None  # for documents whose log does not contain it
    timezone: tzinfo | None = None  # of timestamps that no file header covers
    labels: tuple[tuple[str, str], ...] = ()
    namespace: str | None = None
    silence: timedelta | None = None  # how long it may send nothing, if it differs from the others


class Appliances:
    """All configured appliances."""

    def __init__(self, entries: Iterable[Appliance] = (), *, known_only: bool = False) -> None:
        """Take entries; no two of them may claim the same name or address."""
        self.known_only = known_only  # whether messages from other senders are refused
        self.found: set[str] = set()  # names of those that were found so far
        self.by_name = {x.name: x for x in entries}
        self._hosts: dict[str, Appliance] = {}
        self._networks: list[tuple[Network, Appliance]] = []
        self._patterns: list[tuple[re.Pattern[str], Appliance]] = []
        for entry in self.by_name.values():
            self._hosts[entry.name.casefold()] = entry
            for name in entry.names:
                if "*" in name:
                    self._patterns.append((re.compile(_expression(name), re.DOTALL), entry))
                else:
                    self._hosts[name.casefold()] = entry
            self._networks += ((x, entry) for x in entry.addresses)

    def find(self, host: str) -> Appliance | None:
        """Find the appliance of a host name or an address; case does not matter."""
        name = host.casefold()
        found = self._hosts.get(name) or self._find_pattern(name) or self._find_address(host)
        if found is not None:
            self.found.add(found.name)
        return found

    def name_of(self, host: str) -> str:
        """Return the name of a host's appliance; the host's own name if it is not configured."""
        found = self.find(host)
        return host if found is None else found.name

    def _find_pattern(self, name: str) -> Appliance | None:
        return next((y for x, y in self._patterns if x.fullmatch(name)), None)

    def _find_address(self, host: str) -> Appliance | None:
        try:
            address = read_ip(host)
        except ValueError:
            return None
        return next((y for x, y in self._networks if address in x), None)


def read_ip(text: str) -> IPv4Address | IPv6Address:
    """Parse an IP address, IPv4-mapped IPv6 as IPv4; raises ValueError for anything else."""
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def have_common_name(pattern: str, other: str) -> bool:
    """Whether there is a name that both patterns match."""
    first, second = pattern.casefold(), other.casefold()
    if "*" not in first:
        first, second = second, first
    if "*" not in first:
        return first == second
    begin, end = first.partition("*")[0], first.rpartition("*")[2]
    if "*" not in second:
        fits = second.startswith(begin) and second.endswith(end)
        return fits and re.fullmatch(_expression(first), second, re.DOTALL) is not None
    # What is between the ends of one fits into a star of the other.
    starts, ends = second.partition("*")[0], second.rpartition("*")[2]
    return (begin.startswith(starts) or starts.startswith(begin)) and (
        end.endswith(ends) or ends.endswith(end)
    )


def _expression(pattern: str) -> str:
    """Translate a pattern so that each text between stars is searched for once."""
    first, *others = map(re.escape, pattern.casefold().split("*"))
    *middle, last = others
    return first + "".join(f"(?>.*?{x})" for x in middle) + ".*" + last
