"""Taps: documents of the running service as they pass, over a socket beside its spool.

Delivered documents leave the spool within a moment, so they cannot be read from there. Nothing
waits for a client: each has a queue with a limit, and gets only the number of what exceeds it.

A client sends a line with the name of an output, empty for all that is committed. It receives a
line of JSON for each document, and lines with a number: so many are missing at this place. The
first number is 0: nothing is missed from then on.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import AF_UNIX, MSG_DONTWAIT, SHUT_RDWR, SOCK_STREAM, socket

import structlog

from forwarder.errors import ForwarderError
from forwarder.events import Document
from forwarder.spool.writer import held

_NAME = "tap.socket"
_MAX_TAPS = 8  # each has a thread
_MAX_BYTES = 16_000_000  # of bodies that wait for a client; four commits of a storm
_MAX_LINE = 1_000  # of a client, in bytes
_LOOK_SECONDS = 1.0  # between checks whether a client is still there while no document passes
_END_SECONDS = 0.5  # for all clients together to receive what waits, at the end

_log = structlog.get_logger(__name__)


class Taps:
    """The clients of a service; :meth:`tell` may be called by any thread."""

    def __init__(self) -> None:
        self._taps: tuple[_Tap, ...] = ()
        self._lock = threading.Lock()
        self._folder: Path | None = None  # none while no client can connect
        self._listener: socket
        self._accepting: threading.Thread
        self._is_over = threading.Event()

    def open(self, folder: Path) -> None:
        """Listen in a state folder whose spool this process has open, unless it does already."""
        if folder == self._folder:
            return
        self.close()
        self._is_over.clear()
        listener = socket(AF_UNIX, SOCK_STREAM)
        try:
            with _address(folder) as address:
                Path(address).unlink(missing_ok=True)  # of a service that was killed
                listener.bind(address)
                Path(address).chmod(0o600)
            listener.listen()
        except OSError as error:
            listener.close()
            _log.warning(
                "The socket for esa-forwarder tap cannot be created in the state folder.",
                reason=error.strerror,
            )
            return
        self._listener, self._folder = listener, folder
        self._accepting = threading.Thread(target=self._accept, name="taps", daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while not self._is_over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # at the end, or because too many files are open
                self._is_over.wait(_LOOK_SECONDS)
                continue
            with self._lock:
                if self._is_over.is_set() or len(self._taps) >= _MAX_TAPS:
                    connection.close()
                    continue
                tap = _Tap(connection, self._forget)
                self._taps = (*self._taps, tap)
                tap.start()  # only now: it promises that nothing is missed from then on

    def _forget(self, tap: "_Tap") -> None:
        with self._lock:
            self._taps = tuple(x for x in self._taps if x is not tap)

    def tell(self, documents: Sequence[Document], output: str = "") -> None:
        """Queue what was committed, or accepted by an output, for the clients that asked for it."""
        for tap in self._taps:
            if tap.output == output:
                tap.put(documents)

    def close(self) -> None:
        """Send clients what waits, if they are quick, and stop."""
        if self._folder is None:
            return
        with self._lock:
            self._is_over.set()
        self._listener.shutdown(SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        with suppress(OSError), _address(self._folder) as address:
            Path(address).unlink()
        self._folder = None
        taps, end = self._taps, time.monotonic() + _END_SECONDS
        for tap in taps:
            tap.ask_to_stop()
        for tap in taps:
            tap.hang_up(end)


class _Tap(threading.Thread):
    """One client, and the thread that sends to it."""

    def __init__(self, connection: socket, forget: Callable[["_Tap"], None]) -> None:
        super().__init__(name="tap", daemon=True)
        self.output: str | None = None  # none before it was asked for
        self._connection = connection
        self._forget = forget
        self._queue = deque[Sequence[Document] | int]()  # documents, and how many are missing
        self._size = 0
        self._ends = False
        self._changed = threading.Condition()

    def put(self, documents: Sequence[Document]) -> None:
        """Queue documents to be sent, unless too much waits."""
        size = sum([len(x.body) for x in documents])
        with self._changed:
            if not self._queue or self._size + size <= _MAX_BYTES:
                self._queue.append(documents)
                self._size += size
            elif isinstance(self._queue[-1], int):
                self._queue[-1] += len(documents)
            else:
                self._queue.append(len(documents))
            self._changed.notify()

    def ask_to_stop(self) -> None:
        """End when everything that waits is sent."""
        with self._changed:
            self._ends = True
            self._changed.notify()

    def hang_up(self, end: float) -> None:
        """End by this time of the monotonic clock, even if the client does not read."""
        self.join(max(0.0, end - time.monotonic()))
        with suppress(OSError):  # it has ended
            self._connection.shutdown(SHUT_RDWR)

    def run(self) -> None:
        """Read which output is asked for, and send until one side ends."""
        try:
            with self._connection, suppress(OSError):
                with self._connection.makefile("rb") as asked:
                    output = asked.readline(_MAX_LINE).decode("utf-8", "replace")
                with self._changed:
                    self._queue.append(0)
                    self.output = output.removesuffix("\n")
                while self._send():
                    pass
        finally:
            self._forget(self)

    def _send(self) -> bool:
        """Send what is next, or wait a moment for it; return whether more may come."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ends, _LOOK_SECONDS)
            if not self._queue:
                return not self._ends and self._is_connected()
            taken = self._queue.popleft()
            if not isinstance(taken, int):
                self._size -= sum([len(x.body) for x in taken])
        if isinstance(taken, int):
            self._connection.sendall(b"%d\n" % taken)
        else:
            self._connection.sendall(b"".join([x.body + b"\n" for x in taken]))
        return True

    def _is_connected(self) -> bool:
        with suppress(BlockingIOError):
            return bool(self._connection.recv(1, MSG_DONTWAIT))
        return True


def listen(folder: Path, output: str = "") -> Generator[bytes | int, None, None]:
    """Yield documents and numbers of missing ones from the service of a state folder, to its end.

    Raises ForwarderError if there is no service to connect to.
    """
    with socket(AF_UNIX, SOCK_STREAM) as connection:
        try:
            with _address(folder) as address:
                connection.connect(address)
        except PermissionError as error:
            raise ForwarderError(
                f"the state folder {str(folder)!r} cannot be used: {error.strerror}; run this as"
                " the user that the service runs as"
            ) from error
        except OSError as error:
            if held(folder) is None:
                raise ForwarderError(
                    f"the service is not running with the state folder {str(folder)!r}"
                ) from error
            raise ForwarderError(
                f"the service does not answer at {str(folder / _NAME)!r}: {error.strerror}; its log"
                " says why, or it is of an older version and has to be restarted"
            ) from error
        is_heard = False
        with connection.makefile("rb") as lines, suppress(ConnectionError):
            connection.sendall(output.encode() + b"\n")
            for line in lines:
                is_heard = True
                if line.startswith(b"{") and line.endswith(b"\n"):  # or else the end has cut it
                    yield line.removesuffix(b"\n")
                elif not line.startswith(b"{"):
                    yield int(line)
        if not is_heard:
            raise ForwarderError(f"the service is stopping, or has {_MAX_TAPS} taps; end one")


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """Return a short address of the socket in a folder: the system allows only 107 bytes."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{_NAME}"
    finally:
        os.close(descriptor)
