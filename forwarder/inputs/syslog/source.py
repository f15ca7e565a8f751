"""The syslog inputs of a service as one source of chunks; outlives a reload."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from forwarder.inputs.chunk import Chunk
from forwarder.inputs.syslog.address import ListenerSettings
from forwarder.inputs.syslog.counts import ListenerCounts
from forwarder.inputs.syslog.inbox import Inbox
from forwarder.inputs.syslog.receiver import Receiver


class SyslogSource:
    """All sockets, and what they have received."""

    drained = False
    """It has no end."""

    def __init__(self, saved: Iterable[tuple[str, bytes]]) -> None:
        """Start with what :meth:`save` returned before, and without a socket."""
        self._inbox = Inbox(saved)
        self._receiver = Receiver(self._inbox)

    @property
    def counts(self) -> dict[str, ListenerCounts]:
        """What became of messages and connections, by the address of the socket."""
        return self._receiver.counts

    def listen(self, settings: Sequence[ListenerSettings]) -> None:
        """Listen at these sockets and no others, or raise ForwarderError."""
        self._receiver.listen(settings)
        self.rewind()

    def read(self, timeout: float) -> list[Chunk]:
        """Return what has arrived, or wait for it for so many seconds."""
        chunks = self._inbox.take(timeout)
        if chunks:  # it may have been full for a moment
            self._receiver.resume()
        return chunks

    def drain(self) -> Iterator[Chunk]:
        """Return what the system has received, and close the sockets."""
        drained = self._receiver.drain()
        while not drained.done():
            yield from self.read(0.01)
        while chunks := self.read(0):
            yield from chunks

    def save(self, consumed: Mapping[str, tuple[int, bytes]]) -> Iterator[tuple[str, bytes | None]]:
        """Note up to where all is in documents; return what to commit with them."""
        return self._inbox.save(consumed)

    def rewind(self) -> None:
        """Go back to where everything is in documents."""
        self._inbox.rewind()

    def wake(self) -> None:
        """Let :meth:`read` return soon; from any thread."""
        self._inbox.wake()

    def close(self) -> None:
        """Close all sockets."""
        self._receiver.close()
