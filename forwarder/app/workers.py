"""Work in several processes, with results in the order of the work.

* What a piece of work writes goes to a file of a temporary folder.
* The processes do not see the signals that end the program: it kills them, then deletes the folder.
  If it is killed itself, they end.
* A process that dies ends the work.

``parse`` imports this only where it pays: to import what starts processes takes a tenth of the
start-up of a command that starts none.
"""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import (
    active_children,
    connection,
    get_context,
    parent_process,
    resource_tracker,
)
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGHUP, SIGINT, SIGTERM, pthread_sigmask
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TypeVar

from forwarder.errors import ForwarderError

_STEP_SECONDS = 0.1
"""How often steps of the work are passed on."""

_CONTEXT = get_context("spawn")
"""Not forked: a fork would copy whatever threads and locks there are."""

T = TypeVar("T")
R = TypeVar("R")

Step = Callable[[int], None]
"""Gets the size of a step of the work."""

Work = Callable[[T, Path, Step], R]
"""Does a piece of work, and writes to a file of this path."""


def run_in_order(
    work: Work[T, R], pieces: Sequence[T], jobs: int, step: Step
) -> Generator[tuple[R, Path], None, None]:
    """Do pieces of work, several at a time. When it is closed, processes and files are gone.

    Args:
        work: A function of a module; it runs in a process of its own.
        pieces: Its arguments; they and the results are pickled.
        jobs: How many processes there may be.
        step: Is called with every step that ``work`` tells of.

    Yields:
        For each piece, in order, its result and the path of its file.

    Raises:
        ForwarderError: A process cannot be started, or ended without a result.
    """
    with ExitStack() as stack:
        try:
            with _signals_blocked():
                resource_tracker.ensure_running()  # which unblocks some of them
            with _signals_blocked():
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="esa-forwarder-")))
                steps = _CONTEXT.SimpleQueue()
                jobs = min(jobs, len(pieces))
                pool = ProcessPoolExecutor(jobs, _CONTEXT, _begin_worker, (steps.put,))
                stack.callback(_end, pool)
                futures = {
                    folder / str(number): pool.submit(_do, work, piece, folder / str(number))
                    for number, piece in enumerate(pieces)
                }
        except OSError as error:
            raise ForwarderError(
                f"no process or temporary file can be had: {error.strerror or error}; run again"
                " with --jobs 1, or with TMPDIR set to a folder that this user may write to"
            ) from error
        for path, future in futures.items():
            is_done = False
            while not is_done:
                is_done = not wait([future], _STEP_SECONDS).not_done
                while not steps.empty():
                    step(steps.get())
            try:
                yield future.result(), path
            except BrokenProcessPool as error:
                raise ForwarderError(
                    "a process that parsed the logs of one appliance was killed, perhaps for lack"
                    " of memory, so documents are missing; run again with --jobs 1"
                ) from error
            path.unlink()


def _end(pool: ProcessPoolExecutor) -> None:
    for process in active_children():
        process.kill()
    pool.shutdown()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block the ending signals: processes that start now never see them."""
    before = pthread_sigmask(SIG_BLOCK, (SIGINT, SIGTERM, SIGHUP))
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


_put_step: Step
"""Of a process of its own: tells the one that started it."""


def _begin_worker(put_step: Step) -> None:
    """Prepare a process of its own."""
    global _put_step  # noqa: PLW0603 - there is no other way from an initializer to the work
    _put_step = put_step
    parent = parent_process()
    assert parent is not None  # noqa: S101 - it was started by one
    gone = [parent.sentinel]
    Thread(target=lambda: connection.wait(gone) and os._exit(1), daemon=True).start()


def _do(work: Work[T, R], piece: T, path: Path) -> R:
    return work(piece, path, _put_step)
