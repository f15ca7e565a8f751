"""The mark: where the batch begins that may come again, and whose file this is.

Beside ``auth.ndjson`` lies ``.auth.ndjson.mark``. Before a batch is appended, the mark says where
it will begin. Whatever is behind the mark may come again after a crash, however large the batch
was; whatever is before it never does.

The mark is synced when it moves into another file, and then every 64 MiB, not with each batch. One
that is older than the last batch, as after a power cut, points further back in the same file, and
more than necessary is recognised. It never points behind the file's end, because each batch is
synced before the next is marked.

The mark is locked as long as the output is open, so two outputs cannot write to one file. The
file itself will not do for that: it is renamed when it is full.
"""

import fcntl
import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple, Self

from forwarder_file.append_file import sync_folder

_FORM = re.compile(rb"(\d{20}) (\d{20}) ([0-9a-f]{32})\n")

_PROOF_BYTES = 4096
"""How much before the mark has to be as it was: at least a whole document as a rule, with its id,
so that no other file looks like it by chance."""

SYNC_BYTES = 1 << 26
"""How far the mark moves before it is synced again: what has to be read after a power cut."""


class InUseError(OSError):
    """Another output has the file open."""


class Place(NamedTuple):
    """Where a batch begins."""

    inode: int
    offset: int
    """Bytes from the start of the file."""
    proof: str
    """Hash of what is before it."""

    @classmethod
    def at(cls, descriptor: int, offset: int) -> Self:
        """Describe a place in an open file."""
        start = max(0, offset - _PROOF_BYTES)
        before = os.pread(descriptor, offset - start, start)
        proof = hashlib.blake2b(before, digest_size=16).hexdigest()
        return cls(os.fstat(descriptor).st_ino, offset, proof)

    def is_in(self, descriptor: int) -> bool:
        """Say whether a file is the one that was marked; inodes are given anew."""
        status = os.fstat(descriptor)
        return status.st_size >= self.offset and self == Place.at(descriptor, self.offset)


class Mark:
    """The mark of one file, open and locked."""

    def __init__(self, path: Path) -> None:
        """Lock the mark of a file.

        Raises:
            InUseError: Somebody else has it.
            OSError: It cannot be opened.
        """
        self.path = path.with_name(f".{path.name}.mark")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self.path, flags, 0o640)
        self._synced: Place | None = None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            if isinstance(error, BlockingIOError):
                raise InUseError from error
            raise

    def read(self) -> Place | None:
        """Return what it says; None if it says nothing yet, or nothing that is understood."""
        found = _FORM.fullmatch(os.pread(self._descriptor, 1024, 0))
        return Place(int(found[1]), int(found[2]), found[3].decode()) if found else None

    def set(self, place: Place, *, durable: bool = False) -> None:
        """Say where a batch begins. One short write: it is never seen half done.

        Args:
            place: All before it is synced, and never comes again.
            durable: Whether it must be on disk; it is anyhow if it is in another file, or far on.
        """
        text = f"{place.inode:020d} {place.offset:020d} {place.proof}\n".encode()
        if os.fstat(self._descriptor).st_size != len(text):
            os.ftruncate(self._descriptor, 0)
            sync_folder(self.path.parent)  # it was made just now
        os.pwrite(self._descriptor, text, 0)
        if durable or not self._is_near(place):
            os.fdatasync(self._descriptor)
            self._synced = place

    def _is_near(self, place: Place) -> bool:
        """Say whether what is on disk is enough to find a place."""
        last = self._synced
        return (
            last is not None
            and last.inode == place.inode
            and last.offset <= place.offset < last.offset + SYNC_BYTES
        )

    def close(self) -> None:
        """Let somebody else have the file."""
        os.close(self._descriptor)
