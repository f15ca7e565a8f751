"""What senders have sent and is not in the spool yet: a log for each sender, in chunks.

- The messages of a sender are the lines of a log without a file. Its offsets count their bytes for
  as long as the sender is remembered, so event ids and open connections survive a restart.
- What arrives at several sockets is of one log, so equal lines have ids of their own; of a chunk,
  all is of one input, whose settings count.
- What was handed over is kept until it is in documents; where the parser process died, it is handed
  over again.
- Senders take turns, a small chunk each, and each has its share of what may wait. While one uses up
  its share, its connections are not read: it waits, and no other one waits for it. When more than
  :data:`FULL_BYTES` wait in all, datagrams are not read, and the system keeps some of them.
- At most :data:`MAX_SENDERS` are remembered: over UDP, anyone can pretend to be anyone.
"""

import threading
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

import orjson

from forwarder.inputs.chunk import Chunk, Kind

PREFIX = "syslog/"
"""Of the keys of senders, in chunks and in the saved state."""

FULL_BYTES = 4 << 20
"""Of lines that wait for the parser: more than a second of a large fleet."""

STREAM_BYTES = 1 << 20
"""The same, of all senders with connections: each that has something waiting has an equal share.
Senders can wait, and if the service is killed, less is lost."""

_ENTRY_BYTES = 256
"""Of memory, beside the messages, for what came at once: a sender may send byte by byte."""

_TAKE_BYTES = 1 << 17  # 128 KiB a call: what comes meanwhile has its turn in the next

MAX_SENDERS = 4_096
"""A fleet has some hundreds of appliances and relays."""

_CHUNK_BYTES = 1 << 14
"""16 KiB, some hundred lines: others wait for so much of each sender. Lines of invented hosts take
a tenth of a millisecond each."""
_CHUNK_TIME = timedelta(seconds=1)
"""Between messages of a chunk: while the spool is full, they may wait for long."""


class Origin(NamedTuple):
    """Where lines come from."""

    sender: str  # its address; empty at a Unix socket
    appliance: str  # its name, unless a syslog header has another one
    named: bool  # whether the name was configured: then no header has another one
    input: int  # index of the input among those configured


class _Received(NamedTuple):
    """Messages, each with a newline behind."""

    origin: Origin
    arrived: datetime  # the first of them
    data: bytes


class _Log:
    """The messages of one sender."""

    __slots__ = ("in_flight", "offset", "resume", "saved", "waiting", "waiting_bytes")

    def __init__(self, offset: int = 0, resume: bytes = b"") -> None:
        # An offset before which all is in documents, and what goes with the chunk from there.
        self.saved = offset, resume
        self.offset = offset
        self.resume: bytes | None = resume
        self.waiting: deque[_Received] = deque()
        self.waiting_bytes = 0
        self.in_flight: deque[_Received] = deque()  # from the saved offset on

    def put(self, received: _Received) -> None:
        """Let messages wait."""
        self.waiting.append(received)
        self.waiting_bytes += len(received.data) + _ENTRY_BYTES

    def take(self, key: str) -> Chunk:
        """Hand over some of what waits."""
        entries = len(self.waiting)
        origin, arrived, data = self.waiting.popleft()
        parts, size = [data], len(data)
        while (
            self.waiting
            and size < _CHUNK_BYTES
            and self.waiting[0].origin == origin
            and self.waiting[0].arrived - arrived < _CHUNK_TIME
        ):
            parts.append(self.waiting.popleft().data)
            size += len(parts[-1])
        self.waiting_bytes -= size + (entries - len(self.waiting)) * _ENTRY_BYTES
        data = b"".join(parts)
        self.in_flight.append(_Received(origin, arrived, data))
        offset, resume = self.offset, self.resume
        self.offset, self.resume = offset + len(data), None
        return Chunk(
            key=key,
            appliance=origin.appliance,
            path="",
            near=arrived,
            data=data,
            kind=Kind.IDLE,  # a message is whole
            resume=resume,
            offset=offset,
            named=origin.named,
            input=origin.input,
            sender=origin.sender,
        )

    def save(self, offset: int, resume: bytes) -> None:
        """Forget what is in documents: everything before an offset."""
        size = offset - self.saved[0]
        while size > 0:
            first = self.in_flight.popleft()
            if size < len(first.data):
                self.in_flight.appendleft(first._replace(data=first.data[size:]))
            size -= len(first.data)
        self.saved = offset, resume

    def rewind(self) -> None:
        """Go back to where everything is in documents."""
        self.waiting.extendleft(reversed(self.in_flight))
        self.waiting_bytes += sum(len(x.data) + _ENTRY_BYTES for x in self.in_flight)
        self.in_flight.clear()
        self.offset, self.resume = self.saved


