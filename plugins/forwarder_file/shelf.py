"""The shelf: full files beside the one that grows.

``auth.ndjson`` becomes ``auth.ndjson.20260301T120000Z``, after the time of its last document. Is
that taken, or has the clock been set back, the name is a second behind the newest: in the order
of their names the files hold the documents in their order. Packing and deleting go on in a thread
of their own, so that documents do not wait.

A file is packed into a hidden one, which gets its name when it is whole and synced; only then the
plain one goes. Whatever is interrupted is begun anew the next time.
"""

import gzip
import logging
import os
import re
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from forwarder_file.growing import sync_folder

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
            self._stopping.clear()
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
        for path in self._hidden():
            path.unlink()
        stamps = self._stamps()
        old = sorted(stamps)[: -self._keep] if self._keep is not None else []
        for stamp in old:
            for path in stamps.pop(stamp):
                path.unlink()
        for _, paths in sorted(stamps.items()):
            plain = [x for x in paths if x.suffix != ".gz"]
            if plain and len(paths) > 1:
                plain[0].unlink()  # interrupted just before that
            elif plain and self._pack and not self._pack_one(plain[0]):
                return
        sync_folder(self._path.parent)

    def _pack_one(self, path: Path) -> bool:
        """Pack a file; False if it was stopped."""
        hidden = path.with_name(f".{path.name}.gz.part")
        status = path.stat()
        with (
            path.open("rb") as plain,
            hidden.open("xb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=status.st_mtime) as packed,
        ):
            while block := plain.read(_BLOCK_BYTES):
                if self._stopping.is_set():
                    return False
                packed.write(block)
            packed.close()
            shutil.copystat(path, hidden)
            os.fsync(file.fileno())
        hidden.rename(path.with_name(f"{path.name}.gz"))
        sync_folder(path.parent)
        path.unlink()
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

    def _hidden(self) -> list[Path]:
        form = re.compile(r"\." + self._form.pattern + r"\.part")
        return [x for x in self._path.parent.iterdir() if form.fullmatch(x.name)]
