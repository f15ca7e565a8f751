"""``esa-forwarder dead-letters``: list, show, replay and purge documents that outputs rejected.

Replaying only marks a letter; the worker of its output delivers it, within a second or so, or as
soon as the service runs again.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from forwarder.cli.main import (
    config_option,
    fail,
    format_option,
    format_table,
    load_config,
    print_result,
)
from forwarder.text import escaped, json_text, many, quoted, shortened

if TYPE_CHECKING:
    import sqlite3

    from forwarder.config.load import Config
    from forwarder.spool.dead_letters import DeadLetter, Selection

    Change = Callable[[sqlite3.Connection, Sequence[int]], object]

_CHANGED_AT_ONCE = 2000
"""Dead letters in one transaction: a tenth of a second, so that the service, which writes to the
same database, goes on meanwhile."""
_COLUMNS = ("Number", "Time (UTC)", "Replay", "Source")
_SHOWN = 10  # of the letters with one reason
_MAX_GROUPS = 1000  # reasons may quote what strangers wrote: further ones are counted together
_MAX_REASON = 500  # characters; the command show has all of it
_DETAIL = re.compile(r"""'[^']*'|"[^"]*"|\b[0-9a-f]{16,}\b|[0-9]+""")
"""What differs between reasons of one kind: values, ids, places in the document."""

_Command = TypeVar("_Command", bound=Callable[..., None])

_output_option = click.option("--output", metavar="NAME", help="Only dead letters of this output.")


def _selecting(command: _Command) -> _Command:
    """Add what selects letters to replay or purge: numbers, an output, or all."""
    every = click.option("--all", "every", is_flag=True, help="All dead letters.")
    numbers = click.argument("numbers", nargs=-1, type=click.IntRange(min=1), metavar="[NUMBER]...")
    return config_option(numbers(_output_option(every(command))))


@click.group("dead-letters")
def dead_letters() -> None:
    """Manage documents that outputs rejected for good.

    These commands work whether or not the service is running.
    """


@dead_letters.command("list")
@config_option
@_output_option
@format_option(
    *("table", "ndjson"),
    help_="Table grouped by reason, or one JSON object per line with the whole document, oldest"
    " first.",
)
def list_(path: Path, output: str | None, form: str) -> None:
    """List dead letters by reason.

    Reasons that differ only in numbers and quoted values are grouped. The table shows the 10 oldest
    letters per reason, --format ndjson all.
    """
    from forwarder.spool.dead_letters import Selection

    state, selection = _load(path, output).state, Selection(output)
    if form == "table":
        lines = _by_reason(state, selection)
    else:
        lines = (as_json(x) for x in read_letters(state, selection))
    for line in lines:
        print_result(line)


@dead_letters.command()
@config_option
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(min=1), metavar="NUMBER...")
def show(path: Path, numbers: tuple[int, ...]) -> None:
    """Show complete dead letters with their documents, as JSON. NUMBER is as in the list."""
    from forwarder.spool.dead_letters import Selection

    found = []
    for letter in read_letters(_load(path, None).state, Selection(numbers=numbers)):
        print_result(as_json(letter, indent=True))
        found.append(letter.number)
    _fail_if_missing(numbers, found)


@dead_letters.command()
@_selecting
def replay(**selected: Any) -> None:  # noqa: ANN401 - of `_selecting`
    """Deliver dead letters to their outputs again.

    The service delivers them at once, or when it starts. Documents that are rejected again stay
    dead letters.
    """
    from forwarder.spool.dead_letters import mark

    _change_selected(mark, "to be delivered again", **selected)


@dead_letters.command()
@_selecting
def purge(**selected: Any) -> None:  # noqa: ANN401
    """Delete dead letters for good."""
    from forwarder.spool.dead_letters import remove

    _change_selected(remove, "deleted", **selected)


def _change_selected(  # noqa: PLR0913 - one an option
    change: "Change",
    done: str,
    *,
    path: Path,
    numbers: Sequence[int],
    output: str | None,
    every: bool,
) -> None:
    """Change what is selected; without a selection, everything could be lost by mistake."""
    from forwarder.spool.dead_letters import Selection

    if not (numbers or output is not None or every):
        raise click.UsageError("select dead letters with NUMBER..., --output NAME, or --all.")
    if every and (numbers or output is not None):
        raise click.UsageError("--all cannot be combined with NUMBER or --output.")
    found = change_letters(_load(path, output).state, Selection(output, numbers or None), change)
    print_result(f"{many(len(found), 'dead letter')} {done}.")
    _fail_if_missing(numbers, found)


