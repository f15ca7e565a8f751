"""What the panels of a page show, asked of a real Elasticsearch.

ES|QL is asked as it stands in the panel. What Kibana makes of other panels is made here after its
documentation: buckets within buckets, and metrics within these.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.kibana.asking import Asker, kql, read_duration

Row = tuple[object, ...]
_TILE = 6
"""The zoom of the tiles in which a map counts."""
_DAY = "now-24h"


def rows(
    asker: Asker,
    panel: Mapping[str, Any],
    search: Mapping[str, Any] | None,
    until: datetime,
    *chosen: Mapping[str, Any],
) -> list[Row]:
    """Return what a panel shows.

    Args:
        asker: Whom to ask.
        panel: As it stands in a dashboard, with its texts in JSON decoded.
        search: The saved search of a panel that shows one.
        until: The end of the time that the page shows; it is a day, as long as nobody chooses.
        chosen: Filters of the page.

    Returns:
        A row each: the values of its columns. On a map, a row is a circle: layer, latitude,
        longitude, documents.
    """
    config = panel["embeddableConfig"]
    begin = until - read_duration(config.get("timeRange", {"from": _DAY})["from"][4:])
    time = {"range": {"@timestamp": {"gte": begin.isoformat(), "lt": until.isoformat()}}}
    filters = (time, *chosen)
    match panel["type"]:
        case "search":
            assert search is not None
            return list(_found(asker, search, filters))
        case "map":
            layers = config["attributes"]["layerListJSON"][1:]
            return [x for y in layers for x in _circles(asker, y, filters)]
        case _:
            state = config["attributes"]["state"]
            if "esql" in state["query"]:
                return asker.esql(state["query"]["esql"], until, *filters)
            return _aggregated(asker, state, filters)


def _found(
    asker: Asker, attributes: Mapping[str, Any], filters: Sequence[Mapping[str, Any]]
) -> Iterator[Row]:
    source = attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]
    own = [x["query"] for x in source["filter"]]
    documents = asker.find(source["query"]["query"], *own, *filters)
    for found in documents if attributes["sort"][0][1] == "asc" else reversed(documents):
        yield tuple(_value(found, x) for x in ("@timestamp", *attributes["columns"]))


def _value(document: object, field: str) -> object:
    for name in field.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _circles(
    asker: Asker, layer: Mapping[str, Any], filters: Sequence[Mapping[str, Any]]
) -> Iterator[Row]:
    field = layer["sourceDescriptor"]["geoField"]
    grid = {
        "geotile_grid": {"field": field, "precision": _TILE},
        "aggs": {"centre": {"geo_centroid": {"field": field}}},
    }
    answer = asker.aggregate({"grid": grid}, layer["query"]["query"], *filters)
    for bucket in answer["grid"]["buckets"]:
        centre = bucket["centre"]["location"]
        yield layer["label"], centre["lat"], centre["lon"], bucket["doc_count"]


# Lens with a data view


def _aggregated(
    asker: Asker, state: Mapping[str, Any], filters: Sequence[Mapping[str, Any]]
) -> list[Row]:
    (layer,) = state["datasourceStates"]["formBased"]["layers"].values()
    columns = layer["columns"]
    order = layer["columnOrder"]
    assert list(columns) == order
    buckets = [x for x in order if columns[x]["isBucketed"]]
    metrics = {x: columns[x] for x in order if not columns[x]["isBucketed"]}
    values = {x: _metric(y) for x, y in metrics.items() if "references" not in y}
    aggregations = values
    for name in reversed(buckets):
        # Metrics are in every level: its buckets may be ordered by them.
        bucket = {**_bucket(columns[name], metrics), "aggs": {**aggregations, **values}}
        aggregations = {name: bucket}
    if not buckets:
        # A total is a row of its own, with the count of all beside it.
        aggregations = {"all": {"filter": {"match_all": {}}, "aggs": aggregations}}
    answer = asker.aggregate(aggregations, state["query"]["query"], *filters)
    if not buckets:
        return [_values(answer["all"], metrics)]
    return list(_walk(answer, buckets, metrics, ()))


def _metric(column: Mapping[str, Any]) -> dict[str, Any]:
    """Make the aggregation of a metric; each within a filter, so that all can be read alike."""
    inner: dict[str, Any] = {}
    match column["operationType"]:
        case "unique_count":
            inner = {"value": {"cardinality": {"field": column["sourceField"]}}}
        case "sum" | "min" | "max" as kind:
            inner = {"value": {kind: {"field": column["sourceField"]}}}
        case kind:
            assert kind == "count", kind
    query = column.get("filter", {"query": ""})["query"]
    return {"filter": kql(query), "aggs": inner} if inner else {"filter": kql(query)}


def _bucket(column: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Make the aggregation of a row."""
    if column["operationType"] == "date_histogram":
        return {"date_histogram": {"field": column["sourceField"], "fixed_interval": "1h"}}
    assert column["operationType"] == "terms"
    params = column["params"]
    by = params["orderBy"]["columnId"]
    path = by if metrics[by]["operationType"] == "count" else f"{by}>value"
    terms: dict[str, Any] = {
        "field": column["sourceField"],
        "size": params["size"],
        "order": {path: params["orderDirection"]},
    }
    if params["missingBucket"]:
        terms["missing"] = "(missing)"
    return {"terms": terms}


def _walk(
    answer: Mapping[str, Any],
    buckets: Sequence[str],
    metrics: Mapping[str, Any],
    before: Row,
) -> Iterator[Row]:
    """Give the rows below a bucket."""
    if not buckets:
        yield (*before, *_values(answer, metrics))
        return
    for bucket in answer[buckets[0]]["buckets"]:
        if bucket["doc_count"]:
            key = bucket.get("key_as_string", bucket["key"])
            yield from _walk(bucket, buckets[1:], metrics, (*before, key))


def _values(bucket: Mapping[str, Any], metrics: Mapping[str, Any]) -> Row:
    """Return the values of the columns that are shown: a formula without its parts."""
    values: dict[str, Any] = {}
    for name, column in metrics.items():
        match column["operationType"]:
            case "math":
                above, below = (values.pop(x) for x in column["references"])
                assert column["params"]["tinymathAst"]["name"] == "divide"
                values[name] = above / below if below else None
            case "formula":
                values[name] = values.pop(column["references"][0])
            case _:
                found = bucket[name]
                value = found.get("value", {"value": found["doc_count"]})
                values[name] = value.get("value_as_string", value["value"])
    return tuple(values.values())
