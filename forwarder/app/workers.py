"""Work in several processes, results in the order of the work.

- A process is started once and does one piece after the other: to start it takes as long as to read
  some megabytes. One that dies is seen at once by the end of its pipe.
- What a piece writes goes to a temporary file without a name, made here and handed over open. So
  nothing is left behind, however the program ends.
- Signals that end the program are for the process that started the others: they do not see them,
  and are killed by it. If it is killed itself, they end.
- What no process or no file can be had for, or no room, is handed back to be done without.
"""

import os
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import recv_handle, send_handle
from signal import SIG_BLOCK, SIG_SETMASK, SIGHUP, SIGINT, SIGTERM, Signals, pthread_sigmask
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from forwarder.errors import ForwarderError

if TYPE_CHECKING:
    _Pipe = Connection[Any, Any]
else:
    _Pipe = Connection

MAX_AHEAD = 256
"""Pieces that are begun before the one whose turn it is has ended: each has a file open, and a
process may have 1,024."""

# Started anew, not forked: a fork would copy whatever threads and locks there are.
_CONTEXT = get_context("spawn")

T = TypeVar("T")
R = TypeVar("R")


class WorkerDiedError(ForwarderError):
    """A process ended without a result: killed, or out of memory."""


class StoreError(ForwarderError):
    """A piece needs a process and room for what it writes, and they are not to be had."""


class Result(NamedTuple, Generic[R]):
    """What came of a piece."""

    value: R
    store: IO[bytes]
    """What it wrote, from the beginning; to be closed by whoever takes it."""


Step = Callable[[int], None]
"""Is told of a step of the work; what its size means is up to the work."""

Work = Callable[[T, IO[bytes], Step], R]
"""Does a piece, and writes to a file. It may raise :class:`StoreError`."""


class _Worker(NamedTuple):
    """A process, and the pipe to it."""

    process: Any
    pipe: _Pipe


def run_in_order(
    work: Work[T, R],
    pieces: Sequence[T],
    jobs: int,
    progress: Step,
) -> Generator[Result[R] | StoreError, None, None]:
    """Do pieces of work, several at a time. When it is closed, the processes are gone.

    Args:
        work: A function of a module; it runs in a process of its own.
        pieces: Its arguments; they and the results are pickled.
        jobs: How many processes there may be.
        progress: Is told of every step that ``work`` tells of.

    Yields:
        The results, in the order of the pieces; for a piece that has to be done without a process,
        or done again, the reason.

    Raises:
        WorkerDiedError: A process ended without a result; or whatever ``work`` raised.
    """
    pool = _Pool(work, min(jobs, len(pieces)))
    begun = 0
    try:
        for number in range(len(pieces)):
            while number not in pool.results:
                while begun < min(len(pieces), number + MAX_AHEAD) and pool.begin(
                    begun, pieces[begun]
                ):
                    begun += 1
                pool.wait(progress)
            result = pool.results.pop(number)
            if isinstance(result, Exception) and not isinstance(result, StoreError):
                raise result
            yield result
        pool.dismiss()
    finally:
        pool.kill()


class _Pool(Generic[T, R]):
    """The processes.

    Attributes:
        results: By the number of the piece.
    """

    def __init__(self, work: Work[T, R], size: int) -> None:
        self._work = work
        self._size = size
        self._idle: list[_Worker] = []
        self._busy: dict[_Pipe, tuple[int, IO[bytes], _Worker]] = {}
        self.results: dict[int, Result[R] | Exception] = {}

    def begin(self, number: int, piece: T) -> bool:
        """Give a piece to a process; False if all are busy."""
        if not self._idle and len(self._busy) >= self._size:
            return False
        try:
            store = TemporaryFile()  # noqa: SIM115 - it outlives this
        except OSError as error:
            self.results[number] = StoreError(f"no temporary file can be made: {error.strerror}")
            return True
        try:
            # Started by the first process otherwise, it would let through what is held back there.
            resource_tracker.ensure_running()
            with _signals_held_back():
                worker = self._idle.pop() if self._idle else _start(self._work)
                self._busy[worker.pipe] = (number, store, worker)
        except OSError as error:
            store.close()
            self.results[number] = StoreError(f"no process can be started: {error.strerror}")
            return True
        # If it died, its pipe says that, too.
        with suppress(BrokenPipeError):
            worker.pipe.send(piece)
            send_handle(worker.pipe, store.fileno(), worker.process.pid)
        return True

    def wait(self, progress: Step) -> None:
        """Take what the processes tell; wait for the first of them."""
        for ready in wait(list(self._busy)) if self._busy else ():
            assert isinstance(ready, Connection)  # noqa: S101 - nothing else was asked for
            told = _receive(ready)
            if isinstance(told, int):
                progress(told)
                continue
            number, store, worker = self._busy.pop(ready)
            if told is None:
                ready.close()
                worker.process.join()
                store.close()
                self.results[number] = _death(worker.process.exitcode)
                continue
            self._idle.append(worker)
            succeeded, value = told
            if succeeded:
                store.seek(0)
                self.results[number] = Result(value, store)
            else:
                store.close()
                self.results[number] = value

    def dismiss(self) -> None:
        """Let idle processes end."""
        while self._idle:
            worker = self._idle.pop()
            worker.pipe.close()
            worker.process.join()

    def kill(self) -> None:
        """End all processes, whatever they do, and let go of what nobody takes."""
        for _, store, _ in self._busy.values():
            store.close()
        for result in self.results.values():
            if isinstance(result, Result):
                result.store.close()
        for worker in (*self._idle, *(x for _, _, x in self._busy.values())):
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Start a process with the ending signals blocked, and none that nobody knows of."""
    before = pthread_sigmask(SIG_BLOCK, (SIGINT, SIGTERM, SIGHUP))
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def _start(work: Work[T, R]) -> _Worker:
    # It takes an open file only if it is a socket, that is if both ends may write.
    ours, theirs = _CONTEXT.Pipe(duplex=True)
    try:
        process = _CONTEXT.Process(target=_serve, args=(theirs, work), daemon=True)
        process.start()
    except OSError:
        ours.close()
        raise
    finally:
        # The end of the pipe is the end of the process, as soon as nobody else holds this side.
        theirs.close()
    return _Worker(process, ours)


def _serve(pipe: _Pipe, work: Work[T, R]) -> None:
    """Do pieces of work until there are no more."""
    Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            piece = pipe.recv()
            store = os.fdopen(recv_handle(pipe), "wb")
        except (EOFError, OSError):
            return
        try:
            outcome: tuple[bool, Any] = (True, work(piece, store, pipe.send))
        except Exception as error:  # noqa: BLE001 - raised again where the work was asked for
            error.add_note(traceback.format_exc())
            outcome = (False, error)
        with suppress(OSError):  # it tries again what was refused
            store.close()
        with suppress(BrokenPipeError):  # nobody waits for it any longer
            pipe.send(outcome)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone."""
    parent = parent_process()
    assert parent is not None  # noqa: S101 - there is one
    wait([parent.sentinel])
    os._exit(1)


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
