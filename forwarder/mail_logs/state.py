"""What has to outlive the process, of one appliance: pairs of a key and a value for a store.

A store that takes these pairs together with the documents and the position in the log goes on
after a crash as if nothing had happened: every connection has its address, every session its
counts, every line its id.

Rules:

* Only what has changed since the last time is given; a value of None takes the pair away.
* What can be found out again (what the lines of a connection say) is not kept.
* Values are JSON, with bytes as the characters of Latin-1, which has one for each.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import orjson

from forwarder.events import Instant
from forwarder.mail_logs.connections import Attempts, Lines
from forwarder.mail_logs.identity import Identities
from forwarder.mail_logs.joining import Joiner
from forwarder.mail_logs.sessions import Message, Tally

Pair = tuple[str, bytes | None]

_INBOUND, _OUTBOUND, _ATTEMPTS = "inbound", "outbound", "attempts"
_IDS, _REST = "ids", "rest"


class State:
    """Keeps a store up to date about one appliance."""

    __slots__ = ("_attempts", "_ids", "_joiner", "_lines", "_prefix", "_rest")

    def __init__(self, joiner: Joiner, prefix: str) -> None:
        """Start with an empty store.

        Args:
            joiner: Of the appliance.
            prefix: Of all keys; ends with a slash.
        """
        self._joiner = joiner
        self._prefix = prefix
        self._lines = {_INBOUND: _Stored(), _OUTBOUND: _Stored()}
        self._attempts: dict[bytes, tuple[Attempts, bytes]] = {}
        self._ids = _StoredIds()
        self._rest = b""

    def restore(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Put what a store has into the appliance's joiner, which is new.

        Args:
            pairs: Whose keys begin with the prefix, in any order.
        """
        kinds: dict[str, list[tuple[str, Any]]] = {}
        for key, value in pairs:
            kind, _, name = key.removeprefix(self._prefix).partition("/")
            kinds.setdefault(kind, []).append(
                (name, value if kind == _IDS else orjson.loads(value))
            )
        open_ = self._joiner.connections
        for kind, lines in ((_INBOUND, open_.inbound), (_OUTBOUND, open_.outbound)):
            self._lines[kind].restore(kinds.get(kind, ()), lines)
        for name, value in kinds.get(_ATTEMPTS, ()):
            self._restore_attempts(name.encode(), value)
        self._ids.restore(kinds.get(_IDS, ()), self._joiner.identities)
        for _, value in kinds.get(_REST, ()):
            self._rest = orjson.dumps(value)
            self._joiner.next_expiry, place = value
            self._joiner.identities.place = tuple(place)

    def changes(self) -> Iterator[Pair]:
        """Give what has changed since the last time."""
        open_ = self._joiner.connections
        pairs = (
            *self._lines[_INBOUND].changes(f"{self._prefix}{_INBOUND}/", open_.inbound),
            *self._lines[_OUTBOUND].changes(f"{self._prefix}{_OUTBOUND}/", open_.outbound),
            *self._changed_attempts(f"{self._prefix}{_ATTEMPTS}/"),
            *self._ids.changes(f"{self._prefix}{_IDS}/", self._joiner.identities),
        )
        yield from pairs
        rest = orjson.dumps([self._joiner.next_expiry, self._joiner.identities.place])
        if rest != self._rest and any(self._joiner.identities.place):
            self._rest = rest
            yield f"{self._prefix}{_REST}/", rest

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
            *numbers, instant, mids = counts
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
            None if opened is None else opened.decode("latin-1"),
            None if offset is None else offset // timedelta(seconds=1),
            [x.decode("latin-1") for x in others],
        ]
    )


class _StoredIds:
    """What a store has of the ids of the last seconds.

    The generation that grows is a row of chunks; one that is full is a single chunk, written anew.
    """

    __slots__ = ("_current", "_keys", "_number", "_size")

    def __init__(self) -> None:
        self._current: dict[str, int] | None = None
        self._size = 0
        self._number = 0
        self._keys: list[str] = []

    def changes(self, prefix: str, ids: Identities) -> Iterator[Pair]:
        if ids.current is not self._current:
            yield from ((prefix + key, None) for key in self._keys)
            self._keys = []
            if ids.previous:
                yield self._add(prefix, _dump_ids(ids.since, ids.previous, ids.previous, old=True))
            self._current, self._size = ids.current, 0
        if len(ids.current) > self._size or ids.repeated:
            new = list(islice(ids.current, self._size, None))
            known = {x: ids.current[x] for x in ids.repeated}
            yield self._add(prefix, _dump_ids(ids.since, new, known, old=False))
            self._size = len(ids.current)
            ids.repeated.clear()

    def _add(self, prefix: str, value: bytes) -> Pair:
        key = f"{self._number:08}"
        self._number += 1
        self._keys.append(key)
        return prefix + key, value

    def restore(self, pairs: Iterable[tuple[str, bytes]], ids: Identities) -> None:
        for key, value in sorted(pairs):
            head, _, raw = value.partition(b"\n")
            ids.since, old, counts = orjson.loads(head)
            names = raw.hex()
            generation = ids.previous if old else ids.current
            generation.update((names[i : i + 32], 1) for i in range(0, len(names), 32))
            generation.update(counts)
            self._keys.append(key)
            self._number = int(key) + 1
        self._current, self._size = ids.current, len(ids.current)


def _dump_ids(since: int, names: Iterable[str], counts: dict[str, int], *, old: bool) -> bytes:
    """Put ids into half the room that their digits take; counts that are not one behind."""
    more = {name: count for name, count in counts.items() if count != 1}
    return orjson.dumps([since, old, more]) + b"\n" + bytes.fromhex("".join(names))
