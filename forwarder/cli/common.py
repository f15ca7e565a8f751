"""What commands share: exit codes, printing, columns, configuration; options for reading logs."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, ParamSpec, TextIO, TypeVar

import click
from click.core import ParameterSource

from forwarder.cli.start import drop_output
from forwarder.events import (
    GIVE_NAMES,
    UNPARSED,
    WARNINGS,
    Counters,
    describe_mixture,
    describe_warning,
)
from forwarder.text import escaped, many, quoted, show

if TYPE_CHECKING:
    from datetime import tzinfo

    from forwarder.app.parse import Outcome, ParseOptions, Progress
    from forwarder.app.status import Table
    from forwarder.config.load import Config

DONE = 0
FAILED = 1
BAD_CONFIG = 2  # as click ends for a wrong option

_STEP_BYTES = 1 << 20  # what makes the progress bar move: more often would take time
_MOST = {"Appliance": 64}
"""How wide columns become: strangers make names of folders, and JSON has them whole."""

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_Command = TypeVar("_Command", bound=Callable[..., object])


def fail(sentence: str, code: int = FAILED) -> NoReturn:
    """Print an error, with a full stop, and end the command."""
    click.echo(f"error: {sentence.removesuffix('.')}.", err=True)
    sys.exit(code)


def require_stdout() -> None:
    """End the command where standard output is closed, as after ``>&-`` in a shell."""
    if sys.stdout is None:
        fail("standard output is closed; there is nowhere to write to")


def print_result(text: str) -> None:
    """Print at once, and end the command where the reader has gone away."""
    require_stdout()
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        drop_output()
        sys.exit(DONE)
    except OSError as error:
        drop_output()
        fail(f"standard output cannot be written: {error.strerror}")


class Column(NamedTuple):
    """How a column is aligned."""

    width: int
    right: bool = False  # whether it holds numbers, which are aligned to the right
    most: int = 0  # longer text is cut with an ellipsis; 0 for never


def format_unparsed(kind: str, path: str | None, offset: int, text: str) -> str:
    """Say where a line is, what is wrong with it, and what it is."""
    return escaped(f"{path or '-'}:{offset}: {UNPARSED[kind]}: {text}")


def format_row(cells: Iterable[str], columns: Sequence[Column]) -> str:
    """Align cells in columns; invisible characters are shown by their codes."""
    return "  ".join(map(_format_cell, cells, columns)).rstrip()


def format_table(table: "Table") -> Iterator[str]:
    """Align rows below a head, each column as wide as needed."""
    rows = [[*map(show, x)] for x in table.rows]
    whole = [[x.upper() for x in table.head], *rows]
    left = {table.head[0], *table.left}
    columns = [
        Column(
            min(max(terminal_width(escaped(x)) for x in column), _MOST.get(name, sys.maxsize)),
            right=name not in left,
            most=_MOST.get(name, 0),
        )
        for name, column in zip(table.head, zip(*whole, strict=True), strict=True)
    ]
    return (format_row(x, columns) for x in whole)


def _format_cell(text: str, column: Column) -> str:
    text = escaped(text)
    most = column.most
    if most and (len(text) > most or terminal_width(text) > most):
        text = text[: most - 1]
        while terminal_width(text) >= most:
            text = text[:-1]
        text += "…"
    fill = " " * (column.width - terminal_width(text))
    return fill + text if column.right else text + fill


def terminal_width(text: str) -> int:
    """Count the columns of a terminal that a text takes: Chinese takes two a character."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # its tables cost more than most of ours

    return wcswidth(text)


def _config_option(*, required: bool) -> Callable[[_Command], _Command]:
    return click.option(
        *("--config", "-c", "path"),
        type=click.Path(path_type=Path),
        metavar="FILE",
        required=required,
        envvar="ESA_FORWARDER_CONFIG",
        show_envvar=True,
        help="The configuration, in YAML.",
    )


config_option = _config_option(required=True)  # -c alone, for commands that have other arguments


def config_file(command: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Add the option -c, and FILE as an argument, which means the same."""

    @wraps(command)
    def with_path(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        file = kwargs.pop("file")
        if file is None and kwargs["path"] is None:
            raise click.UsageError("name the configuration: FILE, or -c FILE.")
        if file is not None:
            source = click.get_current_context().get_parameter_source("path")
            if source is ParameterSource.COMMANDLINE:
                raise click.UsageError("the configuration is named twice: use FILE or -c FILE.")
            kwargs["path"] = file  # rather than that of the environment
        return command(*args, **kwargs)

    argument = click.argument("file", required=False, type=click.Path(path_type=Path))
    return _config_option(required=False)(argument(with_path))


def format_option(*forms: str, help_: str) -> Callable[[_Command], _Command]:
    """Return the option --format; the first form is the usual one."""
    return click.option(
        *("--format", "form"),
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help=help_,
    )


def load_or_end(path: Path, *, without_logins: bool = False, advice: str = "") -> "Config":
    """Load a configuration; if it has issues, print all of them and end the command.

    The settings by which outputs log in can be left out; where only these are at fault, some advice
    is printed.
    """
    from forwarder import log
    from forwarder.config.load import InvalidConfigError, load
    from forwarder.plugins import find_outputs, stdout_to_stderr

    log.configure("logfmt", "warning")  # plugins may log while they are loaded
    try:
        with stdout_to_stderr():
            return load(path, find_outputs, without_logins=without_logins)
    except InvalidConfigError as error:
        for issue in str(error).splitlines():
            click.echo(f"error: {issue}", err=True)
        if advice:
            with suppress(InvalidConfigError), stdout_to_stderr():
                load(path, find_outputs, without_logins=True)
                click.echo(advice, err=True)
        sys.exit(BAD_CONFIG)


def as_configured(reader: str) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """Return a callback that reads an option as the configuration does, by config.types."""

    def read(_: click.Context, __: click.Parameter, text: str | None) -> object:
        if text is None:
            return None
        from forwarder.config import types
        from forwarder.config.issue import InvalidValue, quoted

        try:
            return getattr(types, reader)(text)
        except InvalidValue as error:
            raise click.BadParameter(f"{quoted(text)} {error}.") from error

    return read


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
