"""The contract of an output: what a plugin implements, and what its answers make us do.

An output connects, sends and classifies. Everything else is done for it: batches, retries with
growing pauses, dead letters, counters and order. One output never waits for another.

What an output needs on the other side, it may bring there itself: see ``OutputPlugin.setup``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from forwarder.errors import ForwarderError
from forwarder.events import Document

if TYPE_CHECKING:
    from pydantic import BaseModel


class Failure(NamedTuple):
    """A document that an output did not take."""

    document: Document
    """One of those that were handed over."""
    reason: str
    """What the other side said, for the person who has to mend it."""
    retryable: bool = False
    """True: it is handed over again until it is taken; soon, if others of the batch were taken, and
    perhaps behind later ones. False: it will never be taken; it becomes a dead letter and is handed
    over no more."""
    status: int | None = None
    """Status code of the answer, where there was one."""


class Unavailable(ForwarderError):  # noqa: N818 - it is a state, which passes, rather than a fault
    """The other side cannot be reached, or does not take anything now: it is tried again."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        """Say why.

        Args:
            message: What is wrong and where.
            retry_after: How long the other side asked to be left alone. It is, but for no longer
                than the setting ``max_pause``.
        """
        super().__init__(message)
        self.retry_after = retry_after


class Output(Protocol):
    """Where documents go. One thread calls it, one method at a time."""

    def open(self) -> None:
        """Get ready: connect, open files. Called before the first ``write``, and after ``close``.

        Raises:
            Unavailable: ``close`` is called, and this again after a pause, without end.
        """

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Deliver a batch.

        Called with at least one document, in the order of reading. A document that was handed
        over may come again: after ``Unavailable``, and after the program was killed or the power
        failed. Then the documents of the last batch come first, in the same order, before
        anything new; they may be cut into other batches. No earlier batch comes again. An output
        whose medium allows it recognises them by their ids.

        After ``Unavailable`` it is called again without ``close`` and ``open`` in between: what
        was lost on the way, such as a connection, is made again here.

        Args:
            documents: At most as many as the configuration allows in a batch.

        Returns:
            The documents that were not delivered; empty if all were. What is not named here is
            delivered for good and never handed over again.

        Raises:
            Unavailable: Nothing is assumed of any document of the batch: all come again.
            Exception: Anything else stops this output for good, loudly and in the words of the
                exception: a bug, or a place where nothing can ever be written again. The other
                outputs go on, and the documents are kept.
        """

    def close(self) -> None:
        """Let go of everything. Called once after each ``open``, also after it failed.

        What it raises is logged, and changes nothing: neither what was delivered, nor that ``open``
        is called again after it failed.
        """


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of the documents that an output will get, before there are any."""

    namespace: str = "default"
    """`data_stream.namespace` of all of them."""
    appliances: tuple[str, ...] = ()
    """`host.name` of those that the configuration names, or whose logs are there: sorted, each
    once. There may be others, also if it is empty."""


class Finding(NamedTuple):
    """What a check of an output found."""

    good: bool
    text: str
    """What was looked at and what was found."""
    advice: str = ""
    """What to do about it; empty where nothing is to be done. What is good and has some is shown as
    a warning."""


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """What the command line of ``esa-forwarder setup`` asks for."""

    remove: bool = False
    """Take away what a setup brought, instead of bringing it."""
    api_key: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    """Who does it. Shipping documents needs few rights, setting up needs more: without these, the
    credentials of the settings are used."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What ``--set NAME=VALUE`` gives, of the names in ``OutputPlugin.setup_values``."""


class Step(NamedTuple):
    """One thing that a setup does on the other side."""

    what: str
    """What it brings or takes away, as in "ingest pipeline x"."""
    request: str
    """What is asked of the other side, as in "PUT https://a:9200/_ingest/pipeline/x"."""
    body: str = ""
    """What goes with it, as text."""
    file: str = ""
    """Name of a file for the body, relative, for whoever does it by hand; empty for none."""
    do: Callable[[], str] | None = None
    """Does it, and says in a few words what was done; raises ForwarderError where that failed. What
    was done before is done again without harm. None: it is for people to do."""
    by_hand: bool = False
    """Whether somebody has to do it after every setup, so that it is shown then."""


@dataclass(frozen=True, slots=True)
class OutputPlugin:
    """A type of output, as a plugin registers it."""

    name: str
    """The ``type`` in the configuration, and the name of the entry point."""
    config: "type[BaseModel]"
    """Its own settings; what every output has (batches, retries) is taken out before."""
    build: Callable[[Any], Output]
    """Makes an output of validated settings; connects nowhere yet."""
    check: Callable[[Any, Expected], Iterable[Finding]] | None = None
    """Looks whether an output with these settings would take the documents that are expected, for
    ``esa-forwarder check``. It writes nothing on the other side."""
    setup: Callable[[Any, SetupOptions], Iterable[Step]] | None = None
    """Gives the steps by which the other side gets what this output needs, in their order, for
    ``esa-forwarder setup``. It asks nothing of the other side; the steps do, when they are done.
    Raises ConfigError for options that it cannot follow."""
    setup_values: Mapping[str, str] = field(default_factory=dict)
    """Names that ``esa-forwarder setup --set NAME=VALUE`` takes for this output, and what each is
    for."""
    knows_ids: bool = False
    """Whether the other side knows a document by its id that it was given before, in another run as
    well, and does not keep it twice. ``esa-forwarder rewind`` asks before it makes duplicates."""
    missing: str = ""
    """What is not installed that this output needs, and how to install it, as in "its client is not
    installed; say pip install x". A configuration with an output of this type has a mistake then.
    Empty where all is there."""
