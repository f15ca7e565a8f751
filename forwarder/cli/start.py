"""What runs first: until the command has its own ways to end, a signal ends it without a word.

The service is not begun then, and has nothing to clear away. It ends as it does later; SIGHUP, at
which it reads its configuration again, changes nothing before it has read it.
"""

import os
import signal
import sys
from errno import EDQUOT, EFBIG, EIO, ENOSPC

_DONE, _FAILED = 0, 1
"""As in ``cli.common``, which is imported later."""
_NO_ROOM = (EDQUOT, EFBIG, EIO, ENOSPC)
_LAST_STREAM = 2
"""Standard error."""


def main() -> None:
    """Run the command ``esa-forwarder``."""
    fill_closed_streams()
    if sys.argv[1:2] == ["run"]:
        _end_service_at_once(_FAILED if "--once" in sys.argv else _DONE)
    # Python would raise KeyboardInterrupt amid an import.
    elif signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from forwarder.cli.common import drop_output
    from forwarder.cli.main import main as command

    try:
        command()
    except OSError as error:
        # Help and versions are written by click, which lets this through.
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        drop_output()
        sys.stderr.write(f"error: standard output cannot be written: {error.strerror}.\n")
        sys.exit(_FAILED)


def _end_service_at_once(code: int) -> None:
    """Let signals do so until the service receives them."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # An exception would be lost where Python lets none through, as in a finalizer.
        signal.signal(number, lambda *_: os._exit(code))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def fill_closed_streams() -> None:
    """Let standard streams that are closed lead nowhere, as after ``<&-`` in a shell.

    The system gives a file the lowest number that is free. A database that is opened as number 0
    would be read as a log, and whatever is written to standard error would be in one that got
    number 2. Python began before that: for what was closed, ``sys.stdin`` and the others are None.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - by processes that it starts
    os.close(descriptor)
