"""The entry point: a signal ends a command as an error does, so that files are cleaned up.

The service handles signals itself. Until it does, it has nothing to clean up, and exits without a
message, with the same code as later; SIGHUP, which reloads the configuration, does nothing.
"""

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

from forwarder.cache import tune_gc
from forwarder.errors import EndedBySignal

if TYPE_CHECKING:
    from types import FrameType, TracebackType

_LAST_STREAM = 2  # standard error
_ENDED = 128  # and the number of the signal, as shells count
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run the command ``esa-forwarder``."""
    tune_gc()  # before the imports, which would set it off dozens of times
    fill_closed_streams()
    sys.excepthook = log_fault
    threading.excepthook = lambda x: log_fault(x.exc_type, x.exc_value, x.exc_traceback)
    if sys.argv[1:2] == ["run"]:
        code = int("--once" in sys.argv)
        for number in (signal.SIGTERM, signal.SIGINT):
            # An exception would be lost where Python lets none through, as in a finalizer.
            signal.signal(number, lambda *_: os._exit(code))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    else:
        for number in _ENDING:
            # What is ignored stays ignored: nohup, and background jobs of a script.
            if signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}:
                signal.signal(number, _end)
    from forwarder.cli.main import main as command

    command()


def log_fault(
    kind: type[BaseException], error: BaseException | None, traceback: "TracebackType | None"
) -> None:
    """Report what nothing has caught: as an event, if there is a log, which masks secrets."""
    import logging

    if issubclass(kind, SystemExit):  # of a thread
        return
    if error is None or not logging.getLogger().handlers:
        sys.__excepthook__(kind, error or kind(), traceback)
    else:
        fault = (kind, error, traceback)
        logging.getLogger("forwarder").critical("The program has failed.", exc_info=fault)


def _end(number: int, _: "FrameType | None") -> NoReturn:
    for ending in _ENDING:
        signal.signal(ending, signal.SIG_IGN)  # a second one would stop the clean-up
    drop_output()
    raise EndedBySignal(_ENDED + number)


def drop_output() -> None:
    """Discard what is not written yet, so that Python does not try again when it exits."""
    if sys.__stdout__ is not None:  # whatever sys.stdout is now
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())


def fill_closed_streams() -> None:
    """Open closed standard streams, as after ``<&-`` in a shell, on the null device.

    The system gives a file the lowest free number: a database opened as number 0 would be read as
    a log, and one opened as number 2 would receive the own log. Python started before: for closed
    streams, ``sys.stdin`` and the others are None.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - by processes that it starts
    os.close(descriptor)
