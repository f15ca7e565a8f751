"""``esa-forwarder report``: what happened, from logs alone, as a page, as text or as JSON."""

import ipaddress
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from forwarder.cli.main import (
    DONE,
    FAILED,
    Column,
    fail,
    format_row,
    print_result,
    require_stdout,
    terminal_width,
)
from forwarder.cli.parse import (
    describe_problems,
    print_problems,
    read_options,
    reading_options,
    show_progress,
)
from forwarder.text import Time, cut, escaped, is_number, iso_time, json_text, many, show

if TYPE_CHECKING:
    from forwarder.app.parse import Outcome, ParseOptions, Progress
    from forwarder.appliances import Network
    from forwarder.events import Event
    from forwarder.mail_logs.event_ids import FileHeader
    from forwarder.mail_logs.scanner import Block
    from forwarder.report.overview import Line, Report, Table
    from forwarder.report.store import Chosen

_LEAST_WIDTH = 8  # of a column of text
_ADDRESSES = {"Source", "Network", "Smart host"}  # columns that are of no use without their ends
_BAR_WIDTH = 40
_MOST_BARS = 60  # as text: of more, those with the most refusals
_PROSE_WIDTH = 100
_FILE_WIDTH = 500  # of text for no terminal: nothing is cut that a mail gateway writes


def _read_time(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        form = "2026-03-01, 2026-03-01T12:30 or 2026-03-01T12:30+01:00"
        raise click.BadParameter(f"{text!r} is not a time; write it like {form}.") from error
    return time.timestamp()


def _read_user(text: str) -> str:
    if not text.strip():
        raise click.BadParameter("it is empty; name a user.")
    return text


def _read_network(text: str) -> "Network":
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is neither an address nor a network.") from error


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@reading_options
@click.option("--since", type=_read_time, metavar="TIME", help="Omit logins before this time.")
@click.option("--until", type=_read_time, metavar="TIME", help="Omit logins from this time on.")
@click.option(
    "--user", type=_read_user, metavar="USER", help="Only this user, with or without a domain."
)
@click.option(
    "--source", type=_read_network, metavar="ADDRESS", help="Only this address or network."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "text", "json"]),
    help="[default: by the extension of FILE, or else text]",
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file."
)
def report(  # noqa: PLR0913 - one an option
    *,
    paths: tuple[str, ...],
    since: float | None,
    until: float | None,
    user: str | None,
    source: "Network | None",
    form: str | None,
    output: Path | None,
    **reading: Any,  # noqa: ANN401 - of `reading_options`
) -> NoReturn:
    """Report who logged in or tried to, and what is suspicious.

    The report covers guessing, spraying, logins after refusals and from new networks, readable
    passwords, mass mail and refusals by smart hosts, as the detection rules define them; each row
    shows log lines as evidence. PATH is as for parse. TIME is in UTC, such as 2026-03-01 or
    2026-03-01T12:30, or has an offset: 2026-03-01T12:30+01:00. Logins that options omit still count
    as history.
    """
    from forwarder.ecs.layout import account_of
    from forwarder.report.store import Chosen

    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since must be before --until.")
    if output is None:
        require_stdout()
    endings = {".html": "html", ".htm": "html", ".json": "json"}
    form = form or endings.get(output.suffix.lower() if output else "", "text")
    chosen = Chosen(
        since=since,
        until=until,
        account=None if user is None else account_of(user) or user,
        source=source,
    )
    options = read_options(paths, **reading)
    if output is not None and is_log(output, options):
        raise click.BadParameter(f"{escaped(str(output))} is one of the logs.", param_hint="'-o'")
    with show_progress(shown=True) as progress:
        made, outcome = make(options, chosen, progress)
    print_problems(outcome)
    if made is None:
        sys.exit(FAILED)
    is_terminal = output is None and sys.stdout.isatty()
    if not is_terminal:  # which shows them already
        made = made._replace(warnings=tuple(describe_problems(outcome)))
    if form == "html":
        from forwarder.report.html import render_html

        text = render_html(made)
    elif form == "json":
        text = json_text(as_json(made), indent=True)
    else:
        width = shutil.get_terminal_size().columns if is_terminal else _FILE_WIDTH
        colour = is_terminal and not os.environ.get("NO_COLOR")  # https://no-color.org
        text = "\n".join(as_text(made, width))
        text = text if colour else click.unstyle(text)
    _write(text, output)
    sys.exit(FAILED if outcome.problems else DONE)


