"""The join: a login line and what is known of its connection make an event.

The rules are those of ``correlator``, which finds the lines.
"""

from datetime import timedelta

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
from forwarder.mail_logs.clock import Clock
from forwarder.mail_logs.connections import (
    MAX_OPEN,
    Attempts,
    Connections,
    Lines,
    forget_oldest,
)
from forwarder.mail_logs.describing import Describer
from forwarder.mail_logs.grammar import MAX_DIGITS, message_of
from forwarder.mail_logs.identity import Identities
from forwarder.mail_logs.log import Log
from forwarder.mail_logs.logins import MECHANISM, SUCCESS, Logins, is_strange
from forwarder.mail_logs.places import Nowhere, Places

MAX_AGE = timedelta(hours=24)
"""An appliance ends a connection after minutes; what is a day old was never seen to close.
fail2ban's join holds 5 minutes."""

MAX_DISORDER_SECONDS = 5
"""By which syslog may deliver a line before ``New``; seen are 1 or 2."""

MAX_BACK_SECONDS = 3_600 + MAX_DISORDER_SECONDS
"""By which a login may seem to come before its connection: clocks are set back by an hour, and
without the offset of a file header the hour that comes twice is taken for the first one."""

EXPIRY_SECONDS = 60
"""How often, in the log's own time, all sessions are looked at for their age."""

_MAX_AGE_SECONDS = MAX_AGE // timedelta(seconds=1)
_NOTHING: Attempts = (None, 0, 0, None)
_NOWHERE: Nowhere = (None, None, 0, None, None)
# To find a member in its class takes as long as a call.
_INBOUND = Action.INBOUND
_CLOSED = Outcome(Action.SESSION_CLOSED, SUCCESS, None, None, None, None)


