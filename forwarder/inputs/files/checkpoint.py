"""What is remembered of each log that was read: its content, and how far it is in documents.

A trail is of a content, not of a name or an inode: a file that is renamed, copied, packed or sent
again leads to the same trail, and goes on where it ends. Its home is the file that it is read
from. A trail without one, because its file is gone, is kept for :data:`KEEP`, in case the file
comes again, and of them only the youngest :data:`MAX_GONE`, or as many as there were files at a
time: a share that is away for a while takes all of its files with it. What has a home is never
forgotten: it would be read again. Nor is, after a start, what no file was compared with yet.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from forwarder.inputs.chunk import Kind
from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.fingerprints import NOTHING, Fingerprint, Index
from forwarder.inputs.files.positions import Position, decode, encode, resume_in

KEEP = timedelta(days=30)
"""Appliances send again what failed before, within hours; backups come back within weeks."""

MAX_GONE = 10_000
"""Logs without a file, some 10 MB of memory: a file a minute for a week. There may be more where
there were more files at a time, which took as much memory."""

MAX_ALIKE = 64
"""Logs of all appliances that begin as a file does. Among more of them, only those of its own
appliance are sought: they can only be very short."""


Fetch = Callable[[str], bytes]
"""Gives what is saved under a key; b"" if that is nothing."""


@dataclass(slots=True, eq=False)
class LogState:
    """One log that was begun."""

    key: str
    position: Position
    """What is saved, or will be: up to where all is in documents."""
    read: Fingerprint
    """Of all that was handed over."""
    home: Inode | None = None
    handed: list[tuple[Fingerprint, bytes]] | None = None
    """What was handed over and is not in documents yet, each piece with what was before it."""
    saved: bool = False
    """Whether the state has it."""
    returns: bool = False
    """Whether the next piece goes with what was saved: behind a restart, and behind an end."""
    ended: bool = False
    """Whether its end was handed over."""
    said: Kind = Kind.MORE
    """What the last piece said."""
    gone_since: float | None = None
    """Seconds of the monotonic clock since it has no home."""
    is_left: bool = False
    """Whether what to give back is left in the state: hardly a log that has ended goes on."""

    @property
    def unread(self) -> int:
        """Bytes that were seen on the disk and not read."""
        return max(self.position.size - self.read.size, 0)


class CheckpointStore:
    """All trails, found by their key, by content and by inode."""

    def __init__(
        self, saved: Iterable[tuple[str, bytes]], now: float, fetch: Fetch | None = None
    ) -> None:
        """Start with what was saved.

        Args:
            saved: Keys and positions; see :mod:`forwarder.inputs.files.positions`.
            now: Seconds of the monotonic clock.
            fetch: Gives it again; without, all of it is kept in memory.
        """
        self._fetch = fetch
        self._trails: dict[str, LogState] = {}
        self._indexes: defaultdict[str, Index] = defaultdict(Index)
        self._everywhere = Index()
        self._gone: dict[str, LogState] = {}
        """Those without a home, the longest gone first; those that are sought count as youngest."""
        self._sought: set[str] = set()
        """Those of the state whose file was not found yet, and may be."""
        self._most = 0
        """How many files there were at a time."""
        self._inodes: dict[Inode, str] = {}
        self._changed: dict[str, None] = {}
        for key, value in saved:
            position = decode(key, value)
            is_left = fetch is not None and position.ended
            if is_left:
                position = replace(position, resume=b"")
            self._trails[key] = LogState(
                key,
                position,
                position.fingerprint,
                saved=True,
                returns=True,
                ended=position.ended,
                is_left=is_left,
            )
        since = {key: trail.position.gone for key, trail in self._trails.items()}
        self._sought.update(key for key, gone in since.items() if gone is None)
        for key in sorted(since, key=lambda x: (since[x] is None, since[x] or 0.0)):
            self._lose_home(self._trails[key], now)
        # In their order, each goes to the end of an index.
        for trail in sorted(self._trails.values(), key=lambda x: x.read.marks):
            self._add(trail)

    def get(self, key: str) -> LogState | None:
        """Return a trail, if it is remembered."""
        return self._trails.get(key)

    def __len__(self) -> int:
        return len(self._trails)

    @property
    def gone(self) -> list[LogState]:
        """Those without a file, in the order in which they lost it."""
        return list(self._gone.values())

    def begin(self, appliance: str, path: str) -> LogState:
        """Begin a trail of which nothing was read yet."""
        key = uuid4().hex
        trail = LogState(key, Position(appliance, path), NOTHING)
        self._trails[key] = trail
        return trail

    def find(self, appliance: str, fingerprint: Fingerprint) -> list[LogState]:
        """Find the trails that agree with the beginning of a file as far as marks tell."""
        return [self._trails[x] for x in self._indexes[appliance].find(fingerprint.marks)]

    def find_elsewhere(self, appliance: str, fingerprint: Fingerprint) -> list[LogState]:
        """Find those of other appliances, as :meth:`find`; none among too many that begin alike."""
        keys = self._everywhere.find_few(fingerprint.marks, MAX_ALIKE)
        return [x for x in map(self._trails.__getitem__, keys) if x.position.appliance != appliance]

    def find_by_inode(self, inode: Inode) -> LogState | None:
        """Find the trail without a home that was last read from this inode: a hint, no more.

        It may be of another appliance than the name under which the file is seen.
        """
        key = self._inodes.get(inode)
        return None if key is None else self._gone.get(key)

    def settle(self, trail: LogState, inode: Inode, path: str, *, live: bool) -> None:
        """Give a trail a home, or another path."""
        self._forget_inode(trail)
        self._gone.pop(trail.key, None)
        self._sought.discard(trail.key)
        position = replace(
            trail.position,
            path=path,
            inode=inode,
            live=trail.position.live or live,
            gone=None,
            lost=0,
        )
        self._put(trail, position)
        trail.home, trail.gone_since = inode, None

    def lose_home(self, trail: LogState, now: float, wall: float) -> None:
        """Take the home from a trail; what it has not read may be somewhere else.

        Args:
            trail: The trail.
            now: Seconds of the monotonic clock.
            wall: Seconds from 1970.
        """
        self._put(trail, replace(trail.position, gone=wall))
        self._lose_home(trail, now)

    def advance(self, trail: LogState, data: bytes) -> None:
        """Go on by a piece that is handed over."""
        before = trail.read
        if trail.handed is None:
            trail.handed = []
        trail.handed.append((before, data))
        self._read_to(trail, before.extend(data))

    def skip(self, trail: LogState, to: Fingerprint) -> None:
        """Go on without handing anything over; all that was handed over is in documents."""
        trail.returns = True
        self._read_to(trail, to)
        self._put(trail, replace(trail.position, fingerprint=to))

    def see(self, trail: LogState, size: int) -> None:
        """Note how many bytes of a log are there."""
        if size > trail.position.size:
            trail.position = replace(trail.position, size=size)

    def lose(self, trail: LogState) -> int:
        """Give up on what was seen and not read.

        Returns:
            How many bytes that is.
        """
        lost = trail.unread
        position = trail.position
        self._put(trail, replace(position, size=trail.read.size, lost=position.lost + lost))
        return lost

    def save(self, key: str, offset: int, resume: bytes) -> None:
        """Note that all up to an offset is in documents.

        Args:
            key: Of the trail; one that was forgotten meanwhile is passed over.
            offset: In bytes from the start of the file; within what was handed over.
            resume: What to give back with the first piece after a restart.
        """
        trail = self._trails.get(key)
        if trail is None:
            return
        fingerprint = trail.position.fingerprint
        while trail.handed and fingerprint.size < offset:
            before, data = trail.handed.pop(0)
            behind = trail.handed[0][0] if trail.handed else trail.read
            if offset < behind.size:
                taken = offset - before.size
                behind = before.extend(data[:taken])
                trail.handed.insert(0, (behind, data[taken:]))
            fingerprint = behind
        trail.handed = trail.handed or None
        trail.is_left = False
        self._put(trail, replace(trail.position, fingerprint=fingerprint, resume=resume))

    def resume(self, trail: LogState) -> bytes:
        """Give what goes with the next piece behind what was saved."""
        if self._fetch is None or not trail.is_left:
            return trail.position.resume
        return resume_in(self._fetch(trail.key))

    def forget_old(self, wall: float) -> None:
        """Forget trails that are without a file for too long, or are too many.

        Args:
            wall: Seconds from 1970.
        """
        self._most = max(self._most, len(self._trails) - len(self._gone), len(self._sought))
        excess = len(self._gone) - len(self._sought) - max(MAX_GONE, self._most)
        forgotten: list[LogState] = []
        for trail in self._gone.values():
            if trail.key in self._sought:
                continue
            since = trail.position.gone
            too_long = since is not None and wall - since > KEEP.total_seconds()
            if len(forgotten) >= excess and not too_long:
                break
            forgotten.append(trail)
        for trail in forgotten:
            self.forget(trail)

    def stop_seeking(self, wall: float) -> None:
        """Note that all files were compared: what is without a home is gone.

        Args:
            wall: Seconds from 1970.
        """
        if not self._sought:
            return
        for key in self._sought:
            trail = self._gone[key]
            self._put(trail, replace(trail.position, gone=wall))
        # Tables stay as large as they ever were.
        self._sought, self._gone, self._inodes = set(), dict(self._gone), dict(self._inodes)

    def forget(self, trail: LogState) -> None:
        """Forget a trail."""
        self._gone.pop(trail.key, None)
        self._sought.discard(trail.key)
        self._forget_inode(trail)
        self._remove(trail)
        del self._trails[trail.key]
        self._changed.pop(trail.key, None)
        if trail.saved or trail.read.size:  # whoever was given something of it is to know
            self._changed[trail.key] = None

    def end(self, trail: LogState) -> None:
        """Note that the end of a log was handed over."""
        trail.returns = True
        if not trail.ended:
            trail.ended = True
            self._changed[trail.key] = None

    def changes(self) -> list[tuple[str, bytes | None]]:
        """Return what has to be saved since the last time; None for what was forgotten."""
        pairs: list[tuple[str, bytes | None]] = []
        for key in self._changed:
            trail = self._trails.get(key)
            if trail is None:
                pairs.append((key, None))
            elif trail.position.fingerprint.size:
                # The end counts only together with all that is before it.
                ended = trail.ended and not trail.handed
                position = replace(trail.position, ended=ended, resume=self.resume(trail))
                pairs.append((key, encode(position)))
                trail.saved = True
        self._changed.clear()
        return pairs

    def _add(self, trail: LogState) -> None:
        for index in (self._indexes[trail.position.appliance], self._everywhere):
            index.add(trail.key, trail.read.marks)

    def _remove(self, trail: LogState) -> None:
        for index in (self._indexes[trail.position.appliance], self._everywhere):
            index.remove(trail.key, trail.read.marks)

    def _put(self, trail: LogState, position: Position) -> None:
        if position != trail.position:
            self._changed[trail.key] = None
        trail.position = position  # equal or not: it shares what is in memory anyway

    def _read_to(self, trail: LogState, to: Fingerprint) -> None:
        if to.marks == trail.read.marks:
            trail.read = to
        else:
            self._remove(trail)
            trail.read = to
            self._add(trail)
        self.see(trail, to.size)

    def _lose_home(self, trail: LogState, now: float) -> None:
        trail.home, trail.gone_since = None, now
        self._gone[trail.key] = trail
        self._inodes[trail.position.inode] = trail.key

    def _forget_inode(self, trail: LogState) -> None:
        if self._inodes.get(trail.position.inode) == trail.key:
            del self._inodes[trail.position.inode]
