"""The files, by their names in the folder of the plugin."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tools.assets import templates
from tools.assets.objects import objects
from tools.assets.rules import rules


def files() -> dict[str, str]:
    """Make the text of every file."""
    return {
        "pipeline.json": _pretty(templates.pipeline()),
        "component_template.json": _pretty(templates.component_template()),
        "index_template.json": _pretty(templates.index_template()),
        "api_key.json": _pretty(templates.api_key()),
        "kibana.ndjson": _lines(objects()),
        "rules.ndjson": _lines(rules()),
    }


def _pretty(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"


def _lines(values: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(x) + "\n" for x in values)
