"""What is said of the inputs: to ``status`` how far they are, in the log what is wrong."""

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from heapq import nsmallest
from operator import itemgetter

import orjson
import structlog

from forwarder.app.core_messages import Snapshot
from forwarder.app.oddities import AGAIN_SECONDS, Oddities, in_status, in_words
from forwarder.counts import Counts
from forwarder.inputs.files.standing import FileStatus
from forwarder.inputs.files.tailer import Following
from forwarder.inputs.stdin import KEY as STDIN_KEY
from forwarder.mail_logs.subscriptions import OtherLog
from forwarder.text import shortened, shown

STATUS_SECONDS = 5.0
"""How often the state of the inputs is written for ``status``, while something changes."""

_STATUS_SHARE = 50
"""Of the time, it takes one part in so many: with 100,000 files it is written seldom."""

STATUS_PREFIX = "status/"

_KEY = STATUS_PREFIX + "ingest"

MAX_STATUS_FILES = 100
"""Files that ``status`` names, those that are furthest behind first: there may be thousands."""


MAX_OTHERS = 1_000
"""Files that are no mail logs and are known as such after a restart, though nothing of them is read
again."""

MAX_SAID = 10_000
"""Problems that are remembered, so that none is said again and again."""

_log = structlog.get_logger(__name__)


class ReadingStatus:
    """Says how the inputs are; for the thread that reads them.

    Attributes:
        problems: What could not be read, or is lost; each was logged.
    """

    def __init__(
        self, following: Following | None, named: Collection[str], last: Mapping[str, bytes]
    ) -> None:
        """Start with nothing said.

        Args:
            following: The files among the inputs, if there are any.
            named: Paths of single files that the configuration names.
            last: What was written for ``status`` before: what is no mail log is not read again.
        """
        self._following = following
        self._named = frozenset(named)
        self._others = _restore(last.get(_KEY))
        before = orjson.loads(last.get(_KEY, b"{}"))
        self._lost_before = int(before.get("lost_before_begun", 0))
        """Bytes of logs that came and went before they were begun, as ``status`` had it."""
        self._said: dict[str, OtherLog] = {}
        self._said_others = 0
        self._said_problems: dict[str, float] = {}
        """When, in seconds of the monotonic clock."""
        self._oddities = Oddities()
        self._counts = Counts()
        self._has_logs: bool | None = None
        self._due = 0.0
        self._last: dict[str, object] = {}
        self.problems = 0

    def follow(self, following: Following | None) -> None:
        """Take other followed files in the place of those before."""
        self._following = following

    def say_problems(self) -> None:
        """Say what has gone wrong since the last time."""
        if self._following is not None:
            for problem in self._following.take_problems():
                self.problems += 1
                if self._is_new(problem):
                    _log.warning("Something of the logs cannot be read.", reason=problem)
            links = self._following.take_links()
            if links is not None:
                _log.warning("Symbolic links were passed over.", reason=links)

    def _is_new(self, problem: str) -> bool:
        """Say whether something was not said lately: a name may change from good to bad all day."""
        now = time.monotonic()
        said = self._said_problems.get(problem)
        if said is not None and now - said < AGAIN_SECONDS:
            return False
        if len(self._said_problems) >= MAX_SAID:
            self._said_problems.clear()
        self._said_problems[problem] = now
        return True

    @property
    def is_due(self) -> bool:
        """Whether it is time to write for ``status``."""
        return time.monotonic() >= self._due

    def renew(self) -> None:
        """Let it be time: it is not to say for ever how far an earlier commit was."""
        self._due = 0.0

    def take(self, snapshot: Snapshot) -> list[tuple[str, bytes]]:
        """Say, if it is time, what is new.

        Args:
            snapshot: Of the core; each is given once.

        Returns:
            Pairs for the state.
        """
        self._counts = snapshot.counts
        for key, other in snapshot.others.items():
            if other is None:
                self._others.pop(key, None)
            else:
                self._others[key] = other
        if not self.is_due:
            return []
        begun = time.monotonic()
        self._oddities.say(self._counts)
        self._say_whether_there_are_logs()
        paths = self._find_others()
        others = self._say_others(paths)
        lost = self._lost_before + (0 if self._following is None else self._following.lost)
        status = describe(self._files(), snapshot.open_connections, self._counts, lost)
        status["other_logs"] = [
            {"key": key, **others[key]._asdict()} for key in sorted(others)[:MAX_OTHERS]
        ]
        status["problems"] = self._list_problems(paths, others)
        now = time.monotonic()
        self._due = now + max(STATUS_SECONDS, (now - begun) * _STATUS_SHARE)
        if status == self._last:
            return []
        self._last = status
        at = {"time": datetime.now(UTC).isoformat(timespec="seconds")}
        return [(_KEY, orjson.dumps(at | status))]

    def finish(self) -> None:
        """Say what was odd about the logs, at the end, and count what is not a log as a problem.

        Beside logs there may be anything, but for a file that was named; with nothing else,
        something is wrong.
        """
        self._oddities.say(self._counts, last=True)
        paths = self._find_others()
        others = self._say_others(paths)
        foreign = {key for key, other in others.items() if other.is_foreign}
        named = {key for key, path in paths.items() if path in self._named or key == STDIN_KEY}
        number = 0 if self._following is None else self._following.number
        self.problems += len(foreign if len(foreign) == number else foreign & named)

    def _files(self) -> Iterator[FileStatus]:
        return iter(()) if self._following is None else self._following.status()

    def _find_others(self) -> dict[str, str]:
        """Say where what is no mail log is now, by key."""
        files = self._files() if self._others else ()
        paths = {x.key: x.path for x in files if x.key in self._others}
        return {STDIN_KEY: "-"} | dict(sorted(paths.items(), key=itemgetter(1)))

    def _say_others(self, paths: Mapping[str, str]) -> dict[str, OtherLog]:
        """Say what is no mail log and was not said so before; give all that are there now."""
        found = {key: other for key, other in self._others.items() if key in paths}
        for key, other in found.items():
            before = self._said.get(key)
            if before is None or before._replace(lines=other.lines) != other:
                self._say_other(other.say(shown(paths[key])))
            self._said[key] = other
        return found

    def _say_other(self, sentence: str) -> None:
        self._said_others += 1
        if self._said_others <= MAX_STATUS_FILES:
            _log.warning("A file is not a mail log.", reason=sentence)
        elif self._said_others == MAX_STATUS_FILES + 1:
            _log.warning("There are more files that are not mail logs; no further one is named.")

    def _list_problems(self, paths: Mapping[str, str], others: Mapping[str, OtherLog]) -> list[str]:
        """Name what is wrong now."""
        found = [] if self._following is None else self._following.problems
        found += (other.say(shown(paths[key])) for key, other in sorted(others.items()))
        return [shortened(x) for x in found[:MAX_STATUS_FILES]]

    def _say_whether_there_are_logs(self) -> None:
        """Say once that no log is there: a share that is not mounted looks like a quiet night."""
        found = None if self._following is None else self._following.finds_files
        if found is None:
            return
        before, self._has_logs = self._has_logs, found
        if found:
            if before is False:
                _log.info("There are logs again.")
            return
        # At the beginning, what cannot be read was said already.
        if before is False or (before is None and self.problems):
            return
        self.problems += 1
        _log.warning(
            "There is no log: nothing matches the paths of the inputs. Mount what is missing, or"
            " mend the paths; see esa-forwarder check."
        )


