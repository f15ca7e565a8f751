"""What is seen of a service that runs: its status, and what only its own process knows."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from forwarder.app.status import Status, describe
from forwarder.delivery.meter import Meter
from forwarder.delivery.worker import Delivery
from forwarder.spool.stats import summarise_own


class Observation(NamedTuple):
    """A service at one moment."""

    at: float  # seconds since 1970
    status: Status
    meters: Mapping[str, Meter]  # by output


def observe(folder: Path, deliveries: Iterable[Delivery]) -> Observation:
    """Look at the state folder and the outputs; raises SpoolError if the folder cannot be read."""
    now = time.time()
    status = describe(summarise_own(folder), datetime.fromtimestamp(now, UTC))
    return Observation(now, status, {x.name: x.meter for x in deliveries})
