"""What the service knows of the core without having it: its settings, and what it remembers.

The core itself takes a while to import, and is needed in its own process only.
"""

from collections.abc import Container, Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, NamedTuple

import orjson

from forwarder.ecs.layout import Common

if TYPE_CHECKING:
    from forwarder.config.models import DocumentSettings, InputSettings

PREFIX = "core/"
"""Of what the core remembers."""


class CoreSettings(NamedTuple):
    """What an operator chooses."""

    zones: tuple[tzinfo | None, ...]
    """Of the inputs, each in its place in the settings."""
    sessions: bool
    """Whether the end of a session is an event."""
    common: Common

    @classmethod
    def of(cls, inputs: "Sequence[InputSettings]", documents: "DocumentSettings") -> "CoreSettings":
        """Take them from the configuration."""
        return cls(
            tuple(x.timezone for x in inputs),
            documents.session_events,
            Common(
                namespace=documents.namespace,
                agent_name=documents.agent_name,
                tags=documents.tags,
                labels=tuple(documents.labels.items()),
                original=documents.original,
            ),
        )


def forget(
    state: Iterable[tuple[str, bytes]], appliances: Container[str]
) -> list[tuple[str, None]]:
    """Forget all that is remembered of appliances: their lines are read as if for the first time.

    Args:
        state: All pairs whose key begins with :data:`PREFIX`.
        appliances: Whose lines they are.

    Returns:
        What to change in the state.
    """
    pairs = [(key.removeprefix(PREFIX).split("/", 1), key, value) for key, value in state]
    # Keys begin with the number of a stream, or stand for the serial numbers of a family of them.
    names = {number: orjson.loads(value)[0] for (number, rest), _, value in pairs if not rest}
    return [
        (key, None)
        for (number, rest), key, _ in pairs
        if (names[number] if number in names else orjson.loads(rest))[0] in appliances
    ]
