"""Prints the table of speed as Markdown; ends with 1 if a limit is not kept."""

import os
import platform
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.against import against
from tests.bench.corpora import Corpora
from tests.bench.measuring import BenchError
from tests.bench.rows import Row, Sizes, measure_all
from tests.bench.service_rows import service
from tests.bench.syslog_rows import syslog

ROUNDS = 5
QUICK_MEGABYTES = 20

Part = Callable[[Corpora, Sizes], Iterator[Row]]
"""Measures some of the rows."""


def main(arguments: Sequence[str]) -> int:
    """Measure, and print.

    Args:
        arguments: Those of the command line, without the name of the program.

    Returns:
        The exit code.
    """
    parser = ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--megabytes",
        type=float,
        default=200,
        help="of traffic; half of it for the storm, five times for memory (default: 200)",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"(default: {ROUNDS})")
    parser.add_argument("--service", action="store_true", help="only the rows of the service")
    parser.add_argument(
        "--against",
        metavar="COMMAND",
        help="only the rows that compare with an earlier version, whose command this is",
    )
    parser.add_argument("--quick", action="store_true", help=f"with {QUICK_MEGABYTES} MB")
    options = parser.parse_args(arguments)
    sizes = Sizes(QUICK_MEGABYTES if options.quick else options.megabytes, options.rounds)
    rows = []
    say(f"{', '.join(machine())}; {sizes.megabytes:g} MB of traffic\n")
    say(line(Row("what", "figure", "limit", "goal")))
    say("|---|---:|---:|---:|---|")
    with TemporaryDirectory(prefix="esa-forwarder-bench-") as folder:
        try:
            corpora = Corpora(Path(folder))
            if options.against:
                parts: list[Part] = [partial(against, earlier=options.against)]
            else:
                parts = [service, syslog] if options.service else [measure_all, service, syslog]
            for row in chain.from_iterable(part(corpora, sizes) for part in parts):
                rows.append(row)
                say(line(row))
        except BenchError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
    return 0 if all(row.kept for row in rows) else 1


def machine() -> Iterator[str]:
    """Say what the figures were measured on."""
    names = re.findall(r"(?m)^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"))
    yield names[0] if names else platform.machine()
    cores = len(os.sched_getaffinity(0))
    yield f"{cores} core{'' if cores == 1 else 's'}"
    yield f"Python {platform.python_version()}"
    rg = shutil.which("rg")
    if rg is None:
        yield "no ripgrep"
    else:
        said = subprocess.run([rg, "--version"], check=True, capture_output=True, text=True)  # noqa: S603
        yield said.stdout.splitlines()[0]


def line(row: Row) -> str:
    """Return a row of the table."""
    cells = (row.name, row.figure, row.limit, row.goal, "" if row.kept else "over the limit")
    return f"| {' | '.join(cells)} |"


def say(text: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
