"""The output ``file``: one document a line, appended, exactly once whatever is killed.

A batch comes again if the program was killed before it noted that the batch was written, or if the
machine lost its power before that was on disk. Some of it may be in the file then, and is not
written a second time:

1. Before a batch is appended, the marker (:mod:`forwarder_file.append_file`) says where it begins.
2. When the file is opened, its end is repaired, and the documents behind the marker are
   remembered, by their ids and content.
3. Documents that are remembered are left out. What comes again comes first: it is over with a batch
   of which no document is known, or as soon as more documents have come than could come again.
   Until then marker and memory stay, and no new file is begun. After that, with each batch the
   marker moves on, only the batch before is remembered, and a full file is rotated
   (:mod:`forwarder_file.rotation`). So whatever may come again is in the file that grows.

The order in which things get to the disk, each before the next: the cursor of the spool behind the
batch before; if the file is full, its new name, then the new file's name, then the marker at its
beginning; the batch; the cursor behind it.

If the file is gone from its path (logrotate, an ``rm``), a new one is begun. If it was renamed
while the program was down, it is found by its inode, within its folder.
"""

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from forwarder import (
    Count,
    Document,
    Expected,
    Failure,
    Finding,
    OutputPlugin,
    Size,
    Unavailable,
    WrittenPath,
    hookimpl,
)
from forwarder_file.append_file import (
    AppendFile,
    BatchMarker,
    Known,
    MarkerPosition,
    known_after_marker,
    recognise,
    recover,
)
from forwarder_file.rotation import RotatedFiles

_GIVE_RIGHTS = "Give this user the right to read and write there."
_ADVICE = {
    errno.EACCES: "give this user the right to write there",
    errno.EDQUOT: "free some space there",
    errno.EISDIR: "name a file",
    errno.ENOENT: "create its folder, or mount it",
    errno.ENOSPC: "free some space there",
    errno.EROFS: "mount it for writing",
}


