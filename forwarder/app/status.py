"""How the service is doing, as one mapping: for ``status``, for monitors and for the page.

It is made of the state folder alone, so it is the same whether the service runs or not.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from forwarder.app.attention import findings
from forwarder.text import iso_time, shortened

if TYPE_CHECKING:
    from forwarder.spool.stats import Summary, Waiting

Status = Mapping[str, Any]

_MAX_REASONS = 10


def describe(summary: "Summary", now: datetime) -> Status:
    """Describe everything, with ages at this time."""
    usage, pause = summary.usage, summary.pause
    runs = summary.process is not None
    inputs = None if summary.ingest is None else orjson.loads(summary.ingest)
    status = {
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
        "connections": {"open": (inputs or {}).get("open_connections", 0)},
        "inputs": inputs,
        "outputs": {x: _output(y, now, runs=runs) for x, y in summary.outputs.items()},
        "dead_letters": {
            name: {
                "number": x.number,
                "to_replay": x.replays,
                "bytes": x.size,
                "max_bytes": summary.max_letter_bytes,
                "newest": _reasons(summary, name),
            }
            for name, x in summary.dead_letters.items()
        },
    }
    return status | {"attention": [x._asdict() for x in findings(status)]}


def _reasons(summary: "Summary", output: str) -> list[dict[str, Any]]:
    """Return the reasons of the newest dead letters of an output, each with its number and time."""
    found: dict[str, dict[str, Any]] = {}
    for name, reason, time in summary.newest_letters:
        if name == output:
            last = {"reason": shortened(reason), "number": 0, "time": iso_time(time / 1_000)}
            found.setdefault(reason, last)["number"] += 1
    return list(found.values())[:_MAX_REASONS]


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
        "put_off_for": waiting.postponed_for,
        "rejecting": rejecting and {**rejecting._asdict(), "time": _iso(rejecting.time)},
        "last_error": error,
        "last_error_time": _iso(time),
    }


def _iso(time: float | None) -> str | None:
    return None if time is None else iso_time(time)
