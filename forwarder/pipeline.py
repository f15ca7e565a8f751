"""The pure core: log bytes in, documents out.

    bytes → framer → scanner → streams and correlator → encoder → documents

A :class:`LogParser` holds what outlives a file: the open connections of each stream. A
:class:`FileParser` parses one file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from datetime import UTC, datetime, tzinfo
from itertools import chain
from typing import NamedTuple

import orjson

from forwarder.appliances import Appliances
from forwarder.cache import MAX_ENTRIES
from forwarder.ecs.encoder import Encoder
from forwarder.ecs.layout import Common
from forwarder.events import (
    ApplianceWarning,
    Counters,
    Document,
    Event,
    Origin,
    Outcome,
    new_document,
)
from forwarder.mail_logs import grammar, snapshot
from forwarder.mail_logs.appliance_counts import ApplianceCounters, ApplianceCounts
from forwarder.mail_logs.connections import Tools
from forwarder.mail_logs.event_ids import EventIds, FileHeader, Source
from forwarder.mail_logs.framer import Framer
from forwarder.mail_logs.messages import MessageParser
from forwarder.mail_logs.scanner import Block, scan
from forwarder.mail_logs.streams import Streams
from forwarder.mail_logs.subscriptions import Contents, OtherLog
from forwarder.mail_logs.timestamps import Clock, say_skew

MAX_HOSTS = 256
"""Hosts per file whose headers are remembered, the most recent ones. Syslog lines hardly ever have
a file header."""

MAX_HOST = 255
"""Characters of a host name (RFC 5424, section 6.2.4); the rest of a longer one is ignored."""

MAX_WARNINGS = 100
"""Appliances that are named per kind of warning: senders may invent names."""

_FAR_PAST = datetime(1970, 1, 1, tzinfo=UTC)


class Settings(NamedTuple):
    """Options that the operator chooses."""

    year: int | None = None  # of the first line of each file, for timestamps without one
    sessions: bool = True  # whether the end of a session is an event
    common: Common = Common()
    count_lines: bool = True  # costs a twentieth of the time
    appliances: Appliances = Appliances()
    count_appliances: bool = False  # whether `LogParser.take_appliance_counts` is needed
    keep_unparsed: int | None = 0  # lines per kind that are kept to be shown; None for all


class Documents:
    """The documents of events, in order: one JSON object each, followed by a newline.

    Each is made when it is taken, so that it is still in the processor's cache: making all of them
    first takes a tenth longer.
    """

    def __init__(self, events: list[Event], encoder: Encoder) -> None:
        self._events = events
        self._encoder = encoder

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[bytes]:
        return map(self._encoder.encode, self._events)

    def values(self) -> list[Document]:
        """Make all documents, for a spool."""
        encode = self._encoder.encode
        return [new_document((event.id, encode(event)[:-1])) for event in self._events]


class LogParser:
    """Parses logs file by file, in the order in which they were written."""

    def __init__(self, settings: Settings = Settings()) -> None:  # noqa: B008 - it is frozen
        self._settings = settings
        self.appliances = settings.appliances
        self._warnings: dict[str, dict[str, ApplianceWarning]] = {}
        self._counters = Counters(keep=settings.keep_unparsed)
        self._clock = Clock()
        self._encoder = Encoder(settings.common, settings.appliances)
        tools = Tools(self._clock, self._counters, MessageParser(), settings.sessions)
        self._streams = Streams(tools)
        self._appliance_counters = ApplianceCounters() if settings.count_appliances else None
        self._outcomes: Counter[Outcome] = Counter()

    @property
    def counts(self) -> Counters:
        """What was read and produced so far."""
        self._counters.mixtures = tuple(self._streams.mixtures.values())
        self._counters.assumed_utc = self._clock.assumed_utc
        warnings = (x.values() for x in self._warnings.values())
        self._counters.appliance_warnings = tuple(chain.from_iterable(warnings))
        self._sum_up()
        return self._counters

    @property
    def open_connections(self) -> int:
        """How many connections are open, of all appliances and in both directions."""
        return self._streams.count_open().total()

    def restore(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Take over the state that :meth:`changes` returned, before anything is read."""
        self._streams.restore(pairs)

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the state that changed and must outlive the process; None deletes a key."""
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
        messages: bool = False,
        tags: frozenset[str] = frozenset(),
        sender: str | None = None,
        zone: tzinfo | None = None,
        state: bytes | None = None,
        offset: int = 0,
        head: bytes = b"",
    ) -> "FileParser":
        """Begin a file, or continue it.

        Args:
            appliance: Whose log it is.
            path: Absolute, valid Unicode; None for a stream.
            base: The name of its log without what rotation adds.
            folder: The folder of its log without subfolders for archives and dates.
            near: See :class:`~forwarder.mail_logs.framer.Framer`.
            latest: See there.
            tags: See there.
            hosts: Whether the host in a syslog header names the appliance instead; if not, each
                other host is a stream of its own.
            messages: Whether it consists of messages: none is wrapped, and some are out of order.
                :meth:`FileParser.date` and :meth:`release` pass on the time of each part.
            sender: Address that the messages came from.
            zone: Of timestamps that no file header covers; None if the operator gave none.
            state: Where an earlier parser of the file was (:attr:`FileParser.state`).
            offset: Without a state, the byte to begin at; the rest of a line there is dropped.
            head: With an offset, the first lines of the file, for its header.
        """
        origin = Origin(appliance, path, None, sender)
        framer = Framer(
            near,
            year=self._settings.year,
            latest=latest,
            may_wrap=not messages,
            tags=tags,
            count_lines=self._settings.count_lines,
            counters=self._counters,
            path=origin.place,
        )
        source = Source(base, folder, path, zone, EventIds(), messages)
        file = FileParser(self, framer, source, origin, hosts=hosts, messages=messages)
        if offset:
            file.skip_to(offset, head)
        if state is not None:
            file.resume(state)
        return file

    @property
    def due(self) -> float | None:
        """When :meth:`release` will return more, in seconds since 1970; None if nothing waits."""
        return self._streams.due

    def release(self, arrival: float) -> Documents:
        """Return the documents of messages that have waited long enough for others.

        ``arrival`` is when the messages that are fed next arrived, or now; seconds since 1970.
        """
        return self.encode(self._streams.release(arrival))

    def read(self, block: Block, header: FileHeader, arrival: datetime | None) -> list[Event]:
        """Join the lines of a block; ``arrival`` is known for messages only."""
        # Open connections are remembered without a zone: the operator may change it.
        if header.source.zone is not self._clock.zone:
            self._clock.set_zone(header.source.zone)
        events = self._streams.read(block, header)
        known, serial = header.configured, header.origin.serial
        if known is not None and known.serial is not None and serial not in {None, known.serial}:
            self.warn("serial", known.name, f"{serial} instead of {known.serial}")
        if arrival is not None and arrival is not header.skew.arrival:
            time = self._clock.read(block.first_stamp, header.offset)
            seconds = None if time is None else header.skew.compare(time.epoch, arrival)
            if seconds is not None:
                self.warn("clock", header.origin.appliance, say_skew(seconds))
        if self._appliance_counters is not None:
            last = self._clock.read(block.last_stamp, header.offset)
            size = block.end - block.start
            self._appliance_counters.count(header.origin.appliance, size, last)
        return events

    def warn(self, kind: str, appliance: str, detail: str = "") -> None:
        """Note a warning about an appliance, once."""
        known = self._warnings.setdefault(kind, {})
        if appliance not in known and len(known) < MAX_WARNINGS:
            known[appliance] = ApplianceWarning(kind, appliance, detail)

    def take_appliance_counts(self) -> dict[str, ApplianceCounts]:
        """Return the counts per appliance since the last call, and its open connections."""
        counts = {} if self._appliance_counters is None else self._appliance_counters.take()
        opened = self._streams.count_open()
        for appliance, found in counts.items():
            found.open_connections = opened[appliance]
        return counts

    def encode(self, events: list[Event]) -> Documents:
        """Count events and return their documents."""
        self._outcomes.update([x.outcome for x in events])
        if len(self._outcomes) > MAX_ENTRIES:
            self._sum_up()
        if self._appliance_counters is not None:
            self._appliance_counters.count_logins(events)
        return Documents(events, self._encoder)

    def _sum_up(self) -> None:
        """Count by action and result: servers may answer anything, and each answer is an object."""
        for outcome, number in self._outcomes.items():
            self._counters.events[outcome.action.value, outcome.result] += number
        self._outcomes.clear()


class FileParser:
    """Parses one file."""

    def __init__(  # noqa: PLR0913 - each has a name
        self,
        parser: LogParser,
        framer: Framer,
        source: Source,
        origin: Origin,
        *,
        hosts: bool,
        messages: bool,
    ) -> None:
        self._parser = parser
        self._may_refuse = messages and hosts and parser.appliances.known_only
        self._arrival: datetime | None = None
        self._framer = framer
        self._counters = framer.counters
        self._source = source
        self._origin = origin  # of lines without a host, until the appliance is known
        self._hosts = hosts
        self._headers: dict[str | None, FileHeader] = {}
        """By host in a syslog header; None for the appliance itself. The most recent one last."""
        self._is_empty = True
        self._contents: Contents | None = Contents()
        """None once a line has shown that it is a mail log."""

    @property
    def position(self) -> int:
        """Bytes from the start of the file: everything before is in returned documents."""
        return self._framer.position

    @property
    def is_within_line(self) -> bool:
        """Whether the last line may continue."""
        return self._framer.is_within_line

    @property
    def other(self) -> OtherLog | None:
        """What kind of log it looks like; None for a mail log or an empty file."""
        if self._contents is None or self._is_empty:
            return None
        return self._contents.describe(self._framer.foreign_lines, self._framer.first_foreign)

    @property
    def state(self) -> bytes:
        """What another parser needs to continue from the position."""
        contents = None if self._contents is None else [*astuple(self._contents)]
        headers = [[x, y.origin.serial, y.offset] for x, y in self._headers.items()]
        base, folder, file, _, ids, _ = self._source
        source = [base, folder, file, ids.dump(), self._hosts, headers]
        return snapshot.dumps([*self._framer.dump(), contents, source])

    def resume(self, state: bytes) -> None:
        """Continue where another parser of this file was."""
        *framer, contents, (base, folder, file, ids, _, headers) = orjson.loads(state)
        self._framer.restore(framer)
        self._contents = Contents(*contents) if contents else None
        self._source = self._source._replace(base=base, folder=folder, file=file)
        self._source.ids.restore(ids)
        for host, serial, offset in headers:
            self._begin(host).resume(serial, snapshot.offset_of(offset))

    def skip_to(self, offset: int, head: bytes) -> None:
        """Continue at an offset; ``head``, the first lines, only gives the file's header."""
        for block in (*self._framer.feed(head), *self._framer.settle()):
            header = self._header_of(block)
            for match in scan(block.text, block.start, block.end):
                header.read(grammar.message_of(match[0]))
        self._framer.go_on(offset)

    def date(self, near: datetime) -> None:
        """Note when the messages that are fed next arrived."""
        self._arrival = near
        self._framer.date(near)

    def rename(self, path: str) -> None:
        """Note the file's new path."""
        if path == self._origin.path:
            return  # as the same object, an origin keeps what was cached for it
        self._origin = replace(self._origin, path=path)
        self._framer.path = path
        for header in self._headers.values():
            header.origin = replace(header.origin, path=path)

    def settle(self) -> Documents:
        """Read the last line if a newline ends it: no more bytes come for now."""
        return self._read(self._framer.settle())

    def feed(self, data: bytes) -> Documents:
        """Read the next bytes of the file, cut anywhere; return documents in the order of lines."""
        self._counters.bytes += len(data)
        self._is_empty = self._is_empty and not data
        return self._read(self._framer.feed(data))

    def finish(self) -> Documents:
        """Take the end of the file; return the documents of its last line."""
        documents = self._read(self._framer.finish())
        self._counters.partial_last_lines += self._framer.is_partial
        return documents

    def _read(self, blocks: list[Block]) -> Documents:
        counters = self._counters
        events: list[Event] = []
        for block in blocks:
            header = self._header_of(block)
            if self._may_refuse and header.configured is None:
                counters.refused_lines += block.text.count(b"\n", block.start, block.end)
            else:
                events += self._parser.read(block, header, self._arrival)
        return self._parser.encode(events)

    def _header_of(self, block: Block) -> FileHeader:
        """Find what the file's header says about the host of a block."""
        contents = self._contents
        if contents is not None and contents.is_mail(block.text, block.start, block.end):
            self._contents = None
        if not self._source.ids.stamp:
            self._source.ids.open(block.line_at(block.start).original, block.first_stamp)
        host = block.host
        header = self._headers.get(host)
        if header is None:
            return self._find(host)
        if len(self._headers) > 1:
            self._headers[host] = self._headers.pop(host)
        return header

    def _find(self, host: str | None) -> FileHeader:
        """Find the header of a host that is not known by this name."""
        if host is not None:
            host = None if host == self._origin.appliance else host[:MAX_HOST]
        header = self._headers.pop(host, None) or self._begin(host)
        self._headers[host] = header
        if len(self._headers) > MAX_HOSTS:
            del self._headers[next(iter(self._headers))]
        return header

    def _begin(self, host: str | None) -> FileHeader:
        """Begin the lines of a host: find its appliance."""
        appliances, name = self._parser.appliances, self._origin.appliance
        by_host = None if host is None else appliances.find(host)
        known, separate = appliances.find(name), None
        if self._hosts and (by_host is not None or known is None):
            known, name = by_host, host or name
        elif by_host is None or by_host is not known:
            # As far as is known, it is another machine.
            separate = host if by_host is None else by_host.name
        source, sender = self._source, self._origin.sender
        is_named = by_host is not None or (sender and known and appliances.find(sender) is known)
        if source.messages and sender and not is_named:
            # Nothing shows that two senders with this name are one machine.
            separate = f"{separate} at {sender}" if separate else sender
        if known is not None:
            name = known.name
            source = source._replace(zone=known.timezone or source.zone)
        elif appliances.known_only and self._may_refuse:
            self._parser.warn("refused", name, f"from {sender or self._origin.appliance}")
        elif appliances.known_only:
            self._parser.warn("unknown", name)
        origin = replace(self._origin, appliance=name)
        header = FileHeader(origin, source, separate, known)
        self._headers[host] = header
        return header
