"""``esa-forwarder parse``: files or standard input to documents on standard output."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NoReturn, TextIO

import click

from forwarder.cli.common import DONE, FAILED, drop_output
from forwarder.cli.values import as_configured

if TYPE_CHECKING:
    from datetime import tzinfo

    from forwarder.app.parse import Progress


def _zone(_: click.Context, __: click.Parameter, name: str | None) -> "tzinfo | None":
    """Find a time zone by its name, as the configuration does."""
    from forwarder.config.types import read_zone

    return None if name is None else as_configured(name, read_zone)


def _name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """Refuse a name that says nothing, and what the configuration would refuse."""
    from forwarder.config.types import read_keyword

    if name is not None and not name.strip():
        msg = "the name is empty; leave the option out to name appliances by their folders."
        raise click.BadParameter(msg)
    return None if name is None else as_configured(name, read_keyword)


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--appliance", metavar="NAME", callback=_name, help="Name of the appliance, for all PATHs."
)
@click.option(
    "--timezone",
    "zone",
    metavar="ZONE",
    callback=_zone,
    help="IANA time zone of logs whose header has no UTC offset, like Europe/Rome. [default: UTC]",
)
@click.option(
    "--year",
    type=click.IntRange(1970, 9998),
    help="Year of the first line of each file, for timestamps without one. "
    "[default: from the file's name or time]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["ndjson", "table"]),
    default="ndjson",
    show_default=True,
    help="One JSON document a line, or a table for people.",
)
@click.option(
    "--follow-symlinks", is_flag=True, help="Follow symbolic links in folders and patterns, too."
)
@click.option("--no-session-events", is_flag=True, help="Leave out the ends of sessions.")
@click.option("--no-original", is_flag=True, help="Leave out event.original, the line as it was.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=lambda: len(os.sched_getaffinity(0)),
    show_default="number of processors",
    help="Appliances to parse at the same time.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress and no summary; problems only.")
def parse(  # noqa: PLR0913 - one an option
    *,
    paths: tuple[str, ...],
    appliance: str | None,
    zone: "tzinfo | None",
    year: int | None,
    form: str,
    follow_symlinks: bool,
    no_session_events: bool,
    no_original: bool,
    jobs: int,
    quiet: bool,
) -> NoReturn:
    """Parse mail logs and print one ECS document for each SMTP login.

    PATH is a file, a folder, a glob, a pattern such as '/srv/esa/{appliance}/mail*', or - for
    standard input. Compressed files (.gz) are read too. Without --appliance or {appliance} an
    appliance is named by the host in a syslog header, or else by the folder that holds its logs.
    """
    from forwarder.app import parse as parsing
    from forwarder.cli import report, table
    from forwarder.ecs.layout import Common
    from forwarder.pipeline import Settings

    if sys.stdout is None:  # as after >&- in a shell
        click.echo("error: standard output is closed; there is nowhere to write to.", err=True)
        sys.exit(FAILED)
    options = parsing.ParseOptions(
        paths=paths or _standard_input(),
        appliance=appliance,
        settings=Settings(
            year=year,
            sessions=not no_session_events,
            common=Common(original=not no_original),
            count_lines=not quiet,
        ),
        zone=zone,
        jobs=jobs,
        header=table.header() if form == "table" else "",
        row=table.row if form == "table" else None,
        follow_symlinks=follow_symlinks,
        for_terminal=sys.stdout.isatty(),
    )
    bar: AbstractContextManager[Progress] = nullcontext(report.no_bar)
    if _is_terminal(sys.stderr) and not sys.stdout.isatty() and not quiet:
        bar = report.progress_bar(sys.stderr)
    try:
        with bar as progress:
            outcome = parsing.parse(options, sys.stdout.buffer, progress)
    except BrokenPipeError:
        # The reader has seen enough.
        drop_output()
        sys.exit(DONE)
    try:
        sys.stdout.flush()
    except OSError:  # it is among the problems
        drop_output()
    for problem in outcome.problems:
        click.echo(f"error: {problem.removesuffix('.')}.", err=True)
    for warning in (*outcome.warnings, *report.warnings(outcome.counts)):
        click.echo(f"warning: {warning.removesuffix('.')}.", err=True)
    if outcome.complete and not quiet:
        for line in report.summarise(outcome):
            click.echo(line, err=True)
    sys.exit(FAILED if outcome.problems else DONE)


def _standard_input() -> tuple[str, ...]:
    """Give the PATH that stands for none, unless somebody would have to type the log."""
    if _is_terminal(sys.stdin):
        msg = "name a file, a folder or a pattern, or pipe a log in."
        raise click.UsageError(msg)
    return ("-",)


def _is_terminal(stream: TextIO | None) -> bool:
    """Say whether a stream is one; Python has None for what was closed before it began."""
    return stream is not None and stream.isatty()
