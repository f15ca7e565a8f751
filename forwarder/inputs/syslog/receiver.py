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
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from forwarder.inputs.chunk import Chunk
from forwarder.inputs.syslog.address import ListenerCounts, ListenerSettings
from forwarder.inputs.syslog.inbox import Inbox
from forwarder.inputs.syslog.listener import Listener
from forwarder.inputs.syslog.tls import server_context

if TYPE_CHECKING:
    from concurrent.futures import Future

    from forwarder.inputs.syslog.address import Address

T = TypeVar("T")

DRAIN_SECONDS = 2.0
"""For what the system has received when the service ends; senders may go on for ever."""

_BUSY_SECONDS = 0.001
"""Between looks while something comes, so that it can be taken."""
_IDLE_ROUNDS = 20
"""Of the event loop. From a connection that the system has accepted to its first message in the
inbox there are some five."""


class Receiver:
    """All sockets of a service, and what they received; outlives a reload of the configuration."""

    drained = False
    """It has no end."""

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
        await self._close(self._listeners.keys() - wanted)
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

    async def _close(self, addresses: "Sequence[Address] | set[Address]") -> None:
        for address in addresses:
            listener = self._listeners.pop(address)
            self._closed[address.url] = replace(listener.counts, connections=0)
            await listener.close()
