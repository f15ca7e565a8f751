"""The output ``stdout``: whole lines, at once, and a clear end when the reader is gone."""

import contextlib
import json
import os
import pty
import resource
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import pytest

from forwarder.events import Document
from forwarder.plugins import find_outputs
from forwarder.testing import OutputContract, make_documents


class TestContract(OutputContract):
    """What every output does."""

    type = "stdout"

    @pytest.fixture(autouse=True)
    def _stdout(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        self._capture = capfdbinary
        self._received = b""

    def settings(self) -> Mapping[str, object]:
        """It has none."""
        return {}

    def received(self) -> Iterable[bytes]:
        """Return the lines."""
        self._received += self._capture.readouterr().out
        assert self._received.endswith(b"\n") or not self._received
        return self._received.split(b"\n")[:-1]


PROGRAM = """
import sys
from forwarder import Unavailable
from forwarder.plugins import find_outputs
from forwarder.testing import make_documents

plugin = find_outputs(["stdout"])["stdout"]
output = plugin.build(plugin.config())
try:
    output.open()
except OSError as error:
    sys.exit(str(error))
for line in sys.stdin:  # says what to write: how many documents, and the number of the first
    count, first = map(int, line.split())
    try:
        print(list(output.write(make_documents(count, first))), file=sys.stderr, flush=True)
    except (Unavailable, BrokenPipeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
"""


class Program:
    """A program with the output, which writes what it is told."""

    def __init__(self, process: "subprocess.Popen[str]", out: int) -> None:
        self._process = process
        self.out = out
        """The end where its standard output can be read."""

    def tell(self, count: int, first: int) -> None:
        """Let it write documents."""
        self._stream(self._process.stdin).write(f"{count} {first}\n")
        self._stream(self._process.stdin).flush()

    def said(self) -> str:
        """Wait until it has written, and return what came of it."""
        return self._stream(self._process.stderr).readline().strip()

    def write(self, count: int, first: int) -> str:
        """Let it write documents, and return what came of it."""
        self.tell(count, first)
        return self.said()

    def lift_limit(self) -> None:
        """Let it write files of any size."""
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, unlimited)

    def _stream(self, stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


@contextlib.contextmanager
def running(out: int, read: int = -1, limit: int | None = None) -> Iterator[Program]:
    """Run a program that writes to a descriptor.

    Args:
        out: Its standard output.
        read: The other end of it.
        limit: How large a file it may write, in bytes.
    """

    def before() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    environment = {x: y for x, y in os.environ.items() if not x.startswith("COVERAGE")}
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,  # noqa: PLW1509 - no threads here
        env=environment if limit is not None else None,
    ) as process:
        yield Program(process, read)
        process.communicate(timeout=60)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return the ends of a pipe: one to read, one to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def whole(count: int) -> bytes:
    """Return what documents are on standard output."""
    return b"".join(x.body + b"\n" for x in make_documents(count))


def test_documents_are_there_at_once(pipe: tuple[int, int]) -> None:
    """Before the next batch."""
    with running(pipe[1]) as program:
        for number in range(3):
            assert program.write(1, number) == "[]"
            assert select.select([pipe[0]], [], [], 0)[0]
            assert make_documents(1, number)[0].body + b"\n" == os.read(pipe[0], 1 << 16)


def test_a_reader_that_is_gone_ends_the_output_with_a_sentence(pipe: tuple[int, int]) -> None:
    """It will not come back: to try again is in vain."""
    with running(pipe[1]) as program:
        assert program.write(1, 0) == "[]"
        os.close(pipe[0])
        assert program.write(1, 1) == (
            "BrokenPipeError: the reader of standard output has closed it, so nothing can be"
            " written there any more; start again with a reader, or take the output stdout out of"
            " the configuration."
        )


def test_a_full_disk_is_waited_for_and_no_line_is_cut(tmp_path: Path) -> None:
    """What was written in part is completed, however the batch is cut the next time."""
    path = tmp_path / "out"
    limit = len(whole(2)) + 50
    with path.open("wb") as file, running(file.fileno(), limit=limit) as program:
        assert program.write(2, 0) == "[]"
        for _ in range(2):
            assert program.write(5, 2).startswith("Unavailable: standard output cannot be written:")
        assert path.stat().st_size == limit
        program.lift_limit()
        assert program.write(1, 2) == "[]"
        assert program.write(6, 3) == "[]"
    assert path.read_bytes() == whole(9)


def test_a_reader_that_is_slow_is_waited_for(pipe: tuple[int, int]) -> None:
    """Also where the pipe is set to refuse what it has no room for; each line comes once."""
    os.set_blocking(pipe[1], False)
    os.set_blocking(pipe[0], False)
    received = b""
    with running(pipe[1]) as program:
        said = ""
        for _ in range(1_000):
            said = program.write(1_000, 0)
            with contextlib.suppress(BlockingIOError):
                while block := os.read(pipe[0], 1 << 16):
                    received += block
            if said == "[]":
                break
            assert said.startswith("Unavailable: ")
        # The same once more in smaller batches, as if the host had not noted it.
        assert program.write(300, 0) == "[]"
        assert program.write(705, 300) == "[]"
        with contextlib.suppress(BlockingIOError):
            while block := os.read(pipe[0], 1 << 16):
                received += block
    assert received == whole(1_005)


def test_closed_standard_output_says_so() -> None:
    """As after >&- in a shell."""
    script = f"exec {sys.executable} -c '{PROGRAM}' >&-"
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", script],
        input="",
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    expected = "standard output is closed: there is nowhere to write documents to.\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_a_terminal_gets_nothing_that_it_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The documents mean the same; elsewhere they are the bytes that they were."""
    body = '{"user":"a\x9b2J\u202eb\x7f \u2028è 😀 \\u001b"}'.encode()
    terminal, slave = pty.openpty()
    with os.fdopen(terminal, "rb", 0) as shown, os.fdopen(slave, "wb", 0) as stdout:
        monkeypatch.setattr(sys, "__stdout__", stdout)
        plugin = find_outputs(["stdout"])["stdout"]
        output = plugin.build(plugin.config())
        output.open()
        assert not output.write([Document("id", body)])
        line = shown.read(1 << 16).decode().removesuffix("\r\n")
    assert [x for x in line if not x.isprintable()] == []
    assert "è 😀" in line
    assert json.loads(line) == json.loads(body)
