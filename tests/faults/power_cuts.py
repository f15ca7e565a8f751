"""Power cuts at random points of the service's work, and two numbers at the end: `make power-cut`.

The service reads logs into the output `file`, is killed, goes on, and reads more; all that it does
to state and output is recorded. Then the power fails at random points of that: what the disk may
hold is rebuilt, the service is started on it and reads to the end, and what its files have is
compared with what `parse` makes of the logs.
"""

import gzip
import os
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import orjson

from tests.corpus import Corpus, hostile
from tests.corpus.world import seeded
from tests.faults.power import (
    MODELS,
    Event,
    Model,
    Replay,
    build_recorder,
    read_records,
    rebuild,
    recorder_environment,
)
from tests.faults.program import COMMAND, ROOT

CONFIG = """\
state: {disk}/new/state
inputs:
  - type: files
    paths: ["{logs}/{{appliance}}/mail*"]
outputs:
  archive: {{type: file, path: {disk}/out/auth.ndjson{output}}}
"""
_EARLY = 120
"""Records of the first start, until the first documents are written; more cuts are among them."""
_SECONDS = 120


class Setting(NamedTuple):
    """What the output is told."""

    name: str
    output: str
    connections: int
    """Of each appliance; each makes some five documents of two kilobytes."""


SETTINGS = (
    Setting("as it is", "", 5_000),
    Setting("batches of 500", ", batch: {max_documents: 500}", 1_000),
    Setting("batches of 200", ", batch: {max_documents: 200}", 800),
    Setting("rotation", ", batch: {max_documents: 500}, rotate: {max_bytes: 2MB}", 1_000),
    Setting(
        "rotation and gzip",
        ", batch: {max_documents: 200}, rotate: {max_bytes: 1MB}, gzip: true",
        800,
    ),
)


class Trace(NamedTuple):
    """What was recorded of one setting."""

    setting: Setting
    folder: Path
    events: Sequence[Event]
    ids: frozenset[str]
    """Of all documents that the logs hold."""


class Outcome(NamedTuple):
    """What came of a power cut."""

    event: int
    model: str
    code: int
    """With which the service ended."""
    lost: int
    doubled: int
    damaged: int
    """Lines that are no documents."""
    log: str

    @property
    def is_whole(self) -> bool:
        """Whether it began, and all is there once."""
        return not (self.code or self.lost or self.doubled or self.damaged)


def trace(folder: Path, recorder: Path, setting: Setting, seed: int) -> Trace:
    """Let the service work, and record it."""
    chance = seeded(seed, setting.name)
    corpus = hostile(seed, connections=setting.connections, appliances=2)
    logs, disk, records = folder / "logs", folder / "disk", folder / "records"
    (disk / "out").mkdir(parents=True)
    config = configure(folder, disk, logs, setting)
    names = sorted(corpus.files, key=lambda x: x.rpartition("/")[2])
    half = len(names) // 2
    write(logs, corpus, names[:half])
    killed = recorder_environment(recorder, disk, records, chance.randint(200, 600))
    assert run_once(config, killed)[0] in {0, -9}
    recorded = recorder_environment(recorder, disk, records)
    assert run_once(config, recorded)[0] == 0
    write(logs, corpus, names[half:])
    assert run_once(config, recorded)[0] == 0
    made = Trace(setting, folder, read_records(records), parsed_ids(logs))
    whole = compare(made, disk, 0, "recorded", (0, ""))
    assert whole.is_whole, whole
    return made


def cut(traced: Trace, count: int, seed: int) -> Iterator[Outcome]:
    """Let the power fail so often, and yield what came of it."""
    chance = seeded(seed, f"cuts {traced.setting.name}")
    replay = Replay(traced.events)
    last = len(traced.events)
    early = count // 6
    points = [chance.randint(1, min(_EARLY, last)) for _ in range(early)]
    points += [chance.randint(1, last) for _ in range(count - early)]
    # More than one at a time: each waits for the disk as well as for the processor.
    with ThreadPoolExecutor(2) as threads:
        waiting = []
        for number, point in enumerate(sorted(points)):
            model = MODELS[number % len(MODELS)]
            replay.go_to(point)
            disk = traced.folder / f"cut-{number}"
            rebuild(replay.left(model, chance), traced.folder / "disk", disk)
            waiting.append(threads.submit(_start, traced, disk, point, model))
            if len(waiting) > 2:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def _start(traced: Trace, disk: Path, point: int, model: Model) -> Outcome:
    """Start the service on what is left, and compare; keep the folder where it is not whole."""
    kept = disk.with_suffix(".kept")
    (disk / "out").mkdir(parents=True, exist_ok=True)
    if "KEEP" in os.environ:
        shutil.copytree(disk, kept)
    config = configure(disk, disk, traced.folder / "logs", traced.setting)
    outcome = compare(traced, disk, point, model.name, run_once(config, {}))
    if outcome.is_whole:
        shutil.rmtree(disk)
        shutil.rmtree(kept, ignore_errors=True)
    return outcome


