"""The JSON Schema of a configuration, for editors, and a configuration as it takes effect.

The schema is pydantic's own, with these changes: an output is what its type says, durations are
written as people write them, and a reference such as ``${NAME}`` may stand for a number or boolean.
"""

import io
from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Literal

from pydantic import BaseModel, create_model
from pydantic.json_schema import GenerateJsonSchema
from ruamel.yaml import YAML

from forwarder.config.load import Config
from forwarder.config.models import OutputSettings, Settings, TopSettings
from forwarder.config.secret_settings import is_secret, secret_names
from forwarder.config.types import OutputName, format_duration
from forwarder.config.yaml import Loc, escape
from forwarder.inputs.syslog.sockets import Address
from forwarder.masking import MASK, mask_url
from forwarder.output import OutputPlugin

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{.+\}"}
_WIDTH = 4096  # characters of a line of YAML, so that no value is broken over several


def make_schema(plugins: Iterable[OutputPlugin]) -> dict[str, Any]:
    """Build the JSON Schema (draft 2020-12) of a configuration with these output types."""
    kinds: list[Any] = []
    for plugin in sorted(plugins, key=lambda x: x.name):
        # The last base has the last word: unknown settings are refused at load.
        bases = (OutputSettings, plugin.config, Settings)
        kind: Any = (Literal[plugin.name], OutputSettings.model_fields["type"])
        kinds.append(create_model(plugin.name, __base__=bases, type=kind))
    outputs: Any = (dict[OutputName, reduce(or_, kinds)], TopSettings.model_fields["outputs"])  # type: ignore[misc]
    top = create_model("esa-forwarder", __base__=TopSettings, outputs=outputs)
    return {"$schema": _DIALECT, **top.model_json_schema(schema_generator=_Generator)}


class _Generator(GenerateJsonSchema):
    """Describes values as a configuration has them."""

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401
        """Write a default as a configuration has it."""
        match dft:
            case timedelta():
                return format_duration(dft)
            case Address():
                return dft.url
            case _:
                return super().encode_default(dft)

    def int_schema(self, schema: Any) -> Any:  # noqa: ANN401
        """Allow a reference."""
        return {"anyOf": [super().int_schema(schema), _REFERENCE]}

    def bool_schema(self, schema: Any) -> Any:  # noqa: ANN401
        """Allow a reference."""
        return {"anyOf": [super().bool_schema(schema), _REFERENCE]}


def show(config: Config) -> str:
    """Write the effective configuration, with every default, as YAML.

    Loading it gives the same settings, except for the secrets, which are masked: secret settings,
    those whose name suggests a secret, values from files, passwords in URLs, and the queries of
    URLs that have a password or come from the environment.
    """
    values = _values(config.settings)
    values["outputs"] = {
        x.name: {**_values(x.delivery), **_values(x.settings)} for x in config.outputs.values()
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
        if is_secret(loc, names) or config.source.files_of(loc):
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
