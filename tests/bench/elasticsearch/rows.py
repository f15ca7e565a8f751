"""The rows of the table: all ways in turn, and what lies on the wire and in the index."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.bench.elasticsearch.counting import counted
from tests.bench.elasticsearch.loading import Job, Taken, Way
from tests.bench.elasticsearch.storm import OUTPUT, Storm
from tests.bench.elasticsearch.target import Target
from tests.bench.measuring import PROGRAM, use
from tests.bench.rows import Row

REQUEST = 1000
"""Documents in a ready-made body, and in a request of a helper: as many as ours have on average."""
CONNECTIONS = 2
"""As the output has it if nothing is said."""

_TO_BODIES, _TO_HELPERS = 0.9, 1.0
"""At least so much of the rate of the loader, and of the faster helper."""


class Round(NamedTuple):
    """What one way took once."""

    seconds: float
    client_seconds: float
    """Of the processors."""
    server_seconds: float
    """The same, of the server."""


class Bench:
    """Brings one storm to one server, as often as is asked."""

    def __init__(self, target: Target, storm: Storm, folder: Path) -> None:
        self._target = target
        self._storm = storm
        self._folder = folder

    def bring(self, way: Way, connections: int = CONNECTIONS, url: str | None = None) -> Round:
        """Bring all documents into an index that is new.

        Args:
            way: How.
            connections: How many.
            url: Of the server, where it is not asked directly.

        Raises:
            BenchError: They are not all there.
        """
        node, storm = self._target.node, self._storm
        url = url or node.url
        if way is Way.FORWARDER:
            path = self._configure(storm.state, storm.log.path, connections, url)
        else:
            path = storm.bodies if way is Way.BODIES else storm.ndjson
        authority = str(node.authority.path)
        key = self._target.encoded_key
        job = Job(way, url, authority, key, connections, str(path), REQUEST)
        self._target.clear()
        before = node.cpu_seconds
        said = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "tests.bench.elasticsearch.loading", json.dumps(job._asdict())],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        taken = Taken(*json.loads(said))
        server = node.cpu_seconds - before
        self._target.check(storm.count)
        return Round(taken.seconds, taken.cpu_seconds, server)

    def once(self, *, empty: bool = False) -> float:
        """Let the command read the log and deliver it; return the seconds that it takes."""
        log = self._folder / "empty.log"
        log.touch()
        path = str(log) if empty else self._storm.log.path
        config = self._configure(None, path, CONNECTIONS, self._target.node.url)
        self._target.clear()
        taken = use([PROGRAM, "run", "--once", "-c", str(config)])
        if not empty:
            self._target.check(self._storm.count)
        return taken.wall_seconds

    def bytes_on_the_wire(self, way: Way) -> float:
        """Count, for a document."""
        port = urlsplit(self._target.node.url).port
        assert port is not None
        with counted(port) as relay:
            self.bring(way, url=f"https://127.0.0.1:{relay.port}")
            return relay.count / self._storm.count

    def bytes_in_the_index(self, *, mappings: bool) -> float:
        """Say how large a document is there."""
        self._target.install(mappings=mappings)
        self.bring(Way.BODIES)
        self._target.install()
        return self._target.bytes_on_disk() / self._storm.count

    def _configure(self, state: Path | None, log: str, connections: int, url: str) -> Path:
        """Write a configuration, with a copy of a state folder or with nothing in it."""
        folder = self._folder / "state"
        shutil.rmtree(folder, ignore_errors=True)
        if state is not None:
            shutil.copytree(state, folder)
        output = {
            **self._target.node.settings(hosts=[url], api_key=self._target.key),
            "type": "elasticsearch",
            "documents": {"profile": "full"},  # as those of the other ways are
            "workers": connections,
        }
        config = {
            "state": str(folder),
            "inputs": [{"type": "files", "paths": [log], "appliance": "esa1"}],
            "outputs": {OUTPUT: output},
            "log": {"level": "warning"},
        }
        path = self._folder / "esa.yaml"
        path.write_text(json.dumps(config))  # JSON is YAML
        return path


def measure_all(bench: Bench, documents: int, rounds: int, warm_up: int) -> Iterator[Row]:
    """Measure, and give the rows.

    Args:
        bench: Where.
        documents: How many there are.
        rounds: How many times each way is gone; an even number.
        warm_up: How often before: a server compiles what it does often.
    """
    for _ in range(warm_up):
        bench.bring(Way.BODIES)
    taken: dict[Way, list[Round]] = {way: [] for way in Way}
    single: list[Round] = []
    once: list[float] = []
    start_up = median(bench.once(empty=True) for _ in range(3))
    for number in range(rounds):
        # There and back again: what a server does better, or worse, from way to way is the same
        # for all of them.
        for way in list(taken) if number % 2 == 0 else reversed(list(taken)):
            taken[way].append(bench.bring(way))
        single.append(bench.bring(Way.FORWARDER, connections=1))
        once.append(bench.once() - start_up)
    yield from rates(taken, documents)
    rate, alone = (_rate([x.seconds for x in y], documents) for y in (taken[Way.FORWARDER], single))
    yield Row("esa-forwarder with workers: 1, documents a second", f"{alone:,.0f}")
    yield Row(f"rate of workers: {CONNECTIONS} relative to workers: 1", f"{rate / alone:.2f}")
    yield Row("run --once from logs, documents a second", f"{_rate(once, documents):,.0f}")
    for way in (Way.BODIES, Way.FORWARDER, Way.PARALLEL):
        yield Row(f"{way}: bytes on the wire per document", f"{bench.bytes_on_the_wire(way):,.0f}")
    for name, mappings in (("with our template", True), ("with dynamic mapping", False)):
        size = bench.bytes_in_the_index(mappings=mappings)
        yield Row(f"bytes in the index per document, {name}", f"{size:,.0f}")


def rates(taken: Mapping[Way, Sequence[Round]], documents: int) -> Iterator[Row]:
    """Give the rows of what each way took, and those with a limit."""
    rates = {way: _rate([x.seconds for x in found], documents) for way, found in taken.items()}
    for way, found in taken.items():
        yield Row(f"{way}: documents a second", f"{rates[way]:,.0f}")
        client, server = (
            1e6 * mean(x) / documents
            for x in zip(*[(y.client_seconds, y.server_seconds) for y in found], strict=True)
        )
        name = f"{way}: CPU microseconds per document, client and server"
        yield Row(name, f"{client:.0f} + {server:.0f}")
    ours = rates[Way.FORWARDER]
    yield _at_least(
        "esa-forwarder relative to ready-made bodies", ours / rates[Way.BODIES], _TO_BODIES
    )
    work = {
        way: mean(x.client_seconds + x.server_seconds for x in found)
        for way, found in taken.items()
    }
    yield Row(
        "esa-forwarder relative to ready-made bodies: CPU time of client and server",
        f"{work[Way.FORWARDER] / work[Way.BODIES]:.2f}",
    )
    best = max(rates[Way.STREAMING], rates[Way.PARALLEL])
    yield _at_least("esa-forwarder relative to the faster helper", ours / best, _TO_HELPERS)


def _rate(seconds: Sequence[float], documents: int) -> float:
    return documents / mean(seconds)


def _at_least(name: str, figure: float, limit: float) -> Row:
    return Row(name, f"{figure:.2f}", f"{limit:g}", kept=figure >= limit)
