"""The JSON Schema of a configuration, for editors, and a configuration as it takes effect.

The schema is pydantic's own, with these changes: an output is what its type says, unknown settings
are refused everywhere, durations are written as people write them, and a reference such as
``${NAME}`` may stand for any plain value.
"""

import io
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from ruamel.yaml import YAML

from forwarder.config.errors import is_secret, secret_names
from forwarder.config.issue import Loc
from forwarder.config.load import Config
from forwarder.config.models import OutputSettings, TopSettings
from forwarder.config.types import format_duration
from forwarder.config.yaml import escape
from forwarder.masking import MASK, mask_url
from forwarder.output import OutputPlugin

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{.+\}"}
_SCALARS = {"integer", "number", "boolean", "string"}
_NOTES = {"title", "description", "default", "examples", "format", "writeOnly"}
"""Keywords for the reader, which limit nothing."""
_WIDTH = 4096
"""Characters of a line of YAML, so that no value is broken over several."""


def make_schema(plugins: Iterable[OutputPlugin]) -> dict[str, Any]:
    """Make the JSON Schema (draft 2020-12) of a configuration with these types of outputs."""
    plugins = sorted(plugins, key=lambda x: x.name)
    models: list[type[BaseModel]] = [TopSettings, OutputSettings, *(x.config for x in plugins)]
    references, whole = models_json_schema(
        [(x, "validation") for x in models], schema_generator=_Generator
    )
    definitions = whole["$defs"]

    def look_up(model: type[BaseModel]) -> dict[str, Any]:
        reference: str = references[model, "validation"]["$ref"]
        found: dict[str, Any] = definitions[reference.removeprefix("#/$defs/")]
        return found

    top, common = look_up(TopSettings), look_up(OutputSettings)
    outputs = []
    for plugin in plugins:
        own = look_up(plugin.config)
        kind = {**common["properties"]["type"], "const": plugin.name}
        properties = {**common["properties"], "type": kind, **own.get("properties", {})}
        required = ["type", *own.get("required", ())]
        outputs.append(
            {**own, "title": plugin.name, "properties": properties, "required": required}
        )
    (name,) = top["properties"]["outputs"]["patternProperties"]
    top["properties"]["outputs"]["patternProperties"] = {name: {"oneOf": outputs}}
    definitions = {x: y for x, y in definitions.items() if y is not top and y is not common}
    schema: dict[str, Any] = _with_references({**top, "$defs": definitions})
    return {"$schema": _DIALECT, **schema, "title": "esa-forwarder"}


class _Generator(GenerateJsonSchema):
    """Makes schemas whose defaults are written as in a configuration."""

    # typing.override is of Python 3.12
    def default_schema(self, schema: Any) -> Any:  # type: ignore[explicit-override]  # noqa: ANN401
        """Write a duration as it is read, ``10s``."""
        found, default = super().default_schema(schema), schema.get("default")
        if isinstance(default, timedelta):
            found["default"] = format_duration(default)
        return found


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
            # Even if a plugin's model allows them: unknown settings are refused at load.
            return found | ({"additionalProperties": False} if "properties" in found else {})
        case _:
            return schema


def show(config: Config) -> str:
    """Write a configuration as it takes effect, with every default, as YAML.

    Read again, it means the same, but for the secrets: secret settings, those whose name suggests
    a secret, values from files, passwords in URLs, and the queries of URLs that have one or come
    from the environment.
    """
    values = {
        "state": str(config.state),
        "inputs": [_values(x) for x in config.inputs],
        "outputs": {
            x.name: {**_values(x.delivery), **_values(x.settings)} for x in config.outputs.values()
        },
        **{x: _values(getattr(config, x)) for x in ("documents", "spool", "dead_letters", "log")},
    }
    secrets = {x.name: secret_names(x.plugin.config) for x in config.outputs.values()}

    def mask(value: object, loc: Loc) -> object:
        if isinstance(value, dict):
            return {key: mask(item, (*loc, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [mask(item, (*loc, number)) for number, item in enumerate(value)]
        if value is None:
            return None
        written = config.source.written.get(loc)
        names = secrets[str(loc[1])] if loc[0] == "outputs" else ()
        if is_secret(loc, names) or "${file:" in (written or ""):
            return MASK
        if isinstance(value, str):
            return escape(mask_url(value, whole=written is not None))
        return value

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    # mypy takes the type from the value in the class, which is None.
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = _WIDTH
    text = io.StringIO()
    yaml.dump(mask(values, ()), text)
    return text.getvalue()


def _values(settings: BaseModel) -> dict[str, object]:
    return settings.model_dump(mode="json", by_alias=True, fallback=str)