def is_log(path: Path, options: "ParseOptions") -> bool:
    """Whether a file is one of the logs to read, which nothing may be written over."""
    from forwarder.inputs.block_reader import STDIN
    from forwarder.inputs.files.discovery import find

    found = find(options.paths, options.appliance, follow_symlinks=options.follow_symlinks)
    return path.is_file() and any(path.samefile(x.path) for x in found.files if x.path != STDIN)


def make(
    options: "ParseOptions", chosen: "Chosen", progress: "Progress"
) -> "tuple[Report | None, Outcome]":
    """Read files into a temporary database, and examine it; None where nothing can be told.

    That is so where reading did not come to its end, and where there were problems and no login:
    what was not read must not look like a quiet day.
    """
    from forwarder.app.parse import Watcher, read_through
    from forwarder.report.findings import make_report
    from forwarder.report.store import Store

    class Reader(Watcher):
        def read(
            self, block: "Block", header: "FileHeader", arrival: datetime | None
        ) -> "list[Event]":
            events = super().read(block, header, arrival)
            if events:
                store.add(events)
            return events

    with Store(chosen) as store:
        outcome = read_through(options, lambda: Reader(options.settings), progress)
        if not outcome.complete or (outcome.problems and not outcome.counts.events):
            return None, outcome
        return make_report(store, outcome.files, outcome.counts), outcome


def _write(text: str, output: Path | None) -> None:
    if output is None:
        print_result(text)
        return
    # An earlier report stays until the new one is whole; a device or a pipe is written as it is.
    is_plain = output.is_file() or not output.exists()
    target = output.resolve() if is_plain else output
    part = target.with_name(f"{target.name}.part") if is_plain else target
    try:
        part.write_text(text + "\n", encoding="utf-8")
        if is_plain:
            if target.exists():
                shutil.copymode(target, part)
            part.replace(target)
    except OSError as error:
        if is_plain:
            with suppress(OSError):
                part.unlink()
        fail(f"{escaped(str(output))} cannot be written: {error.strerror}")


def as_json(report: "Report") -> dict[str, object]:
    """Return everything as values of JSON; times in ISO 8601, UTC."""
    return {
        "facts": _fields(report.facts),
        "warnings": report.warnings,
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
                        **_fields(zip(table.columns, row.cells, strict=True)),
                        "lines": [x._asdict() for x in row.lines],
                    }
                    for row in table.rows
                ],
                "more": table.more,
            }
            for table in report.tables
        },
    }


def _fields(named: Iterable[tuple[str, object]]) -> dict[str, object]:
    return {
        name.lower().replace(" ", "_"): iso_time(cell) if isinstance(cell, Time) else cell
        for name, cell in named
    }


def as_text(report: "Report", width: int) -> Iterator[str]:
    """Yield the report as lines, with colours, that fit a terminal of so many columns."""
    names = max(len(x) for x, _ in report.facts)
    for name, value in report.facts:
        zone = " UTC" if isinstance(value, Time) else ""
        yield cut(f"{name:{names}}  {escaped(show(value))}{zone}", width)
    yield ""
    prose = min(width, _PROSE_WIDTH)
    for warning in report.warnings:
        yield from textwrap.wrap(escaped(warning), prose)
    if report.warnings:
        yield ""
    findings = [x for x in report.tables if x.is_finding]
    for table in findings:
        if table.rows:
            number = f" ({len(table.rows) + table.more:,})"
            yield click.style(cut(table.title + number, width), bold=True, fg="red")
            yield from _rows(table, width)
    empty = [x.title for x in findings if not x.rows]
    if empty:
        yield from textwrap.wrap(f"Not found: {'; '.join(empty)}.", prose)
        yield ""
    yield from _bars(report, width)
    for table in report.tables:
        if table.rows and not table.is_finding:
            yield click.style(cut(table.title, width), bold=True)
            yield from _rows(table, width)


