"""One socket that syslog messages arrive at, and its connections."""

import asyncio
import errno
import os
import select
import socket
import ssl
import stat
import struct
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from forwarder.errors import ForwarderError
from forwarder.inputs.syslog.address import (
    Address,
    ListenerCounts,
    ListenerSettings,
    Transport,
    sender_address,
)
from forwarder.inputs.syslog.framing import MessageFramer, clean
from forwarder.inputs.syslog.inbox import Inbox, Origin

UDP_BUFFER_BYTES = 16 << 20
"""Asked for: some 100,000 messages, seconds of a large fleet. The system gives no more than
``net.core.rmem_max``."""

_UNIX_APPLIANCE = "localhost"
"""Of messages at a Unix socket that do not name a host: senders there have no address."""

_READ_BYTES = 1 << 14
STREAM_BUFFER_BYTES = 1 << 16
"""Of the system, for each connection: 60,000 lines a second from next door, 6,000 from another
continent. Some hundreds of connections may fill theirs at once, and a kill loses what is in it."""
_DATAGRAM_BYTES = 1 << 16  # the longest there is
_DATAGRAMS_AT_ONCE = 1_000
"""Before other sockets have their turn."""
_DATAGRAM_BYTES_AT_ONCE = 1 << 20
_BACKLOG = 1_024
_ACCEPTED_AT_ONCE = 2
"""In a round of the event loop. A connection that its sender has closed is read to its end in some
eight rounds: so those of a sender that opens one for each message stay below its limit."""
_HANDSHAKE_SECONDS = 20.0
"""For the start of TLS: four round trips on the slowest line."""
_UNIX_MODE = 0o660

_SO_MEMINFO = 55  # of Linux (socket.h); Python has no name for it
_MEMINFO = struct.Struct("9I")
_DROPS = 8  # SK_MEMINFO_DROPS (sock_diag.h): datagrams that the system dropped at this socket


class Listener:
    """A socket and its connections; for the thread of the event loop."""

    def __init__(self, settings: ListenerSettings, inbox: Inbox) -> None:
        """Prepare; nothing is open yet."""
        self._settings = settings
        self._inbox = inbox
        self._counts = ListenerCounts()
        self._context: ssl.SSLContext | None = None
        self._sockets: list[socket.socket] = []  # of datagrams
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.StreamWriter, str] = {}
        self._senders: Counter[str] = Counter()  # by number of connections
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_space = asyncio.Event()
        self._has_space.set()

    @property
    def counts(self) -> ListenerCounts:
        """What became of everything so far."""
        self._counts.connections = len(self._connections)
        if self._settings.address.transport is Transport.UDP:
            self._counts.dropped = sum(map(_drops, self._sockets))
        return self._counts

    async def open(self) -> None:
        """Open the socket, or raise ForwarderError."""
        address = self._settings.address
        try:
            if address.transport is Transport.UNIX:
                self._sockets = [_bind_unix(address.path)]
            elif address.transport is Transport.UDP:
                self._sockets = await bind(address)
            else:
                for each in await bind(address):
                    server = await asyncio.start_server(
                        self._accept, sock=each, backlog=_ACCEPTED_AT_ONCE, limit=_READ_BYTES
                    )
                    self._servers.append(server)
                    each.listen(_BACKLOG)  # asyncio takes one number for both
        except OSError as error:
            raise ForwarderError(
                f"cannot listen on {address.url}: {advice_on(error, address)}"
            ) from error
        self._counts.buffer_bytes = min(map(_buffer_bytes, self._sockets), default=0)
        self.resume()

    def change(self, settings: ListenerSettings, context: ssl.SSLContext | None) -> None:
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
        streams = [x.get_extra_info("socket") for x in self._connections]
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
        for writer in [*self._connections]:
            writer.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)
            if each.family == socket.AF_UNIX:
                _remove_socket(each.getsockname())
            each.close()
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
        appliance = settings.appliance or sender or _UNIX_APPLIANCE
        named = settings.appliance is not None
        origin = Origin(sender, appliance, named, settings.input)
        self._inbox.put(origin, messages)

    def _is_allowed(self, sender: str) -> bool:
        allow = self._settings.allow
        if not allow or not sender:
            return True
        address = ip_address(sender)
        return any(address in network for network in allow)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of a server is one
        self._tasks.add(task)
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
            self._connections[writer] = sender
            self._senders[sender] += 1
            try:
                await self._read(sender, reader, writer)
            # Reset by the sender, or nothing came; what is cancelled, asyncio would log.
            except (OSError, EOFError, asyncio.CancelledError):
                pass
            finally:
                del self._connections[writer]
                self._senders -= Counter((sender,))
        self._tasks.discard(task)
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
        cut = 0
        try:
            while True:
                await self._wait_for_space(sender)
                seconds = self._settings.idle_timeout.total_seconds()
                data = await asyncio.wait_for(reader.read(_READ_BYTES), seconds)
                if not data:
                    break
                await self._wait_for_space(sender)  # its others may have filled it meanwhile
                self._put(sender, framer.feed(data))
                self._counts.cut += framer.cut - cut
                cut = framer.cut
        except TimeoutError:
            self._counts.idle += 1
        finally:
            self._counts.incomplete += framer.is_within

    async def _wait_for_space(self, sender: str) -> None:
        while self._inbox.holds(sender):
            self._has_space.clear()
            await self._has_space.wait()


