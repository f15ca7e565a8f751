"""Forwards the logins of mail gateways.

What is named in ``__all__`` is what a plugin imports, and all that it imports:

    from forwarder import Document, Failure, Output, OutputPlugin, Unavailable, hookimpl

Each name is fetched from its module when it is first asked for. The command ``parse`` asks for
none, and starts without the libraries behind them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forwarder.config.types import Count, Duration, Size, WrittenPath
    from forwarder.errors import ConfigError
    from forwarder.events import Document
    from forwarder.output import (
        Expected,
        Failure,
        Finding,
        Output,
        OutputPlugin,
        SetupOptions,
        Step,
        Unavailable,
    )
    from forwarder.plugins import hookimpl

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "Count",
    "Document",
    "Duration",
    "Expected",
    "Failure",
    "Finding",
    "Output",
    "OutputPlugin",
    "SetupOptions",
    "Size",
    "Step",
    "Unavailable",
    "WrittenPath",
    "hookimpl",
]

# Type checkers see the imports above; with __getattr__ they would believe any name.
if not TYPE_CHECKING:  # pragma: no branch
    _MODULES = {
        "ConfigError": "errors",
        "Count": "config.types",
        "Document": "events",
        "Duration": "config.types",
        "Size": "config.types",
        "WrittenPath": "config.types",
        "hookimpl": "plugins",
    }

    def __getattr__(name: str) -> object:
        """Fetch a public name from its module."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - late on purpose

        module = import_module(f"{__name__}.{_MODULES.get(name, 'output')}")
        value = globals()[name] = getattr(module, name)
        return value
