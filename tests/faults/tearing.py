"""What a power cut does to SQLite's log of changes: its end is missing, or was never written."""

import struct
from pathlib import Path
from random import Random

_HEADER = struct.Struct(">4I2I2I")  # magic, version, page size, number, salts, checksums
_FRAME = struct.Struct(">2I2I2I")  # page, pages of the database if it ends a transaction, salts


def transactions(log: Path) -> list[tuple[int, int]]:
    """Return where each transaction begins and ends in the log, in bytes."""
    content = log.read_bytes()
    if len(content) < _HEADER.size:
        return []
    _, _, page, _, *salts, _, _ = _HEADER.unpack_from(content)
    found = []
    begin = at = _HEADER.size
    while at + _FRAME.size + page <= len(content):
        _, pages, *own, _, _ = _FRAME.unpack_from(content, at)
        if own != salts:
            break
        at += _FRAME.size + page
        if pages:
            found.append((begin, at))
            begin = at
    return found


def tear(log: Path, chance: Random) -> bool:
    """Cut the last transaction off within itself, or fill its end with what was there before.

    Returns:
        Whether there was one.
    """
    found = transactions(log)
    if not found:
        return False
    begin, end = found[-1]
    at = chance.randrange(begin, end)
    content = bytearray(log.read_bytes())
    if chance.random() < 0.5:
        del content[at:]
    else:
        content[at:end] = bytes(end - at)
    log.write_bytes(content)
    return True
