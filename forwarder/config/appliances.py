"""The appliances of a configuration, and which of their entries contradict one another."""

from collections.abc import Iterator, Mapping

from forwarder.appliances import Appliance, Appliances, Network, have_common_name
from forwarder.config.issue import Loc, format_path, quoted
from forwarder.config.models import ApplianceSettings, TopSettings


def appliances_of(settings: TopSettings) -> Appliances:
    """Return the appliances that are configured."""
    entries = [
        Appliance(
            name,
            x.names,
            x.addresses,
            x.serial,
            x.timezone,
            tuple(x.labels.items()),
            x.namespace,
            x.silence,
        )
        for name, x in settings.appliances.items()
    ]
    return Appliances(entries, known_only=settings.known_appliances_only)


def find_conflicts(settings: TopSettings) -> Iterator[tuple[Loc, str]]:
    """Yield where two entries claim one name or address, and what is wrong there."""
    if settings.known_appliances_only and not settings.appliances:
        text = "refuses all syslog messages, because there are no appliances; add these"
        yield ("known_appliances_only",), text
    for name in settings.appliances:
        if "*" in name:
            text = "is a pattern; give the appliance a name, and put the pattern into its names"
            yield ("appliances", name), text
    yield from _common_names(settings.appliances)
    yield from _common_addresses(settings.appliances)


def _common_names(appliances: Mapping[str, ApplianceSettings]) -> Iterator[tuple[Loc, str]]:
    plain: dict[str, tuple[str, str, Loc]] = {}
    patterns: list[tuple[str, str, Loc]] = []
    for appliance, entry in appliances.items():
        own: Loc = "appliances", appliance
        places = [(appliance, own), *((x, (*own, "names", y)) for y, x in enumerate(entry.names))]
        for name, loc in places:
            claim = appliance, name, loc
            if "*" in name:
                others = [*plain.values(), *patterns]
                patterns.append(claim)
            else:
                others = [x for x in (plain.get(name.casefold()),) if x is not None] + patterns
                plain[name.casefold()] = claim
            for other, claimed, place in others:
                if other != appliance and have_common_name(name, claimed):
                    yield loc, _is_taken(name, claimed, place)


def _common_addresses(appliances: Mapping[str, ApplianceSettings]) -> Iterator[tuple[Loc, str]]:
    claims: list[tuple[Network, str, Loc]] = [
        (address, name, ("appliances", name, "addresses", number))
        for name, entry in appliances.items()
        for number, address in enumerate(entry.addresses)
    ]
    # Networks are apart, or one is in the other: it comes right after that, or after its parts.
    claims.sort(key=lambda x: (x[0].version, int(x[0].network_address), x[0].prefixlen))
    widest = claims[:1]
    for address, name, loc in claims[1:]:
        network, other, place = widest[0]
        if network.version != address.version or not network.supernet_of(address):  # type: ignore[arg-type]
            widest = [(address, name, loc)]
        elif other != name:
            yield loc, _is_taken(str(address), str(network), place)


def _is_taken(claim: str, claimed: str, place: Loc) -> str:
    where = format_path(place)
    if claim.casefold() == claimed.casefold():
        text = f"{quoted(claim)} belongs to {where} already"
    else:
        text = f"{quoted(claim)} overlaps {quoted(claimed)} of {where}"
    return f"{text}; leave it to one appliance"
