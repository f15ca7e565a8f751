"""The rows that compare with an earlier version of the program, installed elsewhere."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.corpora import Corpora
from tests.bench.measuring import PROGRAM, ratio, use
from tests.bench.rows import Row, Sizes, at_most
from tests.bench.service_rows import Once

MOST = 1.03
"""CPU time to that of the earlier version; the rest is what two runs of one version differ by."""

_Command = Callable[[str], Sequence[str]]
"""Makes the command that reads a log."""


def against(corpora: Corpora, sizes: Sizes, earlier: str) -> Iterator[Row]:
    """Measure whole processes of both versions at the same time.

    So what disturbs the machine disturbs both. Each has a processor of its own, and in each round
    they change places: one may be slower.

    Args:
        corpora: Makes the logs.
        sizes: How much to measure with.
        earlier: Path of the earlier version's command.
    """
    logs = {
        "traffic": corpora.make("traffic", sizes.megabytes).path,
        "storm": corpora.make("storm", sizes.megabytes / 2).path,
        "nothing": corpora.empty,
    }
    folder = Path(corpora.empty)
    pairs = {
        "parse": (_parse(PROGRAM), _parse(earlier)),
        "run --once": (
            Once(folder.with_name("ours")).command,
            Once(folder.with_name("earlier"), earlier).command,
        ),
    }
    for what, (ours, theirs) in pairs.items():
        for name, log in logs.items():
            figure = _compare(ours, theirs, log, sizes.rounds)
            yield at_most(f"{what} of {name}: CPU time to the earlier version's", figure, MOST)


def _parse(program: str) -> _Command:
    return lambda log: [program, "parse", "-q", "--jobs=1", log]


def _compare(ours: _Command, theirs: _Command, log: str, rounds: int) -> float:
    taken: tuple[list[float], list[float]] = ([], [])
    for command in (ours, theirs):  # what is read from a disk for the first time counts for neither
        use(command(log))
    first, second = (sorted(os.sched_getaffinity(0)) * 2)[-2:]  # there may be one alone
    with ThreadPoolExecutor(max_workers=2) as threads:
        for _ in range(rounds):
            both = [
                list(threads.map(use, (_pinned(x, ours(log)), _pinned(y, theirs(log)))))
                for x, y in ((first, second), (second, first))
            ]
            for usages, seconds in zip(zip(*both, strict=True), taken, strict=True):
                seconds.append(sum(x.cpu_seconds for x in usages))
    return ratio(*taken)


def _pinned(processor: int, command: Sequence[str]) -> list[str]:
    return ["taskset", "--cpu-list", str(processor), *command]