def _bars(report: "Report", width: int) -> Iterator[str]:
    from forwarder.report.overview import duration

    bars = report.bars
    if not bars:
        return
    most = max(1, *(x.success + x.failure for x in bars))
    space = max(10, min(_BAR_WIDTH, width - 46))
    yield click.style(f"Logins over time, {duration(report.seconds)} a line", bold=True)
    if len(bars) > _MOST_BARS:
        kept = sorted(bars, key=lambda x: (-x.failure, -x.success))[:_MOST_BARS]
        bars = tuple(sorted(kept))
        yield f"The {_MOST_BARS} with the most refusals:"
    for bar in bars:
        if not bar.success + bar.failure:
            continue
        good, bad = (round(space * x / most) for x in (bar.success, bar.failure))
        drawn = click.style("█" * good, fg="green") + click.style("▒" * bad, fg="red")
        numbers = f"{bar.success:,} accepted, {bar.failure:,} refused"
        yield f"{str(Time(bar.time))[:16]}  {drawn}{' ' * (space - good - bad)} {numbers}".rstrip()
    yield ""


def _rows(table: "Table", width: int) -> Iterator[str]:
    shown = [
        [escaped(show(x)) for x in row] for row in (table.columns, *(x.cells for x in table.rows))
    ]
    right = [is_number(x) for x in table.rows[0].cells]
    widths = _fit(table, [max(map(terminal_width, x)) for x in zip(*shown, strict=True)], width)
    columns = [Column(y, right=right[x], most=y) for x, y in widths.items()]
    yield click.style(format_row([shown[0][x] for x in widths], columns), dim=True)
    for row, cells in zip(table.rows, shown[1:], strict=True):
        yield format_row([cells[x] for x in widths], columns)
        # Of a finding the last one, too, such as the login after refusals.
        lines = (*row.lines[:1], *(row.lines[1:][-1:] if table.is_finding else ()))
        for line in lines:
            yield from (click.style(x, dim=True) for x in _line(line, width))
    if table.more:
        yield f"{many(table.more, 'more row')}"
    yield ""


def _line(line: "Line", width: int) -> Iterator[str]:
    """Yield a line of a log below its place, which is whole: explain takes it."""
    place, text = f"    {escaped(line.path)}:{line.offset}", escaped(line.text)
    if terminal_width(place) + 1 + terminal_width(text) <= width:
        yield f"{place} {text}"
        return
    yield place
    yield format_row([f"      {text}"], [Column(0, most=width)])


def _fit(table: "Table", widths: list[int], most: int) -> dict[int, int]:
    """Choose columns that fit, with their widths.

    Text is cut. Where that is not enough, times are left out, which are in the lines below, too; at
    last, addresses are cut.
    """
    fitted = dict(enumerate(widths))
    cells = dict(enumerate(table.rows[0].cells))
    times = [x for x, cell in cells.items() if isinstance(cell, Time)]
    addresses = [x for x in cells if table.columns[x] in _ADDRESSES]
    texts = [x for x in cells if not is_number(cells[x]) and x not in {*times, *addresses}]

    def excess() -> int:
        return sum(fitted.values()) + 2 * (len(fitted) - 1) - most

    while times and excess() > sum(max(fitted[x] - _LEAST_WIDTH, 0) for x in texts):
        del fitted[times.pop()]
    for narrowed in (texts, addresses):
        while excess() > 0 and any(fitted[x] > _LEAST_WIDTH for x in narrowed):
            fitted[max(narrowed, key=fitted.__getitem__)] -= 1
    return fitted
