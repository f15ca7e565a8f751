"""What is served: metrics, health, and the status page.

    /          the status page
    /metrics   for Prometheus
    /healthz   whether the program runs; needs no token
    /readyz    whether it reads and delivers, and why not

All answers are made of the last observation; where that is old, the service hangs, and they say so.
"""

import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

from forwarder.app.attention import Finding
from forwarder.app.status import Observation
from forwarder.app.web.server import Response
from forwarder.events import Action
from forwarder.text import json_text

OLD_SECONDS = 15.0
"""After which an observation is old; there is one every two seconds."""
SAMPLE_SECONDS = 10.0
_MAX_SAMPLES = 91  # a quarter of an hour, and where it begins
_JSON = "application/json; charset=utf-8"


class Sample(NamedTuple):
    """What the plots show, at one moment; numbers since the service began."""

    at: float  # seconds since 1970
    logins: Mapping[str, int]  # by outcome
    delivered: int
    lag: int  # seconds, of the appliance that lags the most


class Site:
    """Answers requests."""

    def __init__(self) -> None:
        """Start without an observation."""
        self._seen: Observation | None = None
        self._samples: deque[Sample] = deque(maxlen=_MAX_SAMPLES)

    def show(self, seen: Observation) -> None:
        """Show this from now on; from another thread."""
        self._seen = seen
        if not self._samples or seen.at - self._samples[-1].at >= SAMPLE_SECONDS:
            self._samples.append(_sample(seen))

    def answer(self, path: str, accept: str) -> Response:
        """Answer a request."""
        if path == "/healthz":
            return _json({"alive": True})
        if path == "/readyz":
            return self._readiness()
        if path not in {"/", "/metrics"}:
            return Response(b"there is /, /metrics, /healthz and /readyz\n", status=404)
        if self._seen is None:
            return Response(b"the service starts\n", status=503)
        # Each takes time and memory to import.
        if path == "/metrics":
            from forwarder.app.web.metrics import write  # noqa: PLC0415

            return Response(*write(self._seen, accept))
        from forwarder.app.web.page import STYLE_HASH, TYPE, render  # noqa: PLC0415

        page = render(self._seen, self._findings, [*self._samples])
        return Response(page.encode(), TYPE, style=STYLE_HASH)

    def _readiness(self) -> Response:
        reasons = self._findings
        is_ready = not any(x.critical for x in reasons)
        state = {"ready": is_ready, "reasons": [x._asdict() for x in reasons]}
        return _json(state)._replace(status=200 if is_ready else 503)

    @property
    def _findings(self) -> list[Finding]:
        seen = self._seen
        if seen is None:
            return [Finding("service", "it starts", critical=True)]
        found = [Finding(**x) for x in seen.status["attention"]]
        age = time.time() - seen.at
        if age > OLD_SECONDS:
            what = f"has not looked at itself for {age:.0f} seconds: it reloads, or a disk hangs"
            found.insert(0, Finding("service", what, "see its log", critical=True))
        return found


def _sample(seen: Observation) -> Sample:
    outputs, inputs = seen.status["outputs"].values(), seen.status["inputs"] or {}
    logins = Counter[str]()
    for action, outcome, number in inputs.get("events", ()):
        if action != Action.SESSION_CLOSED.value:
            logins[outcome if outcome in {"success", "failure"} else "other"] += number
    return Sample(
        seen.at,
        logins,
        sum(x["delivered"] for x in outputs),
        max((x["lag_seconds"] or 0 for x in inputs.get("appliances", ())), default=0),
    )


def _json(value: object) -> Response:
    return Response(json_text(value).encode() + b"\n", _JSON)
