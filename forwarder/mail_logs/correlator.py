"""Joins the lines of one stream into events.

Theory of operation. A login line has a user but no address, and the line that opened its connection
an address but no user; the connection's number joins them. So the correlator keeps, for each open
connection of one stream, the lines that describe it, unparsed until a login comes. After a
successful login it also counts what the session sends.

Rules:

* ``New`` starts a connection, whatever was known about its number: numbers are reused. A session on
  the old connection ends as superseded, unless the line is the very one that began it, read again
  in an overlapping file.
* ``close``, ``lost`` and lines of the same meaning end it. A login after that joins nothing: an
  address is never guessed.
* A login without a ``New`` line, or earlier than it by more than clocks are set back, still becomes
  an event, marked as not correlated.
* A policy or TLS line may come a second or two before ``New`` over syslog, and then counts. For
  other lines that messages deliver late, see ``disorder``.
* At most :data:`MAX_OPEN` connections are kept per direction; beyond, the oldest eighth is
  forgotten. So is a connection without a login for :data:`MAX_AGE` of the log's own time. A
  forgotten session ends as expired.
* Nothing depends on where blocks are cut or on the wall clock.

``read`` handles frequent lines itself; ``_HANDLERS`` has the method for the others, by the head
that the scanner found.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

from forwarder.events import Action, CloseReason, Connection, Instant, Outcome, Unparsed, new_event
from forwarder.mail_logs import grammar, scanner
from forwarder.mail_logs.connections import (
    MAX_LINE,
    MAX_LINES,
    MAX_OPEN,
    NO_LOGIN,
    Connections,
    LoginState,
    RawConnection,
    SessionStats,
    Tools,
    at_offset,
    forget_oldest,
)
from forwarder.mail_logs.event_ids import MAX_OFFSET, UNKNOWN, FileHeader
from forwarder.mail_logs.grammar import MAX_DIGITS, message_of
from forwarder.mail_logs.messages import MECHANISM, SUCCESS, Login, is_unparsed_login
from forwarder.mail_logs.scanner import BlockReader, Match
from forwarder.mail_logs.syslog import LOCAL_MARK
from forwarder.mail_logs.timestamps import UTC_MARK

MAX_AGE = timedelta(hours=24)
"""An appliance ends a connection after minutes; the end of one a day old was missed. A join of this
kind in fail2ban holds 5 minutes."""

MAX_DISORDER_SECONDS = 5
"""By which a line may precede ``New`` over syslog; 1 or 2 were seen."""

MAX_BACK_SECONDS = 3_600 + MAX_DISORDER_SECONDS
"""By which a login may seem to precede its connection: clocks are set back by an hour, and without
a file header the hour that occurs twice is taken for the first one."""

EXPIRY_SECONDS = 60
"""How often the age of all sessions is checked, in the log's own time."""

_MAX_AGE_SECONDS = MAX_AGE // timedelta(seconds=1)
_MIN_AGE_SECONDS = -MAX_BACK_SECONDS
_MAX_BACK_IN_ZONE = MAX_BACK_SECONDS + MAX_OFFSET // timedelta(seconds=1)
# Looking up an enum member takes as long as a call.
_INBOUND = Action.INBOUND
_REWRITTEN = (LOCAL_MARK, UTC_MARK)
_REASONS = {x.value.encode(): x for x in CloseReason}


Joining = tuple[Outcome, bytes, str | None, Instant, int, str]
"""A client's login: outcome, connection number, user, time, the same in seconds since 1970, and id
of the event."""


