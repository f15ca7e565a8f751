"""The entry point: until a command handles signals itself, a signal ends it without a message.

The service has nothing to clean up then, and exits with the same code as later. SIGHUP, which
reloads the configuration, does nothing before it is loaded.
"""

import os
import signal
import sys

_LAST_STREAM = 2
"""Standard error."""


def main() -> None:
    """Run the command ``esa-forwarder``."""
    fill_closed_streams()
    if sys.argv[1:2] == ["run"]:
        code = int("--once" in sys.argv)
        for number in (signal.SIGTERM, signal.SIGINT):
            # An exception would be lost where Python lets none through, as in a finalizer.
            signal.signal(number, lambda *_: os._exit(code))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Python would raise KeyboardInterrupt during an import.
    elif signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from forwarder.cli.main import main as command

    command()


def fill_closed_streams() -> None:
    """Open closed standard streams, as after ``<&-`` in a shell, on the null device.

    The system gives a file the lowest free number: a database opened as number 0 would be read as
    a log, and one opened as number 2 would receive the own log. Python started before: for closed
    streams, ``sys.stdin`` and the others are None.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - by processes that it starts
    os.close(descriptor)
