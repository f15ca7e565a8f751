"""Decides when to scan: at once after a change, and from time to time.

All files are scanned once a second, or, where that takes long, so seldom that it takes a
two-hundredth of the time: 10,000 files some every ten seconds. inotify only makes it quicker:
network file systems have no events, and the system may run out of watches. An event at a known file
costs one call; one that may be of a new or another file brings the next scan forward.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import NamedTuple

from watchfiles import watch

from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.scanner import (
    FileSource,
    FileStat,
    Owner,
    ScanResult,
    folders,
    is_relevant,
    restat,
    scan,
)

POLL_SECONDS = 1.0  # between scans, at least: where there are no events, a new line waits so long
MAX_POLL_SECONDS = 60.0
_SHARE = 200  # A scan is one part in so many of the time
_BUSY_SHARE = 3
"""The same where events bring scans forward: new files by the thousand must not take all time."""

_STEP_MS = 200
"""Between two looks for events, which are reported when none has come for so long: idle costs five
wake-ups a second, and a new line waits for 0.4 seconds at most."""
_TIMEOUT_MS = 1_000  # without an event; the first one tells that the folders are watched by now
_RETRY_SECONDS = 1.0  # after an error, so that one that stays does not keep a processor busy
_NO_INSTANCE = "Too many open files"
"""EMFILE, as inotify_init(2) reports that a user has as many instances as allowed."""


class Changes(NamedTuple):
    """What changed since the last time."""

    everything: ScanResult | None  # all files, if a scan was due
    some: list[FileStat]  # else, known files that changed
    problem: str | None = None  # why the system does not report events, once


class ScanScheduler:
    """Decides when to scan, and scans."""

    def __init__(
        self, inputs: Sequence[FileSource], owner: Owner = lambda _: None, *, watch: bool
    ) -> None:
        """Start with a scan being due; with ``watch``, inotify brings others forward."""
        self._inputs = inputs
        self._owner = owner
        self._condition = threading.Condition()
        self._changed: set[str] = set()
        self._anything = True
        self._woken = False
        self._watcher = InotifyWatcher(self._on_event) if watch else None
        self._poll_at = self._busy_until = float("-inf")

    def look(self, now: float, known: Mapping[str, FileStat]) -> Changes:
        """Look at what may have changed; ``known`` has the known files by path."""
        with self._condition:
            changed, self._changed = self._changed, set()
        some = []
        for path in changed:
            file = known.get(path)
            again = None if file is None else restat(file, self._inputs[file.input])
            if again is not None:
                some.append(again)
            elif file is not None or is_relevant(self._inputs, path):
                self._anything = True
        if now < (self._busy_until if self._anything else self._poll_at):
            return Changes(None, some)
        self._anything = False
        problem = self._watcher.watch(folders(self._inputs)) if self._watcher else None
        begun = time.perf_counter()
        result = scan(self._inputs, known, self._owner)
        cost = time.perf_counter() - begun
        self._busy_until = now + cost * _BUSY_SHARE
        self._poll_at = now + min(max(POLL_SECONDS, cost * _SHARE), MAX_POLL_SECONDS)
        return Changes(result, [], problem)

    def scan_soon(self) -> None:
        """Bring the next scan forward: something is not where it was."""
        self._anything = True

    @property
    def pending(self) -> bool:
        """Whether something is known to have changed that was not looked at."""
        return self._anything or bool(self._changed)

    def wait(self, now: float, until: float) -> bool:
        """Wait for a change, or until a scan is due, or a time; return whether it was woken."""
        due = self._busy_until if self._anything else self._poll_at
        with self._condition:
            if not self._changed and not self._woken:
                self._condition.wait(max(min(until, due) - now, 0))
            woken, self._woken = self._woken, False
        return woken

    def wake(self) -> None:
        """End the waiting, from another thread."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def close(self) -> None:
        """Stop watching."""
        if self._watcher is not None:
            self._watcher.close()

    def _on_event(self, paths: AbstractSet[str] | None) -> None:
        with self._condition:
            if paths is None:
                self._anything = True
            else:
                self._changed |= paths
            self._condition.notify_all()


class InotifyWatcher:
    """Watches folders, and reports the paths that changed; None if anything may have."""

    def __init__(self, on_event: Callable[[AbstractSet[str] | None], None]) -> None:
        """Begin with no folder; ``on_event`` is called from another thread."""
        self._on_event = on_event
        self._watched: dict[str, tuple[Inode, bool]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._problem: str | None = None

    def watch(self, folders: Mapping[str, bool]) -> str | None:
        """Watch these folders from now on, with those in them where that is true, and no others.

        Called again from time to time: a folder that was removed and made again is another one, and
        there is no event for that. Returns why the system cannot watch, once.
        """
        wanted = {}
        for path, deep in folders.items():
            with suppress(OSError):
                status = os.stat(path)  # noqa: PTH116 - paths stay text
                wanted[path] = ((status.st_dev, status.st_ino), deep)
        if wanted != self._watched:
            self.close()
            self._watched = wanted
            if wanted:
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(wanted, self._stop), name="watching", daemon=True
                )
                self._thread.start()
        problem, self._problem = self._problem, None
        return problem

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self._watched = {}

    def _run(self, wanted: Mapping[str, tuple[Inode, bool]], stop: threading.Event) -> None:
        while not stop.is_set():
            is_watching = False
            try:
                for changes in watch(
                    *wanted,
                    watch_filter=None,
                    debounce=_STEP_MS,
                    step=_STEP_MS,
                    stop_event=stop,
                    rust_timeout=_TIMEOUT_MS,
                    yield_on_timeout=True,
                    force_polling=False,
                    recursive=any(deep for _, deep in wanted.values()),
                    raise_interrupt=False,
                    ignore_permission_denied=True,
                ):
                    if not is_watching:  # of what changed before
                        self._on_event(None)
                    elif changes:
                        self._on_event({path for _, path in changes})
                    is_watching = True
            except FileNotFoundError:
                pass
            except (OSError, RuntimeError) as error:
                if not is_watching:
                    limit = "instances" if _NO_INSTANCE in str(error) else "watches"
                    self._problem = (
                        f"changes of files are not reported by the system ({error}), so files are"
                        f" only scanned from time to time; a higher fs.inotify.max_user_{limit}"
                        " may help"
                    )
                    return
            # A folder vanished, or there were too many events.
            self._on_event(None)
            stop.wait(_RETRY_SECONDS)