class Correlator:
    """Joins the lines of one stream."""

    def __init__(self, tools: Tools) -> None:
        self.connections = Connections(tools)
        self.next_expiry = 0  # when the age of sessions is checked, in seconds since 1970
        self._clock, self._counters, self._parser, self._sessions = tools

    def __init_subclass__(cls) -> None:
        # The table has functions, so those of a subclass have to be put into it.
        cls._HANDLERS = {head: getattr(cls, x.__name__) for head, x in cls._HANDLERS.items()}

    # Frequent lines are handled in the loop: a call for each would double the time.
    def read(self, block: BlockReader) -> None:  # noqa: C901, PLR0912, PLR0915
        """Read the lines of a block that matter, and add events to it.

        If a file header has another serial number, the rest of the block is left, as it may belong
        to another stream.
        """
        header, open_ = block.header, self.connections
        inbound, outbound, logins = open_.inbound, open_.outbound, open_.logins
        messages, handlers = open_.messages, self._HANDLERS
        followed, sessions = messages.followed, messages.sessions
        for match in block.matches:
            line, head, number, verb, _ = match
            if head == b"ICID":
                if verb == b"close" or verb == b"lost":  # noqa: PLR1714 - twice as fast as a set
                    ended = inbound.pop(number, None)
                    login = logins.pop(number, None)
                    if ended is not None and login is not None and login[3] is not None:
                        self._end_session(block, match, ended, login, _REASONS[verb])
                elif number in inbound and verb:
                    others = inbound[number][2]
                    others.append(line)
                    if number in logins:
                        logins[number] = (None, *logins[number][1:])
                    if len(others) > MAX_LINES:
                        del others[: MAX_LINES // 2]
                elif verb:
                    self._describe_early(block, match)
                else:
                    self._end_inbound(block, match)
            elif head == b"MID":
                if number in followed:
                    messages.change(number, verb, line)
            elif head == b"New SMTP ICID" and number not in inbound:
                inbound[number] = line, header.offset, []
                if len(inbound) > MAX_OPEN:
                    open_.make_space(block)
            elif head == b"New SMTP DCID" and number not in outbound:
                outbound[number] = line, header.offset, []
                if len(outbound) > MAX_OPEN:
                    forget_oldest(outbound)
            elif head == b"DCID":
                if verb == b"close":
                    outbound.pop(number, None)
                elif verb == b"TLS" and number in outbound:
                    others = outbound[number][2]
                    others.append(line)
                    if len(others) > MAX_LINES:
                        del others[: MAX_LINES // 2]
                else:
                    self._change_outbound(block, match)
            elif head == b"Start MID":
                icid = line.partition(b"ICID ")[2]
                if icid in sessions or not icid.isdigit():
                    messages.start(number, line)
            elif (handler := handlers.get(head)) is not None:
                handler(self, block, match)
                if not head and header.is_moved:
                    return

    def _open_inbound(self, block: BlockReader, match: Match) -> None:
        """``New SMTP ICID``: a connection starts, whatever was known about its number."""
        line, _, number, _, _ = match
        inbound = self.connections.inbound
        old, others = inbound.pop(number, None), []
        if old is not None and number not in self.connections.logins:
            others = self._inherit(old, line, block.header)
        inbound[number] = line, block.header.offset, others
        if old is not None:
            login = self.connections.logins.pop(number, None)
            if login is not None:
                self._end_session(block, match, old, login, CloseReason.SUPERSEDED)
        self.connections.make_space(block)

    def _describe_early(self, block: BlockReader, match: Match) -> None:
        """``ICID 5 ACCEPT SG ...``, ``ICID 5 TLS ...``: policy or TLS before ``New``."""
        self.connections.inbound[match[2]] = None, block.header.offset, [match[0]]
        self.connections.make_space(block)

    def _end_inbound(self, block: BlockReader, match: Match) -> None:
        """``ICID 5 disconnected``, ``... lost after``, ``SMTP server connection killed ICID 5``."""
        line, head, number, _, _ = match
        open_ = self.connections
        if number in open_.inbound:
            reason = CloseReason.KILLED if head != b"ICID" else rare_end(line)
            if reason is not None:
                ended, login = open_.inbound.pop(number), open_.logins.pop(number, None)
                if login is not None:
                    self._end_session(block, match, ended, login, reason)

    def _abort_message(self, _block: BlockReader, match: Match) -> None:
        """``Message aborted MID 6``."""
        if match[2] in self.connections.messages.followed:
            self.connections.messages.change(match[2], b"", match[0])

    def _open_outbound(self, block: BlockReader, match: Match) -> None:
        """``New SMTP DCID``."""
        line, _, number, _, _ = match
        outbound = self.connections.outbound
        old = outbound.pop(number, None)
        inherited = [] if old is None else self._inherit(old, line, block.header)
        outbound[number] = line, block.header.offset, inherited
        self.connections.make_space(block)

    def _change_outbound(self, block: BlockReader, match: Match) -> None:
        """``DCID 5 TLS ...`` before ``New``, and every end except ``close``."""
        line, _, number, verb, _ = match
        if verb == b"TLS":
            self.connections.outbound[number] = None, block.header.offset, [line]
            self.connections.make_space(block)
        elif verb == b"lost" or rare_end(line) is not None:
            self._end_outbound(block, match)

    def _end_outbound(self, _block: BlockReader, match: Match) -> None:
        """Any line that ends a connection to a smart host."""
        self.connections.outbound.pop(match[2], None)

    # In a storm, each call more would show.
    def _login(self, block: BlockReader, match: Match) -> None:  # noqa: C901, PLR0912
        """Add the event of a login line."""
        line, _, number, verb, rest = match
        name, is_whole, ending = rest.rpartition(MECHANISM)
        # Nearly always: a client's login of the usual form.
        outcome = self._parser.endings[verb, ending] if is_whole else None
        named: bytes | None
        address: bytes | None
        if outcome is not None and len(number) <= MAX_DIGITS:
            named, user, address = number, name.decode("utf-8", "replace") or None, None
        elif (login := self._read_other_login(block, line)) is not None:
            outcome, named, user, address = login
            number = named or b""
        else:
            return
        header, clock = block.header, self._clock
        if header.offset is not clock.offset:
            clock.set_offset(header.offset)
        time = clock.instants[line[:24]]
        if time is None:
            self._count_unparsed(block, line)
            return
        epoch = time.epoch
        if epoch >= self.next_expiry:
            self._expire(time, block)
        offset, original, at, level, syslog = block.locate(line)
        key = header.ids.identify(
            header.hashes[b"inbound" if address is None else b"outbound"],
            number,
            original,
            epoch,
            header.find_first(clock) if header.first is UNKNOWN else header.first,
            # The year of a rewritten stamp, which may be inferred.
            line[20:24] if original is not line and line[:3] in _REWRITTEN else None,
        )
        connection = None
        if named is None:
            self._counters.logins_without_id += 1
        else:
            if address is None:
                joining = outcome, number, user, time, epoch, key
                connection = self._join_inbound(joining, line, header)
            else:
                connection = self._join_outbound(number, address, time, line, header)
            if not connection.correlated:
                self._counters.uncorrelated += 1
                if len(self.connections.inbound) > MAX_OPEN:
                    self.connections.make_space(block)
        if syslog is not None:
            time = at_offset(time, syslog)
        # fmt: off
        block.events.append(new_event((
            header.origin, outcome, key, time, user, connection,
            offset, level, original, at, syslog, None,
        )))
        # fmt: on

    def _read_other_login(self, block: BlockReader, line: bytes) -> Login | None:
        """Parse a login line of any form, or read a file header, which is not a login."""
        message = message_of(line)
        login = self._parser.read_login(message)
        if login is None and not block.header.read(message) and is_unparsed_login(message):
            self._count_unparsed(block, line)
        return login

    def _other_login(self, block: BlockReader, match: Match) -> None:
        """``SMTP Auth ...`` or ``DCID: 5 ...``, or a file header."""
        self._login(block, (match[0], b"", b"", b"", b""))

    def _join_inbound(self, login: Joining, line: bytes, header: FileHeader) -> Connection:
        """Find a client's connection, and note the login on it."""
        outcome, number, user, time, epoch, key = login
        open_ = self.connections
        known, last, failures, session = open_.logins.get(number, NO_LOGIN)
        if known is None:
            raw = open_.inbound.get(number)
            known = unknown(number) if raw is None else open_.describe_inbound(number, raw)
        start, is_old = known.start, False
        if start is not None:
            age = epoch - start.epoch
            if age > _MAX_AGE_SECONDS < epoch - last and session is None:  # a session expires
                known, start, failures, is_old = unknown(number), None, 0, True
            elif age < _MIN_AGE_SECONDS and not self._may_be_of_a_zone(
                -age, line, open_.inbound.get(number), header
            ):
                # The number belonged to another connection then, about which nothing is known.
                return unknown(number)
        if outcome.action is _INBOUND:
            if outcome.result != SUCCESS:
                failures += 1
            elif self._sessions:
                if session is None:
                    session = open_.messages.sessions[number] = SessionStats()
                session.succeed(user, time, key)
            if start is None and (is_old or number not in open_.inbound):
                open_.inbound[number] = None, header.offset, []
            open_.logins[number] = known, epoch, failures, session
        return known

    def _join_outbound(
        self, number: bytes, address: bytes, time: Instant, line: bytes, header: FileHeader
    ) -> Connection:
        raw = self.connections.outbound.get(number)
        known = self.connections.describe_outbound(number, raw, address)
        if known.start is not None:
            back = known.start.epoch - time.epoch
            early = back > MAX_BACK_SECONDS and not self._may_be_of_a_zone(back, line, raw, header)
            if early or back < -_MAX_AGE_SECONDS:
                known = self.connections.describe_outbound(number, None, address)
        return known

    def _may_be_of_a_zone(
        self, back: int, line: bytes, connection: RawConnection | None, header: FileHeader
    ) -> bool:
        """Whether a login only seems to come that many seconds before its connection.

        In a mixture of framings, one stamp may have its zone while that of the other is unknown and
        was taken as UTC.
        """
        opened = None if connection is None else connection[0]
        return (
            opened is not None
            and (opened[:3] == UTC_MARK) != (line[:3] == UTC_MARK)
            and self._clock.zone is None
            and header.offset is None
            and back <= _MAX_BACK_IN_ZONE
        )

    def _inherit(self, old: RawConnection, line: bytes, header: FileHeader) -> list[bytes]:
        """Return the lines before ``New`` that belong to its connection."""
        opened, offset, others = old
        if opened is not None:
            return []
        now = self._clock.read(line[:24], header.offset)
        times = [self._clock.read(x[:24], offset) for x in others]
        near = now is not None and all(
            x is not None and abs(now.epoch - x.epoch) <= MAX_DISORDER_SECONDS for x in times
        )
        return others if near else []

    def _count_unparsed(self, block: BlockReader, line: bytes) -> None:
        """Count a line that is not understood."""
        path, (offset, original, *_) = block.header.origin.place, block.locate(line)
        self._counters.note(Unparsed("unparsed_logins", path, offset, original))

    def _end_session(
        self,
        block: BlockReader,
        match: Match,
        connection: RawConnection,
        login: LoginState,
        reason: CloseReason,
    ) -> None:
        """Add the event of a session that ends at a line, if there is one."""
        line, _, number, _, _ = match
        session = login[3]
        if session is None:
            return
        begun = connection[0] or b""
        if reason is CloseReason.SUPERSEDED and line[:MAX_LINE] == begun[:MAX_LINE]:
            # The same beginning, read again in another file: everything behind it comes again.
            self.connections.messages.leave(number)
            return
        time = self._clock.read(line[:24], block.header.offset) or session.last
        location = block.locate(line)
        closing = reason, block.header.origin, at_offset(time, location[-1]), location
        block.events.append(self.connections.close(number, connection, login, closing))

    def _expire(self, now: Instant, block: BlockReader) -> None:
        """End sessions without a login for too long."""
        self.next_expiry = now.epoch + EXPIRY_SECONDS
        messages = self.connections.messages
        if messages.sessions:
            silent = messages.silent_since(now.epoch - _MAX_AGE_SECONDS)
            self.connections.forget(silent, block.header.origin, block.events)

    _HANDLERS: ClassVar[dict[bytes, Callable[["Correlator", BlockReader, Match], None]]] = {
        **dict.fromkeys(scanner.NEW_INBOUND, _open_inbound),
        **dict.fromkeys(scanner.INBOUND_LOGIN, _login),
        **dict.fromkeys(scanner.NEW_OUTBOUND, _open_outbound),
        **dict.fromkeys((b"", b"DCID:"), _other_login),
        **dict.fromkeys(scanner.KILLED_INBOUND, _end_inbound),
        **dict.fromkeys(scanner.KILLED_OUTBOUND, _end_outbound),
        b"Message aborted MID": _abort_message,
    }
    """The method for a line, by its head, unless :meth:`read` handles it."""


def rare_end(line: bytes) -> CloseReason | None:
    """Return why a connection ended, by a line in rare words; None if it did not."""
    found = grammar.read(grammar.CONNECTION_ENDED, line)
    return None if found is None else _REASONS[found["reason"] or b"lost"]


def unknown(number: bytes) -> Connection:
    """Return a connection about which only the number is known."""
    return Connection(number, None, None, False, None, None)  # noqa: FBT003
