"""Whose turn it is: files of an appliance one after the other, appliances in turn.

The oldest file of an appliance, by its name, comes first and has all turns of its appliance until
it has no more work; so a connection goes on from file to file. One that is gone, and still open,
comes before another of its name. Appliances take turns, so that a large backlog of one holds up no
other.

A file may be held until all files were looked at; those behind it wait, too.
"""

from collections import deque
from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from forwarder.inputs.files.paths import ReadingOrder, reading_order

T = TypeVar("T", bound=Hashable)


class _Work(NamedTuple, Generic[T]):
    """What has work to do; sorts by when that is to be done."""

    order: ReadingOrder
    here: bool
    number: int
    """No two have the same."""
    item: T
    appliance: str
    path: str


class Turns(Generic[T]):
    """What has work to do, in the order in which to do it."""

    def __init__(self, max_at_once: int) -> None:
        """Start with nothing to do.

        Args:
            max_at_once: Appliances that take turns at a time, at least 1: the file that each of
                them is reading has to stay open.
        """
        self._max_at_once = max_at_once
        self._waiting: dict[str, list[_Work[T]]] = {}
        self._working: dict[T, _Work[T]] = {}
        self._current: dict[str, T] = {}
        self._held: set[T] = set()
        self._appliances: deque[str] = deque()
        self._number = count()

    def __len__(self) -> int:
        return len(self._working)

    def __contains__(self, item: T) -> bool:
        return item in self._working

    def add(self, item: T, appliance: str, path: str, *, gone: bool = False) -> None:
        """Say that a file has work to do, or has another name now, or none any more."""
        before = self._working.get(item)
        if before is not None and (appliance, path, not gone) == (
            before.appliance,
            before.path,
            before.here,
        ):
            return
        was_current = self._current.get(appliance) == item
        self.remove(item)
        order = reading_order(path)
        work = _Work(order, not gone, next(self._number), item, appliance, path)
        self._working[item] = work
        if was_current:
            self._current[appliance] = item
        if appliance not in self._waiting:
            self._waiting[appliance] = []
            self._appliances.append(appliance)
        heappush(self._waiting[appliance], work)

    def remove(self, item: T) -> None:
        """Say that a file has no more work."""
        self._held.discard(item)
        work = self._working.pop(item, None)
        if work is not None and self._current.get(work.appliance) == item:
            del self._current[work.appliance]

    def hold(self, item: T) -> None:
        """Let a file that has the turn wait for :meth:`go_on`; older ones may come before it."""
        self._held.add(item)
        del self._current[self._working[item].appliance]

    def go_on(self) -> None:
        """Let all that are held have their turns."""
        self._held.clear()

    def give_way(self, item: T) -> bool:
        """Let an older file of the appliance go first, if one came while a file had the turn.

        Returns:
            Whether there is one.
        """
        appliance = self._working[item].appliance
        del self._current[appliance]
        if self._item_of(appliance) != item:
            return True
        self._current[appliance] = item
        return False

    def take(self) -> T | None:
        """Give the file whose turn it is; the same again in a later turn, until it is removed."""
        for _ in range(len(self._appliances)):
            appliance = self._appliances.popleft()
            item = self._item_of(appliance)
            if item is None:
                del self._waiting[appliance]
                continue
            if item in self._held:
                self._appliances.append(appliance)
                continue
            # Those that began go on before others begin.
            if appliance not in self._current and len(self._current) >= self._max_at_once:
                self._appliances.append(appliance)
                continue
            self._current[appliance] = item
            self._appliances.append(appliance)
            return item
        return None

    def _item_of(self, appliance: str) -> T | None:
        if appliance in self._current:
            return self._current[appliance]
        waiting = self._waiting[appliance]
        while waiting:
            item = waiting[0].item
            if self._working.get(item) is waiting[0]:
                return item
            heappop(waiting)
        return None
