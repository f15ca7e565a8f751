"""What the person at the terminal is told: progress while it runs, a summary at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from forwarder.app.parse import Progress
from forwarder.events import GIVE_NAMES, WARNINGS, Counters, describe_mixture
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
    def counts(self) -> Counters:
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
    yield from _parse_warnings(counts, notes=True)


def warnings(counts: Counters) -> Iterator[str]:
    """Say what a person should look at, a line each."""
    if counts.assumed_utc:
        yield (
            "times were taken for UTC: neither a file header nor --timezone gives the zone;"
            " name it with --timezone, for example --timezone Europe/Rome"
        )
    for appliance, kind, first, second in counts.mixtures:
        text = describe_mixture(quoted(appliance), kind, quoted(first), quoted(second))
        yield f"{text}. {GIVE_NAMES}"
    yield from _parse_warnings(counts, notes=False)


def _parse_warnings(counts: Counters, *, notes: bool) -> Iterator[str]:
    for name, noun, what, advice, is_note in WARNINGS:
        number = getattr(counts, name)
        if not number or is_note is not notes:
            continue
        where = ""
        if name == "unparsed_logins" and counts.first_unparsed is not None:
            path, offset = counts.first_unparsed
            where = f"; the first is at byte {offset:,} of {quoted(path or 'standard input')}"
        yield f"{many(number, noun)} {what}: {advice}{where}"


@contextmanager
def progress_bar(stream: IO[str]) -> Iterator[Progress]:
    """Show a bar on a terminal, as long as it is needed."""
    from rich import progress as bars
    from rich.console import Console
    from rich.progress import (
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
