"""Kibana's rule engine, as far as it decides how many alerts there are.

Rules run on a schedule and look at what arrived within their window. Ours are all ES|QL with
``STATS``: each row of each run is an alert, because its id is made of the run's window, the query
and the number of the row. A run raises at most ``max_signals`` alerts. Suppression beyond a run
needs a paid licence, so no rule may use it.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from tests.kibana.asking import read_duration

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
        found = client.search(
            index=stream, size=0, aggregations={"all": {"date_histogram": minutes}}
        )
        self._arrivals = [x["key"] / 1000 for x in found["aggregations"]["all"]["buckets"]]

    def alerts(self, rule: Mapping[str, Any], since: datetime, until: datetime) -> list[Alert]:
        """Run a rule as often as it says, and return the alerts it raises."""
        assert rule["type"] == "esql"
        assert re.search(r"\| STATS ", rule["query"])
        assert "alert_suppression" not in rule
        alerts: list[Alert] = []
        interval = read_duration(rule["interval"])
        now = since + interval
        while now <= until:
            start = now - read_duration(rule["from"].removeprefix("now-"))
            # A query that asks what is new finds nothing in a run that has nothing new, and leaves
            # the last minute to the next run.
            fresh = now - interval - timedelta(minutes=1)
            if self._arrived(fresh if "NOW()" in rule["query"] else start, now):
                began = perf_counter()
                rows = self._ask(rule["query"], start, now)[: rule["max_signals"]]
                took = perf_counter() - began
                self.slowest[rule["name"]] = max(took, self.slowest.get(rule["name"], 0))
                alerts += [Alert(rule["name"], now, x) for x in rows]
            now += interval
        return alerts

    def _ask(self, query: str, start: datetime, now: datetime) -> list[Row]:
        query = re.sub(r"NOW\(\)", f'TO_DATETIME("{_iso(now)}")', query)
        window = {"range": {"event.ingested": {"gt": _iso(start), "lte": _iso(now)}}}
        answer = self._client.perform_request(
            "POST",
            "/_query",
            headers={"content-type": "application/json", "accept": "application/json"},
            body={
                "query": query.replace("logs-cisco_esa.auth-*", self._stream),
                "filter": window,
            },
        ).body
        names = [x["name"] for x in answer["columns"]]
        return [dict(zip(names, x, strict=True)) for x in answer["values"]]

    def _arrived(self, start: datetime, end: datetime) -> bool:
        """Tell whether a document may have arrived within a time, to the minute."""
        return bisect_right(self._arrivals, start.timestamp() - 60) < bisect_right(
            self._arrivals, end.timestamp()
        )


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
