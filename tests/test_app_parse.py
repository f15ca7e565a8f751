"""What is written comes out whole, or an error says that it did not."""

import io
import os
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from forwarder.app.parse import Writer
from forwarder.errors import WriteError


def write(writer: Writer) -> None:
    """Write something, to the end."""
    writer.write(b"x")
    writer.flush()


def test_lines_come_out_in_one_piece() -> None:
    """One call after the other."""
    out = io.BytesIO()
    writer = Writer(out, "x")
    writer.write_lines([b"longer\n", b"b\n"])
    writer.write_lines([b"c\n"])
    writer.write(b"d\n")
    writer.flush()
    assert out.getvalue() == b"longer\nb\nc\nd\n"


def test_a_large_block_is_not_kept() -> None:
    """Memory is for the next one, which is smaller."""
    out = io.BytesIO()
    writer = Writer(out, "x")
    writer.write_lines([b"x" * (5 << 20)])
    writer.write_lines([b"y"])
    assert out.getvalue() == b"x" * (5 << 20) + b"y"


@pytest.mark.parametrize("buffering", [0, -1])
def test_no_room_is_said(buffering: int) -> None:
    """By the name of where it went."""
    words = "to the attic: No space left on device; some are missing"
    with suppress(OSError), Path("/dev/full").open("wb", buffering=buffering) as full:
        writer = Writer(full, "the attic")
        with pytest.raises(WriteError, match=words):
            write(writer)


@pytest.mark.parametrize("buffering", [0, 8_192])
def test_a_pipe_that_does_not_wait_is_waited_for(buffering: int) -> None:
    """All comes, once."""
    reader, writing = os.pipe()
    os.set_blocking(writing, False)
    read: list[bytes] = []

    def drain() -> None:
        with open(reader, "rb") as pipe:  # noqa: PTH123
            read.append(pipe.read())

    content = bytes(range(256)) * 4_000
    thread = Thread(target=drain)
    with open(writing, "wb", buffering=buffering) as stream:  # noqa: PTH123
        writer = Writer(stream, "x")
        thread.start()
        writer.write(content)
        writer.flush()
    thread.join()
    assert read == [content]


def test_a_reader_that_leaves_is_no_error_of_writing() -> None:
    """It has seen enough."""
    reader, writing = os.pipe()
    os.close(reader)
    with open(writing, "wb", buffering=0) as stream, pytest.raises(BrokenPipeError):  # noqa: PTH123
        Writer(stream, "x").write(b"x")