class Joiner:
    """Makes the events of one appliance.

    Attributes:
        connections: What is open.
        nameless: Logins whose line names no connection.
        unjoined: Logins whose line names one of which the address is not known.
        unread: Lines that begin like a login and have no known form, or no possible date.
        first_unread: Path and offset in bytes of the first of them.
    """

    def __init__(self, appliance: str, clock: Clock, *, sessions: bool) -> None:
        """Start with nothing open; see :class:`forwarder.mail_logs.correlator.Correlator`."""
        self.connections = Connections()
        self._clock = clock
        self._sessions = sessions
        self.identities = Identities(appliance)
        self._logins = Logins()
        self._endings = self._logins.endings
        self._describer = Describer(clock)
        self.next_expiry = 0
        self.nameless = 0
        self.unjoined = 0
        self.unread = 0
        self.first_unread: tuple[str | None, int] | None = None

    # In one piece: this is the hot path of a storm, and a call costs as much as ten steps.
    def login(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - the state of the loop that calls it
        self,
        line: bytes,
        number: bytes | None,
        verb: bytes,
        rest: bytes,
        places: Places,
        log: Log,
        events: list[Event],
    ) -> None:
        """Add the event of a login line; a file header is none.

        Args:
            line: Whole.
            number: Of its connection; empty where ``verb`` is.
            verb: The word before the user of a client's login; empty for any other line.
            rest: What follows from the user on; empty where ``verb`` is.
            places: Finds the line in its block.
            log: The file it comes from.
            events: Those before it.
        """
        outcome = address = None
        name, is_whole, ending = rest.rpartition(MECHANISM)
        if is_whole and len(number or b"") <= MAX_DIGITS:
            outcome = self._endings[verb, ending]
        if outcome is not None:
            user = name.decode("utf-8", "replace") or None
        else:
            message = message_of(line)
            attempt = self._logins.read(message)
            if attempt is None:
                if not log.read_header(message) and is_strange(message):
                    self._pass_over(line, places, log)
                return
            outcome, number, user, address = attempt
        clock = self._clock
        if log.offset is not clock.offset:
            clock.turn(log.offset)
        time = clock.instants[line[:24]]
        if time is None:
            self._pass_over(line, places, log)
            return
        epoch = time.epoch
        if epoch >= self.next_expiry:
            self._expire(time, log, events)
        direction, known = b"inbound", None
        if number is None:
            number = b""
            self.nameless += 1
        elif address is not None:
            direction = b"outbound"
            known = self._join_outbound(number, address, time)
        else:
            open_ = self.connections
            known, last, failures, tally = open_.attempts.get(number, _NOTHING)
            if known is None:
                connection = open_.inbound.get(number)
                known = (
                    _unknown(number)
                    if connection is None
                    else self._describer.describe_inbound(number, connection)
                )
            start = known.start
            # A session is let go by expiry alone.
            is_old = start is not None and epoch - start.epoch > _MAX_AGE_SECONDS < epoch - last
            if is_old and tally is None:
                known, failures = _unknown(number), 0
            if start is not None and start.epoch - epoch > MAX_BACK_SECONDS:
                # The number meant another connection then, and nothing is known of it.
                known = _unknown(number)
            elif outcome.action is _INBOUND:
                if outcome.result != SUCCESS:
                    failures += 1
                elif self._sessions:
                    tally = open_.messages.follow(number, tally)
                    tally.succeed(user, time)
                if known.start is None and (is_old or number not in open_.inbound):
                    open_.inbound[number] = None, log.offset, []
                open_.attempts[number] = known, epoch, failures, tally
        if known is not None and not known.correlated:
            self.unjoined += 1
        offset, original, at, level, header = places.find(line)
        key = self.identities.identify(direction, number, original, epoch, log.file)
        if header is not None:
            time = _at_offset(time, header)
        events.append(
            # Field by field as Event has them.
            new_event(
                (
                    log.origin,
                    outcome,
                    key,
                    time,
                    user,
                    known,
                    offset,
                    level,
                    original,
                    at,
                    header,
                    None,
                )
            )
        )
        if len(self.connections.inbound) > MAX_OPEN:
            self.forget_oldest(log, events)

    def _pass_over(self, line: bytes, places: Places, log: Log) -> None:
        """Count a line that is not understood; somebody will want to see the first."""
        self.unread += 1
        if self.first_unread is None:
            self.first_unread = log.origin.path, places.find(line)[0]

    def _join_outbound(self, number: bytes, address: bytes, time: Instant) -> Connection:
        connection = self.connections.outbound.get(number)
        known = self._describer.describe_outbound(number, connection, address)
        if known.start is None:
            return known
        if not -MAX_BACK_SECONDS <= time.epoch - known.start.epoch <= _MAX_AGE_SECONDS:
            return self._describer.describe_outbound(number, None, address)
        return known

    def inherit(self, old: Lines, number: bytes | None, line: bytes, log: Log) -> list[bytes]:
        """Give the lines that came just before a ``New`` line, and belong to it.

        Args:
            old: What had its number until now.
            number: Of the connection, if it is a client's.
            line: The ``New`` line.
            log: The file it comes from.
        """
        opened, offset, others = old
        if opened is not None or number in self.connections.attempts:
            return []
        now = self._clock.read(line[:24], log.offset)
        times = [self._clock.read(x[:24], offset) for x in others]
        near = now is not None and all(
            x is not None and abs(now.epoch - x.epoch) <= MAX_DISORDER_SECONDS for x in times
        )
        return others if near else []

    def shorten(self, number: bytes, lines: list[bytes]) -> None:
        """Leave out the lines of a connection that later ones replace."""
        self._describer.shorten(number, lines)

    def end(  # noqa: PLR0913, PLR0917 - what an event is made of
        self,
        number: bytes,
        connection: Lines,
        attempts: Attempts,
        reason: CloseReason,
        log: Log,
        events: list[Event],
        line: bytes | None = None,
        places: Places | None = None,
    ) -> None:
        """End a connection that is no longer open; if it was a session, add the event.

        That is at a line, or at the session's last login if no line says it.
        """
        known, _, failures, tally = attempts
        if tally is None:
            return
        self.connections.messages.leave(number)
        if reason is CloseReason.SUPERSEDED and line == connection[0]:
            # The same beginning, read again in another file: whatever follows it comes again, too.
            return
        time = tally.last
        offset, original, message, level, header = _NOWHERE
        if line is not None and places is not None:
            time = self._clock.read(line[:24], log.offset) or time
            offset, original, message, level, header = places.find(line)
        if original is None:
            # No line says that a session expired: the word and its last login stand for it.
            name = self.identities.name(b"inbound", number, b"expired %b" % tally.last.compact)
        else:
            name = self.identities.identify(b"inbound", number, original, time.epoch, log.file)
        events.append(
            new_event(
                (
                    log.origin,
                    _CLOSED,
                    name,
                    time if header is None else _at_offset(time, header),
                    tally.user,
                    known or self._describer.describe_inbound(number, connection),
                    offset,
                    level,
                    original,
                    message,
                    header,
                    tally.close(reason, failures),
                )
            )
        )

    def _expire(self, now: Instant, log: Log, events: list[Event]) -> None:
        """End the sessions that have been silent for too long."""
        self.next_expiry = now.epoch + EXPIRY_SECONDS
        open_ = self.connections
        for number in open_.messages.silent_since(now.epoch - _MAX_AGE_SECONDS):
            connection, attempts = open_.inbound.pop(number), open_.attempts.pop(number)
            self.end(number, connection, attempts, CloseReason.EXPIRED, log, events)

    def forget_oldest(self, log: Log, events: list[Event]) -> None:
        """Make room for clients' connections, and end the sessions among those that go."""
        for number, connection in forget_oldest(self.connections.inbound):
            attempts = self.connections.attempts.pop(number, None)
            if attempts is not None:
                self.end(number, connection, attempts, CloseReason.EXPIRED, log, events)


def _unknown(number: bytes) -> Connection:
    """Give a connection of which there is nothing but its number."""
    return Connection(number, None, None, False, None, None)  # noqa: FBT003


def _at_offset(time: Instant, header: SyslogHeader) -> Instant:
    """Give a time with the offset that its own syslog stamp had."""
    return time if header.offset is None else time._replace(offset=header.offset)
