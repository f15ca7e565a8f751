"""The rows of the table: what is measured, and what is asked for."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench import ripgrep, yardstick
from tests.bench.corpora import Corpora, Log
from tests.bench.measuring import (
    PROGRAM,
    BenchError,
    Output,
    compare,
    look_at,
    ratio,
    use,
)

MEGABYTE = 1_000_000
GIGABYTE = 1_000 * MEGABYTE


class Row(NamedTuple):
    """A figure."""

    name: str
    figure: str
    limit: str = ""
    goal: str = ""
    kept: bool = True
    """Whether the limit is kept."""


class Sizes(NamedTuple):
    """How much to measure with."""

    megabytes: float
    """Of traffic; half of it for a storm, five times for memory."""
    rounds: int


def measure_all(corpora: Corpora, sizes: Sizes) -> Iterator[Row]:
    """Measure row by row.

    Raises:
        BenchError: Documents are missing, or a command failed: figures would mean nothing.
    """
    yield from traffic(corpora, sizes)
    yield from storm(corpora, sizes)
    yield from report(corpora, sizes)
    yield from memory(corpora, sizes)
    yield from start_up(corpora, sizes)
    yield from side_by_side(corpora, sizes)


def traffic(corpora: Corpora, sizes: Sizes) -> Iterator[Row]:
    """Measure an ordinary day against searching alone."""
    log = corpora.make("traffic", sizes.megabytes)
    check(log, look_at(ours(log.path)))
    if shutil.which("rg") is None:
        (seconds,) = compare([ours], log.path, corpora.empty, sizes.rounds)
        yield Row("traffic: CPU time relative to rg -c", "skipped: ripgrep is not installed")
    else:
        seconds, closed, open_ended = compare(
            [ours, searching(ripgrep.END), searching("")], log.path, corpora.empty, sizes.rounds
        )
        name = "traffic: CPU time relative to rg -c, lines to their end"
        yield at_most(name, ratio(seconds, closed), 4, 3)
        name = "traffic: the same, with rg free to stop within a line"
        yield Row(name, f"{ratio(seconds, open_ended):.2f}")
    rate = log.size / MEGABYTE / median(seconds)
    yield Row("traffic: MB per CPU second", f"{rate:,.0f}")


def storm(corpora: Corpora, sizes: Sizes) -> Iterator[Row]:
    """Measure password guessing against the yardstick."""
    log = corpora.make("storm", sizes.megabytes / 2)
    check(log, look_at(ours(log.path)))
    check(log, look_at(line_by_line(log.path)))
    seconds, theirs = compare([ours, line_by_line], log.path, corpora.empty, sizes.rounds)
    yield at_most(
        "storm: CPU time per document relative to the yardstick's",
        ratio(seconds, theirs),
        0.45,
        0.20,
    )
    documents = log.logins + log.sessions
    yield Row("storm: documents per CPU second", f"{documents / median(seconds):,.0f}")
    yield Row(
        "storm: small documents per CPU second, yardstick", f"{documents / median(theirs):,.0f}"
    )


def report(corpora: Corpora, sizes: Sizes) -> Iterator[Row]:
    """Measure the report of an ordinary day."""
    log = corpora.make("traffic", sizes.megabytes)
    reported, parsed = compare([reporting, ours], log.path, corpora.empty, sizes.rounds)
    yield at_most("report: CPU time relative to parse, traffic", ratio(reported, parsed), 1.3)


def memory(corpora: Corpora, sizes: Sizes) -> Iterator[Row]:
    """Measure the peak of memory on a large file."""
    megabytes = 5 * sizes.megabytes
    name = f"memory: peak on {megabytes:,g} MB, in MB"
    free = shutil.disk_usage(Path(corpora.empty).parent).free
    if free < 3 * megabytes * MEGABYTE:
        yield Row(
            name, f"skipped: {free / GIGABYTE:.1f} GB are free, and it takes three times that"
        )
        return
    log = corpora.make("traffic", megabytes)
    yield at_most(name, use(ours(log.path)).peak_bytes / MEGABYTE, 100, digits=0)
    corpora.remove(log)


def start_up(corpora: Corpora, sizes: Sizes) -> Iterator[Row]:
    """Measure commands with nothing to do."""
    for name, command in (
        ("start-up: parse of nothing, CPU seconds", ours(corpora.empty)),
        ("start-up: --version, CPU seconds", [PROGRAM, "--version"]),
    ):
        seconds = median(use(command).cpu_seconds for _ in range(2 * sizes.rounds))
        yield at_most(name, seconds, 0.3)


def side_by_side(corpora: Corpora, sizes: Sizes) -> Iterator[Row]:
    """Measure two appliances, one after the other and at the same time."""
    logs = [corpora.make("traffic", sizes.megabytes / 2, seed=seed) for seed in (1, 2)]
    folder = str(Path(logs[0].path).parents[1])

    def command(jobs: int) -> Sequence[str]:
        return [PROGRAM, "parse", "-q", f"--jobs={jobs}", folder]

    outputs = [look_at(command(jobs)) for jobs in (1, 2)]
    for output in outputs:
        check(Log(folder, *(sum(x) for x in zip(*(y[1:] for y in logs), strict=True))), output)
    same = outputs[0] == outputs[1]
    yield Row("two appliances: the same output", "yes" if same else "no", "yes", kept=same)
    name = "two appliances: wall time of --jobs 2 to --jobs 1"
    if len(os.sched_getaffinity(0)) < 2:
        yield Row(name, "skipped: there is one processor")
        return
    taken: list[list[float]] = [[], []]
    for _ in range(sizes.rounds):
        for jobs, seconds in enumerate(taken, start=1):
            seconds.append(use(command(jobs)).wall_seconds)
    yield Row(name, f"{ratio(taken[1], taken[0]):.2f}")


def check(log: Log, output: Output) -> None:
    """Make sure that nothing was lost, and nothing doubled.

    Raises:
        BenchError: The documents are not those of the log.
    """
    if (output.logins, output.sessions) != (log.logins, log.sessions):
        raise BenchError(
            f"{log.path} has {log.logins} logins and {log.sessions} ends of sessions, and"
            f" {output.logins} and {output.sessions} came out"
        )


def ours(path: str) -> Sequence[str]:
    """Return the command of the program."""
    return [PROGRAM, "parse", "-q", "--jobs=1", path]


def reporting(path: str) -> Sequence[str]:
    """Return the command that makes a page of a log."""
    return [PROGRAM, "report", "--format=html", path]


def searching(end: str) -> Callable[[str], Sequence[str]]:
    """Return a maker of ripgrep's command, with an end for all expressions."""
    return lambda path: ["rg", "--no-config", "-j1", "-c", *ripgrep.arguments(end), path]


def line_by_line(path: str) -> Sequence[str]:
    """Return the command of the yardstick."""
    return [sys.executable, str(yardstick.__file__), path]


def at_most(
    name: str, figure: float, limit: float, goal: float | None = None, *, digits: int = 2
) -> Row:
    """Make a row with a limit that the figure is not to exceed."""
    return Row(
        name,
        f"{figure:.{digits}f}",
        f"{limit:g}",
        "" if goal is None else f"{goal:g}",
        kept=figure <= limit,
    )
