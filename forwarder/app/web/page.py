"""The status page, which the browser loads again every few seconds."""

import socket
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

from forwarder import __version__
from forwarder.app.attention import Finding
from forwarder.app.status import Observation, Section, sections
from forwarder.pages import STYLE, Series, document, plot, table, text
from forwarder.text import iso_time, many

if TYPE_CHECKING:
    from forwarder.app.web.site import Sample

REFRESH_SECONDS = 5
TYPE = "text/html; charset=utf-8"
_MAX_ROWS = 100  # of a table: there may be a thousand appliances

STYLE_HASH = f"'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
"""For the content security policy: no other style is applied."""

_OUTCOMES = {"success": "good", "failure": "bad", "other": "sent"}
"""Of logins, with the style of each."""


def render(seen: Observation, findings: Sequence[Finding], samples: Sequence["Sample"]) -> str:
    """Write the page."""
    title = f"esa-forwarder on {text(socket.gethostname())}"
    mark = f"({len(findings)}) " if findings else ""
    refresh = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
    return document(mark + title, refresh, _body(title, seen, findings, samples))


def _body(
    title: str, seen: Observation, findings: Sequence[Finding], samples: Sequence["Sample"]
) -> Iterator[str]:
    status = seen.status
    yield (
        f"<h1>{title}</h1>\n<p>version {text(__version__)}, process"
        f" {status['service']['process']}; as of {iso_time(seen.at)}, refreshed every"
        f" {REFRESH_SECONDS} s</p>\n"
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


def _plots(samples: Sequence["Sample"]) -> Iterator[str]:
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
