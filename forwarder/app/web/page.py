"""The status page: one document, which loads nothing and runs nothing.

Names and messages come from appliances and servers: all of them are escaped.
"""

import html
import socket
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from forwarder import __version__
from forwarder.app.attention import Finding
from forwarder.app.observation import Observation
from forwarder.text import escaped, iso_time, many

if TYPE_CHECKING:
    from forwarder.app.web.site import Sample

REFRESH_SECONDS = 5
TYPE = "text/html; charset=utf-8"
_WIDTH, _HEIGHT = 300, 80  # of a plot
_MAX_ROWS = 100  # of a table: there may be a thousand appliances

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bad: #c62828; --odd: #b26a00;
  --good: #2e7d32; --a: #1f77b4; --b: #d62728; --c: #7f7f7f; }
@media (prefers-color-scheme: dark) { :root { --bad: #ef5350; --odd: #ffb74d; --good: #81c784;
  --a: #64b5f6; --b: #ff8a80; --c: #bdbdbd; } }
body { font: 15px/1.4 system-ui, sans-serif; margin: 0 auto; padding: 0 16px 32px;
  max-width: 1100px; overflow-wrap: anywhere; }
h1 { font-size: 20px; margin: 16px 0 4px; } h2 { font-size: 16px; margin: 24px 0 4px; }
.state { border-left: 6px solid var(--good); padding: 8px 12px; background: var(--soft); }
.odd { border-color: var(--odd); } .bad { border-color: var(--bad); }
.state b { color: var(--good); } .odd b { color: var(--odd); } .bad b { color: var(--bad); }
ul { list-style: none; margin: 8px 0; padding: 0; } li { margin: 6px 0; }
small, caption, figcaption { opacity: .75; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: 4px 10px 4px 0; text-align: right;
  vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; }
td:last-child { white-space: normal; min-width: 14em; }
.plots { display: flex; flex-wrap: wrap; gap: 16px; } figure { margin: 8px 0; flex: 1 1 280px; }
svg { width: 100%; height: 80px; background: var(--soft); } polyline { fill: none;
  stroke-width: 2; vector-effect: non-scaling-stroke; }
.p0 { stroke: var(--a); } .p1 { stroke: var(--b); } .p2 { stroke: var(--c); }
.k0 { color: var(--a); } .k1 { color: var(--b); } .k2 { color: var(--c); }
"""
STYLE_HASH = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
"""For the content security policy: no other style is applied."""

_LINES = ("success", "failure", "other")


def render(seen: Observation, findings: Sequence[Finding], samples: Sequence["Sample"]) -> str:
    """Write the page."""
    status = seen.status
    host = _safe(socket.gethostname())
    body = "\n".join(
        [
            f"<h1>esa-forwarder on {host}</h1>",
            (
                f"<p><small>version {_safe(__version__)}, process {status['service']['process']};"
                f" as of {iso_time(seen.at)}, refreshed every {REFRESH_SECONDS} s</small></p>"
            ),
            *_state(findings),
            *_plots(samples),
            *_outputs(status),
            *_spool(status),
            *_inputs(status["inputs"] or {}),
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
        f"<title>{_mark(findings)}esa-forwarder on {host}</title><style>{_STYLE}</style></head>"
        f"<body>\n{body}\n</body></html>\n"
    )


def _safe(value: object) -> str:
    """Escape text for HTML, and show what is invisible."""
    return html.escape(escaped(str(value)))


def _mark(findings: Sequence[Finding]) -> str:
    return f"({len(findings)}) " if findings else ""


def _state(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        yield '<div class="state"><b>All is well.</b></div>'
        return
    kind = "bad" if any(x.critical for x in findings) else "odd"
    verb = "needs" if len(findings) == 1 else "need"
    yield f'<div class="state {kind}"><b>{many(len(findings), "thing")} {verb} attention</b><ul>'
    for finding in sorted(findings, key=lambda x: not x.critical)[:_MAX_ROWS]:
        yield (
            f"<li><strong>{_safe(finding.subject)}</strong>: {_safe(finding.what)}."
            f" <em>{_safe(finding.advice.capitalize())}</em></li>"
        )
    yield "</ul></div>"


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Write a table; the first column is a name, the last one is in words."""
    if not rows:
        return
    more = f" <small>({len(rows) - _MAX_ROWS:,} more)</small>" if len(rows) > _MAX_ROWS else ""
    yield f'<h2>{caption}{more}</h2><div class="wide"><table>'
    yield f"<tr>{''.join(f'<th>{x}</th>' for x in head)}</tr>"
    for row in rows[:_MAX_ROWS]:
        cells = (f"{x:,}" if isinstance(x, int) else "" if x is None else _safe(x) for x in row)
        yield f"<tr>{''.join(f'<td>{x}</td>' for x in cells)}</tr>"
    yield "</table></div>"


def _outputs(status: Mapping[str, Any]) -> Iterable[str]:
    head = ("Output", "Waiting", "Oldest, s", "Delivered", "Rejected", "Retried", "Dead letters")
    rows = []
    for name, x in status["outputs"].items():
        letters = status["dead_letters"].get(name, {"number": 0})["number"]
        oldest = None if x["oldest_seconds"] is None else round(x["oldest_seconds"])
        rejecting = x["rejecting"]
        words = []
        if x["failing_since"]:
            kind = "stopped" if x["stopped"] else "failing"
            words.append(f"{kind} since {x['failing_since']}: {x['last_error']}")
        elif x["delivered"]:
            words.append("delivering")
        else:
            words.append("nothing delivered yet")
        if rejecting:
            words.append(
                f"rejected {rejecting['number']:,} of the last {rejecting['of']:,}:"
                f" {rejecting['reason']}"
            )
        counts = (x["waiting"], oldest, x["delivered"], x["rejected"], x["retried"], letters)
        rows.append((name, *counts, "; ".join(words)))
    return _table("Outputs", (*head, "State"), rows)


def _spool(status: Mapping[str, Any]) -> Iterator[str]:
    spool = status["spool"]
    limit = f" of {spool['max_bytes']:,}" if spool["max_bytes"] else ""
    paused = status["reading"]["reason"]
    yield (
        f"<h2>Spool</h2><p>{many(spool['documents'], 'document')}, {spool['bytes']:,}{limit} bytes;"
        f" {spool['disk_free_bytes']:,} bytes free on the disk."
        + (f" Reading pauses: {_safe(paused)}." if paused else "")
        + "</p>"
    )


def _inputs(inputs: Mapping[str, Any]) -> Iterator[str]:
    if not inputs:
        return
    yield (
        f"<h2>Inputs</h2><p>{many(inputs['files'], 'file')},"
        f" {many(inputs['behind_bytes'], 'byte')} not read yet,"
        f" {many(inputs['lost_bytes'], 'byte')} lost.</p>"
    )
    head = ("Appliance", "Lag, s", "Bytes/s", "Logins", "Joined", "Open", "Latest line")
    rows = [
        (
            x["appliance"],
            x["lag_seconds"],
            x["bytes_per_second"],
            x["logins"],
            f"{x['joined'] / x['logins']:.1%}" if x["logins"] else None,
            x["open_connections"],
            None if x["last_line"] is None else iso_time(x["last_line"]),
            "sending"
            if x["silent_since"] is None
            else f"silent since {iso_time(x['silent_since'])}",
        )
        for x in inputs.get("appliances", ())
    ]
    yield from _table("Appliances", (*head, "State"), rows)
    names = ("Socket", "Messages", "Connections", "Dropped", "Not allowed", "Over limit")
    keys = ("address", "messages", "connections", "dropped", "not_allowed", "over_limit")
    sockets = [(*(x[y] for y in keys), x["tls_error"]) for x in inputs.get("listeners", ())]
    yield from _table("Sockets", (*names, "Last error of TLS"), sockets)


def _plots(samples: Sequence["Sample"]) -> Iterator[str]:
    """Draw the last minutes."""
    if len(samples) < 2:  # noqa: PLR2004 - a line has two ends
        yield "<p><small>Plots appear after half a minute.</small></p>"
        return
    minutes = (samples[-1].at - samples[0].at) / 60
    yield f"<h2>The last {minutes:.0f} minutes</h2><div class='plots'>"
    logins = [[*_rates(samples, partial(_logins, outcome=y))] for y in _LINES]
    yield _plot("Logins a minute", samples, dict(zip(_LINES, logins, strict=True)))
    delivered = [*_rates(samples, lambda x: x.delivered)]
    yield _plot("Documents delivered a minute", samples, {"all outputs": delivered})
    yield _plot("Lag of the slowest appliance, s", samples, {"lag": [x.lag for x in samples[1:]]})
    yield "</div>"


def _logins(sample: "Sample", outcome: str) -> int:
    if outcome != "other":
        return sample.logins.get(outcome, 0)
    return sum(y for x, y in sample.logins.items() if x not in _LINES)


def _rates(samples: Sequence["Sample"], read: Callable[["Sample"], int]) -> Iterator[float]:
    """Yield how much came a minute, between samples; counts begin again at a reload."""
    for before, after in pairwise(samples):
        more = read(after) - read(before)
        yield 60 * max(more if more >= 0 else read(after), 0) / max(after.at - before.at, 1)


def _plot(title: str, samples: Sequence["Sample"], lines: Mapping[str, Sequence[float]]) -> str:
    most = max((y for x in lines.values() for y in x), default=0)
    start, end = samples[1].at, samples[-1].at
    drawn, keys = [], []
    for number, (name, values) in enumerate(lines.items()):
        points = " ".join(
            f"{_WIDTH * (x.at - start) / max(end - start, 1):.1f},"
            f"{_HEIGHT - 2 - (_HEIGHT - 6) * y / (most or 1):.1f}"
            for x, y in zip(samples[1:], values, strict=True)
        )
        drawn.append(f'<polyline class="p{number}" points="{points}"/>')
        now = f"{values[-1]:,.0f}"
        keys.append(f'<span class="k{number}">● {name} {now}</span>')
    return (
        f"<figure><figcaption>{title}; at most {most:,.0f}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{title}">{"".join(drawn)}</svg>'
        f"<figcaption>{' '.join(keys)}</figcaption></figure>"
    )
