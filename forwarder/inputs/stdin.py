"""Standard input as a stream of chunks.

A pipe has no position: what was read and is not in documents when the program is killed is lost.
So it is for trials, and for what can be sent again. gzip is not decompressed (``zcat`` does that),
and archives are refused.

Chunks end with a line. The rest of a line, and what is not in documents yet, stays with the object,
which outlives a reload of the configuration.
"""

import os
import select
from datetime import UTC, datetime

from forwarder.inputs.block_reader import HEAD_BYTES, STDIN, ReadError, refusal
from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.paths import UNKNOWN_APPLIANCE

KEY = "stdin"  # the key of its chunks; no position is saved under it

_BLOCK_BYTES = 1 << 17  # 128 KiB, twice what a pipe holds: one read empties it


class StandardInput:
    """Reads standard input, or another descriptor, until it is ``drained``; it is not closed."""

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._template = Chunk(
            key=KEY,
            appliance=UNKNOWN_APPLIANCE,
            path=STDIN,
            near=datetime.now(UTC),
            data=b"",
            kind=Kind.MORE,
            resume=None,
            offset=0,
        )
        self._data = bytearray()  # read, and not in documents
        self._offset = 0  # of its first byte
        self._handed_over = 0  # how many bytes of it were
        self._saved: bytes | None = None  # what goes with the chunk that begins at the offset
        self._resume: bytes | None = None  # what goes with the next chunk
        self._idle, self.drained = True, False
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)  # as long as the process

    def reopen(self, appliance: str | None, input_number: int) -> None:
        """Go on where all is in documents, with the settings of a configuration."""
        self._template = self._template._replace(
            appliance=appliance or UNKNOWN_APPLIANCE,
            named=appliance is not None,
            input=input_number,
        )
        self.rewind()

    def read(self, timeout: float) -> list[Chunk]:
        """Read what is there, or wait for it for so many seconds: at most one chunk of 256 KiB.

        None comes if no line was completed. ReadError if it cannot be read, or is not a log.
        """
        if self.drained:
            return []
        try:
            if self._data.find(b"\n", self._handed_over) >= 0:
                return [self._hand_over(self._take_lines())]
            if not self._is_ready(0):
                if not self._idle:
                    return self.settle()
                if not self._is_ready(timeout):
                    return []
            data = os.read(self._descriptor, _BLOCK_BYTES)
        except OSError as error:
            raise ReadError(
                f"standard input cannot be read: {error.strerror}; give it a file or a pipe"
            ) from error
        self.drained = not data
        self._data += data
        if self._offset == self._handed_over == 0:
            reason = refusal(bytes(self._data[:HEAD_BYTES]))
            if reason is not None:
                raise ReadError(f"standard input {reason}")
        whole = self._take_lines()
        return [self._hand_over(whole)] if whole or self.drained else []

    def settle(self) -> list[Chunk]:
        """Return the chunk that tells that no more lines are there for now, if that is news."""
        if self._idle or self.drained:
            return []
        return [self._hand_over(b"", Kind.IDLE)]

    def save(self, offset: int, resume: bytes) -> None:
        """Note that all before an offset is in documents; ``resume`` is what to continue with."""
        size = offset - self._offset
        del self._data[:size]
        self._handed_over -= size
        self._offset, self._saved = offset, resume

    def rewind(self) -> None:
        """Go back to where everything is in documents."""
        self._handed_over, self._resume = 0, self._saved
        self._idle, self.drained = True, False

    def wake(self) -> None:
        """Let :meth:`read` return soon; may be called from any thread."""
        os.eventfd_write(self._woken, 1)

    def _is_ready(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._descriptor, self._woken], [], [], timeout)
        if self._woken in ready:
            os.eventfd_read(self._woken)
        return self._descriptor in ready

    def _take_lines(self) -> bytes:
        """Return the whole lines; of an endless line, and at the end, all that is there."""
        begin = self._handed_over
        end = self._data.rfind(b"\n", begin, begin + 2 * _BLOCK_BYTES) + 1
        if self.drained or (not end and len(self._data) - begin > _BLOCK_BYTES):
            end = len(self._data)
        self._handed_over = max(begin, end)
        return bytes(self._data[begin:end])

    def _hand_over(self, data: bytes, kind: Kind = Kind.MORE) -> Chunk:
        kind = Kind.END if self.drained else kind
        self._idle = kind is Kind.IDLE
        offset = self._offset + self._handed_over - len(data)
        resume, self._resume = self._resume, None
        return self._template._replace(data=data, kind=kind, resume=resume, offset=offset)
