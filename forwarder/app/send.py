"""Sends the lines of logs over syslog, as an appliance or a relay would: to try an input.

A line of a file becomes ``<22>Apr 22 11:44:48 esa1 mail_logs: Info: ...``: facility mail, severity
info, a timestamp without a year, the host if there is one, and the name of the log subscription.
Lines that have another form are sent as they are, with a priority if they have none.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

from forwarder.errors import ForwarderError
from forwarder.inputs.block_reader import read_blocks
from forwarder.inputs.files.discovery import find
from forwarder.inputs.syslog.address import Address, Transport

_PRIORITY = b"<22>"  # facility mail, severity informational (RFC 5424, section 6.2.1)
_FILE_LINE = re.compile(
    rb"[A-Z][a-z]{2} ([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \d{4} (?=[A-Z][a-z]+: )"
)
_HAS_PRIORITY = re.compile(rb"<\d{1,3}>")
_TIMEOUT_SECONDS = 60.0
"""Without progress: a receiver whose spool is full makes its senders wait."""
_SLICES = 50  # of a second, in which a rate is kept
_AT_ONCE = 1_000  # messages, where there is no rate


class SendOptions(NamedTuple):
    """What is sent, to where, and how."""

    paths: tuple[str, ...]
    to: Address
    rate: int | None = None  # messages a second; None for as fast as they are taken
    host: str | None = None  # in the header; None for none
    tag: str = "mail_logs"  # name of the log subscription
    octet_counting: bool = False  # in streams: the length before each message, instead of newlines
    ca: Path | None = None  # in PEM, that signed the receiver's certificate; None: the system's
    certificate: Path | None = None  # of the sender, with its key, in PEM
    key: Path | None = None


class SendError(ForwarderError):
    """Not everything was sent."""


def send(options: SendOptions, progress: Callable[[int], None] = lambda _: None) -> int:
    """Send all lines of some logs, in their order; return their number.

    ``progress`` gets the number of messages that were sent since the last call.

    Raises:
        ReadError: A log cannot be read.
        SendError: The receiver cannot be reached, or takes nothing any more.
    """
    found = find(options.paths, None)
    if found.problems:
        raise SendError("; ".join(found.problems))
    number = 0
    with Connection(options) as connection:
        messages = (
            as_message(line, options.host, options.tag)
            for file in found.files
            for line in _lines(file.path)
        )
        for part in _paced(messages, options.rate):
            try:
                connection.send(part)
            except OSError as error:
                raise SendError(
                    f"{options.to.url} takes nothing more: {_words(error)}; about {number} messages"
                    " were sent"
                ) from error
            number += len(part)
            progress(len(part))
    return number


def as_message(line: bytes, host: str | None, tag: str) -> bytes:
    """Return a line of a log, without its newline, as a syslog message."""
    found = _FILE_LINE.match(line)
    if found is not None:
        name = f" {host} {tag}: " if host else f" {tag}: "
        return _PRIORITY + found[1] + name.encode() + line[found.end() :]
    return line if _HAS_PRIORITY.match(line) else _PRIORITY + line


class Connection:
    """A way to a receiver, of any transport."""

    def __init__(self, options: SendOptions) -> None:
        """Connect, or raise SendError."""
        self._to = to = options.to
        self._counts = options.octet_counting
        try:
            if to.transport is Transport.UNIX:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.connect(to.path)
            elif to.transport is Transport.UDP:
                infos = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_DGRAM)
                self._socket = socket.socket(infos[0][0], socket.SOCK_DGRAM)
                self._socket.connect(infos[0][4])
            else:
                self._socket = socket.create_connection((to.host, to.port), _TIMEOUT_SECONDS)
                if to.transport is Transport.TLS:
                    self._socket = _secure(self._socket, options)
            self._socket.settimeout(_TIMEOUT_SECONDS)
        except OSError as error:
            raise SendError(f"{to.url} cannot be reached: {_words(error)}") from error

    def __enter__(self) -> Self:
        """Use it in a ``with`` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, when everything was taken by the system."""
        if self._to.transport is Transport.TLS:
            with suppress(OSError):  # many receivers close at once
                self._socket = self._socket.unwrap()  # type: ignore[attr-defined]
        self._socket.close()

    def send(self, messages: list[bytes]) -> None:
        """Send messages, or raise OSError."""
        if not self._to.transport.is_stream:
            for message in messages:
                self._socket.send(message)
        elif self._counts:
            self._socket.sendall(b"".join([b"%d %b" % (len(x), x) for x in messages]))
        else:
            self._socket.sendall(b"\n".join((*messages, b"")))


def _secure(plain: socket.socket, options: SendOptions) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=options.ca)
    if options.certificate is not None:
        context.load_cert_chain(options.certificate, options.key)
    return context.wrap_socket(plain, server_hostname=options.to.host)


def _lines(path: str) -> Iterator[bytes]:
    rest = b""
    with closing(read_blocks(path)) as blocks:
        for block in blocks:
            *lines, rest = (rest + block).split(b"\n")
            yield from (x.removesuffix(b"\r") for x in lines if x)
    if rest:
        yield rest


def _paced(messages: Iterable[bytes], rate: int | None) -> Iterator[list[bytes]]:
    """Return messages in parts, so many a second."""
    messages = iter(messages)
    begun, sent = time.monotonic(), 0
    size = _AT_ONCE if rate is None else max(1, rate // _SLICES)
    while part := [*islice(messages, size)]:
        if rate is not None:
            time.sleep(max(0.0, begun + sent / rate - time.monotonic()))
        yield part
        sent += len(part)


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return getattr(error, "reason", None) or error.strerror or str(error)
