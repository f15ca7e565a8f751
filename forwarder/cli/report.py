"""``esa-forwarder report``: what happened, from logs alone, as a page, as text or as JSON."""

import ipaddress
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from forwarder.cli.common import (
    DONE,
    FAILED,
    Column,
    fail,
    format_row,
    print_result,
    require_stdout,
    terminal_width,
)
from forwarder.cli.reading import print_problems, read_options, reading_options, show_progress
from forwarder.errors import ForwarderError
from forwarder.text import Time, cut, escaped, is_number, iso_time, json_text, many, show

if TYPE_CHECKING:
    from forwarder.report.store import Network
    from forwarder.report.tables import Report, Table

_LEAST_WIDTH = 8  # of a column of text
_BAR_WIDTH = 40
_SHOWN_LINES = 2  # of each row, as text
_MOST_BARS = 60  # as text: of more, those with the most refusals
_TIMES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")


def _read_network(_: click.Context, __: click.Parameter, text: str | None) -> "Network | None":
    try:
        return None if text is None else ipaddress.ip_network(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is neither an address nor a network.") from error


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@reading_options
@click.option(
    "--since", type=click.DateTime(_TIMES), metavar="TIME", help="Leave out older logins."
)
@click.option(
    "--until", type=click.DateTime(_TIMES), metavar="TIME", help="Leave out logins from then on."
)
@click.option("--user", metavar="USER", help="Only this user, with or without a domain.")
@click.option(
    "--source", callback=_read_network, metavar="ADDRESS", help="Only this address or network."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "text", "json"]),
    help="[default: by the ending of FILE, or else text]",
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write to it."
)
def report(  # noqa: PLR0913 - one an option
    *,
    paths: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    user: str | None,
    source: "Network | None",
    form: str | None,
    output: Path | None,
    **reading: Any,  # noqa: ANN401 - of `reading_options`
) -> NoReturn:
    """Tell what happened: who logged in or tried to, from where, and what is suspicious.

    Guessing, spraying, logins after refusals and from new networks, readable passwords, mass mail
    and smart hosts that refuse, by the definitions of the detection rules; each row with lines that
    it came from. PATH is as for parse. Times are in UTC: 2026-03-01 or 2026-03-01T12:30. What is
    left out by an option still counts as what was known before.
    """
    from forwarder.app import report as reporting
    from forwarder.ecs.layout import account_of
    from forwarder.report.store import Chosen

    if output is None:
        require_stdout()
    endings = {".html": "html", ".htm": "html", ".json": "json"}
    form = form or endings.get(output.suffix.lower() if output else "", "text")
    chosen = Chosen(
        since=_epoch(since),
        until=_epoch(until),
        account=None if user is None else account_of(user) or user,
        source=source,
    )
    options = read_options(paths, **reading)
    try:
        with show_progress(shown=True) as progress:
            made, outcome = reporting.report(options, chosen, progress)
    except ForwarderError as error:
        fail(str(error))
    print_problems(outcome)
    if made is None:
        sys.exit(FAILED)
    # https://no-color.org
    colour = output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if form == "html":
        from forwarder.report.html import render_html

        text = render_html(made)
    elif form == "json":
        text = json_text(as_json(made), indent=True)
    else:
        width = shutil.get_terminal_size().columns if output is None else 120
        text = "\n".join(as_text(made, width, colour=colour))
    _write(text, output)
    sys.exit(FAILED if outcome.problems else DONE)


def _epoch(time: datetime | None) -> float | None:
    return None if time is None else time.replace(tzinfo=UTC).timestamp()


def _write(text: str, output: Path | None) -> None:
    if output is None:
        print_result(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"{escaped(str(output))} cannot be written: {error.strerror}")


