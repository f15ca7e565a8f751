"""Whose turn it is: files of an appliance one after the other, appliances in turn.

The oldest file of an appliance, by its name, comes first and has all turns of its appliance until
it has no more work; so a connection goes on from file to file. Appliances take turns, so that a
large backlog of one holds up no other.
"""

from collections import deque
from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

from forwarder.inputs.names import ReadingOrder, reading_order

T = TypeVar("T", bound=Hashable)


class Turns(Generic[T]):
    """What has work to do, in the order in which to do it."""

    def __init__(self, max_at_once: int) -> None:
        """Start with nothing to do.

        Args:
            max_at_once: Appliances that take turns at a time, at least 1: the file that each of
                them is reading has to stay open.
        """
        self._max_at_once = max_at_once
        self._waiting: dict[str, list[tuple[ReadingOrder, int, T]]] = {}
        self._working: dict[T, tuple[str, ReadingOrder]] = {}
        self._current: dict[str, T] = {}
        self._appliances: deque[str] = deque()
        self._number = count()

    def __len__(self) -> int:
        return len(self._working)

    def __contains__(self, item: T) -> bool:
        return item in self._working

    def add(self, item: T, appliance: str, path: str) -> None:
        """Say that a file has work to do, or has another name now."""
        order = reading_order(path)
        if self._working.get(item) == (appliance, order):
            return
        was_current = self._current.get(appliance) == item
        self.remove(item)
        self._working[item] = (appliance, order)
        if was_current:
            self._current[appliance] = item
        if appliance not in self._waiting:
            self._waiting[appliance] = []
            self._appliances.append(appliance)
        heappush(self._waiting[appliance], (order, next(self._number), item))

    def remove(self, item: T) -> None:
        """Say that a file has no more work."""
        appliance, _ = self._working.pop(item, ("", None))
        if self._current.get(appliance) == item:
            del self._current[appliance]

    def take(self) -> T | None:
        """Give the file whose turn it is; the same again in a later turn, until it is removed."""
        for _ in range(len(self._appliances)):
            appliance = self._appliances.popleft()
            item = self._item_of(appliance)
            if item is None:
                del self._waiting[appliance]
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
            order, _, item = waiting[0]
            if self._working.get(item) == (appliance, order):
                return item
            heappop(waiting)
        return None
