"""The rules in Sigma, as far as it can tell them.

Sigma knows neither strangers nor what was new: these rules count what ours count, and are noisier.
It has no function for the account either, so it goes by the user as it was written. What it can
tell in order (``temporal_ordered``), pySigma converts neither for Elasticsearch's ES|QL nor for
Splunk: refusals and the login are searched for in any order.
"""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.detection.table import RULES as TABLE
from tests.detection.table import Rule

_DATE = "2026-03-01"
_SITE = "https://attack.mitre.org/"
_OUTBOUND = "smtp-relay-authentication"
_COUNTS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "guessing": (
            "event_count",
            {"group-by": ["source.ip"], "timespan": "1d", "condition": {"gte": 20}},
        ),
        "spraying": (
            "value_count",
            {
                "group-by": ["source.ip"],
                "timespan": "1d",
                "condition": {"field": "user.name", "gte": 10},
            },
        ),
        "distributed_guessing": (
            "value_count",
            {
                "group-by": ["user.name"],
                "timespan": "1d",
                "condition": {"field": "source.ip", "gte": 8},
            },
        ),
        "smart_host": (
            "event_count",
            {
                "group-by": ["destination.address", "cisco_esa.auth.profile"],
                "timespan": "1d",
                "condition": {"gte": 3},
            },
        ),
    }
)
_DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "guessing": (
            "A source was refused at least 20 times within a day; it may also have logins."
        ),
        "in_after_refusals": (
            "A user was refused at least five times from a source, and logged in from there, within"
            " 7 days. The order is not checked: see whether the refusals came first."
        ),
        "spraying": (
            "A source was refused for at least ten users within a day; it may also have logins."
        ),
        "distributed_guessing": (
            "A user was refused from at least eight sources within a day, possibly including the "
            "user's own."
        ),
        "no_tls": (
            "A client sent a password with PLAIN or LOGIN over the internet without TLS: anyone on "
            "the path could read it, even if it was refused. Every attempt raises an alert."
        ),
        "smart_host": (
            "A smart host refused the appliance's login at least three times within a day: mail to "
            "it is queued or bounces."
        ),
    }
)
"""What they find is not quite what ours find."""
_NO_TLS = {
    "selection": {
        "event.action": "smtp-authentication",
        "cisco_esa.auth.mechanism": ["PLAIN", "LOGIN"],
        "cisco_esa.connection.correlated": True,
    },
    "encrypted": {"tls.established": True},
    "inside": {"source.ip|cidr": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"]},
    "condition": "selection and not encrypted and not inside",
}
_TACTICS = MappingProxyType({"T1078": "initial-access", "T1531": "impact"})


def _rule(name: str, title: str, description: str, level: str, **more: object) -> str:
    """Write one rule; each value in JSON, which is YAML, too."""
    fields = {
        "title": title,
        "id": str(uuid5(NAMESPACE_URL, f"esa-forwarder/{name}")),
        "name": f"cisco_esa_{name}",
        "status": "experimental",
        "description": description,
        "author": "esa-forwarder",
        "date": _DATE,
        "taxonomy": "ecs",
        **more,
        "level": level,
    }
    return "".join(f"{x}: {json.dumps(y)}\n" for x, y in fields.items())


def _attempt(name: str, title: str, outcome: str, action: str = "smtp-authentication") -> str:
    """Write a rule that others count."""
    return _rule(
        name,
        title,
        "Not to be alerted on by itself; other rules count it.",
        "informational",
        logsource={"product": "cisco", "service": "esa"},
        detection={
            "selection": {"event.action": action, "event.outcome": outcome},
            "condition": "selection",
        },
    )


def _texts(rule: Rule) -> dict[str, Any]:
    tags = [
        y
        for x in rule.techniques
        for y in (f"attack.{_TACTICS.get(x, 'credential-access')}", f"attack.{x.lower()}")
    ]
    return {"falsepositives": list(rule.false_positives), "tags": list(dict.fromkeys(tags))}


def _title(rule: Rule) -> str:
    return (
        f"Cisco ESA {rule.name}".title()
        .replace("Smtp", "SMTP")
        .replace("Tls", "TLS")
        .replace("Esa", "ESA")
    )


def _documents(rule: Rule) -> Iterator[str]:
    """Give the rules of a file."""
    if rule.sigma == "no_tls":
        yield _rule(
            rule.sigma,
            _title(rule),
            _DESCRIPTIONS[rule.sigma],
            rule.severity,
            logsource={"product": "cisco", "service": "esa"},
            detection=_NO_TLS,
            **_texts(rule),
        )
        return
    base = f"{rule.sigma}_refusal"
    action = _OUTBOUND if rule.sigma == "smart_host" else "smtp-authentication"
    yield _attempt(base, f"{_title(rule)} - Refusal", "failure", action)
    if rule.sigma == "in_after_refusals":
        pair = {"group-by": ["source.ip", "user.name"], "timespan": "7d"}
        yield _attempt("login_accepted", "Cisco ESA SMTP Login Accepted", "success")
        yield _rule(
            "refused_often",
            "Cisco ESA Several Refusals Of A User From One Source",
            "A user was refused five times or more from one address.",
            "low",
            correlation={
                "type": "event_count",
                "rules": [f"cisco_esa_{base}"],
                **pair,
                "condition": {"gte": 5},
            },
        )
        correlation = {
            "type": "temporal",
            "rules": ["cisco_esa_refused_often", "cisco_esa_login_accepted"],
            **pair,
        }
    else:
        kind, more = _COUNTS[rule.sigma]
        correlation = {"type": kind, "rules": [f"cisco_esa_{base}"], **more}
    yield _rule(
        rule.sigma,
        _title(rule),
        _DESCRIPTIONS[rule.sigma],
        rule.severity,
        correlation=correlation,
        **_texts(rule),
    )


RULES: Mapping[str, str] = MappingProxyType(
    {x.sigma: "---\n".join(_documents(x)) for x in TABLE if x.sigma}
)
"""The files by their names."""
