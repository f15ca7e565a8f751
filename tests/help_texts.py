"""Prints docs/commands.md: the help text of every command.

python -m tests.help_texts > docs/commands.md
"""

import sys
from collections.abc import Iterator

import click
from click.testing import CliRunner

from forwarder.cli.main import main

HEAD = """\
# Commands

The help text of each command, as `make docs` writes it. Results go to standard output, the log and
everything else to standard error. Exit codes are in
[operations.md](operations.md#signals-and-exit-codes).
"""
WIDTH = "80"


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(map(section, names()))


def names(command: click.Command = main, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the words of each command, groups before what is in them."""
    yield before
    if isinstance(command, click.Group):
        for name, own in sorted(command.commands.items()):
            yield from names(own, (*before, name))


def section(words: tuple[str, ...]) -> str:
    """Return what the page has of one command."""
    title = " ".join(("esa-forwarder", *words))
    # Without a configuration from the environment of the tests.
    runner = CliRunner(env={"COLUMNS": WIDTH, "ESA_FORWARDER_CONFIG": None})
    said = runner.invoke(main, [*words, "--help"], prog_name="esa-forwarder")
    return f"\n## {title}\n\n```text\n{said.stdout}```\n"


if __name__ == "__main__":
    sys.stdout.write(page())