class Rotate(BaseModel, frozen=True, extra="forbid"):
    """When a new file is begun."""

    max_bytes: Annotated[Size, Field(gt=0)] | None = Field(
        default=None,
        description="Largest size of a file, like 100MB. A batch that would exceed it goes into a"
        " new file, whole: a single larger batch is not split. Without it, there is no limit.",
    )
    daily: bool = Field(
        default=False, description="Whether the first batch of a day (UTC) begins a new file."
    )


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Settings below ``type: file``."""

    path: WrittenPath = Field(
        description="The file to append to; no other output may use it, and its folder must exist."
        " When it is full, it is renamed after the time of its last write, in UTC, like"
        " auth.ndjson.20260301T120000Z."
    )
    rotate: Rotate = Field(default=Rotate(), description="When a new file is begun.")
    gzip: bool = Field(default=False, description="Whether full files are compressed with gzip.")
    keep: Annotated[Count, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="How many full files stay; the oldest are deleted. Without it, all stay.",
    )


class FileOutput:
    """Appends documents to a file."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        """Touch nothing yet; the clock gives seconds since 1970, to tell one day from the next."""
        self._path = Path(os.path.realpath(settings.path))  # two paths to one file are one
        self._rotate = settings.rotate
        self._rotated = RotatedFiles(self._path, compress=settings.gzip, keep=settings.keep)
        self._clock = clock
        self._marker: BatchMarker | None = None
        self._file: AppendFile | None = None
        self._ended: set[Known] = set()
        """The documents of an earlier process that may come again."""
        self._recent: set[str] = set()
        """The ids of the documents of this one that may come again, or of its last batch."""
        self._repeats = 0  # how many documents may still come that come again

    def open(self) -> None:
        """Lock the file, repair its end, and remember what may come again."""
        with self._explaining():
            self._marker = BatchMarker(self._path)
            self._ended = self._find_renamed(self._marker.read())
            self._repeats = len(self._ended)
            self._attach(self._marker)
            self._rotated.clean_up()
            self._rotated.tidy_later()

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Append a batch and sync it."""
        if self._marker is None:
            raise RuntimeError("write was called before open")
        with self._explaining():
            file = self._attach(self._marker)
            fresh = [x for x in documents if not self._is_known(x)]
            if not fresh:  # all of it is on disk, and may come again
                self._repeats -= len(documents)
                return []
            lines = b"\n".join([*[x.body for x in fresh], b""])
            if len(fresh) == len(documents):
                self._repeats = 0
            is_settled = self._repeats <= 0
            if is_settled:
                if self._is_full(file, len(lines)):
                    self._rotated.add(file.last_write)
                    file = self._attach(self._marker)
                    self._rotated.tidy_later()
                self._marker.set(MarkerPosition.at(file.descriptor, file.size))
            file.append(lines)
            file.last_write = self._clock()
        if is_settled:
            self._ended.clear()
            self._recent.clear()
        self._recent.update([x.id for x in documents])
        self._repeats -= len(documents)
        return []

    def close(self) -> None:
        """Close the file, and release the lock."""
        self._rotated.stop()
        self._detach()
        if self._marker is not None:
            self._marker.close()
            self._marker = None

    def _is_known(self, document: Document) -> bool:
        known = bool(self._ended) and recognise(document.body) in self._ended
        return known or document.id in self._recent

    def _attach(self, marker: BatchMarker) -> AppendFile:
        """Return the file that is at the path now; open it if need be."""
        if self._file is not None and self._file.is_at(self._path):
            return self._file
        self._detach()
        file = AppendFile(self._path)
        try:
            ended, start = recover(file.descriptor, marker.read())
            if self._repeats <= 0:
                marker.set(MarkerPosition.at(file.descriptor, start))
        except BaseException:
            file.close()
            raise
        self._ended |= ended
        self._repeats = max(self._repeats, 0) + len(ended)
        self._file = file
        return file

    def _detach(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _is_full(self, file: AppendFile, size: int) -> bool:
        """Say whether a batch of so many bytes belongs into a new file."""
        if file.size == 0:
            return False
        limit = self._rotate.max_bytes
        if limit is not None and file.size + size > limit:
            return True
        return self._rotate.daily and _day(file.last_write) != _day(self._clock())

    def _find_renamed(self, position: MarkerPosition | None) -> set[Known]:
        """Return the documents behind the marker in the file that it is of, if that was renamed."""
        for path in self._path.parent.iterdir():
            is_ours = path.name.startswith(self._path.name + ".")
            if is_ours and position and path.lstat().st_ino == position.inode:
                return known_after_marker(path, position)
        return set()

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Turn errors of the system into Unavailable, with advice; all of them may pass."""
        try:
            yield
        except BlockingIOError as error:
            raise Unavailable(
                f"{str(self._path)!r} is being written by another output; give each a path of its"
                " own"
            ) from error
        except OSError as error:
            self._detach()  # its end is repaired when it is opened again
            path = str(error.filename or self._path)
            advice = _ADVICE.get(error.errno or 0)
            raise Unavailable(
                f"{path!r} cannot be written: {error.strerror}" + (f"; {advice}" if advice else "")
            ) from error


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def check(settings: Settings, _: Expected) -> Iterator[Finding]:
    """Look at the folder and the file; nothing is written."""
    path = settings.path.resolve()
    file, folder = repr(str(path)), repr(str(path.parent))
    if not os.access(path.parent, os.R_OK | os.W_OK | os.X_OK) or not path.parent.is_dir():
        yield _bad(f"Files cannot be created in {folder}.", f"Create or mount it. {_GIVE_RIGHTS}")
    elif path.exists() and not path.is_file():
        yield _bad(f"{file} is not a regular file.", "Name another.")
    elif path.exists() and not os.access(path, os.R_OK | os.W_OK):
        yield _bad(f"{file} cannot be read and written.", _GIVE_RIGHTS)
    else:
        free = shutil.disk_usage(path.parent).free // 10**6
        yield Finding(good=True, text=f"{file} can be written; {free:,} MB are free there.")


def _bad(text: str, advice: str) -> Finding:
    return Finding(good=False, text=text, advice=advice)


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``file``."""
    return [OutputPlugin(name="file", config=Settings, build=FileOutput, check=check)]
