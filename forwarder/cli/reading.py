"""What commands that read logs have in common: options, progress, and what is told of problems."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TextIO, TypeVar

import click

from forwarder.cli.common import as_configured, load_or_end
from forwarder.events import (
    GIVE_NAMES,
    WARNINGS,
    Counters,
    describe_mixture,
    describe_warning,
)
from forwarder.text import escaped, many, quoted

if TYPE_CHECKING:
    from datetime import tzinfo

    from forwarder.app.parse import Outcome, ParseOptions, Progress

_STEP_BYTES = 1 << 20  # what makes the progress bar move: more often would take time

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

_OPTIONS = (
    click.option(
        "--config",
        "-c",
        "config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Configuration whose settings of appliances and documents are used.",
    ),
    click.option(
        "--appliance",
        metavar="NAME",
        callback=as_configured("read_keyword"),
        help="Name of the appliance, for all PATHs.",
    ),
    click.option(
        "--timezone",
        "zone",
        metavar="ZONE",
        callback=as_configured("read_zone"),
        help="IANA time zone of logs whose header has no UTC offset, like Europe/Rome. "
        "[default: UTC]",
    ),
    click.option(
        "--year",
        type=click.IntRange(1970, 9998),
        help="Year of the first line of each file, for timestamps without one. "
        "[default: from the file's name or time]",
    ),
    click.option(
        "--follow-symlinks",
        is_flag=True,
        help="Follow symbolic links in folders and patterns, too.",
    ),
)


def reading_options(command: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
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
        known = ParserSettings.of(load_or_end(config))
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
    yield from parse_warnings(counts, notes=False)


def parse_warnings(counts: Counters, *, notes: bool) -> Iterator[str]:
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


def describe_problems(outcome: "Outcome") -> Iterator[str]:
    """Yield what failed, and what a person should look at, a sentence each."""
    for problem in outcome.problems:
        yield f"error: {problem.removesuffix('.')}."
    for warning in (*outcome.warnings, *warnings(outcome.counts)):
        yield f"warning: {warning.removesuffix('.')}."


def print_problems(outcome: "Outcome") -> None:
    """Print to standard error what failed, and what a person should look at."""
    for text in describe_problems(outcome):
        click.echo(text, err=True)


def show_progress(*, shown: bool) -> "AbstractContextManager[Progress]":
    """Show a bar where that is wanted and standard error is a terminal."""
    if shown and sys.stderr is not None and sys.stderr.isatty():
        return progress_bar(sys.stderr)
    return nullcontext(lambda *_: None)


@contextmanager
def progress_bar(stream: TextIO) -> "Iterator[Progress]":
    """Show a bar on a terminal, as long as it is needed."""
    with click.progressbar(length=0, file=stream, update_min_steps=_STEP_BYTES) as bar:

        def step(read: int, whole: int) -> None:
            bar.length = whole or None
            bar.update(read)

        yield step
