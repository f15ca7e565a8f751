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
    Origin,
    Outcome,
    SyslogHeader,
    new_event,
)
from forwarder.mail_logs.connections import (
    MAX_LINE,
    MAX_OPEN,
    Attempts,
    Connections,
    Lines,
    forget_oldest,
)
from forwarder.mail_logs.describing import Describer
from forwarder.mail_logs.grammar import MAX_DIGITS, message_of
from forwarder.mail_logs.identity import derive
from forwarder.mail_logs.log import MAX_OFFSET, UNKNOWN, Log
from forwarder.mail_logs.logins import MECHANISM, SUCCESS, Logins, is_strange
from forwarder.mail_logs.places import Nowhere, Place, Places
from forwarder.mail_logs.syslog import LOCAL_MARK
from forwarder.mail_logs.timestamps import UTC_MARK, Clock

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
_REWRITTEN = (LOCAL_MARK, UTC_MARK)
_CLOSED = Outcome(Action.SESSION_CLOSED, SUCCESS, None, None, None, None)


class Means:
    """What the joiners of all streams share: what takes lines apart, and what is counted.

    Attributes:
        clock: Reads stamps.
        sessions: Whether the end of a session is an event.
        logins: Takes login messages apart.
        describer: Takes the lines of connections apart.
        nameless: Logins whose line names no connection.
        unjoined: Logins whose line names one of which the address is not known.
        unread: Lines that begin like a login and have no known form, or no possible date.
        first_unparsed: Path and offset in bytes of the first of them.
    """

    def __init__(self, clock: Clock, *, sessions: bool = True) -> None:
        """Start with nothing counted."""
        self.clock = clock
        self.sessions = sessions
        self.logins = Logins()
        self.describer = Describer(clock)
        self.nameless = 0
        self.unjoined = 0
        self.unread = 0
        self.first_unparsed: tuple[str | None, int] | None = None


