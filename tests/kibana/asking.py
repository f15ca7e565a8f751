"""Asking a real Elasticsearch what Kibana would ask it.

KQL goes to Elasticsearch's own parser of it (the query ``kql``). What Kibana makes of a panel is
made here after its documentation: buckets within buckets, and metrics within these.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from elasticsearch import Elasticsearch

_MANY = 1000
"""Buckets, where all are wanted."""


def kql(text: str) -> dict[str, Any]:
    """Make a query of KQL; none is everything."""
    return {"kql": {"query": text}} if text else {"match_all": {}}


class Asker:
    """Asks one data stream."""

    def __init__(self, client: Elasticsearch, stream: str) -> None:
        """Take where to ask."""
        self._client = client
        self._stream = stream

    def find(self, query: str, *filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give the documents that a query in KQL finds, the oldest first."""
        answer = self._client.search(
            index=self._stream,
            query={"bool": {"filter": [kql(query), *filters]}},
            sort=["@timestamp"],
            size=_MANY,
        )
        return [x["_source"] for x in answer["hits"]["hits"]]

    def count(self, query: str) -> int:
        """Count what a query in KQL finds."""
        return int(self._client.count(index=self._stream, query=kql(query))["count"])

    def aggregate(
        self, aggregations: Mapping[str, Any], query: str, *filters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Aggregate what a query in KQL finds."""
        answer = self._client.search(
            index=self._stream,
            query={"bool": {"filter": [kql(query), *filters]}},
            aggregations=aggregations,
            size=0,
        )
        return dict(answer["aggregations"])

    # Panels

    def rows_of_panel(self, attributes: Mapping[str, Any]) -> list[tuple[object, ...]]:
        """Give what a visualization of Lens shows: the values of its columns, a row each."""
        state = attributes["state"]
        (layer,) = state["datasourceStates"]["formBased"]["layers"].values()
        columns = layer["columns"]
        order = layer["columnOrder"]
        assert list(columns) == order
        buckets = [x for x in order if columns[x]["isBucketed"]]
        metrics = {x: columns[x] for x in order if not columns[x]["isBucketed"]}
        values = {x: _metric(y) for x, y in metrics.items()}
        aggregations = values
        for name in reversed(buckets):
            # Metrics are in every level: its buckets may be ordered by them.
            bucket = {**_bucket(columns[name], metrics), "aggs": {**aggregations, **values}}
            aggregations = {name: bucket}
        if not buckets:
            # A total is a row of its own, with the count of all beside it.
            aggregations = {"all": {"filter": {"match_all": {}}, "aggs": aggregations}}
        answer = self.aggregate(aggregations, state["query"]["query"])
        if not buckets:
            return [tuple(_values(answer["all"], metrics))]
        return list(_walk(answer, buckets, metrics, ()))


def _metric(column: Mapping[str, Any]) -> dict[str, Any]:
    """Make the aggregation of a metric; each within a filter, so that all can be read alike."""
    inner: dict[str, Any] = {}
    match column["operationType"]:
        case "unique_count":
            inner = {"value": {"cardinality": {"field": column["sourceField"]}}}
        case "sum" | "max" as kind:
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
    before: tuple[object, ...],
) -> Iterable[tuple[object, ...]]:
    """Give the rows below a bucket."""
    if not buckets:
        yield (*before, *_values(answer, metrics))
        return
    for bucket in answer[buckets[0]]["buckets"]:
        if bucket["doc_count"]:
            key = bucket.get("key_as_string", bucket["key"])
            yield from _walk(bucket, buckets[1:], metrics, (*before, key))


def _values(bucket: Mapping[str, Any], metrics: Mapping[str, Any]) -> Iterable[object]:
    for name in metrics:
        found = bucket[name]
        if "value" not in found:
            yield found["doc_count"]
        else:
            value = found["value"]
            yield value.get("value_as_string", value["value"])


def read_duration(text: str) -> timedelta:
    """Read a time as rules have it, like ``15m``."""
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    return int(text[:-1]) * units[text[-1]]


def parse_lines(text: str) -> list[dict[str, Any]]:
    """Read NDJSON."""
    return [json.loads(x) for x in text.splitlines()]
