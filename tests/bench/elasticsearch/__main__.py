"""Prints the table of the rate into Elasticsearch as Markdown; ends with 1 if a limit is not kept.

A server that was just started compiles what it does often, and is slow until then: the first rounds
are not counted. Ways take turns, each with a data stream of its own, so that a machine that is busy
for a while is busy for all; the figures are those of the middle round of each.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.__main__ import line, machine, say
from tests.bench.corpora import Corpora
from tests.bench.elasticsearch.rows import CONNECTIONS, REQUEST, Bench, measure_all
from tests.bench.elasticsearch.storm import Storm
from tests.bench.elasticsearch.target import started
from tests.bench.measuring import BenchError
from tests.bench.rows import Row

MEGABYTES = 20
"""Of a log; 40,000 documents, which take the fastest some four seconds."""
ROUNDS = 8
"""Even: each second one goes backwards. One round alone is off by a tenth to either side."""
WARM_UP = 8
"""Rounds. By then, the server takes a third of what it took in the first."""


def main(arguments: Sequence[str]) -> int:
    """Measure, and print.

    Args:
        arguments: Those of the command line, without the name of the program.

    Returns:
        The exit code.
    """
    parser = ArgumentParser(prog="python -m tests.bench.elasticsearch", description=__doc__)
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help="of log")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"(default: {ROUNDS})")
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help=f"(default: {WARM_UP})")
    options = parser.parse_args(arguments)
    rows = []
    with TemporaryDirectory(prefix="esa-forwarder-bench-") as work:
        folder = Path(work)
        try:
            with started(folder / "server") as target:
                log = Corpora(folder / "logs").make("storm", options.megabytes)
                storm = Storm(log, folder / "storm", REQUEST)
                say(
                    f"{', '.join(list(machine())[:3])}; Elasticsearch {target.node.version},"
                    f" one node; {storm.count:,} documents, {CONNECTIONS} connections\n"
                )
                say(line(Row("what", "figure", "limit", "goal")))
                say("|---|---:|---:|---:|---|")
                bench = Bench(target, storm, folder)
                for row in measure_all(bench, storm.count, options.rounds, options.warm_up):
                    rows.append(row)
                    say(line(row))
        except BenchError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
