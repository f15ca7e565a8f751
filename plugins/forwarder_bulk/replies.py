"""Reading replies: what became of each document, by the table in :mod:`forwarder_bulk.meanings`."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from forwarder import Document, Failure, Unavailable
from forwarder_bulk.meanings import Meaning, Row, look_up

FILTER = ",".join(
    f"items.*.{x}"
    for x in (
        "_index",
        "status",
        "failure_store",
        "error.type",
        "error.reason",
        "error.caused_by.type",
        "error.caused_by.reason",
    )
)
"""What of a reply is wanted, as ``filter_path``: what is read here. The rest is five times as much
for each document, and for an error half as much again, of which there is one for each document that
is there already."""
_MAX_SAID = 1000
"""Characters of what a server says. Elasticsearch quotes values of the document in its reasons."""
_MAX_PAGE = 200
"""Characters of an answer that is no JSON, as the page of a proxy, or of a URL."""

_LONGEST_REST = timedelta(hours=1)
"""A server whose clock is wrong must not be left alone for days."""


class Reply(NamedTuple):
    """The answer to one bulk request."""

    host: str
    """URL of the server that answered, without credentials."""
    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


class Judgement(NamedTuple):
    """What a reply means for the documents of its request."""

    meaning: Meaning
    """Of the whole reply; EACH where each document has its own."""
    failures: Sequence[Failure]
    """What was not delivered."""
    said: str
    """In words, where the whole reply says no."""
    status: int
    is_busy: bool
    """Whether less should be sent at once."""
    retry_after: timedelta | None
    """How long the server asked to be left alone."""


def judge(reply: Reply, documents: Sequence[Document], target: str, now: datetime) -> Judgement:
    """Say what became of the documents of a request.

    Args:
        reply: To it.
        documents: In the order of the request.
        target: Where they were sent, for people.
        now: To reckon how long it is until a date in ``Retry-After``.

    Raises:
        Unavailable: The reply cannot be understood, or is cut short.
    """
    body = _read(reply)
    error_type, reason = _error(body) if isinstance(body, dict) else ("", "")
    row = look_up("reply", reply.status, error_type, reason)
    after = _pause(reply.headers.get("retry-after", ""), now)
    if row.meaning is Meaning.EACH:
        failures, is_busy = _judge_items(reply, body, documents)
        return Judgement(row.meaning, failures, "", reply.status, is_busy, after)
    said = f"{reply.host} answers {reply.status} to a bulk request for {target}"
    if reply.status in range(300, 400):
        if "location" in reply.headers:
            said += f", and sends it on to {_target(reply.headers['location'])}"
    elif what := _join(error_type, reason) or show_page(reply.body):
        said += f": {what}"
    said += f"; {row.advice}"
    return Judgement(row.meaning, [], said, reply.status, row.meaning is Meaning.LESS, after)


def _judge_items(
    reply: Reply, body: object, documents: Sequence[Document]
) -> tuple[list[Failure], bool]:
    """Judge each document by its own item; say whether the server is busy."""
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) != len(documents):
        count = len(items) if isinstance(items, list) else "no"
        raise Unavailable(
            f"{reply.host} answers {reply.status} with {count} items to a bulk request with"
            f" {len(documents)}: {show_page(reply.body)}; see what is between here and the server"
        )
    if _says_all_created(reply.body, len(documents)):
        return [], False
    failures = []
    is_busy = False
    for document, item in zip(documents, items, strict=True):
        result = next(iter(item.values()), None) if isinstance(item, dict) else None
        if not isinstance(result, dict):
            result = {}
        status = result.get("status")
        if not isinstance(status, int) or not 0 <= status < 1000:  # noqa: PLR2004 - what a status can be
            status = 0
        store = result.get("failure_store")
        if status in {201, 409} and store is None:
            continue  # nearly all
        type_, reason = _error(result)
        row = look_up("item", status, type_, reason, store if isinstance(store, str) else "")
        if row.meaning is Meaning.DELIVERED:
            continue
        is_busy |= row.meaning is Meaning.LESS
        said = _say_item(reply.host, result, status, _join(type_, reason), row)
        failures.append(
            Failure(document, said, retryable=row.meaning is not Meaning.REFUSED, status=status)
        )
    return failures, is_busy


def _says_all_created(body: bytes, count: int) -> bool:
    """Whether a reply is as nearly all are, which is found out without a look at each item.

    Within the text of a value each quotation mark has a backslash, so these are keys.
    """
    return (
        body.count(b'"status":201') == body.count(b'"status":') == count
        and b'"error"' not in body
        and b'"failure_store"' not in body
    )


def _say_item(host: str, result: Mapping[str, Any], status: int, what: str, row: Row) -> str:
    said = f"{host} answers {status} for a document"
    if result.get("_index"):
        said += f" in {result['_index']}"
    if result.get("failure_store"):
        said += f" (failure store: {result['failure_store']})"
    return f"{said}{f': {what}' if what else ''}; {row.advice}"


def _read(reply: Reply) -> object:
    """Read JSON; None for the page of a proxy with a status that says enough by itself."""
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError as error:
        if reply.status not in range(200, 300):
            return None
        raise Unavailable(
            f"{reply.host} answers {reply.status} with what is no whole JSON:"
            f" {show_page(reply.body)}; see what is between here and the server"
        ) from error


def _error(body: Mapping[str, Any]) -> tuple[str, str]:
    """Find type and reason of an error, with the cause, which tends to say more."""
    error = body.get("error")
    if isinstance(error, str):
        return "", error[:_MAX_SAID]
    if not isinstance(error, dict):
        return "", ""
    reason = str(error.get("reason") or "")
    cause = error.get("caused_by")
    if isinstance(cause, dict) and cause.get("reason"):
        reason += f" ({cause.get('type')}: {cause['reason']})"
    return str(error.get("type") or ""), reason[:_MAX_SAID]


def _join(type_: str, reason: str) -> str:
    return ": ".join(x for x in (type_, reason) if x)


def show_page(body: bytes) -> str:
    """Give the beginning of an answer, for whoever has to find out where it comes from."""
    return repr(body[:_MAX_PAGE].decode(errors="replace")) if body else "nothing"


def _target(location: str) -> str:
    """Show where a request is sent on to, without what may be secret: who logs in, and queries."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "what is no URL"
    host = parts.netloc.rpartition("@")[2]
    return repr(parts._replace(netloc=host, query="", fragment="").geturl()[:_MAX_PAGE])


def _pause(after: str, now: datetime) -> timedelta | None:
    """Read a Retry-After: seconds, or a date."""
    with suppress(ValueError, TypeError, OverflowError):
        if after.isdecimal():
            return min(_LONGEST_REST, timedelta(seconds=int(after)))
        if after:
            when = parsedate_to_datetime(after)
            left = when.replace(tzinfo=when.tzinfo or UTC) - now
            return min(_LONGEST_REST, max(timedelta(), left))
    return None
