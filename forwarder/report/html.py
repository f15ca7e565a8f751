"""A report as one HTML file, in which a policy forbids scripts and everything from elsewhere."""

from collections.abc import Iterator, Sequence

from forwarder import __version__
from forwarder.pages import Series, document, plot, table, text
from forwarder.report.overview import Report, Row, Table, duration
from forwarder.text import Time, cut, many, show

MAX_TEXT = 2_000  # characters of a line

_HEAD = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src'
    " 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
    '<meta name="referrer" content="no-referrer">'
)


def render_html(report: Report) -> str:
    """Return the report as a page."""
    return document("SMTP logins", _HEAD, _body(report))


def _body(report: Report) -> Iterator[str]:
    yield '<h1>SMTP logins at the mail gateways</h1><dl class="facts">'
    for name, value in report.facts:
        wide = ' class="wide"' if isinstance(value, str) else ""
        zone = " UTC" if isinstance(value, Time) else ""
        yield f"<div{wide}><dt>{text(name)}</dt><dd>{text(show(value))}{zone}</dd></div>"
    yield "</dl>"
    if report.warnings:
        yield '<section class="state odd"><b>Warnings</b><ul>'
        yield from (f"<li>{text(x)}</li>" for x in report.warnings)
        yield "</ul></section>"
    yield from _summary([x for x in report.tables if x.is_finding])
    if report.bars:
        yield from _plots(report)
    for each in report.tables:
        if each.rows:
            mark = f" {_number(each)}" if each.is_finding else ""
            yield f'<section id="{each.name}"><h2>{text(each.title)}{mark}</h2>'
            yield f"<p>{text(each.about)}</p>"
            cells, below = [x.cells for x in each.rows], [*map(_lines, each.rows)]
            yield from table(each.columns, cells, below, each.more)
            yield "</section>"
    yield (
        "<footer>Times are in UTC. An account is a user in lower case, without a domain. A line is"
        " shown with its file and byte: <code>esa-forwarder explain FILE:BYTE</code> tells what was"
        " made of it, <code>esa-forwarder trace ADDRESS PATH</code> all that a source did."
        f" Made by esa-forwarder {text(__version__)}.</footer>"
    )


def _summary(findings: Sequence[Table]) -> Iterator[str]:
    yield "<section><nav><h2>Findings</h2><ul>"
    for each in findings:
        if each.rows:
            yield f'<li>{_number(each)} <a href="#{each.name}">{text(each.title)}</a></li>'
    yield "</ul>"
    if empty := [x.title for x in findings if not x.rows]:
        yield f"<p>Not found: {text('; '.join(empty))}.</p>"
    yield "</nav></section>"


def _number(each: Table) -> str:
    return f'<span class="number">{len(each.rows) + each.more:,}</span>'


def _plots(report: Report) -> Iterator[str]:
    times, success, failure, recipients = zip(*report.bars, strict=True)
    step = duration(report.seconds)
    logins = [Series("good", "accepted", success), Series("bad", "refused", failure)]
    yield "<section><h2>Logins over time</h2>"
    yield from plot(f"{step} a bar", times, logins)
    yield "</section>"
    if any(recipients):
        sent = [Series("sent", "recipients, at the end of their session", recipients)]
        yield "<section><h2>Recipients of what was sent after a login</h2>"
        yield from plot(f"{step} a bar", times, sent)
        yield "</section>"


def _lines(row: Row) -> str:
    if not row.lines:
        return ""
    lines = (
        f"<b>{text(x.path)}:{x.offset}</b>\n{text(cut(x.text, MAX_TEXT))}\n" for x in row.lines
    )
    summary = many(len(row.lines), "line")
    return f"<details><summary>{summary}</summary><pre>{''.join(lines)}</pre></details>"
