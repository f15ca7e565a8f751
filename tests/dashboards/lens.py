"""Makes panels as Kibana stores them: visualizations of Lens, maps, searches and links."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from tests.dashboards.maps import make_map
from tests.dashboards.objects import INDEX, PREFIX, VIEW, Json, References, kql, to_view
from tests.dashboards.panels import (
    Chart,
    Column,
    Esql,
    Map,
    Metric,
    Panel,
    Row,
    Search,
    Table,
)

_LAYER = "logins"
_PERCENT = {"id": "percent", "params": {"decimals": 0}}


def make(panel: Panel, index: str) -> tuple[Json, References]:
    """Make a panel without its place.

    Args:
        panel: What it shows.
        index: Its name on the page.
    """
    match panel:
        case Metric():
            columns, ids = _columns((), (panel.column,), "")
            visualization: Json = {
                "layerId": _LAYER,
                "layerType": "data",
                "metricAccessor": ids[0],
                "color": panel.column.colour,
            }
            lens = _form(panel.title, "lnsMetric", panel.query, columns, visualization)
        case Table():
            columns, ids = _columns(panel.rows, panel.columns, "")
            shown = [f"row-{x}" for x in range(len(panel.rows))] + ids
            shares = {y for x, y in zip(panel.columns, ids, strict=True) if x.operation == "share"}
            visualization = _table(shown, shares)
            lens = _form(panel.title, "lnsDatatable", panel.query, columns, visualization)
        case Chart():
            split = () if panel.split is None else (panel.split,)
            columns, ids = _columns(split, panel.columns, "time")
            colours = dict(zip(ids, (x.colour for x in panel.columns), strict=True))
            visualization = _xy("bar_stacked", "time", ids, split and "row-0", colours)
            lens = _form(panel.title, "lnsXY", panel.query, columns, visualization)
        case Esql():
            lens = _esql(panel)
        case Map():
            return make_map(panel, index)
        case Search():
            reference = {
                "type": "search",
                "id": PREFIX + panel.search,
                "name": f"{index}:panel_{index}",
            }
            return {"type": "search", "panelRefName": f"panel_{index}", "embeddableConfig": {}}, [
                reference
            ]
        case _:
            assert_never(panel)
    references = [{**x, "name": f"{index}:{x['name']}"} for x in lens["references"]]
    config: Json = {"attributes": lens, "enhancements": {}}
    if isinstance(panel, Esql) and panel.days:
        config["timeRange"] = {"from": f"now-{panel.days}d", "to": "now"}
    if isinstance(panel, Table):
        events, more = _drilldowns(panel, index)
        config["enhancements"] = {"dynamicActions": {"events": events}}
        references += more
    return {"type": "lens", "embeddableConfig": config}, references


def links(names: Sequence[tuple[str, str]], index: str) -> tuple[Json, References]:
    """Make the panel that leads to other pages, with time and filters.

    Args:
        names: Ids and labels of the pages.
        index: The name of the panel.
    """
    made = [
        {
            "id": identity,
            "label": label,
            "order": order,
            "type": "dashboardLink",
            "destinationRefName": f"link_{identity}_dashboard",
            "options": {
                "openInNewTab": False,
                "useCurrentFilters": True,
                "useCurrentDateRange": True,
            },
        }
        for order, (identity, label) in enumerate(names)
    ]
    references = [
        {"type": "dashboard", "id": PREFIX + x, "name": f"{index}:link_{x}_dashboard"}
        for x, _ in names
    ]
    attributes = {"title": "", "layout": "horizontal", "links": made}
    config = {"attributes": attributes, "enhancements": {}, "hidePanelTitles": True}
    return {"type": "links", "embeddableConfig": config}, references


def _drilldowns(panel: Table, index: str) -> tuple[list[Json], References]:
    """Make what a click on a value of a table offers."""
    events = [_event("discover", "Open in Discover", "OPEN_IN_DISCOVER_DRILLDOWN", {})]
    if not panel.to:
        return events, []
    factory = "DASHBOARD_TO_DASHBOARD_DRILLDOWN"
    config = {"useCurrentFilters": True, "useCurrentDateRange": True}
    events.insert(0, _event(panel.to, f"Open the page {panel.to.capitalize()}", factory, config))
    name = f"{index}:drilldown:{factory}:{panel.to}:dashboardId"
    return events, [{"type": "dashboard", "id": PREFIX + panel.to, "name": name}]


def _event(identity: str, name: str, factory: str, config: Json) -> Json:
    config = {**config, "openInNewTab": False}
    action = {"name": name, "factoryId": factory, "config": config}
    return {"eventId": identity, "triggers": ["FILTER_TRIGGER"], "action": action}


# Lens with a data view


def _columns(rows: Sequence[Row], numbers: Sequence[Column], time: str) -> tuple[Json, list[str]]:
    """Make the columns of a layer; give the names of those with numbers, too."""
    columns: Json = {f"row-{x}": _row(y) for x, y in enumerate(rows)}
    if time:
        params = {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}
        histogram = {"operationType": "date_histogram", "scale": "interval", "params": params}
        columns[time] = {**_labelled("Time", "date", bucketed=True), **histogram}
        columns[time]["sourceField"] = "@timestamp"
    for number, column in enumerate(numbers):
        columns |= _number(f"metric-{number}", column)
    return columns, [f"metric-{x}" for x in range(len(numbers))]


def _labelled(label: str, kind: str, *, bucketed: bool) -> Json:
    return {"label": label, "customLabel": True, "dataType": kind, "isBucketed": bucketed}


def _row(row: Row) -> Json:
    kind = "ip" if row.field.endswith(".ip") else "string"
    params = {
        "size": row.size,
        "orderBy": {"type": "column", "columnId": "metric-0"},
        "orderDirection": "desc",
        # Kibana heeds the one for missing values only with the one for all others.
        "otherBucket": row.missing,
        "missingBucket": row.missing,
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
    }
    terms = {"operationType": "terms", "scale": "ordinal", "sourceField": row.field}
    return {**_labelled(row.label, kind, bucketed=True), **terms, "params": params}


def _number(name: str, column: Column) -> Json:
    if column.operation == "share":
        return _share(name, column)
    kind = "date" if column.field == "@timestamp" else "number"
    made = {
        **_labelled(column.label, kind, bucketed=False),
        "scale": "ratio",
        "operationType": column.operation,
        "sourceField": column.field or "___records___",
        "params": {"emptyAsNull": False},
    }
    if column.query:
        made["filter"] = kql(column.query)
    return {name: made}


def _share(name: str, column: Column) -> Json:
    """Make a formula with its parts, which Kibana stores, too."""
    formula = f"count(kql='{column.query}') / count()"
    part = Column(f"Part of {formula}")
    ast = {"type": "function", "name": "divide", "args": [f"{name}X0", f"{name}X1"]}
    location = {"location": {"min": 0, "max": len(formula)}, "text": formula}
    derived = {**_labelled(part.label, "number", bucketed=False), "scale": "ratio"}
    return {
        **_number(f"{name}X0", part._replace(query=column.query)),
        **_number(f"{name}X1", part),
        f"{name}X2": {
            **derived,
            "operationType": "math",
            "params": {"tinymathAst": {**ast, **location}},
            "references": [f"{name}X0", f"{name}X1"],
        },
        name: {
            **derived,
            "label": column.label,
            "operationType": "formula",
            "params": {
                "formula": formula,
                "isFormulaBroken": False,
                "format": _PERCENT,
            },
            "references": [f"{name}X2"],
        },
    }


def _form(title: str, kind: str, query: str, columns: Json, visualization: Json) -> Json:
    layer = {
        "columnOrder": list(columns),
        "columns": columns,
        "incompleteColumns": {},
        "sampling": 1,
    }
    return {
        "title": title,
        "type": "lens",
        "visualizationType": kind,
        "references": [to_view(f"indexpattern-datasource-layer-{_LAYER}")],
        "state": {
            "query": kql(query),
            "filters": [],
            "internalReferences": [],
            "adHocDataViews": {},
            "datasourceStates": {"formBased": {"layers": {_LAYER: layer}}},
            "visualization": visualization,
        },
    }


# Lens with ES|QL


def _esql(panel: Esql) -> Json:
    names = list(panel.labels)
    columns = [
        {"columnId": x, "fieldName": x, "label": y, "customLabel": True}
        for x, y in panel.labels.items()
    ]
    if panel.split:
        time, value, split = names
        columns[0]["meta"], columns[1]["meta"] = {"type": "date"}, {"type": "number"}
        columns[1]["inMetricDimension"] = True
        kind, visualization = "lnsXY", _xy("line", time, [value], split, {})
    else:
        kind, visualization = "lnsDatatable", _table(names, set())
    view = f"{VIEW}-esql"
    query = {"esql": panel.query}
    layer = {"index": view, "query": query, "columns": columns, "timeField": "@timestamp"}
    return {
        "title": panel.title,
        "type": "lens",
        "visualizationType": kind,
        "references": [],
        "state": {
            "query": query,
            "filters": [],
            "internalReferences": [
                {
                    "type": "index-pattern",
                    "id": view,
                    "name": f"textBasedLanguages-datasource-layer-{_LAYER}",
                }
            ],
            "adHocDataViews": {
                view: {
                    "id": view,
                    "title": INDEX,
                    "name": INDEX,
                    "timeFieldName": "@timestamp",
                    "type": "esql",
                    "sourceFilters": [],
                    "fieldFormats": {},
                    "runtimeFieldMap": {},
                    "allowNoIndex": True,
                    "allowHidden": False,
                }
            },
            "datasourceStates": {"textBased": {"layers": {_LAYER: layer}}},
            "visualization": visualization,
        },
    }


# Visualizations


def _table(columns: Sequence[str], shares: set[str]) -> Json:
    """Show a table; shares are coloured from a half on."""
    shown: list[Json] = [{"columnId": x, "isTransposed": False} for x in columns]
    for column in shown:
        if column["columnId"] in shares:
            column |= {"colorMode": "text", "palette": _palette()}
    return {
        "layerId": _LAYER,
        "layerType": "data",
        "columns": shown,
        "rowHeight": "single",
        "headerRowHeight": "single",
    }


def _palette() -> Json:
    steps = (("#209280", 0, 0.5), ("#B9770E", 0.5, 0.9), ("#CC5642", 0.9, 1))
    return {
        "type": "palette",
        "name": "custom",
        "params": {
            "name": "custom",
            "reverse": False,
            "progression": "fixed",
            "steps": len(steps),
            "maxSteps": 5,
            "rangeType": "number",
            "rangeMin": 0,
            "rangeMax": None,
            "continuity": "above",
            "colorStops": [{"color": x, "stop": y} for x, y, _ in steps],
            "stops": [{"color": x, "stop": y} for x, _, y in steps],
        },
    }


def _xy(
    series: str,
    time: str,
    values: Sequence[str],
    split: str | tuple[()],
    colours: Mapping[str, str],
) -> Json:
    layer: Json = {
        "layerId": _LAYER,
        "layerType": "data",
        "seriesType": series,
        "position": "top",
        "showGridlines": False,
        "xAccessor": time,
        "accessors": list(values),
        "yConfig": [{"forAccessor": x, "color": y} for x, y in colours.items() if y],
    }
    if split:
        layer["splitAccessor"] = split
    return {
        "preferredSeriesType": series,
        "legend": {"isVisible": True, "position": "bottom"},
        "valueLabels": "hide",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "layers": [layer],
    }
