"""Makes maps as Kibana stores them."""

import json

from tests.dashboards.objects import Json, References, kql, to_view
from tests.dashboards.panels import Column, Map


def make_map(panel: Map, index: str) -> tuple[Json, References]:
    """Make a map without its place on the page, where it is called by its index."""
    names = [f"layer_{x}_source_index_pattern" for x in range(1, len(panel.columns) + 1)]
    base = {
        "id": "base",
        "type": "EMS_VECTOR_TILE",
        "label": None,
        "alpha": 1,
        "visible": True,
        "minZoom": 0,
        "maxZoom": 24,
        "includeInFitToBounds": True,
        "sourceDescriptor": {
            "type": "EMS_TMS",
            "isAutoSelect": True,
            "lightModeDefault": "road_map_desaturated",
        },
        "style": {"type": "EMS_VECTOR_TILE", "color": ""},
    }
    layers = [base, *(_circles(x, y) for x, y in zip(panel.columns, names, strict=True))]
    state = {
        "zoom": 1.5,
        "center": {"lon": 10, "lat": 30},
        "timeFilters": {"from": "now-24h", "to": "now"},
        "query": kql(""),
        "filters": [],
        "settings": {"autoFitToDataBounds": True},
    }
    attributes = {
        "title": panel.title,
        "description": "",
        "layerListJSON": json.dumps(layers),
        "mapStateJSON": json.dumps(state),
        "uiStateJSON": json.dumps({"isLayerTOCOpen": False, "openTOCDetails": []}),
    }
    config = {"attributes": attributes, "enhancements": {}, "isLayerTOCOpen": False}
    return {"type": "map", "embeddableConfig": config}, [to_view(f"{index}:{x}") for x in names]


def _circles(column: Column, name: str) -> Json:
    """Make a layer: circles by place, the larger the more documents."""
    size = {"label": "count", "name": "doc_count", "origin": "source"}
    return {
        "id": column.label,
        "type": "GEOJSON_VECTOR",
        "label": column.label,
        "alpha": 0.7,
        "visible": True,
        "minZoom": 0,
        "maxZoom": 24,
        "includeInFitToBounds": True,
        "joins": [],
        "query": kql(f'event.action: "smtp-authentication" and {column.query}'),
        "sourceDescriptor": {
            "type": "ES_GEO_GRID",
            "id": column.label,
            "geoField": "source.geo.location",
            "requestType": "point",
            "resolution": "COARSE",
            "metrics": [
                {"type": "count"},
                {"type": "cardinality", "field": "cisco_esa.auth.account"},
            ],
            "applyGlobalQuery": True,
            "applyGlobalTime": True,
            "applyForceRefresh": True,
            "indexPatternRefName": name,
        },
        "style": {
            "type": "VECTOR",
            "isTimeAware": True,
            "properties": {
                "fillColor": {"type": "STATIC", "options": {"color": column.colour}},
                "lineColor": {"type": "STATIC", "options": {"color": "#FFFFFF"}},
                "lineWidth": {"type": "STATIC", "options": {"size": 1}},
                "iconSize": {
                    "type": "DYNAMIC",
                    "options": {"minSize": 5, "maxSize": 24, "field": size},
                },
                "symbolizeAs": {"options": {"value": "circle"}},
            },
        },
    }
