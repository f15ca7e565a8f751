"""``esa-forwarder parse``: files or standard input to documents on standard output.

Other commands that read logs share its options and its table, and tell the same of problems.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
import orjson

from forwarder.cli.main import (
    DONE,
    FAILED,
    Column,
    as_configured,
    format_option,
    format_row,
    load_config,
    require_stdout,
)
from forwarder.cli.start import drop_output
from forwarder.events import (
    GIVE_NAMES,
    UNPARSED,
    WARNINGS,
    Counters,
    Unparsed,
    describe_mixture,
    describe_warning,
)
from forwarder.text import decoded, escaped, escaped_json, many, quoted

if TYPE_CHECKING:
    from datetime import tzinfo

    from forwarder.app.parse import Outcome, ParseOptions, Progress

_Command = TypeVar("_Command", bound=Callable[..., object])

_COLUMNS = {
    "TIME (UTC)": Column(19, most=19),
    "APPLIANCE": Column(18, most=18),
    "EVENT": Column(13, most=13),
    "USER": Column(32, most=32),
    # It may be wider than the others: an address is of no use without its end.
    "SOURCE": Column(22, most=42),
    "HOW": Column(10, most=10),
    "TLS": Column(4, most=4),
    "WHAT": Column(0, most=60),
}
"""Longer text is cut: the documents have it whole."""
_ALIGNED = tuple(_COLUMNS.values())
HEADER = format_row(_COLUMNS, _ALIGNED)
_EVENTS = {
    "smtp-authentication": ("login", "inbound logins"),
    "smtp-relay-authentication": ("relay login", "outbound logins"),
    "smtp-authentication-error": ("not checked", "logins that could not be checked"),
    "smtp-authentication-not-initiated": ("no login", "logins required and not begun"),
    "smtp-session-closed": ("session", "sessions ended"),
}
"""By action: in a row, and in the summary, in its order."""
_MARKS = {"success": "+", "failure": "-", None: " "}

_STEP_BYTES = 1 << 20  # what makes the progress bar move: more often would take time

_OPTIONS = (
    click.option(
        "--config",
        "-c",
        "config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Use the settings of appliances and documents from this configuration.",
    ),
    click.option(
        "--appliance",
        metavar="NAME",
        type=as_configured("read_keyword"),
        help="Name of the appliance for all PATHs.",
    ),
    click.option(
        "--timezone",
        "zone",
        metavar="ZONE",
        type=as_configured("read_zone"),
        help="IANA time zone for logs that do not state their offset from UTC, such as"
        " Europe/Rome. [default: UTC]",
    ),
    click.option(
        "--year",
        type=click.IntRange(1970, 9998),
        help="Year of the first line of each file, for timestamps without a year. "
        "[default: from the file's name or modification time]",
    ),
    click.option(
        "--follow-symlinks",
        is_flag=True,
        help="Also follow symbolic links in folders and patterns.",
    ),
)


def reading_options(command: _Command) -> _Command:
    """Add the options that say how logs are read; :func:`read_options` takes their values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_options(  # noqa: PLR0913 - one an option
    paths: tuple[str, ...],
    *,
    config: Path | None,
    appliance: str | None,
    zone: "tzinfo | None",
    year: int | None,
    follow_symlinks: bool,
) -> "ParseOptions":
    """Make of the values of :func:`reading_options` what the program needs."""
    from forwarder.app.parse import ParseOptions
    from forwarder.app.parser_client import ParserSettings
    from forwarder.pipeline import Settings

    settings = Settings()
    if config is not None:
        known = ParserSettings.of(load_config(config))
        settings = Settings(
            sessions=known.sessions, common=known.common, appliances=known.appliances
        )
    return ParseOptions(
        paths=paths,
        appliance=appliance,
        settings=settings._replace(year=year),
        zone=zone,
        jobs=1,
        follow_symlinks=follow_symlinks,
    )


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@reading_options
@format_option("ndjson", "table", help_="One JSON document per line, or a table for people.")
@click.option("--no-session-events", is_flag=True, help="Omit ends of sessions.")
@click.option("--no-original", is_flag=True, help="Omit event.original, the original line.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=lambda: len(os.sched_getaffinity(0)),
    show_default="number of processors",
    help="Appliances to parse at the same time.",
)
@click.option(
    "--unparsed",
    is_flag=True,
    help="Print lines that were not understood instead of documents: file, byte, reason, text.",
)
@click.option(
    "--quiet", "-q", is_flag=True, help="Print problems only, without progress and summary."
)
def parse(  # noqa: PLR0913 - one an option
    *,
    paths: tuple[str, ...],
    form: str,
    no_session_events: bool,
    no_original: bool,
    jobs: int,
    unparsed: bool,
    quiet: bool,
    **reading: Any,  # noqa: ANN401 - of `reading_options`
) -> NoReturn:
    """Parse mail logs and print one ECS document per SMTP login.

    PATH is a file, a folder, a glob, a pattern such as '/srv/esa/{appliance}/mail*', or - for
    standard input. Compressed files (.gz) are read, too. Without --appliance or {appliance}, the
    appliance is named after the host in the syslog header, or else the folder that contains its
    logs.
    """
    from forwarder.app import parse as parsing

    require_stdout()
    if not paths and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("specify a file, a folder or a pattern, or pipe in a log.")
    if unparsed and form == "table":
        raise click.UsageError("--unparsed cannot be combined with --format table.")
    options = read_options(paths or ("-",), **reading)
    settings, common = options.settings, options.settings.common
    options = options._replace(
        settings=settings._replace(
            sessions=settings.sessions and not no_session_events,
            common=common._replace(original=common.original and not no_original),
            count_lines=not quiet,
            keep_unparsed=None if unparsed else 0,
        ),
        jobs=jobs,
        header=HEADER if form == "table" and not unparsed else "",
        row=row if form == "table" else terminal_line if sys.stdout.isatty() else None,
        unparsed=unparsed_line if unparsed else None,
    )
    try:
        with show_progress(shown=not sys.stdout.isatty() and not quiet) as progress:
            outcome = parsing.parse(options, sys.stdout.buffer, progress)
    except BrokenPipeError:  # the reader has seen enough
        drop_output()
        sys.exit(DONE)
    try:
        sys.stdout.flush()
    except OSError:  # it is among the problems
        drop_output()
    print_problems(outcome)
    if outcome.complete and not quiet:
        for line in summarise(outcome):
            click.echo(line, err=True)
    sys.exit(FAILED if outcome.problems else DONE)


