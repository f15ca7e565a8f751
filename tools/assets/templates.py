"""The templates and the pipeline of the cluster, made from the table of fields."""

from collections.abc import Iterable, Mapping
from typing import Any

from forwarder.ecs.fields import FIELDS, MAX_KEYWORD, Field

VERSION = 1
"""Of all that is installed. It grows by one with each change; ``setup`` leaves what is newer."""

NAME = "logs-cisco_esa"
"""Begins the names of all that is installed in a cluster."""
PIPELINE = f"{NAME}@pipeline"
MAPPINGS = f"{NAME}@mappings"
CUSTOM = f"{NAME}@custom"
"""A component template and a pipeline that belong to those who run the cluster, as Elastic names
theirs. What is in it goes before ours, and no setup touches it."""

_PRIORITY = 501
"""Elastic's own template for logs-*-* has 100, those of Fleet's integrations 200; 500 is what
people are told to begin theirs with."""

_META = {"managed_by": "esa-forwarder", "version": VERSION}

_LOCATION = (
    *("continent_name", "country_iso_code", "country_name"),
    *("region_iso_code", "region_name", "city_name"),
)

PIPELINE_FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("event.ingested", "date"),
        *(Field(f"source.geo.{x}", "keyword") for x in _LOCATION),
        Field("source.geo.location", "geo_point"),
        Field("source.as.number", "long"),
        Field("source.as.organization.name", "keyword"),
    )
}
"""What the pipeline adds to a document; all of it is of ECS."""


def component_template() -> dict[str, Any]:
    """Map each field that a document may have, and those that the pipeline adds."""
    return {
        "template": {
            "mappings": {
                # By it an index says which version made it.
                "_meta": _META,
                # Texts like 1.2 or 2026-03-01 in fields of the operator's own stay texts.
                "date_detection": False,
                "dynamic_templates": [
                    {
                        "labels": {
                            "path_match": "labels.*",
                            "match_mapping_type": "string",
                            "mapping": _mapping(Field("labels.*", "keyword")),
                        }
                    }
                ],
                "properties": _nest([*FIELDS.values(), *PIPELINE_FIELDS.values()]),
            }
        },
        "version": VERSION,
        "_meta": {**_META, "description": "Fields of SMTP logins at Cisco Secure Email Gateways"},
    }


def _nest(fields: Iterable[Field]) -> dict[str, Any]:
    """Lay out fields as mappings have them."""
    top: dict[str, Any] = {}
    for field in fields:
        *parents, last = field.name.split(".")
        properties = top
        for parent in parents:
            properties = properties.setdefault(parent, {}).setdefault("properties", {})
        properties[last] = _mapping(field)
    return top


def _mapping(field: Field) -> dict[str, Any]:
    if field.type != "keyword":
        return {"type": field.type}
    if not field.limited:
        # As ECS has event.original: kept, and neither searched nor sorted by.
        return {"type": "keyword", "index": False, "doc_values": False}
    return {"type": "keyword", "ignore_above": MAX_KEYWORD}


def index_template() -> dict[str, Any]:
    """Make data streams of the right names, with our mappings between Elastic's."""
    return {
        "index_patterns": [f"{NAME}.*-*"],
        "priority": _PRIORITY,
        "data_stream": {},
        # Also where the cluster says that nothing is to be made by itself.
        "allow_auto_create": True,
        # The later one wins. logs@settings brings Elastic's policy of keeping and its compression,
        # ecs@mappings maps what a pipeline of the cluster's own may add.
        "composed_of": ["logs@settings", MAPPINGS, CUSTOM, "ecs@mappings"],
        "ignore_missing_component_templates": ["logs@settings", CUSTOM, "ecs@mappings"],
        "template": {"settings": {"index": {"default_pipeline": PIPELINE}}},
        "version": VERSION,
        "_meta": {**_META, "description": "SMTP logins at Cisco Secure Email Gateways"},
    }


def pipeline() -> dict[str, Any]:
    """Add when a document came and where its source is. Nothing here makes a document fail."""
    return {
        "description": "When the event came, and where its source is",
        "processors": [
            {
                # Detection rules look at this time: logs may come late.
                "set": {
                    "field": "event.ingested",
                    "value": "{{{_ingest.timestamp}}}",
                    "ignore_failure": True,
                }
            },
            {
                "geoip": {
                    "field": "source.ip",
                    "target_field": "source.geo",
                    "ignore_missing": True,
                    "ignore_failure": True,
                }
            },
            {
                "geoip": {
                    "database_file": "GeoLite2-ASN.mmdb",
                    "field": "source.ip",
                    "target_field": "source.as",
                    "properties": ["asn", "organization_name"],
                    "ignore_missing": True,
                    "ignore_failure": True,
                }
            },
            _rename("source.as.asn", "source.as.number"),
            _rename("source.as.organization_name", "source.as.organization.name"),
            {
                "pipeline": {
                    "name": CUSTOM,
                    "ignore_missing_pipeline": True,
                    "ignore_failure": True,
                }
            },
        ],
        "version": VERSION,
        "_meta": {**_META, "description": "SMTP logins at Cisco Secure Email Gateways"},
    }


def _rename(field: str, target: str) -> dict[str, Any]:
    """Call what the database calls one way as ECS does."""
    return {
        "rename": {
            "field": field,
            "target_field": target,
            "ignore_missing": True,
            "ignore_failure": True,
        }
    }


def api_key() -> dict[str, Any]:
    """Ask for a key that may ship documents and nothing else.

    ``auto_configure`` lets the data stream be made, ``create_doc`` lets documents be added; none
    of the two reads, changes or deletes any.
    """
    return {
        "name": "esa-forwarder",
        "role_descriptors": {
            "esa-forwarder": {
                "cluster": [],
                "indices": [
                    {"names": [f"{NAME}.*-*"], "privileges": ["auto_configure", "create_doc"]}
                ],
            }
        },
        "metadata": {"application": "esa-forwarder"},
    }
