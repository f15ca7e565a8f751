"""What a scan means for what is known: files that are new, changed, renamed or gone."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from forwarder.inputs.files.registry import Event, File, Files, State
from forwarder.inputs.files.scan_schedule import ScanScheduler
from forwarder.inputs.files.scanner import FileSource, FileStat, ScanResult, StartAt

GRACE = timedelta(minutes=1)
"""So long bytes that were seen and are gone are looked for elsewhere before they are lost: a file
that is moved or compressed is away for a moment."""

_AGAIN = timedelta(hours=1)
"""What comes and goes, as a name that is now a file and now a FIFO, is reported so often."""

_MAX_REPORTED = 10_000
"""Sentences that are remembered, 2 MB: strangers make names. The rest is in the status only."""

_MAX_TORN = 5
"""Scans one after the other that may miss a file: an account that makes and removes names all the
time must not keep the new files of others waiting for ever."""


class Reported:
    """What was reported, so that nothing is reported again whenever it comes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with nothing; the clock gives seconds."""
        self._clock = clock
        self._last: dict[str, float] = {}  # when each was the case last, the longest ago first

    def is_new(self, text: str) -> bool:
        """Whether something is to be reported; it counts as reported then."""
        now = self._clock()
        long_ago = now - _AGAIN.total_seconds()
        while self._last and next(iter(self._last.values())) < long_ago:
            del self._last[next(iter(self._last))]
        before = self._last.pop(text, None)
        if before is None and len(self._last) >= _MAX_REPORTED:
            return False
        self._last[text] = now
        return before is None


class ChangeTracker:
    """Applies what scans find to the files that are known."""

    def __init__(  # noqa: PLR0913 - each has a name
        self,
        inputs: Sequence[FileSource],
        files: Files,
        scheduler: ScanScheduler,
        *,
        started: frozenset[str],
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """Work on files; ``started`` are the patterns that were followed before."""
        self._inputs = inputs
        self._started = started
        self._files = files
        self._logs = files.logs
        self._scheduler = scheduler
        self._monotonic, self._wall = monotonic, wall
        self.reported = Reported(monotonic)
        self.problems: frozenset[str] = frozenset()  # what was wrong at the last scan
        self.links: tuple[str, ...] = ()  # links that were not followed then
        self.lost = 0  # bytes of logs that came and went before they were begun
        self.scans = 0  # how many there were that missed no file
        self._torn = 0

    def apply(self, result: ScanResult) -> list[str]:
        """Apply a scan; return what is wrong now and was not before: one sentence each."""
        is_first = not self.scans
        if result.complete or self._torn == _MAX_TORN:
            self._torn = 0
            self.scans += 1
        else:
            self._torn += 1
            self._scheduler.scan_soon()
        for stat in result.files.values():
            self.update(stat, is_first=is_first)
        for file in self._files:
            self._files.on(file, Event.SCANNED)
            if file.inode not in result.files:
                self.on_remove(file)
        problems = [x for x in dict.fromkeys(result.problems) if self.reported.is_new(x)]
        self.problems = frozenset(result.problems)
        self.links = tuple(result.links)
        problems += self.count_losses(GRACE)
        self._logs.forget_old(self._wall())
        return problems

    def update(self, stat: FileStat, *, is_first: bool = False) -> None:
        """Apply what was found of one file; ``is_first`` at the first scan of all."""
        file = self._files.get(stat.inode)
        if file is None:
            self.on_create(stat, is_first=is_first)
            return
        old = file.stat
        if file.here and stat == old:
            return
        changed = (stat.size, stat.modified_ns) != (old.size, old.modified_ns)
        self._files.rename(file, stat)
        if stat.size and not old.size:
            self._files.wake_predecessors(file)
        if changed:
            if stat.size < old.size:
                file.skip = 0  # nothing of what was there
            file.changed_at = self._monotonic()
            if not file.head:
                file.seen_in = self.scans
        if file.is_current and not (changed and self._may_be_replaced(file)):
            self._files.on(file, Event.CHANGED)
        elif changed and (file.is_current or file.state is not State.COMPARE):
            self.on_truncate(file)

    def on_create(self, stat: FileStat, *, is_first: bool) -> None:
        """Add a file that is new."""
        source = self._inputs[stat.input]
        age = max(self._wall() - stat.modified_ns / 1e9, 0)
        file = File(stat, self._monotonic() - age, seen_in=self.scans)
        at_end = source.start_at is StartAt.END and stat.pattern not in self._started
        file.skip = stat.size if is_first and at_end else 0
        older = source.ignore_older
        known = self._logs.find_by_inode(stat.inode)
        ignored = older is not None and age > older.total_seconds() and known is None
        if file.skip and not stat.path.endswith(".gz"):
            ignored = False  # where it ends is to be known when it grows; little is read
        self._files.add(file)
        if stat.size:
            self._files.wake_predecessors(file)
        if ignored:
            return
        if known is not None and known.ended and known.read.size == stat.size:
            self._files.expect_end(file)
        else:
            self._files.on(file, Event.REPLACED)

    def on_truncate(self, file: File, *, scan: bool = True) -> None:
        """Take a file that may hold something else by now from its log, and compare it again.

        ``scan`` if the rest of the log may be in a file that is new.
        """
        file.comparison = None
        log = file.log
        self._files.release(file, self._monotonic(), self._wall())
        if log is not None and log.current_file is None and not log.read.size:
            self._logs.forget(log)
        self._files.on(file, Event.REPLACED)
        if scan:
            self._scheduler.scan_soon()

    def on_remove(self, file: File) -> None:
        """Note that a file has no name any more; an open one is read to its end."""
        if file.inode in self._files.handles and (file.is_current or file.state is State.COMPARE):
            if file.here:
                file.changed_at = self._monotonic()
                self._files.unname(file)
                if file.is_current and self._may_be_replaced(file):
                    self.on_truncate(file)
            if file.is_current:  # a process that has it open may write to it
                self._files.on(file, Event.CHANGED)
            return
        if file.log is None and file.state is not State.IGNORED and file.stat.size:
            # Never begun; if its bytes stay away, they count as lost.
            self._files.set_log(file, self._logs.begin(file.stat.appliance, file.path))
        if file.is_current and file.log is not None and not file.log.read.size:
            self._logs.see(file.log, file.stat.size)
        self.drop(file)

    def drop(self, file: File) -> None:
        """Forget a file that is gone."""
        self._files.drop(file, self._monotonic(), self._wall())

    def count_losses(self, grace: timedelta) -> list[str]:
        """Give up on what is unread of logs that have no file for longer than ``grace``."""
        problems = []
        now = self._monotonic()
        for log in self._logs.gone:
            if log.gone_since is None or now - log.gone_since < grace.total_seconds():
                continue
            path = log.position.path
            began = log.read.size > 0
            compressed = not began and path + ".gz" in self._files.paths
            if log.unread and not compressed:
                lost = self._logs.lose(log)
                self.lost += 0 if began else lost
                if self.reported.is_new(f"lost {path}"):  # the status has all of it
                    problems.append(
                        f"{path!r} is gone, and {lost} bytes at its end that were there are lost: "
                        f"they were not read before and are in no other file that is followed; "
                        f"keep files for longer, or see in the status what holds up reading"
                    )
            if not began:
                self._logs.forget(log)
        return problems

    def _may_be_replaced(self, file: File) -> bool:
        """Whether reading on cannot find out that a file is another one by now.

        Reading looks at the bytes before; where there are none, or they would have to be
        decompressed, the file has to be compared again, unless it was open all the time.
        """
        began = file.log is not None and file.log.read.size > 0
        return not began or (file.is_gzip and file.inode not in self._files.handles)
