"""Receives syslog messages from sockets, in a thread of its own.

Rules:

- A sender that is not allowed gets no answer: its connection is closed, its datagram is dropped.
- A sender over TCP or TLS waits while the inbox holds its share of it. While the inbox is full,
  datagrams are not read: a sender at a Unix socket waits then; of UDP, the system drops what it
  cannot keep, and counts it.
- Connections are limited, also those of one sender, so that it does not shut out the others.
- A connection on which nothing comes for long is closed; a sender opens it again when it has to.
- At the end, what the system has received is taken before the sockets are closed.
"""

import asyncio
import resource
import select
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar

from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.syslog.framing import MessageFramer, clean
from forwarder.inputs.syslog.inbox import PREFIX, Inbox
from forwarder.inputs.syslog.sockets import (
    BACKLOG,
    Address,
    ListenerCounts,
    ListenerSettings,
    Transport,
    bind,
    buffer_bytes,
    close_socket,
    dropped_datagrams,
    sender_address,
    server_context,
)

if TYPE_CHECKING:
    import ssl
    from concurrent.futures import Future

T = TypeVar("T")

DRAIN_SECONDS = 2.0
"""For what the system has received when the service ends; senders may go on for ever."""

_BUSY_SECONDS = 0.001
"""Between looks while something comes, so that it can be taken."""
_IDLE_ROUNDS = 20
"""Of the event loop. From a connection that the system has accepted to its first message in the
inbox there are some five."""

_UNIX_APPLIANCE = "localhost"
"""Of messages at a Unix socket that do not name a host: senders there have no address."""

_READ_BYTES = 1 << 14
_DATAGRAM_BYTES = 1 << 16  # the longest there is
_DATAGRAMS_AT_ONCE = 1_000
"""Before other sockets have their turn."""
_DATAGRAM_BYTES_AT_ONCE = 1 << 20
_ACCEPTED_AT_ONCE = 2
"""In a round of the event loop. A connection that its sender has closed is read to its end in some
eight rounds: so those of a sender that opens one for each message stay below its limit."""
_HANDSHAKE_SECONDS = 20.0
"""For the start of TLS: four round trips on the slowest line."""


