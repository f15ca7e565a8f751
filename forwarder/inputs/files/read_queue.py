"""The files that are there, which log each belongs to, and whose turn it is.

A file's life is one state and one table, :data:`TRANSITIONS`:

    IGNORED ──▶ COMPARE ──▶ READ ⇄ AT_END
    EXPECTED ─▶  ▲  │ ▲
                 │  ▼ └──── COPY, FAILED
                UNDECIDED

Files in the state EXPECTED come before all others. Files in the states COMPARE and READ are in the
queue: files of an appliance one after the other, appliances in turn, so that a large backlog of one
holds up no other. The oldest file of an appliance, by its name, comes first and has all turns of
its appliance until it has no more work; so a connection continues from file to file. One that is
gone, and still open, comes before another of its name. A file may be blocked until all files were
scanned; those behind it wait, too.
"""

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from heapq import heappop, heappush

from forwarder.inputs.files.checkpoint import CheckpointStore, LogState
from forwarder.inputs.files.discovery import FileStat
from forwarder.inputs.files.file_handle import HandleCache, Inode
from forwarder.inputs.files.paths import ReadingOrder, is_live, reading_order

Place = tuple[ReadingOrder, bool]  # in the queue: by a name, and whether it is still there


class State(Enum):
    """What is to be done with a file."""

    IGNORED = auto()  # nothing, because of its age, until it changes
    EXPECTED = auto()  # find out whether it is the log that was last at its inode
    COMPARE = auto()  # find out which log it is
    UNDECIDED = auto()
    """Wait until it changes or has settled: it may be several logs, or is too short."""
    READ = auto()  # read its log, of which it is the current file
    AT_END = auto()  # wait until it changes, or is to be read again to see whether it is complete
    COPY = auto()  # nothing, until it changes: its log gets all of it elsewhere
    FAILED = auto()  # try again after the next scan: it cannot be read


class Event(Enum):
    """What happens to a file."""

    DUE = auto()  # it has another size, time or name, or the time that it was to wait is over
    SCANNED = auto()  # all files were scanned
    KNOWN_INODE = auto()  # it is new, and a log was last at its inode
    REPLACED = auto()  # it may hold something else by now
    IDENTIFIED = auto()  # it is the current file of a log
    ENDED = auto()  # it is read to its end
    COPIED = auto()  # it is found to be a copy
    UNCLEAR = auto()  # it is not known yet which log it is
    ERROR = auto()  # it cannot be read now


TRANSITIONS = {
    Event.DUE: ({State.READ, State.AT_END, State.FAILED, State.UNDECIDED}, State.READ),
    Event.SCANNED: ({State.FAILED}, State.READ),
    Event.KNOWN_INODE: ({State.IGNORED}, State.EXPECTED),
    Event.REPLACED: (set(State), State.COMPARE),
    Event.IDENTIFIED: ({State.EXPECTED, State.COMPARE, State.READ}, State.READ),
    Event.ENDED: ({State.EXPECTED, State.COMPARE, State.READ}, State.AT_END),
    Event.COPIED: ({State.COMPARE, State.READ, State.AT_END, State.FAILED}, State.COPY),
    Event.UNCLEAR: ({State.COMPARE}, State.UNDECIDED),
    Event.ERROR: ({State.EXPECTED, State.COMPARE, State.READ}, State.FAILED),
}
"""In which states an event changes the state, and to which. READ without a log, which it may have
lost or never had, compares."""


@dataclass(slots=True, eq=False)
class File:
    """A file that is there, or is gone and still open."""

    stat: FileStat
    changed_at: float  # seconds of the monotonic clock when it changed last
    state: State = State.IGNORED
    log: LogState | None = None
    """The log it belongs to; if that has another current file, this one is a copy."""
    comparison: Generator[None, None, bool] | None = None  # under way
    here: bool = True  # whether it has a name
    problem: str | None = None  # what was reported of it last
    is_gzip: bool = False  # known as soon as it has a log
    skip: int = 0  # bytes on disk that are to be skipped: those that were there at the start
    seen_in: int = 0
    """How many scans there were when it was first seen as it is; while nothing is read."""
    head: bytes = b""  # its first bytes, while it waits for another scan
    has_live_name: bool = field(init=False)
    """Whether it has the name of a file that is written to, or had it last."""

    def __post_init__(self) -> None:
        """Look at the name once: each step with the file asks for it."""
        self.has_live_name = is_live(self.path)

    @property
    def inode(self) -> Inode:
        """Identifies the file, while it is there."""
        return self.stat.inode

    @property
    def path(self) -> str:
        """Where it is, or was last."""
        return self.stat.path

    @property
    def is_current(self) -> bool:
        """Whether its log is read from it."""
        return self.log is not None and self.log.current_file == self.inode

    @property
    def is_live(self) -> bool:
        """Whether it may be written to, by its name."""
        return self.here and self.has_live_name


