"""Which of the logs that were read before a file is, if any.

The bytes of the file are compared with what is remembered of others, and with the files that
these are read from, a block at a time, so that a large one holds up nothing. The rules:

- A file that begins with all that was read of a log goes on where that ends, if the log's own
  file is gone: it was renamed, moved or packed.
- If the log's own file is there, both files are compared as far as both go. A file that differs
  is a log of its own, whatever the two begin with. A file that is a beginning of the other is a
  copy and needs no reading. A file that is longer takes the place of one that nobody writes to
  (an upload that broke off and was made again); beside a live one it is a log of its own.
- A file that is a beginning of a log whose own file is gone may be a copy on its way, or another
  log that has not differed yet. A live one is read at once; others, when they rest. So nothing is
  lost; what may happen is that the copy of a file that is gone, cut short, is read once more.
- A closed file that is just what was read of another appliance's log stays that one's, if the log's
  own file is gone. If it is there, the file is a log of its own appliance.
"""

from collections.abc import Generator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from forwarder.inputs.files.file_handle import FileHandle
from forwarder.inputs.files.fingerprints import Fingerprint

BLOCK_BYTES = 1 << 17
"""128 KiB at once, as much as is read for the flow."""

MAX_RIVALS = 8
"""Files that one is compared with byte by byte. More of them can only be many logs that begin with
the whole content of the file; then it is read as one of its own."""


class Relation(Enum):
    """How a file relates to the file that a log is read from, as far as both go."""

    NO_FILE = auto()
    BEGINNING = auto()
    """It is the same or a beginning of it."""
    LONGER = auto()
    """It begins with all of the other."""
    DIFFERENT = auto()


class Identity(Enum):
    """What a file is."""

    CONTINUE = auto()
    """The log goes on in this file."""
    COPY = auto()
    """All of it is in the log already, or is about to be read there."""
    NEW = auto()
    """It is another log."""
    WAIT = auto()
    """It cannot be said yet."""


class Comparison(NamedTuple):
    """What is known of a file beside a log that it may be."""

    whole: bool
    """Whether it begins with all that was read of the log; if not, it ends within that."""
    relation: Relation
    live: bool
    """Whether it may be written to, by its name."""
    other_live: bool
    """Whether the log's own file may be written to."""
    settled: bool
    """Whether it has not changed for so long that nobody is at it."""


class Candidates(NamedTuple):
    """The logs that a file may be."""

    whole: tuple[str, ...]
    """Keys of those of which it holds all that was read, the longest first."""
    beginning: tuple[str, ...]
    """Keys of those that it is a beginning of, as far as can be told."""


def judge(file: Comparison) -> Identity:
    """Say what a file is, beside one log that it is like."""
    match file.relation:
        case Relation.DIFFERENT:
            return Identity.NEW
        case Relation.BEGINNING:
            return Identity.COPY
        case Relation.LONGER:
            if not file.whole:  # the other is damaged; there is nothing in this one that is new
                return Identity.COPY
            return Identity.NEW if file.other_live else Identity.CONTINUE
        case Relation.NO_FILE:
            if file.whole:
                return Identity.CONTINUE
            return Identity.NEW if file.live or file.settled else Identity.WAIT


def match_fingerprints(
    source: FileHandle, known: Mapping[str, Fingerprint]
) -> Generator[None, None, Candidates]:
    """Compare a file with what was read of logs; one block a step.

    Args:
        source: The file; it is read from its beginning.
        known: By key, what was read of each log that it may be.

    Returns:
        The logs that it is like.
    """
    source.restart()
    own = Fingerprint()
    whole: list[str] = []
    for key, other in sorted(known.items(), key=lambda item: item[1].size):
        while own.size < other.size and own.may_be(other):
            data = source.read(min(BLOCK_BYTES, other.size - own.size))
            if not data and not source.pending:
                longer = [x for x, y in known.items() if y.size > own.size and own.may_be(y)]
                return Candidates(tuple(reversed(whole)), tuple(sorted(longer)))
            own = own.extend(data)
            yield
        if own.equals(other):
            whole.append(key)
    return Candidates(tuple(reversed(whole)), ())


def compare_content(source: FileHandle, other: FileHandle) -> Generator[None, None, Relation]:
    """Compare a file with another, byte by byte as far as both go; one block a step."""
    source.restart()
    other.restart()
    while True:
        ours, theirs = (yield from _read_block(source)), (yield from _read_block(other))
        common = min(len(ours), len(theirs))
        if ours[:common] != theirs[:common]:
            return Relation.DIFFERENT
        if common < BLOCK_BYTES:
            return Relation.BEGINNING if len(ours) == common else Relation.LONGER
        yield


def _read_block(source: FileHandle) -> Generator[None, None, bytes]:
    """Read a full block, or to the end: what is unpacked may come in less."""
    block = b""
    while len(block) < BLOCK_BYTES:
        data = source.read(BLOCK_BYTES - len(block))
        if source.pending:
            yield
        elif not data:
            break
        block += data
    return block
