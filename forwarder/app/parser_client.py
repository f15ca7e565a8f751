"""What the service has of the core: the process that it is in, started, fed and ended.

One thread feeds it and collects what it answers; another one does nothing but take answers out of
the pipe, so that neither side ever waits for the other to read. A third one ends the process where
it owes an answer for too long: whoever feeds it may wait in the middle of a message then.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import BinaryIO, cast

from forwarder import __version__
from forwarder.app.core_messages import Ask, Begin, Failed, Made, Saved, Snapshot, Told, get, put
from forwarder.app.core_settings import CoreSettings
from forwarder.inputs.chunk import Chunk

_WINDOW_BYTES = 1 << 20
"""Of logs on their way through the process: enough that it never waits for more, and no more
documents than those of a commit."""

_PIPE_BYTES = 1 << 20
"""As large as Linux lets everybody have them."""

HANG_SECONDS = 60.0
"""Without an answer; a piece takes milliseconds, and to begin with all that can be remembered some
seconds."""

_LOOK_SECONDS = 1.0

_END_SECONDS = 5.0
"""For the process to end after its pipe; it does at most one piece more."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CoreError(Exception):
    """The core has a bug, or cannot be had; what is not committed is in the logs still."""


class CoreDiedError(CoreError):
    """Its process has ended or hung, which another one may not."""


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
            settings: As for :class:`forwarder.app.core.Core`.
            state: The same.
            wake: Called by a thread of its own when there is a snapshot, or a failure.

        Raises:
            CoreError: It cannot be started.
        """
        self._wake = wake
        self._changed = threading.Condition()
        self._answers: deque[Made | Snapshot] = deque()
        self._under_way = 0
        self._asked = 0
        self._heard_at = time.monotonic()
        """When it answered last, or began to owe an answer."""
        self._hung = False
        self._failure: str | None = None
        self._died = False
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
        self._watch = threading.Thread(target=self._look, name="core watch", daemon=True)
        self._watch.start()
        with suppress(CoreError):  # whatever is called next says so
            self._tell(Begin(settings, state))

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def feed(self, piece: Chunk) -> None:
        """Give it a piece; wait while it has enough to do.

        Raises:
            CoreError: It has failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < _WINDOW_BYTES or self._failure)
            self._owe()
            self._under_way += len(piece.data)
        self._tell(piece)

    def ask(self) -> None:
        """Ask for a snapshot.

        Raises:
            CoreError: It has failed.
        """
        with self._changed:
            self._owe()
            self._asked += 1
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
        self._check()
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
        with self._changed:
            self._failure = self._failure or "it is closed"
            self._changed.notify_all()
        self._watch.join()
        self._heard.close()

    def _tell(self, message: Told) -> None:
        try:
            put(message, self._told)
        except BrokenPipeError:
            with self._changed:
                self._changed.wait_for(lambda: self._failure)
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise (CoreDiedError if self._died else CoreError)(self._failure)

    def _owe(self) -> None:
        """Let the time begin, if there is not an answer that it owes already."""
        if not self._under_way and not self._asked:
            self._heard_at = time.monotonic()

    def _look(self) -> None:
        """End the process where it owes an answer for too long."""
        with self._changed:
            while not self._changed.wait_for(lambda: self._failure, _LOOK_SECONDS):
                owes = self._under_way or self._asked
                if owes and time.monotonic() - self._heard_at > HANG_SECONDS and not self._hung:
                    self._hung = True
                    self._process.kill()

    def _hear(self) -> None:
        """Take answers out of the pipe, until it ends."""
        while self._failure is None:
            try:
                answer = get(self._heard)
            except Exception as error:  # noqa: BLE001 - unpickling raises whatever it likes
                answer = Failed(self._say_end(error))
                self._died = True
            with self._changed:
                self._heard_at = time.monotonic()
                match answer:
                    case Failed(words):
                        self._failure = words
                    case Made():
                        self._under_way -= answer.size
                        self._answers.append(answer)
                    case Snapshot():
                        self._asked -= 1
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
            if self._hung:
                how = f"did not answer for {HANG_SECONDS:.0f} seconds, and was ended"
        return f"the process that reads the lines {how}"


def _start() -> tuple[subprocess.Popen[bytes], BinaryIO]:
    """Start the process; give the pipe for its answers, too.

    That is one of its own: whatever Python runs at each start may write to standard output. So is
    its group: Ctrl-C at a terminal is for the service. -P: no module of the folder in which it is
    started is taken for one of ours.
    """
    descriptor, answers = os.pipe()
    heard = os.fdopen(descriptor, "rb")
    # The service decides when the process is over; a signal to all processes is for it alone.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-P", "-m", "forwarder.app.parser_worker", __version__, str(answers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(answers,),
            process_group=0,
        )
    except OSError:
        heard.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        os.close(answers)
    return process, heard
