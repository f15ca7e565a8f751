"""Reading answers: whole ones, and no more of them than an answer can have.

How long that may take is in :mod:`forwarder_bulk.patience`.
"""

from http.client import HTTPException
from typing import NamedTuple

import orjson
from urllib3 import BaseHTTPResponse, HTTPHeaderDict
from urllib3.exceptions import HTTPError

from forwarder_bulk.causes import HUNG_UP, find_causes, has_hung_up

MAX_BYTES = 32 << 20
"""Unpacked. A reply has an entry for each document of a request, of which there are 2,500 at most.
Without errors, these have some 100 bytes each; an error has 500, and some KB where the server
quotes a document in it. This is 13 KB for each of them."""
_PIECE = 1 << 16
"""Bytes that are read at once."""

_TOO_LONG = (
    f"answers with more than {MAX_BYTES >> 20} MiB, which no answer to this has; see whether its"
    " URL is right, and what is between here and there"
)
_NO_HTTP = (
    "answers with what is no HTTP; see whether its URL is right, with its port and https or http"
)


class AnswerTooLongError(HTTPError):
    """An answer had no end where it should have had one."""


class Answer(NamedTuple):
    """An answer; what Elastic's client and that of OpenSearch read of one of urllib3."""

    status: int
    headers: HTTPHeaderDict
    data: bytes
    """Unpacked."""


def read_whole(response: BaseHTTPResponse) -> Answer:
    """Read the body of an answer, and let others have its connection.

    Args:
        response: Of a request that was made with ``preload_content=False``.

    Raises:
        HTTPError: It is not whole, or cannot be unpacked.
        HTTPException: It is no HTTP.
        AnswerTooLongError: It is longer than :data:`MAX_BYTES`.
    """
    pieces = list[bytes]()
    size = 0
    try:
        while piece := response.read(_PIECE):
            size += len(piece)
            if size > MAX_BYTES:
                response.close()  # with what else is on its way
                raise AnswerTooLongError
            pieces.append(piece)
        return Answer(response.status, response.headers, b"".join(pieces))
    except ValueError as error:  # of http.client, as of a chunk with a negative length
        raise HTTPException(str(error)) from error
    finally:
        # Whoever keeps the error has this frame by its traceback, and what is in it. The clients
        # do until the next collection of garbage, which may be many answers later.
        pieces.clear()
        response.release_conn()


def parse_shallow(data: bytes) -> object:
    """Parse JSON that may be shown or looked into; not for the reply to a bulk request, of MiBs.

    Returns:
        None where it is no JSON, or nested deeper than orjson writes, 254 levels: what is deeper
        may be more than Python can show.
    """
    try:
        found = orjson.loads(data)
        orjson.dumps(found)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return found


def find_fault(error: BaseException) -> str:
    """Say what is wrong with an answer that came; nothing where it is something else.

    Returns:
        What to say behind the name of the server.
    """
    if has_hung_up(error):
        return HUNG_UP
    causes = list(find_causes(error))
    if any(isinstance(x, AnswerTooLongError) for x in causes):
        return _TOO_LONG
    return _NO_HTTP if any(isinstance(x, HTTPException) for x in causes) else ""
