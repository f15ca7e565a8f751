"""Joins syslog messages, which may arrive out of order.

Over UDP and relays, a line may arrive a second or two after one that was written later. So, besides
the rules of :mod:`~forwarder.mail_logs.correlator`:

* A login whose ``New`` line has not arrived waits for it. It counts for its connection and session
  at once; only its event waits.
* The end of a connection waits before it takes effect: logins written before it may still arrive.
* Both wait for at most :data:`WAIT_SECONDS` after their arrival, or, for an end, after the arrival
  of a late line. Then the login becomes an event that is not correlated, and the connection ends.
* The log's own time decides what belongs together, within :data:`MAX_DISORDER_SECONDS`. No login
  joins a connection that ended before it or began after it. In that case, or if ``New`` opens
  another connection with the number, the wait is over.
"""

from forwarder.events import Action, CloseReason, Connection, Event, Instant
from forwarder.mail_logs import scanner
from forwarder.mail_logs.connections import (
    MAX_LINE,
    MAX_LINES,
    Closing,
    RawConnection,
    Tools,
    WaitingEnd,
    WaitingLogin,
    at_offset,
)
from forwarder.mail_logs.correlator import (
    MAX_DISORDER_SECONDS,
    Correlator,
    Joining,
    rare_end,
    unknown,
)
from forwarder.mail_logs.event_ids import FileHeader
from forwarder.mail_logs.scanner import BlockReader, Match

WAIT_SECONDS = 2.0
"""By which messages overtake one another; 1 or 2 were seen."""

_CLIENT, _SERVER = b"ICID ", b"DCID "
_NUMBERED = b"ICID", b"DCID"
_USUAL_ENDS = {b"close": CloseReason.CLOSE, b"lost": CloseReason.LOST}
_RARE_NEW = dict((scanner.NEW_INBOUND, scanner.NEW_OUTBOUND))  # by the usual words

Waiting = WaitingLogin | WaitingEnd


