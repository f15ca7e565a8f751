"""Reading blocks from files, gzip and standard input."""

import bz2
import gzip
import lzma
import os
import random
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from forwarder.errors import ForwarderError
from forwarder.inputs.block_reader import (
    BLOCK_BYTES,
    ReadError,
    file_times,
    read_blocks,
    refusal,
)
from tests.test_inputs_block_reader_formats import archive

LINE = b"Wed Apr 22 11:43:59 2009 Info: ICID %d close\n"
LOG = b"".join(LINE % number for number in range(400))


def read(path: Path | str, block_bytes: int = BLOCK_BYTES) -> tuple[bytes, str | None]:
    """Read to the end or to the error; return what was handed over, and the error."""
    blocks = []
    try:
        for block in read_blocks(str(path), block_bytes=block_bytes):
            assert 1 <= len(block) <= block_bytes
            blocks.append(block)
    except ReadError as error:
        return b"".join(blocks), str(error)
    return b"".join(blocks), None


def run(code: str, **streams: object) -> "subprocess.CompletedProcess[bytes]":
    """Run a program that may use read_blocks and hand over its output."""
    program = "from forwarder.inputs.block_reader import *\n" + textwrap.dedent(code)
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, **streams)  # type: ignore[call-overload,no-any-return]  # noqa: S603


@pytest.mark.parametrize("size", [0, 1, 2, 5, 6, 7, 1000, BLOCK_BYTES, 2 * BLOCK_BYTES + 1])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_what_was_written_is_read(
    tmp_path: Path, size: int, pack: Callable[[bytes], bytes]
) -> None:
    """Plain and compressed files of any size come out whole."""
    content = random.Random(size).randbytes(size)
    path = tmp_path / "mail.log"  # the name says nothing of gzip
    path.write_bytes(pack(content))
    assert (content, None) == read(path)


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 100, len(LOG) - 1, len(LOG), len(LOG) + 1])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_blocks_keep_their_limit(
    tmp_path: Path, block_bytes: int, pack: Callable[[bytes], bytes]
) -> None:
    """However small the block, nothing is lost and nothing is larger."""
    path = tmp_path / "mail.log.gz"
    path.write_bytes(pack(LOG))
    assert read(path, block_bytes) == (LOG, None)


@pytest.mark.parametrize("block_bytes", [1, 100, BLOCK_BYTES])
@pytest.mark.parametrize(
    "content",
    [
        bz2.compress(LOG),
        lzma.compress(LOG),
        archive(tarfile.GNU_FORMAT),
        gzip.compress(archive(tarfile.PAX_FORMAT)),
    ],
)
def test_what_is_no_log_is_refused_before_a_byte_of_it(
    tmp_path: Path, content: bytes, block_bytes: int
) -> None:
    """It is not read as a log without logins, or as one log of many."""
    path = tmp_path / "mail.log"
    path.write_bytes(content)
    expected = refusal(archive(tarfile.PAX_FORMAT) if content[:2] == b"\x1f\x8b" else content)
    assert read(path, block_bytes) == (b"", f"{str(path)!r} {expected}")


