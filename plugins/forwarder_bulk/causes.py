"""What is behind the error of a client: libraries wrap one another's."""

import http.client
import ssl
from collections.abc import Iterator

HUNG_UP = "hung up before its answer was whole; see how it is, and what is between here and there"
"""Behind the name of the server."""
# Each library has its own, and some have no words for people.
_HANGING_UP = (ssl.SSLEOFError, http.client.RemoteDisconnected, http.client.IncompleteRead)


def find_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error, and one after the other what it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        told = (*error.args, *getattr(error, "errors", ()))
        inner = (x for x in told if isinstance(x, BaseException))
        error = next(inner, error.__cause__ or error.__context__)


def has_hung_up(error: BaseException) -> bool:
    """Say whether the other side ended the connection, in TLS or not, without a word."""
    return any(isinstance(x, _HANGING_UP) for x in find_causes(error))
