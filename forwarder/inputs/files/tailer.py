"""FileTailer files: what is appended to them comes out once, under whatever name it is.

looking ──▶ recognising ──▶ turns ──▶ reading ──▶ endings ──▶ pieces
which files   which log      whose    from where  whether it
are there     each is        turn     it stopped  is complete
                 └────── trails: how far each log was read, and is in documents
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from heapq import heappop, heappush

from forwarder.inputs.chunk import Chunk, Kind
from forwarder.inputs.files.beginnings import must_wait
from forwarder.inputs.files.changes import ChangeTracker, Clock
from forwarder.inputs.files.checkpoint import CheckpointStore, Fetch
from forwarder.inputs.files.comparing import BLOCK_BYTES
from forwarder.inputs.files.discovery import say_passed_over
from forwarder.inputs.files.endings import PAUSE, SETTLE
from forwarder.inputs.files.file_handle import (
    HandleCache,
    Inode,
    MovedError,
    SourceError,
    most_open,
)
from forwarder.inputs.files.identify import FileIdentifier
from forwarder.inputs.files.looking import ScanScheduler
from forwarder.inputs.files.positions import PREFIX, STARTED, encode_started, positions_in
from forwarder.inputs.files.reader import Reader
from forwarder.inputs.files.registry import File, Files, State
from forwarder.inputs.files.scanner import FOLLOW, FileSource
from forwarder.inputs.files.standing import FileStatus, status_of
from forwarder.inputs.files.turns import Turns

READ_BYTES = 1 << 20
"""1 MiB a call: enough for a commit, and soon over."""

_MAX_TURNS = 256
"""Files looked at in a call, some 30 ms of work: small files make no megabyte."""


class FileTailer:
    """Follows files.

    All files of all inputs, because a file may move from one to another. For one thread, but for
    :meth:`wake`.
    """

    def __init__(  # noqa: PLR0913 - what a test sets has a name
        self,
        inputs: Sequence[FileSource],
        saved: Iterable[tuple[str, bytes]],
        *,
        fetch: Fetch | None = None,
        once: bool = False,
        watch: bool = True,
        max_open: int | None = None,
        block_bytes: int = BLOCK_BYTES,
        read_bytes: int = READ_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start; nothing is looked at before the first :meth:`read`.

        Args:
            inputs: What to follow.
            saved: All pairs of the state whose key begins with ``file/``.
            fetch: Gives what the state has under such a key; without, all of it is kept in memory.
            once: Whether to read to the end and wait for nothing but half-written files.
            watch: Whether to ask the system for events; without, files are looked at from time
                to time.
            max_open: Files held open at a time, at least 4; None for as many as the system allows
                without want.
            block_bytes: The largest piece.
            read_bytes: After so many bytes, :meth:`read` returns.
            monotonic: Seconds for waiting and resting.
            wall: Seconds from 1970, to compare with the times of files.

        Raises:
            PositionError: What was saved cannot be read.
        """
        self._once = once
        self._read_bytes = read_bytes
        self._monotonic = monotonic
        self._wall = wall
        started: list[str] = []
        stored = None if fetch is None else lambda key: fetch(PREFIX + key)
        self._trails = CheckpointStore(positions_in(saved, started), monotonic(), stored)
        patterns = {path for followed in inputs for path in followed.paths}
        self._started = frozenset(started)
        self._patterns = frozenset(patterns)
        self._started_saved = patterns <= self._started
        # Each appliance that is at work may hold one more open, to compare with.
        limit = max_open or most_open()
        at_once = max(limit // 4, 1)
        self._opened = HandleCache(limit - at_once)
        self._turns: Turns[Inode] = Turns(at_once)
        self._files = Files(self._trails, self._turns)
        self._looking = ScanScheduler(inputs, self._owner, watch=watch)
        self._noticing = ChangeTracker(
            inputs,
            started=self._started,
            trails=self._trails,
            files=self._files,
            opened=self._opened,
            looking=self._looking,
            clock=Clock(monotonic, wall),
        )
        self._recogniser = FileIdentifier(
            self._trails, self._files, self._opened, self._noticing.release
        )
        self._reader = Reader(
            self._trails, self._files, self._opened, once=once, block_bytes=block_bytes
        )
        self._due: list[tuple[float, Inode]] = []
        self._idle = False
        self._new_problems: list[str] = []
        self._said_links: frozenset[str] = frozenset()

    def read(self, timeout: float) -> list[Chunk]:
        """Read what is there.

        What is handed over is kept until :meth:`save` says that it is in documents.

        Args:
            timeout: How long to wait for something, in seconds.

        Returns:
            Pieces, at most some :data:`READ_BYTES`; none if nothing came, or :meth:`wake` was
            called, or all is :attr:`drained` where nobody waits for more.
        """
        deadline = self._monotonic() + timeout
        while True:
            self._look()
            pieces = self._work()
            now = self._monotonic()
            if not pieces and self.drained:
                self._trails.stop_seeking(self._wall())
            if self._once and not pieces and self.drained:
                self._new_problems += self._noticing.count_losses(timedelta(0))
                return []
            if pieces or now >= deadline:
                return pieces
            if self._idle:
                until = min(deadline, self._due[0][0]) if self._due else deadline
                if self._looking.wait(now, until):
                    return []

    def notice(self) -> None:
        """Take note of files that come and go, and read nothing: there is no room for more."""
        self._look()

    def save(self, consumed: Mapping[str, tuple[int, bytes]]) -> list[tuple[str, bytes | None]]:
        """Note what is in documents, and say what to save with them.

        Args:
            consumed: By key of the pieces, the offset up to which everything is in documents, in
                bytes from the start of the file, and what to give back with the first piece after
                a restart.

        Returns:
            Pairs for the state, None to delete; also for files that were renamed meanwhile. They
            are given once, so they have to get there: try again, or end the program.
        """
        for key, (offset, resume) in consumed.items():
            self._trails.save(key, offset, resume)
        pairs = [(PREFIX + key, value) for key, value in self._trails.changes()]
        if not self._started_saved and self._noticing.looks:
            self._started_saved = True
            pairs.append((STARTED, encode_started(self._patterns | self._started)))
        return pairs

    @property
    def drained(self) -> bool:
        """Whether all that is there now was read; a half-written file counts only if it rests."""
        waits = self._once and bool(self._due)
        return (
            bool(self._noticing.looks)
            and not self._turns
            and not self._files.expects
            and not self._looking.pending
            and not waits
        )

    def take_problems(self) -> list[str]:
        """Return what went wrong since the last time: sentences for a person, each said once."""
        problems, self._new_problems = self._new_problems, []
        return problems

    @property
    def problems(self) -> list[str]:
        """What is wrong now: sentences for a person."""
        of_files = (x.problem for x in self._files if x.problem is not None)
        links = self._noticing.links
        passed_over = [say_passed_over(links, FOLLOW)] if links else []
        return [*passed_over, *sorted({*self._noticing.problems, *of_files})]

    def take_links(self) -> str | None:
        """Say which links were passed over, if any was that was not said before."""
        links = self._noticing.links
        if not self._said_links.issuperset(links) and self._noticing.said.is_new("links"):
            self._said_links = frozenset(links)
            return say_passed_over(links, FOLLOW)
        return None

    @property
    def number(self) -> int:
        """How many files there are, but for those that are copies of others."""
        return sum(1 for x in self._files if x.trail is None or x.is_home)

    @property
    def finds_files(self) -> bool | None:
        """Whether there is any file to follow, empty or not; None before the first look."""
        return len(self._files) > 0 if self._noticing.looks else None

    def status(self) -> Iterator[FileStatus]:
        """Say how far each log is; those that are gone only if something is lost."""
        for file in self._files:
            if file.trail is not None and file.is_home:
                yield status_of(file.trail, file)
        for trail in self._trails.gone:
            if trail.position.lost:
                yield status_of(trail, None)

    @property
    def lost(self) -> int:
        """Bytes of logs that came and went before they were begun; no :meth:`status` has them."""
        return self._noticing.lost

    def wake(self) -> None:
        """Let :meth:`read` return soon; may be called from any thread."""
        self._looking.wake()

    def close(self) -> None:
        """Close all files; what was not saved is read again after a restart."""
        self._looking.close()
        self._opened.close_all()

    def _owner(self, inode: Inode) -> str | None:
        """Say which appliance had a file first."""
        file = self._files.get(inode)
        trail = self._trails.find_by_inode(inode) if file is None else file.trail
        if trail is not None:
            return trail.position.appliance
        return None if file is None else file.sighting.appliance

    def _look(self) -> None:
        now = self._monotonic()
        while self._due and self._due[0][0] <= now:
            file = self._files.get(heappop(self._due)[1])
            self._turns.go_on()
            if file is not None and file.state is State.REST and not file.ignored:
                self._files.set_state(file, State.READ if file.is_home else State.COMPARE)
        changes = self._looking.look(now, self._files.paths)
        for sighting in changes.some:
            self._noticing.take(sighting)
        if changes.problem is not None:
            self._new_problems.append(changes.problem)
        if changes.everything is not None:
            self._new_problems += self._noticing.take_all(changes.everything)
            self._turns.go_on()

    def _work(self) -> list[Chunk]:
        pieces: list[Chunk] = []
        size = 0
        for _ in range(_MAX_TURNS):
            if size >= self._read_bytes:
                break
            inode = self._files.take_expected() or self._turns.take()
            self._idle = inode is None
            if inode is None:
                break
            piece = self._take_turn(self._files[inode])
            if piece is not None:
                pieces.append(piece)
                size += len(piece.data)
        return pieces

    def _take_turn(self, file: File) -> Chunk | None:
        try:
            if file.state is State.COMPARE:
                self._compare(file)
                return None
            return self._read(file)
        except MovedError:
            self._put_off(file)
            self._looking.look_soon()
        except SourceError as error:
            self._put_off(file)
            self._say(file, str(error))
        except OSError as error:
            self._put_off(file)
            self._say(file, f"{file.path!r} cannot be read: {error.strerror}")
        return None

    def _put_off(self, file: File) -> None:
        """Try a file again when all are looked at."""
        self._opened.close(file.inode)
        if not file.here:
            self._noticing.drop(file)
            return
        file.steps = None
        file.retry = True
        self._files.set_state(file, State.REST)

    def _say(self, file: File, problem: str) -> None:
        if problem != file.problem:
            file.problem = problem
            if self._noticing.said.is_new(problem):
                self._new_problems.append(problem)

    def _compare(self, file: File) -> None:
        steps = file.steps
        if steps is None:
            settled = self._rested(file) >= SETTLE
            steps = file.steps = self._recogniser.recognise(file, settled=settled)
        try:
            next(steps)
            self._files.set_state(file, State.COMPARE)  # it takes more, so it has turns
        except StopIteration as stop:
            file.steps = None
            if stop.value:
                self._decide_again(file, SETTLE - self._rested(file))
            if not file.here and not file.is_home:
                self._noticing.drop(file)

    def _read(self, file: File) -> Chunk | None:
        if file.trail is None:  # it was let go meanwhile
            self._files.set_state(file, State.COMPARE)
            return None
        if not file.trail.read.size and self._turns.give_way(file.inode):
            self._noticing.release(file, look=False)  # the older one may hold the same
            return None
        if not file.trail.read.size and must_wait(file, self._files, self._monotonic()):
            self._noticing.release(file, look=False)
            self._turns.hold(file.inode)
            self._decide_again(file, PAUSE)
            return None
        step = self._reader.read(file, file.trail, self._noticing.looks, lambda: self._rested(file))
        if step.early:
            self._noticing.release(file)
            self._turns.hold(file.inode)
            return None
        if step.piece is None or not step.piece.data:
            unsure = step.again is not None and file.trail.said is Kind.MORE and not file.packed
            pauses = unsure and file.trail.read.size > 0
            self._files.set_pausing(file, self._monotonic() if pauses else None)
        if step.replaced:
            self._noticing.release(file)
            return None
        if step.problem is None:
            file.problem = None
        else:
            self._say(file, step.problem)
        if step.again is not None:
            self._decide_again(file, step.again)
        if step.finished:
            self._noticing.drop(file)
        return step.piece

    def _rested(self, file: File) -> timedelta:
        return timedelta(seconds=self._monotonic() - file.changed_at)

    def _decide_again(self, file: File, after: timedelta) -> None:
        heappush(self._due, (self._monotonic() + after.total_seconds(), file.inode))
