"""Lines to events: what a connection was, when somebody logs in on it.

Theory of operation. A login line has a user and no address, the line that opened the connection
an address and no user; the connection's number joins them. So the correlator keeps, for each
open connection of one appliance, the lines that describe it, as they are. Only a login makes it
look into them. After a login that succeeded it also counts what the session sends.

Rules:

* ``New`` starts a connection, whatever was known of its number: numbers come again. A session on
  the number's old connection ends as superseded.
* ``close`` and ``lost`` end it. A login behind its end joins nothing: an address is never guessed.
* A login without a ``New`` line is an event all the same, marked as not correlated.
* Syslog may deliver a policy or TLS line a second or two before ``New``; it then counts for it.
* At most :data:`MAX_OPEN` connections are kept a direction; beyond, the oldest eighth is
  forgotten. A connection without a login for :data:`MAX_AGE` of the log's own time is forgotten
  too. A session that is forgotten ends as expired.
* Nothing depends on where blocks are cut, nor on the wall clock.
"""

from datetime import timedelta
from itertools import islice

from forwarder.events import (
    Action,
    CloseReason,
    Connection,
    Event,
    Instant,
    Outcome,
    SyslogHeader,
    new_event,
)
from forwarder.mail_logs import grammar, scanning
from forwarder.mail_logs.clock import Clock
from forwarder.mail_logs.connections import Describer, Open
from forwarder.mail_logs.framing import Block
from forwarder.mail_logs.identity import Identities
from forwarder.mail_logs.log import Log
from forwarder.mail_logs.logins import SUCCESS, Logins, is_strange
from forwarder.mail_logs.places import Place, Places
from forwarder.mail_logs.sessions import Messages

MAX_OPEN = 65_536
"""An appliance serves some thousand connections at once; these take about 40 MB of memory.
fail2ban's join of this kind holds 100."""

MAX_AGE = timedelta(hours=24)
"""An appliance ends a connection after minutes; what is a day old was never seen to close.
fail2ban's join holds 5 minutes."""

MAX_DISORDER_SECONDS = 5
"""By which syslog may deliver a line before ``New``; seen are 1 or 2."""

EXPIRY_SECONDS = 60
"""How often, in the log's own time, all sessions are looked at for their age."""

_MAX_AGE_SECONDS = MAX_AGE // timedelta(seconds=1)


