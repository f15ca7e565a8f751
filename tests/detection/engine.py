"""Kibana's rule engine, as far as it decides how many alerts there are.

Rules run on a schedule and look at what arrived within their window. What is an alert of its own:

- ES|QL with ``STATS``: each row of each run, because the id is made of the run's window. Without
  it, each document once.
- threshold: each group of a run; documents up to the last alert of a group do not count again.
- new terms: each combination, once for the first document that has it.

A run raises at most ``max_signals`` alerts. Suppression beyond a run needs a paid licence, so no
rule may use it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from tests.kibana.asking import kql, read_duration

_MANY = 10_000
Row = dict[str, Any]


class Alert(NamedTuple):
    """One alert."""

    rule: str
    time: datetime
    """Of the run that raised it."""
    values: Row


class Engine:
    """Runs rules on one data stream."""

    def __init__(self, client: Elasticsearch, stream: str) -> None:
        """Take where to look."""
        self._client = client
        self._stream = stream
        self.slowest: dict[str, float] = {}
        """Seconds of the slowest run of each rule."""
        minutes = {"field": "event.ingested", "fixed_interval": "1m", "min_doc_count": 1}
        arrived = self._search({"all": {"date_histogram": minutes}})
        self._arrivals = [x["key"] / 1000 for x in arrived["all"]["buckets"]]

    def alerts(self, rule: Mapping[str, Any], since: datetime, until: datetime) -> list[Alert]:
        """Run a rule as often as it says, and return the alerts it raises."""
        assert "alert_suppression" not in rule
        found: dict[object, Alert] = {}
        memory: dict[object, datetime] = {}
        interval = read_duration(rule["interval"])
        now = since + interval
        while now <= until:
            start = now - read_duration(rule["from"].removeprefix("now-"))
            # A query that asks what is new finds nothing in a run that has nothing new.
            fresh = now - interval * 2 - timedelta(minutes=2)
            if self._arrived(fresh if "NOW()" in rule["query"] else start, now):
                began = perf_counter()
                rows = list(self._run(rule, start, now, memory))[: rule["max_signals"]]
                took = perf_counter() - began
                self.slowest[rule["name"]] = max(took, self.slowest.get(rule["name"], 0))
                for identity, row in rows:
                    found.setdefault(identity, Alert(rule["name"], now, row))
            now += interval
        return list(found.values())

    def _run(
        self,
        rule: Mapping[str, Any],
        start: datetime,
        now: datetime,
        memory: dict[object, datetime],
    ) -> Iterator[tuple[object, Row]]:
        match rule["type"]:
            case "esql":
                for number, row in enumerate(self._esql(rule["query"], start, now)):
                    yield row.get("_id", (start, now, number)), row
            case "threshold":
                yield from self._threshold(rule, start, now, memory)
            case "new_terms":
                yield from self._new_terms(rule, start, now)
            case kind:
                raise ValueError(kind)

    def _esql(self, query: str, start: datetime, now: datetime) -> list[Row]:
        query = re.sub(r"NOW\(\)", f'TO_DATETIME("{_iso(now)}")', query)
        answer = self._client.perform_request(
            "POST",
            "/_query",
            headers={"content-type": "application/json", "accept": "application/json"},
            body={
                "query": query.replace("logs-cisco_esa.auth-*", self._stream),
                "filter": _window(start, now),
            },
        ).body
        names = [x["name"] for x in answer["columns"]]
        return [dict(zip(names, x, strict=True)) for x in answer["values"]]

    def _threshold(
        self,
        rule: Mapping[str, Any],
        start: datetime,
        now: datetime,
        memory: dict[object, datetime],
    ) -> Iterator[tuple[object, Row]]:
        limits = rule["threshold"]["cardinality"]
        fields = rule["threshold"]["field"]
        metrics: dict[str, Any] = {
            x["field"]: {"cardinality": {"field": x["field"]}} for x in limits
        }
        metrics["last"] = {"max": {"field": "event.ingested"}}
        counted = [
            {
                "bool": {
                    "filter": [
                        *({"term": {x: y}} for x, y in zip(fields, key, strict=True)),  # type: ignore[call-overload]
                        {"range": {"event.ingested": {"lte": _iso(last)}}},
                    ]
                }
            }
            for key, last in memory.items()
            if last > start
        ]
        filters = {
            "bool": {"filter": [kql(rule["query"]), _window(start, now)], "must_not": counted}
        }
        for bucket in self._combinations(fields, metrics, filters):
            if bucket["doc_count"] >= rule["threshold"]["value"] and all(
                bucket[x["field"]]["value"] >= x["value"] for x in limits
            ):
                key = tuple(bucket["key"].values())
                memory[key] = datetime.fromisoformat(bucket["last"]["value_as_string"])
                yield (now, key), bucket["key"]

    def _new_terms(
        self, rule: Mapping[str, Any], start: datetime, now: datetime
    ) -> Iterator[tuple[object, Row]]:
        history = now - read_duration(rule["history_window_start"].removeprefix("now-"))
        metrics = {"first": {"top_hits": {"size": 1, "sort": ["event.ingested"], "_source": False}}}
        both = [
            {"bool": {"filter": [kql(rule["query"]), _window(*x)]}}
            for x in ((history, start), (start, now))
        ]
        known, current = (
            self._combinations(rule["new_terms_fields"], y, x)
            for x, y in zip(both, ({}, metrics), strict=True)
        )
        before = {tuple(x["key"].values()) for x in known}
        for bucket in current:
            key = tuple(bucket["key"].values())
            if key not in before:
                yield (bucket["first"]["hits"]["hits"][0]["_id"], key), bucket["key"]

    def _combinations(
        self, fields: Sequence[str], metrics: Mapping[str, Any], query: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        sources = [{x: {"terms": {"field": x}}} for x in fields]
        composite = {"composite": {"sources": sources, "size": _MANY}, "aggs": metrics}
        return list(self._search({"all": composite}, query)["all"]["buckets"])

    def _search(
        self, aggregations: Mapping[str, Any], query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        answer = self._client.search(
            index=self._stream,
            query=query or {"match_all": {}},
            aggregations=aggregations,
            size=0,
        )
        return dict(answer["aggregations"])

    def _arrived(self, start: datetime, end: datetime) -> bool:
        """Tell whether a document arrived within a time."""
        return bisect_right(self._arrivals, start.timestamp()) < bisect_right(
            self._arrivals, end.timestamp()
        )


def _window(start: datetime, end: datetime) -> dict[str, Any]:
    return {"range": {"event.ingested": {"gt": _iso(start), "lte": _iso(end)}}}


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
