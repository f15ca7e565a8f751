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
   marker moves on, only the batch before is remembered, and a full file is rotated. So whatever may
   come again is in the file that grows.

The order in which things get to the disk, each before the next: the cursor of the spool behind the
batch before; if the file is full, its new name, then the new file's name, then the marker at its
beginning; the batch; the cursor behind it.

If the file is gone from its path (logrotate, an ``rm``), a new one is begun. If it was renamed
while the program was down, it is found by its inode, within its folder.

Rotation renames ``auth.ndjson`` to ``auth.ndjson.20260301T120000Z``, after the time of its last
write. If that name is taken, or the clock was set back, the name is a second behind the newest, so
that the names are in the order of the documents. Files are compressed and deleted in a thread of
their own. A file is compressed into a hidden one, which gets its name when it is whole and synced;
only then the plain one goes. What was interrupted is cleaned up, and done again, after the next
start.
"""

import contextlib
import errno
import gzip
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
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
    sync_folder,
)

_log = logging.getLogger(__name__)

_STAMP = "%Y%m%dT%H%M%SZ"
_PART = ".gz.part"
_BLOCK_BYTES = 1 << 20
_GIVE_RIGHTS = "Give this user the right to read and write there."
_ADVICE = {
    errno.EACCES: "give this user the right to write there",
    errno.EDQUOT: "free some space there",
    errno.EISDIR: "name a file",
    errno.ENOENT: "create its folder, or mount it",
    errno.ENOSPC: "free some space there",
    errno.EROFS: "mount it for writing",
}


class Rotate(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """When to start a new file."""

    max_bytes: Annotated[Size, Field(gt=0)] | None = None
    """Start a new file before a batch that would exceed this size, such as 100MB. A batch is never
    split. Without it, there is no limit."""
    daily: bool = False
    """Whether to start a new file with the first batch of a day (UTC)."""


class Settings(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Settings below ``type: file``."""

    path: WrittenPath
    """File to append to; no other output may use it, and its folder must exist. A full file
    gets the time of its last write in UTC added to its name: auth.ndjson.20260301T120000Z."""
    rotate: Rotate = Rotate()
    """When to start a new file."""
    gzip: bool = False
    """Whether to compress full files with gzip."""
    keep: Annotated[Count, Field(ge=1, le=1_000_000)] | None = None
    """How many full files to keep; older ones are deleted. Without it, all are kept."""


class FileOutput:
    """Appends documents to a file."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        """Take a clock that returns seconds since 1970; nothing is opened yet."""
        self._path = Path(os.path.realpath(settings.path))  # two paths to one file are one
        self._rotate = settings.rotate
        self._rotated = _RotatedFiles(self._path, compress=settings.gzip, keep=settings.keep)
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
        """Return the file that is now at the path, opening it if necessary."""
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
        """Tell whether a batch of this many bytes belongs in a new file."""
        if file.size == 0:
            return False
        limit = self._rotate.max_bytes
        if limit is not None and file.size + size > limit:
            return True
        return self._rotate.daily and _day(file.last_write) != _day(self._clock())

    def _find_renamed(self, position: MarkerPosition | None) -> set[Known]:
        """Return the documents behind the marker if its file was renamed."""
        for path in self._path.parent.iterdir():
            is_ours = path.name.startswith(self._path.name + ".")
            if is_ours and position and path.lstat().st_ino == position.inode:
                return known_after_marker(path, position)
        return set()

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Turn system errors into Unavailable, with advice; any of them may pass."""
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


class _RotatedFiles:
    """The full files beside the one that grows."""

    def __init__(self, path: Path, *, compress: bool, keep: int | None) -> None:
        self._path = path
        self._name = re.compile(re.escape(path.name) + r"\.(\d{8}T\d{6}Z)(\.gz)?")
        self._compress = compress
        self._keep = keep
        self._stopping = threading.Event()
        self._thread: ThreadPoolExecutor | None = None

    def clean_up(self) -> None:
        """Delete what an interrupted compression left, so that no document is there twice."""
        for path in self._path.parent.iterdir():
            if path.name.startswith(f".{self._path.name}.") and path.name.endswith(_PART):
                path.unlink()
        for path in self._full():
            if path.suffix == ".gz" and path.with_suffix("").exists():  # that one is whole
                path.unlink()

    def add(self, last_write: float) -> None:
        """Rename the growing file after its last write, in seconds since 1970."""
        moment = datetime.fromtimestamp(last_write, UTC).replace(microsecond=0)
        if (full := self._full()) and (newest := self._name.fullmatch(full[-1].name)):
            taken = datetime.strptime(newest[1], _STAMP).replace(tzinfo=UTC)
            moment = max(moment, taken + timedelta(seconds=1))
        self._path.rename(self._path.with_name(f"{self._path.name}.{moment:{_STAMP}}"))
        sync_folder(self._path.parent)

    def tidy_later(self) -> None:
        """Compress and delete in the background."""
        if self._compress or self._keep is not None:
            if self._thread is None:
                self._stopping.clear()
                self._thread = ThreadPoolExecutor(1, "file-rotation")
            self._thread.submit(self._tidy)

    def stop(self) -> None:
        """Stop the background work; an interrupted compression starts over next time."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._thread = None

    def _tidy(self) -> None:
        """Delete the oldest; compress the others, the oldest first."""
        try:
            paths = self._full()
            if self._keep is not None:
                for path in paths[: -self._keep]:
                    path.unlink()
                paths = paths[-self._keep :]
            for path in paths:
                if self._compress and path.suffix != ".gz":
                    self._compress_file(path)
        except OSError as error:
            _log.warning(
                "Rotated files of %r stay as they are until the next rotation: %s",
                str(self._path),
                error,
            )

    def _compress_file(self, path: Path) -> None:
        hidden = path.with_name(f".{path.name}{_PART}")
        try:
            self._write_compressed(hidden, path)
            if not self._stopping.is_set():
                hidden.rename(path.with_name(f"{path.name}.gz"))
                sync_folder(path.parent)
                path.unlink()
        finally:
            hidden.unlink(missing_ok=True)  # on a full disk, half of one is in the way

    def _write_compressed(self, hidden: Path, path: Path) -> None:
        """Write and sync the compressed content of a file; only part of it when stopping."""
        # Created so, it is never readable to more users than the plain file is.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with path.open("rb") as plain, os.fdopen(os.open(hidden, flags, 0o600), "wb") as file:
            with gzip.GzipFile("", "wb", fileobj=file) as compressed:
                while not self._stopping.is_set() and (block := plain.read(_BLOCK_BYTES)):
                    compressed.write(block)
            file.flush()
            shutil.copystat(path, hidden)
            os.fsync(file.fileno())

    def _full(self) -> list[Path]:
        return sorted(x for x in self._path.parent.iterdir() if self._name.fullmatch(x.name))


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def check(settings: Settings, _: Expected) -> Iterator[Finding]:
    """Check the folder and the file without writing anything."""
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
