"""Makes what is shipped of the table: rules for Kibana, rules in Sigma, and the documentation.

``python -m tests.detection.making`` writes all of it, as ``make rules`` does.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.detection.queries import CONTEXT, SCORES
from tests.detection.sigma import RULES as SIGMA
from tests.detection.table import PREFIX, RULES, Rule

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "plugins" / "forwarder_elasticsearch" / "assets"
DOCUMENT = ROOT / "docs" / "kibana.md"
BEGIN, END = "<!-- rules: made by make rules -->", "<!-- end of rules -->"
_ID = "5f7b1c1e-5a0d-4c39-9e0b-6f1d1f6b0b"
_VERSION = 1
_MARK = "Managed by: esa-forwarder"
_BY_ALERT = MappingProxyType(
    {
        "severity_mapping": [
            {"field": "severity", "operator": "equals", "value": x, "severity": x} for x in SCORES
        ],
        "risk_score_mapping": [{"field": "risk", "operator": "equals", "value": ""}],
    }
)
"""An alert has the severity that its row says."""
_SITE = "https://attack.mitre.org"


class _Technique(NamedTuple):
    name: str
    tactic: str
    parent: str = ""


_TACTICS: Mapping[str, str] = MappingProxyType(
    {"TA0001": "Initial Access", "TA0006": "Credential Access", "TA0040": "Impact"}
)
_TECHNIQUES: Mapping[str, _Technique] = MappingProxyType(
    {
        "T1040": _Technique("Network Sniffing", "TA0006"),
        "T1078": _Technique("Valid Accounts", "TA0001"),
        "T1110": _Technique("Brute Force", "TA0006"),
        "T1110.001": _Technique("Password Guessing", "TA0006", "T1110"),
        "T1110.003": _Technique("Password Spraying", "TA0006", "T1110"),
        "T1110.004": _Technique("Credential Stuffing", "TA0006", "T1110"),
        "T1133": _Technique("External Remote Services", "TA0001"),
        "T1531": _Technique("Account Access Removal", "TA0040"),
    }
)


def kibana_rule(rule: Rule) -> dict[str, Any]:
    """Make the rule as Kibana imports it."""
    tactics = sorted({_TACTICS[_TECHNIQUES[x].tactic] for x in rule.techniques})
    return {
        "rule_id": _ID + rule.end,
        "name": PREFIX + rule.name,
        "description": rule.description,
        "severity": rule.severity,
        "risk_score": SCORES[rule.severity],
        **(_BY_ALERT if "severity = CASE" in rule.query else {}),
        "type": "esql",
        "language": "esql",
        "query": rule.query,
        "interval": f"{rule.interval}m",
        "from": f"now-{rule.window}",
        "to": "now",
        "timestamp_override": "event.ingested",
        "max_signals": 100,
        "threat": list(_threat(rule)),
        "investigation_fields": {"field_names": [*rule.shown, *_context(rule)]},
        "false_positives": list(rule.false_positives),
        "note": _guide(rule),
        "setup": _setup(rule),
        "references": [_link(x) for x in rule.techniques],
        "enabled": False,
        "version": _VERSION,
        "author": ["esa-forwarder"],
        "license": "Apache-2.0",
        "tags": [
            "Data Source: Cisco Secure Email Gateway",
            "Domain: Email",
            "Use Case: Identity and Access Audit",
            *(f"Tactic: {x}" for x in tactics),
            _MARK,
            f"{_MARK} {_VERSION}",
        ],
        "exceptions_list": [],
        "actions": [],
    }


def _context(rule: Rule) -> list[str]:
    return [x for x in CONTEXT if x in rule.query]


def _guide(rule: Rule) -> str:
    days = 30 if rule.window == "30d" else 8
    look = "\n\n".join(f"{x}. {y}{_button(y, days)}" for x, y in enumerate(rule.look, 1))
    do = "\n".join(f"{x}. {y}" for x, y in enumerate(rule.do, 1))
    causes = "\n".join(f"- {x}" for x in rule.false_positives)
    return (
        f"## What happened\n{rule.says}\n\n"
        f"## What to look at\nButtons query the last {days} days. In a copied query, replace "
        f"`{{{{...}}}}`, including the braces, with the alert's value.\n\n{look}\n\n"
        f"## What to do\n{do}\n\n"
        f"## If it is a false alarm\nKnown causes:\n{causes}\n\n{_exception(rule)}\n"
    )


def _exception(rule: Rule) -> str:
    """Tell how to keep the rule quiet: exceptions go by fields of documents, not of the alert."""
    subject = rule.shown[0]
    field = "cisco_esa.auth.account" if subject == "user.name" else subject
    value = "" if field == subject else f" with the value of `{subject}`"
    return (
        f"If it is likely to recur, add a rule exception for `{field}`{value}; let it expire if"
        " the cause is temporary."
    )


def _button(step: str, days: int) -> str:
    """Make the button of a step that has a query: Kibana fills in fields of the alert.

    It has to be a paragraph of its own, because Kibana drops what is behind it.
    """
    label, _, query = step.partition("`")
    terms = re.findall(r'([\w.]+): "([^"]+)"', query)
    if not terms:
        return ""
    term = {"excluded": False, "queryType": "phrase", "valueType": "string"}
    button = {
        "label": label.strip(),
        "providers": [[{"field": x, "value": y, **term} for x, y in terms]],
        "relativeFrom": f"now-{days}d",
        "relativeTo": "now+1d",
    }
    return f"\n\n!{{investigate{json.dumps(button)}}}"


def _setup(rule: Rule) -> str:
    needs = [
        "Elasticsearch and Kibana 8.16 or newer (`STATS ... WHERE`).",
        "The mappings and pipeline (`event.ingested`) that `esa-forwarder setup` installs.",
    ]
    if rule.needs:
        needs.append(f"{rule.needs[0].upper()}{rule.needs[1:]}.")
    needs.append(
        f"The interval of {rule.interval} minutes is also in the query: change both or neither."
    )
    return "\n".join(f"- {x}" for x in needs)


def _threat(rule: Rule) -> list[dict[str, Any]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for identity in rule.techniques:
        technique = _TECHNIQUES[identity]
        top = technique.parent or identity
        of_tactic = found.setdefault(technique.tactic, {})
        entry = of_tactic.setdefault(
            top, {"id": top, "name": _TECHNIQUES[top].name, "reference": _link(top)}
        )
        if technique.parent:
            entry.setdefault("subtechnique", []).append(
                {"id": identity, "name": technique.name, "reference": _link(identity)}
            )
    return [
        {
            "framework": "MITRE ATT&CK",
            "tactic": {"id": x, "name": _TACTICS[x], "reference": f"{_SITE}/tactics/{x}/"},
            "technique": list(y.values()),
        }
        for x, y in found.items()
    ]


def _link(technique: str) -> str:
    return f"{_SITE}/techniques/{technique.replace('.', '/')}/"


def table() -> str:
    """Make the table of the documentation."""
    lines = [
        "| Rule | Fires once at | Every | Severity | Needs | Sigma |",
        "|---|---|---|---|---|---|",
        *(
            f"| {x.name} | {x.finds} | {x.interval}m | {_severities(x)} | {x.needs} | "
            f"{'yes' if x.sigma else 'no'} |"
            for x in RULES
        ),
    ]
    return "\n".join(lines)


def _severities(rule: Rule) -> str:
    """Name all that a rule may give an alert."""
    found = re.search(r'severity = CASE\((.*?), "(\w+)", "(\w+)"\)', rule.query)
    return f"{found[3]}; {found[2]} if `{found[1]}`" if found else rule.severity


def made() -> dict[Path, str]:
    """Make all files."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        ASSETS / "rules.ndjson": "".join(json.dumps(kibana_rule(x)) + "\n" for x in RULES),
        **{ASSETS / "sigma" / f"{x}.yml": y for x, y in SIGMA.items()},
        DOCUMENT: f"{before}{BEGIN}\n{table()}\n{END}{after}",
    }


if __name__ == "__main__":
    for old in (ASSETS / "sigma").glob("*.yml"):
        old.unlink()
    for path, text in made().items():
        path.write_text(text)