class Files:
    """All files that are known, the logs that they hold, and the handles of those that are open."""

    def __init__(self, logs: CheckpointStore, limit: int, at_once: int) -> None:
        """Start with no file; ``limit`` may be open, ``at_once`` appliances take turns."""
        self.logs = logs
        self.handles = HandleCache(limit)
        self.queue = ReadQueue(at_once)
        self.scan_is_due = True  # as something is not where it was
        self.scans = 0  # how many there were that missed no file
        self._files: dict[Inode, File] = {}
        self._expected: deque[File] = deque()

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[File]:
        return iter(list(self._files.values()))

    def get(self, inode: Inode | None) -> File | None:
        """Return a file, if it is known."""
        return None if inode is None else self._files.get(inode)

    def on(self, file: File, event: Event) -> None:
        """Change the state of a file, by the table."""
        states, state = TRANSITIONS[event]
        if file.state in states:
            file.state = state
            self._enqueue(file)

    def add(self, file: File) -> None:
        """Add a file that is new; it is ignored until it is compared."""
        self._files[file.inode] = file

    def rename(self, file: File, stat: FileStat) -> None:
        """Note a file as it was just found."""
        is_renamed = stat.path != file.path or not file.here
        file.stat = stat
        if is_renamed:
            file.here, file.has_live_name = True, is_live(stat.path)
            self._enqueue(file)  # its turn depends on its name
            if file.is_current and file.log is not None:
                self.logs.set_file(file.log, file.inode, file.path)

    def unname(self, file: File) -> None:
        """Note that a file has no name any more, and is still open."""
        file.here = False
        self._enqueue(file)

    def drop(self, file: File) -> None:
        """Forget a file; its log has to find another one."""
        file.comparison = None
        self.release(file)
        self.queue.remove(file.inode)
        del self._files[file.inode]
        self.handles.close(file.inode)

    @property
    def pending(self) -> bool:
        """Whether any file has work to do."""
        return bool(self.queue or self._expected)

    def take(self) -> File | None:
        """Return the file whose turn it is."""
        while self._expected:
            file = self._expected.popleft()
            if self._files.get(file.inode) is file and file.state is State.EXPECTED:
                return file
        inode = self.queue.take()
        return None if inode is None else self._files[inode]

    @property
    def live(self) -> list[FileStat]:
        """Those with the name of a file that is written to."""
        return [x.stat for x in self._files.values() if x.is_live]

    def set_log(self, file: File, log: LogState, event: Event = Event.IDENTIFIED) -> None:
        """Make a file the current one of a log; the one before becomes a copy."""
        before = self.get(log.current_file)
        if before is not None and before is not file:
            self.copy(before, log)
        if file.inode in log.copies:
            log.copies -= {file.inode}
        file.log = log
        self.logs.set_file(log, file.inode, file.path)
        self.on(file, event)

    def copy(self, file: File, log: LogState) -> None:
        """Note that a file holds nothing that its log does not get elsewhere."""
        file.log = log
        log.copies |= {file.inode}
        self.on(file, Event.COPIED)

    def release(self, file: File) -> None:
        """Take a file from its log; if it was the current one, the copies are compared again."""
        log, file.log = file.log, None
        if log is None:
            return
        if log.current_file != file.inode:
            log.copies -= {file.inode}
            return
        self.logs.lose_file(log)
        copies, log.copies = log.copies, frozenset()
        # Ordered, so that the same files lead to the same each time.
        for copy in map(self._files.get, sorted(copies)):
            if copy is not None and copy.log is log:
                copy.log = None
                self.on(copy, Event.REPLACED)

    def replace(self, file: File) -> None:
        """Take a file that may hold something else by now from its log, and compare it again."""
        file.comparison = None
        log = file.log
        self.release(file)
        if log is not None and log.current_file is None and not log.read.size:
            self.logs.forget(log)
        self.on(file, Event.REPLACED)
        self.scan_is_due = True  # the rest of the log may be in a file that is new

    def _enqueue(self, file: File) -> None:
        if file.state is State.EXPECTED:
            self._expected.append(file)
        elif file.state in {State.COMPARE, State.READ}:
            # Not kept: that of 100,000 files takes 20 MB.
            place = reading_order(file.path), not file.here
            self.queue.add(file.inode, file.stat.appliance, place)
        else:
            self.queue.remove(file.inode)


class ReadQueue:
    """Files that have work to do, in the order in which to do it."""

    def __init__(self, max_at_once: int) -> None:
        """Start empty; at most ``max_at_once`` appliances have turns, as each has a file open."""
        self._max_at_once = max_at_once
        self._places: dict[Inode, tuple[str, Place]] = {}  # of the files that have work
        self._heaps: dict[str, list[tuple[Place, Inode]]] = {}
        """By appliance, the next one to have a turn first; also places that are not valid any more.
        """
        self._current: dict[str, Inode] = {}  # the file of each appliance that has the turns
        self._blocked: set[Inode] = set()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, inode: Inode, appliance: str, place: Place) -> None:
        """Add a file that has work to do, or has another name now, or none any more."""
        before = self._places.get(inode, (appliance, None))
        if before == (appliance, place):
            return
        if before[0] != appliance:
            self.remove(inode)
        self._blocked.discard(inode)
        self._places[inode] = appliance, place
        heappush(self._heaps.setdefault(appliance, []), (place, inode))

    def remove(self, inode: Inode) -> None:
        """Remove a file that has no more work."""
        self._blocked.discard(inode)
        appliance, _ = self._places.pop(inode, ("", None))
        if self._current.get(appliance) == inode:
            del self._current[appliance]

    def block(self, inode: Inode) -> None:
        """Let a file that has the turn wait for :meth:`unblock`; older ones may come before it."""
        self._blocked.add(inode)
        self._current.pop(self._places[inode][0], None)

    def unblock(self) -> None:
        """Let all that are blocked have their turns."""
        self._blocked.clear()

    def take(self) -> Inode | None:
        """Return the file whose turn it is; the same again in a later turn, until it is removed."""
        for appliance in list(self._heaps):
            heap = self._heaps.pop(appliance)
            while heap and self._places.get(heap[0][1]) != (appliance, heap[0][0]):
                heappop(heap)
            if not heap:
                continue
            self._heaps[appliance] = heap
            inode = self._current.get(appliance, heap[0][1])
            # Those that began continue before others begin.
            may_begin = appliance in self._current or len(self._current) < self._max_at_once
            if inode not in self._blocked and may_begin:
                self._current[appliance] = inode
                return inode
        return None
