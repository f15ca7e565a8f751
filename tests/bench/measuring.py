"""What a command takes, as the system counts it."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

PROGRAM = str(Path(sys.executable).with_name("esa-forwarder"))

SESSION_END = b'"smtp-session-closed"'
"""In the documents of the program and of the yardstick, and nowhere else in a made-up log."""


class BenchError(Exception):
    """A figure that would be wrong."""


class Usage(NamedTuple):
    """What a command took, with the processes that it waited for."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    """Of the largest process. The system counts ours in, as it was before the command began: so
    corpora are written by another process."""


class Output(NamedTuple):
    """What a command wrote."""

    logins: int
    sessions: int
    sha256: str


def use(command: Sequence[str], codes: frozenset[int] = frozenset({0})) -> Usage:
    """Run a command, with its output thrown away.

    Args:
        command: Program and arguments.
        codes: Exit codes of a success.

    Raises:
        BenchError: It failed.
    """
    begun = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise BenchError(f"{command[0]} ended with {process.returncode}")
    return Usage(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * 1024)


def look_at(command: Sequence[str]) -> Output:
    """Run a command and count its documents."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        output = count(process.stdout)
    if process.returncode:
        raise BenchError(f"{command[0]} ended with {process.returncode}")
    return output


def count(documents: Iterable[bytes]) -> Output:
    """Count documents, one a line."""
    digest = hashlib.sha256()
    lines = sessions = 0
    for line in documents:
        digest.update(line)
        lines += 1
        sessions += SESSION_END in line
    return Output(lines - sessions, sessions, digest.hexdigest())


def compare(
    commands: Sequence[Callable[[str], Sequence[str]]], path: str, empty: str, rounds: int
) -> list[list[float]]:
    """Measure commands in turn.

    Args:
        commands: Each makes a command for a file.
        path: The file to measure with.
        empty: An empty file, to measure what start-up takes.
        rounds: How many times.

    Returns:
        For each command its CPU seconds over start-up, one a round.
    """
    # ripgrep says 1 where it finds nothing.
    start_up = [
        median(use(x(empty), frozenset({0, 1})).cpu_seconds for _ in range(rounds))
        for x in commands
    ]
    taken: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds):
        for command, before, seconds in zip(commands, start_up, taken, strict=True):
            seconds.append(use(command(path)).cpu_seconds - before)
    return taken


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """Return the median of the ratios of measurements made side by side."""
    return median(x / y for x, y in zip(of, to, strict=True))
