"""A report as one HTML file: nothing is loaded, and nothing in it is executed.

Users, reasons and lines are strangers' text: all of it goes through :func:`_text`. A policy in the
file forbids scripts and everything from elsewhere, should anything slip through all the same.
"""

from collections.abc import Iterator, Sequence
from html import escape

from forwarder import __version__
from forwarder.report.tables import Bar, Report, Row, Table, Time
from forwarder.text import cut, escaped, many

MAX_CELL = 200  # characters of a cell; the lines have all
MAX_TEXT = 2_000  # and of a line

_STYLE = """
:root { color-scheme: light dark; --page: #f5f6f8; --card: #fff; --text: #1c2430; --dim: #5b6675;
  --line: #dfe3e9; --good: #2f7d5b; --bad: #c2452d; --sent: #3b6fb6; --mark: #fdece8; }
@media (prefers-color-scheme: dark) { :root { --page: #14181e; --card: #1d232b; --text: #e4e8ee;
  --dim: #9aa5b4; --line: #333c48; --good: #4fb286; --bad: #e8775f; --sent: #6fa3e8;
  --mark: #3a211c; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 75rem; margin: 0 auto; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 0; }
p { margin: .25rem 0 .75rem; color: var(--dim); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: 1rem; margin: 1rem 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1rem 0; }
.facts div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .6rem .8rem; }
.facts dt { color: var(--dim); font-size: .8rem; } .facts dd { margin: 0; font-weight: 600; }
.facts .wide { grid-column: span 2; }
.number { display: inline-block; min-width: 1.6em; padding: 0 .5em; border-radius: 1em;
  background: var(--mark); color: var(--bad); font-size: .85rem; text-align: center; }
nav ul { margin: .5rem 0 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap;
  gap: .4rem 1.25rem; }
a { color: inherit; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--dim); font-size: .8rem; }
th, td { padding: .35rem .75rem .35rem 0; border-top: 1px solid var(--line); white-space: nowrap; }
th { border-top: 0; } td.n, th.n { text-align: right; padding-right: 1.5rem; }
td.t { white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
tr.lines td { border-top: 0; padding-top: 0; white-space: normal; }
details { position: sticky; left: 0; max-width: calc(100vw - 4.2rem); }
summary { color: var(--dim); font-size: .8rem; cursor: pointer; }
pre { margin: .3rem 0 .5rem; font: 12px/1.5 ui-monospace, Consolas, Menlo, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; }
pre b { color: var(--dim); font-weight: 400; }
figure { margin: .75rem 0 0; } svg { display: block; width: 100%; height: 9rem;
  border-bottom: 1px solid var(--line); margin-bottom: .25rem; }
figure div { display: flex; justify-content: space-between; color: var(--dim); font-size: .75rem; }
.good { fill: var(--good); } .bad { fill: var(--bad); } .sent { fill: var(--sent); }
i { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin: 0 .3em 0 .9em; }
i.good { background: var(--good); } i.bad { background: var(--bad); }
i.sent { background: var(--sent); }
footer { color: var(--dim); font-size: .8rem; }
@media print { :root { --page: #fff; --card: #fff; --text: #000; --dim: #444; --line: #bbb;
  --mark: #fff; } html { font-size: 11px; } body { padding: 0; font-size: 11px; }
  pre { font-size: 9px; } section { border: 0; padding: 0; }
  tr, figure { break-inside: avoid; } details::details-content { content-visibility: visible; }
  * { print-color-adjust: exact; } }
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_html(report: Report) -> str:
    """Return the report as a page."""
    return "".join(_page(report))


def _page(report: Report) -> Iterator[str]:
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>SMTP logins</title><style>{_STYLE}</style></head><body><main>"
        "<h1>SMTP logins at the mail gateways</h1>"
    )
    yield '<dl class="facts">'
    for name, value in report.facts:
        wide = ' class="wide"' if name in {"period", "read"} else ""
        yield f"<div{wide}><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>"
    yield "</dl>"
    yield from _summary(report.tables)
    if report.bars:
        yield from _plots(report)
    for table in report.tables:
        if table.rows:
            yield from _table(table)
    yield (
        "<footer>Times are in UTC. An account is a user in lower case, without a domain. A line is"
        " shown with its file and byte: <code>esa-forwarder explain FILE:BYTE</code> tells what was"
        " made of it, <code>esa-forwarder trace ADDRESS PATH</code> all that a source did."
        f" Made by esa-forwarder {_text(__version__)}.</footer></main></body></html>\n"
    )


def _summary(tables: Sequence[Table]) -> Iterator[str]:
    """Say what was found, and what was not."""
    found = [x for x in tables if x.is_finding and x.rows]
    empty = [x for x in tables if x.is_finding and not x.rows]
    yield "<section><nav><h2>Findings</h2>"
    if found:
        yield "<ul>"
        for table in found:
            number = f"{len(table.rows) + table.more:,}"
            yield (
                f'<li><span class="number">{number}</span> <a href="#{table.name}">'
                f"{_text(table.title)}</a></li>"
            )
        yield "</ul>"
    if empty:
        yield f"<p>Not found: {_text('; '.join(x.title for x in empty))}.</p>"
    yield "</nav></section>"


def _plots(report: Report) -> Iterator[str]:
    step = _duration(report.seconds)
    yield (
        f"<section><h2>Logins over time</h2><p>{_text(step)} a bar"
        '<i class="good"></i>accepted<i class="bad"></i>refused</p>'
    )
    yield from _plot(report.bars, (("good", "success"), ("bad", "failure")))
    yield "</section>"
    if any(x.recipients for x in report.bars):
        yield (
            "<section><h2>Recipients of what was sent after a login</h2>"
            f'<p>{_text(step)} a bar<i class="sent"></i>recipients, at the end of their session</p>'
        )
        yield from _plot(report.bars, (("sent", "recipients"),))
        yield "</section>"


def _plot(bars: Sequence[Bar], kinds: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Draw bars on one another; the text around them keeps its size on any screen."""
    most = max(1, *(sum(getattr(x, name) for _, name in kinds) for x in bars))
    yield f"<figure><div><span>{most:,}</span></div>"
    yield f'<svg viewBox="0 0 {len(bars)} 100" preserveAspectRatio="none" role="img">'
    for at, bar in enumerate(bars):
        top = 100.0
        words = ", ".join(f"{getattr(bar, name):,} {name}" for _, name in kinds)
        shapes = ""
        for style, name in kinds:
            height = 100 * getattr(bar, name) / most
            top -= height
            if height:
                shapes += (
                    f'<rect class="{style}" x="{at + 0.08:.2f}" y="{top:.2f}" width=".84"'
                    f' height="{height:.2f}"/>'
                )
        if shapes:
            yield f"<g><title>{_text(Time(bar.time))}: {_text(words)}</title>{shapes}</g>"
    yield "</svg><div>"
    marks = sorted({0, len(bars) // 2, len(bars) - 1})
    for at in marks:
        yield f"<span>{_text(str(Time(bars[at].time))[:16])}</span>"
    yield "</div></figure>"


def _duration(seconds: int) -> str:
    """Name the time of a bar."""
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return many(seconds // size, noun)
    return many(seconds, "second")


def _table(table: Table) -> Iterator[str]:
    number = f" {len(table.rows) + table.more:,}" if table.is_finding else ""
    mark = f' <span class="number">{number}</span>' if number else ""
    yield f'<section id="{table.name}"><h2>{_text(table.title)}{mark}</h2>'
    yield f'<p>{_text(table.about)}</p><div class="table"><table><thead><tr>'
    numeric = [_is_number(x) for x in table.rows[0].cells]
    for name, is_number in zip(table.columns, numeric, strict=True):
        yield f'<th{" class=n" if is_number else ""} scope="col">{_text(name)}</th>'
    yield "</tr></thead><tbody>"
    for row in table.rows:
        yield from _row(row)
    yield "</tbody></table></div>"
    if table.more:
        yield f"<p>{many(table.more, 'more row')} not shown.</p>"
    yield "</section>"


def _row(row: Row) -> Iterator[str]:
    yield "<tr>"
    for cell in row.cells:
        if _is_number(cell):
            yield f'<td class="n">{cell:,}</td>'
        elif isinstance(cell, str) and len(cell) > 40:  # noqa: PLR2004 - longer text is wrapped
            yield f'<td class="t">{_text(cut(cell, MAX_CELL))}</td>'
        else:
            yield f"<td>{'' if cell is None else _text(cell)}</td>"
    yield "</tr>"
    if row.lines:
        yield (
            f'<tr class="lines"><td colspan="{len(row.cells)}"><details><summary>'
            f"{many(len(row.lines), 'line')}</summary><pre>"
        )
        for line in row.lines:
            text = _text(cut(line.text, MAX_TEXT))
            yield f"<b>{_text(line.path)}:{line.offset}</b>\n{text}\n"
        yield "</pre></details></td></tr>"


def _is_number(cell: object) -> bool:
    return isinstance(cell, int) and not isinstance(cell, Time)


def _text(value: object) -> str:
    """Make text harmless: in HTML, and for the eye."""
    return escape(escaped(str(value)))
