"""Full files beside the one that grows: renamed, compressed and deleted.

``auth.ndjson`` becomes ``auth.ndjson.20260301T120000Z``, after the time of its last write. If that
name is taken, or the clock was set back, the name is a second behind the newest, so that the names
are in the order of the documents. Files are compressed and deleted in a thread of their own.

A file is compressed into a hidden one, which gets its name when it is whole and synced; only then
the plain one goes. What was interrupted is cleaned up, and done again, after the next start.
"""

import gzip
import logging
import os
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from forwarder_file.append_file import sync_folder

_STAMP = "%Y%m%dT%H%M%SZ"
_PART = ".gz.part"
_BLOCK_BYTES = 1 << 20

_log = logging.getLogger(__name__)


class RotatedFiles:
    """The full files of one path."""

    def __init__(self, path: Path, *, compress: bool, keep: int | None) -> None:
        self._path = path
        self._name = re.compile(re.escape(path.name) + r"\.(\d{8}T\d{6}Z)(\.gz)?")
        self._compress = compress
        self._keep = keep
        self._stopping = threading.Event()
        self._thread: ThreadPoolExecutor | None = None

    def clean_up(self) -> None:
        """Delete what an interrupted compression has left; no document is there twice then."""
        for path in self._path.parent.iterdir():
            if path.name.startswith(f".{self._path.name}.") and path.name.endswith(_PART):
                path.unlink()
        for path in self._full():
            if path.suffix == ".gz" and path.with_suffix("").exists():  # that one is whole
                path.unlink()

    def add(self, last_write: float) -> None:
        """Rename the file that grows; it was written last at this time, in seconds since 1970."""
        moment = datetime.fromtimestamp(last_write, UTC).replace(microsecond=0)
        if (full := self._full()) and (newest := self._name.fullmatch(full[-1].name)):
            taken = datetime.strptime(newest[1], _STAMP).replace(tzinfo=UTC)
            moment = max(moment, taken + timedelta(seconds=1))
        self._path.rename(self._path.with_name(f"{self._path.name}.{moment:{_STAMP}}"))
        sync_folder(self._path.parent)

    def tidy_later(self) -> None:
        """Compress and delete in the thread."""
        if self._compress or self._keep is not None:
            if self._thread is None:
                self._stopping.clear()
                self._thread = ThreadPoolExecutor(1, "file-rotation")
            self._thread.submit(self._tidy)

    def stop(self) -> None:
        """End the thread; a compression that it has begun starts over next time."""
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
        """Write and sync the compressed content of a file, or part of it when it is to stop."""
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
