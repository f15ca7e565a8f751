"""Which log a file is: the table of verdicts."""

import gzip
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

import pytest

from forwarder.inputs.files.file_handle import NOTHING, FileHandle
from forwarder.inputs.files.identify import (
    BLOCK_BYTES,
    Identity,
    Relation,
    compare_content,
    decide,
    match_fingerprints,
)

T = TypeVar("T")


def run(steps: Generator[None, None, T]) -> T:
    """Do all steps."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def source(path: Path, content: bytes) -> FileHandle:
    """Write a file and open it."""
    path.write_bytes(content)
    status = path.stat()
    return FileHandle(str(path), (status.st_dev, status.st_ino))


NO_FILE, BEGINNING, LONGER, DIFFERENT = Relation


@pytest.mark.parametrize(
    ("whole", "relation", "waits", "expected"),
    [
        # Its own file is gone: it goes on here, if all of it is here.
        (True, NO_FILE, True, Identity.CONTINUE),
        (True, NO_FILE, False, Identity.CONTINUE),
        # A beginning of what is gone: a copy on its way, or another log.
        (False, NO_FILE, True, Identity.WAIT),
        (False, NO_FILE, False, Identity.NEW),
        # Compared with its own file.
        (True, DIFFERENT, True, Identity.NEW),
        (False, DIFFERENT, True, Identity.NEW),
        (True, BEGINNING, False, Identity.COPY),
        (False, BEGINNING, True, Identity.COPY),
        # Longer: an upload made again.
        (True, LONGER, True, Identity.CONTINUE),
        # The own file is damaged and shorter than what was read of it.
        (False, LONGER, True, Identity.COPY),
    ],
)
def test_verdicts(
    whole: bool,  # noqa: FBT001
    relation: Relation,
    waits: bool,  # noqa: FBT001
    expected: Identity,
) -> None:
    """Each row is a case of the rules."""
    assert decide(relation, whole=whole, waits=waits) is expected


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_is_like_what_it_begins_with_and_what_begins_with_it(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """The longest whole first; what differs anywhere is out."""
    content = bytes(range(256)) * 1200
    differs = content[:200_000] + b"!" + content[200_001:]
    known = {
        "short": NOTHING.extend(content[:10]),
        "same": NOTHING.extend(content),
        "differs": NOTHING.extend(differs),
        "head": NOTHING.extend(content[:150_000]),
        "longer": NOTHING.extend(content + b"more"),
        "other": NOTHING.extend(b"other"),
    }
    file = source(tmp_path / "mail.log", pack(content))
    assert run(match_fingerprints(file, known)) == (["same", "head", "short"], ["longer"])
    file.close()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_two_files_are_compared_as_far_as_both_go(
    tmp_path: Path, pack: Callable[[bytes], bytes], size: int
) -> None:
    """Plain or compressed, across blocks."""
    content = (bytes(range(256)) * 1200)[:size]
    for other_content, expected in [
        (content, BEGINNING),
        (content + b"more", BEGINNING),
        (content[:-1], LONGER if size else BEGINNING),
        (content[:-1] + b"!", DIFFERENT if size else BEGINNING),
    ]:
        file = source(tmp_path / "mail.log", content)
        other = source(tmp_path / "mail.log.1", pack(other_content))
        assert run(compare_content(file, other)) is expected
        file.close()
        other.close()
