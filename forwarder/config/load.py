"""Loads a configuration: from a file to valid settings, or all that is wrong with it at once.

    file → YamlDocument → references replaced → models, those of plugins among them → Config

An issue in one setting hides no other issue. Nothing here uses the settings.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ValidationError

from forwarder.config.errors import (
    IssueFormatter,
    fields_of,
    is_secret,
    secret_names,
    texts_below,
    written_paths,
)
from forwarder.config.issue import ConfigIssue, Loc, format_path, line_of, quoted, suggest
from forwarder.config.models import (
    APPLIANCE,
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
from forwarder.config.yaml import (
    UnreadableError,
    YamlDocument,
    YamlError,
    interpolate,
    parse,
    read_config,
)
from forwarder.errors import ConfigError, ForwarderError
from forwarder.inputs.files.paths import is_pattern
from forwarder.inputs.files.scanner import FileSource, StartAt
from forwarder.masking import Mask, masking
from forwarder.output import OutputPlugin
from forwarder.text import escaped

_NOT_INSTALLED = "is not an installed output type; run `esa-forwarder plugins` to list them"
"""Of a type from a reference: neither its value is shown, nor what resembles it."""

_Model = TypeVar("_Model", bound=BaseModel)


class InvalidConfigError(ConfigError):
    """A configuration has issues; the message has a line for each."""

    def __init__(self, issues: Iterable[str]) -> None:
        """Take one sentence for each: file, line, path, what is wrong and what is allowed."""
        self.issues = tuple(issues)
        super().__init__("\n".join(self.issues))


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """One output."""

    name: str
    plugin: OutputPlugin
    settings: BaseModel
    """Of the plugin's own model."""
    delivery: OutputSettings
    """Settings that every output has."""


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
    source: YamlDocument = field(repr=False)
    """As it was written."""


FindPlugins = Callable[[Iterable[str]], Mapping[str, OutputPlugin]]
"""Loads the plugins of some types; raises ForwarderError where one is missing or broken."""


def load(
    path: Path, find_plugins: FindPlugins, environment: Mapping[str, str] | None = None
) -> Config:
    """Load a configuration.

    Args:
        path: The file.
        find_plugins: Loads output plugins by ``type``; called once for each type.
        environment: For ``${NAME}``; without it, the environment of this process.

    Raises:
        InvalidConfigError: It cannot be read, or something in it is wrong; names all issues.
    """
    try:
        document = parse(read_config(path))
    except UnreadableError as error:
        raise InvalidConfigError([escaped(f"{path}: {error}.")]) from None
    except YamlError as error:
        raise InvalidConfigError([_sentence(path, error.issue)]) from None
    document = interpolate(document, os.environ if environment is None else environment)

    settings, found = _validate(IssueFormatter(document, TopSettings), document.top)
    outputs, of_outputs = _validate_outputs(document, find_plugins)
    issues = [
        *document.issues,
        *found,
        *_find_besides_type(document),
        *of_outputs,
        *_find_contradictions(document, {x: own for x, (_, own) in outputs.items()}),
    ]
    if issues or settings is None:
        ordered = sorted(dict.fromkeys(issues), key=lambda x: (x.line, format_path(x.loc)))
        raise InvalidConfigError([_sentence(path, x) for x in ordered])
    return Config(
        path,
        settings.state,
        settings.inputs,
        {x: OutputConfig(x, *outputs[x], y) for x, y in settings.outputs.items()},
        settings.documents,
        settings.spool,
        settings.dead_letters,
        settings.log,
        document,
    )


def _sentence(path: Path, issue: ConfigIssue) -> str:
    place = f"{format_path(issue.loc)}: " if issue.loc else ""
    stop = "" if issue.text.endswith((".", "?")) else "."
    return escaped(f"{path}:{issue.line}: {place}{issue.text}{stop}")


def _find_besides_type(document: YamlDocument) -> Iterator[ConfigIssue]:
    """Find what else is wrong with inputs of an unknown type, at which pydantic stops.

    They are validated as the type that was meant. Where that is unclear, it is files, whose
    settings are those of all inputs and some more.
    """
    for number, values in _inputs(document):
        loc = ("inputs", number)
        kind = values.get("type")
        if kind in ("files", "stdin"):
            continue
        is_reference = (*loc, "type") in document.written
        meant = "" if is_reference else suggest(str(kind), ("files", "stdin"))
        supposed = {**({} if meant else {"paths": ["."]}), **values, "type": "files"}
        if "stdin" in meant:
            supposed["type"] = "stdin"
            yield from _validate(IssueFormatter(document, StdinSettings, loc), supposed)[1]
        else:
            yield from _validate(IssueFormatter(document, FilesSettings, loc), supposed)[1]


def _inputs(document: YamlDocument) -> Iterator[tuple[int, dict[str, Any]]]:
    inputs = document.top.get("inputs")
    for number, values in enumerate(inputs if isinstance(inputs, list) else ()):
        if isinstance(values, dict):
            yield number, values


def _find_contradictions(
    document: YamlDocument, outputs: Mapping[str, BaseModel]
) -> Iterator[ConfigIssue]:
    """Find what is valid by itself and wrong together, also where other settings are invalid."""

    def issue(loc: Loc, text: str) -> ConfigIssue:
        return ConfigIssue(loc, line_of(loc, document.lines), text)

    readers = [x for x, values in _inputs(document) if values.get("type") == "stdin"]
    for number in readers[1:]:
        text = f"reads standard input, as inputs[{readers[0]}] does; remove one of them"
        yield issue(("inputs", number), text)
    for number, values in _inputs(document):
        if values.get("appliance") is not None and APPLIANCE in str(values.get("paths")):
            text = f"names the appliance twice; use appliance, or {APPLIANCE} in paths"
            yield issue(("inputs", number), text)
    state = document.top.get("state", str(TopSettings.model_fields["state"].default))
    own = os.path.realpath(state) if isinstance(state, str) and "\0" not in state else None
    first: dict[str, Loc] = {}
    written = [y for x in outputs for y in written_paths(outputs[x], ("outputs", x))]
    for loc, path in written:
        real = os.path.realpath(path)
        if own in {real, *map(str, Path(real).parents)}:
            yield issue(loc, "is in the state folder; name a place outside of it")
        if first.setdefault(real, loc) != loc:
            other = first[real]
            place = f"{format_path(other)} on line {line_of(other, document.lines)}"
            yield issue(loc, f"is the same as {place}; use a different one for each")


