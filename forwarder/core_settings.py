"""What the service knows of the core without having it: its settings, and what it remembers.

The core itself takes a while to import, and is needed in its own process only.
"""

from collections.abc import Container, Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, NamedTuple

from forwarder.ecs_layout import Common
from forwarder.mail_logs.streams import keys_of

if TYPE_CHECKING:
    from forwarder.settings.models import DocumentSettings, InputSettings

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
    own = [(key.removeprefix(PREFIX), value) for key, value in state]
    return [(PREFIX + key, None) for key in keys_of(own, appliances)]
