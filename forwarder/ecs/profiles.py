"""What an output gets of a document: all of it, or not what only repeats other fields.

Documents are stored whole, for all outputs together; what one of them leaves out is taken out when
it is delivered. So a profile can change, and what waits or was rejected has everything.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import orjson

from forwarder.events import Document, new_document

REPETITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "client": ("client",),
        "server": ("server",),
        "message": ("message",),
        "source_user": ("source", "user"),
        "user_id": ("user", "id"),
    }
)
"""The path of what repeats other fields, by the name of its setting; ``lean`` leaves them out."""


def leave_out(document: Document, groups: Iterable[str]) -> Document:
    """Return a document without some of :data:`REPETITIONS`."""
    fields = orjson.loads(document.body)
    for group in groups:
        outer, *inner = REPETITIONS[group]
        if not inner:
            fields.pop(outer, None)
        elif outer in fields:
            fields[outer].pop(*inner, None)
            if not fields[outer]:  # a source without an address, of a login that is not joined
                del fields[outer]
    return new_document((document.id, orjson.dumps(fields)))
