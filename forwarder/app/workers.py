"""Work in several processes, with results in the order of the work.

* What a piece of work writes goes to a file of a temporary folder.
* The processes do not see the signals that end the program: it kills them, then deletes the folder.
  If it is killed itself, they end.
* A process that dies ends the work.
"""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import active_children, get_context, parent_process, resource_tracker
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGHUP, SIGINT, SIGTERM, pthread_sigmask
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TypeVar

from forwarder.errors import ForwarderError

T = TypeVar("T")
R = TypeVar("R")


def run_in_order(
    work: Callable[[T, Path], R], pieces: Sequence[T], jobs: int
) -> Generator[tuple[R, Path], None, None]:
    """Do pieces of work, several at a time; yield the result of each, and the path of its file.

    ``work`` is a function of a module. It gets a piece, and the path of the file to write. When the
    generator is closed, processes and files are gone. ForwarderError if a process cannot be
    started, or ends without a result.
    """
    with ExitStack() as stack:
        try:
            with _signals_blocked():
                resource_tracker.ensure_running()  # which unblocks some of them
            with _signals_blocked():
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="esa-forwarder-")))
                # Not forked: a fork would copy whatever threads and locks there are.
                context = get_context("spawn")
                pool = ProcessPoolExecutor(min(jobs, len(pieces)), context, _end_with_parent)
                stack.callback(_end, pool)
                paths = [folder / str(number) for number in range(len(pieces))]
                futures = [pool.submit(work, *x) for x in zip(pieces, paths, strict=True)]
        except OSError as error:
            raise ForwarderError(
                f"no process or temporary file can be had: {error.strerror or error}; run again"
                " with --jobs 1, or with TMPDIR set to a folder that this user may write to"
            ) from error
        for future, path in zip(futures, paths, strict=True):
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


def _end_with_parent() -> None:
    """Let a process end with the one that started it, however that ends."""
    parent = parent_process()
    assert parent is not None  # noqa: S101 - it was started by one

    def end() -> None:
        parent.join()
        os._exit(1)

    Thread(target=end, daemon=True).start()
