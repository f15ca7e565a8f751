"""Detection rules: ``rules.yaml`` in the form that Kibana imports, one JSON object a line."""

from collections.abc import Iterable, Mapping
from typing import Any

from tools.assets.sources import read
from tools.assets.templates import VERSION

INDEX = "logs-cisco_esa.auth-*"

MARK = "Managed by: esa-forwarder"
"""A tag: by it ``setup`` finds the rules again."""


def _technique(
    tactic: tuple[str, str], technique: tuple[str, str], sub: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Name a technique as the detection engine does."""
    url = f"https://attack.mitre.org/techniques/{technique[0]}/"
    found: dict[str, Any] = {"id": technique[0], "name": technique[1], "reference": url}
    if sub is not None:
        number = f"{technique[0]}.{sub[0]}"
        found["subtechnique"] = [
            {"id": number, "name": sub[1], "reference": f"{url}{sub[0]}/"},
        ]
    reference = f"https://attack.mitre.org/tactics/{tactic[0]}/"
    return {
        "framework": "MITRE ATT&CK",
        "tactic": {"id": tactic[0], "name": tactic[1], "reference": reference},
        "technique": [found],
    }


_CREDENTIALS = ("TA0006", "Credential Access")
_BRUTE_FORCE = ("T1110", "Brute Force")

THREATS: Mapping[str, Mapping[str, Any]] = {
    "password guessing": _technique(_CREDENTIALS, _BRUTE_FORCE, ("001", "Password Guessing")),
    "password spraying": _technique(_CREDENTIALS, _BRUTE_FORCE, ("003", "Password Spraying")),
    "credential stuffing": _technique(_CREDENTIALS, _BRUTE_FORCE, ("004", "Credential Stuffing")),
    "network sniffing": _technique(_CREDENTIALS, ("T1040", "Network Sniffing")),
    "valid accounts": _technique(("TA0001", "Initial Access"), ("T1078", "Valid Accounts")),
    "account access removal": _technique(("TA0040", "Impact"), ("T1531", "Account Access Removal")),
}
"""MITRE ATT&CK, by the names that ``rules.yaml`` uses."""


def rules() -> list[dict[str, Any]]:
    """Make the rules, in the order of the file."""
    return [_rule(x) for x in read("rules.yaml")]


def _rule(source: Mapping[str, Any]) -> dict[str, Any]:
    """Add what all rules share."""
    threats = _join_tactics(THREATS[x] for x in source["threat"])
    rule = {
        **source,
        # People switch on what fits them; a rule that nobody asked for is noise.
        "enabled": False,
        "to": "now",
        "max_signals": 100,
        "version": VERSION,
        "author": ["esa-forwarder"],
        "license": "Apache-2.0",
        "tags": [
            "Data Source: Cisco Secure Email Gateway",
            "Domain: Email",
            "Use Case: Identity and Access Audit",
            *dict.fromkeys(f"Tactic: {x['tactic']['name']}" for x in threats),
            MARK,
            f"{MARK} {VERSION}",
        ],
        # Logs may be read long after they were written.
        "timestamp_override": "event.ingested",
        "references": [
            y["reference"]
            for x in threats
            for technique in x["technique"]
            for y in technique.get("subtechnique", [technique])
        ],
        "threat": threats,
        "investigation_fields": {"field_names": source["investigation_fields"]},
        "exceptions_list": [],
        "actions": [],
        "language": "esql" if source["type"] == "esql" else "kuery",
    }
    if source["type"] == "threshold":
        rule["threshold"] = {"cardinality": [], **source["threshold"]}
    if source["type"] != "esql":
        rule["index"] = [INDEX]
    return rule


def _join_tactics(threats: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Name a tactic once, with all its techniques, and a technique once, with all its parts."""
    joined: dict[str, dict[str, Any]] = {}
    for threat in threats:
        found = joined.setdefault(threat["tactic"]["id"], {**threat, "technique": []})
        for technique in threat["technique"]:
            same = next((x for x in found["technique"] if x["id"] == technique["id"]), None)
            if same is None:
                found["technique"].append({**technique})
            else:
                same["subtechnique"] = [*same["subtechnique"], *technique["subtechnique"]]
    return list(joined.values())
