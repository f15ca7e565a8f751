"""What goes through the pipes between the service and the process of the core."""

import pickle
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from forwarder.app.core_settings import CoreSettings
from forwarder.events import Counters, Document, new_document
from forwarder.inputs.chunk import Chunk
from forwarder.mail_logs.subscriptions import OtherLog

_PROTOCOL = 5
"""Of pickle."""


class Begin(NamedTuple):
    """The first thing that the process is told."""

    settings: CoreSettings
    state: Sequence[tuple[str, bytes]]
    """As for :class:`Core`."""


class Ask(NamedTuple):
    """A question how far it is."""


class Saved(NamedTuple):
    """Whoever reads knows what the last answer said."""

    forgotten: Sequence[str]
    """Keys of logs of which nothing will come any more."""


class Made(NamedTuple):
    """The documents of a piece."""

    size: int
    """Bytes of the piece."""
    ids: str
    """A line each; it is quicker to cut and to join them than to carry each by itself."""
    bodies: bytes
    """The same; no body has a newline."""

    @classmethod
    def of(cls, size: int, documents: Sequence[Document]) -> "Made":
        """Join documents."""
        if not documents:
            return cls(size, "", b"")
        ids, bodies = zip(*documents, strict=True)
        return cls(size, "\n".join(ids), b"\n".join(bodies))

    def documents(self) -> list[Document]:
        """Cut them."""
        if not self.bodies:
            return []
        pairs = zip(self.ids.split("\n"), self.bodies.split(b"\n"), strict=True)
        return list(map(new_document, pairs))


class Snapshot(NamedTuple):
    """How far the core is, and what has to be remembered of it."""

    consumed: dict[str, tuple[int, bytes]]
    """As of :meth:`Core.consumed`."""
    changes: list[tuple[str, bytes | None]]
    """As of :meth:`Core.changes`."""
    counts: Counters
    open_connections: int
    others: dict[str, OtherLog | None]
    """As of :meth:`Core.take_others`."""


class Failed(NamedTuple):
    """The core has a bug, or cannot understand the state."""

    words: str
    """With all that there is to say of it."""


Told = Begin | Chunk | Ask | Saved
Answer = Made | Snapshot | Failed


def put(message: Told | Answer, pipe: BinaryIO) -> None:
    """Send a message."""
    pickle.dump(message, pipe, _PROTOCOL)
    pipe.flush()


def get(pipe: BinaryIO) -> object:
    """Receive a message.

    Raises:
        EOFError: There will be none.
        pickle.UnpicklingError: It is cut off.
    """
    return pickle.load(pipe)  # noqa: S301 - of our own process
