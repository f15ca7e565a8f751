"""Writes corpora to disk: `python -m tests.corpus traffic --seed 1 --megabytes 100 --out mail.log`.

Prints how many logins it wrote, so that a reader can check that none was lost.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

from tests.corpus.hostile import hostile
from tests.corpus.many_open import many_open
from tests.corpus.traffic import storm, traffic

_MEGABYTE = 1_000_000


def main(arguments: list[str]) -> None:
    """Write the corpus that the arguments name.

    Args:
        arguments: Those of the command line, without the name of the program.
    """
    parser = ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("corpus", choices=("traffic", "storm", "hostile", "many-open"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--megabytes", type=float, default=100, help="of traffic and storm")
    parser.add_argument("--out", type=Path, required=True, help="a file; else a folder")
    options = parser.parse_args(arguments)
    seed: int = options.seed
    out: Path = options.out
    if options.corpus in {"traffic", "storm"}:
        stream = (traffic if options.corpus == "traffic" else storm)(
            seed, int(options.megabytes * _MEGABYTE)
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("wb") as file:
            file.writelines(stream)
        logins, sessions, size, lines = stream.logins, stream.sessions, stream.size, stream.lines
    else:
        corpus = hostile(seed) if options.corpus == "hostile" else many_open(seed)
        for path, content in corpus.files.items():
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_bytes(content)
        sessions = sum(event.action == "smtp-session-closed" for event in corpus.expected)
        logins = len(corpus.expected) - sessions
        size = sum(map(len, corpus.files.values()))
        lines = sum(content.count(b"\n") for content in corpus.files.values())
    sys.stdout.write(f"logins={logins} sessions={sessions} lines={lines} bytes={size}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
