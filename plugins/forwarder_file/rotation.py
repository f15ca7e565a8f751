"""Full files beside the one that grows: renamed, compressed and deleted.

``auth.ndjson`` becomes ``auth.ndjson.20260301T120000Z``, after the time of its last write, not one
in a document: documents may be read years after their logins. If that name is taken, or the clock
was set back, the name is a second behind the newest: in the order of their names the files hold the
documents in their order. Files are compressed and deleted in a thread of their own, so that
documents do not wait.

A file is compressed into a hidden one, which gets its name when it is whole and synced; only then
the plain one goes. What was interrupted is removed at the next start, and done again.
"""

import gzip
import logging
import os
import re
import shutil
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from forwarder_file.append_file import sync_folder

_STAMP = "%Y%m%dT%H%M%SZ"
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
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def clean_up(self) -> None:
        """Remove what an interrupted compression left; no document is there twice."""
        unfinished = re.compile(r"\." + self._name.pattern + r"\.part")
        for path in self._path.parent.iterdir():
            if unfinished.fullmatch(path.name):
                path.unlink()
        for paths in self._by_time().values():
            if len(paths) > 1:
                # The plain one is certainly whole, whichever program compressed it.
                max(paths, key=lambda x: len(x.name)).unlink()

    def add(self, last_write: float) -> None:
        """Rename the file that grows; it was written last at this time, in seconds since 1970."""
        moment = datetime.fromtimestamp(last_write, UTC).replace(microsecond=0)
        if taken := self._by_time():
            moment = max(moment, max(taken) + timedelta(seconds=1))
        self._path.rename(self._path.with_name(f"{self._path.name}.{moment:{_STAMP}}"))
        sync_folder(self._path.parent)

    def tidy_later(self) -> None:
        """Compress and delete in the thread."""
        if not self._compress and self._keep is None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="file-rotation", daemon=True)
            self._thread.start()
        self._wanted.set()

    def stop(self) -> None:
        """End the thread; a compression that it has begun starts over next time."""
        if self._thread is not None:
            self._stopping.set()
            self._wanted.set()
            self._thread.join()
            self._thread = None
            self._stopping.clear()

    def _run(self) -> None:
        while self._wanted.wait() and not self._stopping.is_set():
            self._wanted.clear()
            try:
                self._tidy()
            except OSError as error:
                _log.warning(
                    "Rotated files of %r stay as they are until the next rotation: %s",
                    str(self._path),
                    error,
                )

    def _tidy(self) -> None:
        """Delete the oldest; compress the others, the oldest first."""
        paths = [x for _, found in sorted(self._by_time().items()) for x in found]
        if self._keep is not None:
            for path in paths[: -self._keep]:
                path.unlink()
            paths = paths[-self._keep :]
        for path in paths:
            if self._compress and path.suffix != ".gz":
                self._compress_file(path)
            if self._stopping.is_set():
                return

    def _compress_file(self, path: Path) -> None:
        hidden = path.with_name(f".{path.name}.gz.part")
        hidden.unlink(missing_ok=True)
        try:
            if not self._write_compressed(hidden, path):
                hidden.unlink()
                return
        except OSError:
            hidden.unlink(missing_ok=True)  # on a full disk, half of one is in the way
            raise
        hidden.rename(path.with_name(f"{path.name}.gz"))
        sync_folder(path.parent)
        path.unlink()

    def _write_compressed(self, hidden: Path, path: Path) -> bool:
        """Write and sync the compressed content of a file; False if it was stopped."""
        status = path.stat()
        # Created so, it is never readable to more users than the plain file is.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(hidden, flags, stat.S_IMODE(status.st_mode))
        with path.open("rb") as plain, os.fdopen(descriptor, "wb") as file:
            with gzip.GzipFile("", "wb", fileobj=file, mtime=status.st_mtime) as compressed:
                while block := plain.read(_BLOCK_BYTES):
                    if self._stopping.is_set():
                        return False
                    compressed.write(block)
            file.flush()
            shutil.copystat(path, hidden)
            os.fsync(file.fileno())
        return True

    def _by_time(self) -> dict[datetime, list[Path]]:
        """Return the full files by their time; two of one where compression was interrupted."""
        found: dict[datetime, list[Path]] = {}
        for path in self._path.parent.iterdir():
            if match := self._name.fullmatch(path.name):
                time = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
                found.setdefault(time, []).append(path)
        return found