class Correlator:
    """Joins the lines of one appliance.

    Attributes:
        unread: Lines that begin like a login and have no known form, or no possible date.
        first_unread: Path and offset in bytes of the first of them.
    """

    def __init__(self, appliance: str, clock: Clock, *, sessions: bool = True) -> None:
        """Start with nothing open.

        Args:
            appliance: Its name, part of every id.
            clock: Reads stamps.
            sessions: Whether the end of a session is an event.
        """
        self._clock = clock
        self._sessions = sessions
        self._identities = Identities(appliance)
        self._logins = Logins()
        self._describer = Describer(clock)
        self._inbound: dict[bytes, Open] = {}
        self._outbound: dict[bytes, Open] = {}
        self._messages = Messages()
        self._next_expiry = 0
        self.unread = 0
        self.first_unread: tuple[str | None, int] | None = None

    # One branch a kind of line, the frequent ones first: to call a method for each would cost
    # as much again as the rest of the loop.
    def read(self, block: Block, log: Log) -> list[Event]:  # noqa: C901, PLR0912
        """Take the next lines.

        Args:
            block: Of this appliance, in the order of its log.
            log: The file the block comes from; a file header in the block changes it.

        Returns:
            The events at these lines, in order.
        """
        events: list[Event] = []
        inbound, outbound, messages = self._inbound, self._outbound, self._messages
        followed, tallies = messages.followed, messages.tallies
        places = Places(block)
        for line, head, number, verb in scanning.scan(block.text, block.start, block.end):
            if head == b"ICID":
                if verb == b"close" or verb == b"lost":  # noqa: PLR1714 - twice as fast as a set
                    connection = inbound.pop(number, None)
                    if connection is not None and connection.tally is not None:
                        reason = CloseReason.CLOSE if verb == b"close" else CloseReason.LOST
                        place = places.find(line, line.index(b": ", grammar.STAMP_BYTES) + 2)
                        events.append(self._end(number, connection, reason, log, line, place))
                elif verb:
                    if number not in inbound:
                        inbound[number] = Open(None, log.offset)
                        if len(inbound) > MAX_OPEN:
                            events += self._forget_oldest(inbound, log)
                    inbound[number].keep(verb, line)
            elif head == b"MID":
                if number in followed:
                    messages.change(number, verb, line)
            elif head in scanning.NEW_INBOUND:
                old = self._start(inbound, number, line, log)
                if old is not None and old.tally is not None:
                    reason = CloseReason.SUPERSEDED
                    place = places.find(line, line.index(b": ", grammar.STAMP_BYTES) + 2)
                    events.append(self._end(number, old, reason, log, line, place))
                if len(inbound) > MAX_OPEN:
                    events += self._forget_oldest(inbound, log)
            elif head == b"Start MID":
                if line.rstrip().rpartition(b" ")[2] in tallies:
                    messages.start(number, line)
            elif head == b"DCID":
                if verb == b"close":
                    outbound.pop(number, None)
                elif verb == b"TLS":
                    if number not in outbound:
                        outbound[number] = Open(None, log.offset)
                        if len(outbound) > MAX_OPEN:
                            self._forget_oldest(outbound, log)
                    outbound[number].tls = line
            elif head in scanning.NEW_OUTBOUND:
                self._start(outbound, number, line, log)
                if len(outbound) > MAX_OPEN:
                    self._forget_oldest(outbound, log)
            elif not head or head == b"DCID:":
                self._login(line, places, log, events)
            elif number in followed:
                messages.change(number, verb, line)
        return events

    def _start(
        self,
        connections: dict[bytes, Open],
        number: bytes,
        line: bytes,
        log: Log,
    ) -> Open | None:
        """Start a connection; give the one that had its number until now."""
        old = connections.pop(number, None)
        new = connections[number] = Open(line, log.offset)
        if old is None:
            return None
        if old.opened is None and not old.attempts and self._just_before(old, line, log):
            new.policy, new.tls, new.rejected = old.policy, old.tls, old.rejected
        return old

    def _just_before(self, old: Open, line: bytes, log: Log) -> bool:
        """Whether lines without a ``New`` line may belong to one that comes now."""
        now = self._clock.read(line[:24], log.offset)
        described = (old.policy, old.tls, old.rejected)
        times = [self._clock.read(x[:24], old.offset) for x in described if x is not None]
        return now is not None and all(
            x is not None and abs(now.epoch - x.epoch) <= MAX_DISORDER_SECONDS for x in times
        )

    def _login(self, line: bytes, places: Places, log: Log, events: list[Event]) -> None:
        """Add the event of a login line; a file header is none."""
        start = line.index(b": ", grammar.STAMP_BYTES) + 2
        attempt = self._logins.read(line, start)
        if attempt is None:
            message = grammar.message_of(line)
            if not log.read_header(message) and is_strange(message):
                self._pass_over(line, start, places, log)
            return
        time = self._clock.read(line[:24], log.offset)
        if time is None:
            self._pass_over(line, start, places, log)
            return
        if time.epoch >= self._next_expiry:
            events += self._expire(time, log)
        outcome, number, user, address = attempt
        direction, connection = b"inbound", None
        if number is None:
            number = b""
        elif address is None:
            connection = self._join_inbound(number, outcome, user, time, log)
        else:
            direction = b"outbound"
            connection = self._join_outbound(number, address, time)
        offset, original, message_at, level, header = places.find(line, start)
        name = self._identities.identify(direction, number, original, time.epoch)
        if header is not None:
            time = _at_offset(time, header)
        events.append(
            # Field by field as Event has them.
            new_event(
                (
                    log.origin,
                    outcome,
                    name,
                    time,
                    user,
                    connection,
                    offset,
                    level,
                    original,
                    message_at,
                    header,
                    None,
                ),
            ),
        )
        if len(self._inbound) > MAX_OPEN:
            events += self._forget_oldest(self._inbound, log)

    def _pass_over(self, line: bytes, start: int, places: Places, log: Log) -> None:
        """Count a line that is not understood; somebody will want to see the first."""
        self.unread += 1
        if self.first_unread is None:
            self.first_unread = log.origin.path, places.find(line, start)[0]

    def _join_inbound(
        self,
        number: bytes,
        outcome: Outcome,
        user: str | None,
        time: Instant,
        log: Log,
    ) -> Connection:
        """Give what is known of a login's connection, and count the login."""
        connection = self._inbound.get(number)
        if connection is None:
            connection = Open(None, log.offset)
        known = connection.known or self._describer.describe_inbound(number, connection)
        # A session is let go by expiry alone.
        if connection.tally is None and _is_old(known, connection.last, time):
            connection = Open(None, log.offset)
            known = self._describer.describe_inbound(number, connection)
        if outcome.action is Action.INBOUND:
            self._inbound[number] = connection
            connection.attempts += 1
            connection.last = time.epoch
            if outcome.result != SUCCESS:
                connection.failures += 1
            elif self._sessions:
                connection.tally = self._messages.follow(number, connection.tally)
                connection.tally.succeed(user, time)
        return known

    def _join_outbound(self, number: bytes, address: str, time: Instant) -> Connection:
        connection = self._outbound.get(number)
        known = self._describer.describe_outbound(number, connection, address)
        if _is_old(known, 0, time):
            return self._describer.describe_outbound(number, None, address)
        return known

    def _end(  # noqa: PLR0913, PLR0917 - what an event is made of
        self,
        number: bytes,
        connection: Open,
        reason: CloseReason,
        log: Log,
        line: bytes | None = None,
        place: Place | None = None,
    ) -> Event:
        """Make the event of a session's end: at a line, or at its last login if no line says it."""
        tally = connection.tally
        assert tally is not None  # noqa: S101 - only sessions end
        self._messages.leave(number)
        time = None if line is None else self._clock.read(line[:24], log.offset)
        time = time or tally.last
        offset, original, message, level, header = place or _NOWHERE
        # No line says that a session expired: the word and its last login stand for it.
        name = original or b"expired %b" % tally.last.compact
        return Event(
            log.origin,
            _CLOSED,
            self._identities.identify(b"inbound", number, name, time.epoch),
            time if header is None else _at_offset(time, header),
            tally.user,
            connection.known or self._describer.describe_inbound(number, connection),
            offset,
            level,
            original,
            message,
            header,
            tally.close(reason, connection.failures),
        )

    def _expire(self, now: Instant, log: Log) -> list[Event]:
        """End the sessions that have been silent for too long."""
        self._next_expiry = now.epoch + EXPIRY_SECONDS
        events = []
        for number in self._messages.silent_since(now.epoch - _MAX_AGE_SECONDS):
            connection = self._inbound.pop(number)
            events.append(self._end(number, connection, CloseReason.EXPIRED, log))
        return events

    def _forget_oldest(self, connections: dict[bytes, Open], log: Log) -> list[Event]:
        """Make room: let the oldest eighth go."""
        events = []
        for number in list(islice(connections, MAX_OPEN // 8)):
            connection = connections.pop(number)
            if connection.tally is not None:
                events.append(self._end(number, connection, CloseReason.EXPIRED, log))
        return events


_CLOSED = Outcome(Action.SESSION_CLOSED, SUCCESS, None, None, None, None)
_NOWHERE = (None, None, 0, None, None)


def _is_old(known: Connection, last: int, now: Instant) -> bool:
    """Whether a connection is so old that its number must mean another one by now."""
    if known.start is None:
        # There is no address to be wrong about.
        return False
    return now.epoch - max(known.start.epoch, last) > _MAX_AGE_SECONDS


def _at_offset(time: Instant, header: SyslogHeader) -> Instant:
    """Give a time with the offset that its own syslog stamp had."""
    return time if header.offset is None else time._replace(offset=header.offset)
