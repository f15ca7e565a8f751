"""The files that are shipped with the plugin, and what another flavor makes of them."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from forwarder import Step

_ASSETS = files("forwarder_elasticsearch") / "assets"


def asset(name: str) -> str:
    """Read a file."""
    return (_ASSETS / name).read_text(encoding="utf-8")


def export_rules() -> Iterator[Step]:
    """Give the Sigma rules: files for other systems, which nobody here imports."""
    folder = _ASSETS / "sigma"
    for rule in sorted(folder.iterdir(), key=lambda x: x.name):
        text = rule.read_text(encoding="utf-8")
        yield Step("rules in Sigma, for other systems", "", text, f"sigma/{rule.name}")


_TYPES = {"match_only_text": "text", "constant_keyword": "keyword"}
"""Types that not every OpenSearch 2 has, and their nearest."""


def for_flavor(name: str, text: str) -> str:
    """Take out of a file what OpenSearch does not have.

    Its geoip processor reads a source of data that the cluster sets up (``ip2geo``), and it has no
    component templates of Elastic's.

    Args:
        name: Of the file, without its ending.
        text: What is in it.

    Returns:
        JSON.
    """
    value = json.loads(text)
    if name == "pipeline":
        value["processors"] = [x for x in value["processors"] if "set" in x]
        # OpenSearch keeps no _meta of pipelines.
        del value["_meta"]
    elif name == "index_template":
        value["composed_of"] = [x for x in value["composed_of"] if x.endswith("@mappings")][:1]
        del value["ignore_missing_component_templates"], value["allow_auto_create"]
    else:
        _replace_types(value["template"]["mappings"]["properties"])
    return json.dumps(value, indent=2) + "\n"


def _replace_types(properties: Mapping[str, Any]) -> None:
    for mapping in properties.values():
        if "properties" in mapping:
            _replace_types(mapping["properties"])
        else:
            mapping["type"] = _TYPES.get(mapping["type"], mapping["type"])
