"""How a command ends: exit codes, signals, and a standard output that nobody reads any more."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TextIO

from forwarder.errors import EndedBySignal

if TYPE_CHECKING:
    from types import FrameType

DONE = 0
FAILED = 1
BAD_CONFIG = 2
"""As click ends for a wrong option."""
ENDED = 128
"""And the number of the signal, as shells count."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_by_signals() -> Iterator[None]:
    """Let a signal end the program as an error does: processes and files are cleared away."""
    ended = False

    def end(number: int, _: "FrameType | None") -> NoReturn:
        nonlocal ended
        ended = True
        for ending in _ENDING:
            signal.signal(ending, signal.SIG_IGN)  # a second one would stop the clearing
        drop_output()
        raise EndedBySignal(ENDED + number)

    # What is ignored stays ignored: nohup, and jobs in the background of a script. The service has
    # ways of its own to end.
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {x: y for x in _ENDING if (y := signal.getsignal(x)) in usual}
    for ending in before:
        signal.signal(ending, end)
    try:
        yield
    finally:
        if not ended:
            for ending, action in before.items():
                signal.signal(ending, action)


def drop_output() -> None:
    """Let go of what is not written yet, so that Python does not try again at its end."""
    # Whatever sys.stdout is now.
    _drop(sys.__stdout__)


def drop_errors() -> None:
    """Do the same with what nobody heard."""
    _drop(sys.__stderr__)


def _drop(stream: TextIO | None) -> None:
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