def _validate_outputs(
    document: YamlDocument, find_plugins: FindPlugins
) -> tuple[dict[str, tuple[OutputPlugin, BaseModel]], list[ConfigIssue]]:
    """Validate the own settings of each output with the model of its plugin."""
    outputs = document.top.get("outputs")
    common = fields_of(OutputSettings)
    plugins: dict[str, OutputPlugin | str] = {}
    valid = {}
    issues = []
    for name, values in outputs.items() if isinstance(outputs, dict) else ():
        kind = values.get("type") if isinstance(values, dict) else None
        loc = ("outputs", name)
        at = (*loc, "type")
        if not isinstance(kind, str) or at in document.unknown:
            continue  # which is an issue already
        if kind not in plugins:
            try:
                plugins[kind] = find_plugins([kind])[kind]
            except ForwarderError as error:
                plugins[kind] = str(error)
        plugin = plugins[kind]
        if isinstance(plugin, str):
            if at in document.written:
                plugin = f"{quoted(document.written[at])} {_NOT_INSTALLED}"
            issues.append(ConfigIssue(at, line_of(at, document.lines), plugin))
            continue
        own = {key: value for key, value in values.items() if key not in common}
        formatter = IssueFormatter(document, plugin.config, loc, tuple(common))
        settings, found = _validate(formatter, own, extra="forbid")
        issues += found
        wrong: set[str] = set()
        if settings is None:  # the valid ones may still contradict something
            wrong = {str(x.loc[2]) for x in found if len(x.loc) > len(loc)}
            right = {key: value for key, value in own.items() if key not in wrong}
            settings, _ = _validate(formatter, right, extra="ignore")
        if settings is not None:  # without defaults for what is wrong
            valid[name] = plugin, settings.model_copy(update=dict.fromkeys(wrong))
    return valid, issues


def _validate(
    formatter: IssueFormatter[_Model],
    values: Mapping[str, Any],
    extra: Literal["forbid", "ignore"] | None = None,
) -> tuple[_Model | None, list[ConfigIssue]]:
    """Return settings, or None where values are invalid, and the issues."""
    try:
        return formatter.model.model_validate(values, extra=extra), []
    except ValidationError as error:
        issues = formatter.format(error)
        if extra == "ignore" or "extra_forbidden" not in {x["type"] for x in error.errors()}:
            return None, issues
        # Because of them, pydantic does not look whether the others are consistent.
        settings, more = _validate(formatter, values, "ignore")
        return settings, [*issues, *more]
    except Exception as error:  # noqa: BLE001 - a plugin's validators may do anything
        line = line_of(formatter.start, formatter.document.lines)
        # Only the type of the error: its message may contain a secret.
        text = f"the plugin failed on these settings ({type(error).__name__}), which is its fault"
        return None, [ConfigIssue(formatter.start, line, text)]


def mask_of(config: Config, *names: str, more: Iterable[str] = ()) -> Mask:
    """Create a mask for the secrets of outputs.

    Args:
        config: A valid one.
        names: Of outputs; without any, all of them.
        more: Other secrets, such as those of the command line.
    """
    secrets = list(more)
    users = list[str]()
    for name in names or config.outputs:
        known = secret_names(config.outputs[name].plugin.config)
        for loc, text in texts_below(config.source.top, ("outputs", name)):
            if is_secret(loc, known) or "${file:" in config.source.written.get(loc, ""):
                secrets.append(text)
            elif "://" not in text:
                users.append(text)
            secrets += _in_url(text)
    return masking(secrets, users)


def _in_url(text: str) -> Iterator[str]:
    """Yield the password of a URL, and the user with it, as headers have them."""
    with suppress(ValueError):
        parts = urlsplit(text)
        if parts.scheme and parts.password:
            yield from {parts.password, unquote(parts.password)}
            yield f"{unquote(parts.username or '')}:{unquote(parts.password)}"


def file_sources(config: Config, state: Path | None = None) -> list[FileSource]:
    """Return what each input reads of files, in the order of the inputs.

    The state folder and what outputs write are left out.

    Args:
        config: A valid one.
        state: The state folder in use, if it is not the configured one.
    """
    leave_out = [f"{os.path.realpath(state or config.state)}/"]
    for output in config.outputs.values():
        for _, path in written_paths(output.settings, ()):
            real = os.path.realpath(path)
            leave_out += (f"{real}/", f"{real}.")
    return [
        FileSource(
            x.paths,
            x.appliance,
            StartAt(x.start_at),
            x.ignore_older,
            tuple(leave_out),
            x.follow_symlinks,
        )
        if isinstance(x, FilesSettings)
        else FileSource(())
        for x in config.inputs
    ]


def named_files(inputs: Sequence[InputSettings]) -> frozenset[str]:
    """Return the absolute paths that inputs name without a pattern."""
    paths = [y for x in inputs if isinstance(x, FilesSettings) for y in x.paths]
    return frozenset(os.path.abspath(x) for x in paths if not is_pattern(x) or os.path.lexists(x))  # noqa: PTH100 - as the inputs do
