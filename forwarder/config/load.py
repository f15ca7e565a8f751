"""The configuration: from a file to settings that are known to be right, or all its mistakes.

    file → tree (YAML) → interpolation → models, the plugins' among them → Config

Nothing here knows what is done with the settings.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ValidationError

from forwarder.config.contradictions import find_contradictions
from forwarder.config.errors import Explainer, texts_below
from forwarder.config.fields import fields_of, is_secret, secret_names
from forwarder.config.interpolation import Interpolated, Sources, Unreadable, interpolate
from forwarder.config.issue import Mistake, line_of, quoted, spell, suggest
from forwarder.config.models import (
    DeadLetterSettings,
    DocumentSettings,
    FilesSettings,
    InputSettings,
    LogSettings,
    OutputSettings,
    SpoolSettings,
    StdinSettings,
    TopSettings,
)
from forwarder.config.reading import read_config, read_value
from forwarder.config.yaml import NotYaml, parse
from forwarder.errors import ConfigError, ForwarderError
from forwarder.masking import Mask, masking
from forwarder.output import OutputPlugin
from forwarder.text import escaped

_UNNAMED = "stands for no output that is installed and works; see esa-forwarder plugins"
"""Neither what comes from elsewhere is said, nor what it is near to."""

_Model = TypeVar("_Model", bound=BaseModel)


class BadConfig(ConfigError):  # noqa: N818 - it is the configuration that is
    """A configuration with mistakes in it; the message has a line for each."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        """Take all of them."""
        self.mistakes = tuple(mistakes)
        """One sentence each: file, line, path, what is wrong and what is allowed."""
        super().__init__("\n".join(self.mistakes))


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """One output."""

    name: str
    plugin: OutputPlugin
    settings: BaseModel
    """Of the plugin's own model."""
    delivery: OutputSettings
    """What every output has."""


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration."""

    path: Path
    """Where it was read from."""
    state: Path
    inputs: tuple[InputSettings, ...]
    outputs: Mapping[str, OutputConfig]
    """By name, in the order of the file."""
    documents: DocumentSettings
    spool: SpoolSettings
    dead_letters: DeadLetterSettings
    log: LogSettings
    source: Interpolated = field(repr=False)
    """As it was written."""


FindPlugins = Callable[[Iterable[str]], Mapping[str, OutputPlugin]]
"""Loads the plugins of some types.

Raises:
    ForwarderError: There is none of a type, or it is broken.
