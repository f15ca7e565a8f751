"""One file on its way through the core, and the documents that come of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from operator import sub
from typing import NamedTuple, Protocol

import orjson

from forwarder.ecs.encoder import Encoder
from forwarder.events import Document, Event, Origin, new_document
from forwarder.mail_logs import grammar
from forwarder.mail_logs.blocks import Block
from forwarder.mail_logs.framer import Framer, FramerState
from forwarder.mail_logs.grammar import STAMP_BYTES
from forwarder.mail_logs.log import Log, Source
from forwarder.mail_logs.scanner import scan
from forwarder.mail_logs.subscriptions import Contents, OtherLog
from forwarder.mail_logs.syslog import SyslogState

MAX_HOSTS = 256
"""Hosts of a file of which is remembered what their header said; the least recent one is forgotten
first. Lines of syslog hardly ever have a header."""

MAX_HOST = 255
"""Characters of a host's name (RFC 5424, section 6.2.4); a longer one is told by its beginning and
a hash."""


class Amounts(NamedTuple):
    """What went through framing, of one file."""

    bytes: int
    lines: int
    truncated_lines: int
    dropped_continuations: int
    foreign_lines: int
    lost: int
    dropped_repeats: int
    orphaned_repeats: int


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

    def read(self, block: Block, log: Log) -> list[Event]:
        """Join the lines of a block."""

    def document(self, events: list[Event]) -> Documents:
        """Count events, and give their documents."""

    def count(self, more: Amounts, path: str | None, first_lost: int | None) -> None:
        """Count what has gone through framing."""

    def count_broken_off(self) -> None:
        """Count a file whose last line was left out, because it is only a piece of one."""


class Reading:
    """One file on its way."""

    def __init__(  # noqa: PLR0913 - each has a name
        self,
        flow: Carrier,
        framer: Framer,
        appliance: str,
        path: str | None,
        source: Source,
        *,
        hosts: bool,
    ) -> None:
        """Begin; see :meth:`forwarder.pipeline.Flow.open`."""
        self._flow = flow
        self._framer = framer
        self._appliance = appliance
        self._path = path
        self._source = source
        self._hosts = hosts
        self._logs: dict[str | None, Log] = {}
        """By host in a syslog header; None stands for the appliance's own, too."""
        self._size = 0
        self._counted = Amounts(0, 0, 0, 0, 0, 0, 0, 0)
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
        return self._contents.describe(self._framer.foreign_lines, self._framer.first_other)

    @property
    def state(self) -> bytes:
        """What another reading needs to go on from the position."""
        position, skipping, within, syslog, repeated, wraps = self._framer.state
        near, year, before = syslog
        logs = [
            [
                host,
                log.origin.serial,
                None if log.offset is None else log.offset // timedelta(seconds=1),
            ]
            for host, log in self._logs.items()
        ]
        source = self._source
        place = source.base, source.folder, source.file
        file = [*place, source.identities.dump(), self._hosts, logs]
        contents = None if self._contents is None else self._contents.state
        dates = [near.isoformat(), year, None if before is None else before.isoformat()]
        most, messages = repeated
        last = [most, [[host, text.decode("latin-1"), left] for host, text, left in messages]]
        return orjson.dumps([position, skipping, within, [*dates, *last, wraps], contents, file])

    def resume(self, state: bytes) -> None:
        """Go on where another reading of this file was."""
        position, skipping, within, dates, contents, file = orjson.loads(state)
        self._contents = Contents.resumed(contents) if contents else None
        near, year, before, most, messages, wraps = dates
        syslog = SyslogState(
            datetime.fromisoformat(near),
            year,
            None if before is None else datetime.fromisoformat(before),
        )
        last = tuple((host, text.encode("latin-1"), left) for host, text, left in messages)
        wraps = None if wraps is None else (wraps[0], wraps[1])
        self._framer.resume(FramerState(position, skipping, within, syslog, (most, last), wraps))
        base, folder, name, ids, _, logs = file
        self._source = self._source._replace(base=base, folder=folder, file=name)
        self._source.identities.restore(ids)
        for host, serial, seconds in logs:
            log = self._begin(host)
            log.resume(serial, None if seconds is None else timedelta(seconds=seconds))

    def skip_to(self, offset: int, head: bytes) -> None:
        """Go on at an offset; of what is before it, only the file's header counts.

        Args:
            offset: Bytes from the start of the file.
            head: Lines from the start of the file.
        """
        for block in (*self._framer.feed(head), *self._framer.settle()):
            log = self._take_block(block)
            for pick in scan(block.text, block.start, block.end):
                log.read_header(grammar.message_of(pick[0]))
        state = self._framer.state
        self._framer.resume(state._replace(position=offset, skipping=False, within=False))

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
            framer.truncated_lines,
            framer.dropped_continuations,
            framer.foreign_lines,
            framer.lost,
            framer.dropped_repeats,
            framer.orphaned_repeats,
        )
        self._flow.count(Amounts(*map(sub, now, before)), self._path, framer.first_lost)

    def _read(self, blocks: list[Block]) -> Documents:
        events: list[Event] = []
        for block in blocks:
            events += self._flow.read(block, self._take_block(block))
        return self._flow.document(events)

    def _take_block(self, block: Block) -> Log:
        """Take note of a block, and give its log."""
        contents = self._contents
        if contents is not None and contents.is_mail(block.text, block.start, block.end):
            self._contents = None
        if not self._source.identities.stamp:
            self._source.identities.open(*_first_line(block))
        host = block.host
        log = self._logs.get(host)
        if log is None:
            log = self._find(block)
        elif len(self._logs) > 1:
            # The most recent one is the last.
            self._logs[host] = self._logs.pop(host)
        return log

    def _find(self, block: Block) -> Log:
        """Find the log of a block whose host has none by this name."""
        host = block.host
        if host is not None:
            if len(host) > MAX_HOST:
                host = host[: MAX_HOST - 33] + "~" + _digest(host)
            host = None if host == self._appliance else host
        log = self._logs.pop(host, None) or self._begin(host)
        self._logs[host] = log
        if len(self._logs) > MAX_HOSTS:
            del self._logs[next(iter(self._logs))]
        return log

    def _begin(self, host: str | None) -> Log:
        """Begin the log of a host."""
        appliance, separate = self._appliance, host
        if self._hosts:
            appliance, separate = host or appliance, None
        log = Log(Origin(appliance, self._path, None), self._source, separate)
        self._logs[host] = log
        return log


def _first_line(block: Block) -> tuple[bytes, bytes]:
    """Give the first line of a block, verbatim, and its stamp."""
    begin = block.start + 1
    stamp = block.text[begin : begin + STAMP_BYTES - 1]
    if block.lines is not None:
        return block.lines[0].original, stamp
    end = block.text.find(b"\n", begin, block.end)
    line = block.text[begin : block.end if end < 0 else end]
    return line.removesuffix(b"\r"), stamp


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def appliances_in(state: bytes) -> set[str]:
    """Say whose lines a reading had come across besides those of its own appliance.

    Args:
        state: As :attr:`Reading.state` gave it.
    """
    if not state:
        return set()
    *_, hosts, logs = orjson.loads(state)[-1]
    return {host for host, *_ in logs if host is not None} if hosts else set()