def terminal_line(document: bytes) -> str:
    """Show a document as JSON in which nothing commands a terminal."""
    return escaped_json(document.decode().removesuffix("\n"))


def unparsed_line(line: Unparsed) -> str:
    """Show a line that was not understood, where it is, and what is wrong with it."""
    return format_unparsed(line.kind, line.path, line.offset, decoded(line.text))


def format_unparsed(kind: str, path: str | None, offset: int, text: str) -> str:
    """Say where a line is, what is wrong with it, and what it is."""
    return escaped(f"{path or '-'}:{offset}: {UNPARSED[kind]}: {text}")


def row(document: bytes) -> str:
    """Show a document, one JSON object, as a line of text."""
    fields = orjson.loads(document)
    event, cisco = fields["event"], fields["cisco_esa"]
    outbound = fields["network"]["direction"] == "egress"
    peer = fields.get("destination" if outbound else "source", {})
    cells = [
        fields["@timestamp"][:19].replace("T", " "),
        fields["host"]["name"],
        f"{_MARKS[event.get('outcome')]} {_EVENTS[event['action']][0]}",
        fields.get("user", {}).get("name", ""),
        ("to " if outbound else "") + peer.get("address", "unknown"),
        cisco.get("auth", {}).get("mechanism", ""),
        fields.get("tls", {}).get("version", ""),
        _what(event, cisco, fields),
    ]
    return format_row(cells, _ALIGNED)


