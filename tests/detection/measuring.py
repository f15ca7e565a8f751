"""Counts the alerts of the shipped rules in the story of the company.

``python -m tests.detection.measuring``, as ``make alerts`` does, counts them for every way in which
logs come, and writes the table of the documentation.
"""

import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup import setup

from forwarder import SetupOptions
from tests.detection.arrivals import ARRIVALS, Arrival, load
from tests.detection.engine import Alert, Engine
from tests.detection.making import ASSETS, DOCUMENT
from tests.kibana.asking import parse_lines
from tests.servers.elasticsearch.running import PASSWORD, USER, Node
from tests.servers.queries.building import build
from tests.world import story
from tests.world.attacks import ATTACKS, Trace, trace

BEGIN, END = "<!-- alerts: made by make alerts -->", "<!-- end of alerts -->"
_LATE = {"hourly files": timedelta(hours=1), "daily files": timedelta(days=1)}
_SLACK = timedelta(minutes=62)
"""Between the arrival of the end of an attack and its alert; the longest interval and a minute."""


class Counted(NamedTuple):
    """The alerts of all rules, for one way in which logs come."""

    noise: dict[str, list[Alert]]
    """By day: alerts of nothing that happened, or too late to be of use."""
    found: dict[str, list[Alert]]
    """By attack."""
    slowest: dict[str, float]


def rules() -> list[dict[str, Any]]:
    """Read the rules as they are shipped."""
    return parse_lines((ASSETS / "rules.ndjson").read_text())


def install(node: Node) -> None:
    """Install templates and pipeline, as esa-forwarder setup does."""
    settings = Settings.model_validate(
        node.settings(username=USER, password=PASSWORD, timeout="1m")
    )
    for step in setup(settings, SetupOptions()):
        if step.do is not None:
            step.do()


def count(
    client: Elasticsearch,
    documents: Iterable[Mapping[str, Any]],
    arrival: str,
    *,
    geoip: bool = True,
) -> Counted:
    """Load the story and run all rules."""
    stream = "logs-cisco_esa.auth-company"
    days = {
        "Monday": story.MONDAY,
        "expired passwords": story.EXPIRED,
        "attacks": story.ATTACKED,
    }
    if arrival == "first import":
        days = {"first import": story.EXPIRED}
        end = story.EXPIRED.isoformat()
        documents = [x for x in documents if x["@timestamp"] < end]
    load(client, stream, documents, ARRIVALS[arrival], geoip=geoip)
    engine = Engine(client, stream)
    late = _LATE.get(arrival, timedelta(0))
    counted = Counted({x: [] for x in days}, {x.name: [] for x in ATTACKS}, engine.slowest)
    traces = {x.name: trace(x, story.ATTACKED) for x in ATTACKS}

    def run(rule: Mapping[str, Any]) -> None:
        for name, day in days.items():
            for alert in engine.alerts(rule, day + late, day + late + story.DAY):
                of = [x for x, y in traces.items() if _is_of(alert, y, ARRIVALS[arrival])]
                for attack in of:
                    counted.found[attack].append(alert)
                if not of:
                    counted.noise[name].append(alert)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, rules()))
    return counted


def repeated(counted: Counted) -> list[tuple[str, str]]:
    """Return the attacks and rules that raised more than one alert of the same subject."""
    seen: dict[tuple[str, str, str], set[datetime]] = {}
    for attack, alerts in counted.found.items():
        for alert in alerts:
            subject = alert.values.get("user.name") or alert.values.get("source.ip")
            seen.setdefault((attack, alert.rule, str(subject)), set()).add(alert.time)
    return [x[:2] for x, times in seen.items() if len(times) > 1]


def _is_of(alert: Alert, attack: Trace, arrival: Arrival) -> bool:
    """Tell whether an alert names the source and, if any, the account of an attack, in time."""
    sources, accounts = (
        set(x if isinstance(x, list) else [x])
        for x in (
            alert.values.get("source.ip") or alert.values.get("destination.address"),
            alert.values.get("user.name") or [],
        )
    )
    return (
        attack.begin < alert.time <= arrival(attack.end) + _SLACK
        and not attack.sources.isdisjoint(sources)
        and (not accounts or not attack.accounts.isdisjoint(accounts))
    )


def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        story.write(Path(folder) / "logs", probe_every=timedelta(minutes=1))
        documents = list(story.documents(Path(folder) / "logs"))
        home = Path(folder) / "server"
        home.mkdir()
        node = Node(build(), home, key_cache="1h")
        try:
            node.start()
            install(node)
            _write(
                {x: count(node.admin, documents, x) for x in ARRIVALS},
                count(node.admin, documents, "as it happens", geoip=False),
            )
        finally:
            node.close()


def _write(all_: Mapping[str, Counted], without: Counted) -> None:
    live = all_["as it happens"]
    all_ = {**all_, "as it happens, without GeoIP": without}
    lines = [
        "| Logs arrive | Monday | Expired passwords | False ones among attacks | Attacks found |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, counted in all_.items():
        numbers = [str(len(x)) for x in counted.noise.values()]
        found = sum(bool(x) for x in counted.found.values())
        row = (
            [*numbers, f"{found} of {len(ATTACKS)}"] if len(numbers) > 1 else [*numbers, "", "", ""]
        )
        lines.append(f"| {name} | {' | '.join(row)} |")
    lines += ["", "| Attack | Found by | After | Without GeoIP |", "|---|---|---:|---|"]
    for attack in ATTACKS:
        begin = story.ATTACKED + timedelta(hours=attack.hour)
        first, other = (
            min(x.found[attack.name], key=lambda y: y.time, default=None) for x in (live, without)
        )
        after = "" if first is None else f"{(first.time - begin) // timedelta(minutes=1)} min"
        by, also = ("none" if x is None else x.rule.partition(": ")[2] for x in (first, other))
        lines.append(f"| {attack.name} | {by} | {after} | {also} |")
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    text = "\n".join(lines)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    _main()
