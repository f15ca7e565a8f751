"""The files that are there, and which log each belongs to.

A file goes through three states. It is compared, until it is known which log it is. It is read,
if it is the home of its log. And it rests, at its end, or as a copy, or because it cannot be read,
until it changes.
"""

from collections import defaultdict, deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from forwarder.inputs.files.checkpoint import CheckpointStore, LogState
from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.paths import is_live, is_successor, reading_order, time_in_name
from forwarder.inputs.files.scanner import FileStat
from forwarder.inputs.files.turns import Turns


class State(Enum):
    """What is to be done with a file."""

    COMPARE = auto()
    READ = auto()
    REST = auto()


@dataclass(slots=True, eq=False)
class File:
    """A file that is there, or is gone and still open."""

    sighting: FileStat
    changed_at: float
    """Seconds of the monotonic clock when it changed last."""
    state: State = State.REST
    trail: LogState | None = None
    """The log it belongs to; its home may be another file, then this one is a copy."""
    steps: Generator[None, None, bool] | None = None
    """A comparison under way."""
    here: bool = True
    """Whether it has a name."""
    retry: bool = False
    """Whether to try again whenever all files are looked at."""
    problem: str | None = None
    """What was said of it last."""
    packed: bool = False
    """Whether it is gzip; known as soon as it has a log."""
    skip: int = 0
    """Bytes on disk that are to be passed over: those that were there at the start."""
    seen_in: int = 0
    """Which look at all files was the last one when it was seen as it is; while nothing is read."""
    head: bytes = b""
    """Its first bytes, while it waits for another look; see ``beginnings``."""
    ignored: bool = False
    """Whether it is left alone, because of its age, until it changes."""

    @property
    def inode(self) -> Inode:
        """Which file it is, while it is there."""
        return self.sighting.inode

    @property
    def path(self) -> str:
        """Where it is, or was last."""
        return self.sighting.path

    @property
    def is_home(self) -> bool:
        """Whether its log is read from it."""
        return self.trail is not None and self.trail.home == self.inode

    @property
    def is_live(self) -> bool:
        """Whether it may be written to, by its name."""
        return self.here and is_live(self.path)


