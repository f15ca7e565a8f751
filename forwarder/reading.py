"""One file on its way through the core, and the documents that come of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from operator import sub
from typing import NamedTuple, Protocol

import orjson

from forwarder.documents import Document, new_document
from forwarder.ecs import Encoder
from forwarder.events import Event
from forwarder.mail_logs.blocks import Block
from forwarder.mail_logs.framing import Framer, FramerState
from forwarder.mail_logs.log import Log
from forwarder.mail_logs.subscriptions import Contents, OtherLog
from forwarder.mail_logs.syslog import SyslogState


class Amounts(NamedTuple):
    """What went through framing, of one file."""

    bytes: int
    lines: int
    cut_lines: int
    strangers: int
    others: int
    lost: int


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


class Carrier(Protocol):
    """What outlives a file: the flow that it is a part of."""

    def read(self, appliance: str, block: Block, log: Log) -> list[Event]:
        """Join the lines of a block."""

    def document(self, events: list[Event]) -> Documents:
        """Count events, and give their documents."""

    def count(self, more: Amounts, path: str | None, first_lost: int | None) -> None:
        """Count what has gone through framing."""

    def count_broken_off(self) -> None:
        """Count a file whose last line was left out, because it is only a piece of one."""


class Reading:
    """One file on its way."""

    def __init__(
        self,
        flow: Carrier,
        framer: Framer,
        appliance: str,
        path: str | None,
        zone: tzinfo | None,
    ) -> None:
        """Begin; see :meth:`forwarder.pipeline.Flow.open`."""
        self._flow = flow
        self._framer = framer
        self._appliance = appliance
        self._path = path
        self._zone = zone
        self._logs: dict[str, Log] = {}
        self._size = 0
        self._counted = Amounts(0, 0, 0, 0, 0, 0)
        self._contents: Contents | None = Contents()
        """None as soon as a line has shown that it is a mail log."""

    @property
    def position(self) -> int:
        """Bytes from the start of the file: all before is in documents that were given."""
        return self._framer.state.position

    @property
    def is_within_line(self) -> bool:
        """Whether a line has begun that has not come to its end."""
        return self._framer.is_within_line

    @property
    def other(self) -> OtherLog | None:
        """What it looks like; None for a mail log, and as long as nothing has come."""
        if self._contents is None or not self._size:
            return None
        return self._contents.describe(self._framer.others, self._framer.first_other)

    @property
    def state(self) -> bytes:
        """What another reading needs to go on from the position."""
        position, skipping, within, syslog = self._framer.state
        near, year, before = syslog
        logs = {
            appliance: [
                log.origin.serial,
                None if log.offset is None else log.offset // timedelta(seconds=1),
                log.file,
            ]
            for appliance, log in self._logs.items()
        }
        contents = None if self._contents is None else self._contents.state
        dates = [near.isoformat(), year, None if before is None else before.isoformat()]
        return orjson.dumps([position, skipping, within, dates, contents, logs])

    def resume(self, state: bytes) -> None:
        """Go on where another reading of this file was."""
        # Earlier versions had one value more: the widths of lines.
        position, skipping, within, dates, *_, contents, logs = orjson.loads(state)
        # Before, there was only whether no line had a level.
        if contents is not True:
            self._contents = Contents.resumed(contents) if contents else None
        near, year, before = dates
        syslog = SyslogState(
            datetime.fromisoformat(near),
            year,
            None if before is None else datetime.fromisoformat(before),
        )
        self._framer.resume(FramerState(position, skipping, within, syslog))
        for appliance, (serial, seconds, file) in logs.items():
            log = self._logs[appliance] = Log(appliance, self._path, self._zone)
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

    def settle(self) -> Documents:
        """Take it that no more is there for now: the last line is whole if a newline ends it."""
        return self._read(self._framer.settle())

    def feed(self, data: bytes) -> Documents:
        """Take the next bytes of the file, cut anywhere.

        Returns:
            In the order of their lines.
        """
        self._size += len(data)
        return self._read(self._framer.feed(data))

    def finish(self) -> Documents:
        """Take the end of the file.

        Returns:
            The documents of its last line.
        """
        documents = self._read(self._framer.finish())
        self.count()
        if self._framer.is_broken_off:
            self._flow.count_broken_off()
        return documents

    def count(self) -> None:
        """Let the flow count what has come since the last time; the end of the file does, too."""
        framer = self._framer
        before = self._counted
        self._counted = now = Amounts(
            self._size,
            framer.lines,
            framer.cut_lines,
            framer.strangers,
            framer.others,
            framer.lost,
        )
        self._flow.count(Amounts(*map(sub, now, before)), self._path, framer.first_lost)

    def _read(self, blocks: list[Block]) -> Documents:
        events: list[Event] = []
        split = False
        for block in blocks:
            contents = self._contents
            if contents is not None and contents.is_mail(block.text, block.start, block.end):
                self._contents = None
            appliance = block.appliance or self._appliance
            split |= block.appliance is not None
            log = self._logs.get(appliance)
            if log is None:
                log = self._logs[appliance] = Log(appliance, self._path, self._zone)
            events += self._flow.read(appliance, block, log)
        return self._flow.document(_in_order(events) if split else events)


def appliances_in(state: bytes) -> set[str]:
    """Say whose lines a reading had come across.

    Args:
        state: As :attr:`Reading.state` gave it.
    """
    return set(orjson.loads(state)[-1]) if state else set()


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
