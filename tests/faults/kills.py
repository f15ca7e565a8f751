"""SIGKILL at random points under load, and three numbers at the end: `make kill`.

Two appliances with equal numbers write, rotate, pack and send again; a third one sends closed
files in parts. What they do goes on while the service is dead, while it starts and while it works.
The output fills files and packs them.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.corpus import hostile
from tests.corpus.world import seeded
from tests.faults.appliances import Step, live, sending
from tests.faults.scenes import Scene
from tests.faults.tallies import Tally

CONFIG = """\
state: {folder}/state
inputs:
  - type: files
    paths: ["{folder}/logs/{{appliance}}/mail*"]
outputs:
  archive:
    {{type: file, path: {folder}/auth.ndjson, rotate: {{max_bytes: 1MB}}, gzip: true, {quick}}}
"""
CONNECTIONS_A_KILL = 60
"""Of each appliance: some 900 events between two kills, a megabyte and a half of documents."""
EARLY, BEGUN = 0.1, 0.15
"""Shares of kills while the service starts, and right after; the others are at work: when something
was delivered since the start."""
START_SECONDS = 0.6
WORK_SECONDS = 0.3
"""From there to the kill, at most."""
PAUSE_SECONDS = 0.004
"""Between two steps of the appliances while the service runs."""


class Outcome(NamedTuple):
    """What came of it."""

    tally: Tally
    kills: int
    at_work: int
    """Kills between which documents were delivered."""
    seconds: float


def kill_again_and_again(folder: Path, kills: int, seed: int) -> Outcome:
    """Kill so often, then let the service read the rest, and compare."""
    begun = time.monotonic()
    chance = seeded(seed, "kills")
    corpus = hostile(seed, connections=CONNECTIONS_A_KILL * kills, appliances=3, file_minutes=3)
    scene = Scene(folder, corpus, config=CONFIG)
    steps = _mixed(scene, chance)
    share = len(steps) // kills + 1
    at_work, size = 0, 0
    with scene:
        for number in range(kills):
            mine = steps[number * share : (number + 1) * share]
            _play(mine[: share // 3])
            _live_and_die(scene, chance, mine[share // 3 :])
            before, size = size, _size(scene)
            at_work += size != before
        tally = scene.finish()
    return Outcome(tally, kills, at_work, time.monotonic() - begun)


def _live_and_die(scene: Scene, chance: Random, steps: Sequence[Step]) -> None:
    """Start the service, go on with the steps, and kill it; do then what steps are left."""
    program = scene.program
    size = _size(scene)
    program.start()
    left = iter(steps)
    kind = chance.random()
    alive = chance.random() * (START_SECONDS if kind < EARLY else WORK_SECONDS)
    if kind >= EARLY:
        program.await_log("The service has begun.")
    if kind >= EARLY + BEGUN:
        _play_until(left, lambda: _size(scene) != size)
    end = time.monotonic() + alive
    while time.monotonic() < end:
        next(left, lambda: None)()
        time.sleep(PAUSE_SECONDS)
    program.kill()
    _play(left)


def _play_until(steps: Iterator[Step], condition: Callable[[], bool]) -> None:
    """Go on with the steps until something is true, or none is left."""
    for step in steps:
        if condition():
            return
        step()
        time.sleep(PAUSE_SECONDS)


def _mixed(scene: Scene, chance: Random) -> list[Step]:
    """Put the steps of all appliances into one order that keeps that of each."""
    *writing, uploading = scene.writers.values()
    each = [iter(live(x, chance)) for x in writing] + [iter(sending(uploading, chance))]
    lists = [list(x) for x in each]
    turns = list(chain.from_iterable([index] * len(x) for index, x in enumerate(lists)))
    chance.shuffle(turns)
    left = [iter(x) for x in lists]
    return [next(left[index]) for index in turns]


def _play(steps: Iterable[Step]) -> None:
    for step in steps:
        step()


def _size(scene: Scene) -> int:
    """Sum up what is there; a full file gets another name meanwhile."""
    size = 0
    for path in scene.folder.glob("auth.ndjson*"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def main(arguments: Sequence[str]) -> int:
    """Print a line; the exit code says whether all is there once."""
    parser = ArgumentParser(prog="python -m tests.faults.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="(default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="(default: 1)")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="esa-forwarder-kills-") as folder:
        outcome = kill_again_and_again(Path(folder), options.kills, options.seed)
    tally, kills, at_work, seconds = outcome
    sys.stdout.write(f"{tally.text}: {kills} kills, {at_work} at work, {seconds:.0f} s\n")
    sys.stdout.writelines(f"{x}\n" for x in tally.wrong[:10])
    return 0 if tally.is_whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
