"""What a reply to a bulk request means for each document of it: two tables, and reading replies.

The rules:

- What an operator can fix at the server or in the configuration is waited for: credentials, rights,
  a missing index, a full or overloaded cluster. Nothing is dropped for it, however long it takes.
- What is wrong with the document is rejected for good. The document is kept as a dead letter.
- What is there already (409) is delivered.
- In doubt it is sent again: ``create`` with an ``_id`` takes a document once.

Rules are tried from the top; the first that fits holds. Status codes and types are those of
Elasticsearch 8.19 and 9.5 and of OpenSearch 2.19.
"""

from collections.abc import Container, Sequence
from contextlib import suppress
from datetime import timedelta
from enum import Enum, auto
from typing import NamedTuple

import orjson

from forwarder import Document, Failure, Unavailable
from forwarder_bulk.transport import Reply

FILTER = (
    "items.*._index,items.*.status,items.*.failure_store,items.*.error.type,items.*.error.reason,"
    "items.*.error.caused_by.type,items.*.error.caused_by.reason"
)
"""What is read of a reply, as ``filter_path``. The rest is five times as much for each document."""
_MAX_TEXT = 1000
"""Characters of a server's reason. Elasticsearch quotes values of the document in it."""
_MAX_PAGE = 200  # characters of an answer that is not JSON, as the page of a proxy
_LONGEST_REST = timedelta(hours=1)  # a server whose clock is wrong must not be left alone for days


class Disposition(Enum):
    """What happens to the documents."""

    DELIVERED = auto()
    REJECTED = auto()  # for good
    LATER = auto()  # again, after a pause
    LESS = auto()  # again, after a pause, and fewer at once
    SPLIT = auto()
    """Again at once, in halves. One document alone is rejected."""
    EACH = auto()  # as the items of the reply say


class Rule(NamedTuple):
    """One line of a table."""

    statuses: Container[int]
    disposition: Disposition
    advice: str = ""
    type: str = ""  # of the error; empty for any, ``*`` for any but none
    reason: str = ""  # what the reason contains
    failure_store: tuple[str, ...] = ()
    """What the item says of the failure store; empty for anything."""


_LATER, _REJECTED = Disposition.LATER, Disposition.REJECTED
_2XX, _3XX, _4XX, _5XX = (range(x, x + 100) for x in (200, 300, 400, 500))
_ANY = range(-1, 1000)
_BAD_LOGIN = "set an API key or a password that is valid"
_RIGHTS = "grant the key or user the privileges auto_configure and create_doc there"
_SERVER = "check the health of the server"
_BETWEEN = "check the proxies between here and the server"
_TOO_OLD = "this server is too old, or too new: check which versions are supported"
_NO_REDIRECT = "redirects are not followed: name the server itself in hosts"
_TOO_LARGE = (
    "the document is larger than the server, or a proxy before it, allows in a request"
    " (http.max_content_length)"
)
_STORED = "it is in the failure store, with the error: see GET <data stream>::failures/_search"
_NO_INDEX = "create it, or the index template that makes it a data stream (esa-forwarder setup)"
_NO_PIPELINE = "create the pipeline, or take it out of the configuration"
_SHARDS = "raise the limit on shards, or delete indices"
PLAIN_INDEX = (
    "an index or alias has the name of the data stream: give it another one, or delete it, and the"
    " data stream is created"
)
_BLOCKED = "remove the block from the index (index.blocks in its settings)"
_WRITE_BLOCKED = f"{_BLOCKED}, or roll the data stream over"
_ALL_BLOCKED = "remove the block from the cluster (cluster.blocks in its settings)"
_BLOCK = "cluster_block_exception"

REPLIES = (
    Rule(_2XX, Disposition.EACH),
    Rule(_3XX, _LATER, _NO_REDIRECT),
    Rule((400,), _LATER, _TOO_OLD, "media_type_header_exception"),
    Rule((400,), _LATER, _TOO_OLD, "illegal_argument_exception", "unrecognized parameter"),
    # Something in the request is wrong; in halves it shows which document it is.
    Rule((400,), Disposition.SPLIT, "check the document", "*"),
    Rule((401,), _LATER, _BAD_LOGIN),
    Rule((403,), _LATER, _ALL_BLOCKED, _BLOCK, "/cluster "),
    Rule((403,), _LATER, _BLOCKED, _BLOCK),
    Rule((403,), _LATER, _RIGHTS),
    Rule((404,), _LATER, "check that it is the right server, path and index"),
    Rule((407,), _LATER, "put user and password of the proxy into its URL"),
    Rule((413,), Disposition.SPLIT, _TOO_LARGE),
    Rule((429,), Disposition.LESS, "the server is busy; give it time, or more nodes"),
    Rule(_5XX, _LATER, _SERVER),
    Rule(_ANY, _LATER, _BETWEEN),
)
"""Of whole replies."""

ITEMS = (
    # Not indexed, but put into the failure store with status 201: searches do not find it.
    Rule(_2XX, _REJECTED, _STORED, failure_store=("used", "failed", "not_enabled")),
    Rule(_2XX, Disposition.DELIVERED),
    # The _id is there already, from an attempt whose reply was lost or from an earlier run.
    Rule((409,), Disposition.DELIVERED),
    Rule((429,), Disposition.LESS, "the server is busy, or its disk is full"),
    Rule((401,), _LATER, _BAD_LOGIN),
    Rule((403,), _LATER, _ALL_BLOCKED, _BLOCK, "/cluster "),
    Rule((403,), _LATER, _WRITE_BLOCKED, _BLOCK, "/index write "),
    Rule((403,), _LATER, _BLOCKED, _BLOCK),
    Rule((403,), _LATER, _RIGHTS),
    Rule((404,), _LATER, PLAIN_INDEX, reason="is not a data stream"),
    Rule((404,), _LATER, _NO_INDEX),
    # Three 400s that are not about the document, and that an operator can fix.
    Rule((400,), _LATER, "open the index", "index_closed_exception"),
    Rule((400,), _LATER, _NO_PIPELINE, "illegal_argument_exception", "pipeline with id"),
    Rule((400,), _LATER, _SHARDS, "validation_exception", "this action would add"),
    Rule(_4XX, _REJECTED, "fix the mapping, then replay the dead letter", "*"),
    Rule(_5XX, _LATER, _SERVER),
    # A status or an error that no server gives: in doubt, again.
    Rule(_ANY, _LATER, _BETWEEN),
)
"""Of single items of a reply."""


