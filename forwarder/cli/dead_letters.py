"""``esa-forwarder dead-letters``: list, show, replay and purge documents that outputs rejected.

All of it works whether the service runs or not. Replaying only marks a letter; the worker of its
output delivers it, within a second or so, or as soon as the service runs again. A delivered one is
no longer a dead letter; one that is rejected again stays, with the new reason.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from forwarder.cli.common import (
    Column,
    config_option,
    fail,
    format_row,
    load_or_end,
    print_result,
)
from forwarder.text import escaped_json, many, quoted

if TYPE_CHECKING:
    import sqlite3

    from forwarder.config.load import Config
    from forwarder.spool.dead_letters import DeadLetter, Selection

_CHANGED_AT_ONCE = 2000
"""Dead letters in one transaction: a tenth of a second, so that the service, which writes to the
same database, goes on meanwhile."""
_COLUMNS = {
    "NUMBER": Column(8),
    "TIME (UTC)": Column(19),
    "OUTPUT": Column(16),
    "STATUS": Column(6),
    "REPLAY": Column(6),
    "SOURCE": Column(40),
    "REASON": Column(0, most=200),  # the command show has all of it
}
_ALIGNED = tuple(_COLUMNS.values())

_Command = TypeVar("_Command", bound=Callable[..., None])

_output_option = click.option("--output", metavar="NAME", help="Only those of this output.")


def _selecting(command: _Command) -> _Command:
    """Add what selects letters to replay or purge: numbers, an output, or all."""
    every = click.option("--all", "every", is_flag=True, help="All of them.")
    numbers = click.argument("numbers", nargs=-1, type=click.IntRange(min=1), metavar="[NUMBER]...")
    return config_option(required=True)(numbers(_output_option(every(command))))


@click.group("dead-letters")
def dead_letters() -> None:
    """Manage documents that outputs rejected for good.

    All of it works whether the service runs or not.
    """


@dead_letters.command("list")
@config_option(required=True)
@_output_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "ndjson"]),
    default="table",
    show_default=True,
    help="For people, or one JSON object a line with the whole document.",
)
def list_(path: Path, output: str | None, form: str) -> None:
    """List dead letters, oldest first."""
    from forwarder.spool.dead_letters import Selection

    with _known_output(path, output) as config:
        if form == "table":
            print_result(format_row(_COLUMNS, _ALIGNED))
        for letter in read_letters(config.state, Selection(output)):
            print_result(as_row(letter) if form == "table" else as_json(letter))


@dead_letters.command()
@config_option(required=True)
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(min=1), metavar="NUMBER...")
def show(path: Path, numbers: tuple[int, ...]) -> None:
    """Show dead letters whole, with their documents, as JSON. NUMBER is as in the list."""
    from forwarder.spool.dead_letters import Selection

    found = []
    with _known_output(path, None) as config:
        for letter in read_letters(config.state, Selection(numbers=numbers)):
            print_result(as_json(letter, indent=True))
            found.append(letter.number)
    _fail_if_missing(numbers, found)


@dead_letters.command()
@_selecting
def replay(path: Path, numbers: tuple[int, ...], output: str | None, *, every: bool) -> None:
    """Deliver dead letters to their outputs again.

    The service delivers them at once, or when it is started. What is rejected again stays a dead
    letter.
    """
    selection = _select(numbers, output, every=every)
    with _known_output(path, output) as config:
        found = replay_letters(config.state, selection)
        for name in _outputs(config.state):
            if name not in config.outputs:
                where = quoted(str(path))
                click.echo(f"warning: output {quoted(name)} is not in {where}.", err=True)
    print_result(f"{many(len(found), 'dead letter')} to be delivered again.")
    _fail_if_missing(numbers, found)


@dead_letters.command()
@_selecting
def purge(path: Path, numbers: tuple[int, ...], output: str | None, *, every: bool) -> None:
    """Delete dead letters for good."""
    selection = _select(numbers, output, every=every)
    with _known_output(path, output) as config:
        found = purge_letters(config.state, selection)
    print_result(f"{many(len(found), 'dead letter')} deleted.")
    _fail_if_missing(numbers, found)


def _select(numbers: Sequence[int], output: str | None, *, every: bool) -> "Selection":
    """Require a selection: without one, everything could be lost by mistake."""
    from forwarder.spool.dead_letters import Selection

    if not (numbers or output is not None or every):
        raise click.UsageError("select some: NUMBER..., --output NAME, or --all.")
    if every and (numbers or output is not None):
        raise click.UsageError("--all goes with neither NUMBER nor --output.")
    return Selection(output, numbers or None)


@contextmanager
def _known_output(path: Path, output: str | None) -> "Iterator[Config]":
    """Load the configuration; end the command where the spool or the output is not there."""
    from forwarder.spool.errors import SpoolError

    config = load_or_end(path)
    try:
        known = dict.fromkeys([*config.outputs, *_outputs(config.state)])
        if output is not None and output not in known:
            fail(
                f"there is no output {quoted(output)} in {quoted(str(path))}, and no dead letter of"
                f" one; there are: {', '.join(known)}"
            )
        yield config
    except SpoolError as error:
        fail(str(error))


def _fail_if_missing(numbers: Sequence[int], found: Iterable[int]) -> None:
    if missing := sorted(set(numbers).difference(found)):
        fail(f"not there: {', '.join(map(str, missing))}; see the list")


def read_letters(folder: Path, selection: "Selection") -> "Iterator[DeadLetter]":
    """Yield dead letters, oldest first; they are read some at a time."""
    from forwarder.spool.dead_letters import page as read_page
    from forwarder.spool.stats import read_spool

    after = 0
    while page := read_spool(folder, partial(read_page, selection=selection, after=after)):
        yield from page
        after = page[-1].number


def replay_letters(folder: Path, selection: "Selection") -> list[int]:
    """Mark dead letters to be delivered again; return their numbers."""
    from forwarder.spool.dead_letters import mark

    return _change(folder, selection, mark)


def purge_letters(folder: Path, selection: "Selection") -> list[int]:
    """Delete dead letters for good; return their numbers."""
    from forwarder.spool.dead_letters import remove

    return _change(folder, selection, remove)


def _outputs(folder: Path) -> list[str]:
    from forwarder.spool.dead_letters import count
    from forwarder.spool.stats import read_spool

    return list(read_spool(folder, count))


def _change(
    folder: Path,
    selection: "Selection",
    change: Callable[["sqlite3.Connection", Sequence[int]], object],
) -> list[int]:
    """Change dead letters that are there now, some at a time."""
    from forwarder.spool.dead_letters import numbers_of
    from forwarder.spool.stats import read_spool, write_spool

    found = read_spool(folder, partial(numbers_of, selection=selection))
    for start in range(0, len(found), _CHANGED_AT_ONCE):
        with write_spool(folder) as connection:
            change(connection, found[start : start + _CHANGED_AT_ONCE])
    return found


def as_row(letter: "DeadLetter") -> str:
    """Show a dead letter as a line for people."""
    source = ""
    if letter.source is not None:
        path, offset = letter.source
        source = path if offset is None else f"{path} at byte {offset:,}"
    cells = (
        str(letter.number),
        letter.time.strftime("%Y-%m-%d %H:%M:%S"),
        letter.output,
        "" if letter.status is None else str(letter.status),
        "yes" if letter.replay else "",
        source,
        letter.reason,
    )
    return format_row(cells, _ALIGNED)


def as_json(letter: "DeadLetter", *, indent: bool = False) -> str:
    """Return one JSON object with the whole document, in one line or, for people, in several."""
    import orjson

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
        "replay": letter.replay,
        "document": document,
    }
    option = orjson.OPT_INDENT_2 if indent else None
    return escaped_json(orjson.dumps(fields, option=option).decode())
