"""How fast documents go through the spool: committed, and read and advanced by outputs.

python -m tests.bench.spooling [FOLDER]
"""

import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import orjson

from forwarder.events import Document
from forwarder.pipeline import LogParser
from forwarder.spool.spool import Spool
from tests.bench.corpora import Corpora

_BLOCK = 1 << 20
_BATCH = 1600
_MAX_BYTES = 10_000_000
_ROUNDS = 3


class Passage(NamedTuple):
    """What went through."""

    outputs: int
    documents: int
    seconds: float
    cpu_seconds: float
    commits: int


def show(passage: Passage) -> str:
    """Give a line for people."""
    _, documents, seconds, cpu_seconds, commits = passage
    return (
        f"{passage.outputs} outputs: {documents / seconds:,.0f} documents a second,"
        f" {documents / cpu_seconds:,.0f} a CPU second;"
        f" {commits} commits, each {1000 * seconds / commits:.1f} ms apart"
    )


def blocks(corpora: Corpora, megabytes: float) -> list[list[Document]]:
    """Make the documents of a storm, as they come of blocks of a megabyte."""
    reading = LogParser().open("esa1", "/srv/esa/esa1/mail.log")
    with Path(corpora.make("storm", megabytes).path).open("rb") as log:
        parts = [reading.feed(block) for block in iter(lambda: log.read(_BLOCK), b"")]
    lines = [[x.rstrip(b"\n") for x in part] for part in parts]
    return [[Document(orjson.loads(x)["event"]["id"], x) for x in part] for part in lines]


def measure(folder: Path, parts: list[list[Document]], outputs: int) -> Passage:
    """Commit all parts some times over, while outputs read and advance."""
    total = _ROUNDS * sum(map(len, parts))
    names = [f"output{x}" for x in range(outputs)]
    with closing(Spool(folder)) as spool:
        spool.add_outputs(names)

        def deliver(name: str) -> None:
            left = total
            while left:
                batch = spool.read(name, max_documents=_BATCH, max_bytes=_MAX_BYTES)
                if batch.documents:
                    spool.advance(name, batch)
                    left -= len(batch.documents)
                else:
                    spool.wait(lambda: spool.pending(name) > 0, 1)

        threads = [threading.Thread(target=deliver, args=(x,)) for x in names]
        wall, cpu = time.perf_counter(), time.process_time()
        for thread in threads:
            thread.start()
        for number in range(_ROUNDS * len(parts)):
            state = [("file/x", b"%d" % number)]
            state += [(f"connection/{x}", b"o" * 300) for x in range(200)]
            spool.commit(parts[number % len(parts)], state)
        for thread in threads:
            thread.join()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Passage(outputs, total, wall, cpu, _ROUNDS * len(parts))


def main(folder: str | None) -> None:
    """Print a line for each number of outputs."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        parts = blocks(Corpora(Path(work)), 40)
        for outputs in (0, 1, 2):
            passage = measure(Path(work) / f"spool{outputs}", parts, outputs)
            sys.stdout.write(f"{show(passage)}\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
