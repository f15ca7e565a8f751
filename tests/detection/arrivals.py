"""When documents arrive: as it happens, in files that appliances push, or all at once."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from elasticsearch import Elasticsearch

from tests.world.story import EXPIRED, locate

_JSON = {"accept": "application/json", "content-type": "application/x-ndjson"}
_BATCH = 5000
Arrival = Callable[[datetime], datetime]


def _hourly(time: datetime) -> datetime:
    return time.replace(minute=0, second=0) + timedelta(hours=1, minutes=2)


def _daily(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0) + timedelta(days=1, minutes=10)


ARRIVALS: Mapping[str, Arrival] = MappingProxyType(
    {
        "as it happens": lambda x: x + timedelta(seconds=5),
        "hourly files": _hourly,
        "daily files": _daily,
        "first import": lambda _: EXPIRED + timedelta(minutes=10),
    }
)


def load(
    client: Elasticsearch,
    stream: str,
    documents: Iterable[Mapping[str, Any]],
    arrival: Arrival,
    *,
    geoip: bool = True,
) -> None:
    """Fill a data stream; the time of arrival and the place are ours, so no pipeline runs."""
    client.perform_request(
        "DELETE", f"/_data_stream/{stream}*", headers={"accept": _JSON["accept"]}
    )
    batch: list[str] = []
    for original in documents:
        document: dict[str, Any] = json.loads(json.dumps(original))
        document["data_stream"]["namespace"] = stream.rpartition("-")[2]
        arrived = arrival(datetime.fromisoformat(document["@timestamp"]))
        document["event"]["ingested"] = arrived.isoformat()
        if geoip:
            locate(document)
        batch += [json.dumps({"create": {"_id": document["event"]["id"]}}), json.dumps(document)]
        if len(batch) >= 2 * _BATCH:
            _send(client, stream, batch)
            batch = []
    if batch:
        _send(client, stream, batch)
    merged = f"/{stream}/_forcemerge?max_num_segments=1"
    client.perform_request("POST", merged, headers={"accept": _JSON["accept"]})
    client.perform_request("POST", f"/{stream}/_refresh", headers={"accept": _JSON["accept"]})


def _send(client: Elasticsearch, stream: str, lines: list[str]) -> None:
    answer = client.perform_request(
        "POST", f"/{stream}/_bulk?pipeline=_none", headers=_JSON, body="\n".join(lines) + "\n"
    ).body
    assert [x for x in answer["items"] if x["create"]["status"] != 201] == []
