"""The whole story: a week of history, a Monday, expired passwords, and a day of attacks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.kibana.loading import parse
from tests.world.attacks import ATTACKS
from tests.world.company import MINUTE, Company
from tests.world.mail_log import MailLog
from tests.world.networks import network_of

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday; the history is the week that begins with it."""
MONDAY = FIRST + 7 * DAY
EXPIRED = FIRST + 8 * DAY
ATTACKED = FIRST + 9 * DAY
END = FIRST + 10 * DAY


def write(folder: Path, seed: int = 1, probe_every: timedelta = 5 * MINUTE) -> None:
    """Write the mail logs of all days."""
    log = MailLog(seed)
    company = Company(log, seed, probe_every)
    for number in range(7):
        company.ordinary_day(FIRST + number * DAY)
    company.monday(MONDAY)
    company.expired_passwords(EXPIRED)
    company.ordinary_day(ATTACKED)
    for attack in ATTACKS:
        attack.write(log, ATTACKED + timedelta(hours=attack.hour))
    log.save(folder)


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Parse the logs as the product does."""
    yield from parse("--no-original", str(folder / "{appliance}" / "mail*"))


def locate(document: dict[str, Any]) -> None:
    """Add what the ingest pipeline would, where the cluster has the GeoIP databases."""
    source = document.get("source", {})
    network = network_of(source.get("ip", ""))
    if network is None:
        return
    source["geo"] = {
        "country_iso_code": network.code,
        "country_name": network.country,
        "location": {"lat": network.latitude, "lon": network.longitude},
    }
    source["as"] = {"number": network.number, "organization": {"name": network.owner}}
