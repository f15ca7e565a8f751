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
from forwarder_bulk.settings import ElasticSettings
from forwarder_elasticsearch.setup import setup

from forwarder import SetupOptions
from tests.detection.arrivals import ARRIVALS, Arrival, load
from tests.detection.engine import Alert, Engine
from tests.detection.making import ASSETS, DOCUMENT
from tests.detection.places import logins
from tests.detection.table import PREFIX, RULES
from tests.kibana.asking import parse_lines
from tests.servers.elasticsearch.running import PASSWORD, USER, Node
from tests.servers.queries.building import build
from tests.world import story
from tests.world.attacks import ATTACKS, Trace, trace

BEGIN, END = "<!-- alerts: made by make alerts -->", "<!-- end of alerts -->"
STREAM = "logs-cisco_esa.auth-company"
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
    settings = ElasticSettings.model_validate(
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
    days = {
        "Monday": story.MONDAY,
        "expired passwords": story.EXPIRED,
        "attacks": story.ATTACKED,
    }
    if arrival == "first import":
        days = {"first import": story.EXPIRED}
        end = story.EXPIRED.isoformat()
        documents = [x for x in documents if x["@timestamp"] < end]
    load(client, STREAM, documents, ARRIVALS[arrival], geoip=geoip)
    engine = Engine(client, STREAM)
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


def cost(client: Elasticsearch, folder: Path) -> dict[str, float]:
    """Measure rules on 108,000 logins, in a week, of an account that comes from 3,000 places."""
    stream = "logs-cisco_esa.auth-places"
    documents = logins(folder, story.ATTACKED, 7 * story.DAY, each=36)
    load(client, stream, documents, ARRIVALS["as it happens"], geoip=False)
    engine = Engine(client, stream)
    for rule in rules():
        engine.alerts(rule, story.ATTACKED, story.ATTACKED + timedelta(hours=1))
    return engine.slowest


def _main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        story.write(folder / "logs", probe_every=timedelta(minutes=1))
        documents = list(story.documents(folder / "logs"))
        home = folder / "server"
        home.mkdir()
        # It runs long enough for the better compiler to pay.
        node = Node(build(), home, jvm=("-Xmx512m",), key_cache="1h")
        try:
            node.start()
            install(node)
            counted = {
                (geoip, x): count(node.admin, documents, x, geoip=geoip)
                for geoip in (True, False)
                for x in ARRIVALS
            }
            slowest = cost(node.admin, folder / "places")
        finally:
            node.close()
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    text = tables(counted, slowest)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def tables(counted: Mapping[tuple[bool, str], Counted], slowest: Mapping[str, float]) -> str:
    """Make the tables of the documentation."""
    lines = [
        (
            "| Logs arrive | GeoIP | False on Monday | Expired passwords | Day of attacks "
            "| Of attacks | Attacks found | Alerted twice |"
        ),
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (geoip, arrival), result in counted.items():
        numbers = [len(x) for x in result.noise.values()]
        if len(numbers) > 1:
            found = [x for x in result.found.values() if x]
            alerts = {id(y) for x in found for y in x}
            numbers += [len(alerts), len(found), len(repeated(result))]
        cells = [*map(str, numbers), *[""] * (6 - len(numbers))]
        lines.append(f"| {arrival} | {'yes' if geoip else 'no'} | {' | '.join(cells)} |")
    live = counted[True, "as it happens"], counted[False, "as it happens"]
    lines += [
        "",
        "| Attack | Found by | After | Without GeoIP, by | After |",
        "|---|---|---:|---|---:|",
    ]
    for attack in ATTACKS:
        cells = [attack.name]
        begin = story.ATTACKED + timedelta(hours=attack.hour)
        for result in live:
            first = min(result.found[attack.name], key=lambda x: x.time, default=None)
            minutes = "" if first is None else f"{(first.time - begin) // timedelta(minutes=1)} min"
            cells += ["none" if first is None else first.rule.removeprefix(PREFIX), minutes]
        lines.append(f"| {' | '.join(cells)} |")
    days = list(live[0].noise)
    lines += [
        "",
        f"| Rule | {' | '.join(days)}, false | Attacks | Seconds on 108,000 logins |",
        "|---|" + "---:|" * (len(days) + 2),
    ]
    for rule in RULES:
        name = PREFIX + rule.name
        noise = (sum(y.rule == name for y in x) for x in live[0].noise.values())
        of = sum(any(y.rule == name for y in x) for x in live[0].found.values())
        lines.append(
            f"| {rule.name} | {' | '.join(map(str, noise))} | {of} | {slowest[name]:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    _main()
