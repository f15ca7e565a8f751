"""Finding files that are there twice: exported again, or packed beside the original.

Appliances push again what failed before, and people keep ``mail.log.1`` beside
``mail.log.1.gz``. Two files are the same if they unpack to the same bytes. To know that without
reading everything twice, files are sifted: only those that begin alike are looked at further,
of those only the ones of one size, and only these are read whole.
"""

import hashlib
import stat
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from forwarder.errors import ForwarderError
from forwarder.inputs.reading import STDIN, plain_bytes, read_blocks

_HEAD_BYTES = 1 << 16
"""64 KiB, some 600 lines: log files begin with the time they were begun, so different ones part
long before; and it is one read ahead for the system, which then has it ready for the reading."""


def find_repeated(paths: Sequence[str]) -> dict[str, str]:
    """Find the files whose whole content another file before them has.

    Empty files, pipes, and files that cannot be read to their end are like no other.

    Args:
        paths: Paths of the files of one appliance, in the order of reading.

    Returns:
        The path of each file that needs no reading, and the first one with the same content.
    """
    repeated: dict[str, str] = {}
    regular = [path for path in paths if _is_regular(path)]
    for alike in _groups({path: _head(path) for path in regular}):
        for same in _groups({path: _whole(path) for path in _of_one_size(alike)}):
            repeated.update(dict.fromkeys(same[1:], same[0]))
    return repeated


def _groups(marks: Mapping[str, Hashable | None]) -> Iterable[list[str]]:
    """Group what has the same mark; None is the mark of what is like no other."""
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for path, mark in marks.items():
        if mark is not None:
            groups[mark].append(path)
    return [group for group in groups.values() if len(group) > 1]


def _of_one_size(paths: Sequence[str]) -> list[str]:
    """Leave out whose size no other has; of packed files it is not known, so all may be like."""
    try:
        sizes = {path: plain_bytes(path) for path in paths}
    except ForwarderError:  # one went away or is being written: too rare to be clever about
        return list(paths)
    count = Counter(sizes.values())
    return [path for path, size in sizes.items() if None in count or count[size] > 1]


def _is_regular(path: str) -> bool:
    if path == STDIN:
        return False
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False


def _head(path: str) -> bytes | None:
    head = b""
    try:
        with closing(read_blocks(path, block_bytes=_HEAD_BYTES)) as blocks:
            for block in blocks:
                head += block
                if len(head) >= _HEAD_BYTES:
                    break
    except ForwarderError:
        return None
    return hashlib.sha256(head[:_HEAD_BYTES]).digest() if head else None


def _whole(path: str) -> bytes | None:
    digest = hashlib.sha256()
    try:
        for block in read_blocks(path):
            digest.update(block)
    except ForwarderError:
        return None
    return digest.digest()
