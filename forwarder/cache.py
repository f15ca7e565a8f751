"""What is remembered: values that many lines share, made once; and when Python looks for cycles."""

from collections.abc import Callable
from typing import TypeVar

MAX_REMEMBERED = 4096
"""Values of a kind, one or two megabytes. Twenty sender groups times two hundred reputation
scores are as many; senders choose part of the text, so there has to be an end."""

GC_THRESHOLDS = (100_000, 50, 1000)
"""No line makes a reference cycle, and looking for them takes a fifth of the time."""

MAX_KEY_BYTES = 1024
"""Longer keys are made anew each time: 4,096 lines of 64 KiB would be 256 MB."""

K = TypeVar("K")
V = TypeVar("V")


class Memory(dict[K, V]):
    """A function's results by its argument: ``memory[key]`` makes what is not there.

    The value of a key is the same object as long as it is remembered. It is a dict because a hit
    then costs no call.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[K], V]) -> None:
        """Start with nothing remembered.

        Args:
            make: Gives the value for a key.
        """
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> V:
        value = self._make(key)
        if _is_short(key):
            if len(self) >= MAX_REMEMBERED:
                self.clear()
            self[key] = value
        return value


def _is_short(key: object) -> bool:
    texts = key if isinstance(key, tuple) else (key,)
    return sum(len(x) for x in texts if isinstance(x, bytes)) <= MAX_KEY_BYTES
