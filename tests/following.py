"""A reader of followed files, as the service is one: it commits whole lines with the position."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.discovery import FileSource
from forwarder.inputs.files.tailer import FileTailer


class Clock:
    """Time that passes when it is told to."""

    def __init__(self, *, fresh: bool) -> None:
        self.now = 1000.0
        self._fresh = fresh

    def monotonic(self) -> float:
        """Return seconds."""
        return self.now

    def wall(self) -> float:
        """Return seconds from 1970, by the clock that files are written by, or a day later."""
        return time.time() + (0 if self._fresh else 86400)


class Reader:
    """Follows files, and keeps what a service would keep.

    Lines are what became documents, for good; taken, what was handed over since the start, in that
    order; ``crash`` forgets everything else but the state that
    was committed with them.
    """

    def __init__(self, *inputs: FileSource, fresh: bool = True, **options: int) -> None:
        self.inputs = inputs
        self.options = options
        self.clock = Clock(fresh=fresh)
        self.state: dict[str, bytes] = {}
        self.lines: list[bytes] = []
        self.taken: list[bytes] = []
        self.pieces: list[Chunk] = []
        self.problems: list[str] = []
        self.start()

    @property
    def count(self) -> Counter[bytes]:
        """How often each line came."""
        return Counter(self.lines)

    @property
    def lost(self) -> int:
        """How many bytes are said to be lost."""
        return sum(status.lost for status in self.following.status())

    def is_drained(self) -> bool:
        """Say whether all was read."""
        return self.following.drained

    def start(self, **options: int) -> None:
        """Start with the state that was committed."""
        self._held: dict[str, tuple[int, bytes]] = {}
        self._ready: dict[str, tuple[int, list[bytes]]] = {}
        self.taken = []
        self._late: dict[str, bytes] = {}
        options = self.options | options
        self.following = FileTailer(
            self.inputs,
            list(self.state.items()),
            lambda key: self.state.get(key, b""),
            monotonic=self.clock.monotonic,
            wall=self.clock.wall,
            once=bool(options.pop("once", False)),
            **options,
        )

    def read(self) -> list[Chunk]:
        """Read once; what is new is looked for twice."""
        pieces = self.following.read(0)
        while not pieces and self.following._files.queue and self.following._idle:  # noqa: SLF001 - held
            self.clock.now += 0.001
            pieces = self.following.read(0)
        self.pieces += pieces
        for piece in pieces:
            self._take(piece)
        self.problems += [*self.following.take_problems(), *self.following.take_losses()]
        return pieces

    def settle(self, seconds: float = 5.0, times: int = 1) -> None:
        """Let time pass, and read all that is there."""
        for _ in range(times):
            self.clock.now += seconds
            # Where the machine was busy, a look took long, and the next would be due in minutes.
            self.following._files.scan_is_due = True  # noqa: SLF001 - their time is not the clock's
            while self.read() or self.following._files.pending:  # noqa: SLF001 - comparing gives no pieces
                pass

    def commit(self) -> None:
        """Make lines last, with the positions behind them."""
        consumed = {}
        for key, (offset, lines) in self._ready.items():
            self.lines += lines
            consumed[key] = (offset, b"resume at %d" % offset)
        self._ready = {}
        for key, value in self.following.save(consumed):
            if value is None:
                del self.state[key]
            else:
                self.state[key] = value

    def crash(self, **options: int) -> None:
        """End without a commit, and start again."""
        self.following.close()
        self.start(**options)

    def finish(self) -> None:
        """Read all there is, to its end, and commit."""
        self.settle(times=4)
        self.commit()

    def _take(self, piece: Chunk) -> None:
        offset, held = self._held.get(piece.key, (piece.offset, b""))
        if piece.resume is not None:
            expected = b"" if piece.head else b"resume at %d" % piece.offset
            # Of a compressed file that was skipped, there is nothing to resume with.
            is_skipped = not piece.resume and not piece.data and piece.path.endswith(".gz")
            assert is_skipped or piece.resume == expected, piece
        assert piece.offset == offset + len(held)
        held += piece.data
        whole = len(held) if piece.kind is Kind.END else held.rfind(b"\n") + 1
        done, lines = self._ready.get(piece.key, (offset, []))
        late = self._late.pop(piece.key, b"") + held[:whole]
        if piece.kind is Kind.MORE:  # the last line may be wrapped
            start = late.rfind(b"\n", 0, -1) + 1
            late, self._late[piece.key] = late[:start], late[start:]
        self.taken += late.splitlines(keepends=True)
        lines += held[:whole].splitlines(keepends=True)
        self._ready[piece.key] = (done + whole, lines)
        self._held[piece.key] = (offset + whole, held[whole:])


def following(folder: Path, *, fresh: bool = True, **options: int) -> Reader:
    """Follow the files of one appliance."""
    return Reader(FileSource((f"{folder}/mail*",), "esa1"), fresh=fresh, **options)


def numbered(numbers: Sequence[int]) -> list[bytes]:
    """Make lines that differ."""
    return [b"Wed Apr 22 11:43:59 2009 Info: ICID %d close\n" % number for number in numbers]
