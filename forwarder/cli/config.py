"""``esa-forwarder check``, ``config`` and ``plugins``: what a configuration may have, and has."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forwarder.cli.common import DONE, FAILED, config_file, load_or_end, print_result

if TYPE_CHECKING:
    from forwarder.plugins import Installed

_WIDTH = 80
"""Of the text, as of help texts."""

_DEPTH = 4
"""Of settings within settings; deeper ones are not practical to write."""

_Schema = Mapping[str, Any]
"""A piece of JSON Schema."""


@click.command()
@config_file
def check(path: Path) -> None:
    """Check a configuration, and whether everything it needs is there.

    Issues in FILE are reported with their lines. If there are none, the state folder, the inputs
    and each output are checked. Nothing is changed.
    """
    from forwarder.app.checks import check as find
    from forwarder.text import escaped

    config = load_or_end(path)
    print_result(escaped(f"ok    {path}: valid"))
    failed = False
    for finding in find(config):
        failed |= not finding.good
        mark = "FAIL" if not finding.good else "WARN" if finding.advice else "ok  "
        print_result(escaped(f"{mark}  {finding.text}"))
        if finding.advice:
            print_result(escaped(f"      {finding.advice}"))
    sys.exit(FAILED if failed else DONE)


@click.group()
def config() -> None:
    """Help with configurations."""


@config.command()
def schema() -> None:
    """Print the JSON Schema of a configuration, for editors.

    It contains the settings of all installed outputs that are not broken.
    """
    from forwarder.config.schema import make_schema
    from forwarder.plugins import list_installed, stdout_to_stderr

    plugins = [x.plugin for x in list_installed() if x.plugin is not None]
    with stdout_to_stderr():
        made = make_schema(plugins)
    print_result(json.dumps(made, indent=2))


@config.command()
@config_file
def show(path: Path) -> None:
    """Print a configuration as it takes effect: with all defaults, and without secrets."""
    from forwarder.config.schema import show as write

    print_result(write(load_or_end(path)).rstrip("\n"))


@click.command()
def plugins() -> None:
    """Show the installed outputs, with their settings.

    Each has the type that the configuration names, the package that provides it, and its settings
    besides those that every output has (batch, retry). If it needs something that is not
    installed, that is shown. For a broken one, the reason is shown, and the exit code is 1.
    """
    from forwarder.plugins import list_installed

    installed = list_installed()
    click.echo("\n\n".join("\n".join(_describe(x)) for x in installed) or "No outputs.")
    sys.exit(FAILED if any(x.problem for x in installed) else DONE)


def _describe(installed: "Installed") -> Iterator[str]:
    from pydantic.errors import PydanticUserError

    from forwarder.config.schema import Generator
    from forwarder.plugins import stdout_to_stderr

    yield f"{installed.type} ({installed.distribution} {installed.version})"
    if installed.plugin is None:
        yield _wrap(f"BROKEN: {installed.problem}", "  ")
        return
    if installed.plugin.missing:
        yield _wrap(f"CANNOT BE USED YET: {installed.plugin.missing}", "  ")
    try:
        with stdout_to_stderr():
            schema = installed.plugin.config.model_json_schema(schema_generator=Generator)
    except PydanticUserError as error:  # of a type without a JSON Schema, which works
        yield _wrap(f"settings that cannot be shown: {error.message}", "  ")
        return
    settings = list(_settings(schema, schema.get("$defs", {}), ()))
    if not settings:
        yield "  no settings"
    for name, kind, description in settings:
        yield f"  {name}: {kind}"
        if description:
            yield _wrap(description, "    ")
    for name, description in installed.plugin.setup_values.items():
        yield f"  setup --set {name}=VALUE"
        yield _wrap(description, "    ")


def _wrap(text: str, indent: str) -> str:
    return click.wrap_text(text, _WIDTH, indent, indent)


def _settings(
    schema: _Schema, shared: _Schema, within: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    """Yield name, type with default, and description of each setting, nested ones too."""
    schema = _resolve(schema, shared)
    required = schema.get("required", ())
    for name, given in schema.get("properties", {}).items():
        setting = _resolve(given, shared)
        if "properties" in setting and len(within) < _DEPTH:  # models may be recursive
            yield from _settings(setting, shared, (*within, name))
            continue
        kind = _kind(setting, shared)
        if name in required:
            kind += ", required"
        elif setting.get("default") is not None:
            kind += f", default {_yaml(setting['default'])}"
        yield ".".join((*within, name)), kind, setting.get("description", "")


def _resolve(setting: _Schema, shared: _Schema) -> _Schema:
    """Follow a reference; what stands beside it takes precedence."""
    if "$ref" not in setting:
        return setting
    return {**shared[setting["$ref"].rpartition("/")[2]], **setting}


def _kind(setting: _Schema, shared: _Schema) -> str:
    """Name a type, in words of JSON."""
    setting = _resolve(setting, shared)
    if "enum" in setting:
        return "one of " + ", ".join(map(_yaml, setting["enum"]))
    if "const" in setting:
        return _yaml(setting["const"])
    several = setting.get("anyOf") or setting.get("oneOf")
    if several:
        kinds = dict.fromkeys(_kind(x, shared) for x in several if x.get("type") != "null")
        return " or ".join(kinds)
    if setting.get("type") == "array":
        return f"list of {_kind(setting.get('items', {}), shared)}"
    if setting.get("format") == "password":
        return "secret"
    return str(setting.get("type", "anything"))


def _yaml(value: object) -> str:
    """Write a value as in the configuration; JSON is YAML."""
    return json.dumps(value) if value == "" or not isinstance(value, str) else value
