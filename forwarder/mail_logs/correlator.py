"""Lines to events: what a connection was, when somebody logs in on it.

Theory of operation. A login line has a user and no address, the line that opened the connection
an address and no user; the connection's number joins them. So the correlator keeps, for each
open connection of one stream, the lines that describe it, as they are. Only a login makes it
look into them. After a login that succeeded it also counts what the session sends.

Rules:

* ``New`` starts a connection, whatever was known of its number: numbers come again. A session on
  the number's old connection ends as superseded; not so where it is the very line that began it,
  in a file that overlaps with the one before.
* ``close`` and ``lost``, and lines that say so in other words, end it. A login behind its end
  joins nothing: an address is never guessed.
* A login without a ``New`` line is an event all the same, marked as not correlated. So is one that
  is earlier than the ``New`` line by more than clocks are set back.
* Syslog may deliver a policy or TLS line a second or two before ``New``; it then counts for it.
* At most :data:`MAX_OPEN` connections are kept a direction; beyond, the oldest eighth is
  forgotten. A connection without a login for :data:`MAX_AGE` of the log's own time is forgotten
  too. A session that is forgotten ends as expired.
* Nothing depends on where blocks are cut, nor on the wall clock.
"""

from collections.abc import Iterator

from forwarder.events import CloseReason, Event
from forwarder.mail_logs import grammar, scanner
from forwarder.mail_logs.connections import MAX_LINES, MAX_OPEN, forget_oldest
from forwarder.mail_logs.join import Joiner, Means
from forwarder.mail_logs.log import Log
from forwarder.mail_logs.places import Places
from forwarder.mail_logs.scanner import Pick

_REASONS = {
    b"close": CloseReason.CLOSE,
    b"lost": CloseReason.LOST,
    b"disconnected": CloseReason.DISCONNECTED,
}
_RARE_ENDS = (grammar.CONNECTION_DISCONNECTED, grammar.CONNECTION_LOST)


class Correlator:
    """Joins the lines of one stream."""

    __slots__ = ("joiner",)

    def __init__(self, means: Means) -> None:
        """Start with nothing open."""
        self.joiner = Joiner(means)
        """Has what is open."""

    # One branch a kind of line, the frequent ones first: to call a method for each would cost
    # as much again as the rest of the loop.
    def read(  # noqa: C901, PLR0912, PLR0915
        self, picks: Iterator[Pick], places: Places, log: Log, events: list[Event]
    ) -> None:
        """Take the next lines.

        Args:
            picks: Those that matter, in the order of their log. Where a file header says another
                serial number, what is behind it is left: it may be of another stream.
            places: Finds them in their block.
            log: The file they come from; a file header changes it.
            events: Those before; the events at these lines are added, in order.
        """
        joiner, open_ = self.joiner, self.joiner.connections
        inbound, outbound, attempts = open_.inbound, open_.outbound, open_.attempts
        messages, offset = open_.messages, log.offset
        followed, tallies = messages.followed, messages.tallies
        for line, head, number, verb, rest in picks:
            if head == b"ICID":
                if verb == b"close" or verb == b"lost":  # noqa: PLR1714 - twice as fast as a set
                    ended = inbound.pop(number, None)
                    done = attempts.pop(number, None)
                    # Of most there is nothing to say: no session began on them.
                    if ended is not None and done is not None and done[3] is not None:
                        reason = _REASONS[verb]
                        joiner.end(number, ended, done, reason, log, events, line, places)
                elif verb:
                    if number not in inbound:
                        inbound[number] = None, offset, []
                        if len(inbound) > MAX_OPEN:
                            joiner.forget_oldest(log.origin, events)
                    others = inbound[number][2]
                    others.append(line)
                    if number in attempts:
                        attempts[number] = (None, *attempts[number][1:])
                    if len(others) > MAX_LINES:
                        joiner.shorten(number, others)
                elif number in inbound and (end := _rare_end(line)) is not None:
                    self._close(number, end, log, events, line, places)
            elif head == b"MID":
                if number in followed:
                    messages.change(number, verb, line)
            elif head == b"DCID":
                if verb == b"close":
                    outbound.pop(number, None)
                elif verb == b"TLS":
                    if number not in outbound:
                        outbound[number] = None, offset, []
                        if len(outbound) > MAX_OPEN:
                            forget_oldest(outbound)
                    others = outbound[number][2]
                    others.append(line)
                    if len(others) > MAX_LINES:
                        joiner.shorten(number, others)
                elif verb == b"lost" or _rare_end(line) is not None:
                    outbound.pop(number, None)
            elif head in scanner.NEW_INBOUND:
                old = inbound.pop(number, None)
                if old is None:
                    inbound[number] = line, offset, []
                else:
                    inbound[number] = line, offset, joiner.inherit(old, number, line, log)
                    done = attempts.pop(number, None)
                    if done is not None:
                        reason = CloseReason.SUPERSEDED
                        joiner.end(number, old, done, reason, log, events, line, places)
                if len(inbound) > MAX_OPEN:
                    joiner.forget_oldest(log.origin, events)
            elif verb and head in scanner.INBOUND_LOGIN:
                joiner.login(line, number, verb, rest, places, log, events)
            elif head == b"Start MID":
                if line.rstrip().rpartition(b" ")[2] in tallies:
                    messages.start(number, line)
            elif head in scanner.NEW_OUTBOUND:
                old = outbound.pop(number, None)
                inherited = [] if old is None else joiner.inherit(old, None, line, log)
                outbound[number] = line, offset, inherited
                if len(outbound) > MAX_OPEN:
                    forget_oldest(outbound)
            elif not head or head == b"DCID:" or head in scanner.INBOUND_LOGIN:
                joiner.login(line, b"", b"", b"", places, log, events)
                offset = log.offset
                if log.is_moved:
                    return
            elif head in scanner.KILLED_INBOUND:
                self._close(number, CloseReason.KILLED, log, events, line, places)
            elif head in scanner.KILLED_OUTBOUND:
                outbound.pop(number, None)
            elif number in followed:
                messages.change(number, verb, line)

    def _close(  # noqa: PLR0913, PLR0917 - what an event is made of
        self,
        number: bytes,
        reason: CloseReason,
        log: Log,
        events: list[Event],
        line: bytes,
        places: Places,
    ) -> None:
        """End a client's connection in one of the ways that are rare."""
        open_ = self.joiner.connections
        ended = open_.inbound.pop(number, None)
        done = open_.attempts.pop(number, None)
        if ended is not None and done is not None:
            self.joiner.end(number, ended, done, reason, log, events, line, places)


def _rare_end(line: bytes) -> CloseReason | None:
    """Say why a connection is over, in words that are rare; None if it is not."""
    for form in _RARE_ENDS:
        found = grammar.read(form, line)
        if found is not None:
            return _REASONS[found["reason"]]
    return None
