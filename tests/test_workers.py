"""Work in several processes."""

import os
import signal
from contextlib import closing
from multiprocessing import active_children
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forwarder.errors import ForwarderError
from forwarder.workers import Step, WorkerDiedError, run_in_order

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def ignore(_: int) -> None:
    """Take no notice of a step."""


def square(number: int, _: Step) -> int:
    """Return a square."""
    return number * number


def wait_for_the_next(piece: tuple[Path, int], _: Step) -> int:
    """Return a number, but only after the piece behind it is at work, too."""
    folder, number = piece
    (folder / str(number)).touch()
    while number < 2 and not (folder / str(number + 1)).exists():
        os.sched_yield()
    return number


def tell(number: int, step: Step) -> int:
    """Take as many steps as asked for."""
    for _ in range(number):
        step(number)
    return -number


def fail(number: int, _: Step) -> int:
    """Fail at 2."""
    if number == 2:
        raise KeyError("two")
    return number


def end(how: str, step: Step) -> str:
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


def show_signals(_: int, __: Step) -> set[signal.Signals | int]:
    """Return the signals that this process does not see."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def wait_forever(_: int, step: Step) -> None:
    """Say that it has begun, and never end."""
    step(os.getpid())
    while True:
        signal.pause()


@pytest.mark.parametrize("jobs", [1, 2, 50])
@pytest.mark.parametrize("pieces", [[], [7], [3, 1, 2, 5]])
def test_results_come_in_the_order_of_the_pieces(pieces: list[int], jobs: int) -> None:
    """Whatever ends first."""
    assert [x * x for x in pieces] == list(run_in_order(square, pieces, jobs, ignore))


def test_pieces_are_worked_on_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the next to begin, which would take forever one by one."""
    pieces = [(tmp_path, number) for number in range(3)]
    assert list(run_in_order(wait_for_the_next, pieces, 3, ignore)) == [0, 1, 2]


def test_steps_are_told_while_the_work_goes_on() -> None:
    """All of them, before the results of their pieces."""
    told: list[int] = []
    assert list(run_in_order(tell, [3, 0, 200], 2, told.append)) == [-3, 0, -200]
    assert sorted(told) == [3] * 3 + [200] * 200


def test_an_error_is_raised_where_its_result_would_be() -> None:
    """With a note that says where it came from."""
    results = run_in_order(fail, [1, 2, 3], 2, ignore)
    assert next(results) == 1
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
        list(run_in_order(end, ["well", how], 2, ignore))
    assert isinstance(raised.value, ForwarderError)
    assert "run again with --jobs 1" in str(raised.value)


def test_ending_signals_are_not_for_workers() -> None:
    """They are blocked from their first moment, and here as before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    [blocked] = run_in_order(show_signals, [0], 1, ignore)
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
        assert next(results) == 0
    assert active_children() == []
