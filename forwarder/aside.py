"""What plugins print goes to standard error: standard output is for documents and results.

Python has one standard output for all threads. A command that calls a plugin now and then moves it
for as long; the service moves it for good, and the output ``stdout`` writes to what Python began
with.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TypeVar

_Item = TypeVar("_Item")


@contextmanager
def printing_aside() -> Iterator[None]:
    """Let whatever is printed go to standard error."""
    with redirect_stdout(sys.stderr):
        yield


def aside(make: Callable[[], Iterable[_Item]]) -> Iterator[_Item]:
    """Give what a plugin makes, each as soon as it is made; what it prints goes to standard error.

    Args:
        make: A function of a plugin, perhaps a generator.
    """
    with printing_aside():
        made = iter(make())
    while True:
        with printing_aside():
            try:
                item = next(made)
            except StopIteration:
                return
        yield item
