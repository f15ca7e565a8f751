"""Standard input as a stream of pieces."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from forwarder.inputs.block_reader import ReadError
from forwarder.inputs.chunk import Kind
from forwarder.inputs.stdin import StandardInput


@pytest.fixture
def pipe() -> Iterator[tuple[StandardInput, int]]:
    """Return a reader and the end to write to."""
    reading, writing = os.pipe()
    standard_input = StandardInput(reading)
    standard_input.reopen("esa1", 0)
    yield standard_input, writing
    os.close(reading)


def test_what_is_written_comes_at_once_and_then_the_end(pipe: tuple[StandardInput, int]) -> None:
    """A pause is said once."""
    standard_input, writing = pipe
    assert standard_input.read(0) == []
    os.write(writing, b"one\n")
    pieces = [*standard_input.read(10), *standard_input.read(0), *standard_input.read(0)]
    os.write(writing, b"tw")
    pieces += standard_input.read(10)
    os.write(writing, b"o\nthr")
    pieces += standard_input.read(10)
    before = standard_input.drained
    os.close(writing)
    pieces += standard_input.read(10)
    pieces += standard_input.read(10)
    assert [(x.offset, x.data, x.kind) for x in pieces] == [
        (0, b"one\n", Kind.MORE),
        (4, b"", Kind.IDLE),
        (4, b"two\n", Kind.MORE),
        (8, b"thr", Kind.END),
    ]
    assert [before, standard_input.drained] == [False, True]
    assert {(x.key, x.path, x.appliance, x.resume) for x in pieces} == {
        ("stdin", "-", "esa1", None)
    }


def test_of_a_line_only_its_whole_is_handed_over(pipe: tuple[StandardInput, int]) -> None:
    """The rest stays, and so does what is not in documents, over a reload."""
    standard_input, writing = pipe
    os.write(writing, b"one\ntwo")
    pieces = [*standard_input.read(10), *standard_input.settle()]
    assert [(x.data, x.kind) for x in pieces] == [(b"one\n", Kind.MORE), (b"", Kind.IDLE)]
    standard_input.reopen("esa2", 1)  # nothing was saved
    assert [(x.data, x.appliance) for x in standard_input.read(10)] == [(b"one\n", "esa2")]
    standard_input.save(4, b"state")
    standard_input.reopen("esa3", 2)
    assert standard_input.settle() == []
    os.write(writing, b"!\n")
    pieces = [*standard_input.read(10), *standard_input.read(0)]
    assert [(x.offset, x.data, x.resume, x.input) for x in pieces] == [
        (4, b"two!\n", b"state", 2),
        (9, b"", None, 2),
    ]
    os.close(writing)


def test_an_endless_line_is_handed_over_in_parts(pipe: tuple[StandardInput, int]) -> None:
    """Nothing grows without end."""
    standard_input, writing = pipe
    data = b""
    for _ in range(40):
        os.write(writing, b"x" * 10_000)
        data += b"".join(x.data for x in standard_input.read(10))
    assert len(data) > 200_000
    os.close(writing)
    while not standard_input.drained:
        data += b"".join(x.data for x in standard_input.read(10))
    assert data == b"x" * 400_000


def test_a_file_is_read_too() -> None:
    """As with <FILE."""
    descriptor = os.open(__file__, os.O_RDONLY)
    standard_input = StandardInput(descriptor)
    data = b""
    while not standard_input.drained:
        data += b"".join(x.data for x in standard_input.read(1))
    os.close(descriptor)
    assert b"As with <FILE." in data


def test_waiting_is_ended_by_another_thread(pipe: tuple[StandardInput, int]) -> None:
    """As a signal does."""
    standard_input, writing = pipe
    timer = threading.Timer(0.05, standard_input.wake)
    timer.start()
    begun = time.monotonic()
    assert standard_input.read(120) == []
    assert time.monotonic() - begun < 60
    timer.join()
    os.close(writing)


def test_what_cannot_be_read_is_an_error() -> None:
    """A folder, say."""
    descriptor = os.open("/", os.O_RDONLY)
    standard_input = StandardInput(descriptor)
    with pytest.raises(ReadError, match="standard input cannot be read: Is a directory"):
        standard_input.read(0)
    os.close(descriptor)