def _what(event: Mapping[str, Any], cisco: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    session = cisco.get("session")
    if session is not None:
        messages, recipients = session["messages"], session["recipients"]
        sent = f"{many(messages, 'message')} to {many(recipients, 'recipient')}"
        size = f", {many(session['bytes'], 'byte')}" if "bytes" in session else ""
        return f"{session['close_reason']} after {sent}{size}"
    domain = fields.get("source", {}).get("domain", "")
    return str(event.get("reason", domain))


def summarise(outcome: "Outcome") -> Iterator[str]:
    """Summarise what was read, a line each."""
    counts = outcome.counts
    yield (
        f"{many(outcome.files, 'file')}, {many(counts.lines, 'line')}, {counts.bytes / 1e6:,.1f} MB"
        f" in {outcome.seconds:.2f} s"
    )
    for path, read in outcome.repeated:
        yield f"left out {quoted(path)}: all of it is in {quoted(read)}"
    for action, (_, name) in _EVENTS.items():
        by_result = {r: n for (a, r), n in sorted(counts.events.items(), key=str) if a == action}
        results = ", ".join(f"{n:,} {r}" for r, n in by_result.items() if r is not None)
        if by_result:
            number = f"{name}: {sum(by_result.values()):,}"
            yield f"{number} ({results})" if results else number
    if counts.joinable:
        share = 100 * counts.joined / counts.joinable
        yield (
            f"joined to their connection: {counts.joined:,} of {counts.joinable:,} ({share:.1f} %)"
        )
    yield from _parse_warnings(counts, notes=True)


def print_problems(outcome: "Outcome") -> None:
    """Print to standard error what failed, and what a person should look at."""
    for text in describe_problems(outcome):
        click.echo(text, err=True)


def describe_problems(outcome: "Outcome") -> Iterator[str]:
    """Yield what failed, and what a person should look at, a sentence each."""
    for problem in outcome.problems:
        yield f"error: {problem.removesuffix('.')}."
    for warning in (*outcome.warnings, *warnings(outcome.counts)):
        yield f"warning: {warning.removesuffix('.')}."


def warnings(counts: Counters) -> Iterator[str]:
    """Yield what a person should look at, a line each."""
    if counts.assumed_utc:
        yield (
            "times were taken for UTC: neither a file header nor --timezone gives the zone;"
            " name it with --timezone, for example --timezone Europe/Rome"
        )
    for appliance, kind, first, second in counts.mixtures:
        text = describe_mixture(quoted(appliance), kind, quoted(first), quoted(second))
        yield f"{text}. {GIVE_NAMES}"
    for kind, name, detail in dict.fromkeys(counts.appliance_warnings):
        yield describe_warning(kind, quoted(name), escaped(detail))
    yield from _parse_warnings(counts, notes=False)


def _parse_warnings(counts: Counters, *, notes: bool) -> Iterator[str]:
    """Yield what was left out or read only in part, a line each: the notes, or the warnings."""
    for name, noun, what, advice, is_note, _ in WARNINGS:
        number = getattr(counts, name)
        if not number or is_note is not notes:
            continue
        where = ""
        if name in counts.first:
            path, offset = counts.first[name]
            at = "" if offset is None else f"at byte {offset:,} of "
            where = f"; the first is {at}{quoted(path or 'standard input')}"
        yield f"{many(number, noun)} {what}: {advice}{where}"


@contextmanager
def show_progress(*, shown: bool) -> "Iterator[Progress]":
    """Show a bar where that is wanted and standard error is a terminal."""
    if not shown or sys.stderr is None or not sys.stderr.isatty():
        yield lambda *_: None
        return
    with click.progressbar(length=0, file=sys.stderr, update_min_steps=_STEP_BYTES) as bar:

        def step(read: int, whole: int) -> None:
            bar.length = whole or None
            bar.update(read)

        yield step
