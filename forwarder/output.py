"""The output contract: what a plugin implements, and what the program does with its answers.

An output connects, sends and classifies failures. The program does the rest: batches, retries with
backoff, dead letters, counters and order. One output never waits for another.

An output may install what it needs at its destination: see ``OutputPlugin.setup``.
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
        """Create the error.

        Args:
            message: What is wrong, and where.
            retry_after: The pause that the destination asked for; ``max_pause`` limits it.
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
        """Release everything. Called once after each ``open``, even a failed one.

        An exception is logged and changes nothing: what was delivered stays delivered, and a failed
        ``open`` is retried.
        """


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known about the documents that an output will get."""

    namespace: str = "default"
    """`data_stream.namespace` of all appliances without their own."""
    appliances: tuple[str, ...] = ()
    """`host.name` of each appliance that the configuration names or whose logs exist; sorted
    and unique. Documents of other appliances may follow."""
    own_namespaces: tuple[str, ...] = ()
    """`data_stream.namespace` of single appliances; sorted and unique."""


class Finding(NamedTuple):
    """What a check of an output found."""

    good: bool
    text: str
    """What was checked and what was found."""
    advice: str = ""
    """What the operator should do; empty if nothing. A good finding with advice is shown as a
    warning."""


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """The options of ``esa-forwarder setup``."""

    remove: bool = False
    """Remove what a setup installed instead of installing it."""
    api_key: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    """Credentials for the setup, which needs more rights than shipping; without them, those of the
    settings are used."""
    key_file: Path | None = None
    """Create the credentials that the output ships with, and write them to this file, which does
    not exist yet, readable by its owner only. A plugin that cannot do this raises ConfigError."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Values of ``--set NAME=VALUE``, for names in ``OutputPlugin.setup_values``."""


class Step(NamedTuple):
    """One thing that a setup does at the destination."""

    what: str
    """What it installs or removes, as in "ingest pipeline x"."""
    request: str
    """The request to the destination, as in "PUT https://a:9200/_ingest/pipeline/x"."""
    body: str = ""
    """The body of the request, as text."""
    file: str = ""
    """Relative name of a file for the body if the step is done by hand; empty if it has none."""
    do: Callable[[], str] | None = None
    """Performs the step and returns its result in a few words; raises ForwarderError if it failed.
    Performing it again does no harm. None: the operator performs the step."""
    by_hand: bool = False
    """Whether the operator has to do it after every setup, so that it is shown then."""


@dataclass(frozen=True, slots=True)
class OutputPlugin:
    """A type of output, as a plugin registers it."""

    name: str
    """The ``type`` in the configuration, and the name of the entry point."""
    config: "type[BaseModel]"
    """Its own settings; those that every output has (batches, retries) are removed before."""
    build: Callable[[Any], Output]
    """Creates an output from validated settings, without connecting."""
    check: Callable[[Any, Expected], Iterable[Finding]] | None = None
    """Checks whether an output with these settings would accept the expected documents, for
    ``esa-forwarder check``. It writes nothing at the destination."""
    setup: Callable[[Any, SetupOptions], Iterable[Step]] | None = None
    """Returns the steps that install what this output needs at its destination, in order, for
    ``esa-forwarder setup``. It sends no request itself; the steps do when they are performed.
    Raises ConfigError for options that it cannot follow."""
    setup_values: Mapping[str, str] = field(default_factory=dict)
    """Names that ``esa-forwarder setup --set NAME=VALUE`` accepts for this output, with their
    purpose."""
    login_settings: frozenset[str] = frozenset()
    """Names of the settings with the credentials. They are ignored if a setup has credentials of
    its own or sends nothing: their secrets may not exist yet."""
    knows_ids: bool = False
    """Whether the destination recognises a document by its id, even from an earlier run, and stores
    it once. ``esa-forwarder rewind`` asks before it makes duplicates."""
    profile: Literal["full", "lean"] = "full"
    """Which fields documents have unless the configuration says otherwise: all, or only those that
    do not repeat others."""
    missing: str = ""
    """What this output needs and is not installed, with the command to install it, as in "its
    client is not installed; run pip install x". A configuration that uses this type is then
    invalid. Empty if nothing is missing."""
