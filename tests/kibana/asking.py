"""Asking a real Elasticsearch what Kibana would ask it.

KQL goes to Elasticsearch's own parser of it (the query ``kql``).
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
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

    def esql(
        self, query: str, now: datetime, *filters: Mapping[str, Any]
    ) -> list[tuple[object, ...]]:
        """Run a query in ES|QL at a time, on what filters find."""
        text = query.replace("logs-cisco_esa.auth-*", self._stream)
        text = text.replace("NOW()", f'TO_DATETIME("{now:%Y-%m-%dT%H:%M:%S.000Z}")')
        answer = self._client.esql.query(query=text, filter={"bool": {"filter": [*filters]}})
        return [tuple(x) for x in answer["values"]]


def read_duration(text: str) -> timedelta:
    """Read a time as rules have it, like ``15m``."""
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    return int(text[:-1]) * units[text[-1]]


def parse_lines(text: str) -> list[dict[str, Any]]:
    """Read NDJSON."""
    return [json.loads(x) for x in text.splitlines()]


def decode(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Put texts with JSON in them in the open."""
    if isinstance(value, dict):
        return {x: decode(json.loads(y) if x.endswith("JSON") else y) for x, y in value.items()}
    return [decode(x) for x in value] if isinstance(value, list) else value
