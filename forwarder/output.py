"""The output contract: what a plugin implements, and what the program does with its answers.

An output connects, sends and classifies failures. The program does the rest: batches, retries with
backoff, dead letters, counters and order. One output never waits for another.

An output may install what it needs on the other side: see ``OutputPlugin.setup``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from forwarder.errors import ForwarderError
from forwarder.events import Document

if TYPE_CHECKING:
    from pydantic import BaseModel


class Failure(NamedTuple):
    """A document that was not delivered."""

    document: Document
    """A document of the batch."""
    reason: str
    """What the other side answered, for the operator who has to fix it."""
    retryable: bool = False
    """True: the program retries the document until it is delivered; soon if others of the batch
    were delivered, and perhaps behind later ones. False: the document becomes a dead letter."""
    status: int | None = None
    """Status code of the answer, if there was one."""


class Unavailable(ForwarderError):  # noqa: N818 - a passing state, not a fault
    """The other side cannot be reached or is overloaded; the program retries."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        """Take the reason.

        Args:
            message: What is wrong and where.
            retry_after: The pause that the other side asked for; ``max_pause`` limits it.
        """
        super().__init__(message)
        self.retry_after = retry_after


class Output(Protocol):
    """A destination of documents. One thread calls it, one method at a time."""

    def open(self) -> None:
        """Connect, or open files. Called before the first ``write``, and again after ``close``.

        Raises:
            Unavailable: The program calls ``close``, waits, and calls ``open`` again, without end.
        """

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Deliver a batch.

        A batch has at least one document; documents come in the order of reading. A document may
        come again after ``Unavailable``, and after the program was killed or the power failed. Then
        the documents of the last batch come first, in the same order, before anything new; they may
        be cut into other batches. No earlier batch comes again. An output whose medium allows it
        recognises repeated documents by their ids.

        After ``Unavailable`` the program calls ``write`` again without ``close`` and ``open``:
        reconnect here.

        Args:
            documents: At most as many as the setting ``batch.max_documents`` allows.

        Returns:
            The documents that were not delivered; empty if all were. A document that is not named
            counts as delivered and never comes again.

        Raises:
            Unavailable: All documents of the batch come again.
            Exception: Anything else stops this output for good, and its text is logged as an error:
                a bug, or a destination that can never be written again. The other outputs go
                on, and the documents are kept.
        """

    def close(self) -> None:
        """Release everything. Called once after each ``open``, also after a failed one.

        An exception is logged and changes nothing: what was delivered stays delivered, and a failed
        ``open`` is retried.
        """


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of the documents that an output will get."""

    namespace: str = "default"
    """`data_stream.namespace` of all of them, but for those with one of their own."""
    appliances: tuple[str, ...] = ()
    """`host.name` of each appliance that the configuration names or whose logs exist; sorted,
    without repetition. Documents of other appliances may come, too."""
    own_namespaces: tuple[str, ...] = ()
    """`data_stream.namespace` of single appliances; sorted, without repetition."""


class Finding(NamedTuple):
    """What a check of an output found."""

    good: bool
    text: str
    """What was checked and what was found."""
    advice: str = ""
    """What the operator should do; empty for nothing. A good finding with advice is shown as a
    warning."""


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """What the command line of ``esa-forwarder setup`` asks for."""

    remove: bool = False
    """Remove what a setup installed, instead of installing it."""
    api_key: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    """Who does it. Shipping documents needs few rights, setting up needs more: without these, the
    credentials of the settings are used."""
    key_file: Path | None = None
    """Make the credentials that an output ships with, and write them into this file, which is not
    there yet; only its owner may read it. A plugin that cannot raises ConfigError."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What ``--set NAME=VALUE`` gives, of the names in ``OutputPlugin.setup_values``."""


class Step(NamedTuple):
    """One thing that a setup does on the other side."""

    what: str
    """What it installs or removes, as in "ingest pipeline x"."""
    request: str
    """What is asked of the other side, as in "PUT https://a:9200/_ingest/pipeline/x"."""
    body: str = ""
    """What goes with it, as text."""
    file: str = ""
    """Name of a file for the body, relative, where it is done by hand; empty for none."""
    do: Callable[[], str] | None = None
    """Does it, and says in a few words what was done; raises ForwarderError where that failed. What
    was done before is done again without harm. None: it is for people to do."""
    by_hand: bool = False
    """Whether a person has to do it after every setup, so that it is shown then."""


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
    login_settings: frozenset[str] = frozenset()
    """Names of settings by which an output logs in. They are left out where a setup has credentials
    of its own, or sends nothing: their secrets may not exist yet."""
    knows_ids: bool = False
    """Whether the other side knows a document by its id that it was given before, in another run as
    well, and does not keep it twice. ``esa-forwarder rewind`` asks before it makes duplicates."""
    profile: Literal["full", "lean"] = "full"
    """What documents have, unless the configuration says otherwise: everything, or not the fields
    that only repeat others."""
    missing: str = ""
    """What is not installed that this output needs, and how to install it, as in "its client is not
    installed; say pip install x". A configuration with an output of this type has a mistake then.
    Empty where all is there."""
