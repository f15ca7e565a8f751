"""``esa-forwarder report``: reads logs into a temporary database, and examines what is in it."""

from contextlib import closing
from datetime import datetime
from pathlib import Path

from forwarder.app.parse import Outcome, ParseOptions, Progress, Watcher, read_through
from forwarder.events import Event
from forwarder.inputs.block_reader import STDIN
from forwarder.inputs.files.discovery import find
from forwarder.mail_logs.event_ids import FileHeader
from forwarder.mail_logs.scanner import Block
from forwarder.pipeline import Settings
from forwarder.report.findings import make_report
from forwarder.report.overview import Report
from forwarder.report.store import Chosen, Store


class _Reader(Watcher):
    def __init__(self, settings: Settings, store: Store) -> None:
        super().__init__(settings)
        self._store = store

    def read(self, block: Block, header: FileHeader, arrival: datetime | None) -> list[Event]:
        """Join the lines of a block, and store what came of them."""
        events = super().read(block, header, arrival)
        if events:
            self._store.add(events)
        return events


def is_log(path: Path, options: ParseOptions) -> bool:
    """Whether a file is one of the logs to read, which nothing may be written over."""
    found = find(options.paths, options.appliance, follow_symlinks=options.follow_symlinks)
    return path.is_file() and any(path.samefile(x.path) for x in found.files if x.path != STDIN)


def report(
    options: ParseOptions, chosen: Chosen, progress: Progress
) -> tuple[Report | None, Outcome]:
    """Read files, and tell what happened; None where that cannot be told.

    That is so where reading did not come to its end, and where there were problems and no login:
    what was not read must not look like a quiet day.
    """
    with closing(Store(chosen)) as store:
        outcome = read_through(options, lambda: _Reader(options.settings, store), progress)
        if not outcome.complete or (outcome.problems and not outcome.counts.events):
            return None, outcome
        return make_report(store, outcome.files, outcome.counts), outcome
