"""Searches for bytes that break a law: ``python -m tests.fuzz log|stream [OPTION]...``.

The inputs that reach something new are kept in build/fuzz/NAME, where the next search begins. What
breaks a law is written to build/fuzz/broken-NAME-..., and given as an argument shows how. Options
are those of libFuzzer.
"""

import hashlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["forwarder"]):
    from tests.fuzz import laws

FOUND = Path("build/fuzz")
_BYTES = 0.6
"""How often bytes are changed, and not lines."""


def main() -> None:
    """Search."""
    name, *options = sys.argv[1:]
    check, seeds = laws.LAWS[name]
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds():
        for option in (b"\x08", b"\x09"):
            content = option + seed
            (folder / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)
    corpus = [str(folder), str(laws.CORPUS / name)]
    if any(Path(x).is_file() for x in options):
        corpus = []
    prefix = f"-artifact_prefix={FOUND}/broken-{name}-"
    lines = [y for x in seeds() for y in x.splitlines(keepends=True)]
    arguments = [sys.argv[0], prefix, *options, *corpus]
    atheris.Setup(arguments, check, custom_mutator=partial(mutate, lines))
    atheris.Fuzz()


def mutate(known: Sequence[bytes], data: bytes, max_size: int, seed: int) -> bytes:
    """Change bytes, or else lines: a connection is several, which bytes alone hardly ever make."""
    random = Random(seed)
    if random.random() < _BYTES:
        return bytes(atheris.Mutate(data, max_size))
    option, lines = data[:1], data[1:].splitlines(keepends=True)
    place = random.randint(0, len(lines))
    match random.randrange(3):
        case 0:
            lines.insert(place, random.choice(known))
        case 1:
            lines.insert(place, random.choice(lines or known))
        case _:
            del lines[place : place + 1]
    return (option + b"".join(lines))[:max_size]


if __name__ == "__main__":
    main()
