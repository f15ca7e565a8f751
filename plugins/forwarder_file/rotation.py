"""The shelf: full files beside the one that grows.

``auth.ndjson`` becomes ``auth.ndjson.20260301T120000Z``, after the time when it was last written,
not one that is in a document: documents may be read years after their logins. Is that taken, or has
the clock been set back, the name is a second behind the newest: in the order of their names the
files hold the documents in their order. Packing and deleting go on in a thread of their own, so
that documents do not wait.

A file is packed into a hidden one, which gets its name when it is whole and synced; only then the
plain one goes. What was interrupted is taken away before anything else, and begun anew.
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


class Shelf:
    """The full files of one path."""

    def __init__(self, path: Path, *, pack: bool, keep: int | None) -> None:
        """Look at nothing yet.

        Args:
            path: Of the file that grows.
            pack: Whether full files are packed with gzip.
            keep: How many stay; None for all.
        """
        self._path = path
        self._form = re.compile(re.escape(path.name) + r"\.(\d{8}T\d{6}Z)(\.gz)?")
        self._pack = pack
        self._keep = keep
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def mend(self) -> None:
        """Take away what is left of packing that was interrupted; no document is there twice."""
        form = re.compile(r"\." + self._form.pattern + r"\.part")
        for path in self._path.parent.iterdir():
            if form.fullmatch(path.name):
                path.unlink()
        for paths in self._stamps().values():
            if len(paths) > 1:
                # The plain one is whole for certain, whoever packed it.
                max(paths, key=lambda x: len(x.name)).unlink()

    def add(self, last_write: float) -> None:
        """Put the file that grows among the full ones.

        Args:
            last_write: When its last document was written, in seconds since 1970.
        """
        moment = datetime.fromtimestamp(last_write, UTC).replace(microsecond=0)
        stamps = self._stamps()
        if stamps:
            moment = max(moment, max(stamps) + timedelta(seconds=1))
        self._path.rename(self._path.with_name(f"{self._path.name}.{moment:{_STAMP}}"))
        sync_folder(self._path.parent)

    def tidy_later(self) -> None:
        """Pack and delete in the thread."""
        if not self._pack and self._keep is None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="file-shelf", daemon=True)
            self._thread.start()
        self._wanted.set()

    def stop(self) -> None:
        """End the thread; what it has begun is begun anew the next time."""
        if self._thread is not None:
            self._stopping.set()
            self._wanted.set()
            self._thread.join()
            self._thread = None
            self._stopping.clear()

    def _work(self) -> None:
        while self._wanted.wait() and not self._stopping.is_set():
            self._wanted.clear()
            try:
                self._tidy()
            except OSError as error:
                _log.warning(
                    "The full files of %r stay as they are until the next one is full: %s",
                    str(self._path),
                    error,
                )

    def _tidy(self) -> None:
        """Delete the oldest; pack the others, the oldest first."""
        paths = [x for _, found in sorted(self._stamps().items()) for x in found]
        if self._keep is not None:
            for path in paths[: -self._keep]:
                path.unlink()
            paths = paths[-self._keep :]
        for path in paths:
            if self._pack and path.suffix != ".gz":
                self._pack_one(path)
            if self._stopping.is_set():
                return

    def _pack_one(self, path: Path) -> None:
        """Pack a file, unless it is stopped."""
        hidden = path.with_name(f".{path.name}.gz.part")
        hidden.unlink(missing_ok=True)
        try:
            if not self._pack_into(hidden, path):
                hidden.unlink()
                return
        except OSError:
            hidden.unlink(missing_ok=True)  # where the disk is full, half of one is in the way
            raise
        hidden.rename(path.with_name(f"{path.name}.gz"))
        sync_folder(path.parent)
        path.unlink()

    def _pack_into(self, hidden: Path, path: Path) -> bool:
        """Write the packed content of a file; say whether all of it is on disk."""
        status = path.stat()
        mode = stat.S_IMODE(status.st_mode)
        with path.open("rb") as plain, os.fdopen(_create(hidden, mode), "wb") as file:
            with gzip.GzipFile("", "wb", fileobj=file, mtime=status.st_mtime) as packed:
                while block := plain.read(_BLOCK_BYTES):
                    if self._stopping.is_set():
                        return False
                    packed.write(block)
            file.flush()
            shutil.copystat(path, hidden)
            os.fsync(file.fileno())
        return True

    def _stamps(self) -> dict[datetime, list[Path]]:
        """Return the full files by their time; packed and plain where packing was interrupted."""
        found: dict[datetime, list[Path]] = {}
        for path in self._path.parent.iterdir():
            match = self._form.fullmatch(path.name)
            if match:
                stamp = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
                found.setdefault(stamp, []).append(path)
        return found


def _create(path: Path, mode: int) -> int:
    """Create a file that is never readable to more users than its mode says."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