class Files:
    """All files that are known."""

    def __init__(self, trails: CheckpointStore, turns: Turns[Inode]) -> None:
        """Start with none."""
        self._trails = trails
        self._turns = turns
        self._files: dict[Inode, File] = {}
        self._homes: defaultdict[str, dict[Inode, None]] = defaultdict(dict)
        """By appliance, the files that logs are read from."""
        self._pausing: defaultdict[str, dict[Inode, float]] = defaultdict(dict)
        self._live: defaultdict[str, dict[Inode, None]] = defaultdict(dict)
        self._copies: dict[str, dict[Inode, None]] = {}
        self._expected: deque[Inode] = deque()
        self.paths: dict[str, FileStat] = {}
        """Each known file that has a name, by its path."""

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[File]:
        return iter(list(self._files.values()))

    def __getitem__(self, inode: Inode) -> File:
        return self._files[inode]

    def get(self, inode: Inode | None) -> File | None:
        """Return a file, if it is known."""
        return None if inode is None else self._files.get(inode)

    def add(self, file: File) -> None:
        """Take note of a new file."""
        self._files[file.inode] = file
        self._name(file)

    def rename(self, file: File, sighting: FileStat) -> None:
        """Take note of a file as it was just seen."""
        if file.is_home and sighting.appliance != file.sighting.appliance:
            del self._homes[file.sighting.appliance][file.inode]
            self._homes[sighting.appliance][file.inode] = None
        if sighting.path != file.path or not file.here:
            self._unname(file)
            self.set_pausing(file, None)
            file.sighting, file.here = sighting, True
            self._name(file)
            self.set_state(file, file.state)  # its turn goes by its name
            if file.is_home and file.trail is not None:
                self._trails.settle(file.trail, file.inode, file.path, live=file.is_live)
        file.sighting = self.paths[sighting.path] = sighting

    def unname(self, file: File) -> None:
        """Take note that a file has no name any more."""
        self._unname(file)
        file.here = False
        self.set_state(file, file.state)

    def drop(self, file: File, now: float, wall: float) -> None:
        """Forget a file; its log has to find another home."""
        self.release(file, now, wall)
        self.set_state(file, State.REST)
        if file.here:
            self._unname(file)
        self.set_pausing(file, None)
        del self._files[file.inode]

    def set_state(self, file: File, state: State) -> None:
        """Say what is to be done with a file."""
        file.state = state
        if state is State.REST:
            self._turns.remove(file.inode)
        else:
            self._turns.add(file.inode, file.sighting.appliance, file.path, gone=not file.here)

    def expect(self, file: File) -> None:
        """Let a file be compared that is a log which has ended, by its inode and its size.

        There are many at a start, and nothing is read of them; so they need no turns.
        """
        file.state = State.COMPARE
        self._expected.append(file.inode)

    @property
    def expects(self) -> bool:
        """Whether there are such files."""
        return bool(self._expected)

    def take_expected(self) -> Inode | None:
        """Give one of them, if it is still to be compared."""
        while self._expected:
            file = self._files.get(self._expected.popleft())
            if file is not None and file.state is State.COMPARE:
                return file.inode
        return None

    def settle(self, file: File, trail: LogState, state: State = State.READ) -> None:
        """Make a file the home of a log; its home so far becomes a copy."""
        before = self.get(trail.home)
        if before is not None and before is not file:
            self._copies.setdefault(trail.key, {})[before.inode] = None
            del self._homes[before.sighting.appliance][before.inode]
            self.set_state(before, State.REST)
        self._forget_copy(trail, file)
        file.trail = trail
        self._trails.settle(trail, file.inode, file.path, live=file.is_live)
        self._homes[file.sighting.appliance][file.inode] = None
        self.set_state(file, state)

    def copy(self, file: File, trail: LogState) -> None:
        """Say that a file holds nothing that its log does not get elsewhere."""
        file.trail = trail
        self._copies.setdefault(trail.key, {})[file.inode] = None
        self.set_state(file, State.REST)

    def release(self, file: File, now: float, wall: float) -> None:
        """Take a file from its log; if it was its home, the copies are looked at again."""
        trail, file.trail = file.trail, None
        if trail is None:
            return
        if trail.home != file.inode:
            self._forget_copy(trail, file)
            return
        self._trails.lose_home(trail, now, wall)
        del self._homes[file.sighting.appliance][file.inode]
        for inode in self._copies.pop(trail.key, {}):
            copy = self._files.get(inode)
            if copy is not None and copy.trail is trail:
                copy.trail = None
                self.set_state(copy, State.COMPARE)

    def has_successor(self, file: File) -> bool:
        """Say whether another live file was begun in the place of a file, and holds something.

        For a file that is not live by its name, any live file of its appliance will do.
        """
        name_is_live = file.is_live
        if name_is_live and time_in_name(file.path) is None:
            return False
        for inode in self._live[file.sighting.appliance]:
            other = self._files[inode]
            if (
                other is not file
                and other.sighting.size
                and (not name_is_live or is_successor(other.path, file.path))
            ):
                return True
        return False

    def set_pausing(self, file: File, since: float | None) -> None:
        """Say whether a file that was read to its end has to rest before its last line is whole.

        Args:
            file: The file.
            since: Seconds of the monotonic clock; the first time counts, until it is None.
        """
        same = self._pausing[file.sighting.appliance]
        if since is None:
            same.pop(file.inode, None)
        else:
            same.setdefault(file.inode, since)

    def has_pausing_predecessor(self, file: File, since: float) -> bool:
        """Say whether a file that comes before another one pauses, and not for longer."""
        pausing = self._pausing[file.sighting.appliance].items()
        others = [self._files[inode] for inode, begun in pausing if begun > since]
        if not others:
            return False
        order = reading_order(file.path)
        return any(x is not file and x.is_home and reading_order(x.path) <= order for x in others)

    def wake_predecessors(self, file: File) -> None:
        """Look again at files in whose place a live one was begun that holds something now."""
        if not file.is_live:
            return
        for inode in self._homes[file.sighting.appliance]:
            other = self._files[inode]
            if other.trail is None or other.trail.ended:
                continue
            if not other.is_live or is_successor(file.path, other.path):
                self.set_state(other, State.READ)

    def _forget_copy(self, trail: LogState, file: File) -> None:
        """Leave a file out of the copies of a log; most logs have none."""
        copies = self._copies.get(trail.key)
        if copies is not None:
            copies.pop(file.inode, None)
            if not copies:
                del self._copies[trail.key]

    def _name(self, file: File) -> None:
        self.paths[file.path] = file.sighting
        if file.is_live:
            self._live[file.sighting.appliance][file.inode] = None

    def _unname(self, file: File) -> None:
        named = self.paths.get(file.path)
        if named is not None and named.inode == file.inode:
            del self.paths[file.path]
        self._live[file.sighting.appliance].pop(file.inode, None)
