"""``esa-forwarder dead-letters``: list, show, replay and purge documents that outputs rejected.

All of it works whether the service runs or not. Replaying only marks a letter; the worker of its
output delivers it, within a second or so, or as soon as the service runs again. A delivered one is
no longer a dead letter; one that is rejected again stays, with the new reason.
"""

from collections.abc import Callable, Iterator, Sequence
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
from forwarder.text import escape_control, escaped_json, many, quoted

if TYPE_CHECKING:
    import sqlite3

    from forwarder.config.load import Config
    from forwarder.spool.dead_letters import DeadLetter, Selection

_NAMED = 10
"""Missing numbers that are named; the others are counted."""
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
_format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "ndjson"]),
    default="table",
    show_default=True,
    help="For people, or one JSON object a line with the whole document.",
)


def _selecting(command: _Command) -> _Command:
    """Add what selects letters to replay or purge: numbers, an output, or all."""
    every = click.option("--all", "every", is_flag=True, help="All of them.")
    numbers = click.argument("numbers", nargs=-1, type=click.IntRange(min=1), metavar="[NUMBER]...")
    return config_option(numbers(_output_option(every(command))))


@click.group("dead-letters")
def dead_letters() -> None:
    """Manage documents that outputs rejected for good.

    All of it works whether the service runs or not.
    """


@dead_letters.command("list")
@config_option
@_output_option
@_format_option
def list_(path: Path, output: str | None, form: str) -> None:
    """List dead letters, oldest first."""
    from forwarder.spool.dead_letters import Selection

    config = load_or_end(path)
    _require_output(path, config, output)
    if form == "table":
        _print(config, Selection(output), as_row, format_row(_COLUMNS, _ALIGNED))
    else:
        _print(config, Selection(output), as_ndjson)


@dead_letters.command()
@config_option
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(min=1), metavar="NUMBER...")
@_format_option
def show(path: Path, numbers: tuple[int, ...], form: str) -> None:
    """Show dead letters whole, with their documents. NUMBER is as in the list."""
    from forwarder.spool.dead_letters import Selection

    selection = Selection(numbers=numbers)
    config = load_or_end(path)
    missing = _find_missing(config, selection)
    _print(config, selection, as_text if form == "table" else as_ndjson)
    _fail_if_missing(missing)


@dead_letters.command()
@_selecting
def replay(path: Path, numbers: tuple[int, ...], output: str | None, *, every: bool) -> None:
    """Deliver dead letters to their outputs again.

    The service delivers them at once, or when it is started. What is rejected again stays a dead
    letter.
    """
    selection = _select(numbers, output, every=every)
    config = load_or_end(path)
    _require_output(path, config, output)
    # Before: what is marked may be delivered and gone at once.
    missing = _find_missing(config, selection)
    with _failing():
        marked, before = replay_letters(config.state, selection)
        orphans = [x for x in _outputs(config.state) if x not in config.outputs]
    for name in orphans:
        click.echo(
            f"warning: there is no output {name!r} in {str(path)!r}; its dead letters are not"
            " delivered.",
            err=True,
        )
    also = f"; {before:,} more already were" if before else ""
    if before and not marked:
        also = ", as before: nothing changed"
    print_result(f"{many(marked or before, 'dead letter')} to be delivered again{also}.")
    _fail_if_missing(missing)


@dead_letters.command()
@_selecting
def purge(path: Path, numbers: tuple[int, ...], output: str | None, *, every: bool) -> None:
    """Delete dead letters for good."""
    selection = _select(numbers, output, every=every)
    config = load_or_end(path)
    _require_output(path, config, output)
    missing = _find_missing(config, selection)
    with _failing():
        purged = purge_letters(config.state, selection)
    print_result(f"{many(purged, 'dead letter')} deleted.")
    _fail_if_missing(missing)


def _select(numbers: Sequence[int], output: str | None, *, every: bool) -> "Selection":
    """Require a selection: without one, everything could be lost by mistake."""
    from forwarder.spool.dead_letters import Selection

    if not (numbers or output is not None or every):
        raise click.UsageError("select some: NUMBER..., --output NAME, or --all.")
    if every and (numbers or output is not None):
        raise click.UsageError("--all goes with neither NUMBER nor --output.")
    return Selection(output, numbers or None)


def _print(
    config: "Config", selection: "Selection", form: Callable[["DeadLetter"], str], head: str = ""
) -> None:
    """Print dead letters, below a head; if they cannot be read, not even that."""
    heads = [head] if head else []

    def take(page: Sequence["DeadLetter"]) -> None:
        print_result("\n".join([*heads, *map(form, page)]))
        heads.clear()

    with _failing():
        read_letters(config.state, take, selection)
    if heads:
        take([])


