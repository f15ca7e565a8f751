"""Output plugins: the hook that they implement, and how installed ones are found and loaded.

A distribution provides an output through an entry point in the group ``forwarder.outputs``. The
name of the entry point is the ``type`` in the configuration; what it points to, usually a module,
implements :func:`forwarder_outputs`.

- Only the plugins in use are loaded, so a broken one that is not in use does no harm.
- Two distributions with the same type are an error. pluggy's own loader would silently take one of
  them, so entry points are looked up here.
- What plugins print goes to standard error: standard output is for documents and results. All
  threads share one standard output: a command redirects it while it calls a plugin, the service
  for good, and the output ``stdout`` writes to the original one.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from typing import NamedTuple, TypeVar

import pluggy
from pydantic import BaseModel

from forwarder.errors import ConfigError, EndedBySignal, PluginError
from forwarder.output import OutputPlugin
from forwarder.text import error_text

GROUP = "forwarder.outputs"

RESERVED = frozenset({"type", "batch", "retry", "documents", "filter", "when_full"})
"""Settings that every output has; a plugin sees only the others."""

_Item = TypeVar("_Item")

hookspec = pluggy.HookspecMarker("forwarder")
hookimpl = pluggy.HookimplMarker("forwarder")


@hookspec
def forwarder_outputs() -> Iterable[OutputPlugin]:  # type: ignore[empty-body]  # a plugin has it
    """Return the output types of a plugin, one ``OutputPlugin`` per entry point.

    Called when the configuration names one of them, and by ``esa-forwarder plugins``:

        @hookimpl
        def forwarder_outputs() -> Iterable[OutputPlugin]:
            return [OutputPlugin(name="folder", config=Settings, build=FolderOutput)]

    A whole plugin, with its ``pyproject.toml`` and tests, is in ``docs/plugins.md``.
    """


class Installed(NamedTuple):
    """An installed type of output."""

    type: str
    distribution: str
    version: str
    plugin: OutputPlugin | None  # None if it is broken
    problem: str | None  # what is wrong with a broken one


def find_outputs(types: Iterable[str]) -> Mapping[str, OutputPlugin]:
    """Load the plugins of some output types, by type.

    Raises:
        ConfigError: A type, or something that it needs, is not installed.
        PluginError: Two distributions have one of the types, or a plugin is broken.
    """
    found = {x: _load(x) for x in dict.fromkeys(types)}
    for type_, plugin in found.items():
        if plugin.missing:
            raise ConfigError(f"output type {type_!r} cannot be used: {plugin.missing}")
    return found


def list_installed() -> list[Installed]:
    """Load all installed plugins, sorted by type; say of broken ones what is wrong."""
    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda x: x.name):
        plugin, problem = None, None
        try:
            plugin = _load(point.name)
        except PluginError as error:
            problem = str(error)
        found.append(Installed(point.name, *_origin(point), plugin, problem))
    return found


def _load(type_: str) -> OutputPlugin:
    """Import what a type's entry point names, and return the plugin of that name."""
    points = [*entry_points(group=GROUP, name=type_)]
    if not points:
        installed = ", ".join(sorted(entry_points(group=GROUP).names)) or "none"
        raise ConfigError(
            f"no output of type {type_!r} is installed; installed are: {installed}. If a package"
            " provides it, install that with pip into the same environment."
        )
    if len(points) > 1:
        names = " and ".join(sorted(" ".join(_origin(x)).strip() for x in points))
        raise PluginError(
            f"output type {type_!r} is in {len(points)} distributions: {names}; uninstall all but"
            " one."
        )
    (point,) = points
    with _blaming(point, "imported"):
        module = point.load()
    with _blaming(point, "registered"):
        # A manager of its own isolates the plugin from others.
        manager = pluggy.PluginManager("forwarder")
        manager.add_hookspecs(sys.modules[__name__])
        manager.register(module)
        manager.check_pending()
        registered = list[OutputPlugin](chain.from_iterable(manager.hook.forwarder_outputs()))
    if not registered:
        raise _broken(
            point,
            f"{point.value} registers nothing; it needs a function forwarder_outputs that is"
            " marked @hookimpl and returns OutputPlugins",
        )
    for plugin in registered:
        _check(point, plugin)
    named = [x for x in registered if x.name == point.name]
    if len(named) != 1:
        names = ", ".join(repr(x.name) for x in registered)
        raise _broken(
            point,
            f"forwarder_outputs in {point.value} returns outputs named {names}; it has to return"
            " one named like the entry point",
        )
    return named[0]


@contextmanager
def _blaming(point: EntryPoint, what: str) -> Iterator[None]:
    """Call a plugin; blame it for any exception, SystemExit included, unless a signal ends us."""
    try:
        with stdout_to_stderr():
            yield
    except EndedBySignal:
        raise
    except BaseException as error:
        said = " ".join(error_text(error, typed=True).split())
        raise _broken(point, f"{point.value} cannot be {what}: {said}") from error


def _check(point: EntryPoint, plugin: object) -> None:
    """Refuse an object that is not a plugin, before it fails far from here."""
    if not isinstance(plugin, OutputPlugin):
        raise _broken(
            point,
            f"forwarder_outputs in {point.value} returns {plugin!r}, which is not an OutputPlugin",
        )
    config: object = plugin.config
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        raise _broken(point, f"config of {plugin.name!r} is {config!r}; it has to be a BaseModel")
    taken = RESERVED.intersection(x.alias or name for name, x in config.model_fields.items())
    if taken:
        raise _broken(
            point,
            f"config of {plugin.name!r} has {', '.join(sorted(taken))}; every output has settings"
            " of that name already",
        )


def _broken(point: EntryPoint, what: str) -> PluginError:
    name = " ".join(_origin(point)).strip()
    return PluginError(
        f"output type {point.name!r} of {name} is broken: {what}. Reinstall it, or tell its author."
    )


def _origin(point: EntryPoint) -> tuple[str, str]:
    """Return name and version of the distribution; damaged metadata have none."""
    dist = point.dist
    return (dist and dist.name) or "?", (dist and dist.version) or ""


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what a plugin prints to standard error."""
    with redirect_stdout(sys.stderr):
        yield


def plugin_items(make: Callable[[], Iterable[_Item]]) -> Iterator[_Item]:
    """Yield each item of a plugin as soon as it is made; what it prints goes to standard error."""
    with stdout_to_stderr():
        made = iter(make())
    while True:
        with stdout_to_stderr():
            try:
                item = next(made)
            except StopIteration:
                return
        yield item