def _restore(status: bytes | None) -> dict[str, OtherLog]:
    others = orjson.loads(status).get("other_logs", ()) if status else ()
    found = {x.pop("key"): OtherLog(**x) for x in others}
    found.pop(STDIN_KEY, None)  # of another run
    return found


class _Sums:
    """What all files come to; they go by one at a time, because there may be 100,000."""

    def __init__(self) -> None:
        self.files = self.behind = self.lost = 0

    def of(self, files: Iterable[FileStatus]) -> Iterator[FileStatus]:
        """Count files on their way."""
        for file in files:
            self.files += 1
            self.behind += file.behind
            self.lost += file.lost
            yield file


def describe(
    files: Iterable[FileStatus], open_connections: int, counts: Counts, lost_before_begun: int
) -> dict[str, object]:
    """Say how far the inputs are, for ``status``."""
    sums = _Sums()
    worst = nsmallest(
        MAX_STATUS_FILES, sums.of(files), key=lambda x: (-x.behind - x.lost, x.path, x.offset)
    )
    return {
        "open_connections": open_connections,
        "oddities": in_status(counts),
        "mixtures": [in_words(x) for x in counts.mixtures],
        "files": sums.files,
        "behind_bytes": sums.behind,
        "lost_bytes": sums.lost + lost_before_begun,
        "lost_before_begun": lost_before_begun,
        "named": [
            {
                "path": os.fsencode(x.path).decode("utf-8", "replace"),
                "appliance": x.appliance,
                "size": x.size,
                "offset": x.offset,
                "behind_bytes": x.behind,
                "lost_bytes": x.lost,
                "modified": None if x.modified is None else x.modified.isoformat(),
            }
            for x in worst
        ],
    }
