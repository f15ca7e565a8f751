"""What the person at the terminal is told: progress while it runs, a summary at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from forwarder.app.parse import Progress
from forwarder.counts import GIVE_NAMES, Counts
from forwarder.text import many, quoted

_NAMES = {
    "smtp-authentication": "inbound logins",
    "smtp-relay-authentication": "outbound logins",
    "smtp-authentication-error": "logins that could not be checked",
    "smtp-authentication-not-initiated": "logins required and not begun",
    "smtp-session-closed": "sessions ended",
}


class Summary(Protocol):
    """What a summary needs to know."""

    @property
    def files(self) -> int:
        """Files that were read."""

    @property
    def counts(self) -> Counts:
        """What was in them."""

    @property
    def repeated(self) -> tuple[tuple[str, str], ...]:
        """Files that were left out, and those read in their place."""

    @property
    def seconds(self) -> float:
        """Time that passed."""

    @property
    def cpu_seconds(self) -> float:
        """Time that processors spent."""


_RATED_MEGABYTES = 1
"""Below, a rate says how long the program took to start."""


def summarise(summary: Summary) -> Iterator[str]:
    """Say what was done, a line each."""
    counts = summary.counts
    megabytes = counts.bytes / 1e6
    rate = ""
    if megabytes >= _RATED_MEGABYTES and summary.cpu_seconds:
        rate = f" ({megabytes / summary.cpu_seconds:,.0f} MB a CPU second)"
    yield (
        f"{many(summary.files, 'file')}, {many(counts.lines, 'line')}, {megabytes:,.1f} MB"
        f" in {summary.seconds:.2f} s{rate}"
    )
    for path, read in summary.repeated:
        yield f"left out {quoted(path)}: all of it is in {quoted(read)}"
    actions = dict.fromkeys(action for action, _ in sorted(counts.events, key=str))
    for action in sorted(actions, key=list(_NAMES).index):
        by_result = {r: n for (a, r), n in sorted(counts.events.items(), key=str) if a == action}
        results = ", ".join(f"{n:,} {r}" for r, n in by_result.items() if r is not None)
        yield f"{_NAMES[action]}: {sum(by_result.values()):,}" + (
            f" ({results})" if results else ""
        )
    if counts.joinable:
        share = 100 * counts.joined / counts.joinable
        yield (
            f"joined to their connection: {counts.joined:,} of {counts.joinable:,} ({share:.1f} %)"
        )
    if counts.cut_lines:
        yield f"{many(counts.cut_lines, 'line')} cut: longer than 64 KiB"
    if counts.others:
        yield f"{many(counts.others, 'line')} left out: not of a mail log"


def warnings(counts: Counts) -> Iterator[str]:
    """Say what a person should look at, a line each."""
    if counts.assumed_utc:
        yield (
            "times were taken for UTC: neither a file header nor --timezone gives the zone;"
            " name it with --timezone, for example --timezone Europe/Rome"
        )
    for mixture in counts.mixtures:
        yield (
            f"the logs of {quoted(mixture.appliance)} come from two machines, by their"
            f" {mixture.kind} {quoted(mixture.first)} and {quoted(mixture.second)}; nothing is"
            f" joined between them. {GIVE_NAMES}"
        )
    if counts.unread:
        where = ""
        if counts.first_unread is not None:
            path, offset = counts.first_unread
            where = f"; the first is at byte {offset:,} of {quoted(path or 'standard input')}"
        yield (
            f"{many(counts.unread, 'line')} not understood: they begin like a login or the"
            f" header of a file and have no known form or no possible date or offset{where}; please"
            " report them"
        )
    if counts.strangers:
        yield (
            f"{many(counts.strangers, 'line')} had something behind that is neither a line nor"
            " the wrapped rest of one; it was left out"
        )
    if counts.dropped_repeats:
        yield (
            f"{many(counts.dropped_repeats, 'repeated login')} dropped: a syslog daemon says that"
            " they came, and more often than is believed (10,000 at once, and 20 for each line of a"
            " login in the long run); switch off its reduction of repeated messages"
        )
    if counts.orphaned_repeats:
        yield (
            f"the first line of {many(counts.orphaned_repeats, 'file')} says that the last message"
            " of the file before was repeated; if that was a login, its repetitions are missing"
        )
    if counts.broken_off:
        yield (
            f"the last line of {many(counts.broken_off, 'file')} is not whole and was left out;"
            " fetch the file again if it was still being sent"
        )


@contextmanager
def progress_bar(stream: IO[str]) -> Iterator[Progress]:
    """Show a bar on a terminal, as long as it is needed."""
    from rich import progress as bars  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with bars.Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task("", total=None)

        def step(read: int, whole: int) -> None:
            progress.update(task, advance=read, total=whole or None)

        yield step


def no_bar(read: int, whole: int) -> None:
    """Show nothing."""
