"""What is known of a connection: its lines, looked into when somebody logs in."""

from forwarder.events import Connection, Opened, new_connection
from forwarder.mail_logs.connections import MAX_LINE, Lines
from forwarder.mail_logs.grammar import STAMP_BYTES
from forwarder.mail_logs.messages import Contexts, Said, read_address
from forwarder.mail_logs.timestamps import Clock


class Describer:
    """Says what is known of a connection, of one appliance."""

    __slots__ = ("_clock", "_contexts", "_others")

    def __init__(self, clock: Clock) -> None:
        """Start.

        Args:
            clock: Reads stamps.
        """
        self._clock = clock
        self._contexts = Contexts()
        self._others = self._contexts.others

    def describe_inbound(self, number: bytes, connection: Lines) -> Connection:
        """Look into the lines of a client's connection."""
        line, offset, others = connection
        start = opened = None
        if line is not None:
            opened = self._contexts.read_opened(line[:MAX_LINE])
            # A line that is no New line after all says nothing, not even when.
            if opened is not None:
                clock = self._clock
                if offset is not clock.offset:
                    clock.turn(offset)
                start = clock.instants[line[:24]]
        policy = tls = rejected = None
        for other in others:
            if len(other) > MAX_LINE:
                continue
            # What connections share: the message behind the number.
            message = other[other.index(number, STAMP_BYTES) + len(number) + 1 :]
            later_policy, later_tls, later_rejected = self._others[message]
            policy = later_policy or policy
            tls = later_tls or tls
            rejected = later_rejected or rejected
        if opened is None:
            opened = rejected
        return new_connection((number, start, opened, opened is not None, policy, tls))

    def describe_outbound(
        self,
        number: bytes,
        connection: Lines | None,
        address: bytes,
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
            line, offset, others = connection
            if line is not None:
                opened = self._contexts.read_delivery_opened(line[:MAX_LINE])
                start = self._clock.read(line[:24], offset)
            joined = opened is not None and opened.address == address
            if others and (joined or opened is None):
                tls = self._contexts.deliveries[behind_number(number, others[-1])]
            if joined:
                return Connection(number, start, opened, True, None, tls)  # noqa: FBT003
        alone = Opened(None, *read_address(address), None, None, None)
        return Connection(number, None, alone, False, None, tls)  # noqa: FBT003

    def shorten(self, number: bytes, lines: list[bytes]) -> None:
        """Leave out the lines that later ones replace: of each kind, the last one counts."""
        counting = (x for x in lines if len(x) <= MAX_LINE)
        last = {_kind(self._others[behind_number(number, x)]): x for x in counting}
        lines[:] = last.values()


def behind_number(number: bytes, line: bytes) -> bytes:
    """Give what connections share: the message behind the number."""
    return line[line.index(number, STAMP_BYTES) + len(number) + 1 :]


def _kind(said: Said) -> tuple[bool, ...]:
    """Tell the lines apart that replace one another."""
    return tuple(x is not None for x in said)
