"""Work in several processes, with results in the order of the work.

* What a piece of work writes goes to a file of a temporary folder.
* The processes do not see the signals that end the program: it kills them, then deletes the folder.
  If it is killed itself, they end.
* A process that dies ends the work. A piece for which no process or file can be had, or no space on
  the disk, is handed back, to be done without.

``parse`` imports this only where it pays: to import what starts processes takes a tenth of the
start-up of a command that starts none.
"""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import repeat
from multiprocessing import (
    active_children,
    connection,
    get_context,
    parent_process,
    resource_tracker,
)
from multiprocessing.process import BaseProcess
from pathlib import Path
from signal import (
    SIG_BLOCK,
    SIG_SETMASK,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGTERM,
    Signals,
    pthread_sigmask,
)
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TypeVar

from forwarder.errors import StoreError, WorkerDiedError

_STEP_SECONDS = 0.1
"""How often steps of the work are passed on."""

_CONTEXT = get_context("spawn")
"""Not forked: a fork would copy whatever threads and locks there are."""

T = TypeVar("T")
R = TypeVar("R")

Step = Callable[[int], None]
"""Gets the size of a step of the work."""

Work = Callable[[T, Path, Step], R]
"""Does a piece of work, and writes to a file of this path. It may raise StoreError."""


def run_in_order(
    work: Work[T, R], pieces: Sequence[T], jobs: int, step: Step
) -> Generator[tuple[R, Path] | StoreError, None, None]:
    """Do pieces of work, several at a time. When it is closed, processes and files are gone.

    Args:
        work: A function of a module; it runs in a process of its own.
        pieces: Its arguments; they and the results are pickled.
        jobs: How many processes there may be.
        step: Is called with every step that ``work`` tells of.

    Yields:
        For each piece, in order, its result and the path of its file; or why it has none.

    Raises:
        WorkerDiedError: A process ended without a result; or whatever ``work`` raised.
    """
    with ExitStack() as stack:
        try:
            with _signals_blocked():
                resource_tracker.ensure_running()  # which unblocks some of them
            with _signals_blocked():
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="esa-forwarder-")))
                steps = _CONTEXT.SimpleQueue()
                pool = ProcessPoolExecutor(
                    min(jobs, len(pieces)), _CONTEXT, _begin_worker, (steps.put,)
                )
                stack.callback(_end, pool)
                paths = [folder / str(number) for number in range(len(pieces))]
                futures = [
                    pool.submit(_do, work, piece, path)
                    for piece, path in zip(pieces, paths, strict=True)
                ]
                workers = active_children()
        except OSError as error:
            reason = f"no process or temporary file can be had: {error.strerror or error}"
            yield from repeat(StoreError(reason), len(pieces))
            return
        for future, path in zip(futures, paths, strict=True):
            is_done = False
            while not is_done:
                is_done = not wait([future], _STEP_SECONDS).not_done
                while not steps.empty():
                    step(steps.get())
            try:
                yield future.result(), path
            except StoreError as error:
                yield error
            except BrokenProcessPool as error:
                _end(pool)
                raise _death(workers) from error
            path.unlink(missing_ok=True)


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


def _death(workers: list[BaseProcess]) -> WorkerDiedError:
    """Say how a process died; the others were killed after it."""
    codes = [x.exitcode for x in workers]
    code = next((x for x in codes if x is not None and x != -SIGKILL), -SIGKILL)
    how = f"was killed by {Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return WorkerDiedError(
        f"a process that parsed the logs of one appliance {how}, so documents are missing; run"
        " again with --jobs 1, or with more memory"
    )


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