"""


def load(
    path: Path, find_plugins: FindPlugins, environment: Mapping[str, str] | None = None
) -> Config:
    """Read a configuration.

    Args:
        path: The file.
        find_plugins: Loads output plugins by ``type``; asked once for each type.
        environment: What ``${NAME}`` stands for; without it, the environment of this process.

    Raises:
        BadConfig: It cannot be read, or something in it is wrong; everything that is, at once.
    """
    try:
        tree = parse(read_config(path))
    except Unreadable as error:
        raise BadConfig([escaped(f"{path}: {error}.")]) from None
    except NotYaml as error:
        raise BadConfig([_sentence(path, error.mistake)]) from None
    sources = Sources(os.environ if environment is None else environment, read_value)
    source = interpolate(tree, sources)

    mistakes = [*source.tree.mistakes]
    settings, found = _validate(Explainer(source, TopSettings), source.tree.top)
    mistakes += found
    mistakes += _find_besides_type(source)
    outputs, found = _validate_outputs(source, find_plugins)
    mistakes += found
    mistakes += find_contradictions(source, {x: own for x, (_, own) in outputs.items()})
    if mistakes or settings is None:
        ordered = sorted(dict.fromkeys(mistakes), key=lambda x: (x.line, spell(x.where)))
        raise BadConfig([_sentence(path, x) for x in ordered])
    return Config(
        path,
        settings.state,
        settings.inputs,
        {
            name: OutputConfig(name, *outputs[name], delivery)
            for name, delivery in settings.outputs.items()
        },
        settings.documents,
        settings.spool,
        settings.dead_letters,
        settings.log,
        source,
    )


def _find_besides_type(source: Interpolated) -> Iterator[Mistake]:
    """Find what else is wrong with inputs whose type is not known: of these, pydantic says no more.

    They are held to the settings of the type that was meant. Where that is not clear, it is files,
    whose settings are those of all inputs and some more.
    """
    inputs = source.tree.top.get("inputs")
    for number, values in enumerate(inputs if isinstance(inputs, list) else ()):
        if isinstance(values, dict) and values.get("type") not in ("files", "stdin"):
            where = ("inputs", number)
            is_reference = (*where, "type") in source.written
            meant = "" if is_reference else suggest(str(values.get("type")), ("files", "stdin"))
            if "stdin" in meant:
                supposed = {**values, "type": "stdin"}
                yield from _validate(Explainer(source, StdinSettings, where), supposed)[1]
            else:
                paths = {} if meant else {"paths": ["."]}
                supposed = {**paths, **values, "type": "files"}
                yield from _validate(Explainer(source, FilesSettings, where), supposed)[1]


def mask_of(config: Config, *names: str, more: Iterable[str] = ()) -> Mask:
    """Make what takes the secrets of outputs out of a text.

    Args:
        config: Without mistakes.
        names: Of outputs; without any, all of them.
        more: Other secrets, such as those of the command line.
    """
    secrets = list(more)
    users = list[str]()
    for name in names or config.outputs:
        output = config.outputs[name]
        known = secret_names(output.plugin.config)
        for where, text in texts_below(config.source.tree.top, ("outputs", name)):
            if is_secret(where, known) or "${file:" in config.source.written.get(where, ""):
                secrets.append(text)
            elif "://" not in text:
                users.append(text)
            secrets += _in_url(text)
    return masking(secrets, users)


def _in_url(text: str) -> Iterator[str]:
    """Give the password of a URL, and what is made of it and the user, if it is one."""
    with suppress(ValueError):
        parts = urlsplit(text)
        if parts.scheme and parts.password:
            yield from {parts.password, unquote(parts.password)}
            yield f"{unquote(parts.username or '')}:{unquote(parts.password)}"


def _validate_outputs(
    source: Interpolated, find_plugins: FindPlugins
) -> tuple[dict[str, tuple[OutputPlugin, BaseModel]], list[Mistake]]:
    """Hold what is an output's own to the model of its plugin."""
    outputs = source.tree.top.get("outputs")
    common = fields_of(OutputSettings)
    plugins: dict[str, OutputPlugin | str] = {}
    valid = {}
    mistakes = []
    for name, values in outputs.items() if isinstance(outputs, dict) else ():
        kind = values.get("type") if isinstance(values, dict) else None
        where = ("outputs", name)
        if not isinstance(kind, str) or (*where, "type") in source.unknown:
            continue  # which is a mistake already
        if kind not in plugins:
            try:
                plugins[kind] = find_plugins([kind])[kind]
            except ForwarderError as error:
                plugins[kind] = str(error)
        plugin = plugins[kind]
        if isinstance(plugin, str):
            at = (*where, "type")
            if at in source.written:
                plugin = f"{quoted(source.written[at])} {_UNNAMED}"
            mistakes.append(Mistake(at, line_of(at, source.tree.lines), plugin))
            continue
        own = {key: value for key, value in values.items() if key not in common}
        explainer = Explainer(source, plugin.config, where, tuple(common))
        settings, found = _validate(explainer, own, extra="forbid")
        mistakes += found
        wrong: set[str] = set()
        if settings is None:  # the others may still contradict something
            wrong = {str(x.where[2]) for x in found if len(x.where) > len(where)}
            right = {key: value for key, value in own.items() if key not in wrong}
            settings, _ = _validate(explainer, right, extra="ignore")
        if settings is not None:  # without defaults for what is wrong
            valid[name] = plugin, settings.model_copy(update=dict.fromkeys(wrong))
    return valid, mistakes


def _validate(
    explainer: Explainer[_Model],
    values: Mapping[str, Any],
    extra: Literal["forbid", "ignore"] | None = None,
) -> tuple[_Model | None, list[Mistake]]:
    """Make settings of values, or None where they cannot be; and say what is wrong."""
    booleans = explainer.explain_booleans(values)
    try:
        return explainer.model.model_validate(values, extra=extra), booleans
    except ValidationError as error:
        found = explainer.explain(error)
        if extra != "ignore" and "extra_forbidden" in {x["type"] for x in error.errors()}:
            # Because of them, pydantic does not look whether the others go together.
            settings, more = _validate(explainer, values, "ignore")
            return settings, [*found, *more]
        places = {x.where for x in found}
        return None, [*found, *(x for x in booleans if x.where not in places)]
    except Exception as error:  # noqa: BLE001 - a plugin's validators may do anything
        line = line_of(explainer.start, explainer.source.tree.lines)
        # Of the error only its kind: its words may have a secret in them.
        text = f"the plugin broke on these settings ({type(error).__name__}); that is its fault"
        return None, [Mistake(explainer.start, line, text)]


def _sentence(path: Path, mistake: Mistake) -> str:
    place = f"{spell(mistake.where)}: " if mistake.where else ""
    text = mistake.text if mistake.text.endswith((".", "?")) else f"{mistake.text}."
    return escaped(f"{path}:{mistake.line}: {place}{text}")
