"""What the service has of the core: the process that it is in, started, fed and ended.

One thread feeds it and collects what it answers; another one does nothing but take answers out of
the pipe, so that neither side ever waits for the other to read.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import BinaryIO, cast

from forwarder import __version__
from forwarder.core_messages import Ask, Begin, Failed, Made, Saved, Snapshot, Told, get, put
from forwarder.core_settings import CoreSettings
from forwarder.inputs.piece import Piece

_WINDOW_BYTES = 1 << 20
"""Of logs on their way through the process: enough that it never waits for more, and no more
documents than those of a commit."""

_PIPE_BYTES = 1 << 20
"""As large as Linux lets everybody have them."""

_END_SECONDS = 5.0
"""For the process to end after its pipe; it does at most one piece more."""


class CoreError(Exception):
    """The core has a bug, or its process was killed; what is not committed is in the logs still."""


class CoreHandle:
    """The core in its process."""

    def __init__(
        self,
        settings: CoreSettings,
        state: Sequence[tuple[str, bytes]],
        wake: Callable[[], None],
    ) -> None:
        """Start the process.

        Args:
            settings: As for :class:`forwarder.core.Core`.
            state: The same.
            wake: Called by a thread of its own when there is a snapshot, or a failure.

        Raises:
            CoreError: It cannot be started.
        """
        self._wake = wake
        self._changed = threading.Condition()
        self._answers: deque[Made | Snapshot] = deque()
        self._under_way = 0
        self._failure: str | None = None
        try:
            self._process, self._heard = _start()
        except OSError as error:
            raise CoreError(
                f"the process that reads the lines cannot be started: {error.strerror}; allow this"
                " user one process and a few files more, and start the service again"
            ) from error
        self._told = cast("BinaryIO", self._process.stdin)
        for pipe in (self._told, self._heard):
            # Neither side waits in the middle of a message. Of pipes that are this large, a user
            # has sixteen; without, it only takes longer.
            with suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._thread = threading.Thread(target=self._hear, name="core", daemon=True)
        self._thread.start()
        with suppress(CoreError):  # whatever is called next says so
            self._tell(Begin(settings, state))

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def feed(self, piece: Piece) -> None:
        """Give it a piece; wait while it has enough to do.

        Raises:
            CoreError: It has failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < _WINDOW_BYTES or self._failure)
            self._under_way += len(piece.data)
        self._tell(piece)

    def ask(self) -> None:
        """Ask for a snapshot.

        Raises:
            CoreError: It has failed.
        """
        self._tell(Ask())

    def saved(self, forgotten: Sequence[str]) -> None:
        """Say that whoever reads knows what the last snapshot said; see :meth:`Core.saved`.

        Raises:
            CoreError: It has failed.
        """
        self._tell(Saved(forgotten))

    def answers(self, *, wait: bool = False) -> list[Made | Snapshot]:
        """Give what it has answered since the last time, in order.

        Args:
            wait: Whether to wait until there is something.

        Raises:
            CoreError: It has failed.
        """
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._answers or self._failure)
            found = list(self._answers)
            self._answers.clear()
        if self._failure is not None:
            raise CoreError(self._failure)
        return found

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):  # it has ended before
            self._told.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join()
        self._heard.close()

    def _tell(self, message: Told) -> None:
        try:
            put(message, self._told)
        except BrokenPipeError:
            with self._changed:
                self._changed.wait_for(lambda: self._failure)
        if self._failure is not None:
            raise CoreError(self._failure)

    def _hear(self) -> None:
        """Take answers out of the pipe, until it ends."""
        while self._failure is None:
            try:
                answer = get(self._heard)
            except Exception as error:  # noqa: BLE001 - unpickling raises whatever it likes
                answer = Failed(self._say_end(error))
            with self._changed:
                match answer:
                    case Failed(words):
                        self._failure = words
                    case Made():
                        self._under_way -= answer.size
                        self._answers.append(answer)
                    case Snapshot():
                        self._answers.append(answer)
                    case _:
                        self._failure = f"the process of the core says {answer!r}"
                self._changed.notify_all()
            if not isinstance(answer, Made):
                self._wake()

    def _say_end(self, error: Exception) -> str:
        """Say why there is no answer, where to read one failed."""
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            how = f"answers what is not understood ({error!r})"
        else:
            # Not every signal has a name.
            signals = {-x: x.name for x in signal.Signals}
            name = f"with {code}" if code >= 0 else f"by {signals.get(code, f'signal {-code}')}"
            how = f"was ended {name}"
        return (
            f"the process that reads the lines {how}; what is not committed is read again from its"
            " files when the service is started again"
        )


def _start() -> tuple[subprocess.Popen[bytes], BinaryIO]:
    """Start the process; give the pipe for its answers, too.

    That is one of its own: whatever Python runs at each start may write to standard output. So is
    its group: Ctrl-C at a terminal is for the service. -P: no module of the folder in which it is
    started is taken for one of ours.
    """
    descriptor, answers = os.pipe()
    heard = os.fdopen(descriptor, "rb")
    try:
        process = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-P", "-m", "forwarder.core_process", __version__, str(answers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(answers,),
            process_group=0,
        )
    except OSError:
        heard.close()
        raise
    finally:
        os.close(answers)
    return process, heard
