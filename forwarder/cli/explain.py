"""``esa-forwarder explain`` and ``trace``: what is made of lines, and stories of connections."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import orjson

from forwarder.cli.main import (
    BAD_CONFIG,
    DONE,
    FAILED,
    fail,
    print_result,
    require_stdout,
)
from forwarder.cli.parse import (
    print_problems,
    read_options,
    reading_options,
    row,
    show_progress,
    unparsed_line,
)
from forwarder.errors import ForwarderError
from forwarder.text import decoded, escaped, json_text, many, shown

if TYPE_CHECKING:
    from forwarder.app.explain import Source
    from forwarder.events import Event, SyslogHeader, Unparsed
    from forwarder.mail_logs.stories import Story, StoryLine

_PLACE = re.compile(r"(?P<path>.+):(?P<offset>[0-9][0-9,]*)", re.DOTALL)
_INDENT = " " * 8


@click.command()
@click.argument("target", metavar="LINE|FILE[:OFFSET]")
@reading_options
def explain(target: str, **reading: Any) -> NoReturn:  # noqa: ANN401
    """Explain how a line, a connection or a file is interpreted.

    LINE is a line of a log, in quotes. FILE:OFFSET is the line at this byte of a file (see
    log.offset in documents, or parse --unparsed), explained with all lines of its connection. For
    FILE alone, each connection with a login and each line that was not understood are explained.
    The output shows the framing and form of each line, the document fields that come from it, and
    the document, or why there is none and which form is the closest.
    """
    from forwarder.app import explain as explaining
    from forwarder.ecs.encoder import Encoder

    path, offset = _read_target(target)
    options = read_options((path or "-",), **reading)
    encode = Encoder(options.settings.common, options.settings.appliances).encode
    found = 0

    def tell(story: "Story") -> None:
        nonlocal found
        found += 1
        event = _choose(story, offset)
        sources = explaining.find_sources(story, event, options)
        print_result("\n".join((*describe(story, sources, event, encode), "")))

    def tell_unparsed(line: "Unparsed") -> None:
        nonlocal found
        found += 1
        text = unparsed_line(line)
        # A line in quotes has no place.
        print_result((text.removeprefix("-:0: ") if path is None else text) + "\n")

    if path is None:
        text = target.encode("utf-8", "surrogateescape")
        line = explaining.explain_text(options, text, tell, tell_unparsed)
        problems = False
    else:
        with show_progress(shown=not sys.stdout.isatty()) as progress:
            outcome, line = explaining.explain_file(options, offset, tell, tell_unparsed, progress)
        print_problems(outcome)
        problems = bool(outcome.problems)
    if line is not None:
        print_result("\n".join(judge(line, alone=not found)))
    elif found or problems:
        pass
    elif path is None:
        print_result(
            "It is not a line of a mail log: it begins neither with a timestamp and a level, such"
            " as 'Wed Apr 22 11:43:59 2009 Info: ', nor with a syslog header before a level."
        )
    elif offset is None:
        print_result("It has no login, and every line that begins like one was understood.")
    else:
        print_result(f"There is no line of a mail log at byte {offset:,} of {shown(path)}.")
        problems = True
    sys.exit(FAILED if problems else DONE)


def _read_target(target: str) -> tuple[str | None, int | None]:
    """Return the file that is meant, and the byte in it; None for a line."""
    place = _PLACE.fullmatch(target)
    if place and not _is_there(target) and _is_there(place["path"]):
        return place["path"], int(place["offset"].replace(",", ""))
    if target == "-" or "\0" in target or _is_there(target):
        return target, None
    if not any(x.isspace() for x in target):
        fail(f"{shown(target)} is neither a file nor a line of a log", BAD_CONFIG)
    return None, None


def _is_there(target: str) -> bool:
    """Whether it is a file, also one that this user may not look at."""
    try:
        return target != "" and Path(target).exists()  # which would be this folder
    except PermissionError:
        return True
    except OSError:  # longer than the name of a file
        return False


def _choose(story: "Story", offset: int | None) -> "Event | None":
    """Choose the event to explain: that of the line, or else the first one."""
    for event in story.events:
        begin = event.offset
        if offset is None or begin is None:
            continue
        if begin <= offset <= begin + len(event.original or b""):
            return event
    return story.events[0] if story.events else None


def describe(
    story: "Story",
    sources: "list[Source]",
    event: "Event | None",
    encode: "Callable[[Event], bytes]",
) -> Iterator[str]:
    """Yield the lines of a connection, each with what it gives, and the document."""
    yield f"{escaped(story.name)} of {escaped(story.appliance)}"
    known = [x for x in sources if x.form is not None]
    for path, group in groupby(known, key=lambda x: x.line.path):
        yield f"  {shown(path or '-')}"
        for source in group:
            yield from _describe_source(source)
    others = len(sources) - len(known)
    if others:
        yield f"    Other lines of the connection, which no login needs: {others:,}"
    if event is None:
        is_login = any(x.form is not None and x.form.is_login for x in sources)
        why = "the timestamp of the login is impossible" if is_login else "it has no login"
        yield f"  No document: {why}."
        return
    if len(story.events) > 1:
        yield f"  Documents: {len(story.events):,}; shown is that of byte {event.offset or 0:,}."
    if event.connection is not None and not event.connection.correlated:
        yield (
            "  The address is not known: no line before the login says where the connection came"
            " from. trace looks for it in several files."
        )
    document = orjson.loads(encode(event))
    yield json_text(document, indent=True)


def _describe_source(source: "Source") -> Iterator[str]:
    line, form = source.line, source.form
    yield f"    {line.offset:,}: {_text(line)}"
    yield f"{_INDENT}{describe_framing(line.header)}; {form and form.name}"
    if source.is_own:
        yield f"{_INDENT}makes the document below; from it, or from what it needs:"
    elif source.is_needed:
        yield f"{_INDENT}without it there is no document"
    for name, value in source.fields.items():
        yield f"{_INDENT}  {name}: {json_text(value)}"


def judge(line: "StoryLine", *, alone: bool) -> Iterator[str]:
    """Say of one line what it is, and why it makes no document."""
    from forwarder.app.explain import find_nearest, message_of
    from forwarder.mail_logs.grammar import find_form
    from forwarder.mail_logs.messages import is_unparsed_login

    message = message_of(line)
    form = find_form(message)
    if form is not None and not alone:
        return
    yield f"{_text(line)}\n  {describe_framing(line.header)}"
    if form is not None:
        yield f"  Form: {form.name}. It makes no document by itself."
        return
    if is_unparsed_login(message):
        yield "  It begins like a login or a file's header and has no known form; please report it."
    else:
        yield "  It has no form that a login needs, and makes no document."
    near = find_nearest(message)
    if near is not None:
        own = f"has {escaped(near.own)!r}" if near.own else "ends"
        expected = f"has {near.expected!r}" if near.expected else "ends"
        yield f"  The nearest form is: {near.form.name}"
        yield f"    {near.form.sample.decode()}"
        yield f"  The line {own} where this {expected}."


def describe_framing(header: "SyslogHeader | None") -> str:
    """Say what was before the message."""
    if header is None:
        return "line of a file"
    known = {
        "version": header.version,
        "priority": header.priority,
        "host": header.hostname,
        "tag": header.appname,
        "offset": header.offset,
    }
    words = ", ".join(f"{x} {escaped(str(y))}" for x, y in known.items() if y is not None)
    return f"line of syslog ({words})" if words else "line with a rewritten timestamp"


def _text(line: "StoryLine") -> str:
    return escaped(decoded(line.original))


@click.command()
@click.argument("query", metavar="ICID|USER|ADDRESS")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@reading_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Connections to show; further ones are only counted.",
)
def trace(query: str, paths: tuple[str, ...], limit: int, **reading: Any) -> NoReturn:  # noqa: ANN401
    """Show all lines of connections, in order, and their result.

    ICID is the number of a connection, such as 884228 or 'ICID 884228'; 'DCID 5633' is a connection
    to a smart host. USER is the user of a login, with or without a domain; case does not matter.
    ADDRESS is the IP address at the other end, or a network, such as 203.0.113.0/24. PATH is as for
    parse.
    """
    from forwarder.app import explain as explaining
    from forwarder.ecs.encoder import Encoder

    require_stdout()
    try:
        wanted = explaining.read_query(query)
    except ForwarderError as error:
        raise click.BadParameter(f"{error}.") from error
    options = read_options(paths, **reading)
    encode = Encoder(options.settings.common, options.settings.appliances).encode
    found = 0

    def tell(story: "Story") -> None:
        nonlocal found
        found += 1
        if found <= limit:
            print_result("\n".join((*_tell_story(story, encode), "")))

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


def _tell_story(story: "Story", encode: "Callable[[Event], bytes]") -> Iterator[str]:
    """Yield the lines of a story, each event below its line, and a summary."""
    yield f"{escaped(story.name)} of {escaped(story.appliance)}"
    events = {(x.origin.path, x.offset): row(encode(x)) for x in story.events}
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
    yield f"  {_summarise(story)}"


def _summarise(story: "Story") -> str:
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
