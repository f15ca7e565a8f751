"""What a look at the disk means for what is known: files that are new, other, renamed or gone."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from forwarder.inputs.files.checkpoint import CheckpointStore
from forwarder.inputs.files.file_handle import HandleCache
from forwarder.inputs.files.looking import ScanScheduler
from forwarder.inputs.files.registry import File, Files, State
from forwarder.inputs.files.scanner import FileSource, FileStat, ScanResult, StartAt

GRACE = timedelta(minutes=1)
"""So long bytes that were seen and are gone are looked for elsewhere before they are lost: a file
that is moved or packed is away for a moment."""


_AGAIN = timedelta(hours=1)
"""What comes and goes, as a name that is now a file and now a FIFO, is said so often."""

_MAX_SAID = 10_000
"""Sentences that are remembered, 2 MB: strangers make names. The rest is in the status only."""

_MAX_TORN = 5
"""Looks one after the other that may miss a file: an account that makes and removes names all the
time must not keep the new files of others waiting for ever."""


class Said:
    """What was said, so that nothing is said again whenever it comes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with nothing said.

        Args:
            clock: Seconds.
        """
        self._clock = clock
        self._last: dict[str, float] = {}
        """When each was the case last, the longest ago first."""

    def is_new(self, text: str) -> bool:
        """Say whether something is to be said; it counts as said then."""
        now = self._clock()
        long_ago = now - _AGAIN.total_seconds()
        while self._last and next(iter(self._last.values())) < long_ago:
            del self._last[next(iter(self._last))]
        before = self._last.pop(text, None)
        if before is None and len(self._last) >= _MAX_SAID:
            return False
        self._last[text] = now
        return before is None


class Clock(NamedTuple):
    """Where time comes from."""

    monotonic: Callable[[], float]
    """Seconds, for waiting and resting."""
    wall: Callable[[], float]
    """Seconds from 1970, to compare with the times of files."""


class ChangeTracker:
    """Takes note of what is seen."""

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        inputs: Sequence[FileSource],
        *,
        started: frozenset[str],
        trails: CheckpointStore,
        files: Files,
        opened: HandleCache,
        looking: ScanScheduler,
        clock: Clock,
    ) -> None:
        """Work with what is remembered and what is there.

        Args:
            inputs: What is followed.
            started: The patterns that were followed before.
            trails: The logs.
            files: The files.
            opened: Those of them that are open.
            looking: Is asked to look again when something was somewhere else.
            clock: The time.
        """
        self._inputs = inputs
        self._started = started
        self._trails = trails
        self._files = files
        self._opened = opened
        self._looking = looking
        self._monotonic, self._wall = clock
        self.said = Said(clock.monotonic)
        self.problems: frozenset[str] = frozenset()
        """What was wrong when all files were looked at last."""
        self.links: tuple[str, ...] = ()
        """Links that were passed over then."""
        self.lost = 0
        """Bytes of logs that came and went before they were begun."""
        self.looks = 0
        """How often all files were looked at, and none was missed."""
        self._torn = 0

    def take_all(self, seen: ScanResult) -> list[str]:
        """Take note of all files.

        Returns:
            What is wrong now and was not before: one sentence each.
        """
        is_first = not self.looks
        if seen.complete or self._torn == _MAX_TORN:
            self._torn = 0
            self.looks += 1
        else:
            self._torn += 1
            self._looking.look_soon()
        for sighting in seen.files.values():
            self.take(sighting, is_first=is_first)
        for file in self._files:
            if file.retry:
                file.retry = False
                self._files.set_state(file, State.READ if file.is_home else State.COMPARE)
            if file.inode not in seen.files:
                self._vanish(file)
        problems = [x for x in dict.fromkeys(seen.problems) if self.said.is_new(x)]
        self.problems = frozenset(seen.problems)
        self.links = tuple(seen.links)
        problems += self.count_losses(GRACE)
        self._trails.forget_old(self._wall())
        return problems

    def take(self, sighting: FileStat, *, is_first: bool = False) -> None:
        """Take note of a file as it is.

        Args:
            sighting: The file.
            is_first: Whether it was there when files were looked at for the first time.
        """
        now = self._monotonic()
        file = self._files.get(sighting.inode)
        if file is None:
            self._begin(sighting, now, is_first=is_first)
            return
        old = file.sighting
        if file.here and sighting == old:
            return
        changed = (sighting.size, sighting.modified_ns) != (old.size, old.modified_ns)
        self._files.rename(file, sighting)
        if sighting.size and not old.size:
            self._files.wake_predecessors(file)
        if changed:
            if sighting.size < old.size:
                file.skip = 0  # nothing of what was there
            file.changed_at = now
            if not file.head:
                file.seen_in = self.looks
            file.ignored = False
        if file.is_home and not (changed and self._may_be_another(file)):
            self._files.set_state(file, State.READ)
        elif changed and (file.is_home or file.state is State.REST):
            self.release(file)

    def _may_be_another(self, file: File) -> bool:
        """Say whether reading on cannot find out that a file is another one by now.

        Reading looks at the bytes before; where there are none, or they would have to be unpacked,
        the file has to be compared anew, unless it was held open all the time.
        """
        began = file.trail is not None and file.trail.read.size > 0
        return not began or (file.packed and file.inode not in self._opened)

    def _begin(self, sighting: FileStat, now: float, *, is_first: bool) -> None:
        followed = self._inputs[sighting.input]
        age = max(self._wall() - sighting.modified_ns / 1e9, 0)
        file = File(sighting, now - age, seen_in=self.looks)
        at_end = followed.start_at is StartAt.END and sighting.pattern not in self._started
        file.skip = sighting.size if is_first and at_end else 0
        older = followed.ignore_older
        known = self._trails.find_by_inode(sighting.inode)
        file.ignored = older is not None and age > older.total_seconds() and known is None
        if file.skip and not sighting.path.endswith(".gz"):
            file.ignored = False  # where it ends is to be known when it grows; little is read
        self._files.add(file)
        if sighting.size:
            self._files.wake_predecessors(file)
        if file.ignored:
            return
        if known is not None and known.ended and known.read.size == sighting.size:
            self._files.expect(file)
        else:
            self._files.set_state(file, State.COMPARE)

    def _vanish(self, file: File) -> None:
        """Take note that a file has no name any more; an open one is read to its end."""
        if file.inode in self._opened and (file.is_home or file.state is State.COMPARE):
            if file.here:
                file.changed_at = self._monotonic()
                self._files.unname(file)
                if file.is_home and self._may_be_another(file):
                    self.release(file)
            if file.is_home:  # whoever has it open may write to it
                self._files.set_state(file, State.READ)
            return
        if file.trail is None and not file.ignored and file.sighting.size:
            # Never begun; if its bytes stay away, they count as lost.
            self._files.settle(file, self._trails.begin(file.sighting.appliance, file.path))
        if file.is_home and file.trail is not None and not file.trail.read.size:
            self._trails.see(file.trail, file.sighting.size)
        self.drop(file)

    def drop(self, file: File) -> None:
        """Forget a file that is gone."""
        file.steps = None
        self._files.drop(file, self._monotonic(), self._wall())
        self._opened.close(file.inode)

    def release(self, file: File, *, look: bool = True) -> None:
        """Take a file that holds something else by now from its log, and compare it anew.

        Args:
            file: The file.
            look: Whether the rest of the log may be in a file that is new.
        """
        file.steps = None
        trail = file.trail
        self._files.release(file, self._monotonic(), self._wall())
        if trail is not None and trail.home is None and not trail.read.size:
            self._trails.forget(trail)
        self._files.set_state(file, State.COMPARE)
        if look:
            self._looking.look_soon()

    def count_losses(self, grace: timedelta) -> list[str]:
        """Give up on what is unread of logs that have no file.

        Args:
            grace: How long they must have been without.

        Returns:
            One sentence for each that lost something.
        """
        problems = []
        now = self._monotonic()
        for trail in self._trails.gone:
            if trail.gone_since is None or now - trail.gone_since < grace.total_seconds():
                continue
            path = trail.position.path
            began = trail.read.size > 0
            packed = not began and path + ".gz" in self._files.paths
            if trail.unread and not packed:
                lost = self._trails.lose(trail)
                self.lost += 0 if began else lost
                if self.said.is_new(f"lost {path}"):  # the status has all of it
                    problems.append(
                        f"{path!r} is gone, and {lost} bytes at its end that were there are lost: "
                        f"they were not read before and are in no other file that is followed; "
                        f"keep files for longer, or see in the status what holds up reading"
                    )
            if not began:
                self._trails.forget(trail)
        return problems
