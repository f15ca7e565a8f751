"""A panel of ``dashboard.yaml`` as a visualization of Lens, in the format of Kibana 8.

A table or chart asks Elasticsearch for buckets within buckets (the rows) and, in each, for metrics.
Lens calls both columns, and names them by ids; ours are made of the place of a column, so that the
same source gives the same bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from forwarder.ecs.fields import FIELDS
from tools.assets.templates import PIPELINE_FIELDS

_KINDS = {"long": "number", "float": "number", "date": "date", "ip": "ip", "boolean": "boolean"}
"""What Lens calls the types of Elasticsearch; anything else is text to it."""

_FORMS = {
    "number": "lnsMetric",
    "bars over time": "lnsXY",
    "table": "lnsDatatable",
    "ring": "lnsPie",
}

_LAYER = "logins"
"""Each visualization has one layer."""


def visualization(panel: Mapping[str, Any], data_view: str) -> dict[str, Any]:
    """Make the attributes of a Lens object.

    Args:
        panel: As it stands in the source.
        data_view: Id of the data view.
    """
    columns = _columns(panel)
    return {
        "title": panel["title"],
        "type": "lens",
        "visualizationType": _FORMS[panel["chart"]],
        "references": [
            {
                "type": "index-pattern",
                "id": data_view,
                "name": f"indexpattern-datasource-layer-{_LAYER}",
            }
        ],
        "state": {
            "query": {"language": "kuery", "query": panel["query"]},
            "filters": [],
            "internalReferences": [],
            "adHocDataViews": {},
            "datasourceStates": {
                "formBased": {
                    "layers": {
                        _LAYER: {
                            "columnOrder": list(columns),
                            "columns": columns,
                            "incompleteColumns": {},
                            "sampling": 1,
                        }
                    }
                }
            },
            "visualization": _appearance(panel, list(columns)),
        },
    }


def _columns(panel: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give rows and metrics by their ids: rows first, as Lens nests buckets in this order."""
    metrics = panel["metrics"]
    ids = {metric["label"]: f"metric-{number}" for number, metric in enumerate(metrics)}
    columns: dict[str, dict[str, Any]] = {}
    rows = panel.get("rows", ())
    for number, row in enumerate(rows):
        columns[f"row-{number}"] = _row(row, ids[row.get("by", metrics[0]["label"])])
    if panel["chart"] == "bars over time":
        columns["time"] = _time()
    columns |= {ids[x["label"]]: _metric(x) for x in metrics}
    return columns


def _row(row: Mapping[str, Any], by: str) -> dict[str, Any]:
    """Split by the values of a field, those with the most of a metric first."""
    return {
        "label": row["label"],
        "customLabel": True,
        "dataType": _kind(row["field"]),
        "operationType": "terms",
        "scale": "ordinal",
        "sourceField": row["field"],
        "isBucketed": True,
        "params": {
            "size": row["size"],
            "orderBy": {"type": "column", "columnId": by},
            "orderDirection": "desc",
            "otherBucket": False,
            "missingBucket": row.get("missing", False),
            "parentFormat": {"id": "terms"},
            "include": [],
            "exclude": [],
            "includeIsRegex": False,
            "excludeIsRegex": False,
        },
    }


def _time() -> dict[str, Any]:
    """Split by time, in steps that fit the range that is looked at."""
    return {
        "label": "Time",
        "customLabel": True,
        "dataType": "date",
        "operationType": "date_histogram",
        "scale": "interval",
        "sourceField": "@timestamp",
        "isBucketed": True,
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }


def _metric(metric: Mapping[str, Any]) -> dict[str, Any]:
    """Count documents, or reduce the values of a field to one."""
    column: dict[str, Any] = {
        "label": metric["label"],
        "customLabel": True,
        "dataType": "number",
        "isBucketed": False,
        "scale": "ratio",
        "params": {"emptyAsNull": False},
    }
    where = metric.get("where")
    if "count" in metric:
        where = metric["count"] if metric["count"] != "all" else where
        column |= {"operationType": "count", "sourceField": "___records___"}
    elif "distinct" in metric:
        column |= {"operationType": "unique_count", "sourceField": metric["distinct"]}
    elif "sum" in metric:
        column |= {"operationType": "sum", "sourceField": metric["sum"]}
    else:
        kind = _kind(metric["max"])
        column |= {"operationType": "max", "sourceField": metric["max"], "dataType": kind}
    if where is not None:
        column["filter"] = {"language": "kuery", "query": where}
    return column


def _kind(field: str) -> str:
    known = FIELDS.get(field) or PIPELINE_FIELDS[field]
    return _KINDS.get(known.type, "string")


def _appearance(panel: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Say how the columns are shown."""
    rows = [x for x in columns if x.startswith("row-")]
    metrics = [x for x in columns if x.startswith("metric-")]
    match panel["chart"]:
        case "number":
            return {"layerId": _LAYER, "layerType": "data", "metricAccessor": metrics[0]}
        case "table":
            return {
                "layerId": _LAYER,
                "layerType": "data",
                "columns": [{"columnId": x, "isTransposed": False} for x in columns],
            }
        case "ring":
            layer = {
                "layerId": _LAYER,
                "layerType": "data",
                "primaryGroups": rows,
                "metrics": metrics,
                "numberDisplay": "value",
                "categoryDisplay": "default",
                "legendDisplay": "default",
                "nestedLegend": False,
            }
            return {"shape": "donut", "layers": [layer]}
        case _:
            layer = {
                "layerId": _LAYER,
                "layerType": "data",
                "seriesType": "bar_stacked",
                "position": "top",
                "showGridlines": False,
                "xAccessor": "time",
                "splitAccessor": rows[0],
                "accessors": metrics,
            }
            return {
                "preferredSeriesType": "bar_stacked",
                "legend": {"isVisible": True, "position": "right"},
                "valueLabels": "hide",
                "layers": [layer],
            }
