"""Finding what is new, and waiting for it, with the real clock and the real system."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from forwarder.inputs.chunk import Chunk
from forwarder.inputs.files.discovery import FileSource
from forwarder.inputs.files.tailer import MAX_POLL_SECONDS, FileTailer
from tests.following import following

LONG = 120.0
"""Seconds that nothing here takes, on whatever machine."""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[FileTailer]:
    """Return what follows a folder."""
    tailer = FileTailer([FileSource((f"{tmp_path}/{{appliance}}/mail*",))], [])
    yield tailer
    tailer.close()


def read(reader: FileTailer) -> Chunk:
    """Wait for a piece that holds something."""
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        for piece in reader.read(LONG):
            if piece.data:
                return piece
    raise AssertionError("nothing came")


def test_what_is_appended_is_found(tmp_path: Path, reader: FileTailer) -> None:
    """Of new and of known files, in folders that were not there, down to one byte."""
    assert reader.read(0) == []
    folder = tmp_path / "esa1"
    for number in range(3):
        folder.mkdir()
        path = folder / "mail.log"
        path.write_bytes(b"%d" % number)
        assert read(reader).data == b"%d" % number
        with path.open("ab") as file:
            file.write(b"more")
        assert read(reader).data == b"more"
        shutil.rmtree(folder)


def test_waiting_is_ended_by_another_thread(reader: FileTailer) -> None:
    """As a signal does."""
    assert reader.read(0) == []
    threading.Timer(0.05, reader.wake).start()
    begun = time.monotonic()
    assert reader.read(LONG) == []
    assert time.monotonic() - begun < LONG / 2


def test_files_are_scanned_from_time_to_time(tmp_path: Path) -> None:
    """Seldom if that takes long, and sooner if something moved."""
    reader = following(tmp_path)
    files = reader.following._files  # noqa: SLF001 - the cost is counted in scans
    for seconds, is_due, scans in (
        *((0, False, 1), (0, False, 1), (MAX_POLL_SECONDS, False, 2)),
        *((0.25, False, 2), (0, True, 3)),
    ):
        reader.clock.now += seconds
        files.scan_is_due = files.scan_is_due or is_due
        reader.following.scan()
        assert files.scans == scans


def test_a_live_file_is_looked_at_between_scans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan may take long; a file that is gone brings it forward."""
    monkeypatch.setattr("forwarder.inputs.files.tailer._SHARE", 1e9)
    path = tmp_path / "mail.current"
    path.write_bytes(b"1\n")
    reader = following(tmp_path)
    reader.settle()
    monkeypatch.undo()
    scans = reader.following._files.scans  # noqa: SLF001 - the cost is counted in scans
    path.write_bytes(b"1\n2\n")
    reader.clock.now += 1
    reader.read()
    assert reader.taken == [b"1\n", b"2\n"]
    assert reader.following._files.scans == scans  # noqa: SLF001
    path.rename(tmp_path / "mail.1")
    reader.clock.now += 1
    reader.read()
    reader.clock.now += 1
    reader.read()
    assert reader.following._files.scans == scans + 1  # noqa: SLF001
