"""The open connections of one appliance: the lines that describe them, as they are.

Only a login makes anybody look into them: most connections never see one.
"""

from datetime import timedelta
from itertools import islice

from forwarder.events import Connection
from forwarder.mail_logs.sessions import Messages, Tally

MAX_OPEN = 65_536
"""An appliance serves some thousand connections at once; these take about 40 MB of memory.
fail2ban's join of this kind holds 100."""

MAX_LINES = 16
"""Lines kept of one connection before those that others replace are left out. A connection has two:
its policy and its TLS line."""

MAX_LINE = 2_048
"""Bytes of a line that count: a name in reverse DNS has 255. Of a longer ``New`` line it is the
beginning, which has the address; any other says nothing then."""

_CONNECTION_BYTES = 400
_LINE_BYTES = 64
_TALLY_BYTES = 600
_MESSAGE_BYTES = 230

Lines = tuple[bytes | None, timedelta | None, list[bytes]]
"""A connection as the log has it: its ``New`` line, None where another line is the first; local
time minus UTC by the header of that file; the other lines that describe it, in order."""

Attempts = tuple[Connection | None, int, int, Tally | None]
"""What was done on a connection on which somebody has tried to log in: what its lines say, None
after a new line until it is asked for; the time of the last attempt, in seconds since 1970; how
many failed; the tally of its session."""


class Connections:
    """What is open.

    Attributes:
        inbound: Connections of clients, by ICID, the oldest first.
        outbound: Connections to smart hosts, by DCID, the oldest first.
        attempts: What was done on inbound connections, by ICID; each of them is open.
        messages: What sessions send.
    """

    __slots__ = ("attempts", "inbound", "messages", "outbound")

    def __init__(self) -> None:
        """Start with nothing open."""
        self.inbound: dict[bytes, Lines] = {}
        self.outbound: dict[bytes, Lines] = {}
        self.attempts: dict[bytes, Attempts] = {}
        self.messages = Messages()

    def size(self) -> int:
        """Say about how many bytes of memory it takes."""
        size = 0
        for connections in (self.inbound, self.outbound):
            for number, (opened, _, others) in connections.items():
                size += _CONNECTION_BYTES + len(number) + len(opened or b"")
                size += sum(map(len, others)) + _LINE_BYTES * len(others)
        for tally in self.messages.tallies.values():
            size += _TALLY_BYTES + sum(map(len, tally.users)) + len(tally.user or "")
        followed = self.messages.followed
        return size + _MESSAGE_BYTES * len(followed) + sum(map(len, followed))

    def trim(self) -> None:
        """Leave out what does not count of lines."""
        for connections in (self.inbound, self.outbound):
            for number, (opened, offset, others) in connections.items():
                others[:] = [x for x in others if len(x) <= MAX_LINE]
                if opened is not None and len(opened) > MAX_LINE:
                    connections[number] = opened[:MAX_LINE], offset, others


def forget_oldest(
    connections: dict[bytes, Lines], number: int | None = None
) -> list[tuple[bytes, Lines]]:
    """Make room: let so many of the oldest go, else an eighth of the most there are; give them."""
    oldest = list(islice(connections, MAX_OPEN // 8 if number is None else number))
    return [(x, connections.pop(x)) for x in oldest]
