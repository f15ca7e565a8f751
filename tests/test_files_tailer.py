"""The faults that files suffer, one by one: lost 0, doubled 0, unless it says otherwise."""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest

from forwarder.inputs.chunk import Kind
from forwarder.inputs.files.checkpoint import PositionError
from forwarder.inputs.files.discovery import FileSource
from forwarder.inputs.files.tailer import FileTailer
from tests.following import Reader, following, numbered
from tests.test_inputs_block_reader_formats import LINE, archive

OLD, NEW = numbered(range(50)), numbered(range(50, 80))
HEADER = b"Wed Apr 22 11:00:00 2009 Info: Begin Logfile\n" * 30


def write(path: Path, lines: list[bytes], mode: str = "ab") -> Path:
    """Write lines to a file."""
    with path.open(mode) as file:
        file.writelines(lines)
    return path


def assert_each_once(reader: Reader, lines: list[bytes], *, lost: int = 0) -> None:
    """Read to the end, and compare: lost, doubled."""
    reader.finish()
    missing = [x for x in lines if reader.count[x] == 0]
    doubled = [x for x in lines if reader.count[x] > 1]
    assert (missing, doubled) == ([], [])
    assert len(reader.lines) == len(lines)
    assert reader.lost == lost


Change = Callable[[Path], None]


def rename(live: Path) -> None:
    """Rename and create, as logrotate does."""
    live.rename(live.with_name("mail.log.1"))


def rename_twice(live: Path) -> None:
    """Rename what was renamed, too."""
    rename(live)
    live.with_name("mail.log.1").rename(live.with_name("mail.log.2"))


def rename_and_pack(live: Path) -> None:
    """Rename, then pack."""
    rename(live)
    pack(live.with_name("mail.log.1"))


def copytruncate(live: Path) -> None:
    """Copy, then truncate."""
    shutil.copy(live, live.with_name("mail.log.1"))
    os.truncate(live, 0)


def copytruncate_and_pack(live: Path) -> None:
    """Copy, then truncate, then pack the copy."""
    copytruncate(live)
    pack(live.with_name("mail.log.1"))


def pack(path: Path) -> Path:
    """Replace a file with a compressed one, as gzip(1) does."""
    compressed = path.with_name(path.name + ".gz")
    compressed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return compressed


ROTATIONS = [rename, rename_twice, rename_and_pack, copytruncate, copytruncate_and_pack]


@pytest.mark.parametrize("rotate", ROTATIONS)
@pytest.mark.parametrize("read_before", [0, 20, 50])
@pytest.mark.parametrize("while_stopped", [False, True])
def test_rotation(tmp_path: Path, rotate: Change, read_before: int, *, while_stopped: bool) -> None:
    """In each way, all, part or none of the file read before, while followed or while stopped."""
    reader = following(tmp_path)
    live = write(tmp_path / "mail.log", OLD[:read_before])
    reader.settle()
    reader.commit()
    if while_stopped:
        reader.following.close()
    write(live, OLD[read_before:])
    rotate(live)
    write(live, NEW)
    if while_stopped:
        reader.start()
    assert_each_once(reader, OLD + NEW)


@pytest.mark.parametrize("ending", [".c", ".current"])
def test_the_live_file_gets_its_closed_name(tmp_path: Path, ending: str) -> None:
    """And another one is begun: the old one is complete when it has rested."""
    reader = following(tmp_path)
    live = write(tmp_path / f"mail.@20090422T110000{ending}", [*OLD, b"unterminated"])
    reader.settle()
    assert [x.kind for x in reader.pieces] == [Kind.IDLE]
    live.rename(tmp_path / "mail.@20090422T110000.s")
    write(tmp_path / f"mail.@20090422T120000{ending}", NEW)
    reader.settle(seconds=1)
    assert [x.kind for x in reader.pieces[1:]] == [Kind.IDLE]
    reader.settle(seconds=11)
    assert reader.pieces[-1].kind is Kind.END
    assert_each_once(reader, [*OLD, b"unterminated", *NEW])


@pytest.mark.parametrize("size", [10, len(b"".join(OLD)), 5000])
def test_truncate_and_rewrite(tmp_path: Path, size: int) -> None:
    """To less, to as much and to more than was read: what is there now is read."""
    reader = following(tmp_path)
    live = write(tmp_path / "mail.log", OLD)
    reader.settle()
    content = (b"another %d\n" % size + b"x" * size)[: size - 1] + b"\n"
    write(live, [content], "wb")
    assert_each_once(reader, [*OLD, *content.splitlines(keepends=True)])


