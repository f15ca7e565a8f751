"""A bounded cache for values that many lines share, and the settings of Python's memory."""

import atexit
import gc
from collections.abc import Callable
from typing import TypeVar

import orjson

MAX_ENTRIES = 4096
"""Values in a cache, one or two megabytes: as many as twenty sender groups times two hundred
reputation scores. Senders choose part of the text, so there must be a limit."""

MAX_KEY_BYTES = 1024
"""The results of longer keys are not kept: 4,096 lines of 64 KiB would be 256 MB."""

K = TypeVar("K")
V = TypeVar("V")


def tune_gc() -> None:
    """Search for reference cycles rarely: no line makes one, and it takes a fifth of the time.

    Skip it at exit, when the system takes back all memory anyway.
    """
    gc.set_threshold(100_000, 50, 1000)
    atexit.register(gc.freeze)


def keep_freed_memory() -> None:
    """Keep the memory of a block of lines for the next one.

    glibc keeps twice as much free memory as the largest block freed so far (mallopt(3)); without
    this, it would return the memory of each block to the system and request it again. This block
    is never written to, so it takes no memory.
    """
    bytes(1 << 20)


def serialise(value: object) -> bytes:
    """Return a value as JSON that may be kept: what orjson returns occupies 4 KB, however short."""
    return bytes(memoryview(orjson.dumps(value)))


class BoundedCache(dict[K, V]):
    """Results of a function by argument: ``cache[key]`` computes a missing one.

    A key has the same object as its value while it is cached. The class is a dict so that a hit
    costs no call. A full cache starts over.
    """

    __slots__ = ("_compute",)

    def __init__(self, compute: Callable[[K], V]) -> None:
        """Start empty, with the function that computes the value of a key."""
        super().__init__()
        self._compute = compute

    def __missing__(self, key: K) -> V:
        value = self._compute(key)
        parts = key if isinstance(key, tuple) else (key,)
        if sum(len(x) for x in parts if isinstance(x, (bytes, str))) <= MAX_KEY_BYTES:
            if len(self) >= MAX_ENTRIES:
                self.clear()
            self[key] = value
        return value
