"""Standard input as a stream of pieces.

A pipe has no position: what was read and is not in documents when the program is killed is lost
to it. So it is for trials, and for what somebody else can send again. gzip is not unpacked: nobody
pipes it for hours, and ``zcat`` is at hand. Nor is an archive; it is refused.

Lines are handed over as they come, and only whole ones: the rest of one is for whoever reads on
afterwards, with other settings.
"""

import os
import select
import sys
import threading
from datetime import UTC, datetime
from typing import NamedTuple

from forwarder.inputs.block_reader import STDIN, ReadError
from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.formats import HEAD_BYTES, refusal

KEY = "stdin"
"""The key of its pieces; there is no position to save under it."""

_BLOCK_BYTES = 1 << 17
"""128 KiB, twice what a pipe holds: one read empties it."""


CLOSED = "standard input is closed; give it a file or a pipe, or take this input out"


def is_closed() -> bool:
    """Say whether standard input was closed when the program began, as after ``<&-`` in a shell.

    Whatever its number leads to now is no log.
    """
    return sys.stdin is None


class Begun(NamedTuple):
    """How far standard input was read, for whoever reads on."""

    rest: bytes = b""
    """What was read of a line that has not come to its end."""
    offset: int = 0
    """Bytes that were handed over."""
    resume: bytes | None = None
    """What the next piece goes with; None if nobody knows."""


class StandardInput:
    """Reads standard input, or another descriptor."""

    def __init__(
        self,
        appliance: str,
        *,
        named: bool = True,
        input_number: int = 0,
        descriptor: int = 0,
        begun: Begun = Begun(),  # noqa: B008 - it is frozen
    ) -> None:
        """Start; nothing is read yet.

        Args:
            appliance: Whose log it is.
            named: Whether somebody named it; if not, a host in a syslog header knows better.
            input_number: Which of the inputs it is, from 0.
            descriptor: What to read; it is not closed.
            begun: What somebody else has read before this one.
        """
        self._appliance = appliance
        self._named = named
        self._input = input_number
        self._descriptor = descriptor
        self._offset = begun.offset
        self._resume = begun.resume
        self._near = datetime.now(UTC)
        self._rest = begun.rest
        self._kept: list[bytes] = []
        """What was handed over, and may have to be again."""
        self._kept_from = begun.offset
        self._begun = begun
        self._quiet = True
        self._ended = False
        self._waking, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._is_open = True
        self._lock = threading.Lock()
        """Of the pipe: once closed, its numbers may be somebody else's."""

    def read(self, timeout: float) -> list[Chunk]:
        """Read what is there.

        Args:
            timeout: How long to wait for something, in seconds.

        Returns:
            At most one piece, of at most 256 KiB; none if no line came to its end. At the end of
            the input, one that says so, and none after it.

        Raises:
            ReadError: It cannot be read, or is no log.
        """
        if self._ended:
            return []
        try:
            again = self._take_whole(b"") if b"\n" in self._rest else b""
            if again:
                self._quiet = False
                return [self._piece(again, Kind.MORE)]
            if not self._is_ready(0):
                if not self._quiet:
                    self._quiet = True
                    return [self._piece(b"", Kind.IDLE)]
                if not self._is_ready(timeout):
                    return []
            data = os.read(self._descriptor, _BLOCK_BYTES)
        except OSError as error:
            raise ReadError(
                f"standard input cannot be read: {error.strerror}; give it a file or a pipe"
            ) from error
        self._ended = not data
        if self._offset == 0:
            reason = refusal((self._rest + data)[:HEAD_BYTES])
            if reason is not None:
                raise ReadError(f"standard input {reason}")
        whole = self._take_whole(data)
        if not whole and not self._ended:
            return []
        self._quiet = False
        return [self._piece(whole, Kind.END if self._ended else Kind.MORE)]

    def settle(self) -> list[Chunk]:
        """Say, for whoever stops reading, that no more lines are there for now."""
        return [] if self._quiet or self._ended else [self._piece(b"", Kind.IDLE)]

    def begun(self, consumed: tuple[int, bytes] | None) -> Begun:
        """Say how far it was read, once that is all in documents.

        Args:
            consumed: The offset up to which all is in documents, and what to give back with the
                piece that begins there; None if nobody knows.
        """
        resume = None if consumed is None or consumed[0] != self._offset else consumed[1]
        return Begun(self._rest, self._offset, resume or self._resume)

    def saved(self, consumed: tuple[int, bytes]) -> None:
        """Take it that all up to an offset is in documents, and on disk.

        Args:
            consumed: The offset, and what to give back with the piece that begins there.
        """
        kept = b"".join(self._kept)
        offset, resume = consumed
        self._kept = [kept[offset - self._kept_from :]]
        self._kept_from = offset
        self._begun = Begun(b"", offset, resume)

    def rewind(self) -> None:
        """Go back to where all is in documents: whoever took the rest has lost it."""
        self._rest = b"".join(self._kept) + self._rest
        self._kept = []
        self._offset, self._resume = self._kept_from, self._begun.resume
        self._quiet, self._ended = True, False

    @property
    def drained(self) -> bool:
        """Whether it came to its end."""
        return self._ended

    def wake(self) -> None:
        """Let :meth:`read` return soon; may be called from any thread."""
        with self._lock:
            if self._is_open:
                os.write(self._wake, b"\0")

    def close(self) -> None:
        """Give back what waiting takes."""
        with self._lock:
            self._is_open = False
            os.close(self._waking)
            os.close(self._wake)

    def _is_ready(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._descriptor, self._waking], [], [], timeout)
        if self._waking in ready:
            os.read(self._waking, _BLOCK_BYTES)
        return self._descriptor in ready

    def _take_whole(self, data: bytes) -> bytes:
        """Give what is to be handed over; of an endless line, and at the end, all that is there."""
        data = self._rest + data
        end = data.rfind(b"\n", 0, 2 * _BLOCK_BYTES) + 1
        if self._ended or (not end and len(data) > _BLOCK_BYTES):
            end = len(data)
        self._rest = data[end:]
        return data[:end]

    def _piece(self, data: bytes, kind: Kind) -> Chunk:
        offset, resume = self._offset, self._resume
        self._offset += len(data)
        if data:
            self._kept.append(data)
        self._resume = None
        return Chunk(
            key=KEY,
            appliance=self._appliance,
            path=STDIN,
            near=self._near,
            data=data,
            kind=kind,
            resume=resume,
            offset=offset,
            named=self._named,
            input=self._input,
        )
