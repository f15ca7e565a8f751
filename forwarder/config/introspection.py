"""What is in models of settings, and in configurations: names, types, values, written paths."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from forwarder.config.issue import Loc
from forwarder.config.types import Written


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the settings of a model by their names in a configuration."""
    return {_name(name, field): field for name, field in model.model_fields.items()}


def written_paths(settings: BaseModel, loc: Loc) -> Iterator[tuple[Loc, Path]]:
    """Yield each ``WrittenPath`` among settings, at any depth, with its location."""
    for name, field in type(settings).model_fields.items():
        marks = [y for x in (*field.metadata, field.annotation) for y in types_in(x)]
        is_written = any(isinstance(x, Written) for x in marks)
        for here, value in leaves(getattr(settings, name), (*loc, _name(name, field))):
            if isinstance(value, BaseModel):
                yield from written_paths(value, here)
            elif is_written and isinstance(value, Path):
                yield here, value


def leaves(value: object, loc: Loc) -> Iterator[tuple[Loc, object]]:
    """Yield each value that is neither a mapping nor a list, with its location."""
    match value:
        case dict():
            for key, item in value.items():
                yield from leaves(item, (*loc, str(key)))
        case list() | tuple():
            for number, item in enumerate(value):
                yield from leaves(item, (*loc, number))
        case _:
            yield loc, value


def models_in(annotation: object) -> list[type[BaseModel]]:
    """Return the models within a type."""
    return [x for x in types_in(annotation) if isinstance(x, type) and issubclass(x, BaseModel)]


def types_in(annotation: object) -> Iterator[object]:
    """Yield an annotation and all within it, such as those of a list's items, and metadata."""
    yield annotation
    for inner in (*getattr(annotation, "__metadata__", ()), *get_args(annotation)):
        yield from types_in(inner)


def _name(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else name


def value_at(value: Any, loc: Loc) -> object:  # noqa: ANN401 - any piece of a configuration
    """Return the value at a location; None where there is none."""
    try:
        for part in loc:
            value = value[part]
    except (LookupError, TypeError):
        return None
    return value
