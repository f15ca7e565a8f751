"""Loads a configuration: from a file to valid settings, or all that is wrong with it at once.

    file → YamlDocument → references replaced → models, those of plugins among them → Config

Each step reports all that it finds, and the next one needs the one before. Nothing here uses the
settings.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from forwarder.appliances import Appliance, Appliances, have_common_name
from forwarder.config import models
from forwarder.config.errors import IssueFormatter, format_path, quoted, suggest
from forwarder.config.types import Written, fields_of, name_of, types_in
from forwarder.config.yaml import (
    MAX_BYTES,
    ConfigIssue,
    IssuesError,
    Loc,
    UnreadableError,
    YamlDocument,
    leaves,
    parse,
    read_file,
)
from forwarder.errors import ConfigError, ForwarderError
from forwarder.inputs.files.discovery import FileSource
from forwarder.inputs.files.paths import is_pattern
from forwarder.inputs.syslog.sockets import Address, ListenerSettings, TlsSettings
from forwarder.output import OutputPlugin
from forwarder.text import escaped

_INPUTS: Mapping[str, type[BaseModel]] = {
    "files": models.FilesSettings,
    "stdin": models.StdinSettings,
    "syslog": models.SyslogSettings,
}

_Model = TypeVar("_Model", bound=BaseModel)
_Claimed = TypeVar("_Claimed")
_Claim: TypeAlias = tuple[str, Loc, _Claimed]  # an appliance, where it claims something, and that


class InvalidConfigError(ConfigError):
    """A configuration has issues; the message has a line for each."""


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """One output."""

    name: str
    plugin: OutputPlugin
    settings: BaseModel  # of the plugin's own model
    delivery: models.OutputSettings  # settings that every output has


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration."""

    state: Path
    inputs: tuple[models.InputSettings, ...]
    appliances: Appliances
    outputs: Mapping[str, OutputConfig]  # by name, in the order of the file
    silence: timedelta | None
    documents: models.DocumentSettings
    spool: models.SpoolSettings
    dead_letters: models.DeadLetterSettings
    log: models.LogSettings
    http: models.HttpSettings | None
    settings: models.TopSettings  # all that is not the plugins', as it was read
    source: YamlDocument = field(repr=False)  # as it was written

    def silence_of(self, appliance: str) -> timedelta | None:
        """Return how long an appliance may send nothing; None for no limit."""
        entry = self.appliances.by_name.get(appliance)
        return self.silence if entry is None or entry.silence is None else entry.silence


FindPlugins = Callable[[Iterable[str]], Mapping[str, OutputPlugin]]
"""Loads the plugins of some types; raises ForwarderError where one is missing or broken."""


def load(
    path: Path,
    find_plugins: FindPlugins,
    environment: Mapping[str, str] | None = None,
    *,
    without_logins: bool = False,
) -> Config:
    """Load a configuration, or raise InvalidConfigError.

    ``${NAME}`` refers to the given environment, by default that of this process. Without logins,
    the settings by which outputs log in are ignored; what they refer to need not exist.
    """
    try:
        content = read_file(path, MAX_BYTES)
        document = parse(content, os.environ if environment is None else environment)
        return _validate(document, find_plugins, without_logins=without_logins)
    except UnreadableError as error:
        raise InvalidConfigError(escaped(f"{path}: {error}.")) from None
    except IssuesError as error:
        ordered = sorted(error.issues, key=lambda x: (x.line, format_path(x.loc)))
        raise InvalidConfigError("\n".join(_sentence(path, x) for x in ordered)) from None


def _sentence(path: Path, issue: ConfigIssue) -> str:
    place = f"{format_path(issue.loc)}: " if issue.loc else ""
    stop = "" if issue.text.endswith((".", "?")) else "."
    return escaped(f"{path}:{issue.line}: {place}{issue.text}{stop}")


