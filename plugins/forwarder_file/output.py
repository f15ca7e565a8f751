"""Writing a file, exactly once.

A batch comes again if the program was killed before it noted that the batch was written, or if the
machine lost its power before that was on disk. Some of it may be in the file then, and is not
written a second time:

1. Before a batch is appended, the mark (:mod:`forwarder_file.mark`) says where it begins.
2. When the file is opened, its end is mended (:mod:`forwarder_file.recovery`), and the ids of the
   documents behind the mark are remembered.
3. Documents that are remembered are left out. What comes again comes first: it is over with a batch
   of which no document is known, or as soon as more documents have come than could come again.
   Until then mark and memory stay, and no new file is begun. After that all before a batch is
   settled: with each, the mark moves on, only the batch before is remembered, and a full file is
   put on the shelf (:mod:`forwarder_file.rotation`). So whatever may come again is in the file that
   grows, and packing and deleting need not be remembered.

The order in which things get to the disk, each before the next:

1. the cursor of the spool, behind the batch before: the host sees to that, and a commit of new
   documents often does it for nothing;
2. if the file is full: its new name, then the new file's name, then the mark at its beginning. The
   content was on disk before; a packed copy and its name are before the plain file goes;
3. the batch: one sync, and the only one that each batch needs here;
4. the cursor behind it.

The mark moves between 1 and 3 and may get there at any time: one that is old leads to documents of
which the cursor is known to be behind. It is synced in the cases that :mod:`forwarder_file.mark`
names, and when others have written to the file, so that it lies behind what they wrote.

Is the file gone from its path (logrotate, somebody's rm), a new one is begun. If it was renamed
while the program was down, it is found by its inode, within its folder.
"""

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from forwarder import Document, Failure, Unavailable
from forwarder_file.append_file import CannotUndoError, GrowingFile
from forwarder_file.mark import InUseError, Mark, Place
from forwarder_file.recovery import recall, recover
from forwarder_file.rotation import Shelf
from forwarder_file.settings import Settings

_ADVICE = {
    errno.EACCES: "give this user the right to write there",
    errno.EDQUOT: "make room there",
    errno.EISDIR: "name a file",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "make its folder, or mount it",
    errno.ENOSPC: "make room there",
    errno.ENOTDIR: "name a file in a folder",
    errno.EPERM: "give this user the right to write there",
    errno.EROFS: "mount it for writing",
}


class FileOutput:
    """Appends documents to a file."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        """Touch nothing yet.

        Args:
            settings: Validated.
            clock: Gives seconds since 1970; tells one day from the next.
        """
        # Two ways to one file are one.
        self._path = Path(os.path.realpath(settings.path))
        self._rotate = settings.rotate
        self._shelf = Shelf(self._path, pack=settings.gzip, keep=settings.keep)
        self._clock = clock
        self._mark: Mark | None = None
        self._file: GrowingFile | None = None
        self._recent: set[str] = set()
        """Ids of the documents that may come again, or of the last batch."""
        self._repeats = 0
        """How many documents may still come that come again."""

    def open(self) -> None:
        """Lock the file, mend its end, and remember what may come again."""
        with self._explaining():
            self._mark = Mark(self._path)
            self._shelf.mend()
            self._recent = self._find_renamed(self._mark.read())
            self._repeats = len(self._recent)
            self._attach(self._mark)
            self._shelf.tidy_later()

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Append a batch and sync it."""
        if self._mark is None:
            raise RuntimeError("write was called before open")
        with self._explaining():
            file = self._attach(self._mark)
            is_changed = file.take_over()
            fresh = [x for x in documents if x.id not in self._recent]
            lines = b"\n".join([*[x.body for x in fresh], b""])
            if len(fresh) == len(documents):
                self._repeats = 0
            is_settled = self._repeats <= 0
            if is_settled:
                if self._is_full(file, len(lines)):
                    self._shelf.add(file.last_write)
                    file = self._attach(self._mark)
                    self._shelf.tidy_later()
                self._mark.set(Place.at(file.descriptor, file.size), durable=is_changed)
            file.append(lines, self._clock)
            while file.is_deleted():
                file = self._attach(self._mark)
                file.append(lines, self._clock)
        if is_settled:
            self._recent.clear()
        self._recent.update([x.id for x in documents])
        self._repeats -= len(documents)
        return []

    def close(self) -> None:
        """Let go of the file, and of the lock."""
        self._shelf.stop()
        self._detach()
        if self._mark is not None:
            self._mark.close()
            self._mark = None

    def _attach(self, mark: Mark) -> GrowingFile:
        """Return the file that is at the path now; open it if need be."""
        if self._file is not None and self._file.is_at(self._path):
            return self._file
        self._detach()
        file = GrowingFile(self._path)
        try:
            found = recover(file.descriptor, mark.read())
            file.take_over()
            if found.start is not None and self._repeats <= 0:
                mark.set(Place.at(file.descriptor, found.start))
        except BaseException:
            file.close()
            raise
        self._recent |= found.ids
        self._repeats = max(self._repeats, 0) + found.most
        self._file = file
        return file

    def _detach(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _is_full(self, file: GrowingFile, size: int) -> bool:
        """Say whether a batch of so many bytes belongs into a new file."""
        if file.size == 0:
            return False
        limit = self._rotate.max_bytes
        if limit is not None and file.size + size > limit:
            return True
        return self._rotate.daily and _day(file.last_write) != _day(self._clock())

    def _find_renamed(self, place: Place | None) -> set[str]:
        """Return the ids behind the mark in a file that somebody renamed, if there is one."""
        if place is None:
            return set()
        with os.scandir(self._path.parent) as entries:
            for entry in entries:
                if entry.inode() == place.inode and entry.name.startswith(self._path.name + "."):
                    return recall(entry.path, place)
        return set()

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Make errors of the system say what to do; all of them may pass."""
        path = str(self._path)
        try:
            yield
        except InUseError as error:
            raise Unavailable(
                f"{path!r} is being written by another output, of this process or of another; give"
                f" each a path of its own"
            ) from error
        except OSError as error:
            if isinstance(error, CannotUndoError):
                self._detach()  # it is mended when it is opened again
            path = str(error.filename or path)
            advice = _ADVICE.get(error.errno or 0)
            raise Unavailable(
                f"{path!r} cannot be written: {error.strerror}" + (f"; {advice}" if advice else "")
            ) from error


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
