"""Saved objects of Kibana: data view, searches and dashboard, in the format of Kibana 8.

Kibana brings objects of an older format to its own when it imports them; so the format here is that
of the oldest release that has everything we use (8.8). ``panelsJSON``, ``searchSourceJSON`` and the
like are texts with JSON in them, and what an object refers to stands in its ``references``.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from forwarder.ecs.fields import DATASET
from tools.assets.lens import visualization
from tools.assets.rules import INDEX
from tools.assets.sources import read
from tools.assets.templates import VERSION

PREFIX = "cisco_esa-"
"""Begins the ids of all objects, and stands in nothing else: ``setup`` puts the name of a space
behind it, because an id is there once in all of Kibana."""
DATA_VIEW = f"{PREFIX}logins"
DASHBOARD = f"{PREFIX}logins-overview"
TAG = f"{PREFIX}assets"
"""Marks the others; its description has the version."""

_RELEASE = "8.8.0"


def objects() -> list[dict[str, Any]]:
    """Make all saved objects; what others refer to comes first."""
    return [_tag(), _data_view(), *_searches(), _dashboard(read("dashboard.yaml"))]


def _object(
    kind: str,
    identity: str,
    release: str,
    attributes: Mapping[str, Any],
    references: list[dict[str, str]],
) -> dict[str, Any]:
    """Put an object together."""
    return {
        "id": identity,
        "type": kind,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": _RELEASE,
        "typeMigrationVersion": release,
    }


def _refer(kind: str, identity: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": identity, "name": name}


def _tag() -> dict[str, Any]:
    attributes = {
        "name": "Cisco ESA",
        "description": f"SMTP logins; installed by esa-forwarder, version {VERSION}",
        "color": "#0d7bb8",
    }
    return _object("tag", TAG, "8.0.0", attributes, [])


def _tagged() -> dict[str, str]:
    return _refer("tag", TAG, f"tag-ref-{TAG}")


def _data_view() -> dict[str, Any]:
    attributes = {
        "title": INDEX,
        "name": "Cisco ESA SMTP logins",
        "timeFieldName": "@timestamp",
        # Allowed where there is no document yet.
        "allowNoIndex": True,
    }
    return _object("index-pattern", DATA_VIEW, "8.0.0", attributes, [])


_SEARCHED = "kibanaSavedObjectMeta.searchSourceJSON"


def _searches() -> Iterator[dict[str, Any]]:
    for source in read("searches.yaml"):
        searched = {
            "query": {"language": "kuery", "query": source["query"]},
            "filter": [_dataset_filter()],
            "indexRefName": f"{_SEARCHED}.index",
        }
        attributes = {
            "title": source["title"],
            "description": source["description"],
            "columns": source["columns"],
            "sort": [["@timestamp", "desc"]],
            "grid": {},
            "hideChart": False,
            "isTextBasedQuery": False,
            "timeRestore": False,
            "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(searched)},
        }
        references = [
            _refer("index-pattern", DATA_VIEW, f"{_SEARCHED}.index"),
            _refer("index-pattern", DATA_VIEW, f"{_SEARCHED}.filter[0].meta.index"),
            _tagged(),
        ]
        yield _object("search", f"{PREFIX}{source['id']}", "8.0.0", attributes, references)


def _dataset_filter() -> dict[str, Any]:
    """Keep to our own documents, whatever else may match the data view."""
    return {
        "$state": {"store": "appState"},
        "meta": {
            "alias": None,
            "disabled": False,
            "negate": False,
            "type": "phrase",
            "key": "data_stream.dataset",
            "field": "data_stream.dataset",
            "params": {"query": DATASET},
            "indexRefName": f"{_SEARCHED}.filter[0].meta.index",
        },
        "query": {"match_phrase": {"data_stream.dataset": DATASET}},
    }


def _dashboard(source: Mapping[str, Any]) -> dict[str, Any]:
    references = [_refer("index-pattern", DATA_VIEW, f"{_SEARCHED}.filter[0].meta.index")]
    panels = []
    for number, panel in enumerate(source["panels"]):
        name = f"panel-{number:02}"
        shown: dict[str, Any] = {
            "panelIndex": name,
            "title": panel["title"],
            "gridData": {**panel["at"], "i": name},
            "version": _RELEASE,
        }
        if "search" in panel:
            shown |= {"type": "search", "panelRefName": f"panel_{name}"}
            shown["embeddableConfig"] = {"enhancements": {}}
            identity = f"{PREFIX}{panel['search']}"
            references.append(_refer("search", identity, f"{name}:panel_{name}"))
        else:
            lens = visualization(panel, DATA_VIEW)
            shown |= {"type": "lens"}
            shown["embeddableConfig"] = {"attributes": lens, "enhancements": {}}
            references += [{**x, "name": f"{name}:{x['name']}"} for x in lens["references"]]
        panels.append(shown)

    controls = {}
    for order, control in enumerate(source["controls"]):
        name = f"control-{order}"
        controls[name] = {
            "type": "optionsListControl",
            "order": order,
            "grow": True,
            "width": "medium",
            "explicitInput": {
                "id": name,
                "fieldName": control["field"],
                "title": control["title"],
                "selectedOptions": [],
                "enhancements": {},
            },
        }
        references.append(
            _refer("index-pattern", DATA_VIEW, f"controlGroup_{name}:optionsListDataView")
        )

    searched = {"query": {"language": "kuery", "query": ""}, "filter": [_dataset_filter()]}
    attributes = {
        "title": source["title"],
        "description": source["description"],
        "timeRestore": True,
        "timeFrom": "now-24h",
        "timeTo": "now",
        "version": 1,
        "optionsJSON": json.dumps(_OPTIONS),
        "panelsJSON": json.dumps(panels),
        "controlGroupInput": {
            "chainingSystem": "HIERARCHICAL",
            "controlStyle": "oneLine",
            "ignoreParentSettingsJSON": json.dumps(_HEEDED),
            "panelsJSON": json.dumps(controls),
        },
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(searched)},
    }
    return _object("dashboard", DASHBOARD, "8.9.0", attributes, [*references, _tagged()])


_OPTIONS = {
    "hidePanelTitles": False,
    "useMargins": True,
    "syncColors": True,
    "syncCursor": True,
    "syncTooltips": False,
}

_HEEDED = {
    "ignoreFilters": False,
    "ignoreQuery": False,
    "ignoreTimerange": False,
    "ignoreValidations": False,
}
"""Controls offer what there is within the time, query and filters of the dashboard."""
