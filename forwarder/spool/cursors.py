"""How far each output is: what the spool remembers of it, and a batch on its way to it."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from forwarder.events import Document
from forwarder.spool.dead_letters import DeadLetter

PREFIX = "output/"
"""Of the keys in the state."""


class Trouble(NamedTuple):
    """Why nothing is delivered."""

    error: str
    """The last one, in words."""
    time: float
    """Of the last error; seconds since 1970."""
    since: float
    """Of the first error since something was delivered; seconds since 1970."""
    stopped: bool = False
    """Whether the output is not tried again before the service is started anew."""


class Refusing(NamedTuple):
    """How many of the newest documents an output refused for good."""

    number: int
    """At least one."""
    of: int
    """The newest documents that it took or refused."""
    reason: str
    """Of the last one, in words."""
    time: float
    """Of the last one; seconds since 1970."""


class Place(NamedTuple):
    """Where a document is from."""

    time: str = ""
    """Of its line, as the document has it; empty if that is not known."""
    path: str = ""
    """The log."""


class Dropped(NamedTuple):
    """What an output lost because the spool was full and it did not deliver."""

    documents: int
    """How many, since an operator settled it."""
    first: Place
    """The first one."""
    last: Place
    """The last one."""


class Progress(NamedTuple):
    """How far an output is."""

    cursor: int
    """Serial number of the next document for it."""
    delivered: int = 0
    """Documents that it took, ever."""
    rejected: int = 0
    """Documents that it refused for good, ever."""
    retried: int = 0
    """Documents that were handed over again, ever."""
    missing: int = 0
    """Documents that were damaged in the spool before they could be delivered, ever."""
    trouble: Trouble | None = None
    """None while it delivers."""
    last_error: tuple[str, float] | None = None
    """The newest error, also if it is over; words, and seconds since 1970."""
    attempt_since: float | None = None
    """Since when an attempt is going on, where that is long; seconds since 1970."""
    refusing: Refusing | None = None
    """None where it took all of the newest documents."""
    dropped: Dropped | None = None
    """None where there never was any, or an operator settled it."""


class Batch(NamedTuple):
    """What an output is to deliver next."""

    documents: Sequence[Document]
    """In order; empty if there is nothing."""
    start: int = 0
    """Serial number of the first one."""
    letters: Sequence[DeadLetter] = ()
    """The dead letters that the documents come from, where they are to be replayed."""

    @property
    def end(self) -> int:
        """Serial number behind the last one."""
        return self.start + len(self.documents)

    def first(self, number: int) -> "Batch":
        """Return the first documents of it alone."""
        return self.part(0, number)

    def part(self, start: int, end: int) -> "Batch":
        """Return some documents of it, by their positions."""
        return Batch(self.documents[start:end], self.start + start, self.letters[start:end])


def spell(place: Place) -> str:
    """Give a place as words."""
    return f"{place.time} in {place.path}" if place.path else "unknown"


def dump(progress: Progress) -> bytes:
    """Turn into what is stored."""
    fields = progress._asdict()
    for name in ("attempt_since", "refusing", "dropped"):
        if fields[name] is None:
            del fields[name]  # versions that do not know it can go on then
    if progress.refusing is not None:
        fields["refusing"] = progress.refusing._asdict()
    if progress.dropped is not None:
        documents, first, final = progress.dropped
        fields["dropped"] = [documents, [*first], [*final]]
    fields["trouble"] = progress.trouble and progress.trouble._asdict()
    return orjson.dumps(fields)


def load(value: bytes) -> Progress:
    """Read what was stored."""
    fields = orjson.loads(value)
    trouble = fields.pop("trouble")
    last = fields.pop("last_error")
    refusing = fields.pop("refusing", None)
    dropped = fields.pop("dropped", None)
    if dropped:
        documents, first, final = dropped
        fields["dropped"] = Dropped(documents, Place(*first), Place(*final))
    return Progress(
        trouble=trouble and Trouble(**trouble),
        last_error=last and tuple(last),
        refusing=refusing and Refusing(**refusing),
        **fields,
    )
