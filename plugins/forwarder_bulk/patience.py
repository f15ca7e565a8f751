"""Connections over which a request may take as long to be sent as its answer may take to come.

urllib3 gives a request, as a whole, the time that connecting may take. Over a narrow line a batch
takes longer than that, and would be sent again and again and never arrive.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from forwarder_bulk.causes import find_causes


class _Plain(HTTPConnection):
    patience: ClassVar[float]

    def request(self, *args: Any, **options: Any) -> None:  # type: ignore[explicit-override]  # noqa: ANN401 - as they come
        """Connect in the time for that, and send in the other."""
        if self.sock is None:
            self.connect()
        self.timeout = self.patience
        super().request(*args, **options)


class _Secure(HTTPSConnection):
    patience: ClassVar[float]

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
    """Say whether sending took too long; that the system gave a connection up is another matter."""
    return any(isinstance(x, TimeoutError) and x.errno is None for x in find_causes(error))
