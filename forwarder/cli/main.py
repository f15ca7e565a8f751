"""The command ``esa-forwarder``, and what its commands share.

Standard output is for documents, and for what a command was asked to print; everything else goes
to standard error.

Exit codes: 0 done; 1 something failed or was lost; 2 bad usage or a bad configuration; 128 plus
the number of a signal that ended it. What a command needs is imported when it runs: ``--help``
answers at once.
"""

import sys
from collections import UserDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from forwarder import __version__
from forwarder.cli.start import drop_output
from forwarder.errors import ConfigError, ForwarderError
from forwarder.text import escaped, show

if TYPE_CHECKING:
    from forwarder.config.load import Config

DONE = 0
FAILED = 1
BAD_CONFIG = 2  # as click ends for a wrong option

_MOST = {"Appliance": 64}
"""How wide columns become: strangers make names of folders, and JSON has them whole."""

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_Command = TypeVar("_Command", bound=Callable[..., object])

_MODULES = {
    "check": "config",
    "config": "config",
    "dead-letters": "dead_letters",
    "explain": "explain",
    "parse": "parse",
    "plugins": "config",
    "report": "report",
    "rewind": "run",
    "run": "run",
    "send": "send",
    "setup": "config",
    "status": "status",
    "tap": "status",
    "trace": "explain",
}


class _Commands(UserDict[str, click.Command]):
    """Commands by name; the module of one is imported when that is looked up."""

    def __getitem__(self, name: str) -> click.Command:
        module = import_module(f"forwarder.cli.{_MODULES[name]}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command


class _Program(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        """Run a command; what the program foresaw ends it with a message."""
        try:
            return super().invoke(ctx)
        except ForwarderError as error:
            for line in (*str(error).splitlines(), *getattr(error, "__notes__", ())):
                click.echo(f"error: {line.removesuffix('.')}.", err=True)
            sys.exit(BAD_CONFIG if isinstance(error, ConfigError) else FAILED)


@click.group(
    cls=_Program,
    commands=_Commands(dict.fromkeys(_MODULES, click.Command(None))),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="esa-forwarder")
def main() -> None:
    """Turn the mail logs of Cisco Secure Email Gateways into authentication events."""


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


def format_row(cells: Iterable[str], columns: Sequence[Column]) -> str:
    """Align cells in columns; invisible characters are shown by their codes."""
    return "  ".join(map(_format_cell, cells, columns)).rstrip()


def format_table(
    head: Sequence[str], rows: Iterable[Iterable[object]], left: Sequence[str] = ()
) -> Iterator[str]:
    """Align rows below a head; all columns but the first one and ``left`` to the right."""
    whole = [[x.upper() for x in head], *([*map(show, x)] for x in rows)]
    columns = [
        Column(
            min(max(terminal_width(escaped(x)) for x in column), _MOST.get(name, sys.maxsize)),
            right=name not in {head[0], *left},
            most=_MOST.get(name, 0),
        )
        for name, column in zip(head, zip(*whole, strict=True), strict=True)
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
        help="Configuration file (YAML).",
    )


config_option = _config_option(required=True)  # -c alone, for commands that have other arguments


def config_file(command: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Add the option -c, and FILE as an argument, which means the same."""

    @wraps(command)
    def with_path(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        file = kwargs.pop("file")
        if file is None and kwargs["path"] is None:
            raise click.UsageError("specify the configuration: FILE, or -c FILE.")
        if file is not None:
            source = click.get_current_context().get_parameter_source("path")
            if source is ParameterSource.COMMANDLINE:
                raise click.UsageError("the configuration is given twice: use FILE or -c FILE.")
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


def load_config(path: Path, *, without_logins: bool = False) -> "Config":
    """Load a configuration, or raise InvalidConfigError; may leave out how outputs log in."""
    from forwarder import log
    from forwarder.config.load import load
    from forwarder.plugins import find_outputs, stdout_to_stderr

    log.configure("logfmt", "warning")  # plugins may log while they are loaded
    with stdout_to_stderr():
        return load(path, find_outputs, without_logins=without_logins)


def as_configured(reader: str) -> Callable[[str], Any]:
    """Return the type of an option that is read as in the configuration, by config.types."""

    def read(text: str) -> object:
        from forwarder.config import types

        try:
            return getattr(types, reader)(text)
        except types.InvalidValue as error:
            from forwarder.config.errors import quoted

            raise click.BadParameter(f"{quoted(text)} {error}.") from error

    return read
