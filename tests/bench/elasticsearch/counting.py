"""A relay that counts bytes: what lies on the wire between a client and a server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.servers.certificates import ADDRESS

_CHUNK = 1 << 16


class Relay:
    """Passes TCP on as it is, and counts both directions."""

    def __init__(self, port: int) -> None:
        """Listen.

        Args:
            port: Of the server, on this machine.
        """
        self._server = (ADDRESS, port)
        self._listener = socket.create_server((ADDRESS, 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self.count = 0
        """Bytes, there and back."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # it was closed
                return
            server = socket.create_connection(self._server)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while chunk := source.recv(_CHUNK):
                with self._lock:
                    self.count += len(chunk)
                target.sendall(chunk)
        except OSError:
            pass  # one side hung up, which the other learns by this
        for end in (source, target):
            with suppress(OSError):
                # To close it alone would not end the wait of the other thread.
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def counted(port: int) -> Iterator[Relay]:
    """Have a relay for a while."""
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()
