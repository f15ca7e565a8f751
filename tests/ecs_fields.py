"""Holds documents to the table of fields."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from forwarder.ecs.fields import EVENT_TYPES, FIELDS, LABELS, MAX_KEYWORD, Field

_LONG_MAX = 2**63 - 1


def violations(document: Mapping[str, object]) -> list[str]:
    """Say what is wrong with a document.

    Args:
        document: As it was parsed from JSON.

    Returns:
        One phrase for each fault, beginning with the name of the field; empty for a document that
        is as the table says.
    """
    faults: list[str] = []
    found: dict[str, object] = {}
    for name, value, fault in _leaves(document, ""):
        if fault is not None:
            faults.append(f"{name}: {fault}")
        else:
            found[name] = value
    faults += [f"{x.name}: missing" for x in FIELDS.values() if x.required and x.name not in found]
    for name, value in found.items():
        faults += [f"{name}: {fault}" for fault in _faults_of_value(name, value)]
    return faults + _faults_of_type(found)


def _leaves(layout: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object, str | None]]:
    """Give the dotted name, the value and the fault, if any, of whatever is no object."""
    for key, value in layout.items():
        name = prefix + key
        if not key or "." in key:
            yield name, value, "dotted or empty key"
        elif value is None or value in ({}, [], ""):
            yield name, value, "empty"
        elif isinstance(value, Mapping):
            yield from _leaves(value, name + ".")
        else:
            yield name, value, None


def _faults_of_value(name: str, value: object) -> Iterator[str]:
    """Hold a value to its field."""
    field = FIELDS.get(name)
    if field is None:
        if not name.startswith(LABELS) or "." in name.removeprefix(LABELS):
            yield "unknown"
            return
        field = Field(name, "keyword")
    if isinstance(value, list) != field.array:
        yield "must be a list" if field.array else "must not be a list"
        return
    for item in value if isinstance(value, list) else (value,):
        if item is None or item == "":
            yield "empty value in the list"
        elif not _is_of_type(field.type, item):
            yield f"{item!r} is no {field.type}"
        elif isinstance(item, int) and item < 0 and field.type == "long":
            yield f"{item} is negative"
        elif isinstance(item, str):
            yield from _faults_of_text(field, item)


def _is_of_type(kind: str, value: object) -> bool:
    """Whether Elasticsearch takes a value for this type, without converting it."""
    match value:
        case bool():
            return kind == "boolean"
        case int():
            return kind in {"long", "float"} and -_LONG_MAX <= value <= _LONG_MAX
        case float():
            # NaN and infinity are in no JSON.
            return kind == "float" and abs(value) < float("inf")
        case str():
            return _is_address(value) if kind == "ip" else kind in _TEXTS
        case _:
            return False


_TEXTS = {"keyword", "constant_keyword", "match_only_text", "date"}


def _is_address(text: str) -> bool:
    """Whether Elasticsearch takes it for an address: it refuses a scope id."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _faults_of_text(field: Field, text: str) -> Iterator[str]:
    """Hold a text to the values and the length that its field allows."""
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if field.type.endswith("keyword") and field.limited and units > MAX_KEYWORD:
        yield f"longer than {MAX_KEYWORD} characters"
    if isinstance(field.allowed, tuple):
        if text not in field.allowed:
            yield f"{text!r} is none of {', '.join(field.allowed)}"
    elif field.allowed is not None and re.fullmatch(field.allowed, text) is None:
        yield f"{text!r} has not the form {field.allowed}"


def _faults_of_type(found: Mapping[str, object]) -> list[str]:
    """Hold ``event.type`` to ``event.category``: each type belongs to one of the categories."""
    categories, types = found.get("event.category"), found.get("event.type")
    if not isinstance(categories, list) or not isinstance(types, list):
        return []
    fitting = [x for category in categories for x in EVENT_TYPES.get(str(category), ())]
    return [f"event.type: {x!r} does not fit {categories}" for x in types if x not in fitting]
