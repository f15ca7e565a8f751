"""One account that logs in from thousands of places, as over residential proxies."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.kibana.loading import parse
from tests.world.mail_log import MailLog

PLACES = 3_000
LAST = "241.0.0.1"
"""The address of the last login."""


def logins(
    folder: Path, until: datetime, span: timedelta, *, each: int
) -> Iterator[dict[str, Any]]:
    """Log in from all places in turn, as often from each, and at last from one that is new."""
    log = MailLog(1)
    log.login(until, "u1", LAST)
    log.save(folder)
    (login,) = (
        x
        for x in parse("--no-original", str(folder / "{appliance}" / "mail*"))
        if x["event"]["action"] == "smtp-authentication"
    )
    login["source"] |= _place(0.0, 0.0, 65_000)
    yield login
    for number in range(PLACES * each):
        place = number % PLACES
        document = json.loads(json.dumps(login))
        document["@timestamp"] = (until - span * (number + 1) / (PLACES * each)).isoformat()
        document["event"]["id"] = str(number)
        document["source"] |= _place(10.0 + place % 60, place // 60 * 3.0, place)
        document["source"]["ip"] = f"240.{place // 250}.{place % 250}.{number // PLACES}"
        yield document


def _place(latitude: float, longitude: float, number: int) -> dict[str, Any]:
    return {
        "geo": {"location": {"lat": latitude, "lon": longitude}},
        "as": {"number": number, "organization": {"name": f"Network {number}"}},
    }
