"""The appliances: when each was heard last, how it is joined, and which have gone silent.

An appliance counts as heard when something new is read of it, whether from a file or a socket.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import structlog

from forwarder.mail_logs.appliance_counts import MAX_APPLIANCES, ApplianceCounts
from forwarder.text import iso_time

GONE = timedelta(days=30)
"""After so long without a line, an appliance is forgotten: it was taken out of service."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Appliance:
    """One appliance, as it is saved for ``status``; times in seconds since 1970."""

    heard: float
    last_line: int | None = None
    lag_seconds: int | None = None
    """From the time of the latest line to the moment when it was read."""
    bytes: int = 0
    bytes_per_second: int = 0
    logins: int = 0
    joined: int = 0
    open_connections: int = 0
    silent_since: float | None = None


class Fleet:
    """All appliances of which anything was read."""

    def __init__(
        self,
        saved: Iterable[Mapping[str, Any]],
        silence: Callable[[str], timedelta | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Go on from what :meth:`describe` returned.

        ``silence`` tells by name for how long an appliance may send nothing; None for ever.
        """
        self._silence = silence
        self._now = now
        self._begun = self._described = now()
        self._appliances: dict[str, _Appliance] = {}  # the one heard last is the last
        for values in saved:
            name = values["appliance"]
            self._appliances[name] = _Appliance(
                **{x: values[x] for x in values if x != "appliance"}
            )
        # What was read of each when it was described last.
        self._bytes = {x: y.bytes for x, y in self._appliances.items()}

    def add(self, counts: Mapping[str, ApplianceCounts]) -> None:
        """Take what came since the last time, and log appliances that send again."""
        now = self._now()
        for name, more in counts.items():
            known = self._appliances.pop(name, None) or _Appliance(now)
            self._appliances[name] = known
            if more.bytes:  # a login that waited comes alone
                known.heard = now
            if more.last_line is not None:
                known.last_line = more.last_line
                known.lag_seconds = round(now - more.last_line)
            known.bytes += more.bytes
            known.logins += more.logins
            known.joined += more.joined
            known.open_connections = more.open_connections
            if more.bytes and known.silent_since is not None:
                seconds = round(now - known.silent_since)
                _log.info("An appliance sends again.", appliance=name, seconds=seconds)
                known.silent_since = None
        while len(self._appliances) > MAX_APPLIANCES:
            del self._appliances[next(iter(self._appliances))]

    def log_silence(self) -> None:
        """Log each appliance that has been silent for too long, once."""
        now = self._now()
        for name, known in list(self._appliances.items()):
            # While the service did not run, it could hear nothing.
            quiet = timedelta(seconds=now - max(known.heard, self._begun))
            limit = self._silence(name)
            if now - known.heard > GONE.total_seconds():
                del self._appliances[name]
            elif limit is None:
                known.silent_since = None
            elif quiet > limit and known.silent_since is None:
                known.silent_since = known.heard
                _log.warning(
                    "An appliance is silent: nothing has come of it for longer than the setting"
                    " silence allows. See whether it runs, and whether its logs still arrive.",
                    appliance=name,
                    since=iso_time(known.heard),
                )

    def describe(self) -> list[dict[str, Any]]:
        """Return a row of values for each appliance, by name; rates are since the last time."""
        now = self._now()
        seconds = max(now - self._described, 1)
        for name, known in self._appliances.items():
            known.bytes_per_second = round((known.bytes - self._bytes.get(name, 0)) / seconds)
        self._described = now
        self._bytes = {x: y.bytes for x, y in self._appliances.items()}
        return [{"appliance": x, **asdict(y)} for x, y in sorted(self._appliances.items())]