class Inbox:
    """Takes messages from the thread that receives, for the thread that reads."""

    def __init__(
        self,
        saved: Iterable[tuple[str, bytes]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Start with what :meth:`save` returned before; pairs whose key begins with PREFIX."""
        self._now = now
        self._changed = threading.Condition()
        self._logs: dict[str, _Log] = {}  # the least recently heard first
        for key, value in saved:
            log = orjson.loads(value)
            self._logs[key] = _Log(log["offset"], b64decode(log["state"]))
        self._ready: dict[str, _Log] = {}  # those with something waiting, in turn
        self._gone: list[str] = []
        self._waiting_bytes = 0
        self._is_awake = False

    @property
    def is_full(self) -> bool:
        """Whether datagrams must not be read now."""
        return self._waiting_bytes >= FULL_BYTES

    def holds(self, sender: str) -> bool:
        """Whether the connections of a sender must not be read now."""
        log = self._logs.get(PREFIX + sender)
        return log is not None and log.waiting_bytes >= STREAM_BYTES / max(1, len(self._ready))

    def put(self, origin: Origin, messages: Sequence[bytes]) -> None:
        """Take messages of a sender, each a line without its newline."""
        data = b"\n".join((*messages, b""))
        key = PREFIX + origin.sender
        with self._changed:
            log = self._logs.pop(key, None) or self._begin()
            self._logs[key] = self._ready[key] = log
            self._waiting_bytes -= log.waiting_bytes
            log.put(_Received(origin, self._now(), data))
            self._waiting_bytes += log.waiting_bytes
            self._changed.notify_all()

    def take(self, timeout: float) -> list[Chunk]:
        """Return a chunk each of some senders, in turn; wait for one, in seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._is_awake, timeout)
            self._is_awake = False
            chunks: list[Chunk] = []
            size = 0
            for key in [*self._ready]:
                log = self._ready.pop(key)
                self._waiting_bytes -= log.waiting_bytes
                chunks.append(log.take(key))
                self._waiting_bytes += log.waiting_bytes
                size += len(chunks[-1].data)
                if log.waiting:
                    self._ready[key] = log  # behind the others
                if size >= _TAKE_BYTES:
                    break
            return chunks

    def wake(self) -> None:
        """Let :meth:`take` return; from any thread."""
        with self._changed:
            self._is_awake = True
            self._changed.notify_all()

    def save(self, consumed: Mapping[str, tuple[int, bytes]]) -> Iterator[tuple[str, bytes | None]]:
        """Note what is in documents; return what to commit with them, None to delete a key."""
        with self._changed:
            yield from ((key, None) for key in self._gone)
            self._gone.clear()
            for key, (offset, resume) in consumed.items():
                log = self._logs.get(key)
                if log is not None:
                    log.save(offset, resume)
                    state = b64encode(resume).decode()
                    yield key, orjson.dumps({"offset": offset, "state": state})

    def rewind(self) -> None:
        """Hand over again what is not in documents."""
        with self._changed:
            for key, log in self._logs.items():
                self._waiting_bytes -= log.waiting_bytes
                log.rewind()
                self._waiting_bytes += log.waiting_bytes
                if log.waiting:
                    self._ready[key] = log

    def _begin(self) -> _Log:
        if len(self._logs) >= MAX_SENDERS:
            # The sender that has been silent for longest, and owes nothing, is forgotten.
            settled = (x for x, y in self._logs.items() if not y.waiting and not y.in_flight)
            for key in [*islice(settled, 1)]:
                del self._logs[key]
                self._gone.append(key)
        return _Log()
