"""``esa-forwarder check``, ``config`` and ``plugins``: what a configuration may have, and has."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forwarder.cli.common import DONE, FAILED, config_file, load_or_end, print_result

if TYPE_CHECKING:
    from forwarder.plugins import Installed

_WIDTH = 80  # of the text, as of help texts


@click.command()
@config_file
def check(path: Path) -> None:
    """Check a configuration, and whether everything it needs is there.

    Its issues are reported with their lines. If there are none, the state folder, the inputs
    and each output are checked. Nothing is changed.
    """
    from forwarder.app.checks import check as find
    from forwarder.text import escaped

    config = load_or_end(path)
    print_result(escaped(f"ok    {path}: valid"))
    failed = False
    for finding in find(config):
        failed |= not finding.good
        mark = "FAIL" if not finding.good else "WARN" if finding.advice else "ok  "
        print_result(escaped(f"{mark}  {finding.text}"))
        if finding.advice:
            print_result(escaped(f"      {finding.advice}"))
    sys.exit(FAILED if failed else DONE)


@click.group()
def config() -> None:
    """Help with configurations."""


@config.command()
def schema() -> None:
    """Print the JSON Schema of a configuration, for editors.

    It contains the settings of all installed outputs that are not broken.
    """
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


@click.command()
def plugins() -> None:
    """Show the installed outputs, with their settings.

    Each has the type that the configuration names, the package that provides it, and the names of
    its settings, which config schema describes. If it needs something that is not installed, that
    is shown. For a broken one, the reason is shown, and the exit code is 1.
    """
    from forwarder.plugins import list_installed

    installed = list_installed()
    click.echo("\n\n".join("\n".join(_describe(x)) for x in installed) or "No outputs.")
    sys.exit(FAILED if any(x.problem for x in installed) else DONE)


def _describe(installed: "Installed") -> Iterator[str]:
    from forwarder.config.types import fields_of

    yield f"{installed.type} ({installed.distribution} {installed.version})"
    if installed.plugin is None:
        yield _wrap(f"BROKEN: {installed.problem}", "  ")
        return
    if installed.plugin.missing:
        yield _wrap(f"CANNOT BE USED YET: {installed.plugin.missing}", "  ")
    yield _wrap(f"settings: {', '.join(fields_of(installed.plugin.config)) or 'none'}", "  ")
    for name, description in installed.plugin.setup_values.items():
        yield f"  setup --set {name}=VALUE"
        yield _wrap(description, "    ")


def _wrap(text: str, indent: str) -> str:
    return click.wrap_text(text, _WIDTH, indent, indent)
