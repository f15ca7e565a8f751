"""Which documents go on, by rules.

A document is dropped where a rule of ``drop`` matches, or where there are rules of ``keep`` and
none matches. A rule matches where each of its conditions does, and a condition where one of its
values does. What a document does not have matches no value: an address that is not known is in no
network.
"""

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple

import orjson

from forwarder.events import Document


class Rule(NamedTuple):
    """Conditions; None for one that is not made."""

    user: Collection[str] | None = None
    """Accounts, or names as clients write them; in lower case."""
    source: Collection[IPv4Network | IPv6Network] | None = None
    action: Collection[str] | None = None
    outcome: Collection[str] | None = None
    appliance: Collection[str] | None = None  # in lower case


class Filter(NamedTuple):
    """Rules; without any, every document passes."""

    keep: tuple[Rule, ...] = ()
    drop: tuple[Rule, ...] = ()


def passes(document: Document, rules: Filter) -> bool:
    """Tell whether a document goes on."""
    found = _facts_of(document)
    if any(_matches(x, found) for x in rules.drop):
        return False
    return not rules.keep or any(_matches(x, found) for x in rules.keep)


class _Facts(NamedTuple):
    """What rules ask for."""

    users: set[str]
    source: Sequence[IPv4Address | IPv6Address]  # one, or none
    action: str
    outcome: str | None
    appliance: str


def _facts_of(document: Document) -> _Facts:
    fields: dict[str, Any] = orjson.loads(document.body)
    event, auth = fields["event"], fields["cisco_esa"].get("auth", {})
    names = fields.get("user", {}).get("name"), auth.get("account")
    return _Facts(
        {x.lower() for x in names if x is not None},
        [_unmapped(ip_address(fields["source"]["ip"]))] if "ip" in fields.get("source", {}) else [],
        event["action"],
        event.get("outcome"),
        fields["host"]["name"].lower(),
    )


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return getattr(address, "ipv4_mapped", None) or address


def _matches(rule: Rule, found: _Facts) -> bool:
    return (
        (rule.action is None or found.action in rule.action)
        and (rule.outcome is None or found.outcome in rule.outcome)
        and (rule.appliance is None or found.appliance in rule.appliance)
        and (rule.user is None or not found.users.isdisjoint(rule.user))
        and (rule.source is None or any(y in x for x in rule.source for y in found.source))
    )
