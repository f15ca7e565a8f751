"""The spool: documents on disk between the logs and the outputs.

    commit(documents, state) ─▶ segments, state ─▶ read(output) ─▶ advance(output, batch, letters)

One transaction holds documents and whatever must agree with them. After a crash at any point, both
are there or neither is.
"""

from forwarder.spool.cursors import Batch, OutputError
from forwarder.spool.errors import (
    BlockedError,
    ClosedError,
    DamagedError,
    GoneError,
    SpoolError,
)
from forwarder.spool.spool import Spool
from forwarder.spool.writer import Pause

__all__ = [
    "Batch",
    "BlockedError",
    "ClosedError",
    "DamagedError",
    "GoneError",
    "OutputError",
    "Pause",
    "Spool",
    "SpoolError",
]
