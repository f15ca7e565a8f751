"""``esa-forwarder tap``: documents of the running service as they pass, for people and programs."""

import os
import select
import sys
import threading
from pathlib import Path
from typing import NoReturn

import click

from forwarder.cli.common import (
    BAD_CONFIG,
    DONE,
    config_file,
    fail,
    load_or_end,
    print_result,
    require_stdout,
)
from forwarder.cli.parse import HEADER, row, terminal_line
from forwarder.errors import ForwarderError
from forwarder.text import many, quoted


@click.command()
@config_file
@click.option("--output", metavar="NAME", help="Only what this output has accepted.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "ndjson"]),
    default="table",
    show_default=True,
    help="A table for people, or one JSON document a line.",
)
def tap(path: Path, output: str | None, form: str) -> NoReturn:
    """Show documents of the running service as they pass, until Ctrl-C.

    Without --output, these are all documents, as soon as they are in the spool. Delivery does not
    wait for this command: of what it is too slow for, it tells the number.
    """
    from forwarder.app.taps import listen

    require_stdout()
    config = load_or_end(path)
    if output is not None and output not in config.outputs:
        fail(f"there is no output {quoted(output)} in {quoted(str(path))}", BAD_CONFIG)
    show = row if form == "table" else terminal_line if sys.stdout.isatty() else bytes.decode
    threading.Thread(target=_end_with_reader, daemon=True).start()
    is_first = True
    try:
        for passed in listen(config.state, output or ""):
            if isinstance(passed, bytes):
                print_result(show(passed))
                continue
            if is_first:
                is_first = False
                click.echo("Showing what passes from now on; Ctrl-C ends.", err=True)
                if form == "table":
                    print_result(HEADER)
            if passed:
                missing = many(passed, "document")
                click.echo(f"warning: {missing} left out, faster than they were read.", err=True)
    except ForwarderError as error:
        fail(str(error))
    fail("the service has ended")


def _end_with_reader() -> None:
    """End the command when the reader of a pipe goes away, also if no document comes any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    poll.poll()
    os._exit(DONE)
