"""Scans when it is time, and tells from that which files are new, changed, renamed or gone.

All files are scanned twice a second, or, where that costs much, so seldom that it takes a
two-hundredth of a processor: 10,000 files some every ten seconds. (The time that passes does not
count, or a busy machine would find new files after minutes.) Those with the name of a file that is
written to are looked at in between: so a new line waits for half a second among however many.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.read_queue import Event, File, Files, State
from forwarder.inputs.files.scanner import FileSource, FileStat, Scan, restat, scan

POLL_SECONDS = 0.5  # between scans, at least
MAX_POLL_SECONDS = 60.0
_SHARE = 200  # a scan is one part in so many of the CPU time of the thread
_BUSY_SHARE = 3
"""Of the time that passes, which is much on a slow share. More scans are not made where they are
brought forward either: new files by the thousand must not take all time."""

GRACE = timedelta(minutes=1)
"""So long bytes that were seen and are gone are looked for elsewhere before they are lost: a file
that is moved or compressed is away for a moment."""

_MAX_TORN = 5
"""Scans one after the other that may miss a file: an account that makes and removes names all the
time must not keep the new files of others waiting for ever."""


class ChangeTracker:
    """Applies what scans find to the files that are known."""

    def __init__(
        self,
        inputs: Sequence[FileSource],
        files: Files,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """Work on files."""
        self._inputs = inputs
        self._files = files
        self._logs = files.logs
        self._monotonic, self._wall = monotonic, wall
        self.scan_is_due = True  # as something is not where it was
        self._scan_at = self._rescan_at = self._look_at = float("-inf")
        self.problems: frozenset[str] = frozenset()  # what was wrong at the last scan
        self.links: tuple[str, ...] = ()  # links that were not followed then
        self.losses: list[str] = []  # what was deleted before it was read: sentences
        self.scans = 0  # how many there were that missed no file
        self._torn = 0

    @property
    def due(self) -> float:
        """When to look again, in seconds of the monotonic clock."""
        return min(self._look_at, self._rescan_at if self.scan_is_due else self._scan_at)

    def look(self) -> list[str] | None:
        """Look at files, if it is time; return what is newly wrong, None without a scan of all."""
        now, begun, cpu_begun = self._monotonic(), time.perf_counter(), time.thread_time()
        if now >= (self._rescan_at if self.scan_is_due else self._scan_at):
            self.scan_is_due = False
            result = scan(self._inputs, self._owner)
            cost = time.thread_time() - cpu_begun
            pause = (time.perf_counter() - begun) * _BUSY_SHARE
            self._rescan_at = now + pause
            self._look_at = now + POLL_SECONDS
            self._scan_at = now + min(max(POLL_SECONDS, cost * _SHARE, pause), MAX_POLL_SECONDS)
            return self._apply(result)
        if now >= self._look_at:
            for stat in self._files.live:
                again = restat(stat, self._inputs[stat.input])
                if again is None:
                    self.scan_is_due = True
                else:
                    self.update(again)
            cost = time.thread_time() - cpu_begun
            pause = (time.perf_counter() - begun) * _BUSY_SHARE
            self._look_at = now + max(POLL_SECONDS, cost * _SHARE, pause)
        return None

    def _owner(self, inode: Inode) -> str | None:
        file = self._files.get(inode)
        log = self._logs.find_by_inode(inode) if file is None else file.log
        if log is not None:
            return log.appliance
        return None if file is None else file.stat.appliance

    def _apply(self, result: Scan) -> list[str]:
        is_first = not self.scans
        if result.is_complete or self._torn == _MAX_TORN:
            self._torn = 0
            self.scans += 1
        else:
            self._torn += 1
            self.scan_is_due = True
        for stat in result.files.values():
            self.update(stat, is_first=is_first)
        for file in self._files:
            self._files.on(file, Event.SCANNED)
            if file.inode not in result.files:
                self._on_remove(file)
        new = [x for x in dict.fromkeys(result.problems) if x not in self.problems]
        self.problems, self.links = frozenset(result.problems), tuple(result.links)
        self._logs.forget_old()
        self.count_losses(GRACE)
        return new

    def update(self, stat: FileStat, *, is_first: bool = False) -> None:
        """Apply what was found of one file; ``is_first`` at the first scan of all."""
        file = self._files.get(stat.inode)
        if file is None:
            self._on_create(stat, is_first=is_first)
            return
        old = file.stat
        if file.here and stat == old:
            return
        changed = (stat.size, stat.modified_ns) != (old.size, old.modified_ns)
        self._files.rename(file, stat)
        if changed:
            if stat.size < old.size:
                file.skip = 0  # nothing of what was there
            file.changed_at = self._monotonic()
            if not file.head:
                file.seen_in = self.scans
        if file.is_current and not (changed and self._may_be_replaced(file)):
            self._files.on(file, Event.CHANGED)
        elif changed and (file.is_current or file.state not in {State.EXPECTED, State.COMPARE}):
            self.on_truncate(file)

    def _on_create(self, stat: FileStat, *, is_first: bool) -> None:
        source = self._inputs[stat.input]
        age = max(self._wall() - stat.modified_ns / 1e9, 0)
        file = File(stat, self._monotonic() - age, seen_in=self.scans)
        at_end = source.at_end and stat.pattern not in self._logs.started
        file.skip = stat.size if is_first and at_end else 0
        older = source.ignore_older
        is_old = older is not None and age > older.total_seconds()
        self._files.add(file)
        if self._logs.find_by_inode(stat.inode) is not None:
            self._files.expect(file)
        # Of a plain file that is skipped, the end is to be known when it grows; little is read.
        elif not is_old or (file.skip and not stat.path.endswith(".gz")):
            self._files.on(file, Event.REPLACED)

    def on_truncate(self, file: File) -> None:
        """Take a file that may hold something else by now from its log, and compare it again."""
        file.comparison = None
        log = file.log
        self._files.release(file)
        if log is not None and log.current_file is None and not log.read.size:
            self._logs.forget(log)
        self._files.on(file, Event.REPLACED)
        self.scan_is_due = True  # the rest of the log may be in a file that is new

    def _on_remove(self, file: File) -> None:
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
        self._files.drop(file)

    def count_losses(self, grace: timedelta) -> None:
        """Give up on what is unread of logs that have no file for longer than ``grace``."""
        now = self._monotonic()
        for log in self._logs.gone:
            if log.gone_since is None or now - log.gone_since < grace.total_seconds():
                continue
            path = log.path
            began = log.read.size > 0
            compressed = not began and path + ".gz" in self._files.paths
            if log.unread and not compressed:
                lost = self._logs.lose(log)
                self.losses.append(
                    f"{path!r} is gone, and {lost} bytes at its end that were there are lost: "
                    f"they were not read before and are in no other file that is followed; "
                    f"keep files for longer, or see in the status what holds up reading"
                )
            if not began and not log.lost:
                self._logs.forget(log)

    def _may_be_replaced(self, file: File) -> bool:
        """Whether reading on cannot find out that a file is another one by now.

        Reading looks at the bytes before; where there are none, or they would have to be
        decompressed, the file has to be compared again, unless it was open all the time.
        """
        began = file.log is not None and file.log.read.size > 0
        return not began or (file.is_gzip and file.inode not in self._files.handles)
