"""The JSON Schema of a configuration."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from forwarder.config.schema import make_schema
from forwarder.config.yaml import parse
from forwarder.output import OutputPlugin
from tests.configs import LEAST, PLUGINS, build
from tests.test_config_load import WHOLE

SCHEMA = json.loads(json.dumps(make_schema(PLUGINS.values())))

TYPES: Mapping[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
KEYWORDS = {"$schema", "$defs", "title", "description", "default", "examples", "discriminator"}
KEYWORDS |= {"format", "writeOnly"}


def accepts(schema: Any, value: Any) -> bool:  # noqa: ANN401, C901, PLR0912 - JSON; a case a keyword
    """Validate as an editor would; a keyword that is not known here is an error."""
    results = []
    for keyword, wanted in schema.items():
        match keyword:
            case "$ref":
                results.append(accepts(SCHEMA["$defs"][wanted.removeprefix("#/$defs/")], value))
            case "anyOf":
                results.append(any(accepts(x, value) for x in wanted))
            case "oneOf":
                results.append([accepts(x, value) for x in wanted].count(True) == 1)
            case "type":
                kinds = wanted if isinstance(wanted, list) else [wanted]
                results.append(any(type(value) is TYPES[x] for x in kinds))
            case "const":
                results.append(value == wanted)
            case "enum":
                results.append(value in wanted)
            case "pattern":
                results.append(not isinstance(value, str) or re.search(wanted, value) is not None)
            case "minLength":
                results.append(not isinstance(value, str) or len(value) >= wanted)
            case "required":
                results.append(not isinstance(value, dict) or set(wanted) <= set(value))
            case "minItems" | "minProperties":
                results.append(not isinstance(value, list | dict) or len(value) >= wanted)
            case "items":
                results += [accepts(wanted, x) for x in (value if isinstance(value, list) else ())]
            case "properties":
                if isinstance(value, dict):
                    results += [accepts(wanted[x], y) for x, y in value.items() if x in wanted]
            case "patternProperties":
                (pattern,) = wanted
                if isinstance(value, dict):
                    results += [accepts(wanted[pattern], y) for y in value.values()]
            case "additionalProperties":
                names = value if isinstance(value, dict) else ()
                others = set(names) - set(schema.get("properties", ()))
                if isinstance(wanted, bool):
                    results.append(wanted or not others)
                else:
                    results += [accepts(wanted, value[x]) for x in others]
            case _:
                assert keyword in KEYWORDS, keyword
    return all(results)


@pytest.mark.parametrize("text", [LEAST, WHOLE])
def test_a_configuration_that_is_right_is_accepted(text: str) -> None:
    """With references, durations and sizes as people write them."""
    assert accepts(SCHEMA, parse(text.encode()).top)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("state: /srv", "stat: /srv"),
        ("start_at: end", "start_at: middle"),
        ("ignore_older: 30d", "ignore_older: 30"),
        ("- type: stdin", "- type: stdout"),
        ("type: server", "type: nothing"),
        ("hosts: [one, two]", "hosts: one"),
        ("hosts: [one, two]", "hosts: [1]"),
        ("port: ${PORT}", "port: many"),
        ("max_age: 500ms", "max_age: 500"),
        ("max_bytes: 5MiB", "max_bytes: 5Mb"),
        ("session_events: false", "session_events: perhaps"),
        ("format: json", "format: xml"),
        ("  siem:\n    type: server", "  siem:"),
    ],
)
def test_a_mistake_is_seen_in_the_editor(right: str, wrong: str) -> None:
    """While one types."""
    assert right in WHOLE
    assert not accepts(SCHEMA, parse(WHOLE.replace(right, wrong).encode()).top)


def test_defaults_are_as_people_write_them() -> None:
    """Durations are no ISO 8601."""
    batch = SCHEMA["$defs"]["BatchSettings"]["properties"]
    assert batch["max_age"]["default"] == "100ms"
    assert batch["max_documents"]["default"] == 10000
    assert "Maximum number of documents in a batch." in batch["max_documents"]["description"]
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["title"] == "esa-forwarder"


def test_each_default_is_what_the_schema_accepts() -> None:
    """Editors offer it as it stands there."""
    defaults = {
        f"{name}.{key}": (wanted, wanted["default"])
        for name, model in SCHEMA["$defs"].items()
        for key, wanted in model.get("properties", {}).items()
        if "default" in wanted
    }
    assert defaults["SyslogSettings.listen"][1] == "udp://127.0.0.1:5514"
    assert [x for x, (wanted, value) in defaults.items() if not accepts(wanted, value)] == []


def test_plugins_may_call_their_settings_alike() -> None:
    """As most would: Settings."""

    def settings(**fields: Any) -> type[BaseModel]:  # noqa: ANN401 - types of fields
        return type("Settings", (BaseModel,), {"__annotations__": fields})

    plugins = [
        OutputPlugin("b", settings(one=int), build),
        OutputPlugin("a", settings(two=str), build),
    ]
    definitions = make_schema(plugins)["$defs"]
    outputs = [definitions[x] for x in ("a", "b")]
    assert [(x["title"], x["required"]) for x in outputs] == [
        ("a", ["two", "type"]),
        ("b", ["one", "type"]),
    ]


def test_the_example_names_the_file_that_the_command_would_make() -> None:
    """So that an editor finds it beside the configuration."""
    example = Path(__file__).parents[1] / "examples" / "config" / "esa-forwarder.yaml"
    first = example.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=esa-forwarder.schema.json"
