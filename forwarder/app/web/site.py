"""What is served: metrics, health, and the status page.

    /          the status page
    /metrics   for Prometheus
    /healthz   whether the program runs; needs no token
    /readyz    whether it reads and delivers, and why not

All answers are made of the last observation; where that is old, the service hangs, and they say so.
"""

import socket
import time
from base64 import b64encode
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

from forwarder import __version__
from forwarder.app.status import Finding, Observation, Section, sections
from forwarder.app.web.server import Response
from forwarder.events import Action
from forwarder.pages import STYLE, Series, document, plot, table, text
from forwarder.text import iso_time, json_text, many

OLD_SECONDS = 15.0  # after which an observation is old; there is one every two seconds
SAMPLE_SECONDS = 10.0
_MAX_SAMPLES = 91  # a quarter of an hour, and where it begins
_JSON = "application/json; charset=utf-8"
_REFRESH_SECONDS = 5  # after which a browser loads the page again
_HTML = "text/html; charset=utf-8"
_MAX_ROWS = 100  # of a table: there may be a thousand appliances

_STYLE_HASH = f"'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
"""For the content security policy: no other style is applied."""

_OUTCOMES = {"success": "good", "failure": "bad", "other": "sent"}
"""Of logins, with the style of each."""


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
        if path == "/metrics":
            # It takes time and memory to import.
            from forwarder.app.web.metrics import write  # noqa: PLC0415

            return Response(*write(self._seen, accept))
        page = render(self._seen, self._findings, [*self._samples])
        return Response(page.encode(), _HTML, style=_STYLE_HASH)

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


def render(seen: Observation, findings: Sequence[Finding], samples: Sequence[Sample]) -> str:
    """Write the status page."""
    title = f"esa-forwarder on {text(socket.gethostname())}"
    mark = f"({len(findings)}) " if findings else ""
    refresh = f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
    return document(mark + title, refresh, _body(title, seen, findings, samples))


def _body(
    title: str, seen: Observation, findings: Sequence[Finding], samples: Sequence[Sample]
) -> Iterator[str]:
    status = seen.status
    yield (
        f"<h1>{title}</h1>\n<p>version {text(__version__)}, process"
        f" {status['service']['process']}; as of {iso_time(seen.at)}, refreshed every"
        f" {_REFRESH_SECONDS} s</p>\n"
    )
    yield from _state(findings)
    yield from _plots(samples)
    for section in sections(status):
        yield from _section(section)


def _state(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        yield '<section class="state"><b>All is well.</b></section>'
        return
    kind = "bad" if any(x.critical for x in findings) else "odd"
    verb = "needs" if len(findings) == 1 else "need"
    things = many(len(findings), "thing")
    yield f'<section class="state {kind}"><b>{things} {verb} attention</b><ul>'
    for finding in findings[:_MAX_ROWS]:
        yield (
            f"<li><strong>{text(finding.subject)}</strong>: {text(finding.what)}."
            f" <em>{text(finding.advice[:1].upper() + finding.advice[1:])}.</em></li>"
        )
    yield "</ul></section>"


def _section(section: Section) -> Iterator[str]:
    yield f"<section><h2>{section.title}</h2>"
    yield from (f"<p>{text(x)}</p>" for x in section.lines)
    for head, rows, _ in section.tables:
        # On a phone, the other columns are out of sight.
        order = sorted(range(len(head)), key=lambda x: (x > 0, head[x] != "State"))
        cells = [[row[x] for x in order] for row in rows[:_MAX_ROWS]]
        yield from table([head[x] for x in order], cells, more=len(rows) - _MAX_ROWS)
    yield "</section>\n"


def _plots(samples: Sequence[Sample]) -> Iterator[str]:
    if len(samples) < 2:  # noqa: PLR2004 - rates are between two
        yield "<p>Plots appear after half a minute.</p>"
        return
    times = [x.at for x in samples]
    logins = [
        _rates(style, name, times, [x.logins.get(name, 0) for x in samples])
        for name, style in _OUTCOMES.items()
    ]
    delivered = _rates("sent", "all outputs", times, [x.delivered for x in samples])
    lag = Series("sent", "lag", [x.lag for x in samples[1:]], _duration(samples[-1].lag))
    yield f"<section><h2>The last {many(round((times[-1] - times[0]) / 60), 'minute')}</h2>"
    yield '<div class="plots">'
    yield from plot("Logins a minute", times[1:], logins)
    yield from plot("Documents delivered a minute", times[1:], [delivered])
    yield from plot("Lag of the slowest appliance", times[1:], [lag], _duration)
    yield "</div></section>\n"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _rates(style: str, name: str, times: Sequence[float], totals: Sequence[int]) -> Series:
    """Give how much came a minute, between samples; counts begin again at a reload."""
    rates = [
        60 * (after - before if after >= before else after) / max(end - begin, 1)
        for (begin, end), (before, after) in zip(pairwise(times), pairwise(totals), strict=True)
    ]
    return Series(style, name, rates, f"{rates[-1]:,.0f}")
