"""Looking at models: which settings there are, which are secret, and which are paths."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from forwarder.settings.mistakes import Where
from forwarder.settings.values import Written

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


def paths_of(settings: BaseModel) -> Iterator[tuple[Where, Path, bool]]:
    """Give the paths among settings, at any depth.

    Yields:
        Where it stands below the settings, the path, and whether it is a ``WrittenPath``.
    """
    for name, field in type(settings).model_fields.items():
        is_written = any(_is_mark(x) for x in (*field.metadata, field.annotation))
        for where, value in _plain(getattr(settings, name), (_name(name, field),)):
            if isinstance(value, Path):
                yield where, value, is_written
            elif isinstance(value, BaseModel):
                for inner, path, mark in paths_of(value):
                    yield (*where, *inner), path, mark


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


def _is_mark(metadata: object) -> bool:
    """Say whether it is the mark of a path that is written, or a type that has it."""
    inner = (*getattr(metadata, "__metadata__", ()), *get_args(metadata))
    return isinstance(metadata, Written) or any(map(_is_mark, inner))


def _name(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else name


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _holds_secret(annotation: object) -> bool:
    return annotation in {SecretStr, SecretBytes} or any(map(_holds_secret, get_args(annotation)))