class Joiner:
    """Makes the events of one stream.

    Attributes:
        connections: What is open.
    """

    def __init__(self, means: Means) -> None:
        """Start with nothing open; see :class:`forwarder.mail_logs.correlator.Correlator`."""
        self.connections = Connections()
        self._means = means
        self._clock = means.clock
        self._sessions = means.sessions
        self._logins = means.logins
        self._endings = means.logins.endings
        self._describer = means.describer
        self.next_expiry = 0

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
        known = None
        offset, original, at, level, header = places.find(line)
        key = log.source.identities.identify(
            log.begun[b"inbound" if address is None else b"outbound"],
            number or b"",
            original,
            epoch,
            log.find_first(clock) if log.first is UNKNOWN else log.first,
            None if original is line else _year_of(line),
        )
        if number is None:
            number = b""
            self._means.nameless += 1
        elif address is not None:
            known = self._join_outbound(number, address, time, line, log)
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
            if (
                start is not None
                and (back := start.epoch - epoch) > MAX_BACK_SECONDS
                and not self._may_be_of_a_zone(back, line, open_.inbound.get(number), log)
            ):
                # The number meant another connection then, and nothing is known of it.
                known = _unknown(number)
            elif outcome.action is _INBOUND:
                if outcome.result != SUCCESS:
                    failures += 1
                elif self._sessions:
                    tally = open_.messages.follow(number, tally)
                    tally.succeed(user, time, key)
                if known.start is None and (is_old or number not in open_.inbound):
                    open_.inbound[number] = None, log.offset, []
                open_.attempts[number] = known, epoch, failures, tally
        if known is not None and not known.correlated:
            self._means.unjoined += 1
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
            self.forget_oldest(log.origin, events)

    def _pass_over(self, line: bytes, places: Places, log: Log) -> None:
        """Count a line that is not understood; somebody will want to see the first."""
        means = self._means
        means.unread += 1
        if means.first_unparsed is None:
            means.first_unparsed = log.origin.path, places.find(line)[0]

    def _join_outbound(
        self, number: bytes, address: bytes, time: Instant, line: bytes, log: Log
    ) -> Connection:
        connection = self.connections.outbound.get(number)
        known = self._describer.describe_outbound(number, connection, address)
        if known.start is None:
            return known
        back = known.start.epoch - time.epoch
        if (
            back > MAX_BACK_SECONDS and not self._may_be_of_a_zone(back, line, connection, log)
        ) or back < -_MAX_AGE_SECONDS:
            return self._describer.describe_outbound(number, None, address)
        return known

    def _may_be_of_a_zone(self, back: int, line: bytes, connection: Lines | None, log: Log) -> bool:
        """Say whether a login only seems to come before its connection.

        Where lines are of several framings, one stamp may have its zone while that of the other
        is not known and was taken for UTC.

        Args:
            back: By how much, in seconds.
            line: The login.
            connection: The lines of the connection.
            log: The file that the login comes from.
        """
        opened = None if connection is None else connection[0]
        return (
            opened is not None
            and (opened[:3] == UTC_MARK) != (line[:3] == UTC_MARK)
            and self._clock.zone is None
            and log.offset is None
            and back <= MAX_BACK_SECONDS + MAX_OFFSET.total_seconds()
        )

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

    def end(  # noqa: PLR0913, PLR0917 - the state of the loop that calls it
        self,
        number: bytes,
        connection: Lines,
        attempts: Attempts,
        reason: CloseReason,
        log: Log,
        events: list[Event],
        line: bytes,
        places: Places,
    ) -> None:
        """End a connection at a line; if it was a session, add the event."""
        tally = attempts[3]
        if tally is None:
            return
        self.connections.messages.leave(number)
        begun = connection[0] or b""
        if reason is CloseReason.SUPERSEDED and line[:MAX_LINE] == begun[:MAX_LINE]:
            # The same beginning, read again in another file: whatever follows it comes again, too.
            return
        time = self._clock.read(line[:24], log.offset) or tally.last
        place = places.find(line)
        events.append(self._closed(number, connection, attempts, reason, log.origin, time, place))

    def expire(
        self,
        number: bytes,
        connection: Lines,
        attempts: Attempts,
        origin: Origin,
        events: list[Event],
    ) -> None:
        """End a connection that is forgotten; if it was a session, add the event, at its login."""
        tally = attempts[3]
        if tally is None:
            return
        self.connections.messages.leave(number)
        reason, time = CloseReason.EXPIRED, tally.last
        events.append(self._closed(number, connection, attempts, reason, origin, time, _NOWHERE))

    def _closed(  # noqa: PLR0913, PLR0917 - what an event is made of
        self,
        number: bytes,
        connection: Lines,
        attempts: Attempts,
        reason: CloseReason,
        origin: Origin,
        time: Instant,
        place: Place | Nowhere,
    ) -> Event:
        known, _, failures, tally = attempts
        assert tally is not None  # noqa: S101 - else there was no session
        offset, original, message, level, header = place
        return new_event(
            (
                origin,
                _CLOSED,
                # Of a login there is one session, and of that one end.
                derive(tally.id, reason.value.encode()),
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

    def _expire(self, now: Instant, log: Log, events: list[Event]) -> None:
        """End the sessions that have been silent for too long."""
        self.next_expiry = now.epoch + EXPIRY_SECONDS
        open_ = self.connections
        if not open_.messages.tallies:
            return
        for number in open_.messages.silent_since(now.epoch - _MAX_AGE_SECONDS):
            connection, attempts = open_.inbound.pop(number), open_.attempts.pop(number)
            self.expire(number, connection, attempts, log.origin, events)

    def forget_oldest(self, origin: Origin, events: list[Event]) -> None:
        """Make room for clients' connections, and end the sessions among those that go."""
        for number, connection in forget_oldest(self.connections.inbound):
            attempts = self.connections.attempts.pop(number, None)
            if attempts is not None:
                self.expire(number, connection, attempts, origin, events)

    def shrink(self, origin: Origin, events: list[Event]) -> None:
        """Forget the oldest eighth of what is open, and end the sessions in it."""
        open_ = self.connections
        forget_oldest(open_.outbound, len(open_.outbound) // 8 + 1)
        for number, connection in forget_oldest(open_.inbound, len(open_.inbound) // 8 + 1):
            attempts = open_.attempts.pop(number, None)
            if attempts is not None:
                self.expire(number, connection, attempts, origin, events)

    def forget_all(self, origin: Origin, events: list[Event]) -> None:
        """Let go of all that is open, and end the sessions."""
        open_ = self.connections
        for number, connection in open_.inbound.items():
            if number in open_.attempts:
                self.expire(number, connection, open_.attempts[number], origin, events)


def _unknown(number: bytes) -> Connection:
    """Give a connection of which there is nothing but its number."""
    return Connection(number, None, None, False, None, None)  # noqa: FBT003


def _year_of(line: bytes) -> bytes | None:
    """Give the year of a stamp that is not the line's own: it may be inferred."""
    return line[20:24] if line[:3] in _REWRITTEN else None


def _at_offset(time: Instant, header: SyslogHeader) -> Instant:
    """Give a time with the offset that its own syslog stamp had."""
    return time if header.offset is None else time._replace(offset=header.offset)
