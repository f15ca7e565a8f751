"""Files that are there twice."""

import gzip
import os
import random
from pathlib import Path

import pytest

from forwarder.inputs.files.discovery import find_repeated

HEADER = b"Wed Apr 22 11:00:00 2009 Info: Begin Logfile\n"
LONG = HEADER + random.Random(7).randbytes(200_000)


def write(folder: Path, contents: dict[str, bytes]) -> list[str]:
    """Write the files and return their paths in the order given."""
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in contents]


def damage(compressed: bytes) -> bytes:
    """Turn a bit in the middle."""
    at = len(compressed) // 2
    return compressed[:at] + bytes([compressed[at] ^ 16]) + compressed[at + 1 :]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        pytest.param({"a": HEADER, "b": HEADER}, {"b": "a"}, id="plain"),
        pytest.param({"b": HEADER, "a": HEADER}, {"a": "b"}, id="first in order stays"),
        pytest.param({"a": HEADER, "b": gzip.compress(HEADER)}, {"b": "a"}, id="compressed"),
        pytest.param({"a": gzip.compress(LONG, 1), "b": LONG}, {"b": "a"}, id="compressed first"),
        pytest.param(
            {"a": gzip.compress(LONG, 1), "b": gzip.compress(LONG, 9, mtime=1)},
            {"b": "a"},
            id="compressed twice",
        ),
        pytest.param(
            {"a": LONG, "b": gzip.compress(LONG[:99_999]) + gzip.compress(LONG[99_999:])},
            {"b": "a"},
            id="compressed in members",
        ),
        pytest.param({"a": LONG, "b": LONG, "c": LONG}, {"b": "a", "c": "a"}, id="three"),
        pytest.param(
            {"a": LONG, "b": HEADER, "c": LONG, "d": HEADER},
            {"c": "a", "d": "b"},
            id="two pairs, one of them the beginning of the other",
        ),
        pytest.param({"a": LONG, "b": LONG[:-1] + b"x"}, {}, id="last byte differs"),
        pytest.param({"a": LONG, "b": LONG[:-1]}, {}, id="one begins the other"),
        pytest.param(
            {"a": LONG, "b": LONG[:-1] + b"x", "c": LONG, "d": gzip.compress(LONG[:-1])},
            {"c": "a"},
            id="some of one head",
        ),
        pytest.param({"a": b"", "b": b"", "c": gzip.compress(b"")}, {}, id="empty"),
        pytest.param({"a": b"x", "b": b"x", "c": b"y"}, {"b": "a"}, id="one byte"),
        pytest.param(
            {"a": gzip.compress(LONG)[:-1], "b": gzip.compress(LONG)[:-1]}, {}, id="cut off"
        ),
        pytest.param({"a": LONG, "b": gzip.compress(LONG)[:-1]}, {}, id="only the trailer missing"),
        pytest.param({"a": LONG, "b": damage(gzip.compress(LONG))}, {}, id="damaged"),
        pytest.param({"a": b"\x1f\x8b", "b": b"\x1f\x8b"}, {}, id="two bytes of gzip"),
        pytest.param({"a": b"BZh91AY", "b": b"BZh91AY"}, {}, id="not unpacked here"),
        pytest.param({"a": LONG}, {}, id="alone"),
        pytest.param({}, {}, id="none"),
    ],
)
def test_same_content_is_found_and_nothing_else(
    tmp_path: Path, contents: dict[str, bytes], expected: dict[str, str]
) -> None:
    """The same is not read again; anything else is."""
    found = find_repeated(write(tmp_path, contents))
    assert expected == {Path(left).name: Path(read).name for left, read in found.items()}


def test_a_pipe_is_left_alone(tmp_path: Path) -> None:
    """Opening a FIFO would wait for a writer for ever, and what is read from it is gone."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert find_repeated([str(fifo), "-"]) == {}


def test_a_file_that_went_away_is_like_no_other(tmp_path: Path) -> None:
    """Between finding and comparing, anything may happen."""
    paths = write(tmp_path, {"a": HEADER, "b": HEADER, "c": HEADER})
    (tmp_path / "a").unlink()
    assert find_repeated(paths) == {str(tmp_path / "c"): str(tmp_path / "b")}


def test_different_files_are_not_read_whole(tmp_path: Path) -> None:
    """A sparse terabyte beside a byte takes no time: heads differ."""
    paths = write(tmp_path, {"a": b"a", "b": b"b", "c": b"c"})
    for path, size in zip(paths, (1 << 40, 1 << 40, 1), strict=True):
        os.truncate(path, size)
    assert find_repeated(paths) == {}
