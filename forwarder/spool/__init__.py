"""The spool: documents on disk between the logs and the outputs.

    commit(documents, state) ──▶ blocks, state ──▶ read(output) ──▶ advance(output, batch, letters)

One transaction holds documents and whatever must agree with them. After a crash at any point, both
are there or neither is.
"""

from forwarder.spool.cursors import Batch, Progress, Trouble
from forwarder.spool.dead_letters import DeadLetter
from forwarder.spool.errors import (
    BlockedError,
    ClosedError,
    DamagedError,
    GoneError,
    LettersFullError,
    SpoolError,
)
from forwarder.spool.spool import Spool

__all__ = [
    "Batch",
    "BlockedError",
    "ClosedError",
    "DamagedError",
    "DeadLetter",
    "GoneError",
    "LettersFullError",
    "Progress",
    "Spool",
    "SpoolError",
    "Trouble",
]