@pytest.mark.parametrize("content", [b"\x1f", b"B", b"BZ", b"\xfd7z", b"P", b"\x1f\x8a"])
def test_the_beginning_of_a_magic_is_plain(tmp_path: Path, content: bytes) -> None:
    """A file may end, or go on otherwise, within what could have been a magic."""
    path = tmp_path / "mail.log"
    path.write_bytes(content)
    assert (content, None) == read(path)
    assert (content, None) == read(path, 1)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """Missing, a folder, a NUL in the path, an error of the disk: one sentence each."""
    missing = tmp_path / "mail\n\udcff.log"
    expected = f"'{tmp_path}/mail\\n\\xff.log' cannot be read: No such file or directory"
    assert (b"", expected) == read(missing)
    expected = f"{str(tmp_path)!r} cannot be read: Is a directory"
    assert (b"", expected) == read(tmp_path)
    assert read("a\0b") == (b"", "'a\\x00b' cannot be read: embedded null byte")
    memory = "/proc/self/mem"  # address 0 cannot be read, not even by root
    assert read(memory) == (b"", "'/proc/self/mem' cannot be read: Input/output error")
    assert issubclass(ReadError, ForwarderError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    """The user learns what right is missing."""
    path = tmp_path / "mail.log"
    path.write_bytes(LOG)
    path.chmod(0)
    expected = f"{str(path)!r} cannot be read: Permission denied"
    assert (b"", expected) == read(path)


def test_a_growing_file_is_read_to_the_end_that_is_seen(tmp_path: Path) -> None:
    """What is written while reading is read too, if it is there in time."""
    path = tmp_path / "mail.current"
    path.write_bytes(b"one")
    blocks = read_blocks(str(path))
    assert next(blocks) == b"one"
    with path.open("ab") as log:
        log.write(b"two")
    assert list(blocks) == [b"two"]


def open_descriptors() -> int:
    """Count what this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_abandoned_file_is_closed(tmp_path: Path) -> None:
    """Closing the iterator closes the file."""
    path = tmp_path / "mail.log"
    path.write_bytes(LOG)
    before = open_descriptors()
    blocks = read_blocks(str(path), block_bytes=1)
    assert before == open_descriptors()
    next(blocks)
    assert before + 1 == open_descriptors()
    blocks.close()
    assert before == open_descriptors()


@pytest.mark.parametrize("content", [b"", b"\x1f", LOG * 99, gzip.compress(LOG * 99)])
def test_standard_input_is_read(content: bytes) -> None:
    """Plain or compressed, from a pipe."""
    done = run("import sys; sys.stdout.buffer.writelines(read_blocks('-'))", input=content)
    expected = gzip.decompress(content) if len(content) > 1 and content[0] == 0x1F else content
    assert (expected, b"") == (done.stdout, done.stderr)


@pytest.mark.parametrize("blocking", [True, False])
def test_standard_input_hands_over_what_is_there(*, blocking: bool) -> None:
    """A line is handed over before the next is written, whether or not the pipe waits."""
    code = (
        "import os, sys\n"
        "from forwarder.inputs.block_reader import read_blocks\n"
        f"os.set_blocking(0, {blocking})\n"
        "for block in read_blocks('-'): print(len(block), flush=True)\n"
    )
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:  # noqa: S603
        assert process.stdin is not None
        assert process.stdout is not None
        for size in (1, 100, 3):
            process.stdin.write(b"W" * (size - 1) + b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"%d\n" % size
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("blocking", [True, False])
def test_any_pipe_may_be_standard_input(monkeypatch: pytest.MonkeyPatch, *, blocking: bool) -> None:
    """Nothing but its bytes counts; one that does not wait is waited for."""
    reading, writing = os.pipe()
    os.set_blocking(reading, blocking)
    with open(reading, encoding="ascii") as standard_input:  # noqa: PTH123 a descriptor
        monkeypatch.setattr(sys, "stdin", standard_input)
        os.write(writing, LOG)
        os.close(writing)
        assert read("-", 1000) == (LOG, None)


def test_closed_standard_input_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """After <&- in a shell there is a sentence, not a traceback."""
    monkeypatch.setattr(sys, "stdin", None)
    expected = "standard input is closed; give it a file or a pipe, or name files to read"
    assert (b"", expected) == read("-")


def test_a_fifo_is_read(tmp_path: Path) -> None:
    """As from <(zcat ...) in a shell."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = [sys.executable, "-c", f"open({str(fifo)!r}, 'wb').write({LOG!r})"]
    with subprocess.Popen(command) as writer:  # noqa: S603
        try:
            assert read(fifo) == (LOG, None)
        finally:
            writer.kill()


CHANGED = datetime(2009, 4, 22, 11, 43, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "near", "latest"),
    [
        ("mail.@20090422T114300.s", CHANGED.replace(second=0), CHANGED),
        ("mail.log.1", CHANGED, CHANGED),
        ("mail-20070301", datetime(2007, 3, 1, tzinfo=UTC), CHANGED),
        ("mail-20110301", datetime(2011, 3, 1, tzinfo=UTC), datetime(2011, 3, 1, tzinfo=UTC)),
    ],
)
def test_the_times_of_a_file(tmp_path: Path, name: str, near: datetime, latest: datetime) -> None:
    """Its beginning is in the name, or the last change; no line is later than both."""
    path = tmp_path / name
    path.touch()
    os.utime(path, (0, CHANGED.timestamp()))
    assert file_times(str(path)) == (near, latest)


def test_what_is_still_written_has_the_time_of_now(tmp_path: Path) -> None:
    """What is piped in was most likely just written."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    os.utime(fifo, (0, 0))
    for path in ("-", str(fifo)):
        for time in file_times(path):
            assert time is not None
            assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


def test_a_file_that_is_gone_has_no_time(tmp_path: Path) -> None:
    """That is a read error."""
    with pytest.raises(ReadError, match="cannot be read: No such file"):
        file_times(str(tmp_path / "mail.log"))


def test_a_change_in_the_far_future_tells_nothing(tmp_path: Path) -> None:
    """A clock was far off; the file is read all the same."""
    path = Path("/dev/shm/far-future") if Path("/dev/shm").is_dir() else tmp_path / "far"  # noqa: S108
    path.touch()
    try:
        os.utime(path, (0, 1 << 40))
        if path.stat().st_mtime == 1 << 40:  # not every file system can hold that
            near, latest = file_times(str(path))
            assert abs(datetime.now(UTC) - near) < timedelta(minutes=1)
            assert latest is None
    finally:
        path.unlink()
