"""The status page: one document, which loads nothing and runs nothing.

Names and messages come from appliances and servers: all of them are escaped.
"""

import html
import socket
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
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
small, figcaption { opacity: .8; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: 4px 10px 4px 0; text-align: right;
  vertical-align: top; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
td:nth-child(2) { white-space: normal; min-width: 11em; }
.plots { display: flex; flex-wrap: wrap; gap: 16px; } figure { margin: 8px 0; flex: 1 1 280px; }
svg { width: 100%; height: 80px; background: var(--soft); } polyline { fill: none;
  stroke-width: 2; vector-effect: non-scaling-stroke; }
.p0 { stroke: var(--a); } .p1 { stroke: var(--b); } .p2 { stroke: var(--c); }
.k0 { color: var(--a); } .k1 { color: var(--b); } .k2 { color: var(--c); }
"""
STYLE_HASH = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
"""For the content security policy: no other style is applied."""

_SOCKETS = {
    "Socket": "address",
    "Last error of TLS": "tls_error",
    "Messages": "messages",
    "Connections": "connections",
    "Dropped": "dropped",
    "Not allowed": "not_allowed",
    "Over limit": "over_limit",
}
"""Columns of sockets, by what they count."""
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
            *_letters(status),
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
            f" <em>{_safe(finding.advice[:1].upper() + finding.advice[1:])}.</em></li>"
        )
    yield "</ul></div>"


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Write a table; the first column is a name, the second one is in words."""
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
    head = ("Waiting", "Oldest", "Delivered", "Rejected", "Retried", "Dead letters")
    rows = []
    for name, x in status["outputs"].items():
        letters = status["dead_letters"].get(name, {"number": 0})["number"]
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
        oldest = _ago(x["oldest_seconds"])
        counts = (x["waiting"], oldest, x["delivered"], x["rejected"], x["retried"], letters)
        rows.append((name, "; ".join(words), *counts))
    return _table("Outputs", ("Output", "State", *head), rows)


def _letters(status: Mapping[str, Any]) -> Iterable[str]:
    rows = [
        (name, each["reason"], each["number"], each["time"])
        for name, x in status["dead_letters"].items()
        for each in x["newest"]
    ]
    return _table("Newest dead letters", ("Output", "Reason", "Number", "Last"), rows)


def _spool(status: Mapping[str, Any]) -> Iterator[str]:
    spool = status["spool"]
    limit = f" of {_size(spool['max_bytes'])}" if spool["max_bytes"] else ""
    paused = status["reading"]["reason"]
    yield (
        f"<h2>Spool</h2><p>{many(spool['documents'], 'document')}, {_size(spool['bytes'])}{limit};"
        f" {_size(spool['disk_free_bytes'])} free on the disk."
        + (f" Reading pauses: {_safe(paused)}." if paused else "")
        + "</p>"
    )


def _inputs(inputs: Mapping[str, Any]) -> Iterator[str]:
    if not inputs:
        return
    yield (
        f"<h2>Inputs</h2><p>{many(inputs['files'], 'file')},"
        f" {_size(inputs['behind_bytes'])} not read yet, {_size(inputs['lost_bytes'])} lost.</p>"
    )
    head = ("Latest line", "Lag", "Bytes/s", "Logins", "Joined", "Open")
    rows = [
        (
            x["appliance"],
            "sending"
            if x["silent_since"] is None
            else f"silent since {iso_time(x['silent_since'])}",
            None if x["last_line"] is None else iso_time(x["last_line"]),
            _ago(x["lag_seconds"]),
            x["bytes_per_second"],
            x["logins"],
            f"{x['joined'] / x['logins']:.1%}" if x["logins"] else None,
            x["open_connections"],
        )
        for x in inputs.get("appliances", ())
    ]
    yield from _table("Appliances", ("Appliance", "State", *head), rows)
    sockets = [[x[y] for y in _SOCKETS.values()] for x in inputs.get("listeners", ())]
    yield from _table("Sockets", [*_SOCKETS], sockets)


def _ago(seconds: float | None) -> str | None:
    return None if seconds is None else str(timedelta(seconds=round(seconds)))


def _size(size: float) -> str:
    """Write a size in bytes, in a unit that makes it short."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1_000:  # noqa: PLR2004 - decimal units, as in the settings
            return f"{size:,.3g} {unit}"
        size /= 1_000
    return f"{size:,.3g} TB"


def _plots(samples: Sequence["Sample"]) -> Iterator[str]:
    """Draw the last minutes."""
    if len(samples) < 2:  # noqa: PLR2004 - a line has two ends
        yield "<p><small>Plots appear after half a minute.</small></p>"
        return
    minutes = (samples[-1].at - samples[0].at) / 60
    yield f"<h2>The last {many(round(minutes), 'minute')}</h2><div class='plots'>"
    logins = [[*_rates(samples, partial(_logins, outcome=y))] for y in _LINES]
    yield _plot("Logins a minute", samples, dict(zip(_LINES, logins, strict=True)))
    delivered = [*_rates(samples, lambda x: x.delivered)]
    yield _plot("Documents delivered a minute", samples, {"all outputs": delivered})
    lag = {"lag": [x.lag for x in samples[1:]]}
    yield _plot("Lag of the slowest appliance", samples, lag, lambda x: _ago(x) or "")
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


def _plot(
    title: str,
    samples: Sequence["Sample"],
    lines: Mapping[str, Sequence[float]],
    write: Callable[[float], str] = "{:,.0f}".format,
) -> str:
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
        keys.append(f'<span class="k{number}">● {name} {write(values[-1])}</span>')
    return (
        f"<figure><figcaption>{title}; at most {write(most)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{title}">{"".join(drawn)}</svg>'
        f"<figcaption>{' '.join(keys)}</figcaption></figure>"
    )
