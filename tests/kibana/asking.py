"""Asking a real Elasticsearch what Kibana would ask it.

KQL goes to Elasticsearch's own parser of it (the query ``kql``), ES|QL to its own engine. What
Kibana makes of a panel, or of a rule of type threshold or new_terms, is made here after its
documentation: buckets within buckets, and metrics within these.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

_MANY = 1000
"""Buckets, where all are wanted."""


class Window(NamedTuple):
    """The time that a rule looks at."""

    start: datetime
    end: datetime

    def as_filter(self) -> dict[str, Any]:
        """Give it as a query.

        Detection rules go by ``event.ingested``. A log that is read in one go has one such time,
        so here the time of the event stands for it.
        """
        limits = {"gt": self.start.isoformat(), "lte": self.end.isoformat()}
        return {"range": {"@timestamp": limits}}


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

    def esql(self, query: str, *filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run ES|QL on the stream; give the rows by the names of their columns."""
        source, _, rest = query.partition("\n")
        assert source == "FROM logs-cisco_esa.auth-*"
        answer = self._client.perform_request(
            "POST",
            "/_query",
            headers={"content-type": "application/json", "accept": "application/json"},
            body={"query": f"FROM {self._stream}\n{rest}", "filter": {"bool": {"filter": filters}}},
        ).body
        names = [x["name"] for x in answer["columns"]]
        return [dict(zip(names, x, strict=True)) for x in answer["values"]]

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

    # Detection rules

    def alerts(self, rule: Mapping[str, Any], since: datetime) -> set[tuple[str, ...]]:
        """Run a rule as often as it says, as long as there are events.

        Args:
            rule: As it is imported.
            since: When it is switched on.

        Returns:
            What each alert is grouped by.
        """
        found: set[tuple[str, ...]] = set()
        step = read_duration(rule["interval"])
        events = (datetime.fromisoformat(x["@timestamp"]) for x in self.find(""))
        # Runs without an event since the one before it find nothing that one did not.
        runs = {since + step * -((since - x) // step) for x in events if x >= since}
        for now in sorted(runs):
            window = Window(now - read_duration(rule["from"].removeprefix("now-")), now)
            match rule["type"]:
                case "threshold":
                    found |= self._over_threshold(rule, window)
                case "new_terms":
                    found |= self._new_terms(rule, window)
                case _:
                    rows = self.esql(rule["query"], window.as_filter())
                    found |= {tuple(str(x[y]) for y in ("user.name",)) for x in rows}
        return found

    def _over_threshold(self, rule: Mapping[str, Any], window: Window) -> set[tuple[str, ...]]:
        threshold = rule["threshold"]
        limits = threshold["cardinality"]
        counts = {x["field"]: {"cardinality": {"field": x["field"]}} for x in limits}
        return {
            tuple(str(x) for x in bucket["key"].values())
            for bucket in self._combinations(threshold["field"], counts, rule["query"], window)
            if bucket["doc_count"] >= threshold["value"]
            and all(bucket[x["field"]]["value"] >= x["value"] for x in limits)
        }

    def _new_terms(self, rule: Mapping[str, Any], window: Window) -> set[tuple[str, ...]]:
        history = read_duration(rule["history_window_start"].removeprefix("now-"))
        before = Window(window.end - history, window.start)
        now, then = (
            {
                tuple(str(y) for y in x["key"].values())
                for x in self._combinations(rule["new_terms_fields"], {}, rule["query"], period)
            }
            for period in (window, before)
        )
        return now - then

    def _combinations(
        self, fields: Sequence[str], metrics: Mapping[str, Any], query: str, window: Window
    ) -> list[dict[str, Any]]:
        """Give a bucket for each combination of values."""
        sources = [{x: {"terms": {"field": x}}} for x in fields]
        composite = {"composite": {"sources": sources, "size": _MANY}, "aggs": metrics}
        answer = self.aggregate({"all": composite}, query, window.as_filter())
        return list(answer["all"]["buckets"])


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
