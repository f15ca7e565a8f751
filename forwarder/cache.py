"""A bounded cache for values that many lines share, and memory that is kept."""

import atexit
import gc
from collections.abc import Callable
from typing import TypeVar

import orjson

MAX_ENTRIES = 4096
"""Values of a kind, one or two megabytes. Twenty sender groups times two hundred reputation
scores are as many; senders choose part of the text, so there has to be an end."""

MAX_KEY_BYTES = 1024
"""The results of longer keys are not kept: 4,096 lines of 64 KiB would be 256 MB."""

K = TypeVar("K")
V = TypeVar("V")


def tune_gc() -> None:
    """Look for reference cycles rarely: no line makes one, and it takes a fifth of the time.

    At exit, not at all: the memory goes back to the system anyway.
    """
    gc.set_threshold(100_000, 50, 1000)
    atexit.register(gc.freeze)


def keep_freed_memory() -> None:
    """Keep the memory of a block of lines for the next one.

    glibc keeps twice as much free memory as the largest block that was freed (mallopt(3)); else it
    would give that of each block back and ask for it again. This one is never written to, so it
    takes none.
    """
    bytes(1 << 20)


def serialise(value: object) -> bytes:
    """Return the JSON of a value, to be kept: what orjson returns takes 4 KB, however short."""
    return bytes(memoryview(orjson.dumps(value)))


class BoundedCache(dict[K, V]):
    """A function's results by its argument: ``cache[key]`` computes what is missing.

    The value of a key stays the same object while it is cached. It is a dict because a hit then
    costs no call. When it is full, it starts over.
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
