"""``esa-forwarder status``: how the service is doing, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from forwarder.cli.common import (
    config_file,
    fail,
    format_table,
    format_unparsed,
    load_or_end,
    print_result,
)
from forwarder.events import GIVE_NAMES, WARNINGS, describe_mixture, describe_warning
from forwarder.text import escaped, escaped_json, iso_time, many

if TYPE_CHECKING:
    from forwarder.spool.stats import Summary, Waiting

_COUNTS = ("delivered", "rejected", "retried", "lost", "dropped")
_OUTPUTS = ("OUTPUT", "WAITING", "OLDEST", *(x.upper() for x in _COUNTS), "STATE")
_DEAD_LETTERS = ("DEAD LETTERS OF", "NUMBER", "TO REPLAY", "BYTES")
_SOCKETS = {
    "MESSAGES": "messages",
    "CONNECTIONS": "connections",
    "DROPPED": "dropped",
    "NOT ALLOWED": "not_allowed",
    "OVER LIMIT": "over_limit",
    "TLS FAILED": "tls_failed",
    "INCOMPLETE": "incomplete",
    "CUT": "cut",
}
"""Columns of sockets, by what they count."""
_APPLIANCES = ("APPLIANCE", "LAST LINE", "LAG", "BYTES/S", "LOGINS", "JOINED", "OPEN", "STATE")
_FILES = ("FILE", "APPLIANCE", "SIZE", "BEHIND", "LOST", "CHANGED")


@click.command()
@config_file
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Lines for people, or one JSON object.",
)
@click.option(
    "--unparsed",
    is_flag=True,
    help="Show the newest lines that were not understood: file, byte, why, text.",
)
def status(path: Path, form: str, *, unparsed: bool) -> None:
    """Show how far inputs and outputs are, and what went wrong.

    Works whether the service runs or not, and changes nothing.
    """
    from forwarder.spool.errors import SpoolError
    from forwarder.spool.stats import summarise

    folder = load_or_end(path).state
    try:
        summary = summarise(folder)
    except SpoolError as error:
        fail(str(error))
    if unparsed:
        inputs = orjson.loads(summary.ingest or b"{}")
        lines = [format_unparsed(**x) for x in inputs.get("unparsed", ())]
        none = "The service knows of no line that it did not understand."
        return print_result("\n".join(lines) or none)
    now = datetime.now(UTC)
    return print_result(
        as_json(summary, now).decode() if form == "json" else "\n".join(as_text(summary, now))
    )


def as_json(summary: "Summary", now: datetime) -> bytes:
    """Return everything as one JSON object, with ages at this time."""
    text = orjson.dumps(_status(summary, now), option=orjson.OPT_INDENT_2).decode()
    return escaped_json(text).encode()


def _status(summary: "Summary", now: datetime) -> dict[str, Any]:
    usage, pause = summary.usage, summary.pause
    runs = summary.process is not None
    return {
        "service": {"running": runs, "process": summary.process},
        "reading": {"paused_since": _iso(pause and pause.since), "reason": pause and pause.reason},
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
        "inputs": summary.ingest and orjson.loads(summary.ingest),
        "outputs": {x: _output(y, now, runs=runs) for x, y in summary.outputs.items()},
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


def _output(waiting: "Waiting", now: datetime, *, runs: bool) -> dict[str, Any]:
    progress = waiting.progress
    trouble, rejecting, dropped = progress.trouble, progress.rejecting, progress.dropped
    error, time = progress.last_error or (None, None)
    # A clock that was set back makes nothing younger than now.
    age = None if waiting.since is None else max(0.0, round(now.timestamp() - waiting.since, 3))
    return {
        "cursor": progress.cursor,
        "waiting": waiting.documents,
        "oldest_seconds": age,
        "delivered": progress.delivered,
        "rejected": progress.rejected,
        "retried": progress.retried,
        "lost": progress.missing,
        "dropped": dropped
        and {
            "documents": dropped.documents,
            "first": dropped.first._asdict(),
            "last": dropped.last._asdict(),
        },
        "failing_since": _iso(trouble and trouble.since),
        "stopped": trouble is not None and trouble.stopped,
        # Where the service was killed during a call, none is running.
        "attempt_since": _iso(progress.attempt_since if runs else None),
        "put_off": waiting.postponed,
        "rejecting": rejecting and {**rejecting._asdict(), "time": _iso(rejecting.time)},
        "last_error": error,
        "last_error_time": _iso(time),
    }


def as_text(summary: "Summary", now: datetime) -> Iterator[str]:
    """Yield everything as lines for people, with ages at this time."""
    shown = _status(summary, now)
    usage, (since, reason) = summary.usage, shown["reading"].values()
    runs = summary.process is not None
    limit = "" if summary.max_bytes is None else f" of {summary.max_bytes:,}"
    yield f"service: running as process {summary.process}" if runs else "service: not running"
    if reason is not None:
        yield f"reading: paused since {since}: {escaped(reason)}"
    yield (
        f"spool: {many(summary.documents, 'document')}; {usage.used:,}{limit} bytes;"
        f" WAL: {many(usage.wal, 'byte')}; free on the disk: {many(usage.free, 'byte')}"
    )
    if any(summary.damage):
        blocks, documents = summary.damage
        yield f"damaged and deleted: {many(documents, 'document')} in {many(blocks, 'row')}"
    yield f"open connections: {summary.connections:,}"
    if summary.outputs:
        yield ""
        rows = [_row(x, y, summary.outputs[x]) for x, y in shown["outputs"].items()]
        yield from format_table(_OUTPUTS, rows, left=(0, len(_OUTPUTS) - 1))
        yield from _losses(summary)
    if summary.dead_letters:
        yield ""
        limit = "" if summary.max_letter_bytes is None else f" of {summary.max_letter_bytes:,}"
        letters = [
            (name, f"{x.number:,}", f"{x.replays:,}", f"{x.size:,}{limit}")
            for name, x in summary.dead_letters.items()
        ]
        yield from format_table(_DEAD_LETTERS, letters, left=(0,))
    if shown["inputs"] is not None:
        yield ""
        yield from _inputs(shown["inputs"])


def _row(name: str, output: Mapping[str, Any], waiting: "Waiting") -> Sequence[str]:
    age = output["oldest_seconds"]
    dropped = output["dropped"]["documents"] if output["dropped"] else 0
    return (
        name,
        f"{output['waiting']:,}",
        "" if age is None else str(timedelta(seconds=round(age))),
        *(f"{output[x]:,}" for x in _COUNTS[:-1]),
        f"{dropped:,}",
        "; ".join(_states(output, waiting.postponed_for)),
    )


def _states(output: Mapping[str, Any], postponed_for: str | None) -> Iterator[str]:
    rejecting, failing = output["rejecting"], output["failing_since"]
    error, time = output["last_error"], output["last_error_time"]
    attempt = output["attempt_since"]
    calling = [f"a call has been running since {attempt}"] if attempt else []
    if failing is not None:
        what = "stopped" if output["stopped"] else "failing"
        yield f"{'; '.join([f'{what} since {failing}', *calling])}: {error} ({time})"
    elif calling:
        yield calling[0]
    elif rejecting is None or rejecting["number"] < rejecting["of"]:
        yield "delivering" if output["delivered"] else "nothing delivered yet"
    if rejecting is not None:
        yield (
            f"rejecting: {rejecting['number']:,} of the last {rejecting['of']:,},"
            f" {rejecting['reason']} ({rejecting['time']})"
        )
    if output["put_off"]:
        yield f"postponed: {output['put_off']:,}, {postponed_for}"
    if failing is None and error is not None:
        yield f"last error {time}: {error}"


def _losses(summary: "Summary") -> Iterator[str]:
    """Yield what outputs lost because the spool was full."""
    for output, waiting in summary.outputs.items():
        dropped = waiting.progress.dropped
        if dropped is not None:
            name = escaped(output)
            first, last = (escaped(x.words) for x in (dropped.first, dropped.last))
            rewind = f"esa-forwarder rewind --output {name}"
            yield (
                f"dropped for {name} because the spool was full:"
                f" {many(dropped.documents, 'document')}, from {first} to {last}; to bring them"
                f" back: {rewind} PATH, for the log of each appliance with which they begin; then,"
                f" or to do without them: {rewind} --settle"
            )


def _inputs(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield what ingest has written about inputs."""
    yield (
        f"inputs: {many(inputs['files'], 'file')};"
        f" {many(inputs['behind_bytes'], 'byte')} behind;"
        f" {many(inputs['lost_bytes'], 'byte')} lost; as of {inputs['time']}"
    )
    numbers = inputs.get("warnings", {})
    counted = [f"{many(numbers[x.name], x.noun)} {x.what}" for x in WARNINGS if numbers.get(x.name)]
    if counted:
        yield "since the service began: " + ", ".join(counted)
    for mixture in inputs.get("mixtures", []):
        parts = (escaped(mixture[x]) for x in ("appliance", "by", "first", "second"))
        yield f"{describe_mixture(*parts)}. {GIVE_NAMES}"
    for odd in inputs.get("appliance_warnings", []):
        parts = (escaped(odd[x]) for x in ("appliance", "detail"))
        yield f"{describe_warning(odd['kind'], *parts)}."
    rows = [_appliance(x) for x in inputs.get("appliances", ())]
    if rows:
        yield from format_table(_APPLIANCES, rows, left=(0, 1, len(_APPLIANCES) - 1))
    sizes = ("size", "behind_bytes", "lost_bytes")
    if files := [
        (x["path"], x["appliance"], *(f"{x[y]:,}" for y in sizes), x["modified"] or "gone")
        for x in inputs["named"]
    ]:
        yield from format_table(_FILES, files, left=(0, 1, 5))
    if sockets := [
        (x["address"], *(f"{x[y]:,}" for y in _SOCKETS.values()))
        for x in inputs.get("listeners", ())
    ]:
        yield from format_table(("SOCKET", *_SOCKETS), sockets, left=(0,))
    for problem in inputs.get("problems", ()):
        yield f"problem: {escaped(problem)}"


def _appliance(counts: Mapping[str, Any]) -> Sequence[str]:
    lag, logins, silent = (counts[x] for x in ("lag_seconds", "logins", "silent_since"))
    return (
        counts["appliance"],
        _iso(counts["last_line"]) or "",
        "" if lag is None else f"{lag:,} s",
        f"{counts['bytes_per_second']:,}",
        f"{logins:,}",
        f"{counts['joined'] / logins:.1%}" if logins else "",
        f"{counts['open_connections']:,}",
        "sending" if silent is None else f"silent since {_iso(silent)}",
    )


def _iso(time: float | None) -> str | None:
    return None if time is None else iso_time(time)
