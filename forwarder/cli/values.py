"""Values of options that mean the same as in the configuration, and are refused in its words."""

from collections.abc import Callable
from typing import TypeVar

import click

_Value = TypeVar("_Value")


def as_configured(text: str, read: Callable[[str], _Value]) -> _Value:
    """Read a value as in the configuration.

    Args:
        text: As it was given.
        read: Reads it there; raises InvalidValue.

    Raises:
        click.BadParameter: It is refused.
    """
    from forwarder.config.issue import InvalidValue, quoted

    try:
        return read(text)
    except InvalidValue as error:
        stop = "" if str(error).endswith("?") else "."
        raise click.BadParameter(f"{quoted(text)} {error}{stop}") from error
