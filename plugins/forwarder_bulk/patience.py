"""Connections over which a request may take as long to be sent as its answer may take to come.

urllib3 gives a request, as a whole, the time that connecting may take. Over a narrow line a batch
takes longer than that, and would be sent again and again and never arrive.

To an answer it gives that time again for each piece that comes. A server that sends a byte now and
then would never be given up; so here, the time is that of the whole answer, its head included.
"""

import io
import time
from collections.abc import Mapping
from datetime import timedelta
from http.client import HTTPResponse
from socket import socket
from typing import TYPE_CHECKING, Any, ClassVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from forwarder_bulk.causes import find_causes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Timed(io.RawIOBase):
    """What comes through a socket, until the time is over that it gave to a single read."""

    def __init__(self, raw: io.RawIOBase, sock: socket) -> None:
        self._raw = raw
        self._sock = sock
        patience = sock.gettimeout()
        self._end = None if patience is None else time.monotonic() + patience

    def readable(self) -> bool:  # type: ignore[explicit-override]  # not in Python 3.11
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:  # type: ignore[explicit-override]
        """Read what is there."""
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:  # type: ignore[explicit-override]
        """Let go of the socket."""
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer that has as long as the socket gives to a single read when it begins."""

    def __init__(self, sock: socket, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as they come
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock))


class _Plain(HTTPConnection):
    patience: ClassVar[float]
    response_class: type[HTTPResponse] = _Answer

    def request(self, *args: Any, **options: Any) -> None:  # type: ignore[explicit-override]  # noqa: ANN401 - as they come
        """Connect in the time for that, and send in the other."""
        if self.sock is None:
            self.connect()
        self.timeout = self.patience
        super().request(*args, **options)


class _Secure(HTTPSConnection):
    patience: ClassVar[float]
    response_class: type[HTTPResponse] = _Answer

    def request(self, *args: Any, **options: Any) -> None:  # type: ignore[explicit-override]  # noqa: ANN401 - as they come
        """Send; it is connected before, to see the certificate."""
        self.timeout = self.patience
        super().request(*args, **options)


def make_pools(patience: timedelta) -> Mapping[str, type[HTTPConnectionPool]]:
    """Make classes of pools.

    Args:
        patience: How long a request may take to be sent.

    Returns:
        One for each scheme.
    """
    seconds = {"patience": patience.total_seconds()}
    plain = type("Plain", (_Plain,), seconds)
    secure = type("Secure", (_Secure,), seconds)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


def is_over(error: BaseException) -> bool:
    """Say whether it took too long; that the system gave a connection up is another matter."""
    return any(isinstance(x, TimeoutError) and x.errno is None for x in find_causes(error))