def as_json(report: "Report") -> dict[str, object]:
    """Return everything as values of JSON; times in ISO 8601, UTC."""
    return {
        "facts": dict(report.facts),
        "over_time": {
            "seconds": report.seconds,
            "bars": [{**x._asdict(), "time": iso_time(x.time)} for x in report.bars],
        },
        "tables": {
            table.name: {
                "title": table.title,
                "about": table.about,
                "finding": table.is_finding,
                "rows": [
                    {
                        **{
                            name.lower().replace(" ", "_"): _plain(cell)
                            for name, cell in zip(table.columns, row.cells, strict=True)
                        },
                        "lines": [x._asdict() for x in row.lines],
                    }
                    for row in table.rows
                ],
                "more": table.more,
            }
            for table in report.tables
        },
    }


def _plain(cell: object) -> object:
    return iso_time(cell) if isinstance(cell, Time) else cell


def as_text(report: "Report", width: int, *, colour: bool = False) -> Iterator[str]:
    """Yield the report as lines that fit a terminal of so many columns."""

    def style(text: str, **styles: Any) -> str:  # noqa: ANN401 - those of click
        return click.style(text, **styles) if colour else text

    names = max(len(x) for x, _ in report.facts)
    for name, value in report.facts:
        yield cut(f"{name:{names}}  {escaped(value)}", width)
    yield ""
    findings = [x for x in report.tables if x.is_finding]
    for table in findings:
        if table.rows:
            number = f" ({len(table.rows) + table.more:,})"
            yield style(cut(table.title + number, width), bold=True, fg="red")
            yield from _rows(table, width, style)
    empty = [x.title for x in findings if not x.rows]
    if empty:
        yield from textwrap.wrap(f"Not found: {'; '.join(empty)}.", width)
        yield ""
    yield from _bars(report, width, style)
    for table in report.tables:
        if table.rows and not table.is_finding:
            yield style(cut(table.title, width), bold=True)
            yield from _rows(table, width, style)


def _bars(report: "Report", width: int, style: Any) -> Iterator[str]:  # noqa: ANN401
    bars = report.bars
    if not bars:
        return
    most = max(1, *(x.success + x.failure for x in bars))
    space = max(10, min(_BAR_WIDTH, width - 46))
    yield style(f"Logins over time, {report.seconds // 60:,} minutes a line", bold=True)
    if len(bars) > _MOST_BARS:
        kept = sorted(bars, key=lambda x: (-x.failure, -x.success))[:_MOST_BARS]
        bars = tuple(sorted(kept))
        yield f"The {_MOST_BARS} with the most refusals:"
    for bar in bars:
        if not bar.success + bar.failure:
            continue
        good, bad = (round(space * x / most) for x in (bar.success, bar.failure))
        drawn = style("█" * good, fg="green") + style("▒" * bad, fg="red")
        numbers = f"{bar.success:,} accepted, {bar.failure:,} refused"
        yield f"{str(Time(bar.time))[:16]}  {drawn}{' ' * (space - good - bad)} {numbers}".rstrip()
    yield ""


def _rows(table: "Table", width: int, style: Any) -> Iterator[str]:  # noqa: ANN401
    shown = [
        [escaped(show(x)) for x in row] for row in (table.columns, *(x.cells for x in table.rows))
    ]
    right = [is_number(x) for x in table.rows[0].cells]
    widths = _fit([max(map(terminal_width, x)) for x in zip(*shown, strict=True)], right, width)
    columns = [Column(x, right=y, most=x) for x, y in zip(widths, right, strict=True)]
    yield style(format_row(shown[0], columns), dim=True)
    for row, cells in zip(table.rows, shown[1:], strict=True):
        yield format_row(cells, columns)
        for line in row.lines[: _SHOWN_LINES if table.is_finding else 1]:
            text = f"    {line.path}:{line.offset} {line.text}"
            yield style(format_row([text], [Column(0, most=width)]), dim=True)
    if table.more:
        yield f"{many(table.more, 'more row')}"
    yield ""


def _fit(widths: list[int], right: Sequence[bool], most: int) -> list[int]:
    """Narrow the widest columns of text until all fit."""
    widths = widths.copy()
    while sum(widths) + 2 * (len(widths) - 1) > most:
        texts = [x for x, is_right in enumerate(right) if not is_right and widths[x] > _LEAST_WIDTH]
        if not texts:
            break
        widths[max(texts, key=lambda x: widths[x])] -= 1
    return widths
