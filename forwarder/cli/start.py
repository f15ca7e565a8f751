"""What runs first: until the command has its own ways to end, a signal ends it without a word."""

import os
import signal
import sys
from errno import EDQUOT, EFBIG, EIO, ENOSPC

_NO_ROOM = (EDQUOT, EFBIG, EIO, ENOSPC)
_LAST_STREAM = 2
"""Standard error."""


def main() -> None:
    """Run the command ``esa-forwarder``."""
    fill_closed_streams()
    # Python would raise KeyboardInterrupt amid an import.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from forwarder.cli.common import FAILED, drop_output  # noqa: PLC0415
    from forwarder.cli.main import main as command  # noqa: PLC0415 - late on purpose

    try:
        command()
    except OSError as error:
        # Help and versions are written by click, which lets this through.
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        drop_output()
        sys.stderr.write(f"error: standard output cannot be written: {error.strerror}.\n")
        sys.exit(FAILED)


def fill_closed_streams() -> None:
    """Let standard streams that are closed lead nowhere, as after ``<&-`` in a shell.

    The system gives a file the lowest number that is free. A database that is opened as number 0
    would be read as a log, and whatever is written to standard error would be in one that got
    number 2. Python began before that: for what was closed, ``sys.stdin`` and the others are None.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - by processes that it starts
    os.close(descriptor)
