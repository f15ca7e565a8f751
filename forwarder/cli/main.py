"""The command ``esa-forwarder``.

Standard output is for documents, and for what a command was asked to print; everything else goes
to standard error.

Exit codes: 0 done; 1 something failed or was lost; 2 bad usage or a bad configuration; 128 plus
the number of a signal that ended it. What a command needs is imported when it runs: ``--help``
answers at once.
"""

import click

from forwarder import __version__
from forwarder.cli.config import check, config, plugins
from forwarder.cli.dead_letters import dead_letters
from forwarder.cli.explain import explain
from forwarder.cli.parse import parse
from forwarder.cli.report import report
from forwarder.cli.rewind import rewind
from forwarder.cli.run import run
from forwarder.cli.send import send
from forwarder.cli.setup import setup
from forwarder.cli.status import status
from forwarder.cli.tap import tap
from forwarder.cli.trace import trace


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="esa-forwarder")
def main() -> None:
    """Turn the mail logs of Cisco Secure Email Gateways into authentication events."""


for _command in (
    check,
    config,
    dead_letters,
    explain,
    parse,
    plugins,
    report,
    rewind,
    run,
    send,
    setup,
    status,
    tap,
    trace,
):
    main.add_command(_command)
