"""Open files."""

import gzip
import os
from pathlib import Path

import pytest

from forwarder.inputs.files.file_handle import (
    NOTHING,
    FileHandle,
    HandleCache,
    Inode,
)


def inode(path: Path) -> Inode:
    """Return what says which file it is."""
    status = path.stat()
    return status.st_dev, status.st_ino


def test_reading_goes_on_behind_what_is_known(tmp_path: Path) -> None:
    """If the bytes before are still there."""
    path = tmp_path / "mail.log"
    path.write_bytes(b"known and new")
    source = FileHandle(str(path), inode(path))
    known = NOTHING.extend(b"known")
    assert source.read_after(known, 100) == b" and new"
    assert source.read_after(known.extend(b" and new"), 100) == b""
    assert source.still_matches(known)
    path.write_bytes(b"other and new")
    assert source.read_after(known, 100) is None
    assert not source.still_matches(known)
    path.write_bytes(b"kn")
    assert source.read_after(known, 100) is None
    source.close()
    source.close()


def test_a_compressed_file_goes_on_only_where_it_stands(tmp_path: Path) -> None:
    """Or from its beginning."""
    path = tmp_path / "mail.log"
    path.write_bytes(gzip.compress(b"known and new"))
    source = FileHandle(str(path), inode(path))
    known = NOTHING.extend(b"known")
    assert source.read_after(known, 100) is None
    assert not source.still_matches(known)
    assert source.read(5) == b"known"
    assert not source.complete
    assert source.read_after(known, 100) == b" and new"
    assert source.read(1) == b""
    assert (source.complete, source.fault) == (True, None)
    source.restart()
    assert source.read(100) == b"known and new"
    source.close()


def test_what_is_not_there_any_more_has_moved(tmp_path: Path) -> None:
    """Nothing, another file, or something that is none."""
    path = tmp_path / "mail.log"
    path.write_bytes(b"1")
    with pytest.raises(FileNotFoundError):
        FileHandle(str(path), (0, 0))
    with pytest.raises(FileNotFoundError):
        FileHandle(str(tmp_path / "none"), (0, 0))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(FileNotFoundError):
        FileHandle(str(tmp_path / "fifo"), inode(tmp_path / "fifo"))


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    """In a sentence, with the path."""
    path = tmp_path / "mail.log"
    path.symlink_to(path)
    with pytest.raises(OSError, match=r"Too many levels"):
        FileHandle(str(path), (0, 0))
    with pytest.raises(FileNotFoundError):  # a folder has the name by now
        FileHandle(str(tmp_path), inode(tmp_path))


def test_only_so_many_files_are_open(tmp_path: Path) -> None:
    """Those that were used last."""
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(b"1")
    opened = HandleCache(2)
    first = opened.open(str(paths[0]), inode(paths[0]))
    opened.open(str(paths[1]), inode(paths[1]))
    assert opened.open("no matter", inode(paths[0])) is first
    opened.open(str(paths[2]), inode(paths[2]))
    assert [inode(path) in opened for path in paths] == [True, False, True]
    for each in list(opened):
        opened.close(each)
    assert not any(inode(path) in opened for path in paths)
