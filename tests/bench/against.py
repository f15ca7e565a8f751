"""The rows that compare with an earlier version of the program, installed elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
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
    """Measure whole processes of both versions in turn, so that a busy machine is busy for both.

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
    folder = Path(corpora.empty).with_name("against")
    for what, make in (("parse", _parse), ("run --once", partial(_run, folder))):
        for name, log in logs.items():
            figure = _compare(make(PROGRAM), make(earlier), log, sizes.rounds)
            yield at_most(f"{what} of {name}: CPU time to the earlier version's", figure, MOST)


def _parse(program: str) -> _Command:
    return lambda log: [program, "parse", "-q", "--jobs=1", log]


def _run(folder: Path, program: str) -> _Command:
    return Once(folder, program).command


def _compare(ours: _Command, theirs: _Command, log: str, rounds: int) -> float:
    taken: tuple[list[float], list[float]] = ([], [])
    for command in (ours, theirs):  # what is read from a disk for the first time counts for neither
        use(command(log))
    for _ in range(rounds):
        for command, seconds in zip((ours, theirs), taken, strict=True):
            seconds.append(use(command(log)).cpu_seconds)
    return ratio(*taken)
