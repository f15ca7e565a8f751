"""What a reply to a bulk request means: one table, for whole replies and for single items.

The rules:

- What somebody can mend at the server or in the configuration is waited for: credentials, rights,
  a missing index, a full or overloaded cluster. Nothing is dropped for it, however long it takes.
- What is wrong with the document is refused for good. The document is kept as a dead letter.
- What is there already is delivered.
- In doubt it is sent again: ``create`` with an ``_id`` takes a document once.

Rows are looked through from the top; the first that fits holds. Status codes and types are those
of Elasticsearch 8.19 and 9.5 and of OpenSearch 2.19.
"""

from collections.abc import Container
from enum import Enum, auto
from typing import Literal, NamedTuple


class Meaning(Enum):
    """What becomes of the documents."""

    DELIVERED = auto()
    REFUSED = auto()
    """For good."""
    LATER = auto()
    """Again, after a pause."""
    LESS = auto()
    """Again, after a pause, and less at once."""
    SPLIT = auto()
    """Again at once, in halves. One document alone is refused."""
    EACH = auto()
    """The items of the reply say it."""


class Row(NamedTuple):
    """One line of the table."""

    of: Literal["reply", "item"]
    statuses: Container[int]
    meaning: Meaning
    advice: str = ""
    """What to do about it, for people."""
    type: str = ""
    """Of the error; empty for any."""
    says: str = ""
    """What the reason contains."""
    failure_store: tuple[str, ...] = ()
    """What the item says of the failure store; empty for anything."""


_4XX, _5XX = range(400, 500), range(500, 600)
_RIGHTS = "give the key or user the privileges auto_configure and create_doc there"

TABLE = (
    # A whole reply.
    Row("reply", range(200, 300), Meaning.EACH),
    Row(
        "reply",
        range(300, 400),
        Meaning.LATER,
        "nothing is sent there: name the server itself in hosts, not what sends on to it",
    ),
    Row(
        "reply",
        (400,),
        Meaning.LATER,
        "this server is too old, or too new: see which ones are supported",
        type="media_type_header_exception",
    ),
    Row(
        "reply",
        (400,),
        Meaning.LATER,
        "this server is too old: see which ones are supported",
        type="illegal_argument_exception",
        says="unrecognized parameter",
    ),
    # Something in the request is wrong; in halves it shows which document it is.
    Row("reply", (400,), Meaning.SPLIT, "look at the document", type="*"),
    Row("reply", (401,), Meaning.LATER, "give a key or a password that is valid"),
    Row("reply", (403,), Meaning.LATER, _RIGHTS),
    Row("reply", (404,), Meaning.LATER, "see whether this is the right server, path and index"),
    Row("reply", (407,), Meaning.LATER, "give the user and password of the proxy in its URL"),
    Row(
        "reply",
        (413,),
        Meaning.SPLIT,
        "the document is larger than the server, or a proxy before it, allows in a request"
        " (http.max_content_length)",
    ),
    Row("reply", (429,), Meaning.LESS, "the server is busy; give it time, or more nodes"),
    Row("reply", _4XX, Meaning.LATER, "see what is between here and the server"),
    Row("reply", _5XX, Meaning.LATER, "see how the server is"),
    # One item. It was not indexed, but put aside by the server with status 201: whoever searches
    # does not find it.
    Row(
        "item",
        range(200, 300),
        Meaning.REFUSED,
        "it is in the failure store, with the error: see GET <data stream>::failures/_search",
        failure_store=("used",),
    ),
    # It says that it is stored nowhere.
    Row(
        "item",
        range(200, 300),
        Meaning.REFUSED,
        "see the log of the server",
        failure_store=("failed", "not_enabled"),
    ),
    Row("item", range(200, 300), Meaning.DELIVERED),
    # The _id is there already, from an attempt whose reply was lost or from an earlier run.
    Row("item", (409,), Meaning.DELIVERED),
    Row(
        "item",
        (429,),
        Meaning.LESS,
        "the server is busy, or its disk is full; give it time, or room",
    ),
    Row("item", (401,), Meaning.LATER, "give a key or a password that is valid"),
    Row("item", (403,), Meaning.LATER, _RIGHTS),
    Row(
        "item",
        (404,),
        Meaning.LATER,
        "make it, or the index template that makes it a data stream (esa-forwarder setup)",
    ),
    # Three 400s that are no fault of the document, and that somebody can mend.
    Row("item", (400,), Meaning.LATER, "open the index", type="index_closed_exception"),
    Row(
        "item",
        (400,),
        Meaning.LATER,
        "make the pipeline, or take it out of the configuration",
        type="illegal_argument_exception",
        says="pipeline with id",
    ),
    Row(
        "item",
        (400,),
        Meaning.LATER,
        "raise the limit on shards, or delete indices",
        type="validation_exception",
        says="this action would add",
    ),
    Row("item", _4XX, Meaning.REFUSED, "mend the mapping, then replay the dead letter"),
    Row("item", _5XX, Meaning.LATER, "see how the server is"),
    # A status that no server gives: in doubt, again.
    Row("item", range(-1, 1000), Meaning.LATER, "see what is between here and the server"),
    Row("reply", range(-1, 1000), Meaning.LATER, "see what is between here and the server"),
)


def look_up(
    of: Literal["reply", "item"],
    status: int,
    type_: str = "",
    reason: str = "",
    failure_store: str = "",
) -> Row:
    """Find the line of the table that holds.

    Args:
        of: Whether it is a whole reply or an item of one.
        status: Of HTTP.
        type_: Of the server's error; empty where there is none, as in a page of a proxy.
        reason: The server's own words.
        failure_store: What an item says of it.
    """
    for row in TABLE:
        if (
            row.of == of
            and status in row.statuses
            and (row.type in {"", type_} or (row.type == "*" and type_ != ""))
            and row.says in reason
            and (not row.failure_store or failure_store in row.failure_store)
        ):
            return row
    raise ValueError(f"{status} is no status of HTTP")
