"""Printing what was asked for to standard output."""

import sys
from typing import NoReturn

import click

from forwarder.cli.common import DONE, FAILED, drop_output


def print_result(text: str) -> None:
    """Print at once, and end the command where nobody takes it.

    Args:
        text: Without the newline at its end.
    """
    if sys.stdout is None:  # as after >&- in a shell
        _fail("standard output is closed; there is nowhere to write to.")
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        drop_output()
        sys.exit(DONE)
    except OSError as error:
        drop_output()
        _fail(f"standard output cannot be written: {error.strerror}.")


def _fail(sentence: str) -> NoReturn:
    click.echo(f"error: {sentence}", err=True)
    sys.exit(FAILED)
