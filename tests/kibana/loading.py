"""Loading logs into a real Elasticsearch, each into a data stream of its own."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from elasticsearch import Elasticsearch

from tests.kibana.asking import Asker, parse_lines

_COMMAND = str(Path(sys.executable).with_name("esa-forwarder"))
PLACES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "198.51.100.": {
            "country_iso_code": "IT",
            "country_name": "Italy",
            "location": {"lat": 41.9, "lon": 12.5},
        },
        "203.0.113.": {
            "country_iso_code": "US",
            "country_name": "United States",
            "location": {"lat": 40.7, "lon": -74.0},
        },
    }
)
"""What the processor geoip would say of addresses that are for documentation."""
_JSON = {"accept": "application/json"}


def parse(*arguments: str, log: str = "") -> list[dict[str, Any]]:
    """Run the command, and give the documents."""
    command = [_COMMAND, "parse", "-q", *arguments]
    done = subprocess.run(command, input=log, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return parse_lines(done.stdout)


def load(client: Elasticsearch, namespace: str, documents: Iterable[dict[str, Any]]) -> Asker:
    """Delete a data stream, and fill it.

    Where the cluster's own GeoIP would add a place, it is added here.
    """
    stream = f"logs-cisco_esa.auth-{namespace}"
    client.perform_request("DELETE", f"/_data_stream/{stream}*", headers=_JSON)
    lines = []
    for document in documents:
        document["data_stream"]["namespace"] = namespace
        source = document.get("source", {})
        for prefix, place in PLACES.items():
            if source.get("ip", "").startswith(prefix):
                source["geo"] = place
        lines += [json.dumps({"create": {"_id": document["event"]["id"]}}), json.dumps(document)]
    answer = client.perform_request(
        "POST",
        f"/{stream}/_bulk?refresh=true",
        headers={**_JSON, "content-type": "application/x-ndjson"},
        body="\n".join(lines) + "\n",
    ).body
    assert [x for x in answer["items"] if x["create"]["status"] != 201] == []
    return Asker(client, stream)
