"""Writing documents to a stream, in whole pieces, whatever kind of stream it is."""

import select
from collections.abc import Iterable
from io import BytesIO
from typing import IO

from forwarder.errors import ForwarderError

_MAX_KEPT_BYTES = 4 << 20
"""Room for the documents of a block that is kept for the next: four times what one gives when every
fourth line is a login."""


class WriteError(ForwarderError):
    """Documents could not be written."""


class Writer:
    """Where documents go; when they cannot, it says where that was."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        """Start.

        Args:
            stream: Gets the bytes.
            name: What it is called where it fails.
        """
        self._stream = stream
        self._name = name
        self._lines = BytesIO()

    def write_lines(self, lines: Iterable[bytes]) -> None:
        """Write lines, in one piece."""
        self._lines.seek(0)
        self._lines.writelines(lines)
        with self._lines.getbuffer() as view:
            self.write(view[: self._lines.tell()])
        if self._lines.tell() > _MAX_KEPT_BYTES:
            self._lines = BytesIO()

    def write(self, text: bytes | memoryview) -> None:
        """Write whole lines, or pieces of them."""
        left = memoryview(text)
        try:
            # With PYTHONUNBUFFERED, as in containers, a write may take a part, or nothing.
            while left:
                left = left[self._take(left) :]
        except OSError as error:
            raise self._refused(error) from error

    def _take(self, text: memoryview) -> int:
        """Write as much as goes; wait where nothing does, because somebody made it a pipe so."""
        try:
            taken = self._stream.write(text)
        except BlockingIOError as error:
            taken = error.characters_written
        if not taken:
            select.select([], [self._stream], [])
        return taken or 0

    def flush(self) -> None:
        """Write what is held back."""
        try:
            while True:
                try:
                    self._stream.flush()
                except BlockingIOError:
                    select.select([], [self._stream], [])
                else:
                    break
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> Exception:
        if isinstance(error, BrokenPipeError):
            return error
        return WriteError(
            f"documents cannot be written to {self._name}: {error.strerror}; some are missing"
        )
