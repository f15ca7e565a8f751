"""``esa-forwarder trace``: the story of a connection over files, for people."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, NoReturn

import click

from forwarder.cli.common import (
    DONE,
    FAILED,
    print_problems,
    print_result,
    read_options,
    reading_options,
    require_stdout,
    show_progress,
)
from forwarder.cli.parse import row
from forwarder.errors import ForwarderError
from forwarder.text import decoded, escaped, many, shown

if TYPE_CHECKING:
    from forwarder.events import Event
    from forwarder.mail_logs.stories import Story


@click.command()
@click.argument("query", metavar="ICID|USER|ADDRESS")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@reading_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Connections to show; of further ones, only the number.",
)
def trace(query: str, paths: tuple[str, ...], limit: int, **reading: Any) -> NoReturn:  # noqa: ANN401
    """Show the stories of connections: all lines of each, in order, and what came of them.

    ICID is the number of a connection, such as 884228 or 'ICID 884228'; 'DCID 5633' is one to a
    smart host. USER is the user of a login, with or without a domain, in any case. ADDRESS is the
    IP address at the other end, or a network, such as 203.0.113.0/24. PATH is as for parse.
    """
    from forwarder.app import explain as explaining

    require_stdout()
    try:
        wanted = explaining.read_query(query)
    except ForwarderError as error:
        raise click.BadParameter(f"{error}.") from error
    options = read_options(paths, **reading)
    found = 0

    def tell(story: "Story", serialise: "Callable[[Event], bytes]") -> None:
        nonlocal found
        found += 1
        if found <= limit:
            print_result("\n".join((*describe(story, serialise), "")))

    with show_progress(shown=not sys.stdout.isatty()) as progress:
        outcome = explaining.trace(options, wanted, tell, progress)
    print_problems(outcome)
    if not found:
        files = many(outcome.files, "file")
        click.echo(f"No connection of {escaped(query)} is in {files}.", err=True)
    elif found > limit:
        more = many(found - limit, "more connection")
        click.echo(f"{more} not shown; see --limit, or name one by its number.", err=True)
    sys.exit(DONE if found and not outcome.problems else FAILED)


def describe(story: "Story", serialise: "Callable[[Event], bytes]") -> Iterator[str]:
    """Yield the lines of a story, each event below its line, and a summary."""
    yield f"{escaped(story.name)} of {escaped(story.appliance)}"
    events = {(x.origin.path, x.offset): row(serialise(x)) for x in story.events}
    for path, lines in groupby(story.lines, key=lambda x: x.path):
        yield f"  {shown(path or '-')}"
        for line in lines:
            yield f"    {line.offset:>12,}  {escaped(decoded(line.original))}"
            event = events.pop((path, line.offset), None)
            if event is not None:
                yield f"                => {event}"
    if story.more:
        yield f"    {many(story.more, 'more line')}"
    yield from (f"                => {event}" for event in events.values())
    yield f"  {summarise(story)}"


def summarise(story: "Story") -> str:
    """Say in a sentence what came of a connection."""
    counts = Counter(
        x.outcome.result or "without an attempt" for x in story.events if x.session is None
    )
    if not counts:
        return "No login."
    logins = ", ".join(f"{number:,} {result}" for result, number in sorted(counts.items()))
    ended = "" if story.has_ended else "; its end is not in these files"
    unknown = all(x.connection is None or not x.connection.correlated for x in story.events)
    joined = "; its address is not known, as its beginning is not in these files" if unknown else ""
    return f"Logins: {logins}{joined}{ended}."
