"""What goes from the core to the outputs: documents."""

from functools import partial
from typing import NamedTuple


class Document(NamedTuple):
    """One event, serialised once; whoever passes it on passes on these bytes."""

    id: str
    """32 hex digits, ``event.id`` of the body: the same for the same event, always."""
    body: bytes
    """One JSON object, UTF-8, no newline."""


new_document = partial(tuple.__new__, Document)
"""Make one of a tuple of its fields: a third of the time that calling ``Document`` takes."""