def run_once(config: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Read all that is there; return the exit code and what was said."""
    done = subprocess.run(  # noqa: S603 - our own
        [*COMMAND, "run", "-c", str(config), "--once"],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=_SECONDS,
        env=os.environ | environment,
        cwd=ROOT,
    )
    return done.returncode, done.stderr.decode()


@contextmanager
def starting(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start to read all that is there; the process is ended in the end."""
    command = [*COMMAND, "run", "-c", str(config), "--once"]
    with subprocess.Popen(  # noqa: S603 - our own
        command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def parsed_ids(logs: Path) -> frozenset[str]:
    """Return the ids of all documents that logs hold."""
    parsed = subprocess.run(  # noqa: S603 - our own
        [*COMMAND, "parse", "-q", f"{logs}/{{appliance}}/mail*"],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    return frozenset(_id(x) for x in parsed.stdout.splitlines())


def configure(folder: Path, disk: Path, logs: Path, setting: Setting) -> Path:
    """Write a configuration; state and output are on the disk."""
    config = folder / "esa.yaml"
    config.write_text(CONFIG.format(disk=disk, logs=logs, output=setting.output), "utf-8")
    return config


def write(logs: Path, corpus: Corpus, names: Sequence[str]) -> None:
    """Write logs of a corpus."""
    for name in names:
        path = logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(corpus.files[name])


def compare(traced: Trace, disk: Path, point: int, model: str, ended: tuple[int, str]) -> Outcome:
    """Compare what is in the output with what the logs hold."""
    found: list[str] = []
    damaged = 0
    for path in sorted((disk / "out").glob("auth.ndjson*")):
        content = path.read_bytes()
        for line in (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines():
            try:
                found.append(_id(line))
            except orjson.JSONDecodeError:
                damaged += 1
    lost = len(traced.ids - set(found))
    doubled = len(found) - len(traced.ids & set(found))
    return Outcome(point, model, ended[0], lost, doubled, damaged, ended[1])


def _id(document: bytes) -> str:
    return str(orjson.loads(document)["event"]["id"])


def main(arguments: Sequence[str]) -> int:
    """Print a line for each setting; the exit code says whether all is there once, everywhere."""
    # It uses what is here.
    from tests.faults.power_ext4 import cut_on_ext4, is_possible  # noqa: PLC0415

    parser = ArgumentParser(prog="python -m tests.faults.power_cuts", description=__doc__)
    parser.add_argument("--cuts", type=int, default=64, help="of each setting (default: 64)")
    parser.add_argument("--seed", type=int, default=1, help="(default: 1)")
    parser.add_argument("--setting", help="only this one")
    options = parser.parse_args(arguments)
    wrong = 0
    for setting in SETTINGS:
        if options.setting not in {None, setting.name}:
            continue
        with TemporaryDirectory(prefix="esa-forwarder-power-") as name:
            folder = Path(name)
            traced = trace(folder, build_recorder(folder), setting, options.seed)
            found = cut(traced, options.cuts, options.seed)
            wrong += _say(f"{setting.name}, {len(traced.events)} events", found)
        if not is_possible():
            sys.stdout.write("ext4 is left out: only root may mount an image\n")
            continue
        with TemporaryDirectory(prefix="esa-forwarder-power-") as name:
            found = cut_on_ext4(Path(name), setting, options.cuts // 4, options.seed)
            wrong += _say(f"{setting.name}, ext4", found)
    return 1 if wrong else 0


def _say(what: str, found: Iterable[Outcome]) -> int:
    """Print what came of power cuts, and return how many of them did harm."""
    begun = time.monotonic()
    outcomes = [*found]
    bad = [x for x in outcomes if not x.is_whole]
    sys.stdout.writelines(f"  {x}\n" for x in bad)
    sys.stdout.write(
        f"{what}: {len(outcomes)} cuts, {len(bad)} with harm: lost={sum(x.lost for x in bad)}"
        f" doubled={sum(x.doubled for x in bad)} damaged={sum(x.damaged for x in bad)},"
        f" {time.monotonic() - begun:.0f} s\n"
    )
    sys.stdout.flush()
    return len(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
