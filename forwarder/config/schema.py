"""The JSON Schema of a configuration, for editors: completion, and mistakes while one types.

It is pydantic's own, with these changes: an output is what its type says, unknown settings are
refused everywhere, durations are written as people write them, and a reference such as ``${NAME}``
may stand for any plain value.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from forwarder.config.models import OutputSettings, TopSettings
from forwarder.config.types import format_duration
from forwarder.output import OutputPlugin

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{.+\}"}
_SCALARS = {"integer", "number", "boolean", "string"}
_NOTES = {"title", "description", "default", "examples", "format", "writeOnly"}
"""What limits nothing: it is for the reader."""


def make_schema(plugins: Iterable[OutputPlugin]) -> dict[str, Any]:
    """Make the schema of a configuration whose outputs are of these types.

    Returns:
        A JSON Schema of draft 2020-12.
    """
    plugins = sorted(plugins, key=lambda x: x.name)
    models: list[type[BaseModel]] = [TopSettings, OutputSettings, *(x.config for x in plugins)]
    references, whole = models_json_schema(
        [(x, "validation") for x in models], schema_generator=Generator
    )
    definitions = whole["$defs"]

    def look_up(model: type[BaseModel]) -> dict[str, Any]:
        reference: str = references[model, "validation"]["$ref"]
        found: dict[str, Any] = definitions[reference.removeprefix("#/$defs/")]
        return found

    top, common = look_up(TopSettings), look_up(OutputSettings)
    outputs = [_output(plugin, look_up(plugin.config), common) for plugin in plugins]
    top["properties"]["outputs"]["additionalProperties"] = {"oneOf": outputs}
    definitions = {x: y for x, y in definitions.items() if y is not top and y is not common}
    schema: dict[str, Any] = _with_references({**top, "$defs": definitions})
    return {"$schema": _DIALECT, **schema, "title": "esa-forwarder"}


class Generator(GenerateJsonSchema):
    """Makes schemas whose defaults are written as the configuration has them."""

    # typing.override is of Python 3.12
    def default_schema(self, schema: Any) -> Any:  # type: ignore[explicit-override]  # noqa: ANN401
        """Write a duration as it is read: ``10s``; of a plain timedelta, ``PT10S`` is."""
        found, default = super().default_schema(schema), schema.get("default")
        if isinstance(default, timedelta) and not _is_plain_duration(found):
            found["default"] = format_duration(default)
        return found


def _is_plain_duration(schema: Any) -> bool:  # noqa: ANN401 - any piece of a JSON Schema
    """Say whether it is pydantic's own schema of a timedelta, or may be that."""
    return schema.get("format") == "duration" or any(
        map(_is_plain_duration, schema.get("anyOf", ()))
    )


def _output(plugin: OutputPlugin, own: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Join what every output has with what is a plugin's own."""
    kind = {**common["properties"]["type"], "const": plugin.name}
    return {
        **own,
        "title": plugin.name,
        "properties": {**common["properties"], "type": kind, **own.get("properties", {})},
        "required": ["type", *own.get("required", ())],
    }


def _with_references(schema: Any) -> Any:  # noqa: ANN401 - any piece of a JSON Schema
    """Allow ``${NAME}`` wherever a plain value stands; a type, which chooses, stays as it is."""
    match schema:
        case list():
            return [_with_references(x) for x in schema]
        case {"const": str()}:
            return schema
        case {"type": str() | list() as kind} if _SCALARS.issuperset(
            [kind] if isinstance(kind, str) else kind
        ):
            limits = {x: y for x, y in schema.items() if x not in _NOTES}
            notes = {x: y for x, y in schema.items() if x in _NOTES}
            is_open = limits == {"type": "string"}
            return schema if is_open else {**notes, "anyOf": [limits, _REFERENCE]}
        case dict():
            found = {x: y if x in _NOTES else _with_references(y) for x, y in schema.items()}
            # Whatever a plugin's model says: when it is loaded, unknown settings are refused.
            return found | ({"additionalProperties": False} if "properties" in found else {})
        case _:
            return schema