def test_truncation_while_behind(tmp_path: Path) -> None:
    """What was seen and not read is lost, counted in bytes and said once."""
    reader = following(tmp_path, block_bytes=100, read_bytes=100)
    live = write(tmp_path / "mail.log", OLD)
    reader.read()
    write(live, NEW, "wb")
    reader.settle(times=4)
    assert reader.problems == []
    reader.settle(seconds=61)
    lost = len(b"".join(OLD)) - 100
    assert [x for x in reader.problems if f"{lost} bytes at its end" in x] == reader.problems
    reader.settle(seconds=61)
    assert len(reader.problems) == 1
    assert_each_once(reader, OLD[: 100 // len(OLD[0])] + NEW, lost=lost)


def test_delete_and_create_with_the_same_inode(tmp_path: Path) -> None:
    """The new file is longer than the old one was, and still read from its first byte."""
    reader = following(tmp_path)
    live = write(tmp_path / "mail.log", NEW)
    reader.settle()
    reader.commit()
    inode = live.stat().st_ino
    reader.following.close()
    live.unlink()
    write(live, OLD)
    if live.stat().st_ino != inode:
        pytest.skip("this file system does not use inodes again at once")
    reader.start()
    assert_each_once(reader, OLD + NEW)


@pytest.mark.parametrize("length", [100, len(HEADER)])
@pytest.mark.parametrize("while_stopped", [False, True])
def test_files_with_the_same_beginning(tmp_path: Path, length: int, *, while_stopped: bool) -> None:
    """Of more than a KiB: each is read, also if the first one had only that at first."""
    reader = following(tmp_path)
    header = HEADER[: length - 1] + b"\n"
    first = write(tmp_path / "mail.a.log", [header])
    reader.settle()
    reader.commit()
    if while_stopped:
        reader.crash()
    write(tmp_path / "mail.b.log", [header, *OLD])
    reader.settle()
    write(first, NEW)
    reader.finish()
    assert [x for x in OLD + NEW if reader.count[x] != 1] == []


def test_a_file_with_the_same_beginning_is_read_at_once(tmp_path: Path) -> None:
    """A live one does not wait until it is longer than what it might be a copy of."""
    reader = following(tmp_path)
    write(tmp_path / "mail.a.log", [HEADER, *OLD])
    reader.settle()
    (tmp_path / "mail.a.log").unlink()
    reader.settle(times=3)
    write(tmp_path / "mail.b.log", [HEADER, NEW[0]])
    reader.settle(seconds=1)
    assert reader.pieces[-1].data.endswith(NEW[0])


@pytest.mark.parametrize("size", [1, 2, 20, 63, 64, 65])
def test_small_files(tmp_path: Path, size: int) -> None:
    """From one byte on they are read at once, grow, and are known again."""
    reader = following(tmp_path)
    content = b"0123456789" * 10
    live = write(tmp_path / "mail.log", [content[:size]])
    reader.settle(seconds=1)
    assert [x.data for x in reader.pieces] == [content[:size]]
    write(live, [content[size:], b"\n"])
    reader.settle(seconds=1)
    reader.commit()
    rename_and_pack(live)
    reader.crash()
    assert_each_once(reader, [content + b"\n"])


def test_an_unterminated_line_over_a_restart(tmp_path: Path) -> None:
    """It waits for its rest, however long, and is complete when its file is closed."""
    reader = following(tmp_path)
    live = write(tmp_path / "mail.log", [b"one\n", b"tw"])
    reader.settle(seconds=100, times=3)
    reader.commit()
    assert reader.lines == [b"one\n"]
    reader.crash()
    write(live, [b"o\n", b"thr"])
    reader.settle(seconds=100)
    reader.commit()
    assert reader.lines == [b"one\n", b"two\n"]
    reader.crash()
    rename(live)
    assert_each_once(reader, [b"one\n", b"two\n", b"thr"])


def test_what_was_saved_comes_with_the_first_piece_even_without_data(tmp_path: Path) -> None:
    """A file that rests behind a restart says so before it grows: a header is not forgotten."""
    reader = following(tmp_path)
    path = write(tmp_path / "mail.@20090422T110000.s", OLD)
    reader.read()
    reader.commit()
    before = len(reader.pieces)
    reader.crash()
    reader.settle(seconds=2, times=2)
    (first,) = reader.pieces[before:]
    assert (first.data, first.kind, first.offset) == (b"", Kind.IDLE, len(b"".join(OLD)))
    assert first.resume == b"resume at %d" % first.offset
    write(path, NEW)
    assert_each_once(reader, OLD + NEW)
    assert {x.resume for x in reader.pieces[before + 1 :]} == {None}


def test_a_start_where_nothing_is_new_saves_nothing(tmp_path: Path) -> None:
    """However many files there are."""
    reader = following(tmp_path)
    for number in range(300):
        write(tmp_path / f"mail.{number}", [b"the line of %d\n" % number])
    reader.finish()
    reader.crash()
    before = len(reader.pieces)
    reader.settle(times=4)
    assert reader.is_drained()
    assert reader.following.save({}) == []
    assert reader.pieces[before:] == []


def test_a_log_that_has_ended_goes_on_behind_a_start(tmp_path: Path) -> None:
    """With what was saved, also if it was given another name meanwhile, and that was saved."""
    reader = following(tmp_path)
    path = write(tmp_path / "mail.log.1", OLD)
    reader.finish()
    reader.crash()
    reader.settle()
    path = path.rename(tmp_path / "mail.log.2")
    reader.finish()
    reader.crash()
    before = len(reader.pieces)
    write(path, NEW)
    reader.finish()
    assert reader.lines == OLD + NEW
    first, *_ = reader.pieces[before:]
    assert first.resume == b"resume at %d" % len(b"".join(OLD))


def test_a_file_in_the_place_of_one_that_has_ended_is_read(tmp_path: Path) -> None:
    """Also if it has the same name, inode and size, and the same first and last lines."""
    reader = following(tmp_path)
    ends = [b"%d %d\n" % (number, number % 2) for number in range(100)]
    path = write(tmp_path / "mail.log.1", [*ends, b"one\n", *ends])
    reader.finish()
    reader.crash()
    path.write_bytes(b"".join([*ends, b"two\n", *ends]))
    reader.finish()
    assert reader.lines == [*ends, b"one\n", *ends, *ends, b"two\n", *ends]


def test_a_late_whole_file(tmp_path: Path) -> None:
    """It is read when it arrives, though younger ones were read before."""
    reader = following(tmp_path)
    write(tmp_path / "mail.@20090422T120000.s", NEW)
    reader.settle()
    write(tmp_path / "mail.@20090422T110000.s", OLD)
    assert_each_once(reader, OLD + NEW)


@pytest.mark.parametrize("packing", [shutil.copy, os.link, os.symlink, None])
@pytest.mark.parametrize("while_stopped", [False, True])
@pytest.mark.parametrize("behind", [False, True])
def test_the_same_file_twice(
    tmp_path: Path,
    packing: Callable[[Path, Path], object] | None,
    *,
    while_stopped: bool,
    behind: bool,
) -> None:
    """Under another name, as a link, or compressed, it is read once."""
    followed = FileSource((f"{tmp_path}/mail*",), "esa1", follow_symlinks=True)
    reader = Reader(followed, block_bytes=100 if behind else 1 << 17, read_bytes=100)
    path = write(tmp_path / "mail.@20090422T110000.s", OLD)
    reader.read()
    reader.commit()
    if while_stopped:
        reader.crash()
    again = tmp_path / "mail.@20090422T110000.again.s"
    if packing is None:
        again.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
    else:
        packing(path, again)
    assert_each_once(reader, OLD)
    if not path.is_symlink():
        path.unlink(missing_ok=packing is not os.symlink)
        write(path, OLD)
    assert_each_once(reader, OLD)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("stop", [False, True])
def test_a_half_uploaded_file(tmp_path: Path, *, compressed: bool, stop: bool) -> None:
    """It is not over before it has rested, and its second half is read when it comes."""
    content = b"".join(OLD)
    content = gzip.compress(content, 1) if compressed else content
    reader = following(tmp_path)
    path = write(tmp_path / "mail.@20090422T110000.s", [content[: len(content) // 2]])
    reader.settle(seconds=5)
    assert Kind.END not in {x.kind for x in reader.pieces}
    reader.commit()
    if stop:
        reader.crash()
    write(path, [content[len(content) // 2 :]])
    assert_each_once(reader, OLD)
    assert reader.pieces[-1].kind is Kind.END
    assert reader.problems == []


def test_an_upload_of_gzip_that_broke_off(tmp_path: Path) -> None:
    """It is said once, and goes on when the file is there, also if that is a new one."""
    content = gzip.compress(b"".join(OLD), 1)
    reader = following(tmp_path)
    path = write(tmp_path / "mail.@20090422T110000.s", [content[: len(content) // 2]])
    reader.settle(times=10)
    assert len(reader.problems) == 1
    assert "is a gzip file that is cut off" in reader.problems[0]
    assert "were read unverified and may be wrong" in reader.problems[0]
    path.unlink()
    write(path, [content])
    assert_each_once(reader, OLD)
    assert len(reader.problems) == 1


def test_a_damaged_gzip_file(tmp_path: Path) -> None:
    """What is before the damage is read, and the rest when it was sent again."""
    content = gzip.compress(b"".join(OLD), 1)
    broken = bytearray(content)
    broken[-6] ^= 255  # within the checksum
    reader = following(tmp_path)
    path = write(tmp_path / "mail.@20090422T110000.s", [bytes(broken)])
    reader.settle(times=4)
    assert len(reader.problems) == 1
    assert "is a gzip file that is damaged" in reader.problems[0]
    assert "were read unverified and may be wrong" in reader.problems[0]
    write(path, [content], "wb")
    assert_each_once(reader, OLD)


def test_the_first_byte_of_gzip_waits(tmp_path: Path) -> None:
    """It is no log; nor is an empty file."""
    content = gzip.compress(b"".join(OLD))
    reader = following(tmp_path)
    path = write(tmp_path / "mail.@20090422T110000.s", [])
    for start, end in [(0, 1), (1, 2), (2, 30), (30, None)]:
        reader.settle(seconds=20)
        assert reader.pieces == []
        write(path, [content[start:end]])
    assert_each_once(reader, OLD)


def test_what_could_be_compressed_otherwise_is_read_when_it_rests(tmp_path: Path) -> None:
    """A file that holds nothing but "B"."""
    reader = following(tmp_path)
    write(tmp_path / "mail.log", [b"B"])
    reader.settle()
    assert reader.pieces == []
    reader.settle(times=2)
    assert [x.data for x in reader.pieces] == [b"B"]


@pytest.mark.parametrize("pack_it", [bytes, gzip.compress])
@pytest.mark.parametrize("block_bytes", [7, 1 << 17])
@pytest.mark.parametrize("first", [0, 1, 200, 511, 600, None])
@pytest.mark.parametrize("name", ["mail.log", "mail.@20090422T110000.s"])
def test_an_archive_is_refused_once(
    tmp_path: Path,
    name: str,
    first: int | None,
    block_bytes: int,
    pack_it: Callable[[bytes], bytes],
) -> None:
    """However much of it is there when it is seen: no line of its members comes, and it is said."""
    reader = following(tmp_path, block_bytes=block_bytes)
    content = pack_it(archive(tarfile.GNU_FORMAT))
    path = tmp_path / name
    path.write_bytes(content[:first])
    reader.settle(times=3)
    if first is not None:
        with path.open("ab") as file:
            file.write(content[first:])
    reader.settle(times=5)
    assert LINE not in b"".join(x.data for x in reader.pieces)
    assert len([x for x in reader.problems if "is a tar archive" in x]) == 1


def test_a_log_that_becomes_an_archive_is_refused(tmp_path: Path) -> None:
    """Its inode and its name are the same."""
    reader = following(tmp_path)
    path = write(tmp_path / "mail.log", OLD)
    reader.finish()
    path.write_bytes(archive(tarfile.GNU_FORMAT))
    reader.finish()
    assert reader.lines == OLD
    assert len(reader.problems) == 1
    assert "is a tar archive" in reader.problems[0]


def test_compressed_files_that_unpack_to_nothing_hold_up_no_other(tmp_path: Path) -> None:
    """They are read in shares, and their log comes when it comes."""
    reader = Reader(FileSource((f"{tmp_path}/*/mail*",)))
    for appliance in ("esa1", "esa2"):
        (tmp_path / appliance).mkdir()
    slow = gzip.compress(b"") + gzip.compress(b"", mtime=0)[:10] + b"\0\0\0\xff\xff" * 1_000_000
    (tmp_path / "esa1/mail.1.gz").write_bytes(slow)
    write(tmp_path / "esa2/mail.log", NEW)
    reader.read()
    assert b"".join(x.data for x in reader.pieces) == b"".join(NEW)
    with (tmp_path / "esa1/mail.1.gz").open("ab") as file:
        text = b"".join(OLD)
        file.write(zlib.compress(text, wbits=-15) + zlib.crc32(text).to_bytes(4, "little"))
        file.write(len(text).to_bytes(4, "little"))
    reader.finish()
    assert sorted(reader.lines) == sorted(OLD + NEW)
    for _ in range(2):
        reader.crash()
        reader.finish()
    assert len(reader.lines) == len(OLD + NEW)


def test_other_packings_are_refused_once(tmp_path: Path) -> None:
    """With a way out."""
    reader = following(tmp_path)
    write(tmp_path / "mail.@20090422T110000.s", [b"BZh91AY&SY"])
    reader.settle(times=5)
    assert reader.pieces == []
    assert len(reader.problems) == 1
    assert "is compressed with bzip2" in reader.problems[0]


UNREADABLE = """
import os, sys
from pathlib import Path
from tests.following import following
folder = Path(sys.argv[1])
reader = following(folder)
reader.settle(times=5)
print(len(reader.pieces), len(reader.problems), "Permission denied" in reader.problems[0])
print(reader.following.drained)
os.chmod(folder / "mail.log", 0o600)
reader.finish()
print(len(reader.lines), len(reader.problems))
"""


def test_an_unreadable_file(tmp_path: Path) -> None:
    """It is said once, and read as soon as it may be."""
    path = write(tmp_path / "mail.log", OLD)
    path.chmod(0)
    code = UNREADABLE
    if os.geteuid() == 0:
        folder = Path("/tmp") / f"esa-forwarder-{os.getpid()}"  # noqa: S108 - others may go there
        shutil.copytree(tmp_path, folder)
        for entry in (folder, folder / "mail.log"):
            shutil.chown(entry, 65534)
        code = "import os; os.setuid(65534)\n" + code.replace("import os, sys", "import sys")
    else:
        folder = tmp_path
    try:
        done = subprocess.run(  # noqa: S603 - our own text
            [sys.executable, "-c", _importing(code), str(folder)],
            capture_output=True,
            check=False,
            text=True,
        )
    finally:
        if folder != tmp_path:
            shutil.rmtree(folder)
    assert done.stdout.split() == ["0", "1", "True", "True", "50", "1"]


def _importing(code: str) -> str:
    """Import before the user is changed, who may not be allowed to."""
    return "import tests.following, encodings.idna\n" + code


def test_ten_thousand_files(tmp_path: Path) -> None:
    """All are read with a bounded number of descriptors, and none again after a restart."""
    lines = numbered(range(10_000))
    for number, line in enumerate(lines):
        write(tmp_path / f"mail.log.{number}", [HEADER[:180], b"\n", line])
    reader = following(tmp_path, fresh=False, max_open=20)
    most = 0
    while reader.read() or not reader.is_drained():
        most = max(most, len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - Linux's own
    assert most <= len(os.listdir("/proc/self/fd")) + 20  # noqa: PTH208
    reader.commit()
    assert sorted(x for x in reader.lines if b"ICID" in x) == sorted(lines)
    before = len(reader.lines)
    reader.crash()
    reader.finish()
    assert len(reader.lines) == before


def test_more_files_than_are_remembered_once_they_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is read again: by a restart, by another run to the end, nor when all were away."""
    monkeypatch.setattr("forwarder.inputs.files.checkpoint.MAX_GONE", 10)
    folder = tmp_path / "share"
    folder.mkdir()
    lines = numbered(range(60))
    for number, line in enumerate(lines):
        path = write(folder / f"mail.log.{number}", [HEADER[:180], b"\n", line])
        if number % 3 == 0:
            pack(path)
    reader = Reader(FileSource((f"{folder}/mail*",), "esa1"), fresh=False)
    reader.finish()
    before = len(reader.lines)
    assert before == 60 * 6
    for once in (False, True, True, False):
        for _ in range(2):
            reader.crash(once=once)
            reader.finish()
        assert len(reader.lines) == before
    for while_stopped in (False, True):
        folder.rename(tmp_path / "away")
        if while_stopped:
            reader.crash()
        reader.finish()
        (tmp_path / "away").rename(folder)
        reader.finish()
        assert len(reader.lines) == before
    assert reader.problems == []


def test_a_directory_removed_and_made_again(tmp_path: Path) -> None:
    """Files in the new one are read, the same as before are not."""
    folder = tmp_path / "esa1"
    folder.mkdir()
    reader = Reader(FileSource((f"{tmp_path}/{{appliance}}/mail*",)))
    write(folder / "mail.log", OLD)
    reader.settle()
    shutil.rmtree(folder)
    reader.settle(times=4)
    folder.mkdir()
    write(folder / "mail.@20090422T110000.s", OLD)
    write(folder / "mail.log", NEW)
    assert_each_once(reader, OLD + NEW)
    assert {x.appliance for x in reader.pieces} == {"esa1"}


def test_deletion_while_behind_and_open(tmp_path: Path) -> None:
    """A file that is open is read to its end."""
    reader = following(tmp_path, block_bytes=100, read_bytes=100)
    live = write(tmp_path / "mail.log", OLD)
    reader.read()
    live.unlink()
    reader.settle()
    reader.settle(times=4)
    assert reader.pieces[-1].kind is Kind.END
    assert_each_once(reader, OLD)
    assert reader.problems == []


def stopped_behind(folder: Path) -> tuple[Reader, Path]:
    """Stop in the middle of a log; return what followed it, and the log."""
    reader = following(folder, block_bytes=100, read_bytes=100)
    live = write(folder / "mail.log", OLD)
    reader.read()
    reader.commit()
    reader.following.close()
    return reader, live


def test_deletion_while_behind_and_stopped(tmp_path: Path) -> None:
    """What is known to have been there and is gone is counted and said once."""
    reader, live = stopped_behind(tmp_path)
    live.unlink()
    reader.start()
    reader.settle(times=2)
    assert reader.problems == []
    reader.settle(seconds=61, times=2)
    lost = len(b"".join(OLD)) - len(OLD[0]) * 2
    assert [f"{lost} bytes at its end" in x for x in reader.problems] == [True]
    assert_each_once(reader, OLD[:2], lost=lost)


@pytest.mark.parametrize("compressed", [False, True])
def test_deletion_before_a_file_was_begun(tmp_path: Path, *, compressed: bool) -> None:
    """It is lost as a whole; unless it was compressed, because then it is read there."""
    reader = following(tmp_path, block_bytes=100, read_bytes=100)
    write(tmp_path / "mail.@20090422T110000.s", OLD)
    late = write(tmp_path / "mail.@20090422T120000.s", NEW)
    reader.read()
    if compressed:
        pack(late)
    else:
        late.unlink()
    reader.settle(seconds=61, times=3)
    size = len(b"".join(NEW))
    lost = f"{size} bytes at its end were not read"
    assert [lost in x for x in reader.problems] == [] if compressed else [True]
    assert_each_once(reader, OLD + NEW if compressed else OLD, lost=0 if compressed else size)


def test_once_says_at_the_end_what_is_lost(tmp_path: Path) -> None:
    """It is not waited for."""
    reader, live = stopped_behind(tmp_path)
    live.unlink()
    reader.start(once=True)
    reader.read()
    assert reader.is_drained()
    assert len(reader.problems) == 1


def test_a_file_that_is_replaced_between_looking_and_reading_is_looked_for(tmp_path: Path) -> None:
    """Under its new name."""
    reader = following(tmp_path, block_bytes=100, read_bytes=100)
    write(tmp_path / "mail.@20090422T110000.s", OLD)
    late = write(tmp_path / "mail.@20090422T120000.s", NEW)
    reader.read()
    late.rename(tmp_path / "mail.@20090422T120000.moved.s")
    write(late, [b"another\n"])
    while reader.read():
        pass
    assert_each_once(reader, [*OLD, *NEW, b"another\n"])


def test_half_of_a_file_that_is_gone_is_waited_with(tmp_path: Path) -> None:
    """It is likely to be sent again; if its rest does not come, it is read, to lose nothing."""
    reader = following(tmp_path)
    path = write(tmp_path / "mail.@20090422T110000.s", OLD)
    reader.finish()
    path.unlink()
    reader.settle(times=4)
    again = write(tmp_path / "mail.@20090422T110000.again.s", OLD[:20])
    reader.settle()
    write(again, OLD[20:])
    assert_each_once(reader, OLD)
    again.unlink()
    reader.settle(times=4)
    write(again, [*OLD[:20]])
    reader.finish()
    assert [reader.count[x] for x in OLD] == [2] * 20 + [1] * 30


def test_a_removed_file_is_closed_when_others_need_its_descriptor(tmp_path: Path) -> None:
    """What was read of it stays known."""
    reader = following(tmp_path, max_open=4)
    live = write(tmp_path / "mail.log", OLD)
    reader.settle()
    live.unlink()
    lines = numbered(range(100, 110))
    for line in lines:
        write(tmp_path / f"mail.{line[-12:-7].strip().decode()}.log", [line])
    reader.settle()
    write(tmp_path / "mail.log.1", OLD)
    assert_each_once(reader, OLD + lines)
    assert reader.problems == []


def test_a_copy_that_gets_longer_beside_its_live_original(tmp_path: Path) -> None:
    """Is a log of its own, and read from its beginning."""
    reader = following(tmp_path)
    live = write(tmp_path / "mail.log", OLD)
    reader.settle()
    other = tmp_path / "mail.other.log"
    shutil.copy(live, other)
    reader.settle()
    assert {x.path for x in reader.pieces} == {str(live)}
    write(other, NEW)
    reader.finish()
    assert [reader.count[x] for x in OLD] == [2] * len(OLD)
    assert [reader.count[x] for x in NEW] == [1] * len(NEW)


def test_a_file_that_was_moved_away_comes_back(tmp_path: Path) -> None:
    """It goes on where it stopped, and nothing counts as lost any more."""
    reader, live = stopped_behind(tmp_path)
    live.rename(tmp_path / "away")
    reader.start()
    reader.settle(seconds=61, times=2)
    assert reader.lost == len(b"".join(OLD)) - 88
    (tmp_path / "away").rename(tmp_path / "mail.log.1")
    assert_each_once(reader, OLD)


def test_files_of_an_appliance_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    """One after the other to its end, the live one last; appliances in turn."""
    names = [
        *("a/mail.@20090422T110000.s", "a/mail.@20090422T120000.s", "a/mail.@20090422T130000.c"),
        *("b/mail.log.2", "b/mail.log.1", "b/mail.log"),
    ]
    for number, name in enumerate(reversed(names)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        write(path, [b"%d" % number * 250 + b"\n"])
    inputs = FileSource((f"{tmp_path}/{{appliance}}/mail*",))
    reader = Reader(inputs, fresh=False, block_bytes=100, read_bytes=300)
    reader.settle(times=3)
    order = list(dict.fromkeys(str(Path(x.path).relative_to(tmp_path)) for x in reader.pieces))
    assert [x for x in order if x[0] == "a"] == names[:3]
    assert [x for x in order if x[0] == "b"] == names[3:]
    with_data = [Path(x.path).parent.name for x in reader.pieces if x.data]
    assert with_data.count("b") == 9
    assert max(len(list(same)) for _, same in groupby(with_data)) <= 3


def test_start_at_the_end(tmp_path: Path) -> None:
    """What was there at the first start is passed over; what comes later never is."""
    large = [b"x" * 99 + b"\n"] * 1000
    write(tmp_path / "mail.log.3", OLD)
    (tmp_path / "mail.log.2.gz").write_bytes(gzip.compress(HEADER))
    write(tmp_path / "mail.log.1", large)
    live = write(tmp_path / "mail.log", [b"begun"])
    inputs = FileSource((f"{tmp_path}/mail*",), "esa1", at_end=True)
    reader = Reader(inputs)
    reader.settle(times=4)
    reader.commit()
    assert reader.lines == []
    write(live, [b" and ended\n"])
    reader.settle()
    reader.commit()
    assert reader.lines == [b"begun and ended\n"]
    write(tmp_path / "mail.log.0", NEW)
    pack(tmp_path / "mail.log.1")
    rename(live)
    reader.crash()
    assert_each_once(reader, [b"begun and ended\n", *NEW])


@pytest.mark.parametrize("rotate", [rename, copytruncate])
def test_start_at_the_end_is_for_what_was_there(tmp_path: Path, rotate: Change) -> None:
    """And not for what takes its place under the same name, or comes before it is read."""
    live = write(tmp_path / "mail.log", OLD)
    reader = Reader(FileSource((f"{tmp_path}/mail*",), "esa1", at_end=True))
    reader.settle()
    write(live, NEW[:1])
    rotate(live)
    write(live, NEW[1:])
    assert_each_once(reader, NEW)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("restart", [False, True])
def test_an_old_file_begins_at_its_end_where_all_do(
    tmp_path: Path, *, restart: bool, compressed: bool
) -> None:
    """Whatever is appended to it later is read, also behind a restart."""
    live = write(tmp_path / "mail.log", [*OLD, b"begun"])
    os.utime(live, (0, 0))
    if compressed:
        os.utime(pack(write(tmp_path / "mail.log.1", OLD)), (0, 0))
    reader = Reader(
        FileSource((f"{tmp_path}/mail*",), "esa1", at_end=True, ignore_older=timedelta(days=30))
    )
    reader.settle()
    reader.commit()
    assert reader.lines == []
    if restart:
        reader.crash()
    write(live, [b" and ended\n", NEW[0]])
    reader.settle()
    write(live, NEW[1:])
    assert_each_once(reader, [b"begun and ended\n", *NEW])


def test_old_files_are_ignored_until_they_change(tmp_path: Path) -> None:
    """By the time of their last change."""
    path = write(tmp_path / "mail.log", OLD)
    os.utime(path, (0, 0))
    reader = Reader(FileSource((f"{tmp_path}/mail*",), "esa1", ignore_older=timedelta(days=30)))
    reader.settle(times=3)
    assert reader.pieces == []
    write(path, NEW)
    assert_each_once(reader, OLD + NEW)


def test_what_is_no_file_is_refused_once(tmp_path: Path) -> None:
    """Folders, FIFOs, and a link that leads nowhere is waited for."""
    (tmp_path / "mail.folder").mkdir()
    os.mkfifo(tmp_path / "mail.fifo")
    (tmp_path / "mail.link").symlink_to("target")
    reader = Reader(FileSource((f"{tmp_path}/mail*",), "esa1", follow_symlinks=True))
    reader.settle(times=3)
    folder, fifo = str(tmp_path / "mail.folder"), str(tmp_path / "mail.fifo")
    assert sorted(reader.problems) == [
        f"{fifo!r} is a FIFO and is not followed; name files, or use the input stdin.",
        f"{folder!r} is a folder and is not followed; name the files in it: {folder + '/*'!r}.",
    ]
    write(tmp_path / "target", OLD)
    assert_each_once(reader, OLD)


def test_once_reads_to_the_end_and_is_drained(tmp_path: Path) -> None:
    """Closed files that end in a newline do not have to rest; the others wait for that."""
    write(tmp_path / "mail.@20090422T110000.s", OLD)
    live = write(tmp_path / "mail.log", [b"unterm"])
    reader = following(tmp_path, once=True)
    while not reader.is_drained():
        reader.read()
    assert [x.kind for x in reader.pieces] == [Kind.MORE, Kind.END, Kind.IDLE]
    reader.commit()
    write(live, [b"inated\n"])
    reader.crash()
    assert_each_once(reader, [*OLD, b"unterminated\n"])


def test_once_waits_for_a_file_that_may_be_half_there(tmp_path: Path) -> None:
    """Until it has rested."""
    write(tmp_path / "mail.@20090422T110000.s", [b"unterminated"])
    reader = following(tmp_path, once=True)
    reader.settle()
    assert not reader.is_drained()
    reader.settle(seconds=11)
    assert reader.is_drained()
    assert_each_once(reader, [b"unterminated"])


def test_the_status_says_how_far_each_log_is(tmp_path: Path) -> None:
    """In bytes that are in documents."""
    reader = following(tmp_path, block_bytes=100, read_bytes=100)
    live = write(tmp_path / "mail.log", OLD)
    reader.read()
    reader.commit()
    (status,) = reader.following.status()
    size = live.stat().st_size
    assert (status.path, status.appliance, status.size) == (str(live), "esa1", size)
    assert (status.offset, status.behind, status.lost) == (88, size - 88, 0)
    assert status.modified is not None
    assert status.modified.timestamp() == pytest.approx(live.stat().st_mtime)


def test_a_state_that_cannot_be_read_is_an_error() -> None:
    """It is not forgotten in silence, which would read everything again."""
    for pair in [("file/a", b"{}"), ("file/a", b'{"version":9}'), ("file/started", b"?")]:
        with pytest.raises(PositionError):
            FileTailer([], [pair])
