"""Looking at models: which settings there are, which are secret, and which are paths."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from forwarder.config.issue import Where
from forwarder.config.types import Beside, Written

_SECRET_NAME = re.compile(
    r"(?i)passw|passphrase|secret|token|api_?key|credential|private|authorization"
)
"""Of plugins that forgot to say that a setting is secret, and of settings with a mistake in the
name."""


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Give the settings of a model by the names that they have in a configuration."""
    return {_name(name, field): field for name, field in model.model_fields.items()}


def models_at(model: type[BaseModel], loc: Where) -> list[type[BaseModel]]:
    """Give the models that could be where pydantic says.

    Args:
        model: Where ``loc`` begins.
        loc: As in an error of pydantic: with tags of unions in it, which choose among models.
    """
    models = [model]
    for part in loc:
        fields = [y for x in models if (y := fields_of(x).get(str(part))) is not None]
        if fields:
            models = [y for x in fields for y in _models_in(x.annotation)]
        else:  # the number of an item, a key of a mapping, or a tag
            models = [x for x in models if part in tags_of([x])] or models
    return models


def tags_of(models: Iterable[type[BaseModel]]) -> list[object]:
    """Give the values that choose among models: those of their literal settings."""
    fields = [y for x in models for y in x.model_fields.values() if y.is_required()]
    return [
        y for x in fields if get_origin(x.annotation) is Literal for y in get_args(x.annotation)
    ]


def secret_names(model: type[BaseModel]) -> frozenset[str]:
    """Find the settings, at any depth, whose values must not be shown."""
    names: set[str] = set()
    seen: set[type[BaseModel]] = set()
    waiting = [model]
    while waiting:
        here = waiting.pop()
        seen.add(here)
        for name, field in fields_of(here).items():
            if _holds_secret(field.annotation):
                names.add(name)
            waiting += (x for x in _models_in(field.annotation) if x not in seen)
    return frozenset(names)


def is_secret(where: Where, names: Iterable[str]) -> bool:
    """Say whether a value must not be shown.

    Args:
        where: From the top of the configuration.
        names: Settings that are secret.
    """
    known = set(names)
    if where[:1] == ("outputs",):
        where = where[2:]  # the name of an output says nothing
    return any(
        x in known or _SECRET_NAME.search(x) is not None for x in where if isinstance(x, str)
    )


class PathSetting(NamedTuple):
    """A path among settings."""

    where: Where
    """Below the settings."""
    path: Path
    is_written: bool
    """Whether it is a ``WrittenPath``."""
    beside: tuple[str, ...]
    """Forms of what else is written in its folder; see ``Beside``."""


def paths_of(settings: BaseModel) -> Iterator[PathSetting]:
    """Give the paths among settings, at any depth."""
    for name, field in type(settings).model_fields.items():
        marks = [y for x in (*field.metadata, field.annotation) for y in _marks(x)]
        is_written = any(isinstance(x, Written) for x in marks)
        beside = tuple(y for x in marks if isinstance(x, Beside) for y in x.names)
        for where, value in _plain(getattr(settings, name), (_name(name, field),)):
            if isinstance(value, Path):
                yield PathSetting(where, value, is_written, beside)
            elif isinstance(value, BaseModel):
                for inner in paths_of(value):
                    yield inner._replace(where=(*where, *inner.where))


def _plain(value: object, where: Where) -> Iterator[tuple[Where, object]]:
    """Give what is in lists and mappings."""
    match value:
        case dict():
            for key, item in value.items():
                yield from _plain(item, (*where, str(key)))
        case list() | tuple():
            for number, item in enumerate(value):
                yield from _plain(item, (*where, number))
        case _:
            yield where, value


def _marks(metadata: object) -> Iterator[object]:
    """Give what may be a mark of a path: metadata, and those of the types within a type."""
    yield metadata
    for inner in (*getattr(metadata, "__metadata__", ()), *get_args(metadata)):
        yield from _marks(inner)


def _name(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else name


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _holds_secret(annotation: object) -> bool:
    return annotation in {SecretStr, SecretBytes} or any(map(_holds_secret, get_args(annotation)))