class Receiver:
    """All sockets of a service, and what they received; outlives a reload of the configuration."""

    drained = False  # it has no end

    def __init__(self, saved: Iterable[tuple[str, bytes]]) -> None:
        """Start with what :meth:`save` returned before, and without a socket."""
        # A service may have 1,024 descriptors by default, and can raise that.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.inbox = Inbox(saved)
        self._listeners: dict[Address, Listener] = {}
        self._closed: dict[str, ListenerCounts] = {}  # of sockets that are closed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="syslog", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> dict[str, ListenerCounts]:
        """What became of messages and connections, by the address of the socket."""
        now = {address.url: x.counts for address, x in [*self._listeners.items()]}
        return self._closed | now

    def listen(self, settings: Sequence[ListenerSettings]) -> None:
        """Listen on these sockets and on no others; those that are open already stay open.

        Where a socket cannot be opened, or a certificate not be read, nothing has changed.
        """
        self._submit(self._listen(settings)).result()

    def read(self, timeout: float) -> list[Chunk]:
        """Return what has arrived, or wait for it for so many seconds."""
        chunks = self.inbox.take(timeout)
        if chunks:  # it may have been full for a moment
            self._loop.call_soon_threadsafe(self._resume)
        return chunks

    def drain(self) -> Iterator[Chunk]:
        """Return what the system has received, and close the sockets."""
        drained = self._submit(self._drain())
        while not drained.done():
            yield from self.read(0.01)
        while chunks := self.read(0):
            yield from chunks

    def save(self, consumed: Mapping[str, tuple[int, bytes]]) -> Iterator[tuple[str, bytes | None]]:
        """Note up to where all is in documents; return what to commit with them."""
        return self.inbox.save(consumed)

    def rewind(self) -> None:
        """Go back to where everything is in documents."""
        self.inbox.rewind()

    def wake(self) -> None:
        """Let :meth:`read` return soon; from any thread."""
        self.inbox.wake()

    def close(self) -> None:
        """Close all sockets, and end the thread."""
        self._submit(self._close([*self._listeners])).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self, settings: Sequence[ListenerSettings]) -> None:
        contexts = [None if x.tls is None else server_context(x.tls) for x in settings]
        opened: dict[Address, Listener] = {}
        try:
            for each in settings:
                if each.address not in self._listeners:
                    opened[each.address] = listener = Listener(each, self.inbox)
                    await listener.open()
        except BaseException:
            for listener in opened.values():
                await listener.close()
            raise
        self._listeners |= opened
        wanted = {x.address for x in settings}
        await self._close([x for x in self._listeners if x not in wanted])
        self._closed = {}
        for each, context in zip(settings, contexts, strict=True):
            self._listeners[each.address].change(each, context)

    def _resume(self) -> None:
        for listener in self._listeners.values():
            listener.resume()

    async def _drain(self) -> None:
        end = self._loop.time() + DRAIN_SECONDS
        idle = 0
        # No event tells when the system has nothing left.
        while self._loop.time() < end and idle < _IDLE_ROUNDS:
            busy = any(x.has_more for x in self._listeners.values())
            idle = 0 if busy else idle + 1
            await asyncio.sleep(_BUSY_SECONDS if busy else 0)
        await self._close([*self._listeners])

    async def _close(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            listener = self._listeners.pop(address)
            self._closed[address.url] = replace(listener.counts, connections=0)
            await listener.close()


class Listener:
    """A socket and its connections; for the thread of the event loop."""

    def __init__(self, settings: ListenerSettings, inbox: Inbox) -> None:
        self._settings = settings
        self._inbox = inbox
        self._counts = ListenerCounts()
        self._context: ssl.SSLContext | None = None
        self._sockets: list[socket.socket] = []  # of datagrams
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}  # and who reads it
        self._senders: Counter[str] = Counter()  # by number of connections
        self._has_space = asyncio.Event()
        self._has_space.set()

    @property
    def counts(self) -> ListenerCounts:
        """What became of everything so far."""
        self._counts.connections = len(self._connections)
        if self._settings.address.transport is Transport.UDP:
            self._counts.dropped = sum(map(dropped_datagrams, self._sockets))
        return self._counts

    async def open(self) -> None:
        """Open the socket, or raise ForwarderError."""
        address = self._settings.address
        sockets = bind(address)
        if not address.transport.is_stream:
            self._sockets = sockets
            self._counts.buffer_bytes = min(map(buffer_bytes, sockets))
            self.resume()
            return
        for each in sockets:
            server = await asyncio.start_server(
                self._accept, sock=each, backlog=_ACCEPTED_AT_ONCE, limit=_READ_BYTES
            )
            self._servers.append(server)
            each.listen(BACKLOG)  # asyncio takes one number for both

    def change(self, settings: ListenerSettings, context: "ssl.SSLContext | None") -> None:
        """Go on with other settings for the same address; connections stay open."""
        self._settings, self._context = settings, context

    def resume(self) -> None:
        """Read: the inbox has space."""
        self._has_space.set()
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.add_reader(each, self._receive, each)

    @property
    def has_more(self) -> bool:
        """Whether the system has received something that is not taken yet: also a connection."""
        streams = [x.get_extra_info("socket") for x in self._connections.values()]
        servers = [y for x in self._servers for y in x.sockets]
        poll = select.poll()
        for each in [*self._sockets, *streams, *servers]:
            if each.fileno() >= 0:
                poll.register(each, select.POLLIN)
        return bool(poll.poll(0)) or not self._has_space.is_set()

    async def close(self) -> None:
        """Close the socket and its connections."""
        for server in self._servers:
            server.close()
        for task, writer in self._connections.items():
            writer.close()
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for each in self._sockets:
            asyncio.get_running_loop().remove_reader(each)
            close_socket(each)
        self._sockets = []

    def _receive(self, source: socket.socket) -> None:
        is_unix = source.family == socket.AF_UNIX
        messages: defaultdict[str, list[bytes]] = defaultdict(list)
        size = 0
        with suppress(BlockingIOError):
            for _ in range(_DATAGRAMS_AT_ONCE):
                data, peer = source.recvfrom(_DATAGRAM_BYTES)
                messages["" if is_unix else peer[0]].append(data)
                size += len(data)
                if size > _DATAGRAM_BYTES_AT_ONCE:
                    break
        for peer, datagrams in messages.items():
            sender = sender_address(peer) if peer else ""
            if self._is_allowed(sender):
                self._put(sender, [*filter(None, map(self._shorten, map(clean, datagrams)))])
            else:
                self._counts.not_allowed += len(datagrams)
        if self._inbox.is_full:
            self._has_space.clear()
            for each in self._sockets:
                asyncio.get_running_loop().remove_reader(each)

    def _shorten(self, message: bytes) -> bytes:
        limit = self._settings.max_message_bytes
        self._counts.cut += len(message) > limit
        return message[:limit]

    def _put(self, sender: str, messages: list[bytes]) -> None:
        if not messages:
            return
        self._counts.messages += len(messages)
        self._counts.bytes += sum(map(len, messages))
        settings = self._settings
        self._inbox.put(
            Chunk(
                key=PREFIX + sender,
                appliance=settings.appliance or sender or _UNIX_APPLIANCE,
                path="",
                near=datetime.now(UTC),
                data=b"\n".join((*messages, b"")),
                kind=Kind.IDLE,  # a message is whole
                resume=None,
                offset=0,
                named=settings.appliance is not None,
                input=settings.input,
                sender=sender,
            )
        )

    def _is_allowed(self, sender: str) -> bool:
        allow = self._settings.allow
        if not allow or not sender:
            return True
        address = ip_address(sender)
        return any(address in network for network in allow)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of a server is one
        peer = writer.get_extra_info("peername")
        sender = sender_address(peer[0]) if peer else ""  # it may be gone already
        limits = self._settings
        if not sender or not self._is_allowed(sender):
            self._counts.not_allowed += bool(sender)
        elif (
            len(self._connections) >= limits.max_connections
            or self._senders[sender] >= limits.max_connections_per_sender
        ):
            self._counts.over_limit += 1
        else:
            self._connections[task] = writer
            self._senders[sender] += 1
            try:
                await self._read(sender, reader, writer)
            # Reset by the sender, or nothing came; what is cancelled, asyncio would log.
            except (OSError, EOFError, asyncio.CancelledError):
                pass
            finally:
                del self._connections[task]
                self._senders -= Counter((sender,))
        writer.close()

    async def _read(
        self, sender: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._settings.address.transport is Transport.TLS:
            if self._context is None:
                return
            try:
                await writer.start_tls(self._context, ssl_handshake_timeout=_HANDSHAKE_SECONDS)
            except (OSError, EOFError) as error:
                self._counts.tls_failed += 1
                reason = getattr(error, "reason", None) or str(error) or "the sender went away"
                self._counts.tls_error = f"{sender}: {reason}"
                return
        framer = MessageFramer(self._settings.max_message_bytes)
        try:
            while True:
                await self._wait_for_space(sender)
                seconds = self._settings.idle_timeout.total_seconds()
                data = await asyncio.wait_for(reader.read(_READ_BYTES), seconds)
                if not data:
                    break
                await self._wait_for_space(sender)  # its others may have filled it meanwhile
                self._put(sender, framer.feed(data))
                self._counts.cut += framer.cut
                framer.cut = 0
        except TimeoutError:
            self._counts.idle += 1
        finally:
            self._counts.incomplete += framer.is_within

    async def _wait_for_space(self, sender: str) -> None:
        while self._inbox.holds(sender):
            self._has_space.clear()
            await self._has_space.wait()
