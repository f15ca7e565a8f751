"""``esa-forwarder tap``: documents of the running service as they pass, for people and programs."""

import os
import select
import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.cli.common import (
    BAD_CONFIG,
    DONE,
    config_file,
    fail,
    format_option,
    load_or_end,
    print_result,
    require_stdout,
)
from forwarder.cli.parse import HEADER, row, terminal_line
from forwarder.errors import ForwarderError
from forwarder.events import Document
from forwarder.text import many, quoted

if TYPE_CHECKING:
    from forwarder.ecs.filters import Filter


def _read_filter(_: click.Context, __: click.Parameter, texts: Sequence[str]) -> "Filter | None":
    """Make one rule of all conditions; of one that is there several times, any value will do."""
    if not texts:
        return None
    from pydantic import ValidationError

    from forwarder.config.errors import IssueFormatter
    from forwarder.config.models import RuleSettings
    from forwarder.config.yaml import YamlDocument
    from forwarder.ecs.filters import Filter

    found = defaultdict[str, list[str]](list)
    for part in ",".join(texts).split(","):
        name, equals, value = (x.strip() for x in part.partition("="))
        if not (name and equals):
            raise click.BadParameter(f"{quoted(part)} is not NAME=VALUE.")
        found[name].append(value)
    single = {x: y if len(y) > 1 else y[0] for x, y in found.items()}
    try:
        rule = RuleSettings.model_validate(single).rule
    except ValidationError as error:
        document = YamlDocument(single, dict.fromkeys([(x,) for x in single], 1), {})
        issue = next(IssueFormatter(document, RuleSettings).format(error))
        raise click.BadParameter(f"{'.'.join(map(str, issue.loc))} {issue.text}") from error
    return Filter(keep=(rule,))


@click.command()
@config_file
@click.option("--output", metavar="NAME", help="Only what this output has accepted.")
@click.option(
    "--filter",
    "rules",
    metavar="NAME=VALUE,...",
    multiple=True,
    callback=_read_filter,
    help="Only documents for which all of this holds: user, source (a network), action, outcome, "
    "appliance. Of a name that is there twice, either value will do.",
)
@format_option("table", "ndjson", help_="A table for people, or one JSON document a line.")
def tap(path: Path, output: str | None, rules: "Filter | None", form: str) -> NoReturn:
    """Show documents of the running service as they pass, until Ctrl-C.

    Without --output, these are all documents, as soon as they are in the spool. Delivery does not
    wait for this command: of what it is too slow for, it tells the number.
    """
    from forwarder.app.taps import listen
    from forwarder.ecs.filters import passes

    require_stdout()
    config = load_or_end(path)
    if output is not None and output not in config.outputs:
        fail(f"there is no output {quoted(output)} in {quoted(str(path))}", BAD_CONFIG)
    show = row if form == "table" else terminal_line if sys.stdout.isatty() else bytes.decode
    is_first = True
    try:
        for passed in listen(config.state, output or ""):
            if isinstance(passed, bytes):
                if rules is None or passes(Document("", passed), rules):
                    print_result(show(passed))
                continue
            if is_first:
                is_first = False
                threading.Thread(target=_end_with_reader, daemon=True).start()
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
