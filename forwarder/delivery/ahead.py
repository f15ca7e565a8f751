"""Reads the next batch of an output while the one before is on its way.

Unpacking is most of what delivery does by itself. Without this, the other side has nothing to do
for as long.
"""

import threading
from collections.abc import Callable

from forwarder.spool.cursors import Batch


class Ahead:
    """What was read ahead, or is just being read; for one thread."""

    def __init__(self, read: Callable[[int], Batch]) -> None:
        """Read nothing yet.

        Args:
            read: Reads what begins at a serial number; called by a thread of its own.
        """
        self._read = read
        self._batch = Batch(())
        self._thread: threading.Thread | None = None

    def begin(self, start: int) -> None:
        """Begin to read what is behind a batch."""
        # As in forwarder_bulk.sender: it costs next to nothing, and keeps no program from ending.
        self._thread = threading.Thread(
            target=self._run, args=(start,), name="read ahead", daemon=True
        )
        self._thread.start()

    def take(self) -> Batch:
        """Give what was read, once; nothing, if nothing was."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        batch, self._batch = self._batch, Batch(())
        return batch

    def _run(self, start: int) -> None:
        self._batch = self._read(start)
