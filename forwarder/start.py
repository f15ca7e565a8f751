"""What runs first: until the command has its own ways to end, a signal ends it without a word."""

import signal
import sys
from errno import EDQUOT, EFBIG, EIO, ENOSPC

_NO_ROOM = (EDQUOT, EFBIG, EIO, ENOSPC)


def main() -> None:
    """Run the command ``esa-forwarder``."""
    # Python would raise KeyboardInterrupt amid an import.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from forwarder.cli import main as command  # noqa: PLC0415 - late on purpose
    from forwarder.commands.ending import FAILED, drop_output  # noqa: PLC0415

    try:
        command()
    except OSError as error:
        # Help and versions are written by click, which lets this through.
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        drop_output()
        sys.stderr.write(f"error: standard output cannot be written: {error.strerror}.\n")
        sys.exit(FAILED)
