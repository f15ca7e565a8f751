"""Kills a program that writes to the output ``file``, again and again, and counts what is there.

    python -m tests.file_kills FOLDER --lines 7        at every 7th line of the plugin's code
    python -m tests.file_kills FOLDER --moments 20     at 20 random moments, with large batches

The program stands for the host: it writes batches from a cursor, and moves the cursor behind each
that was written. It is forked from here, so that starting it costs little. Batches are cut again
whenever it starts. Files get full quickly, and are compressed.
"""

import gzip
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import click
from forwarder_file import FileOutput, Settings

from forwarder import Document
from forwarder.testing import make_documents


class Plan(NamedTuple):
    """What the program writes."""

    documents: Sequence[Document]
    sizes: Sequence[int]
    """Of batches, to choose from."""
    max_bytes: int


SMALL = Plan(make_documents(60), (1, 2, 3, 5, 8, 13), 3_000)
LARGE = Plan(make_documents(40_000, text="x" * 1_800), (1_000, 5_000, 10_000), 15_000_000)


def write(folder: Path, plan: Plan, seed: int) -> None:
    """Be the program: write from the cursor to the end."""
    chance = random.Random(seed)
    now = 1_772_000_000.0
    settings = Settings.model_validate(
        {
            "path": folder / "auth.ndjson",
            "rotate": {"max_bytes": plan.max_bytes, "daily": True},
            "gzip": True,
        }
    )
    output = FileOutput(settings, lambda: now)
    cursor = folder / "cursor"
    output.open()
    while (start := int(cursor.read_text())) < len(plan.documents):
        batch = plan.documents[start : start + chance.choice(plan.sizes)]
        assert output.write(batch) == []
        # A rename is never seen half done.
        (folder / "cursor.new").write_text(str(start + len(batch)))
        (folder / "cursor.new").rename(cursor)
        now += chance.choice((0, 0, 0, 3600, 86_400))
    output.close()


def killed_at_line(count: int, action: Callable[[], None]) -> Callable[[], None]:
    """Make an action that is killed before the given line of the plugin's code, if it gets there.

    Lines of all threads are counted.
    """
    left = [count]

    def trace(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - itself
        if "forwarder_file" not in frame.f_code.co_filename:
            return None
        if event == "line":
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def run() -> None:
        threading.settrace(trace)
        sys.settrace(trace)
        action()

    return run


def fork(action: Callable[[], None]) -> int:
    """Start a process that does something and ends."""
    number = os.fork()
    if number:
        return number
    try:
        action()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - nothing may get out into the parent's code
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)


def was_killed(number: int) -> bool:
    """Wait for a process; it ends well, or by being killed."""
    _, status = os.waitpid(number, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, -signal.SIGKILL}, code
    return code != 0


def count(folder: Path, plan: Plan) -> Counter[str]:
    """Return how many documents were lost, came twice, are out of order or damaged."""
    lines: list[bytes] = []
    for path in [*sorted(folder.glob("auth.ndjson.*")), folder / "auth.ndjson"]:
        content = path.read_bytes()
        lines += (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines(
            keepends=True
        )
    bodies = [x.body + b"\n" for x in plan.documents]
    there = Counter(lines)
    return Counter(
        lost=len(set(bodies) - set(there)),
        doubled=there.total() - len(there),
        damaged=len(set(there) - set(bodies)),
        disordered=int(list(dict.fromkeys(lines)) != bodies),
        left=len(list(folder.glob(".*.part"))),
    )


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--lines", type=int, default=0)
@click.option("--moments", type=int, default=0)
@click.option("--seed", type=int, default=lambda: random.randrange(1 << 32))
def main(folder: Path, lines: int, moments: int, seed: int) -> None:
    """Print what was found as one JSON object."""
    chance = random.Random(seed)
    found: Counter[str] = Counter()
    if lines:
        at = chance.randint(1, lines)
        goes_on = True
        while goes_on:
            found["runs"] += 1
            target = folder / str(at)
            target.mkdir()
            (target / "cursor").write_text("0")

            def work(target: Path = target) -> None:
                write(target, SMALL, chance.randrange(1 << 32))

            # Once within the whole run, once more soon after it began again, then to the end.
            goes_on = was_killed(fork(killed_at_line(at, work)))
            found["kills"] += goes_on
            found["kills"] += was_killed(fork(killed_at_line(chance.randint(1, 300), work)))
            assert not was_killed(fork(work))
            found += count(target, SMALL)
            at += lines
    while moments > found["kills"]:
        found["runs"] += 1
        target = folder / f"moments-{found['runs']}"
        target.mkdir()
        (target / "cursor").write_text("0")
        is_killed = True
        while is_killed:  # until one gets to the end before it is its turn

            def work(target: Path = target) -> None:
                write(target, LARGE, chance.randrange(1 << 32))

            process = fork(work)
            time.sleep(chance.uniform(0, 0.2))
            if moments > found["kills"]:
                os.kill(process, signal.SIGKILL)
            is_killed = was_killed(process)
            found["kills"] += is_killed
        found += count(target, LARGE)
    click.echo(json.dumps({"seed": seed, **found}))


if __name__ == "__main__":
    main()
