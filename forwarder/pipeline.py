"""The flow of the pure core: bytes of logs in, documents out.

    bytes → framing → grammar → correlator → ecs → documents

A :class:`Flow` holds what outlives a file: the open connections of each appliance. A
:class:`Reading` is one file on its way through.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

import orjson

from forwarder.counts import Counts
from forwarder.documents import Document, new_document
from forwarder.ecs import Encoder
from forwarder.ecs_layout import Common
from forwarder.events import Action, Event, Outcome
from forwarder.mail_logs.blocks import Block
from forwarder.mail_logs.clock import Clock
from forwarder.mail_logs.correlator import Correlator
from forwarder.mail_logs.framing import Framer, FramerState
from forwarder.mail_logs.log import Log
from forwarder.mail_logs.syslog import SyslogState
from forwarder.mail_logs.wrapping import Width
from forwarder.memory import MAX_REMEMBERED

_FAR_PAST = datetime(1970, 1, 1, tzinfo=UTC)


class Settings(NamedTuple):
    """What an operator chooses."""

    zone: tzinfo | None = None
    """Of stamps that no file header covers."""
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
        self._clock = Clock(settings.zone)
        self._encoder = Encoder(settings.common)
        self._correlators: dict[str, Correlator] = {}
        self._counts = Counts()
        self._lost = 0
        self._first_lost: tuple[str | None, int] | None = None
        self._outcomes: Counter[Outcome] = Counter()

    @property
    def counts(self) -> Counts:
        """What has gone through so far."""
        self._counts.unread = self._lost + sum(x.unread for x in self._correlators.values())
        found = (x.first_unread for x in self._correlators.values())
        self._counts.first_unread = next((x for x in found if x is not None), self._first_lost)
        self._counts.assumed_utc = self._clock.assumed_utc
        self._sum_up()
        ends = Action.SESSION_CLOSED.value
        logins = sum(x for (action, _), x in self._counts.events.items() if action != ends)
        # The exceptions are counted: they are few, and to look at each event takes time.
        self._counts.joinable = logins - sum(x.nameless for x in self._correlators.values())
        unjoined = sum(x.unjoined for x in self._correlators.values())
        self._counts.joined = self._counts.joinable - unjoined
        return self._counts

    @property
    def open_connections(self) -> int:
        """How many are open, of all appliances and in both directions."""
        return sum(x.open_connections for x in self._correlators.values())

    def restore(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Put in what :meth:`changes` gave; before anything is read."""
        appliances: dict[str, list[tuple[str, bytes]]] = {}
        for key, value in pairs:
            # The appliance's name may have slashes; what is behind it has two parts.
            appliances.setdefault(key.rsplit("/", 2)[0], []).append((key, value))
        for appliance, own in appliances.items():
            self._correlator(appliance).state.restore(own)

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Give what has changed since the last time and must outlive the process.

        Yields:
            A key that begins with the appliance's name, and its value; None takes the key away.
        """
        for correlator in self._correlators.values():
            yield from correlator.state.changes()

    def open(  # noqa: PLR0913 - each has a name
        self,
        appliance: str,
        path: str | None,
        *,
        near: datetime = _FAR_PAST,
        latest: datetime | None = None,
        hosts: bool = False,
        state: bytes | None = None,
        offset: int = 0,
    ) -> "Reading":
        """Begin a file, or go on with it.

        Args:
            appliance: Whose log it is.
            path: Absolute, valid Unicode; None for a stream.
            near: A moment that its first line is not after, but for a day, for stamps without a
                year.
            latest: A moment that no line is after, but for a day; None if nobody knows.
            hosts: Whether the host in a syslog header names the appliance in its place.
            state: Where another reading of it was (:attr:`Reading.state`).
            offset: Without a state, where to begin, in bytes; what is not the beginning of a line
                there is left out.
        """
        framer = Framer(
            near,
            year=self._settings.year,
            latest=latest,
            split_hosts=hosts,
            count_lines=self._settings.count_lines,
        )
        if offset:
            framer.resume(framer.state._replace(position=offset))
        reading = Reading(self, framer, appliance, path)
        if state is not None:
            reading.resume(state)
        return reading

    def read(self, appliance: str, block: Block, log: Log) -> list[Event]:
        """Join the lines of a block."""
        return self._correlator(appliance).read(block, log)

    def _correlator(self, appliance: str) -> Correlator:
        correlator = self._correlators.get(appliance)
        if correlator is None:
            correlator = Correlator(appliance, self._clock, sessions=self._settings.sessions)
            self._correlators[appliance] = correlator
        return correlator

    def document(self, events: list[Event]) -> "Documents":
        """Count events, and give their documents."""
        self._outcomes.update([x.outcome for x in events])
        if len(self._outcomes) > MAX_REMEMBERED:
            self._sum_up()
        return Documents(events, self._encoder)

    def _sum_up(self) -> None:
        """Count outcomes by what they say: each is an object, and servers answer what they like."""
        for outcome, number in self._outcomes.items():
            self._counts.events[outcome.action.value, outcome.result] += number
        self._outcomes.clear()

    def count_input(self, size: int, lines: int, cut_lines: int) -> None:
        """Count what came in, in bytes and lines."""
        self._counts.bytes += size
        self._counts.lines += lines
        self._counts.cut_lines += cut_lines

    def count_left_out(self, path: str | None, framer: Framer) -> None:
        """Count what framing made no lines of.

        Args:
            path: Of the file; None for a stream.
            framer: At the end of the file.
        """
        self._counts.strangers += framer.strangers
        self._counts.others += framer.others
        self._counts.broken_off += framer.is_broken_off
        self._lost += framer.lost
        if framer.first_lost is not None and self._first_lost is None:
            self._first_lost = path, framer.first_lost


class Reading:
    """One file on its way."""

    def __init__(self, flow: Flow, framer: Framer, appliance: str, path: str | None) -> None:
        """Begin; see :meth:`Flow.open`."""
        self._flow = flow
        self._framer = framer
        self._appliance = appliance
        self._path = path
        self._logs: dict[str, Log] = {}
        self._size = 0
        self.is_foreign = True
        """Whether no line of a mail log has come yet."""

    @property
    def position(self) -> int:
        """Bytes from the start of the file: all before is in documents that were given."""
        return self._framer.state.position

    @property
    def state(self) -> bytes:
        """What another reading needs to go on from the position."""
        position, skipping, within, syslog, wraps = self._framer.state
        near, year, before = syslog
        logs = {
            appliance: [
                log.origin.serial,
                None if log.offset is None else log.offset // timedelta(seconds=1),
                log.file,
            ]
            for appliance, log in self._logs.items()
        }
        widths = [[size, None if width is None else [*width]] for size, width in wraps]
        dates = [near.isoformat(), year, None if before is None else before.isoformat()]
        return orjson.dumps([position, skipping, within, dates, widths, self.is_foreign, logs])

    def resume(self, state: bytes) -> None:
        """Go on where another reading of this file was."""
        position, skipping, within, dates, wraps, self.is_foreign, logs = orjson.loads(state)
        near, year, before = dates
        syslog = SyslogState(
            datetime.fromisoformat(near),
            year,
            None if before is None else datetime.fromisoformat(before),
        )
        widths = tuple((size, None if width is None else Width(*width)) for size, width in wraps)
        self._framer.resume(FramerState(position, skipping, within, syslog, widths))
        for appliance, (serial, seconds, file) in logs.items():
            log = self._logs[appliance] = Log(appliance, self._path)
            log.origin = replace(log.origin, serial=serial)
            log.offset = None if seconds is None else timedelta(seconds=seconds)
            log.file = file

    def rename(self, path: str) -> None:
        """Take it that the file has this name now."""
        if path == self._path:
            return  # an origin that stays the same object keeps what was made for it
        self._path = path
        for log in self._logs.values():
            log.origin = replace(log.origin, path=path)

    def settle(self) -> "Documents":
        """Take it that no more is there for now: the last line is whole if a newline ends it."""
        return self._read(self._framer.settle())

    def feed(self, data: bytes) -> "Documents":
        """Take the next bytes of the file, cut anywhere.

        Returns:
            In the order of their lines.
        """
        self._size += len(data)
        return self._read(self._framer.feed(data))

    def finish(self) -> "Documents":
        """Take the end of the file.

        Returns:
            The documents of its last line.
        """
        documents = self._read(self._framer.finish())
        self._flow.count_input(self._size, self._framer.lines, self._framer.cut_lines)
        self._flow.count_left_out(self._path, self._framer)
        return documents

    def _read(self, blocks: list[Block]) -> "Documents":
        events: list[Event] = []
        split = False
        for block in blocks:
            self.is_foreign = False
            appliance = block.appliance or self._appliance
            split |= block.appliance is not None
            log = self._logs.get(appliance)
            if log is None:
                log = self._logs[appliance] = Log(appliance, self._path)
            events += self._flow.read(appliance, block, log)
        return self._flow.document(_in_order(events) if split else events)


def appliances_in(state: bytes) -> set[str]:
    """Say whose lines a reading had come across.

    Args:
        state: As :attr:`Reading.state` gave it.
    """
    return set(orjson.loads(state)[-1]) if state else set()


class Documents:
    """Documents of events: one JSON object each, with a newline behind.

    They are made as they are taken, so that each is written while it is warm: to lay them all out
    in memory first takes a tenth of the time again.
    """

    __slots__ = ("_encoder", "_events")

    def __init__(self, events: list[Event], encoder: Encoder) -> None:
        """Start with what documents are made of, in their order."""
        self._events = events
        self._encoder = encoder

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[bytes]:
        return map(self._encoder.encode, self._events)

    def values(self) -> list[Document]:
        """Make all of them, for a spool."""
        encode = self._encoder.encode
        return [new_document((event.id, encode(event)[:-1])) for event in self._events]


def _in_order(events: list[Event]) -> list[Event]:
    """Put the events of several appliances that share a file back into the order of its lines."""
    keys = []
    offset = 0
    for event in events:
        # An event that no line says stays behind the one before it.
        offset = offset if event.offset is None else event.offset
        keys.append(offset)
    order = sorted(range(len(events)), key=keys.__getitem__)
    return [events[i] for i in order]
