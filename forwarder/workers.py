"""Work in several processes, results in the order of the work.

A process a piece, no pool: a piece is the logs of an appliance, seconds of work, so a process
costs nothing that counts, and one that dies is seen at once by the end of its pipe.

Signals that end the program are for the process that started the others: they do not see them,
and are killed by it.
"""

import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from signal import SIG_BLOCK, SIG_SETMASK, SIGHUP, SIGINT, SIGTERM, Signals, pthread_sigmask
from typing import TYPE_CHECKING, Any, TypeVar

from forwarder.errors import ForwarderError

if TYPE_CHECKING:
    _Pipe = Connection[Any, Any]
else:
    _Pipe = Connection

# Started anew, not forked: a fork would copy whatever threads and locks there are.
_CONTEXT = get_context("spawn")

T = TypeVar("T")
R = TypeVar("R")


class WorkerDiedError(ForwarderError):
    """A process ended without a result: killed, or out of memory."""


Step = Callable[[int], None]
"""Is told of a step of the work; what its size means is up to the work."""


def run_in_order(
    work: Callable[[T, Step], R],
    pieces: Sequence[T],
    jobs: int,
    progress: Step,
) -> Generator[R, None, None]:
    """Do pieces of work, several at a time. When it is closed, the processes are gone.

    Args:
        work: A function of a module; it runs in a process of its own.
        pieces: Its arguments; they and the results are pickled.
        jobs: How many processes there may be.
        progress: Is told of every step that ``work`` tells of.

    Yields:
        The results, in the order of the pieces.

    Raises:
        WorkerDiedError: A process ended without a result; or whatever ``work`` raised.
    """
    running: dict[_Pipe, tuple[int, Any]] = {}
    results: dict[int, tuple[bool, Any]] = {}
    started = 0
    # Started by the first process otherwise, it would let through what is held back there.
    resource_tracker.ensure_running()
    try:
        for number in range(len(pieces)):
            while number not in results:
                while started < len(pieces) and len(running) < jobs:
                    with _signals_held_back():
                        receiver, process = _start(work, pieces[started])
                        running[receiver] = (started, process)
                    started += 1
                for ready in wait(list(running)):
                    assert isinstance(ready, Connection)  # noqa: S101 - nothing else was asked for
                    told = _receive(ready)
                    if isinstance(told, int):
                        progress(told)
                        continue
                    finished, process = running.pop(ready)
                    ready.close()
                    process.join()
                    results[finished] = told or (False, _death(process.exitcode))
            succeeded, result = results.pop(number)
            if not succeeded:
                raise result
            yield result
    finally:
        for receiver, (_, process) in running.items():
            process.kill()
            process.join()
            receiver.close()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Start a process with the ending signals blocked, and none that nobody knows of."""
    before = pthread_sigmask(SIG_BLOCK, (SIGINT, SIGTERM, SIGHUP))
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def _start(work: Callable[[T, Step], R], piece: T) -> tuple[_Pipe, Any]:
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_work, args=(sender, work, piece), daemon=True)
    process.start()
    # The end of the pipe is the end of the process, as soon as nobody else holds this side.
    sender.close()
    return receiver, process


def _work(sender: _Pipe, work: Callable[[T, Step], R], piece: T) -> None:
    try:
        outcome: tuple[bool, Any] = (True, work(piece, sender.send))
    except Exception as error:  # noqa: BLE001 - raised again where the work was asked for
        error.add_note(traceback.format_exc())
        outcome = (False, error)
    with suppress(BrokenPipeError):  # nobody waits for it any longer
        sender.send(outcome)


def _receive(receiver: _Pipe) -> int | tuple[bool, Any] | None:
    """Take a step or an outcome; None if the process died, perhaps amid a message."""
    try:
        told: int | tuple[bool, Any] = receiver.recv()
    except (EOFError, OSError):
        return None
    return told


def _death(code: int) -> WorkerDiedError:
    how = f"was killed by {Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return WorkerDiedError(
        f"a process that parsed the logs of one appliance {how}, so documents are missing; run"
        " again with --jobs 1, or with more memory"
    )
