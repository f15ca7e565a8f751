"""Work in several processes."""

import os
import signal
from collections.abc import Iterable
from contextlib import closing
from multiprocessing import active_children
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

import pytest

from forwarder.app.workers import Result, Step, StoreError, WorkerDiedError, run_in_order
from forwarder.errors import ForwarderError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")


def ignore(_: int) -> None:
    """Take no notice of a step."""


def values(results: Iterable[Result[T] | StoreError]) -> list[T]:
    """Return the values of results, and close their stores."""
    found = []
    for result in results:
        assert isinstance(result, Result)
        result.store.close()
        found.append(result.value)
    return found


def square(number: int, _: IO[bytes], __: Step) -> int:
    """Return a square."""
    return number * number


def wait_for_the_next(piece: tuple[Path, int], _: IO[bytes], __: Step) -> int:
    """Return a number, but only after the piece behind it is at work, too."""
    folder, number = piece
    (folder / str(number)).touch()
    while number < 2 and not (folder / str(number + 1)).exists():
        os.sched_yield()
    return number


def tell(number: int, _: IO[bytes], step: Step) -> int:
    """Take as many steps as asked for."""
    for __ in range(number):
        step(number)
    return -number


def fail(number: int, _: IO[bytes], __: Step) -> int:
    """Fail at 2."""
    if number == 2:
        raise KeyError("two")
    return number


def end(how: str, _: IO[bytes], step: Step) -> str:
    """End in a way that leaves no result."""
    step(1)
    match how:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "left":
            os._exit(3)
        case "cut":
            pipe: Connection[object, object] = step.__self__  # type: ignore[attr-defined]
            # The length of a message, and not the message.
            os.write(pipe.fileno(), b"\0\0\0\x09")
            os._exit(0)
        case _:
            pass
    return how


def show_signals(_: int, __: IO[bytes], ___: Step) -> set[signal.Signals | int]:
    """Return the signals that this process does not see."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def wait_forever(_: int, __: IO[bytes], step: Step) -> None:
    """Say that it has begun, and never end."""
    step(os.getpid())
    while True:
        signal.pause()


@pytest.mark.parametrize("jobs", [1, 2, 50])
@pytest.mark.parametrize("pieces", [[], [7], [3, 1, 2, 5]])
def test_results_come_in_the_order_of_the_pieces(pieces: list[int], jobs: int) -> None:
    """Whatever ends first."""
    assert [x * x for x in pieces] == values(run_in_order(square, pieces, jobs, ignore))


def test_pieces_are_worked_on_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the next to begin, which would take forever one by one."""
    pieces = [(tmp_path, number) for number in range(3)]
    assert values(run_in_order(wait_for_the_next, pieces, 3, ignore)) == [0, 1, 2]


def test_steps_are_told_while_the_work_goes_on() -> None:
    """All of them, before the results of their pieces."""
    told: list[int] = []
    assert values(run_in_order(tell, [3, 0, 200], 2, told.append)) == [-3, 0, -200]
    assert sorted(told) == [3] * 3 + [200] * 200


def test_an_error_is_raised_where_its_result_would_be() -> None:
    """With a note that says where it came from."""
    results = run_in_order(fail, [1, 2, 3], 2, ignore)
    assert values([next(results)]) == [1]
    with pytest.raises(KeyError, match="two") as raised:
        next(results)
    assert 'raise KeyError("two")' in raised.value.__notes__[0]
    assert active_children() == []


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("killed", "was killed by SIGKILL"),
        ("left", "ended with code 3"),
        ("cut", "ended with code 0"),
    ],
)
def test_a_process_that_dies_is_an_error_that_says_how(how: str, words: str) -> None:
    """Nobody waits for it forever."""
    with pytest.raises(WorkerDiedError, match=words) as raised:
        values(run_in_order(end, ["well", how], 2, ignore))
    assert isinstance(raised.value, ForwarderError)
    assert "run again with --jobs 1" in str(raised.value)


def test_ending_signals_are_not_for_workers() -> None:
    """They are blocked from their first moment, and here as before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    [blocked] = values(run_in_order(show_signals, [0], 1, ignore))
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= blocked
    assert before == signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_closing_kills_what_is_at_work() -> None:
    """No process is left behind, however busy."""
    begun: list[int] = []

    class EnoughError(Exception):
        """Both have begun."""

    def count(number: int) -> None:
        begun.append(number)
        if len(begun) == 2:
            raise EnoughError

    with pytest.raises(EnoughError):
        next(run_in_order(wait_forever, [1, 2], 2, count))
    assert len(set(begun)) == 2
    assert active_children() == []
    for number in begun:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_what_is_no_longer_asked_for_is_killed() -> None:
    """Whoever stops after the first result leaves no process behind."""
    with closing(run_in_order(square, range(9), 3, ignore)) as results:
        assert values([next(results)]) == [0]
    assert active_children() == []


def write_name(name: str, store: IO[bytes], _: Step) -> int:
    """Write a piece, and return the process."""
    if name == "full":
        raise StoreError(name)
    store.write(name.encode())
    return os.getpid()


def test_what_a_piece_writes_is_in_a_file_without_a_name(tmp_path: Path) -> None:
    """From its beginning; nothing is left behind, even if all are killed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        written = []
        for result in run_in_order(write_name, ["a", "b", "c"], 2, ignore):
            assert isinstance(result, Result)
            assert list(tmp_path.iterdir()) == []
            with result.store as store:
                written.append(store.read())
    assert written == [b"a", b"b", b"c"]


def test_a_process_does_piece_after_piece() -> None:
    """To start one takes longer than most pieces do."""
    pids = values(run_in_order(write_name, [str(x) for x in range(9)], 2, ignore))
    assert len(set(pids)) <= 2
    assert active_children() == []


def test_a_piece_without_room_is_handed_back() -> None:
    """The others are done."""
    first, second, third = run_in_order(write_name, ["a", "full", "c"], 2, ignore)
    assert isinstance(second, StoreError)
    values([first, third])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("TemporaryFile", "no temporary file can be made: Too many open files"),
        ("resource_tracker.ensure_running", "no process can be started: Too many open files"),
        ("_CONTEXT.Process", "no process can be started: Too many open files"),
    ],
)
def test_what_cannot_be_begun_is_handed_back(
    monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    """Whatever is missing."""

    def refuse(**_: object) -> None:
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr(f"forwarder.app.workers.{name}", refuse)
    results = list(run_in_order(write_name, ["a", "b"], 2, ignore))
    assert [str(x) for x in results] == [words, words]


def test_few_pieces_are_begun_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a file open until its turn."""
    monkeypatch.setattr("forwarder.app.workers.MAX_AHEAD", 2)
    assert values(run_in_order(square, range(9), 4, ignore)) == [x * x for x in range(9)]


def test_workers_end_with_the_process_that_started_them() -> None:
    """However that ends, and however busy they are."""
    reader, writer = os.pipe()
    parent = os.fork()
    if not parent:

        def tell_pid(pid: int) -> None:
            os.write(writer, b"%d " % pid)

        list(run_in_order(wait_forever, [1, 2], 2, tell_pid))
    os.close(writer)
    said = b""
    while said.count(b" ") < 2:
        said += os.read(reader, 100)
    os.close(reader)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    for pid in map(int, said.split()):
        while (
            Path(f"/proc/{pid}").exists() and "Z (" not in Path(f"/proc/{pid}/status").read_text()
        ):
            os.sched_yield()
