"""Streams: what one machine wrote to one log. Connections are joined within a stream only.

One name may stand for two machines: members of a cluster that share a folder, a relay that writes
the lines of several into one file, a machine that was replaced. They use the same numbers at the
same time, so lines are only joined if they are known to come from one machine: an address is never
guessed.

Rules:

* A stream is an appliance, the base name of its files (without the part that rotation adds), the
  serial number in their headers and, if the operator named the appliance, the host in syslog
  headers unless that is known to be the appliance. Files without a serial number belong to one
  stream only if they are in one folder, except folders for archives and dates.
* A file without a header continues the only serial number known for its base name. If several are
  known, it is a stream of its own. Lines before any header belong to the first serial number.
* A header in the middle of a file begins another stream with its line.
* Files of a stream are read in the order in which they begin. A file that comes late, or grows
  after a newer one has begun, is read by itself, with the connections that older files left open:
  nothing in it opens, ends or joins a connection of a newer file.
* At most :data:`MAX_STREAMS` are remembered. Those with nothing open are forgotten first, then the
  least recently read; their sessions end as expired.
* In streams of messages (``disorder``), waits are limited in time and, over all streams, in number.
  The caller provides the time.
* Open connections take at most :data:`MAX_BYTES`; beyond, the oldest ones of the largest streams
  are forgotten.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple

import orjson

from forwarder.events import Event, Mixture, Origin
from forwarder.mail_logs.connections import Tools
from forwarder.mail_logs.correlator import MAX_AGE, MAX_DISORDER_SECONDS, Correlator
from forwarder.mail_logs.disorder import WAIT_SECONDS, MessageCorrelator, Waiting
from forwarder.mail_logs.event_ids import Family, FileHeader
from forwarder.mail_logs.scanner import Block, BlockReader
from forwarder.mail_logs.snapshot import Pair, Snapshot, dumps, offset_of

MAX_STREAMS = 1_024
"""Attackers may choose the hosts in syslog headers; a company has dozens of appliances."""

MAX_BYTES = 128 << 20
"""Approximate memory of open connections, over all streams. 65,536 usual ones take 40 MB, but each
of their lines may have 64 KB."""

MAX_WAITING = 8_192
"""Logins and ends of connections that wait. In a large fleet, 4,000 connections end per second;
with the longest lines possible, this many take 30 MB."""

MAX_FAMILIES = 1_024  # logs whose serial numbers are remembered

MAX_SERIALS = 8  # of one log: it is enough to know that there are several

MAX_MIXTURES = 100  # that are reported

_MAX_AGE = MAX_AGE // timedelta(seconds=1)

_SERIALS = "serials"
"""Prefix of the keys of serial numbers; all other keys begin with the number of a stream."""


class Key(NamedTuple):
    """What identifies a stream."""

    family: Family
    serial: str | None
    file: str | None  # of a file without a serial number, if its family has several
    is_late: bool = False  # whether it belongs to a file that came late


class Beginning(NamedTuple):
    """When a file begins."""

    stamp: bytes  # of its first line, as a file has it
    offset: timedelta | None  # local time minus UTC, by its header


class _Stream:
    """One stream, and what is saved of it."""

    def __init__(
        self, key: Key, number: int, tools: Tools, newest: Beginning | None = None
    ) -> None:
        self.key = key
        self.number = number
        self.newest = newest  # the beginning of its newest file; None for messages
        self.header: FileHeader | None = None  # of the file read last
        self.correlator = MessageCorrelator(tools) if key.family.messages else Correlator(tools)
        self.stored: tuple[Key, Beginning | None] | None = None  # as saved
        self.is_used = False  # whether it had an event or connection since the program began

    @cached_property
    def snapshot(self) -> Snapshot:
        """What is saved of it; most streams invented by an attacker never get that far."""
        return Snapshot(self.correlator)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is open."""
        open_ = self.correlator.connections
        return not open_.inbound and not open_.outbound and not open_.waiting_logins

    @property
    def origin(self) -> Origin:
        """The origin of events without a line."""
        return Origin(self.key.family.appliance, None, self.key.serial)


