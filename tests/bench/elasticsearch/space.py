"""How much space a login takes in Elasticsearch, by the profile of its document: `make space`.

The documents are those of ten days of the made-up company, with what the ingest pipeline adds; a
login and the end of a session count as one each. They are in one segment, as they are some time
after an index is full. The table goes into the documentation.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import orjson
from elasticsearch import helpers

from forwarder.ecs.filters import REPETITIONS, leave_out
from forwarder.events import Document
from tests.bench.elasticsearch.target import Target, started
from tests.kibana.loading import parse
from tests.world import story

DOCUMENT = Path(__file__).parents[3] / "docs" / "outputs.md"
BEGIN, END = "<!-- space: made by make space -->", "<!-- end of space -->"
PROFILES: Mapping[str, Sequence[str]] = MappingProxyType({"full": (), "lean": (*REPETITIONS,)})
LIMITS: Mapping[str, int] = MappingProxyType({"full": 270, "lean": 200})
"""Bytes, with the templates of ``setup``."""
_INDEX = "space"


def bytes_of(
    target: Target, documents: Sequence[Mapping[str, Any]], profile: str, codec: str | None = None
) -> float:
    """Say how large a document is in an index with our mapping and codec, or another codec."""
    admin = target.node.admin.options(request_timeout=600)
    admin.options(ignore_status=404).indices.delete(index=_INDEX)
    template = target.read("component_template")["template"]
    settings = target.read("index_template")["template"]["settings"]["index"]
    chosen = {"codec": codec or settings["codec"], "number_of_replicas": 0}
    admin.indices.create(index=_INDEX, mappings=template["mappings"], settings=chosen)
    helpers.bulk(admin, _actions(documents, PROFILES[profile]), chunk_size=2000)
    return target.bytes_on_disk(_INDEX) / len(documents)


def _actions(
    documents: Iterable[Mapping[str, Any]], left_out: Sequence[str]
) -> Iterable[dict[str, Any]]:
    for whole in documents:
        identity = whole["event"]["id"]
        document = leave_out(Document(identity, orjson.dumps(whole)), left_out)
        added = orjson.loads(document.body)
        added["event"]["ingested"] = added["@timestamp"]
        story.locate(added)
        yield {"_index": _INDEX, "_op_type": "create", "_id": identity, "_source": added}


def main() -> int:
    """Measure, and write the table; return 1 if a limit is not kept."""
    with TemporaryDirectory(prefix="esa-forwarder-space-") as work:
        folder = Path(work)
        story.write(folder / "logs")
        documents = parse(str(folder / "logs" / "{appliance}" / "mail*"))
        with started(folder / "server") as target:
            sizes = {x: bytes_of(target, documents, x) for x in PROFILES}
            plain = {x: bytes_of(target, documents, x, "default") for x in PROFILES}
            version = target.node.version
    what = f"{len(documents):,} documents in Elasticsearch {version}"
    lines = [
        f"| {what} | Bytes each | With the codec `default` |",
        "|---|---:|---:|",
        *(f"| `{x}` | {sizes[x]:.0f} | {plain[x]:.0f} |" for x in PROFILES),
    ]
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    text = "\n".join(lines)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    sys.stdout.write(text + "\n")
    return int(any(sizes[x] > LIMITS[x] for x in PROFILES))


if __name__ == "__main__":
    sys.exit(main())
