"""The command with a clock that is set while it runs: ``python -m tests.faults.stepping run ...``.

How many seconds it is off stands in the file that ``CLOCK`` names. Only what the program asks of
the time of day is off; the machine's own clock is everybody's.
"""

import os
import sys
import time
from pathlib import Path

_REAL = time.time, time.time_ns


def _off() -> int:
    return int(Path(os.environ["CLOCK"]).read_text("ascii"))


def main() -> None:
    """Set the clock and be the command."""
    time.time = lambda: _REAL[0]() + _off()
    time.time_ns = lambda: _REAL[1]() + _off() * 1_000_000_000
    from forwarder.cli.main import main as command  # noqa: PLC0415 - behind the change of the clock

    sys.argv[0] = "esa-forwarder"
    command()


if __name__ == "__main__":
    main()
