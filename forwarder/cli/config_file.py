"""What all commands with a configuration share: the option, and how mistakes end a command."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from forwarder.cli.common import BAD_CONFIG, drop_errors

if TYPE_CHECKING:
    from forwarder.config.load import Config

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_Command = TypeVar("_Command", bound=Callable[..., object])


def config_option(command: _Command, *, required: bool = True) -> _Command:
    """Add the option -c; for commands that have other arguments."""
    option = click.option(
        "--config",
        "-c",
        "path",
        type=click.Path(path_type=Path),
        metavar="FILE",
        required=required,
        envvar="ESA_FORWARDER_CONFIG",
        show_envvar=True,
        help="The configuration, in YAML.",
    )
    return option(command)


def config_file(command: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Add the option -c, and FILE as an argument, which means the same."""

    @wraps(command)
    def with_path(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        kwargs["path"] = _one_of(kwargs.pop("file"), kwargs["path"])
        return command(*args, **kwargs)

    argument = click.argument("file", required=False, type=click.Path(path_type=Path))
    return config_option(argument(with_path), required=False)


def _one_of(argument: object, option: object) -> object:
    """Choose between FILE and -c; the environment counts only without both.

    Raises:
        click.UsageError: There is neither, or there are both.
    """
    if argument is None and option is None:
        raise click.UsageError("name the configuration: FILE, or -c FILE.")
    if argument is None:
        return option
    if click.get_current_context().get_parameter_source("path") is ParameterSource.COMMANDLINE:
        raise click.UsageError("the configuration is named twice: take FILE or -c FILE.")
    return argument


def load_or_end(path: Path) -> "Config":
    """Load a configuration; if there are mistakes in it, say all of them and end the command."""
    from forwarder import log
    from forwarder.config.load import InvalidConfigError, load
    from forwarder.plugins import find_outputs, stdout_to_stderr

    log.configure("logfmt", "warning")  # plugins may have something to say while they are loaded
    try:
        with stdout_to_stderr():
            return load(path, find_outputs)
    except InvalidConfigError as error:
        try:
            for issue in error.issues:
                click.echo(f"error: {issue}", err=True)
        except OSError:  # whoever started it has the code
            drop_errors()
        sys.exit(BAD_CONFIG)
