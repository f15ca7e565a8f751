"""The core in a process of its own, so that it has a processor of its own.

Python runs one thread of a process at a time, and the core takes as much of it as all the rest of
the service: reading, committing, delivering. Here is what the process does; the service has
:mod:`forwarder.app.parser_client` for it.

Two pipes join them, and what goes through them is in order. For each piece there is an answer with
its documents. For each question how far the core is, there is one that counts for exactly the
documents before it. The process has nothing on disk and no way to end by itself: it ends with the
pipe from the service, however that came to its end.
"""

import gc
import os
import pickle
import sys
import traceback
from typing import BinaryIO

from forwarder import __version__
from forwarder.app.core import Core
from forwarder.app.core_messages import Ask, Begin, Failed, Made, Saved, Snapshot, get, put
from forwarder.cache import GC_THRESHOLDS
from forwarder.inputs.chunk import Chunk


def serve(told: BinaryIO, answers: BinaryIO) -> None:
    """Do what is told, until nothing comes any more.

    Args:
        told: Messages of the service.
        answers: For the answers.

    Raises:
        BrokenPipeError: Nobody wants to hear them.
    """
    try:
        _serve(told, answers)
    except (EOFError, BrokenPipeError):
        raise
    except Exception:  # noqa: BLE001 - it is raised where somebody can do something about it
        put(Failed(f"a fault of the program: {traceback.format_exc()}"), answers)


def _serve(told: BinaryIO, answers: BinaryIO) -> None:
    begin = get(told)
    assert isinstance(begin, Begin)  # noqa: S101 - the service tells it nothing else first
    core = Core(begin.settings, begin.state)
    while True:
        match message := get(told):
            case Chunk():
                put(Made.of(len(message.data), core.take(message)), answers)
            case Ask():
                put(_look(core), answers)
            case Saved():
                core.saved(message.forgotten)
            case _:
                raise TypeError(f"{message!r} is not understood")


def _look(core: Core) -> Snapshot:
    return Snapshot(
        core.consumed(), core.changes(), core.counts, core.open_connections, core.take_others()
    )


def main() -> None:
    """Serve.

    What is told comes from standard input; the arguments are the version of the service, and the
    pipe for the answers.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        *versions, descriptor = sys.argv[1:]
        answers = os.fdopen(int(descriptor), "wb")
        if versions != [__version__]:
            put(Failed(_refuse(*versions)), answers)
        else:
            serve(sys.stdin.buffer, answers)
    except (EOFError, OSError, pickle.UnpicklingError):
        pass  # the service has ended, perhaps within a message
    finally:
        # Nobody is there to whom what is left in a buffer could be given.
        os._exit(0)


def _refuse(version: str = "?") -> str:
    """Say why two versions do not work together: nobody knows what the other one's messages are."""
    return (
        f"the service is of version {version}, and the program was upgraded to {__version__} while"
        " it ran; start it again, and it goes on where it was"
    )


if __name__ == "__main__":
    main()
