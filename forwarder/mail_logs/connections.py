"""Open connections: the lines that describe them, and what those lines say once asked."""

from datetime import timedelta
from typing import TYPE_CHECKING

from forwarder.events import Connection, Opened, new_connection
from forwarder.mail_logs.clock import Clock
from forwarder.mail_logs.contexts import Contexts, read_address

if TYPE_CHECKING:
    from forwarder.mail_logs.sessions import Tally


class Open:
    """One open connection."""

    __slots__ = (
        *("offset", "opened", "policy", "rejected", "tls"),
        *("attempts", "failures", "known", "last", "tally"),
    )

    def __init__(self, opened: bytes | None, offset: timedelta | None) -> None:
        """Start a connection.

        Args:
            opened: Its ``New`` line; None where another line is the first.
            offset: Local time minus UTC by the header of that file.
        """
        self.opened = opened
        self.offset = offset
        self.policy: bytes | None = None
        self.tls: bytes | None = None
        self.rejected: bytes | None = None
        self.attempts = 0
        self.last = 0
        """Of its last login, in seconds since 1970."""
        self.failures = 0
        self.tally: Tally | None = None
        self.known: Connection | None = None
        """What the lines say; None until it is asked for, and again after a new line."""

    def keep(self, verb: bytes, line: bytes) -> None:
        """Keep a line that describes the connection.

        Args:
            verb: The word behind its number.
            line: The whole line.
        """
        self.known = None
        if verb == b"TLS":
            self.tls = line
        elif verb == b"Delayed":
            self.rejected = line
        else:
            self.policy = line


class Describer:
    """Says what is known of a connection, of one appliance."""

    __slots__ = ("_clock", "_contexts")

    def __init__(self, clock: Clock) -> None:
        """Start.

        Args:
            clock: Reads stamps.
        """
        self._clock = clock
        self._contexts = Contexts()

    def describe_inbound(self, number: bytes, connection: Open) -> Connection:
        """Look into the lines of a client's connection."""
        start = opened = policy = tls = None
        if connection.opened is not None:
            opened = self._contexts.read_opened(connection.opened)
            # A line that is no New line after all says nothing, not even when.
            if opened is not None:
                start = self._clock.read(connection.opened[:24], connection.offset)
        if opened is None and connection.rejected is not None:
            opened = self._contexts.read_rejected(connection.rejected)
        if connection.policy is not None:
            policy = self._contexts.read_policy(connection.policy, number)
        if connection.tls is not None:
            tls = self._contexts.read_tls(connection.tls, number)
        known = new_connection((number, start, opened, opened is not None, policy, tls))
        connection.known = known
        return known

    def describe_outbound(
        self,
        number: bytes,
        connection: Open | None,
        address: str,
    ) -> Connection:
        """Look into the lines of a connection to a smart host.

        Args:
            number: Of the connection.
            connection: Its lines, if any.
            address: Of the smart host, as the login line has it. What was opened to another
                address is not this connection, and nothing of it is given.
        """
        start = opened = tls = None
        if connection is not None:
            if connection.opened is not None:
                opened = self._contexts.read_delivery_opened(connection.opened)
                start = self._clock.read(connection.opened[:24], connection.offset)
            joined = opened is not None and opened.address == address
            if connection.tls is not None and (joined or opened is None):
                tls = self._contexts.read_tls(connection.tls, number)
            if joined:
                return Connection(number, start, opened, True, None, tls)  # noqa: FBT003
        alone = Opened(None, *read_address(address.encode()), None, None, None)
        return Connection(number, None, alone, False, None, tls)  # noqa: FBT003
