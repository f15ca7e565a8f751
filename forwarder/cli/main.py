"""The command ``esa-forwarder``.

Standard output is for documents, and for what a command was asked to print; everything else goes
to standard error.

Exit codes: 0 done; 1 something failed or was lost; 2 bad usage or a bad configuration; 128 plus
the number of a signal that ended it. What a command needs is imported when it runs: ``--help``
answers at once.
"""

from collections import UserDict
from importlib import import_module

import click

from forwarder import __version__

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


@click.group(
    commands=_Commands(dict.fromkeys(_MODULES, click.Command(None))),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="esa-forwarder")
def main() -> None:
    """Turn the mail logs of Cisco Secure Email Gateways into authentication events."""
