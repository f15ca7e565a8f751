"""What has to outlive the process, of one stream: pairs of a key and a value for a store.

A store that takes these pairs together with the documents and the position in the log goes on
after a crash as if nothing had happened: every connection has its address, every session its
counts. (Ids depend on the file alone: what they need is saved with its position.)

Rules:

* Only what has changed since the last time is given; a value of None takes the pair away.
* What can be found out again (what the lines of a connection say) is not kept.
* Values are JSON, with bytes as the characters of Latin-1, which has one for each.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import orjson

from forwarder.events import Instant
from forwarder.mail_logs.connections import MAX_LINE, Attempts, Lines
from forwarder.mail_logs.join import Joiner
from forwarder.mail_logs.sessions import Message, Tally

Pair = tuple[str, bytes | None]

_INBOUND, _OUTBOUND, _ATTEMPTS = "inbound", "outbound", "attempts"
_EXPIRY = "expiry"


class State:
    """Keeps a store up to date about one stream."""

    __slots__ = ("_attempts", "_expiry", "_joiner", "_lines", "_prefix")

    def __init__(self, joiner: Joiner, prefix: str) -> None:
        """Start with an empty store.

        Args:
            joiner: Of the stream.
            prefix: Of all keys; ends with a slash.
        """
        self._joiner = joiner
        self._prefix = prefix
        self._lines = {_INBOUND: _Stored(), _OUTBOUND: _Stored()}
        self._attempts: dict[bytes, tuple[Attempts, bytes]] = {}
        self._expiry = 0

    def restore(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Put what a store has into the stream's joiner, which is new.

        Args:
            pairs: Whose keys begin with the prefix, in any order; keys without it.
        """
        kinds: dict[str, list[tuple[str, Any]]] = {}
        for key, value in pairs:
            kind, _, name = key.partition("/")
            kinds.setdefault(kind, []).append((name, orjson.loads(value)))
        open_ = self._joiner.connections
        for kind, lines in ((_INBOUND, open_.inbound), (_OUTBOUND, open_.outbound)):
            self._lines[kind].restore(kinds.get(kind, ()), lines)
        for name, value in kinds.get(_ATTEMPTS, ()):
            # A damaged store may have lost the connection; then there is nothing to go on with.
            if name.encode() in open_.inbound:
                self._restore_attempts(name.encode(), value)
        for _, value in kinds.get(_EXPIRY, ()):
            self._expiry = self._joiner.next_expiry = value

    def changes(self) -> Iterator[Pair]:
        """Give what has changed since the last time."""
        open_ = self._joiner.connections
        yield from self._lines[_INBOUND].changes(f"{self._prefix}{_INBOUND}/", open_.inbound)
        yield from self._lines[_OUTBOUND].changes(f"{self._prefix}{_OUTBOUND}/", open_.outbound)
        yield from self._changed_attempts(f"{self._prefix}{_ATTEMPTS}/")
        if self._expiry != self._joiner.next_expiry:
            self._expiry = self._joiner.next_expiry
            yield f"{self._prefix}{_EXPIRY}", orjson.dumps(self._expiry)

    def stored(self) -> Iterator[str]:
        """Give the keys of all that the store has."""
        for kind, lines in self._lines.items():
            yield from (f"{self._prefix}{kind}/{x}" for x in lines.stored())
        yield from (f"{self._prefix}{_ATTEMPTS}/{x.decode()}" for x in self._attempts)
        if self._expiry:
            yield f"{self._prefix}{_EXPIRY}"

    def _changed_attempts(self, prefix: str) -> Iterator[Pair]:
        stored, now = self._attempts, self._joiner.connections.attempts
        for number in stored.keys() - now.keys():
            del stored[number]
            yield prefix + number.decode(), None
        for number, done in now.items():
            old = stored.get(number)
            # A tally changes in place.
            if old is not None and old[0] is done and done[3] is None:
                continue
            value = self._dump_attempts(done)
            stored[number] = done, value
            if old is None or old[1] != value:
                yield prefix + number.decode(), value

    def _dump_attempts(self, done: Attempts) -> bytes:
        _, last, failures, tally = done
        if tally is None:
            return orjson.dumps([last, failures, None])
        followed = self._joiner.connections.messages.followed
        epoch, utc, compact, offset = tally.last
        return orjson.dumps(
            [
                last,
                failures,
                [
                    tally.id,
                    *(tally.successes, tally.user, tally.users, tally.messages),
                    *(tally.recipients, tally.size, tally.sized),
                    [epoch, utc.decode(), compact.decode(), offset],
                    [
                        [mid.decode(), followed[mid].recipients, followed[mid].size]
                        for mid in sorted(tally.mids)
                    ],
                ],
            ]
        )

    def _restore_attempts(self, number: bytes, value: Any) -> None:  # noqa: ANN401 - JSON
        last, failures, counts = value
        tally = None
        if counts is not None:
            messages = self._joiner.connections.messages
            tally = messages.tallies[number] = Tally()
            tally.id, *numbers, instant, mids = counts
            tally.successes, tally.user, tally.users, tally.messages = numbers[:4]
            tally.recipients, tally.size, tally.sized = numbers[4:]
            epoch, utc, compact, offset = instant
            tally.last = Instant(epoch, utc.encode(), compact.encode(), offset)
            for mid, recipients, size in mids:
                message = messages.followed[mid.encode()] = Message(tally)
                message.recipients, message.size = recipients, size
                tally.mids.add(mid.encode())
        # What its lines say is found out again when it is asked for.
        done: Attempts = (None, last, failures, tally)
        self._joiner.connections.attempts[number] = done
        self._attempts[number] = done, orjson.dumps(value)


class _Stored:
    """What a store has of the connections in one direction."""

    __slots__ = ("_next", "_stored")

    def __init__(self) -> None:
        # With a connection, what tells whether it has changed: its lines are added in place.
        self._stored: dict[bytes, tuple[Lines, int, bytes | None, int]] = {}
        self._next = 0

    def changes(self, prefix: str, now: dict[bytes, Lines]) -> Iterator[Pair]:
        stored = self._stored
        for number in stored.keys() - now.keys():
            del stored[number]
            yield prefix + number.decode(), None
        for number, lines in now.items():
            others = lines[2]
            last = others[-1] if others else None
            old = stored.get(number)
            if old is not None and old[0] is lines and old[1] == len(others) and old[2] is last:
                continue
            if old is not None and old[0] is lines:
                order = old[3]
            else:
                # The oldest are forgotten first, so it matters in which order they began.
                order = self._next = self._next + 1
            stored[number] = lines, len(others), last, order
            yield prefix + number.decode(), _dump_lines(order, lines)

    def stored(self) -> Iterator[str]:
        return (x.decode() for x in self._stored)

    def restore(self, pairs: Iterable[tuple[str, Any]], now: dict[bytes, Lines]) -> None:
        for name, (order, opened, seconds, others) in sorted(pairs, key=lambda x: x[1][0]):
            lines: Lines = (
                None if opened is None else opened.encode("latin-1"),
                None if seconds is None else timedelta(seconds=seconds),
                [x.encode("latin-1") for x in others],
            )
            now[name.encode()] = lines
            last = lines[2][-1] if others else None
            self._stored[name.encode()] = lines, len(others), last, order
            self._next = order


def _dump_lines(order: int, lines: Lines) -> bytes:
    opened, offset, others = lines
    return orjson.dumps(
        [
            order,
            None if opened is None else opened[:MAX_LINE].decode("latin-1"),
            None if offset is None else offset // timedelta(seconds=1),
            [x.decode("latin-1") for x in others if len(x) <= MAX_LINE],
        ]
    )
