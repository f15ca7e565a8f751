"""Endless mail logs of one appliance, fast enough to measure a parser with.

`traffic` is an ordinary day: one line in a hundred is a login. `storm` is a day of password
guessing: every fourth line is one. Both know how many logins they wrote, so that a benchmark can
check that none was lost.

A connection is told in pieces, each put into the second that it belongs to; the pieces of a second
stand in the order in which they came, so connections are interleaved.
"""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Self

from tests.corpus.layout import Appliance, header, stamp
from tests.corpus.pieces import MARK, Pools, Told, delivery, guess, session
from tests.corpus.world import seeded

_APPLIANCE = Appliance(
    "esa1.example.com", "564D0123456789ABCDEF-0123456789AB", "14.2.0-620", timedelta(hours=1)
)
_BEGIN = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
# Chunks are about as large as the blocks that a reader asks for.
_CHUNK = 1 << 18
# The day and time of a line, a space, `Info: `: in place of a mark.
_PREFIX = 31
# Seconds from each piece of a connection to the next: to greet, to send, to scan. Each connection
# takes its own way through them.
_PAUSES = (0, 1, 0, 2, 1, 0, 3, 1, 1, 0, 2, 5, 0, 1)
_MOST_PIECES = 7
_WAYS = tuple(
    tuple(accumulate(_PAUSES[way : way + _MOST_PIECES], initial=0))
    for way in range(len(_PAUSES) - _MOST_PIECES + 1)
)
_LONGEST = max(way[-1] for way in _WAYS)


class Stream:
    """An iterator of chunks of whole lines, one file's worth in all.

    The counts are complete when the stream is exhausted.

    Attributes:
        size: Bytes.
        lines: Lines, with those of the header.
        logins: Lines that are logins, of either direction.
        sessions: Lines that end an inbound connection on which a login succeeded.
    """

    def __init__(
        self, size_bytes: int, chance: Random, tell: Callable[[Pools], Iterator[Told]], pace: int
    ) -> None:
        """Begin a stream.

        Args:
            size_bytes: About how much to write; the last connections are told to their end.
            chance: The source of everything random.
            tell: Tells the connections that belong together.
            pace: How many of these begin in a second.
        """
        self.size = 0
        self.lines = 0
        self.logins = 0
        self.sessions = 0
        self._chunks = self._write(size_bytes, chance, tell, pace)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def _write(
        self, size_bytes: int, chance: Random, tell: Callable[[Pools], Iterator[Told]], pace: int
    ) -> Iterator[bytes]:
        pools = Pools(chance)
        seconds: deque[list[str]] = deque([] for _ in range(_LONGEST + 1))
        now = _BEGIN
        chunk = [header(_APPLIANCE, now)]
        self.lines = chunk[0].count(b"\n")
        self.size = promised = chunked = len(chunk[0])
        while promised < size_bytes or any(seconds):
            for _ in range(chance.randrange(pace // 2, pace * 3 // 2)):
                if promised >= size_bytes:
                    break
                for told in tell(pools):
                    self.logins += told.logins
                    self.sessions += told.sessions
                    for piece, second in zip(told.pieces, chance.choice(_WAYS), strict=False):
                        seconds[second].append(piece)
                        promised += len(piece) + piece.count(MARK) * (_PREFIX - 1)
            prefix = f"{stamp(now + _APPLIANCE.utc_offset)} Info: "
            text = "".join(seconds.popleft()).replace(MARK, prefix).encode()
            seconds.append([])
            now += timedelta(seconds=1)
            self.lines += text.count(b"\n")
            self.size += len(text)
            chunk.append(text)
            chunked += len(text)
            if chunked >= _CHUNK:
                yield b"".join(chunk)
                chunk.clear()
                chunked = 0
        if chunked:
            yield b"".join(chunk)


def traffic(seed: int, size_bytes: int) -> Stream:
    """Return an ordinary day: mail in and out, one line in a hundred a login.

    Args:
        seed: The same seed gives the same bytes.
        size_bytes: About how much.
    """
    return Stream(size_bytes, seeded(seed, "traffic"), _mail, pace=12)


def storm(seed: int, size_bytes: int) -> Stream:
    """Return a day of password guessing: every fourth line a login, mostly failing.

    Args:
        seed: The same seed gives the same bytes.
        size_bytes: About how much.
    """
    return Stream(size_bytes, seeded(seed, "storm"), _guesses, pace=150)


def _mail(pools: Pools) -> Iterator[Told]:
    before = pools.mid
    yield session(pools)
    if pools.mid != before:
        yield delivery(pools)


def _guesses(pools: Pools) -> Iterator[Told]:
    yield guess(pools)