def _validate(document: YamlDocument, find_plugins: FindPlugins, *, without_logins: bool) -> Config:
    """Validate all settings, including those of the plugins, and then their combination."""
    if document.unresolved and not without_logins:
        raise IssuesError(document.unresolved)
    issues: list[ConfigIssue] = []
    settings = _validate_model(IssueFormatter(document, models.TopSettings), document.top, issues)
    _find_besides_type(document, issues)
    outputs = document.top.get("outputs")
    valid = {}
    left_out = set[Loc]()
    for name, values in outputs.items() if isinstance(outputs, dict) else ():
        kind = values.get("type") if isinstance(values, dict) else None
        if not isinstance(kind, str):
            continue  # which is an issue already
        at = ("outputs", name, "type")
        try:
            plugin = find_plugins([kind])[kind]
        except ForwarderError as error:
            text = str(error).replace(repr(kind), quoted(document.written.get(at, kind)))
            issues.append(document.issue(at, text))
            continue
        common = tuple(fields_of(models.OutputSettings))
        formatter = IssueFormatter(document, plugin.config, at[:2], common)
        for key in plugin.login_settings if without_logins else ():
            left_out.add((*at[:2], key))
            values.pop(key, None)  # what a reference is to is not a secret
        own = {x: y for x, y in values.items() if x not in common}
        own_settings = _validate_model(formatter, own, issues, extra="forbid")
        if own_settings is not None:
            valid[name] = plugin, own_settings
    issues += [x for x in document.unresolved if x.loc not in left_out]
    if settings is None or issues:
        raise IssuesError(issues)
    found = {}
    for name, shared in settings.outputs.items():
        documents = shared.documents.resolve(valid[name][0].profile)
        delivery = shared.model_copy(update={"documents": documents})
        found[name] = OutputConfig(name, *valid[name], delivery)
    wrong = [*_find_contradictions(document, settings, found), *_find_conflicts(settings)]
    if wrong:
        raise IssuesError([document.issue(x, y) for x, y in wrong])
    appliances = [
        Appliance(**dict(x, name=name, labels=tuple(x.labels.items())))
        for name, x in settings.appliances.items()
    ]
    values = {**dict(settings), "outputs": found, "settings": settings, "source": document}
    known_only = values.pop("known_appliances_only")
    return Config(**values | {"appliances": Appliances(appliances, known_only=known_only)})


def _find_besides_type(document: YamlDocument, issues: list[ConfigIssue]) -> None:
    """Find what else is wrong with inputs of an unknown type, where pydantic stops.

    They are validated as the type that was probably meant, or else as files, which has the settings
    of every input and more.
    """
    inputs = document.top.get("inputs")
    for number, values in enumerate(inputs if isinstance(inputs, list) else ()):
        kind = values.get("type") if isinstance(values, dict) else "files"
        if isinstance(kind, str) and kind in _INPUTS:
            continue
        loc = ("inputs", number)
        is_reference = (*loc, "type") in document.written
        near = "" if is_reference else suggest(str(kind), _INPUTS)
        meant = next((x for x in _INPUTS if x in near), None)
        supposed = {**({} if meant else {"paths": ["."]}), **values, "type": meant or "files"}
        _validate_model(IssueFormatter(document, _INPUTS[meant or "files"], loc), supposed, issues)


def _validate_model(
    formatter: IssueFormatter[_Model],
    values: Mapping[str, Any],
    issues: list[ConfigIssue],
    extra: Literal["forbid"] | None = None,
) -> _Model | None:
    """Return the settings; if values are invalid, add the issues and return None."""
    try:
        return formatter.model.model_validate(values, extra=extra)
    except ValidationError as error:
        issues += formatter.format(error)
    except Exception as error:  # noqa: BLE001 - a plugin's validators may do anything
        # Only the type of the error: its message may contain a secret.
        text = f"the plugin failed on these settings ({type(error).__name__}), which is its fault"
        issues.append(formatter.document.issue(formatter.start, text))
    return None


def _find_contradictions(
    document: YamlDocument, settings: models.TopSettings, outputs: Mapping[str, OutputConfig]
) -> Iterator[tuple[Loc, str]]:
    """Yield location and text of settings that are valid alone and wrong together."""
    readers = [x for x, y in enumerate(settings.inputs) if isinstance(y, models.StdinSettings)]
    for number in readers[1:]:
        text = f"reads standard input, as inputs[{readers[0]}] does; remove one of them"
        yield ("inputs", number), text
    listeners: dict[Address, int] = {}
    for number, each in enumerate(settings.inputs):
        if isinstance(each, models.SyslogSettings):
            before = listeners.setdefault(each.listen, number)
            if before != number:
                text = f"listens where inputs[{before}] does; use another address or port"
                yield ("inputs", number, "listen"), text
    own = os.path.realpath(settings.state)
    first: dict[str, Loc] = {}
    for name, output in outputs.items():
        for loc, path in _written_paths(output.settings, ("outputs", name)):
            real = os.path.realpath(path)
            if own in {real, *map(str, Path(real).parents)}:
                yield loc, "is in the state folder; name a place outside of it"
            other = first.setdefault(real, loc)
            if other != loc:
                place = f"{format_path(other)} on line {document.line_of(other)}"
                yield loc, f"is the same as {place}; use a different one for each"


