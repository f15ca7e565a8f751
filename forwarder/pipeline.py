"""The flow of the pure core: bytes of logs in, documents out.

    bytes → framing → grammar → correlator → ecs → documents

A :class:`Flow` holds what outlives a file: the open connections of each stream. A
:class:`Reading` is one file on its way through.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from forwarder.cache import MAX_ENTRIES
from forwarder.ecs.encoder import Encoder
from forwarder.ecs.layout import Common
from forwarder.events import Action, Counters, Event, Outcome
from forwarder.mail_logs.blocks import Block
from forwarder.mail_logs.framer import Framer
from forwarder.mail_logs.identity import Identities
from forwarder.mail_logs.join import Means
from forwarder.mail_logs.log import Log, Source
from forwarder.mail_logs.streams import Streams
from forwarder.mail_logs.timestamps import Clock
from forwarder.reading import Amounts, Documents, Reading

_FAR_PAST = datetime(1970, 1, 1, tzinfo=UTC)


class Settings(NamedTuple):
    """What an operator chooses."""

    year: int | None = None
    """Of the first line of each file, for stamps without one."""
    sessions: bool = True
    """Whether the end of a session is an event."""
    common: Common = Common()
    count_lines: bool = True
    """Whether anybody will ask how many lines there were."""


class Flow:
    """Carries logs, file by file, in the order in which they were written."""

    def __init__(self, settings: Settings = Settings()) -> None:  # noqa: B008 - it is frozen
        """Start with no connection open."""
        self._settings = settings
        self._clock = Clock()
        self._encoder = Encoder(settings.common)
        self._means = Means(self._clock, sessions=settings.sessions)
        self._streams = Streams(self._means)
        self._counts = Counters()
        self._lost = 0
        self._first_lost: tuple[str | None, int] | None = None
        self._outcomes: Counter[Outcome] = Counter()

    @property
    def counts(self) -> Counters:
        """What has gone through so far."""
        means = self._means
        self._counts.unparsed_logins = self._lost + means.unread
        self._counts.first_unparsed = means.first_unparsed or self._first_lost
        self._counts.mixtures = tuple(self._streams.mixtures.values())
        self._counts.assumed_utc = self._clock.assumed_utc
        self._sum_up()
        ends = Action.SESSION_CLOSED.value
        logins = sum(x for (action, _), x in self._counts.events.items() if action != ends)
        # The exceptions are counted: they are few, and to look at each event takes time.
        self._counts.joinable = logins - means.nameless
        self._counts.joined = self._counts.joinable - means.unjoined
        return self._counts

    @property
    def open_connections(self) -> int:
        """How many are open, of all appliances and in both directions."""
        return self._streams.open_connections

    def restore(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Put in what :meth:`changes` gave; before anything is read."""
        self._streams.restore(pairs)

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Give what has changed since the last time and must outlive the process.

        Yields:
            A key and its value; None takes the key away.
        """
        yield from self._streams.changes()

    def open(  # noqa: PLR0913 - each has a name
        self,
        appliance: str,
        path: str | None,
        *,
        base: str = "",
        folder: str = "",
        near: datetime = _FAR_PAST,
        latest: datetime | None = None,
        hosts: bool = False,
        zone: tzinfo | None = None,
        state: bytes | None = None,
        offset: int = 0,
        head: bytes = b"",
    ) -> Reading:
        """Begin a file, or go on with it.

        Args:
            appliance: Whose log it is.
            path: Absolute, valid Unicode; None for a stream.
            base: What all files of its log have for a name; rotation adds to it.
            folder: Where its log is; archives and dates add to it.
            near: A moment that its first line is not after, but for a day, for stamps without a
                year.
            latest: A moment that no line is after, but for a day; None if nobody knows.
            hosts: Whether the host in a syslog header names the appliance in its place; if not,
                hosts with another name are streams of their own.
            zone: Of stamps that no file header covers; None if the operator gave none.
            state: Where another reading of it was (:attr:`Reading.state`).
            offset: Without a state, where to begin, in bytes; what is not the beginning of a line
                there is left out.
            head: With an offset, lines from the file's beginning: what its header says counts.
        """
        framer = Framer(
            near,
            year=self._settings.year,
            latest=latest,
            count_lines=self._settings.count_lines,
        )
        source = Source(base, folder, path, zone, Identities())
        reading = Reading(self, framer, appliance, path, source, hosts=hosts)
        if offset:
            reading.skip_to(offset, head)
        if state is not None:
            reading.resume(state)
        return reading

    def read(self, block: Block, log: Log) -> list[Event]:
        """Join the lines of a block."""
        # What is open is remembered without a zone: another one may be given for its appliance.
        if log.source.zone is not self._clock.zone:
            self._clock.move(log.source.zone)
        return self._streams.read(block, log)

    def document(self, events: list[Event]) -> Documents:
        """Count events, and give their documents."""
        self._outcomes.update([x.outcome for x in events])
        if len(self._outcomes) > MAX_ENTRIES:
            self._sum_up()
        return Documents(events, self._encoder)

    def _sum_up(self) -> None:
        """Count outcomes by what they say: each is an object, and servers answer what they like."""
        for outcome, number in self._outcomes.items():
            self._counts.events[outcome.action.value, outcome.result] += number
        self._outcomes.clear()

    def count(self, more: Amounts, path: str | None, first_lost: int | None) -> None:
        """Count what has gone through framing.

        Args:
            more: Since the last time.
            path: Of the file; None for a stream.
            first_lost: Where the first login begins of those that framing lost, in bytes from the
                start of the file.
        """
        self._counts.bytes += more.bytes
        self._counts.lines += more.lines
        self._counts.truncated_lines += more.truncated_lines
        self._counts.dropped_continuations += more.dropped_continuations
        self._counts.foreign_lines += more.foreign_lines
        self._counts.dropped_repeats += more.dropped_repeats
        self._counts.orphaned_repeats += more.orphaned_repeats
        self._lost += more.lost
        if first_lost is not None and self._first_lost is None:
            self._first_lost = path, first_lost

    def count_broken_off(self) -> None:
        """Count a file whose last line was left out, because it is only a piece of one."""
        self._counts.partial_last_lines += 1
