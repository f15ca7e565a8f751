"""Finding files that are there twice: exported again, packed beside the original, or sent in part.

Appliances push again what failed before, and people keep ``mail.log.1`` beside
``mail.log.1.gz``. A file needs no reading if all that it unpacks to is what another one begins
with. To know that without reading everything twice, files are sifted: only those that begin alike
are read whole for it.
"""

import hashlib
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from forwarder.errors import ForwarderError
from forwarder.inputs.block_reader import STDIN, read_blocks

_HEAD_BYTES = 1 << 12
"""4 KiB, some 40 lines: log files begin with the time they were begun, so different ones part
long before. Those of all files of an appliance are in memory at a time."""


class _Content(NamedTuple):
    """What a file unpacks to."""

    size: int
    digest: bytes


def find_repeated(paths: Sequence[str]) -> dict[str, str]:
    """Find the files whose whole content another file has at its beginning.

    Empty files, pipes, and files that cannot be read to their end are like no other.

    Args:
        paths: Paths of the files of one appliance, in the order of reading.

    Returns:
        The path of each file that needs no reading, and the one that has its content: of those
        with the same, the first; of longer ones, the longest.
    """
    heads = {path: _head(path) for path in paths if _is_regular(path)}
    repeated: dict[str, str] = {}
    for alike in _groups({path: head for path, head in heads.items() if head}):
        if len(alike) > 1:
            # In the order of reading again.
            repeated.update(_contained([path for path in paths if path in alike]))
    return repeated


def _groups(heads: Mapping[str, bytes]) -> Iterable[set[str]]:
    """Group files of which the shortest head begins all the others."""
    ordered = sorted(heads, key=heads.__getitem__)
    group = set(ordered[:1])
    root = heads[ordered[0]] if ordered else b""
    for path in ordered[1:]:
        if not heads[path].startswith(root):
            yield group
            group, root = set(), heads[path]
        group.add(path)
    yield group


def _contained(paths: Sequence[str]) -> dict[str, str]:
    """Find those that another one begins with, or is equal to."""
    contents = {path: content for path in paths if (content := _content(path)) is not None}
    firsts: dict[_Content, str] = {}
    for path, content in contents.items():
        firsts.setdefault(content, path)
    sizes = sorted({x.size for x in firsts})
    within: dict[str, str] = {}
    for content, path in sorted(firsts.items(), key=lambda x: x[0].size, reverse=True):
        smaller = [x for x in sizes if x < content.size]
        for beginning in _beginnings(path, smaller) if path not in within else ():
            if beginning in firsts:
                within.setdefault(firsts[beginning], path)
    return {
        path: within.get(firsts[content], firsts[content])
        for path, content in contents.items()
        if path in within or firsts[content] != path
    }


def _beginnings(path: str, sizes: Sequence[int]) -> Iterable[_Content]:
    """Give the content up to each of these sizes, which rise."""
    if not sizes:
        return []
    digest = hashlib.sha256()
    found = []
    position = 0
    steps = [end - start for start, end in pairwise([0, *sizes])]
    try:
        with closing(read_blocks(path)) as blocks:
            for block in blocks:
                view = memoryview(block)
                while view and steps:
                    taken = view[: steps[0]]
                    digest.update(taken)
                    position += len(taken)
                    steps[0] -= len(taken)
                    view = view[len(taken) :]
                    if not steps[0]:
                        steps.pop(0)
                        found.append(_Content(position, digest.digest()))
                if not steps:
                    break
    except ForwarderError:
        return []
    return found


def _is_regular(path: str) -> bool:
    if path == STDIN:
        return False
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False


def _head(path: str) -> bytes:
    """Give the first bytes; none of a file that cannot be read."""
    head = b""
    try:
        with closing(read_blocks(path, block_bytes=_HEAD_BYTES)) as blocks:
            for block in blocks:
                head += block
                if len(head) >= _HEAD_BYTES:
                    break
    except ForwarderError:
        return b""
    return head[:_HEAD_BYTES]


def _content(path: str) -> _Content | None:
    digest = hashlib.sha256()
    size = 0
    try:
        for block in read_blocks(path):
            digest.update(block)
            size += len(block)
    except ForwarderError:
        return None
    return _Content(size, digest.digest())
