"""``esa-forwarder dead-letters``: documents that outputs refused."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from forwarder.cli.common import FAILED
from forwarder.cli.config_file import config_option, load_or_end
from forwarder.cli.printing import print_result
from forwarder.text import many, quoted

if TYPE_CHECKING:
    from forwarder.cli.letter_store import DeadLetter, Replayed, Selection
    from forwarder.config.load import Config

_NAMED = 10
"""Numbers that are not there and are said; the others are counted."""

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
    """Add what replay and purge are told by: numbers, an output, or all."""
    every = click.option("--all", "every", is_flag=True, help="All of them.")
    numbers = click.argument("numbers", nargs=-1, type=click.IntRange(min=1), metavar="[NUMBER]...")
    return config_option(numbers(_output_option(every(command))))


@click.group("dead-letters")
def dead_letters() -> None:
    """Look after documents that outputs refused for good.

    All of it works while the service runs and while it does not.
    """


@dead_letters.command("list")
@config_option
@_output_option
@_format_option
def list_(path: Path, output: str | None, form: str) -> None:
    """List dead letters, oldest first."""
    from forwarder.cli.letter_forms import as_ndjson, as_row, head
    from forwarder.cli.letter_store import Selection

    config = load_or_end(path)
    _end_without_output(path, config, output)
    is_table = form == "table"
    _print(config, Selection(output), as_row if is_table else as_ndjson, head() if is_table else "")


@dead_letters.command()
@config_option
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(min=1), metavar="NUMBER...")
@_format_option
def show(path: Path, numbers: tuple[int, ...], form: str) -> None:
    """Show dead letters whole, with their documents. NUMBER is as in the list."""
    from forwarder.cli.letter_forms import as_ndjson, as_text
    from forwarder.cli.letter_store import Selection

    selection = Selection(numbers=numbers)
    config = load_or_end(path)
    missing = _find_missing(config, selection)
    _print(config, selection, as_text if form == "table" else as_ndjson)
    _end_if_missing(missing)


@dead_letters.command()
@_selecting
def replay(path: Path, numbers: tuple[int, ...], output: str | None, *, every: bool) -> None:
    """Deliver dead letters to their outputs again.

    The service delivers them at once, or when it is started. What is refused again stays a dead
    letter.
    """
    from forwarder.cli import letter_store as letters

    selection = _select(numbers, output, every=every)
    config = load_or_end(path)
    _end_without_output(path, config, output)
    # Before: what is marked may be delivered and gone at once.
    missing = _find_missing(config, selection)
    with _errors():
        replayed = letters.replay(config.state, selection)
        orphans = [x for x in letters.outputs(config.state) if x not in config.outputs]
    for name in orphans:
        click.echo(
            f"warning: there is no output {name!r} in {str(path)!r}; nobody delivers its dead"
            " letters.",
            err=True,
        )
    print_result(_say_replayed(replayed))
    _end_if_missing(missing)


def _say_replayed(replayed: "Replayed") -> str:
    marked, before = replayed
    if before and not marked:
        return f"{many(before, 'dead letter')} to be delivered again, as before: nothing changed."
    also = f"; {before:,} more already were" if before else ""
    return f"{many(marked, 'dead letter')} to be delivered again{also}."


@dead_letters.command()
@_selecting
def purge(path: Path, numbers: tuple[int, ...], output: str | None, *, every: bool) -> None:
    """Delete dead letters for good."""
    from forwarder.cli import letter_store as letters

    selection = _select(numbers, output, every=every)
    config = load_or_end(path)
    _end_without_output(path, config, output)
    missing = _find_missing(config, selection)
    with _errors():
        purged = letters.purge(config.state, selection)
    print_result(f"{many(purged, 'dead letter')} deleted.")
    _end_if_missing(missing)


def _select(numbers: Sequence[int], output: str | None, *, every: bool) -> "Selection":
    """Take nothing for all: who forgets to say which does not lose everything."""
    from forwarder.cli.letter_store import Selection

    if not (numbers or output is not None or every):
        raise click.UsageError("say which: NUMBER..., --output NAME, or --all.")
    if every and (numbers or output is not None):
        raise click.UsageError("--all goes with neither NUMBER nor --output.")
    return Selection(output, numbers or None)


def _print(
    config: "Config", selection: "Selection", form: Callable[["DeadLetter"], str], head: str = ""
) -> None:
    """Print dead letters, below a head; of what cannot be read, not even that."""
    from forwarder.cli.letter_store import read

    heads = [head] if head else []

    def take(page: Sequence["DeadLetter"]) -> None:
        print_result("\n".join([*heads, *map(form, page)]))
        heads.clear()

    with _errors():
        read(config.state, take, selection)
    if heads:
        take([])


def _end_without_output(path: Path, config: "Config", output: str | None) -> None:
    """End with an error where somebody named an output that there is not, nor was."""
    from forwarder.cli.letter_store import outputs

    if output is None or output in config.outputs:
        return
    with _errors():
        known = dict.fromkeys([*config.outputs, *outputs(config.state)])
    if output not in known:
        click.echo(
            f"error: there is no output {quoted(output)} in {quoted(str(path))}, and no dead letter"
            f" of one; there are: {', '.join(known)}.",
            err=True,
        )
        sys.exit(FAILED)


@contextmanager
def _errors() -> Iterator[None]:
    """End the command where the spool cannot be used."""
    from forwarder.spool.errors import SpoolError

    try:
        yield
    except SpoolError as error:
        click.echo(f"error: {error}.", err=True)
        sys.exit(FAILED)


def _find_missing(config: "Config", selection: "Selection") -> list[int]:
    """Find the numbers that somebody named and no dead letter has."""
    from forwarder.cli.letter_store import numbers

    if selection.numbers is None:
        return []
    with _errors():
        return sorted(set(selection.numbers) - numbers(config.state, selection))


def _end_if_missing(missing: Sequence[int]) -> None:
    """End with an error where somebody named a dead letter that there is not."""
    if missing:
        named = ", ".join(map(str, missing[:_NAMED]))
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        click.echo(f"error: not there: {named}{more}; see the list.", err=True)
        sys.exit(FAILED)
