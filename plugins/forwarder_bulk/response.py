"""Reading replies: what became of each document, by the table in :mod:`forwarder_bulk.meanings`."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from forwarder import Document, Failure, Unavailable
from forwarder_bulk.meanings import Meaning, look_up

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

_NO_WORDS = "something else than words where an error is told"

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
    """Whether less should be sent at once: the server took less than half of it for want of room,
    or asked to be left alone. One that takes more goes on to be sent as much: were it sent less
    after each reply that puts a few documents off, it would soon be sent one at a time."""
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
    error_type, reason = (_error(body) if isinstance(body, dict) else None) or ("", "")
    row = look_up("reply", reply.status, error_type, reason)
    after = _pause(reply.headers.get("retry-after", ""), now)
    if row.meaning is Meaning.EACH:
        failures, busy = _judge_items(reply, body, documents)
        is_busy = busy * 2 > len(documents) or (busy > 0 and after is not None)
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
) -> tuple[list[Failure], int]:
    """Judge each document by its own item; count those for which the server is too busy."""
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) != len(documents):
        count = len(items) if isinstance(items, list) else "no"
        raise Unavailable(
            f"{reply.host} answers {reply.status} with {count} items to a bulk request with"
            f" {len(documents)}: {show_page(reply.body)}; see what is between here and the server"
        )
    if _says_all_created(reply.body, len(documents)):
        return [], 0
    failures = []
    busy = 0
    for document, item in zip(documents, items, strict=True):
        result = next(iter(item.values()), None) if isinstance(item, dict) else None
        if not isinstance(result, dict):
            result = {}
        status = result.get("status")
        if type(status) is not int or not 0 <= status < 1000:  # noqa: PLR2004 - what a status can be
            status = 0
        if status in {201, 409} and "failure_store" not in result:
            continue  # nearly all
        words = _words(result, "_index", "failure_store")
        error = _error(result)
        if words is None or error is None:
            row = look_up("item", 0)
            said = f"{reply.host} answers {status} for a document with {_NO_WORDS}; {row.advice}"
        else:
            index, store = words
            row = look_up("item", status, *error, store)
            if row.meaning is Meaning.DELIVERED:
                continue
            said = f"{reply.host} answers {status} for a document"
            said += f" in {index}" if index else ""
            said += f" (failure store: {store})" if store else ""
            said += f"{f': {what}' if (what := _join(*error)) else ''}; {row.advice}"
        busy += row.meaning is Meaning.LESS
        failures.append(
            Failure(document, said, retryable=row.meaning is not Meaning.REFUSED, status=status)
        )
    return failures, busy


def _says_all_created(body: bytes, count: int) -> bool:
    """Whether a reply is as nearly all are, which is found out without a look at each item.

    Within the text of a value each quotation mark has a backslash, so these are keys.
    """
    return (
        body.count(b'"status":201') == body.count(b'"status":') == count
        and b'"error"' not in body
        and b'"failure_store"' not in body
    )


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


def _error(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """Find type and reason of an error, with the cause, which tends to say more.

    Returns:
        Empty where there is no error; None where it is not in words, as no server of ours has it.
    """
    error = body.get("error")
    if error is None or isinstance(error, str):
        return "", (error or "")[:_MAX_SAID]
    words = _words(error, "type", "reason")
    cause = error.get("caused_by") if isinstance(error, dict) else None
    behind = _words(cause or {}, "type", "reason")
    if words is None or behind is None or not words[0]:
        return None
    type_, reason = words
    if behind[1]:
        reason += f" ({': '.join(x for x in behind if x)})"
    return type_[:_MAX_SAID], reason[:_MAX_SAID]


def _words(found: object, first: str, second: str) -> tuple[str, str] | None:
    """Give two texts of a JSON object, empty where they are missing; None if one is no text.

    What else may stand there is not looked into: it may be nested deeper than Python goes.
    """
    if not isinstance(found, dict):
        return None
    texts = found.get(first), found.get(second)
    if any(x is not None and not isinstance(x, str) for x in texts):
        return None
    return texts[0] or "", texts[1] or ""


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
