"""The output ``stdout``: one document a line on standard output.

A batch is written at once. What a full disk or a slow reader cuts off is completed before anything
else: each line is whole, and comes once. A terminal obeys characters that JSON need not escape; it
gets the same documents with these escaped.
"""

import json
import os
import sys
import threading
from collections.abc import Iterable, Sequence

from pydantic import BaseModel

from forwarder import Document, Failure, OutputPlugin, Unavailable, hookimpl

_WRITING = threading.Lock()  # of outputs that share standard output: lines are not mixed


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Settings below ``type: stdout``: none."""


class StdoutOutput:
    """Writes to standard output."""

    def __init__(self, _: Settings) -> None:
        self._unwritten = b""  # what is left of a batch, perhaps from within a line
        self._taken: set[str] = set()
        """Ids of the documents of which that is left, or which were written last."""
        self._descriptor = -1
        self._is_terminal = False

    def open(self) -> None:
        """Find standard output; ``sys.stdout`` is standard error here, for stray prints."""
        if sys.__stdout__ is None:  # it was closed before Python began
            raise OSError("standard output is closed: there is nowhere to write documents to.")
        self._descriptor = sys.__stdout__.fileno()
        self._is_terminal = os.isatty(self._descriptor)

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Write what was cut off before, and a line for each document not yet taken."""
        fresh = [x for x in documents if x.id not in self._taken]
        if len(fresh) == len(documents):
            self._taken.clear()
        self._taken.update([x.id for x in fresh])
        bodies = [_escape(x.body) if self._is_terminal else x.body for x in fresh]
        self._unwritten += b"".join([x + b"\n" for x in bodies])
        try:
            with _WRITING:
                while self._unwritten:
                    self._unwritten = self._unwritten[os.write(self._descriptor, self._unwritten) :]
        except BrokenPipeError as error:
            raise BrokenPipeError(
                "the reader of standard output has closed it, so nothing can be written there any"
                " more; start again with a reader, or take the output stdout out of the"
                " configuration."
            ) from error
        except OSError as error:
            raise Unavailable(f"standard output cannot be written: {error.strerror}") from error
        return []

    def close(self) -> None:
        """Leave standard output open: the program owns it."""


def _escape(body: bytes) -> bytes:
    """Escape unprintable characters as JSON does."""
    text = body.decode("utf-8", "replace")
    return "".join([x if x.isprintable() else json.dumps(x)[1:-1] for x in text]).encode()


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``stdout``."""
    return [OutputPlugin(name="stdout", config=Settings, build=StdoutOutput)]
