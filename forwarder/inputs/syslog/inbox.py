"""Messages that are not in documents yet: a log for each sender, in chunks.

- The messages of a sender are the lines of a log without a file. Its offsets count their bytes for
  as long as the sender is remembered, so event ids and open connections survive a restart.
- What a sender sends to several sockets is one log, so equal lines have ids of their own. A chunk
  is of one input, whose settings count.
- What was handed over is kept until it is in documents; if the parser process dies, it is handed
  over again.
- Senders take turns, a small chunk each, and each has a share of what may wait. While a sender has
  used up its share, its connections are not read: it waits, and no other sender waits for it. While
  more than :data:`FULL_BYTES` wait in all, datagrams are not read, and the system keeps some.
- At most :data:`MAX_SENDERS` are remembered: over UDP, anyone can pretend to be anyone.
"""

import threading
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

import orjson

from forwarder.inputs.chunk import Chunk

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


@dataclass(slots=True, eq=False)
class _Log:
    """The messages of one sender."""

    saved: tuple[int, bytes] = (0, b"")
    """An offset before which all is in documents, and what goes with the chunk from there."""
    offset: int = 0  # of the next chunk
    resume: bytes | None = b""  # what goes with it
    waiting: deque[Chunk] = field(default_factory=deque)
    waiting_bytes: int = 0
    in_flight: deque[Chunk] = field(default_factory=deque)  # from the saved offset on

    def put(self, chunk: Chunk) -> None:
        """Let messages wait."""
        self.waiting.append(chunk)
        self.waiting_bytes += len(chunk.data) + _ENTRY_BYTES

    def take(self) -> Chunk:
        """Hand over some of what waits."""
        entries = len(self.waiting)
        first = self.waiting.popleft()
        parts, size = [first.data], len(first.data)
        while self.waiting and size < _CHUNK_BYTES and _go_together(first, self.waiting[0]):
            parts.append(self.waiting.popleft().data)
            size += len(parts[-1])
        self.waiting_bytes -= size + (entries - len(self.waiting)) * _ENTRY_BYTES
        chunk = first._replace(data=b"".join(parts), offset=self.offset, resume=self.resume)
        self.in_flight.append(chunk)
        self.offset, self.resume = self.offset + size, None
        return chunk

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


def _go_together(first: Chunk, second: Chunk) -> bool:
    return (first.appliance, first.named, first.input) == (
        second.appliance,
        second.named,
        second.input,
    ) and second.near - first.near < _CHUNK_TIME


class Inbox:
    """Takes messages from the thread that receives, for the thread that reads."""

    def __init__(self, saved: Iterable[tuple[str, bytes]]) -> None:
        """Start with what :meth:`save` returned before; pairs whose key begins with PREFIX."""
        self._changed = threading.Condition()
        self._logs: dict[str, _Log] = {}  # the least recently heard first
        for key, value in saved:
            known = orjson.loads(value)
            self._logs[key] = log = _Log((known["offset"], b64decode(known["state"])))
            log.rewind()
        self._ready: dict[str, _Log] = {}  # those with something waiting, in turn
        self._gone: list[str] = []
        self._is_awake = False

    @property
    def is_full(self) -> bool:
        """Whether datagrams must not be read now."""
        with self._changed:
            return sum(x.waiting_bytes for x in self._ready.values()) >= FULL_BYTES

    def holds(self, sender: str) -> bool:
        """Whether the connections of a sender must not be read now."""
        log = self._logs.get(PREFIX + sender)
        return log is not None and log.waiting_bytes >= STREAM_BYTES / max(1, len(self._ready))

    def put(self, chunk: Chunk) -> None:
        """Take messages of a sender, each a line; their place in its log is found here."""
        with self._changed:
            log = self._logs.pop(chunk.key, None) or self._begin()
            self._logs[chunk.key] = self._ready[chunk.key] = log
            log.put(chunk)
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
                chunks.append(log.take())
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
                log.rewind()
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
