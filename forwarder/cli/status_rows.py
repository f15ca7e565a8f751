"""How the service is doing, for people and for programs."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from forwarder.events import GIVE_NAMES, WARNINGS, describe_mixture
from forwarder.spool.cursors import Progress, Refusing
from forwarder.spool.stats import Summary, Waiting
from forwarder.text import escape_control as visible
from forwarder.text import escaped, escaped_json, many

_OUTPUTS = (
    "OUTPUT",
    "WAITING",
    "OLDEST",
    "DELIVERED",
    "REJECTED",
    "RETRIED",
    "LOST",
    "DROPPED",
    "STATE",
)
_DEAD_LETTERS = ("DEAD LETTERS OF", "NUMBER", "TO REPLAY", "BYTES")
_FILES = ("FILE", "APPLIANCE", "SIZE", "BEHIND", "LOST", "CHANGED")
_LEFT = (0, len(_OUTPUTS) - 1)
"""Columns with text; numbers stand to the right."""


def as_json(summary: Summary, now: datetime) -> bytes:
    """Give everything as one JSON object.

    Args:
        summary: Of the spool.
        now: The time, for ages.
    """
    usage = summary.usage
    status = {
        "service": {"running": summary.process is not None, "process": summary.process},
        "reading": {
            "paused_since": None if summary.pause is None else _iso(summary.pause.since),
            "reason": None if summary.pause is None else summary.pause.reason,
        },
        "spool": {
            "documents": summary.documents,
            "bytes": usage.used,
            "max_bytes": summary.max_bytes,
            "file_bytes": usage.file,
            "wal_bytes": usage.wal,
            "disk_free_bytes": usage.free,
            "damaged_rows": summary.damage[0],
            "damaged_documents": summary.damage[1],
        },
        "connections": {"open": summary.connections},
        "inputs": _ingest(summary),
        "outputs": {
            name: _output(x, now, runs=summary.process is not None)
            for name, x in summary.outputs.items()
        },
        "dead_letters": {
            name: {
                "number": x.number,
                "to_replay": x.replays,
                "bytes": x.size,
                "max_bytes": summary.max_letter_bytes,
            }
            for name, x in summary.dead_letters.items()
        },
    }
    text = orjson.dumps(status, option=orjson.OPT_INDENT_2).decode()
    return escaped_json(text).encode()


def as_text(summary: Summary, now: datetime) -> Iterator[str]:
    """Give everything as lines for people.

    Args:
        summary: Of the spool.
        now: The time, for ages.
    """
    usage = summary.usage
    runs = "does not run" if summary.process is None else f"runs as process {summary.process}"
    limit = "" if summary.max_bytes is None else f" of {summary.max_bytes:,}"
    yield f"service: {runs}"
    if summary.pause is not None:
        since, reason = summary.pause
        yield f"reading: pauses since {_iso(since)}: {visible(reason)}"
    yield (
        f"spool: {many(summary.documents, 'document')}; {usage.used:,}{limit} bytes;"
        f" log of changes: {many(usage.wal, 'byte')};"
        f" free on the disk: {many(usage.free, 'byte')}"
    )
    if any(summary.damage):
        blocks, documents = summary.damage
        yield f"damaged and set aside: {many(documents, 'document')} in {many(blocks, 'row')}"
    yield f"open connections: {summary.connections:,}"
    if summary.outputs:
        yield ""
        running = summary.process is not None
        rows = [_output_row(name, x, now, runs=running) for name, x in summary.outputs.items()]
        yield from _table(_OUTPUTS, rows, left=_LEFT)
        yield from _losses(summary)
    if summary.dead_letters:
        yield ""
        of = "" if summary.max_letter_bytes is None else f" of {summary.max_letter_bytes:,}"
        rows = [
            (name, f"{x.number:,}", f"{x.replays:,}", f"{x.size:,}{of}")
            for name, x in summary.dead_letters.items()
        ]
        yield from _table(_DEAD_LETTERS, rows, left=(0,))
    inputs = _ingest(summary)
    if inputs is not None:
        yield ""
        yield (
            f"inputs: {many(inputs['files'], 'file')};"
            f" {many(inputs['behind_bytes'], 'byte')} behind;"
            f" {many(inputs['lost_bytes'], 'byte')} lost; as of {inputs['time']}"
        )
        numbers = inputs.get("warnings", {})
        said = [
            f"{many(numbers[x.name], x.noun)} {x.what}" for x in WARNINGS if numbers.get(x.name)
        ]
        if said:
            yield "since the service began: " + ", ".join(said)
        for mixture in inputs.get("mixtures", []):
            parts = (visible(mixture[x]) for x in ("appliance", "by", "first", "second"))
            yield f"{describe_mixture(*parts)}. {GIVE_NAMES}"
        rows = [
            (
                x["path"],
                x["appliance"],
                *(f"{x[name]:,}" for name in ("size", "behind_bytes", "lost_bytes")),
                x["modified"] or "gone",
            )
            for x in inputs["named"]
        ]
        if rows:
            yield from _table(_FILES, rows, left=(0, 1, 5))
        for problem in inputs.get("problems", ()):
            yield f"problem: {escaped(problem)}"


def _output(waiting: Waiting, now: datetime, *, runs: bool) -> dict[str, Any]:
    progress = waiting.progress
    trouble = progress.trouble
    error, time = progress.last_error or (None, None)
    return {
        "cursor": progress.cursor,
        "waiting": waiting.documents,
        "oldest_seconds": _age(waiting.since, now),
        "delivered": progress.delivered,
        "rejected": progress.rejected,
        "retried": progress.retried,
        "lost": progress.missing,
        "dropped": _dropped(progress),
        "failing_since": None if trouble is None else _iso(trouble.since),
        "stopped": trouble is not None and trouble.stopped,
        "attempt_since": _attempt(progress, runs=runs),
        "put_off": waiting.put_off,
        "refusing": None if progress.refusing is None else _refusing_as_json(progress.refusing),
        "last_error": error,
        "last_error_time": None if time is None else _iso(time),
    }


def _losses(summary: Summary) -> Iterator[str]:
    """Name what outputs lost because the spool was full."""
    for name, waiting in summary.outputs.items():
        dropped = waiting.progress.dropped
        if dropped is not None:
            yield (
                f"dropped for {visible(name)} because the spool was full:"
                f" {many(dropped.documents, 'document')}, from {visible(dropped.first.words)}"
                f" to {visible(dropped.last.words)}; to bring them back: esa-forwarder rewind"
                f" --output {visible(name)} PATH, for the log of each appliance with which they"
                f" begin; then, or to do without them: esa-forwarder rewind --output"
                f" {visible(name)} --settle"
            )


def _dropped(progress: Progress) -> dict[str, Any] | None:
    """Say what an output lost because the spool was full."""
    if progress.dropped is None:
        return None
    documents, first, last = progress.dropped
    return {"documents": documents, "first": first._asdict(), "last": last._asdict()}


def _output_row(name: str, waiting: Waiting, now: datetime, *, runs: bool) -> Sequence[str]:
    progress = waiting.progress
    age = _age(waiting.since, now)
    dropped = progress.dropped.documents if progress.dropped else 0
    counts = (progress.delivered, progress.rejected, progress.retried, progress.missing, dropped)
    return (
        name,
        f"{waiting.documents:,}",
        "" if age is None else str(timedelta(seconds=round(age))),
        *(f"{x:,}" for x in counts),
        _state(waiting, runs=runs),
    )


def _attempt(progress: Progress, *, runs: bool) -> str | None:
    """Say since when an attempt is going on; none does where the service was killed amid it."""
    return _iso(progress.attempt_since) if runs and progress.attempt_since is not None else None


def _refusing_as_json(refusing: Refusing) -> dict[str, Any]:
    return {
        "number": refusing.number,
        "of": refusing.of,
        "reason": refusing.reason,
        "time": _iso(refusing.time),
    }


def _state(waiting: Waiting, *, runs: bool) -> str:
    return "; ".join(_say_state(waiting, runs=runs))


def _say_state(waiting: Waiting, *, runs: bool) -> Iterator[str]:
    progress = waiting.progress
    trouble, refusing = progress.trouble, progress.refusing
    attempt = _attempt(progress, runs=runs)
    going_on = None if attempt is None else f"one attempt has been going on since {attempt}"
    if trouble is not None:
        what = "stopped" if trouble.stopped else "cannot deliver"
        trying = "" if going_on is None else f"; {going_on}"
        since = _iso(trouble.since)
        yield f"{what} since {since}{trying}: {trouble.error} ({_iso(trouble.time)})"
    elif going_on is not None:
        yield going_on
    elif refusing is None or refusing.number < refusing.of:
        yield "delivers" if progress.delivered else "nothing delivered yet"
    if refusing is not None:
        yield (
            f"refusing: {refusing.number:,} of the last {refusing.of:,}, {refusing.reason}"
            f" ({_iso(refusing.time)})"
        )
    if waiting.put_off:
        yield f"putting off: {waiting.put_off:,}, {waiting.put_off_for}"
    if trouble is None and progress.last_error is not None:
        error, time = progress.last_error
        yield f"last error {_iso(time)}: {error}"


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[int]
) -> Iterator[str]:
    shown = [head, *([visible(x) for x in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = [
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _ingest(summary: Summary) -> Any:  # noqa: ANN401 - JSON
    """Read what ingest has written."""
    return None if summary.ingest is None else orjson.loads(summary.ingest)


def _age(since: float | None, now: datetime) -> float | None:
    """Return the seconds since then; a clock that was set back makes nothing younger than now."""
    return None if since is None else max(0.0, round(now.timestamp() - since, 3))


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