def _load(path: Path, output: str | None) -> "Config":
    """Load the configuration; end the command where the output is not there."""
    from forwarder.spool.dead_letters import count
    from forwarder.spool.stats import read_spool

    config = load_config(path)
    where = quoted(str(path))
    others = [x for x in read_spool(config.state, count) if x not in config.outputs]
    if output is not None and output not in {*config.outputs, *others}:
        names = ", ".join([*config.outputs, *others])
        fail(f"no output {quoted(output)} in {where} or the dead letters; there are: {names}")
    for name in others:
        text = f"output {quoted(name)} has dead letters and is not in {where}"
        click.echo(f"warning: {text}.", err=True)
    return config


def _fail_if_missing(numbers: Sequence[int], found: Iterable[int]) -> None:
    if missing := sorted(set(numbers).difference(found)):
        fail(f"dead letters not found: {', '.join(map(str, missing))}; see the list")


def read_letters(folder: Path, selection: "Selection") -> "Iterator[DeadLetter]":
    """Yield dead letters, oldest first; they are read some at a time."""
    from forwarder.spool.dead_letters import page as read_page
    from forwarder.spool.stats import read_spool

    after = 0
    while page := read_spool(folder, partial(read_page, selection=selection, after=after)):
        yield from page
        after = page[-1].number


def change_letters(folder: Path, selection: "Selection", change: "Change") -> list[int]:
    """Change dead letters that are there now, some at a time; return their numbers."""
    from forwarder.spool.dead_letters import numbers_of
    from forwarder.spool.stats import read_spool, write_spool

    found = read_spool(folder, partial(numbers_of, selection=selection))
    for start in range(0, len(found), _CHANGED_AT_ONCE):
        with write_spool(folder) as connection:
            change(connection, found[start : start + _CHANGED_AT_ONCE])
    return found


def _by_reason(folder: Path, selection: "Selection") -> Iterator[str]:
    from forwarder.spool.dead_letters import Selection

    groups = _group(folder, selection)
    if not groups:
        yield "No dead letters."
    for place, (title, numbers) in enumerate(groups):
        if place:
            yield ""
        yield escaped(title)
        which = ", the oldest" if len(numbers) > _SHOWN else ""
        yield f"{many(len(numbers), 'dead letter')}{which}:"
        letters = read_letters(folder, Selection(numbers=numbers[:_SHOWN]))
        yield from format_table(_COLUMNS, [*map(as_row, letters)], left=_COLUMNS)


def _group(folder: Path, selection: "Selection") -> list[tuple[str, list[int]]]:
    """Return the numbers of letters, oldest first, by a title for their reason."""
    from forwarder.spool.dead_letters import page_of_reasons
    from forwarder.spool.stats import read_spool

    groups: dict[tuple[object, ...], tuple[str, list[int]]] = {}
    after = 0
    while page := read_spool(folder, partial(page_of_reasons, selection=selection, after=after)):
        for number, output, status, reason in page:
            key: tuple[object, ...] = (output, status, _kind_of(reason))
            if key not in groups:
                title = f"{shortened(reason, _MAX_REASON)} (output {output})"
                if len(groups) >= _MAX_GROUPS:
                    key, title = (), "further reasons"
                groups.setdefault(key, (title, []))
            groups[key][1].append(number)
        after = page[-1][0]
    return [*groups.values()]


@lru_cache(maxsize=1000)
def _kind_of(reason: str) -> int:
    """Make a key for all reasons that differ only in details."""
    return hash(_DETAIL.sub("", reason))


def as_row(letter: "DeadLetter") -> tuple[object, ...]:
    """Show a dead letter as cells of a table for people, without its reason."""
    path, offset = letter.source or ("", None)
    source = path if offset is None else f"{path} at byte {offset:,}"
    time = letter.time.strftime("%Y-%m-%d %H:%M:%S")
    return str(letter.number), time, "yes" if letter.replay else "", source


def as_json(letter: "DeadLetter", *, indent: bool = False) -> str:
    """Return one JSON object with the whole document, in one line or, for people, in several."""
    body = letter.document.body
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:  # as text, so that it can be looked at
        document = body.decode("utf-8", "replace")
    fields = {
        "number": letter.number,
        "output": letter.output,
        "reason": letter.reason,
        "status": letter.status,
        "time": letter.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "source": None if letter.source is None else letter.source._asdict(),
        "replay": bool(letter.replay),
        "document": document,
    }
    return json_text(fields, indent=indent)