def _written_paths(settings: BaseModel, loc: Loc) -> Iterator[tuple[Loc, Path]]:
    """Yield each ``WrittenPath`` among settings, at any depth, with its location."""
    for name, info in type(settings).model_fields.items():
        is_written = any(isinstance(x, Written) for x in types_in(info.rebuild_annotation()))
        for here, value in leaves(getattr(settings, name), (*loc, name_of(name, info))):
            if isinstance(value, BaseModel):
                yield from _written_paths(value, here)
            elif is_written and isinstance(value, Path):
                yield here, value


def _find_conflicts(settings: models.TopSettings) -> Iterator[tuple[Loc, str]]:
    """Yield location and text of each name or address that two entries claim."""
    if settings.known_appliances_only and not settings.appliances:
        text = "refuses all syslog messages, because there are no appliances; add these"
        yield ("known_appliances_only",), text
    for name in settings.appliances:
        if "*" in name:
            text = "is a pattern; give the appliance a name, and put the pattern into its names"
            yield ("appliances", name), text
    names: list[_Claim[str]] = []
    addresses: list[_Claim[Any]] = []
    for name, entry in settings.appliances.items():
        loc: Loc = "appliances", name
        names.append((name, loc, name))
        names += [(name, (*loc, "names", number), x) for number, x in enumerate(entry.names)]
        addresses += [
            (name, (*loc, "addresses", number), x) for number, x in enumerate(entry.addresses)
        ]
    yield from _find_shared(names, have_common_name)
    yield from _find_shared(addresses, lambda x, y: x.version == y.version and x.overlaps(y))


def _find_shared(
    claims: Sequence[_Claim[_Claimed]], meet: Callable[[_Claimed, _Claimed], bool]
) -> Iterator[tuple[Loc, str]]:
    for (appliance, place, claimed), (other, loc, claim) in combinations(claims, 2):
        if appliance != other and meet(claimed, claim):
            yield loc, _is_taken(str(claim), str(claimed), place)


def _is_taken(claim: str, claimed: str, place: Loc) -> str:
    where = format_path(place)
    if claim.casefold() == claimed.casefold():
        text = f"{quoted(claim)} belongs to {where} already"
    else:
        text = f"{quoted(claim)} overlaps {quoted(claimed)} of {where}"
    return f"{text}; leave it to one appliance"


def file_sources(config: Config, state: Path | None = None) -> list[FileSource]:
    """Return the files that each input reads, in the order of the inputs.

    Excluded are what outputs write and the state folder, which may differ from the configured one.
    """
    leave_out = [f"{os.path.realpath(state or config.state)}/"]
    for output in config.outputs.values():
        for _, path in _written_paths(output.settings, ()):
            real = os.path.realpath(path)
            leave_out += (f"{real}/", f"{real}.")
    own = tuple(leave_out)
    return [
        FileSource(
            x.paths, x.appliance, x.start_at == "end", x.ignore_older, own, x.follow_symlinks
        )
        if isinstance(x, models.FilesSettings)
        else FileSource(())
        for x in config.inputs
    ]


def syslog_listeners(inputs: Sequence[models.InputSettings]) -> list[ListenerSettings]:
    """Return the sockets that inputs listen on."""
    return [
        ListenerSettings(
            address=x.listen,
            input=number,
            appliance=x.appliance,
            allow=x.allow,
            tls=None if x.tls is None else TlsSettings(**x.tls.model_dump()),
            max_connections=x.max_connections,
            max_connections_per_sender=x.max_connections_per_sender,
            max_message_bytes=x.max_message_bytes,
            idle_timeout=x.idle_timeout,
        )
        for number, x in enumerate(inputs)
        if isinstance(x, models.SyslogSettings)
    ]


def named_files(inputs: Sequence[models.InputSettings]) -> frozenset[str]:
    """Return the absolute paths that inputs name without a pattern."""
    paths = [y for x in inputs if isinstance(x, models.FilesSettings) for y in x.paths]
    return frozenset(os.path.abspath(x) for x in paths if not is_pattern(x) or os.path.lexists(x))  # noqa: PTH100 - as the inputs do