class MessageCorrelator(Correlator):
    """Joins the messages of one stream."""

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self.begun: list[Waiting] = []
        """What has begun to wait since this was emptied; of a connection's logins, the first."""
        self._arrival = 0.0
        self._events: list[Event] = []
        self._waits_for = b""  # the connection that the login being read waits for

    def read(self, block: BlockReader) -> None:
        """Read the messages of a block that matter."""
        self._arrival, self._events = block.arrival, block.events
        block.matches = map(_by_method, block.matches)
        super().read(block)

    def release(self, waiting: Waiting, events: list[Event]) -> bool:
        """End a wait, and add the resulting events; False if it had ended already."""
        name = waiting.name
        if isinstance(waiting, WaitingEnd):
            if self._find_end(name) is not waiting:
                return False
            self._end(name, events)
        else:
            logins = self.connections.waiting_logins.get(name)
            if not logins or logins[0] is not waiting:
                return False
            self._release_logins(name, events)
        return True

    def release_all(self, events: list[Event]) -> None:
        """End all waits."""
        open_ = self.connections
        for name in [*open_.waiting_logins]:
            self._release_logins(name, events)
        for name in [*open_.waiting_ends, *open_.ended]:
            self._end(name, events)

    def _open_inbound(self, block: BlockReader, match: Match) -> None:
        """``New SMTP ICID``: logins that wait for it are joined to it."""
        if not self._open(block, match, _CLIENT + match[2]):
            super()._open_inbound(block, match)

    def _open_outbound(self, block: BlockReader, match: Match) -> None:
        """``New SMTP DCID``."""
        if not self._open(block, match, _SERVER + match[2]):
            super()._open_outbound(block, match)

    def _open(self, block: BlockReader, match: Match, name: bytes) -> bool:
        """Begin a connection after some of its lines; False if there were none."""
        open_, (line, _, number, _, _) = self.connections, match
        connections = self._find_connections(name)
        end = self._find_end(name)
        if end is None and name not in open_.waiting_logins:
            return False
        self._reopen(name)
        old = connections.get(number)
        opened = old is not None and old[0] is not None
        start = self._clock.read(line[:24], block.header.offset)
        if opened or not self._precedes(start, name):
            self._release_logins(name, block.events)
            if end is not None and start is not None and end.epoch >= start.epoch + opened:
                self._wait_again(name, start)  # it is this connection's
            else:
                self._end(name, block.events)
            return False
        others = [] if old is None else self._inherit(old, line, block.header)
        connections.pop(number, None)
        connections[number] = line, block.header.offset, others
        if name.startswith(_CLIENT) and number in open_.logins:
            open_.logins[number] = (None, *open_.logins[number][1:])
        if end is not None:
            self._wait_again(name, start)
        self._release_logins(name, block.events)
        open_.make_space(block)
        return True

    def _describe_early(self, block: BlockReader, match: Match) -> None:
        """Policy or TLS before ``New`` or after the end."""
        if not self._is_behind_end(_CLIENT + match[2], match[0]):
            super()._describe_early(block, match)

    def _change_outbound(self, block: BlockReader, match: Match) -> None:
        """TLS, and any line that ends a connection to a smart host."""
        if match[3] != b"TLS" or not self._is_behind_end(_SERVER + match[2], match[0]):
            super()._change_outbound(block, match)

    def _is_behind_end(self, name: bytes, line: bytes) -> bool:
        """Whether a line belongs to an ended connection; it is kept for a late login."""
        if name not in self.connections.ended:
            return False
        others = self.connections.ended[name][0][2]
        if len(others) < MAX_LINES:
            others.append(line)
        return True

    def _precedes(self, start: Instant | None, name: bytes) -> bool:
        """Whether a connection began before everything that waits for it, by the log's time."""
        open_ = self.connections
        times = [x.event.time.epoch for x in open_.waiting_logins.get(name, ())]
        times += [x.epoch for x in (open_.waiting_ends.get(name),) if x is not None]
        return start is not None and all(
            0 <= x - start.epoch <= MAX_DISORDER_SECONDS for x in times
        )

    def _end_inbound(self, block: BlockReader, match: Match) -> None:
        """Any line that ends a client's connection."""
        line, head, number, _, said = match
        reason = _USUAL_ENDS.get(said) or (
            rare_end(line) if head == b"ICID" else CloseReason.KILLED
        )
        time = self._clock.read(line[:24], block.header.offset)
        if reason is None or time is None or len(line) > MAX_LINE:
            super()._end_inbound(block, match)
            return
        location = block.locate(line)
        closing = reason, block.header.origin, at_offset(time, location[-1]), location
        self._wait_to_end(block, _CLIENT + number, time, closing)

    def _end_outbound(self, block: BlockReader, match: Match) -> None:
        """Any line that ends a connection to a smart host."""
        time = self._clock.read(match[0][:24], block.header.offset)
        if time is None:
            super()._end_outbound(block, match)
        else:
            self._wait_to_end(block, _SERVER + match[2], time, None)

    def _wait_to_end(
        self, block: BlockReader, name: bytes, time: Instant, closing: Closing | None
    ) -> None:
        """Let the end of a connection wait, unless it waits already."""
        if self._has_ended(name, time, block.events):
            return
        open_, number = self.connections, name[len(_CLIENT) :]
        connections = self._find_connections(name)
        raw = connections.get(number) or (None, block.header.offset, [])
        start = None if raw[0] is None else self._clock.read(raw[0][:24], raw[1])
        end = WaitingEnd(self._arrival, name, time.epoch, start, closing)
        has_login = closing is not None and number in open_.logins
        # A late `New` line must find the end of its connection, even after a restart.
        if raw[0] is None or has_login or name in open_.waiting_logins:
            connections[number], open_.waiting_ends[name] = raw, end
        else:
            connections.pop(number, None)
            open_.ended[name] = raw, end
        self.begun.append(end)

    def _has_ended(self, name: bytes, time: Instant, events: list[Event]) -> bool:
        """Whether the end that waits is this one, received again.

        A later one belongs to another connection with the number, whose other lines are late.
        """
        end = self._find_end(name)
        if end is None or time.epoch - end.epoch < WAIT_SECONDS:
            return end is not None
        self._end(name, events)
        return False

    def _find_end(self, name: bytes) -> WaitingEnd | None:
        open_ = self.connections
        return open_.ended[name][1] if name in open_.ended else open_.waiting_ends.get(name)

    def _find_connections(self, name: bytes) -> dict[bytes, RawConnection]:
        """Return the open connections in the direction of a connection."""
        open_ = self.connections
        return open_.inbound if name.startswith(_CLIENT) else open_.outbound

    def _reopen(self, name: bytes) -> None:
        """Let the end of an ended connection, if there is one, wait again."""
        open_, connections = self.connections, self._find_connections(name)
        if name in open_.ended:
            connections[name[len(_CLIENT) :]], open_.waiting_ends[name] = open_.ended.pop(name)

    def _wait_again(self, name: bytes, start: Instant | None) -> None:
        """Extend the wait of an end after a late line; others may be late as well."""
        end = self.connections.waiting_ends[name]._replace(arrival=self._arrival, start=start)
        self.connections.waiting_ends[name] = end
        self.begun.append(end)

    def _end(self, name: bytes, events: list[Event]) -> None:
        """End a connection whose end has waited; first, release the logins that still wait."""
        open_, number = self.connections, name[len(_CLIENT) :]
        self._release_logins(name, events)
        open_.ended.pop(name, None)
        end = open_.waiting_ends.pop(name, None)
        if end is None:
            return
        if end.closing is None:
            open_.outbound.pop(number, None)
            return
        connection, login = open_.inbound.pop(number, None), open_.logins.pop(number, None)
        if connection is not None and login is not None and login[3] is not None:
            events.append(open_.close(number, connection, login, end.closing, end.start))

    def _login(self, block: BlockReader, match: Match) -> None:
        """Add the event of a login line, or let it wait."""
        events, waiting = block.events, self.connections.waiting_logins
        self._waits_for = b""
        before = len(events)
        super()._login(block, match)
        name = self._waits_for
        if not name:
            return
        at = next(
            x
            for x in range(before, len(events))
            if events[x].outcome.action is not Action.SESSION_CLOSED
        )
        event = events[at]
        connection = event.connection
        assert connection is not None  # noqa: S101 - the line names it
        if len(match[0]) > MAX_LINE:
            return
        del events[at]
        if not connection.correlated:
            self._counters.uncorrelated -= 1
        opened = connection.opened if name.startswith(_SERVER) else None
        address = None if opened is None else opened.address
        login = WaitingLogin(self._arrival, name, address, event._replace(connection=None))
        if name not in waiting:
            self.begun.append(login)
        waiting.setdefault(name, []).append(login)
        end = self.connections.waiting_ends.get(name)
        if end is not None:
            self._wait_again(name, end.start)

    def _release_logins(self, name: bytes, events: list[Event]) -> None:
        """Release the logins of a connection, with what is known about it."""
        open_, number = self.connections, name[len(_CLIENT) :]
        for login in open_.waiting_logins.pop(name, ()):
            raw = self._find_connections(name).get(number)
            if login.address is not None:
                known = open_.describe_outbound(number, raw, login.address)
            else:
                known = unknown(number) if raw is None else open_.describe_inbound(number, raw)
            if not known.correlated:
                self._counters.uncorrelated += 1
            events.append(login.event._replace(connection=known))

    def _join_inbound(self, login: Joining, line: bytes, header: FileHeader) -> Connection:
        number, time = login[1], login[3]
        if self._is_of_another(_CLIENT + number, time):
            return unknown(number)
        return super()._join_inbound(login, line, header)

    def _join_outbound(
        self, number: bytes, address: bytes, time: Instant, line: bytes, header: FileHeader
    ) -> Connection:
        if self._is_of_another(_SERVER + number, time):
            return self.connections.describe_outbound(number, None, address)
        return super()._join_outbound(number, address, time, line, header)

    def _is_of_another(self, name: bytes, time: Instant) -> bool:
        """Whether a login belongs to an older connection than the one with its number now.

        It waits if the connection with its number is unknown or ended before it.
        """
        end = self._find_end(name)
        if end is not None and 0 <= end.epoch - time.epoch <= MAX_DISORDER_SECONDS:
            self._reopen(name)
        elif end is not None:
            self._end(name, self._events)
        connections, number = self._find_connections(name), name[len(_CLIENT) :]
        opened, offset, _ = connections.get(number, (None, None, None))
        if opened is None:
            self._waits_for = name
            return False
        start = self._clock.read(opened[:24], offset)
        return start is not None and 0 < start.epoch - time.epoch <= MAX_DISORDER_SECONDS


def _by_method(match: Match) -> Match:
    """Return a beginning or an end as in rare words, so that a method reads it."""
    line, head, number, verb, rest = match
    if head in _RARE_NEW:
        return line, _RARE_NEW[head], number, verb, rest
    if verb in _USUAL_ENDS and head in _NUMBERED:
        return line, head, number, b"", verb
    return match
