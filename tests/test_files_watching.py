"""Being told of changes, and waiting for them, with the real clock and the real system."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from forwarder.inputs.chunk import Chunk
from forwarder.inputs.files.scan_schedule import (
    MAX_POLL_SECONDS,
    InotifyWatcher,
    ScanScheduler,
)
from forwarder.inputs.files.scanner import FileSource
from forwarder.inputs.files.tailer import FileTailer

LONG = 120.0
"""Seconds that nothing here takes, on whatever machine."""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[FileTailer]:
    """Return what follows a folder, with events."""
    following = FileTailer([FileSource((f"{tmp_path}/{{appliance}}/mail*",))], [])
    yield following
    following.close()


def read(reader: FileTailer) -> Chunk:
    """Wait for a piece that holds something."""
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        for piece in reader.read(LONG):
            if piece.data:
                return piece
    raise AssertionError("nothing came")


def wait_until(told: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + LONG
    while not told():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_appended_comes_at_once(
    tmp_path: Path, reader: FileTailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of new and of known files, in folders that were not there, down to one byte.

    It is told by events: the next scan would be in an hour.
    """
    for name in ("POLL_SECONDS", "MAX_POLL_SECONDS"):
        monkeypatch.setattr(f"forwarder.inputs.files.scan_schedule.{name}", 3600)
    assert reader.read(0) == []
    folder = tmp_path / "esa1"
    folder.mkdir()
    path = folder / "mail.log"
    path.write_bytes(b"1")
    assert read(reader).data == b"1"
    for _ in range(5):
        with path.open("ab") as file:
            file.write(b"2")
        assert read(reader).data == b"2"


def test_without_events_it_is_found(tmp_path: Path) -> None:
    """As on file systems of the network."""
    following = FileTailer([FileSource((f"{tmp_path}/mail*",))], [], watch=False)
    assert following.read(0) == []
    (tmp_path / "mail.log").write_bytes(b"line\n")
    assert read(following).data == b"line\n"
    following.close()


def test_a_folder_that_is_made_again_is_watched_again(tmp_path: Path) -> None:
    """The folder of the pattern itself."""
    folder = tmp_path / "logs"
    following = FileTailer([FileSource((f"{folder}/mail*",))], [])
    assert following.read(0) == []
    for number in range(3):
        folder.mkdir()
        (folder / "mail.log").write_bytes(b"line %d\n" % number)
        assert read(following).data == b"line %d\n" % number
        shutil.rmtree(folder)
    following.close()


def test_waiting_is_ended_by_another_thread(reader: FileTailer) -> None:
    """As a signal does."""
    assert reader.read(0) == []
    threading.Timer(0.05, reader.wake).start()
    begun = time.monotonic()
    assert reader.read(LONG) == []
    assert time.monotonic() - begun < LONG / 2


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        (OSError(28, "No space left on device"), "watches"),
        (OSError(24, "Too many open files"), "instances"),
        (RuntimeError("Error: Too many open files (os error 24)"), "instances"),
    ],
)
def test_what_cannot_be_watched_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, limit: str
) -> None:
    """With the limit that was reached; and looked at from time to time."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("forwarder.inputs.files.scan_schedule.watch", refuse)
    problems: list[str | None] = []
    watching = InotifyWatcher(lambda _: None)

    def is_refused() -> bool:
        problems.append(watching.watch({str(tmp_path): False}))
        return problems[-1] is not None

    wait_until(is_refused)
    assert problems[-1] is not None
    assert "are not reported by the system" in problems[-1]
    assert f"max_user_{limit}" in problems[-1]
    assert watching.watch({str(tmp_path): False}) is None
    watching.close()
    looking = ScanScheduler([FileSource((f"{tmp_path}/mail*",))], watch=True)
    times = count(0, 100)
    wait_until(lambda: looking.look(next(times), {}).problem == problems[-1])
    looking.close()


@pytest.mark.parametrize("error", [FileNotFoundError, RuntimeError])
def test_errors_while_watching_are_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Then anything may have changed."""
    calls: list[int] = []

    def fail_once(*_: object, **__: object) -> Iterator[set[tuple[int, str]]]:
        calls.append(1)
        yield set()
        if len(calls) == 1:
            raise error
        yield {(1, "changed")}
        stopped.wait()

    stopped = threading.Event()
    monkeypatch.setattr("forwarder.inputs.files.scan_schedule.watch", fail_once)
    monkeypatch.setattr("forwarder.inputs.files.scan_schedule._RETRY_SECONDS", 0.01)
    told: list[object] = []
    watching = InotifyWatcher(told.append)
    watching.watch({str(tmp_path): True, str(tmp_path / "none"): True})
    wait_until(lambda: {"changed"} in told)
    assert told == [None, None, None, {"changed"}]
    stopped.set()
    watching.close()


def test_everything_is_looked_at_from_time_to_time(tmp_path: Path) -> None:
    """Once a second, seldom if that takes long, and sooner if something moved."""
    looking = ScanScheduler([FileSource((f"{tmp_path}/mail*",))], watch=False)
    assert looking.look(100, {}).everything is not None
    assert looking.look(100.5, {}).everything is None
    assert looking.look(100 + MAX_POLL_SECONDS, {}).everything is not None
    looking.scan_soon()
    assert looking.pending
    assert looking.look(101 + MAX_POLL_SECONDS, {}).everything is not None


def test_only_what_may_matter_brings_a_look_forward(tmp_path: Path) -> None:
    """A file that matches, a folder, or a known file that is another one now."""
    inputs = [FileSource((f"{tmp_path}/mail*",))]
    looking = ScanScheduler(inputs, watch=False)
    path = tmp_path / "mail.log"
    path.write_bytes(b"1")
    (tmp_path / "folder").mkdir()
    everything = looking.look(0, {}).everything
    assert everything is not None
    known = {x.path: x for x in everything.files.values()}
    now = 0.5
    for changed, expected in [
        ("other.log", False),
        ("mail.log", False),
        ("mail.new.log", True),
        ("folder", True),
    ]:
        looking._on_event({str(tmp_path / changed)})  # noqa: SLF001 - as the thread does
        assert looking.pending
        changes = looking.look(now, known)
        assert (changes.everything is not None) == expected
        assert [x.path for x in changes.some] == ([str(path)] if changed == "mail.log" else [])
        now += 0.1
    path.unlink()
    os.mkdir(path)  # noqa: PTH102
    looking._on_event({str(path)})  # noqa: SLF001
    assert looking.look(now, known).everything is not None


def test_a_change_of_anything_ends_the_waiting(tmp_path: Path) -> None:
    """Waiting goes on where nothing is told."""
    looking = ScanScheduler([FileSource((f"{tmp_path}/mail*",))], watch=False)
    looking.look(0, {})
    assert not looking.wait(0, 0.01)
    thread = threading.Timer(0.05, looking._on_event, [None])  # noqa: SLF001
    thread.start()
    begun = time.monotonic()
    looking.wait(0.0, LONG)
    assert time.monotonic() - begun < LONG / 2
    thread.join()
    wait_until(lambda: looking.pending)
