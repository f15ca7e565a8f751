"""When to look at the disk: at once where the system tells of a change, and from time to time.

All files are looked at once a second, or, where that takes long, so seldom that it takes a
two-hundredth of the time: 10,000 files some every ten seconds. A change that the system tells of
at a file that is known costs one call to the system; one that may be a new or another file brings
a look at all of them forward.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from forwarder.inputs.files.scanner import (
    FileSource,
    FileStat,
    Owner,
    ScanResult,
    folders,
    is_relevant,
    nobody,
    restat,
    scan,
)
from forwarder.inputs.files.watching import InotifyWatcher

POLL_SECONDS = 1.0
"""Between looks at everything, at least: where there are no events, a new line waits so long."""

MAX_POLL_SECONDS = 60.0

_SHARE = 200
"""A look at everything is one part in so many of the time."""

_BUSY_SHARE = 3
"""The same where events bring looks forward: new files by the thousand must not take all time."""


class Changes(NamedTuple):
    """What came of looking."""

    everything: ScanResult | None
    """All files, if all were looked at."""
    some: list[FileStat]
    """Else, known files that changed."""
    problem: str | None = None
    """Why the system tells of nothing, said once."""


class ScanScheduler:
    """Decides when to look, and looks."""

    def __init__(self, inputs: Sequence[FileSource], owner: Owner = nobody, *, watch: bool) -> None:
        """Start with a look at everything being due.

        Args:
            inputs: What to look for.
            owner: Decides between appliances where a file has several names.
            watch: Whether to ask the system for events.
        """
        self._inputs = inputs
        self._owner = owner
        self._condition = threading.Condition()
        self._changed: set[str] = set()
        self._anything = True
        self._woken = False
        self._watching = InotifyWatcher(self._tell) if watch else None
        self._poll_at = self._busy_until = float("-inf")

    def look(self, now: float, known: Mapping[str, FileStat]) -> Changes:
        """Look at what may have changed.

        Args:
            now: Seconds of the monotonic clock.
            known: The files that are known, by path.
        """
        with self._condition:
            changed, self._changed = self._changed, set()
        some = []
        for path in changed:
            sighting = known.get(path)
            again = None if sighting is None else restat(sighting, self._inputs[sighting.input])
            if again is not None:
                some.append(again)
            elif sighting is not None or is_relevant(self._inputs, path):
                self._anything = True
        if now < (self._busy_until if self._anything else self._poll_at):
            return Changes(None, some)
        self._anything = False
        problem = self._watching.watch(folders(self._inputs)) if self._watching else None
        begun = time.perf_counter()
        seen = scan(self._inputs, known, self._owner)
        cost = time.perf_counter() - begun
        self._busy_until = now + cost * _BUSY_SHARE
        self._poll_at = now + min(max(POLL_SECONDS, cost * _SHARE), MAX_POLL_SECONDS)
        return Changes(seen, [], problem)

    def look_soon(self) -> None:
        """Ask for a look at everything: something is not where it was."""
        self._anything = True

    @property
    def pending(self) -> bool:
        """Whether something is known to have changed that was not looked at."""
        return self._anything or bool(self._changed)

    def wait(self, now: float, until: float) -> bool:
        """Wait for a change, or until a look is due, or a time.

        Returns:
            Whether somebody asked to wait no longer.
        """
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
        """Stop being told."""
        if self._watching is not None:
            self._watching.close()

    def _tell(self, paths: AbstractSet[str] | None) -> None:
        with self._condition:
            if paths is None:
                self._anything = True
            else:
                self._changed |= paths
            self._condition.notify_all()
