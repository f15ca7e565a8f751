"""What is said of the inputs: to ``status`` how far they are, in the log what is wrong."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import structlog

from forwarder.core_messages import Snapshot
from forwarder.counts import Counts
from forwarder.inputs.following import Following
from forwarder.inputs.standing import FileStatus
from forwarder.oddities import Oddities, in_status

STATUS_SECONDS = 5.0
"""How often the state of the inputs is written for ``status``, while something changes."""

STATUS_PREFIX = "status/"

MAX_STATUS_FILES = 100
"""Files that ``status`` names, those that are furthest behind first: there may be thousands."""


_log = structlog.get_logger(__name__)


class ReadingStatus:
    """Says how the inputs are; for the thread that reads them.

    Attributes:
        problems: What could not be read, or is lost; each was logged.
    """

    def __init__(self, following: Following | None) -> None:
        """Start with nothing said.

        Args:
            following: The files among the inputs, if there are any.
        """
        self._following = following
        self._oddities = Oddities()
        self._counts = Counts()
        self._foreign: list[str] = []
        self._has_logs: bool | None = None
        self._due = 0.0
        self._last: dict[str, object] = {}
        self.problems = 0

    def say_problems(self) -> None:
        """Say what has gone wrong since the last time."""
        if self._following is not None:
            for problem in self._following.take_problems():
                self.problems += 1
                _log.warning("Something of the logs cannot be read.", reason=problem)

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
        self._foreign += snapshot.foreign
        if not self.is_due:
            return []
        self._due = time.monotonic() + STATUS_SECONDS
        self._oddities.say(self._counts, self._foreign)
        self._foreign = []
        files = [] if self._following is None else self._following.status()
        self._say_whether_there_are_logs()
        status = describe(files, snapshot.open_connections, self._counts)
        if status == self._last:
            return []
        self._last = status
        at = {"time": datetime.now(UTC).isoformat(timespec="seconds")}
        return [(STATUS_PREFIX + "ingest", orjson.dumps(at | status))]

    def finish(self) -> None:
        """Say what was odd about the logs, at the end."""
        self._oddities.say(self._counts, last=True)

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


def describe(
    files: Sequence[FileStatus], open_connections: int, counts: Counts
) -> dict[str, object]:
    """Say how far the inputs are, for ``status``."""
    worst = sorted(files, key=lambda x: (-x.behind - x.lost, x.path))[:MAX_STATUS_FILES]
    return {
        "open_connections": open_connections,
        "oddities": in_status(counts),
        "files": len(files),
        "behind_bytes": sum(x.behind for x in files),
        "lost_bytes": sum(x.lost for x in files),
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
