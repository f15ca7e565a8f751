"""Syslog daemons as relays: what an appliance sends to one goes on to the program.

Each listens for TCP on loopback, and sends messages of a host on by the route of that name. They
have configurations and folders of their own, and have nothing to do with the log of the system.
"""

from pathlib import Path
from typing import NamedTuple

ROUTES = ("udp", "tcp", "counted", "tls")
"""The names of routes: datagrams, streams with newlines, with lengths, and TLS with lengths."""


class Targets(NamedTuple):
    """Where the program listens."""

    udp: int
    tcp: int
    tls: int
    ca: Path
    """The certificate of whoever signed the program's."""
