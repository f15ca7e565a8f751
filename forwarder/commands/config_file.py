"""What all commands with a configuration share: the option, and how mistakes end a command."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forwarder.commands.ending import BAD_CONFIG, drop_errors

if TYPE_CHECKING:
    from forwarder.config import Config

config_option = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    envvar="ESA_FORWARDER_CONFIG",
    show_envvar=True,
    help="The configuration, in YAML.",
)


def load_or_end(path: Path) -> "Config":
    """Load a configuration; if there are mistakes in it, say all of them and end the command."""
    from forwarder import log  # noqa: PLC0415 - late on purpose
    from forwarder.aside import printing_aside  # noqa: PLC0415
    from forwarder.config import BadConfig, load  # noqa: PLC0415
    from forwarder.plugins import find_outputs  # noqa: PLC0415

    log.configure("logfmt", "warning")  # plugins may have something to say while they are loaded
    try:
        with printing_aside():
            return load(path, find_outputs)
    except BadConfig as error:
        try:
            for mistake in error.mistakes:
                click.echo(f"error: {mistake}", err=True)
        except OSError:  # whoever started it has the code
            drop_errors()
        sys.exit(BAD_CONFIG)
