"""Filters documents by rules, and the fields that an output gets by a profile.

A document is dropped if a rule of ``drop`` matches, or if there are rules of ``keep`` and none
matches. A rule matches if all of its conditions do, and a condition if one of its values does. What
a document lacks matches no value: an unknown address is in no network.

Documents are stored whole, once for all outputs; fields are left out at delivery. So a profile can
change, and documents that wait or were rejected have everything.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from forwarder.appliances import Network, read_ip
from forwarder.events import Document, new_document

REPETITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "client": ("client",),
        "server": ("server",),
        "message": ("message",),
        "source_user": ("source", "user"),
        "user_id": ("user", "id"),
    }
)
"""The path of what repeats other fields, by the name of its setting; ``lean`` leaves them out."""

# Quotation marks within texts are escaped, so no text looks like these.
_MESSAGE, _BEHIND_MESSAGE = b'},"message":"', b',"log":{'
_RELATED = b',"related":{'
_END_OF_TAGS = b'],"'


class Rule(NamedTuple):
    """Conditions; None where there is none."""

    user: Collection[str] | None = None
    """Accounts, or names as clients write them; in lower case."""
    source: Collection[Network] | None = None
    action: Collection[str] | None = None
    outcome: Collection[str] | None = None
    appliance: Collection[str] | None = None  # in lower case


class Filter(NamedTuple):
    """Rules; without any, every document passes."""

    keep: tuple[Rule, ...] = ()
    drop: tuple[Rule, ...] = ()


def passes(document: Document, rules: Filter) -> bool:
    """Tell whether a document passes the rules."""
    fields: dict[str, Any] = orjson.loads(document.body)
    event, auth = fields["event"], fields["cisco_esa"].get("auth", {})
    names = fields.get("user", {}).get("name"), auth.get("account")
    users = {x.lower() for x in names if x is not None}
    ip = fields.get("source", {}).get("ip")
    source = None if ip is None else read_ip(ip)
    appliance = fields["host"]["name"].lower()

    def matches(rule: Rule) -> bool:
        return (
            (rule.action is None or event["action"] in rule.action)
            and (rule.outcome is None or event.get("outcome") in rule.outcome)
            and (rule.appliance is None or appliance in rule.appliance)
            and (rule.user is None or not users.isdisjoint(rule.user))
            and (
                rule.source is None
                or (source is not None and any(source in x for x in rule.source))
            )
        )

    if any(map(matches, rules.drop)):
        return False
    return not rules.keep or any(map(matches, rules.keep))


def leave_out(document: Document, groups: Collection[str]) -> Document:
    """Return a document without some of :data:`REPETITIONS`.

    Users and both ends of the connection follow one another in every document, between ``tags``
    and ``related``. Only this part is parsed, which takes a fifth of the time.
    """
    body = document.body
    end = body.find(_RELATED)
    begin = body.rfind(_END_OF_TAGS, 0, end + 2) + 2
    if begin < end:
        fields = orjson.loads(b"{%b}" % body[begin:end])
        for group in groups:
            outer, *inner = REPETITIONS[group]
            if not inner:
                fields.pop(outer, None)
            elif outer in fields:
                fields[outer].pop(*inner, None)
                if not fields[outer]:  # a source without an address, of a login that is not joined
                    del fields[outer]
        kept = orjson.dumps(fields)[1:-1]
        body = b"".join((body[:begin], kept, body[end if kept else end + 1 :]))
    if "message" in groups and (at := body.find(_MESSAGE)) >= 0:
        body = body[: at + 1] + body[body.index(_BEHIND_MESSAGE, at) :]
    return new_document((document.id, body))
