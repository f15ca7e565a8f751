"""``esa-forwarder status``: how the service is doing."""

import sys
from pathlib import Path

import click

from forwarder.cli.common import FAILED
from forwarder.cli.config_file import config_file, load_or_end
from forwarder.cli.printing import print_result


@click.command()
@config_file
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Lines for people, or one JSON object.",
)
def status(path: Path, form: str) -> None:
    """Show how far inputs and outputs are, and what went wrong.

    Works while the service runs and while it does not, and changes nothing.
    """
    from datetime import UTC, datetime

    from forwarder.cli.status_rows import as_json, as_text
    from forwarder.spool.errors import SpoolError
    from forwarder.spool.stats import summarise

    folder = load_or_end(path).state
    try:
        summary = summarise(folder)
    except SpoolError as error:
        click.echo(f"error: {error}.", err=True)
        sys.exit(FAILED)
    now = datetime.now(UTC)
    print_result(
        as_json(summary, now).decode() if form == "json" else "\n".join(as_text(summary, now))
    )
