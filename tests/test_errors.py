"""The tree of errors is drawn at the head of its module."""

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module

import forwarder
from forwarder import errors
from forwarder.errors import ForwarderError


def _tree(error: type[ForwarderError], depth: int = 1) -> Iterator[tuple[int, str]]:
    for below in error.__subclasses__():
        if below.__module__.startswith("forwarder."):
            yield depth, below.__name__
            yield from _tree(below, depth + 1)


def test_every_error_stands_in_the_tree() -> None:
    """Below the one that it is a kind of."""
    for module in pkgutil.walk_packages(forwarder.__path__, "forwarder."):
        import_module(module.name)
    line = re.compile(r"    ((?:│   |    )*)[├└]── (\w+) .*")
    drawn = filter(None, map(line.fullmatch, (errors.__doc__ or "").splitlines()))
    assert {(len(x[1]) // 4 + 1, x[2]) for x in drawn} == set(_tree(ForwarderError))