def find_rule(
    table: Sequence[Rule], status: int, type_: str = "", reason: str = "", failure_store: str = ""
) -> Rule:
    """Find the first line of a table that matches a status, error and failure store."""
    for rule in table:
        if (
            status in rule.statuses
            and (rule.type in {"", type_} or (rule.type == "*" and type_ != ""))
            and rule.reason in reason
            and (not rule.failure_store or failure_store in rule.failure_store)
        ):
            return rule
    raise ValueError(f"{status} is not a status of HTTP")


class BulkResult(NamedTuple):
    """What a reply means for the documents of its request."""

    disposition: Disposition
    """Of the whole reply; EACH where each document has its own. LESS where the server is too busy
    for most of them: were it sent less after each reply that puts a few documents off, it would
    soon be sent one at a time."""
    failures: Sequence[Failure]  # what was not delivered
    reason: str  # in words, of the whole reply or of the first document that is to come again
    status: int | None  # none without a reply
    retry_after: timedelta | None  # how long the server asked to be left alone


def interpret(reply: Reply, documents: Sequence[Document], target: str) -> BulkResult:
    """Return what a reply means for the documents of its request.

    Raises Unavailable if the reply makes no sense or is truncated.
    """
    body = None
    with suppress(orjson.JSONDecodeError):  # as of the page of a proxy
        body = orjson.loads(reply.body)
    error_type, reason = find_error(body)
    rule = find_rule(REPLIES, reply.status, error_type, reason)
    if rule.disposition is Disposition.EACH:
        return _interpret_items(reply, body, documents)
    text = f"{reply.url} answers {reply.status} to a bulk request for {target}"
    # What redirects has a page for browsers.
    what = "" if reply.status in _3XX else _join(error_type, reason) or show_page(reply.body)
    text += f": {what}" if what else ""
    after = _retry_after(reply.headers.get("retry-after", ""))
    return BulkResult(rule.disposition, [], f"{text}; {rule.advice}", reply.status, after)


def _interpret_items(reply: Reply, body: object, documents: Sequence[Document]) -> BulkResult:
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) != len(documents):
        count = len(items) if isinstance(items, list) else "no"
        raise Unavailable(
            f"{reply.url} answers {reply.status} with {count} items to a bulk request with"
            f" {len(documents)}: {show_page(reply.body)}; {_BETWEEN}"
        )
    failures, busy = [], 0
    for document, item in zip(documents, items, strict=True):
        result = next(iter(item.values()), None) if isinstance(item, dict) else None
        if not isinstance(result, dict):
            result = {}
        status = result.get("status")
        if type(status) is not int or not 0 <= status < 1000:  # noqa: PLR2004 - what a status can be
            status = 0
        if status in {201, 409} and "failure_store" not in result:
            continue  # nearly all
        error, store = find_error(result), _text(result, "failure_store")
        rule = find_rule(ITEMS, status, *error, store)
        if rule.disposition is Disposition.DELIVERED:
            continue
        reason = f"{reply.url} answers {status} for a document"
        reason += f" in {index}" if (index := _text(result, "_index")) else ""
        reason += f" (failure store: {store})" if store else ""
        reason += f": {what}" if (what := _join(*error)) else ""
        busy += rule.disposition is Disposition.LESS
        retryable = rule.disposition is not Disposition.REJECTED
        failures.append(Failure(document, f"{reason}; {rule.advice}", retryable, status))
    if busy * 2 <= len(documents):
        return BulkResult(Disposition.EACH, failures, "", reply.status, None)
    first = next(x for x in failures if x.retryable)
    return BulkResult(Disposition.LESS, failures, first.reason, first.status, None)


def find_error(body: object) -> tuple[str, str]:
    """Return type and reason of an error, with its cause, which tends to say more; or empty."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", _text(body, "error")
    reason, cause = _text(error, "reason"), error.get("caused_by")
    if why := _text(cause, "reason"):
        reason += f" ({_join(_text(cause, 'type'), why)})"
    # The list of blocks of an index ends with a semicolon.
    return _text(error, "type"), reason[:_MAX_TEXT].rstrip(";")


def _text(found: object, key: str) -> str:
    """Return the text below a key; empty if there is none."""
    text = found.get(key) if isinstance(found, dict) else None
    return text[:_MAX_TEXT] if isinstance(text, str) else ""


def _join(type_: str, reason: str) -> str:
    return ": ".join(x for x in (type_, reason) if x)


def show_page(body: bytes) -> str:
    """Return the beginning of an answer, to show where it comes from."""
    return repr(body[:_MAX_PAGE].decode(errors="replace")) if body else "nothing"


def _retry_after(text: str) -> timedelta | None:
    """Read a number of seconds; no cluster sends a date."""
    with suppress(ValueError, OverflowError):
        return min(_LONGEST_REST, timedelta(seconds=int(text))) if text.isdecimal() else None
    return None
