"""Finding outputs that are installed, and loading those that are asked for.

A distribution has an output if it has an entry point in the group ``forwarder.outputs``. The name
of the entry point is the ``type`` in the configuration; what it points to, a module as a rule,
implements the hook of :mod:`forwarder.hookspecs`.

- Only what is asked for is loaded: a broken plugin that nobody uses harms nobody.
- Two distributions with one type are an error for whoever asks for it. pluggy's own loader would
  take one of the two and say nothing, so entry points are looked up here.
- Whatever a plugin does wrong is said with the name of its distribution.
"""

import signal
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple

import pluggy
from pydantic import BaseModel

from forwarder import hookspecs
from forwarder.aside import printing_aside
from forwarder.errors import ConfigError, EndedBySignal, PluginError
from forwarder.output import OutputPlugin
from forwarder.text import words_of

GROUP = "forwarder.outputs"

RESERVED = frozenset({"type", "batch", "retry", "when_full"})
"""Settings that every output has; the host takes them out before a plugin sees the rest."""


class Installed(NamedTuple):
    """A type of output that is installed."""

    type: str
    distribution: str
    version: str
    plugin: OutputPlugin | None
    """None if it is broken."""
    problem: str | None
    """What is wrong with it, where it is broken."""


def find_outputs(types: Iterable[str]) -> Mapping[str, OutputPlugin]:
    """Load the plugins of some types of output.

    Args:
        types: As in the configuration; the same one may come several times.

    Returns:
        The plugin of each type.

    Raises:
        ConfigError: A type is not installed, or something that it needs.
        PluginError: Two distributions have one of the types, or a plugin is broken.
    """
    wanted = dict.fromkeys(types)
    installed = _entry_points()
    unknown = [x for x in wanted if x not in installed]
    if unknown:
        raise ConfigError(
            f"no output of type {', '.join(map(repr, unknown))} is installed; installed are:"
            f" {', '.join(sorted(installed)) or 'none'}. If a package has it, install that with"
            f" pip into the same environment."
        )
    found = {x: _load(_only(x, installed[x])) for x in wanted}
    for type_, plugin in found.items():
        if plugin.missing:
            raise ConfigError(f"output type {type_!r} cannot be used: {plugin.missing}")
    return found


def list_installed() -> list[Installed]:
    """Load whatever is installed, to show it.

    Returns:
        By type. A broken plugin is among them with what is wrong; the others are not harmed. Of a
        type that several distributions have, each is there.
    """
    found = []
    for type_, points in sorted(_entry_points().items()):
        for point in points:
            plugin, problem = None, None
            try:
                plugin = _load(_only(type_, points))
            except PluginError as error:
                problem = str(error)
            distribution, version = _origin(point)
            found.append(Installed(type_, distribution, version, plugin, problem))
    return found


def _entry_points() -> dict[str, list[EntryPoint]]:
    """Return the entry points of our group by name; importlib leaves out hidden distributions."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def _only(type_: str, points: list[EntryPoint]) -> EntryPoint:
    if len(points) > 1:
        raise PluginError(
            f"output type {type_!r} is in {len(points)} distributions:"
            f" {' and '.join(sorted(map(_name, points)))}; uninstall all but one."
        )
    return points[0]


def _load(point: EntryPoint) -> OutputPlugin:
    """Import what an entry point names, and take the one plugin of its name."""
    try:
        with printing_aside():
            module = point.load()
    except BaseException as error:  # there are modules that end the program
        _let_end(error)
        raise _broken(point, f"{point.value} cannot be imported: {_said(error)}") from error
    registered = _registered(point, module)
    for plugin in registered:
        _check(point, plugin)
    named = [x for x in registered if x.name == point.name]
    if len(named) != 1:
        names = ", ".join(repr(x.name) for x in registered)
        raise _broken(
            point,
            f"forwarder_outputs in {point.value} gives outputs named {names}; it has to give one"
            f" named as the entry point",
        )
    return named[0]


def _registered(point: EntryPoint, module: object) -> list[OutputPlugin]:
    """Return what a module gives to the hook. A manager of its own keeps it apart from others."""
    manager = pluggy.PluginManager("forwarder")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module)
        manager.check_pending()
        with printing_aside():
            given = manager.hook.forwarder_outputs()
            registered = [plugin for plugins in given for plugin in plugins]
    except BaseException as error:
        _let_end(error)
        raise _broken(point, f"{point.value} cannot be registered: {_said(error)}") from error
    if not registered:
        raise _broken(
            point,
            f"{point.value} registers nothing; it needs a function forwarder_outputs that is"
            f" marked @hookimpl and gives an OutputPlugin",
        )
    return registered


def _let_end(error: BaseException) -> None:
    """Raise what is not the plugin's: the end of the program, that somebody else asked for."""
    if isinstance(error, EndedBySignal):
        raise error
    # Commands have handlers of their own. Where Python's is, this is Ctrl-C, as far as can be told.
    is_pythons = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if isinstance(error, KeyboardInterrupt) and is_pythons:
        raise error


def _check(point: EntryPoint, plugin: object) -> None:
    """Refuse what is no plugin, before it fails far from here."""
    if not isinstance(plugin, OutputPlugin):
        raise _broken(
            point, f"forwarder_outputs in {point.value} gives {plugin!r}, which is no OutputPlugin"
        )
    config: object = plugin.config
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        raise _broken(point, f"config of {plugin.name!r} is {config!r}; it has to be a BaseModel")
    fields = config.model_fields
    taken = RESERVED.intersection(x.alias or name for name, x in fields.items())
    if taken:
        raise _broken(
            point,
            f"config of {plugin.name!r} has {', '.join(sorted(taken))}; every output has settings"
            f" of that name already",
        )


def _broken(point: EntryPoint, what: str) -> PluginError:
    return PluginError(
        f"output type {point.name!r} of {_name(point)} is broken: {what}. Install it anew, or tell"
        f" its author."
    )


def _said(error: BaseException) -> str:
    return " ".join(words_of(error, typed=True).split())


def _name(point: EntryPoint) -> str:
    return " ".join(_origin(point)).strip()


def _origin(point: EntryPoint) -> tuple[str, str]:
    """Return name and version of a distribution; damaged metadata have none."""
    if point.dist is None:  # pragma: no cover - the standard library always has one here
        return "?", ""
    return point.dist.name or "?", point.dist.version or ""
