"""``esa-forwarder config``: what a configuration may say, and what one comes to."""

from pathlib import Path

import click

from forwarder.cli.config_file import config_file, load_or_end
from forwarder.cli.printing import print_result


@click.group()
def config() -> None:
    """Help with configurations."""


@config.command()
def schema() -> None:
    """Print the JSON Schema of a configuration, for editors.

    It has the settings of all outputs that are installed, and works.
    """
    import json

    from forwarder.config.schema import make_schema
    from forwarder.plugins import list_installed, stdout_to_stderr

    plugins = [x.plugin for x in list_installed() if x.plugin is not None]
    with stdout_to_stderr():
        made = make_schema(plugins)
    print_result(json.dumps(made, indent=2))


@config.command()
@config_file
def show(path: Path) -> None:
    """Print a configuration as it takes effect: with all defaults, and without secrets."""
    from forwarder.config.schema import show as write

    print_result(write(load_or_end(path)).rstrip("\n"))
