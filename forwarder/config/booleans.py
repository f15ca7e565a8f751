"""Booleans that are written as YAML 1.2 has them: ``true`` and ``false``.

pydantic takes ``yes``, ``"no"``, ``0`` and more for booleans. YAML 1.2 takes them for text and
numbers, and so do editors with our schema. Whoever writes ``"false"`` may mean a text, and whoever
writes ``1`` a number. What a reference stands for is always text, so there ``true`` is a boolean.
"""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel

from forwarder.config.fields import fields_of
from forwarder.config.issue import Where

WORDS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
"""Of the core schema of YAML 1.2.2, section 10.3.2."""


def find_loose(annotation: object, value: object, where: Where) -> Iterator[tuple[Where, object]]:
    """Find what stands where a boolean belongs and is none.

    Args:
        annotation: A type of a setting, or a model.
        value: What the configuration says, after references are put in.
        where: Where it stands.

    Yields:
        Where it stands, and what it is. Where several types are allowed, nothing is found, unless
        ``type`` says which one is meant.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in fields_of(annotation).items():
            if isinstance(value, dict) and name in value:
                yield from find_loose(field.annotation, value[name], (*where, name))
    elif annotation is bool:
        if not isinstance(value, bool):
            yield where, value
    else:
        yield from _find_within(annotation, value, where)


def _find_within(annotation: object, value: object, where: Where) -> Iterator[tuple[Where, object]]:
    arguments = get_args(annotation)
    match get_origin(annotation), value:
        case (origin, _) if origin is Annotated:
            yield from find_loose(arguments[0], value, where)
        case (origin, _) if origin in {Union, UnionType}:
            several = [x for x in arguments if x is not NoneType]
            if len(several) > 1:
                several = [x for x in several if _is_meant(x, value)]
            if len(several) == 1 and value is not None:
                yield from find_loose(several[0], value, where)
        case (origin, dict()) if origin is dict:
            for key, item in value.items():
                yield from find_loose(arguments[1], item, (*where, key))
        case (origin, list()) if origin in {list, tuple}:
            for number, item in enumerate(value):
                yield from find_loose(arguments[0], item, (*where, number))
        case _:
            pass


def _is_meant(annotation: object, value: object) -> bool:
    """Say whether settings that have a ``type`` say that they are of this model."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return False
    field = annotation.model_fields.get("type")
    types = () if field is None else get_args(field.annotation)
    return isinstance(value, dict) and value.get("type") in types