def _require_output(path: Path, config: "Config", output: str | None) -> None:
    """Fail for the name of an output that neither is configured nor has dead letters."""
    if output is None or output in config.outputs:
        return
    with _failing():
        known = dict.fromkeys([*config.outputs, *_outputs(config.state)])
    if output not in known:
        fail(
            f"there is no output {quoted(output)} in {quoted(str(path))}, and no dead letter of"
            f" one; there are: {', '.join(known)}"
        )


def _find_missing(config: "Config", selection: "Selection") -> list[int]:
    """Find the selected numbers that no dead letter has."""
    from forwarder.spool.dead_letters import numbers_of
    from forwarder.spool.stats import read_spool

    if selection.numbers is None:
        return []
    with _failing():
        found = read_spool(config.state, partial(numbers_of, selection=selection))
    return sorted(set(selection.numbers).difference(found))


def _fail_if_missing(missing: Sequence[int]) -> None:
    if missing:
        named = ", ".join(map(str, missing[:_NAMED]))
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        fail(f"not there: {named}{more}; see the list")


@contextmanager
def _failing() -> Iterator[None]:
    """End the command where the spool cannot be used."""
    from forwarder.spool.errors import SpoolError

    try:
        yield
    except SpoolError as error:
        fail(str(error))


def read_letters(
    folder: Path, take: Callable[[Sequence["DeadLetter"]], None], selection: "Selection"
) -> int:
    """Pass dead letters on, oldest first, some at a time; return how many there were."""
    from forwarder.spool.dead_letters import page as read_page
    from forwarder.spool.stats import read_spool

    after = number = 0
    while page := read_spool(folder, partial(read_page, selection=selection, after=after)):
        take(page)
        number += len(page)
        after = page[-1].number
    return number


def replay_letters(folder: Path, selection: "Selection") -> tuple[int, int]:
    """Mark dead letters to be delivered again; count them, and those that were marked before."""
    from forwarder.spool.dead_letters import mark

    found, marked = _change(folder, selection, mark)
    return marked, found - marked


def purge_letters(folder: Path, selection: "Selection") -> int:
    """Delete dead letters for good; return how many."""
    from forwarder.spool.dead_letters import remove

    return _change(folder, selection, remove)[1]


def _outputs(folder: Path) -> list[str]:
    from forwarder.spool.dead_letters import count
    from forwarder.spool.stats import read_spool

    return list(read_spool(folder, count))


def _change(
    folder: Path,
    selection: "Selection",
    change: Callable[["sqlite3.Connection", Sequence[int]], int],
) -> tuple[int, int]:
    """Change dead letters that are there now, some at a time; count them, and what changed."""
    from forwarder.spool.dead_letters import numbers_of
    from forwarder.spool.stats import read_spool, write_spool

    found = read_spool(folder, partial(numbers_of, selection=selection))
    changed = 0
    for start in range(0, len(found), _CHANGED_AT_ONCE):
        with write_spool(folder) as connection:
            changed += change(connection, found[start : start + _CHANGED_AT_ONCE])
    return len(found), changed


def as_row(letter: "DeadLetter") -> str:
    """Show a dead letter as a line for people."""
    cells = (
        str(letter.number),
        letter.time.strftime("%Y-%m-%d %H:%M:%S"),
        letter.output,
        "" if letter.status is None else str(letter.status),
        "yes" if letter.replay else "",
        _source(letter),
        letter.reason,
    )
    return format_row(cells, _ALIGNED)


def as_ndjson(letter: "DeadLetter") -> str:
    """Return one JSON object in a line, with the whole document."""
    import orjson

    line = orjson.dumps(
        {
            "number": letter.number,
            "output": letter.output,
            "reason": letter.reason,
            "status": letter.status,
            "time": _time(letter),
            "source": None if letter.source is None else letter.source._asdict(),
            "replay": letter.replay,
            "document": _document(letter.document.body),
        }
    ).decode()
    return escaped_json(line)


def as_text(letter: "DeadLetter") -> str:
    """Return everything for people, in several lines."""
    import orjson

    document = _document(letter.document.body)
    if isinstance(document, str):
        shown = escape_control(document)
    else:
        shown = escaped_json(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    status = "" if letter.status is None else f" (status {letter.status})"
    lines = (
        f"number: {letter.number}",
        f"output: {escape_control(letter.output)}",
        f"reason: {escape_control(letter.reason)}{status}",
        f"time: {_time(letter)}",
        f"source: {escape_control(_source(letter)) or 'unknown'}",
        f"replay: {'yes' if letter.replay else 'no'}",
        shown,
        "",
    )
    return "\n".join(lines)


def _source(letter: "DeadLetter") -> str:
    if letter.source is None:
        return ""
    path, offset = letter.source
    return path if offset is None else f"{path} at byte {offset:,}"


def _time(letter: "DeadLetter") -> str:
    return letter.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _document(body: bytes) -> object:
    """Read a document; one that is not JSON becomes text, so that it can be looked at."""
    import orjson

    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