class Streams:
    """Finds the stream of each line, and remembers them."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._streams: dict[Key, _Stream] = {}  # the least recently read first
        self._next = 0
        self._serials: dict[Family, list[str]] = {}  # the last one read is the last
        self._changed: dict[int, _Stream] = {}
        self._changed_families: set[Family] = set()
        self._grown = 0  # bytes of lines since memory was measured: it has grown by no more
        self._left = MAX_BYTES  # bytes by which it may grow until it is measured again
        self._waiting: deque[tuple[_Stream, Waiting]] = deque()
        """What has begun to wait, in the order of arrival; the wait may be over by now."""
        self._arrival = 0.0
        self._gone: list[str] = []  # saved keys that are no longer needed
        self._used: dict[str, tuple[Key, str | None]] = {}
        """By appliance, its first stream that was used, and the file of that."""
        self.mixtures: dict[str, Mixture] = {}  # by appliance that is several machines

    @property
    def due(self) -> float | None:
        """When the first wait ends, in seconds since 1970; None if nothing waits."""
        return self._waiting[0][1].arrival + WAIT_SECONDS if self._waiting else None

    def release(self, arrival: float) -> list[Event]:
        """Note the time, in seconds since 1970; return events that have waited long enough."""
        self._arrival = arrival
        events: list[Event] = []
        # A clock that is set back must not prolong a wait.
        while self._waiting and not 0 <= arrival - self._waiting[0][1].arrival < WAIT_SECONDS:
            self._release_first(events)
        return events

    def _release_first(self, events: list[Event]) -> None:
        stream, waiting = self._waiting.popleft()
        assert isinstance(stream.correlator, MessageCorrelator)  # noqa: S101 - nothing else waits
        if stream.correlator.release(waiting, events):
            self._changed[stream.number] = stream

    def _await(self, stream: _Stream, begun: list[Waiting], events: list[Event]) -> None:
        """Note what has begun to wait."""
        self._waiting.extend((stream, x) for x in begun)
        begun.clear()
        while len(self._waiting) > MAX_WAITING:
            self._release_first(events)

    def count_open(self) -> Counter[str]:
        """Count the open connections of each appliance, in both directions."""
        counts: Counter[str] = Counter()
        for key, stream in self._streams.items():
            counts[key.family.appliance] += stream.correlator.connections.number
        return counts

    def read(self, block: Block, header: FileHeader) -> list[Event]:
        """Join the lines of a block; a file header in it updates ``header``."""
        reader = BlockReader(block, header, self._arrival)
        events = reader.events
        while header.is_moved or reader.has_more():
            if header.is_moved:
                header.is_moved = False
                self._take_serial(header)
                continue
            stream = self._find(header, events)
            before = len(events)
            stream.correlator.read(reader)
            if isinstance(stream.correlator, MessageCorrelator):
                self._await(stream, stream.correlator.begun, events)
            if not stream.is_used and (len(events) > before or not stream.is_idle):
                stream.is_used = True
                self._check_for_mixture(stream.key, header.origin.path)
        self._grown += block.end - block.start
        if self._grown > self._left:
            self._shrink(events)
        return events

    def restore(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Restore what :meth:`changes` returned, before anything is read."""
        own: dict[int, list[tuple[str, bytes]]] = {}
        for key, value in pairs:
            number, _, rest = key.partition("/")
            if number == _SERIALS:
                family = Family(*orjson.loads(rest))
                self._serials[family] = list(orjson.loads(value))
            else:
                own.setdefault(int(number), []).append((rest, value))
        for place, parts in sorted(own.items()):
            self._next = place + 1
            named = dict(parts).get("")
            if named is None:
                # Its name was lost with a damaged part of the store.
                self._gone += [f"{place}/{rest}" for rest, _ in parts]
                continue
            family, serial, file, is_late, begun = orjson.loads(named)
            known = Key(Family(*family), serial, file, is_late)
            newest = begun and Beginning(begun[0].encode("latin-1"), offset_of(begun[1]))
            stream = self._streams[known] = _Stream(known, place, self._tools, newest)
            stream.stored = known, newest
            stream.snapshot.restore((rest, value) for rest, value in parts if rest)
            open_ = stream.correlator.connections
            self._waiting.extend((stream, x) for x, *_ in open_.waiting_logins.values())
            self._waiting.extend((stream, x) for x in open_.waiting_ends.values())
        self._waiting = deque(sorted(self._waiting, key=lambda x: x[1].arrival))

    def changes(self) -> Iterator[Pair]:
        """Return changes since the last time that have to outlive the process."""
        yield from ((key, None) for key in self._gone)
        self._gone = []
        for stream in self._changed.values():
            now = stream.key, stream.newest
            is_empty = stream.is_idle and not stream.newest and not stream.correlator.next_expiry
            if stream.stored is None and is_empty:
                continue  # nothing to remember so far
            if stream.stored != now:
                stream.stored = now
                yield f"{stream.number}/", dumps([*stream.key, stream.newest])
            yield from ((f"{stream.number}/{x}", y) for x, y in stream.snapshot.changes())
        self._changed.clear()
        for family in self._changed_families:
            yield serials_key(family), dumps(self._serials[family])
        self._changed_families.clear()

    def _find(self, header: FileHeader, events: list[Event]) -> _Stream:
        """Return the stream of the next lines, and make it the most recent one."""
        family = header.family
        known = self._serials.get(family)
        serial, file = header.origin.serial, None
        if serial is None and known:
            if len(known) == 1:
                (serial,) = known
            else:
                file = header.source.file
        if serial is not None:
            family = family._replace(folder="")
        stream = self._take(Key(family, serial, file), events)
        if stream.header is not header and not header.source.messages:
            stream = self._order(stream, header, events)
        stream.header = header
        self._changed[stream.number] = stream
        return stream

    def _order(self, stream: _Stream, header: FileHeader, events: list[Event]) -> _Stream:
        """Return the stream of a file by its beginning: a separate one if it comes late."""
        clock, counters = self._tools.clock, self._tools.counters
        begun = header.find_first(clock)
        if begun is None:
            return stream
        own = Beginning(header.ids.stamp, header.offset)
        late_key = stream.key._replace(is_late=True)
        late, is_late = self._streams.get(late_key), self._precedes(own, stream.newest)
        if late is not None and (
            late.newest != own if is_late else begun > late.correlator.next_expiry + _MAX_AGE
        ):
            self._forget(late, events)
        if is_late:
            newer, stream = stream, self._take(late_key, events)
            if stream.newest is None:
                open_, older = newer.correlator.connections, stream.correlator.connections
                open_.hand_over(begun + MAX_DISORDER_SECONDS, older)
                self._changed[newer.number] = newer
            if not header.is_late:
                header.is_late = True
                counters.late_files += 1
                counters.first.setdefault("late_files", (header.origin.path, None))
        stream.newest = own
        return stream

    def _precedes(self, one: Beginning, other: Beginning | None) -> bool:
        """Whether a file is known to begin before another one.

        Relays mix lines of a few seconds, so first lines are no more precise than that.
        """
        if other is None or one == other:
            return False
        # If only one of them has an offset, local times are compared.
        offsets = one.offset, other.offset
        first, second = (None, None) if None in offsets else offsets
        read = self._tools.clock.read
        own, before = read(one.stamp, first), read(other.stamp, second)
        if own is None or before is None:
            return False
        return own.epoch < before.epoch - MAX_DISORDER_SECONDS

    def _take(self, key: Key, events: list[Event]) -> _Stream:
        """Return a stream, as the most recent one."""
        stream = self._streams.pop(key) if key in self._streams else self._begin(key, events)
        self._streams[key] = stream
        return stream

    def _begin(self, key: Key, events: list[Event]) -> _Stream:
        if len(self._streams) >= MAX_STREAMS:
            # A quarter at once, so that searching costs little.
            streams = sorted(self._streams.values(), key=lambda x: not x.is_idle)
            number = max(MAX_STREAMS // 4, sum(x.is_idle for x in streams))
            for stream in streams[:number]:
                self._forget(stream, events)
            # Waits would keep them in memory: a stranger can invent thousands in two seconds.
            gone = {x.number for x in streams[:number]}
            self._waiting = deque(x for x in self._waiting if x[0].number not in gone)
        self._next += 1
        return _Stream(key, self._next - 1, self._tools)

    def _shrink(self, events: list[Event]) -> None:
        """Measure the memory used, and free what is too much."""
        streams = [*self._streams.values()]
        sizes = [x.correlator.connections.size() for x in streams]
        if sum(sizes) > MAX_BYTES // 2:
            # Far enough that this is not repeated soon.
            while sum(sizes) > MAX_BYTES // 4:
                number = sizes.index(max(sizes))
                self._changed[streams[number].number] = streams[number]
                open_ = streams[number].correlator.connections
                open_.shrink(streams[number].origin, events)
                sizes[number] = open_.size()
        self._grown, self._left = 0, MAX_BYTES - sum(sizes)

    def _forget(self, stream: _Stream, events: list[Event]) -> None:
        """Forget a stream, and end its sessions."""
        open_ = stream.correlator.connections
        if isinstance(stream.correlator, MessageCorrelator):
            stream.correlator.release_all(events)
        open_.forget(open_.inbound, stream.origin, events)
        if stream.stored is not None:
            self._gone += [f"{stream.number}/{x}" for x in ("", *stream.snapshot.keys())]
        self._changed.pop(stream.number, None)
        del self._streams[stream.key]

    def _check_for_mixture(self, key: Key, path: str | None) -> None:
        """Note that an appliance has more than one stream."""
        key = key._replace(is_late=False)
        appliance = key.family.appliance
        if len(self._used) >= MAX_STREAMS:
            self._used.clear()
        first, first_path = self._used.setdefault(appliance, (key, path))
        if first == key or appliance in self.mixtures or len(self.mixtures) >= MAX_MIXTURES:
            return
        if first.family.host != key.family.host:
            kind = "syslog hosts"
            names = (first.family.host or appliance, key.family.host or appliance)
        elif first.serial is not None and key.serial not in {None, first.serial}:
            kind, names = "serial numbers", (first.serial, key.serial or "")
        elif first.family.base != key.family.base or first.serial is key.serial is None:
            kind, names = "files", (first_path or "-", path or "-")
        else:
            return
        self.mixtures[appliance] = Mixture(appliance, kind, *names)

    def _take_serial(self, header: FileHeader) -> None:
        """Note the serial number in a header."""
        family, serial = header.family, header.origin.serial
        assert serial is not None  # noqa: S101 - a header has said it
        known = self._serials.pop(family, [])
        if not known:
            self._adopt(family, serial)
            if len(self._serials) >= MAX_FAMILIES:
                oldest = next(iter(self._serials))
                del self._serials[oldest]
                self._changed_families.discard(oldest)
                self._gone.append(serials_key(oldest))
        self._serials[family] = [*(x for x in known if x != serial), serial][-MAX_SERIALS:]
        if self._serials[family] != known:
            self._changed_families.add(family)

    def _adopt(self, family: Family, serial: str) -> None:
        """Give lines before any header to the machine of the first header."""
        known = Key(family._replace(folder=""), serial, None)
        if known in self._streams:
            return
        stream = self._streams.pop(Key(family, None, None), None)
        if stream is not None:
            stream.key = known
            self._streams[known] = stream
            self._changed[stream.number] = stream


def serials_key(family: Family) -> str:
    """Return the key of a family's serial numbers."""
    return f"{_SERIALS}/{dumps(family).decode()}"
