"""``esa-forwarder send``: sends the lines of logs over syslog, as an appliance would.

A line of a file becomes ``<22>Apr 22 11:44:48 esa1 mail_logs: Info: ...``: facility mail, severity
info, a timestamp without a year, the host if there is one, and the name of the log subscription.
Lines that have another form are sent as they are, with a priority if they have none.
"""

import re
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forwarder.cli.main import fail
from forwarder.errors import ForwarderError

if TYPE_CHECKING:
    import socket

    from forwarder.inputs.syslog.sockets import Address

_PRIORITY = b"<22>"  # facility mail, severity informational (RFC 5424, section 6.2.1)
_FILE_LINE = re.compile(
    rb"[A-Z][a-z]{2} ([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \d{4} (?=[A-Z][a-z]+: )"
)
_HAS_PRIORITY = re.compile(rb"<\d{1,3}>")
_TIMEOUT_SECONDS = 60.0  # without progress: a receiver whose spool is full makes its senders wait


def _address(text: str) -> "Address":
    from forwarder.inputs.syslog.sockets import read_address

    try:
        return read_address(text)
    except ForwarderError as error:
        raise click.BadParameter(f"{text!r} {error}.") from error


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--to",
    required=True,
    metavar="ADDRESS",
    type=_address,
    help="udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH.",
)
@click.option("--rate", type=click.IntRange(min=1), help="Messages per second. [default: no limit]")
@click.option("--host", metavar="NAME", help="Name of the appliance in the header. [default: none]")
@click.option("--tag", default="mail_logs", show_default=True, help="Name of the log subscription.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CA of the receiver's certificate. [default: the system's]",
)
def send(  # noqa: PLR0913 - one an option
    *,
    paths: tuple[str, ...],
    to: "Address",
    rate: int | None,
    host: str | None,
    tag: str,
    ca: Path | None,
) -> None:
    """Send mail logs over syslog, as an appliance would.

    PATH is a file, a folder or a pattern, as for parse. Use this to try an input of type syslog:
    timestamps stay as they are in the log.
    """
    from forwarder.inputs.files.discovery import find

    begun = time.monotonic()
    found = find(paths, None)
    if found.problems:
        fail("; ".join(found.problems))
    try:
        connection = _connect(to, ca)
    except OSError as error:
        fail(f"{to.url} cannot be reached: {_words(error)}")
    number = 0
    try:
        with connection:
            for line in (line for file in found.files for line in _lines(file.path)):
                if rate is not None:
                    time.sleep(max(0.0, begun + number / rate - time.monotonic()))
                message = as_message(line, host, tag)
                # A message of a stream ends in a newline; a datagram is one.
                connection.sendall(message + b"\n" if to.transport.is_stream else message)
                number += 1
            if hasattr(connection, "unwrap"):  # of TLS
                with suppress(OSError):  # many receivers close at once
                    connection.unwrap()
    except OSError as error:
        words = _words(error)
        fail(f"{to.url} stopped accepting messages: {words}; about {number:,} messages were sent")
    seconds = time.monotonic() - begun
    click.echo(f"{number:,} messages sent to {to.url} in {seconds:.1f} s", err=True)


def as_message(line: bytes, host: str | None, tag: str) -> bytes:
    """Return a line of a log, without its newline, as a syslog message."""
    found = _FILE_LINE.match(line)
    if found is not None:
        name = f" {host} {tag}: " if host else f" {tag}: "
        return _PRIORITY + found[1] + name.encode() + line[found.end() :]
    return line if _HAS_PRIORITY.match(line) else _PRIORITY + line


def _connect(to: "Address", ca: Path | None) -> "socket.socket":
    import socket
    import ssl

    from forwarder.inputs.syslog.sockets import Transport

    if to.transport is Transport.UNIX:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        connection.connect(to.path)
    elif to.transport is Transport.UDP:
        family, *_, address = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_DGRAM)[0]
        connection = socket.socket(family, socket.SOCK_DGRAM)
        connection.connect(address)
    else:
        connection = socket.create_connection((to.host, to.port), _TIMEOUT_SECONDS)
        if to.transport is Transport.TLS:
            context = ssl.create_default_context(cafile=ca)
            connection = context.wrap_socket(connection, server_hostname=to.host)
    connection.settimeout(_TIMEOUT_SECONDS)
    return connection


def _lines(path: str) -> Iterator[bytes]:
    from forwarder.inputs.block_reader import read_blocks

    rest = b""
    with closing(read_blocks(path)) as blocks:
        for block in blocks:
            *lines, rest = (rest + block).split(b"\n")
            yield from (x.removesuffix(b"\r") for x in lines if x)
    if rest:
        yield rest


def _words(error: OSError) -> str:
    """Say what failed; of TLS, why a certificate is not trusted."""
    said = getattr(error, "verify_message", None) or getattr(error, "reason", None)
    return said or error.strerror or str(error)