async def bind(address: Address) -> list[socket.socket]:
    """Open a socket for each address that a name stands for."""
    kind = socket.SOCK_STREAM if address.transport.is_stream else socket.SOCK_DGRAM
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(address.host, address.port, type=kind, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, place in dict.fromkeys(infos):
            each = socket.socket(family, kind)
            sockets.append(each)
            each.setblocking(False)  # noqa: FBT003 - its only argument
            if family == socket.AF_INET6:  # ::, and nothing else, also takes IPv4
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address.host != "::")
            if kind == socket.SOCK_STREAM:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STREAM_BUFFER_BYTES)
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                each.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # inherited
            else:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
            each.bind(place)
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets


def _bind_unix(path: str) -> socket.socket:
    """Open a socket at a path; one that has no listener any more is replaced."""
    each = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        each.setblocking(False)  # noqa: FBT003 - its only argument
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(Path(path).lstat().st_mode) and not _is_in_use(path):
                Path(path).unlink()
        os.fchmod(each.fileno(), _UNIX_MODE)  # so that it never has a wider mode at its path
        each.bind(path)
        Path(path).chmod(_UNIX_MODE)  # an umask may have taken rights away
    except BaseException:
        each.close()
        raise
    return each


def _remove_socket(path: str) -> None:
    with suppress(OSError):
        Path(path).unlink()


def _is_in_use(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        return True


def advice_on(error: OSError, address: Address) -> str:
    """Say why a socket cannot be opened, and what to do."""
    words = error.strerror or str(error)
    if isinstance(error, PermissionError) and 0 < address.port < 1024:  # noqa: PLR2004 - privileged
        return (
            f"{words}; for a port below 1024 the service needs the capability"
            " CAP_NET_BIND_SERVICE (AmbientCapabilities= of its systemd unit), or use a higher port"
        )
    advice = {
        errno.EADDRINUSE: "; something else is there: stop or remove it, or use another address",
        errno.EADDRNOTAVAIL: "; this host has no such address: use one of its own, or 0.0.0.0",
    }
    return words + advice.get(error.errno or 0, "")


def listens(process: int) -> Callable[[Address], bool]:
    """Return what tells whether a process listens at an address; of Unix sockets, it is assumed.

    As proc(5) has it: the sockets that the process has open, among those of the system.
    """
    own, found = set(), set()
    try:
        for file in Path(f"/proc/{process}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                own.add(str(file.readlink()))
        for protocol in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path("/proc/net", protocol).read_text().splitlines()[1:]:
                cells = line.split()
                if f"socket:[{cells[9]}]" in own:
                    found.add((protocol[:3] == "tcp", int(cells[1].rpartition(":")[2], 16)))
    except OSError:  # it is of another user, or has just ended
        return lambda _: True
    return lambda x: x.transport is Transport.UNIX or (x.transport.is_stream, x.port) in found


def _drops(source: socket.socket) -> int:
    memory = source.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(memory)[_DROPS])


def _buffer_bytes(source: socket.socket) -> int:
    return source.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux doubles it
