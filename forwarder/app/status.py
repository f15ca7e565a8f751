"""How the service is doing, as one mapping for programs, and as lines and tables for people.

It is read from the state folder alone, so it is the same whether the service runs or not. The
command ``status`` and the page show the same.

Only what is wrong now needs attention, until the operator acts or the other side recovers: what was
lost long ago is in the counts, and would keep a monitor red for ever. Texts come from servers and
logs, and are escaped where they are shown.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from forwarder.events import APPLIANCE_WARNINGS, GIVE_NAMES, WARNINGS, describe_mixture
from forwarder.spool.cursors import Place
from forwarder.spool.stats import summarise_own
from forwarder.text import iso_time, many, shortened

if TYPE_CHECKING:
    from forwarder.delivery.health import Meter
    from forwarder.delivery.worker import Delivery
    from forwarder.spool.stats import Summary, Waiting

Status = Mapping[str, Any]

_OLD = timedelta(minutes=1)  # of a document that waits for an output that delivers
_NEARLY_FULL = 0.9  # of the spool
_SEE_LETTERS = "see esa-forwarder dead-letters list; fix the cause, then run dead-letters replay"
_MAX_REASONS = 10
_SOCKETS = (
    *("messages", "connections", "dropped", "not_allowed"),
    *("over_limit", "tls_failed", "incomplete", "cut"),
)
"""Counts of a socket."""
_COUNTS = ("delivered", "rejected", "retried", "filtered", "lost")  # of an output


class Observation(NamedTuple):
    """A service at one moment: its status, and what only its own process knows."""

    at: float  # seconds since 1970
    status: Status
    meters: "Mapping[str, Meter]"  # by output


def observe(folder: Path, deliveries: "Iterable[Delivery]") -> Observation:
    """Look at the state folder and the outputs; raises SpoolError if the folder cannot be read."""
    now = time.time()
    status = describe(summarise_own(folder), datetime.fromtimestamp(now, UTC))
    return Observation(now, status, {x.name: x.meter for x in deliveries})


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
    return status | {"attention": sorted(findings(status), key=lambda x: not x.critical)}


def _reasons(summary: "Summary", output: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, reason, rejected in summary.newest_letters:
        if name == output:
            last = {"reason": shortened(reason), "number": 0, "time": iso_time(rejected / 1_000)}
            found.setdefault(reason, last)["number"] += 1
    return list(found.values())[:_MAX_REASONS]


def _output(waiting: "Waiting", now: datetime, *, runs: bool) -> dict[str, Any]:
    progress = waiting.progress
    trouble, rejecting, dropped = progress.trouble, progress.rejecting, progress.dropped
    error, failed = progress.last_error or (None, None)
    # A clock that was set back makes nothing younger than now.
    age = None if waiting.since is None else max(0.0, round(now.timestamp() - waiting.since, 3))
    return {
        "cursor": progress.cursor,
        "waiting": waiting.documents,
        "oldest_seconds": age,
        "delivered": progress.delivered,
        "rejected": progress.rejected,
        "retried": progress.retried,
        "filtered": progress.filtered,
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
        "last_error_time": _iso(failed),
    }


def _iso(epoch: float | None) -> str | None:
    return None if epoch is None else iso_time(epoch)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that needs an operator."""

    subject: str  # what it is about, such as `output siem`
    what: str  # what is wrong, without a period
    advice: str = ""  # what to do, without a period
    critical: bool = False  # whether nothing is read, or an output gets nothing

    @property
    def sentence(self) -> str:
        """The finding as a sentence, without a period."""
        return f"{self.subject}: {'; '.join(filter(None, (self.what, self.advice)))}"


def findings(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what needs attention."""
    since, reason = status["reading"]["paused_since"], status["reading"]["reason"]
    if since is not None:
        what = f"paused since {since}: {reason}"
        yield Finding(
            "reading", what, "logs wait on disk; those deleted meanwhile are lost", critical=True
        )
    used, limit = status["spool"]["bytes"], status["spool"]["max_bytes"]
    if limit is not None and used > limit * _NEARLY_FULL:
        yield Finding(
            "spool",
            f"{used / limit:.0%} full",
            "see which output does not deliver: at its limit, documents are dropped for it, or"
            " reading pauses (when_full)",
        )
    for name, output in status["outputs"].items():
        letters = status["dead_letters"].get(name, {"number": 0, "newest": ()})
        yield from _of_output(name, output, letters)
    if status["inputs"] is not None:
        yield from _of_inputs(status["inputs"])


def _of_output(
    name: str, output: Mapping[str, Any], letters: Mapping[str, Any]
) -> Iterator[Finding]:
    subject = f"output {name}"
    error, failing, rejecting = output["last_error"], output["failing_since"], output["rejecting"]
    oldest = timedelta(seconds=round(output["oldest_seconds"] or 0))
    if failing is not None:
        what, advice = "failing", "its documents wait and are retried; fix the cause"
        if output["stopped"]:
            what, advice = "stopped", "fix the cause, then restart or reload the service"
        yield Finding(subject, f"{what} since {failing}: {error}", advice, critical=True)
    elif output["attempt_since"] is not None:
        what = f"a call has been running since {output['attempt_since']}"
        yield Finding(subject, what, "see whether its server or disk hangs", critical=True)
    elif oldest > _OLD:
        what = f"behind: its oldest document has waited for {oldest}"
        yield Finding(subject, what, "see why it is slower than the logs that are read")
    kept = letters["number"] - output["put_off"]
    if kept > 0:
        what = many(kept, "dead letter")
        if letters["newest"]:
            last = letters["newest"][0]
            what += f"; the last was rejected at {last['time']}: {last['reason']}"
        is_all = rejecting is not None and rejecting["number"] == rejecting["of"]
        yield Finding(subject, what, _SEE_LETTERS, is_all)
    if output["put_off"]:
        what = f"{many(output['put_off'], 'document')} postponed: {output['put_off_for']}"
        yield Finding(subject, what, "they are retried; fix the cause at the server")
    if output["dropped"] is not None:
        dropped = output["dropped"]
        first, last = (Place(**dropped[x]).words for x in ("first", "last"))
        rewind = f"esa-forwarder rewind --output {name}"
        yield Finding(
            subject,
            f"{many(dropped['documents'], 'document')} dropped because the spool was full, from"
            f" {first} to {last}",
            f"to bring them back: {rewind} PATH, for the log of each appliance with which they"
            f" begin; then, or to do without them: {rewind} --settle",
        )


def _of_inputs(inputs: Mapping[str, Any]) -> Iterator[Finding]:
    if inputs.get("has_logs") is False:
        what = "nothing matches the paths"
        yield Finding("inputs", what, "mount what is missing, or correct the paths", critical=True)
    behind_since = inputs.get("behind_since")
    if behind_since is not None:
        speed = sum(x["bytes_per_second"] for x in inputs["appliances"])
        yield Finding(
            "inputs",
            f"{many(inputs['behind_bytes'], 'byte')} are not read yet, since"
            f" {iso_time(behind_since)}, at {many(speed, 'byte')} a second",
            "wait if old logs were added; if not, see what keeps processor or disk busy",
        )
    for appliance in inputs.get("appliances", ()):
        if appliance["silent_since"] is not None:
            yield Finding(
                f"appliance {appliance['appliance']}",
                f"silent since {iso_time(appliance['silent_since'])}",
                "see whether it runs, and whether its logs still arrive",
            )
    for mixture in inputs.get("mixtures", ()):
        what, advice = describe_mixture(**mixture), GIVE_NAMES.rstrip(".")
        yield Finding(f"appliance {mixture['appliance']}", what, advice)
    for odd in inputs.get("appliance_warnings", ()):
        detail = f" ({odd['detail']})" if odd["detail"] else ""
        what = APPLIANCE_WARNINGS[odd["kind"]] + detail
        yield Finding(f"appliance {odd['appliance']}", what)
    if inputs.get("geoip_trouble"):
        what, advice = inputs["geoip_trouble"], "its old content is used; put a whole file there"
        yield Finding("GeoIP", what, advice)
    for problem in inputs.get("problems", ()):
        yield Finding("inputs", problem.rstrip("."))


class Table(NamedTuple):
    """Rows below a head."""

    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    left: Sequence[str] = ()  # columns besides the first one that are not of numbers


class Section(NamedTuple):
    """What belongs together."""

    title: str
    lines: Sequence[str]
    tables: Sequence[Table] = ()


def sections(status: Status) -> Iterator[Section]:
    """Yield everything but what needs attention."""
    spool = status["spool"]
    usage = (
        f"spool: {many(spool['documents'], 'document')};"
        f" {_of(spool['bytes'], spool['max_bytes'])} bytes;"
        f" WAL: {many(spool['wal_bytes'], 'byte')};"
        f" free on the disk: {many(spool['disk_free_bytes'], 'byte')}"
    )
    lines = [usage, f"open connections: {status['connections']['open']:,}"]
    if spool["damaged_rows"]:
        documents = many(spool["damaged_documents"], "document")
        lines.insert(1, f"damaged and deleted: {documents} in {many(spool['damaged_rows'], 'row')}")
    yield Section("Spool", lines)
    if outputs := [_output_row(x, y) for x, y in status["outputs"].items()]:
        head = ("Output", "Waiting", "Oldest", *(x.capitalize() for x in _COUNTS))
        yield Section("Outputs", (), [Table((*head, "Dropped", "State"), outputs, ("State",))])
    if letters := [
        (name, x["number"], x["to_replay"], _of(x["bytes"], x["max_bytes"]))
        for name, x in status["dead_letters"].items()
    ]:
        newest = [
            (name, each["reason"], each["number"], each["time"])
            for name, x in status["dead_letters"].items()
            for each in x["newest"]
        ]
        tables = [
            Table(("Dead letters of", "Number", "To replay", "Bytes"), letters),
            Table(("Newest of", "Reason", "Number", "Last"), newest, ("Reason", "Last")),
        ]
        yield Section("Dead letters", (), [x for x in tables if x.rows])
    if status["inputs"] is not None:
        yield _inputs(status["inputs"])


def _of(number: int, limit: int | None) -> str:
    return f"{number:,}" + ("" if limit is None else f" of {limit:,}")


def _output_row(name: str, output: Mapping[str, Any]) -> Sequence[object]:
    age = output["oldest_seconds"]
    return (
        name,
        output["waiting"],
        None if age is None else timedelta(seconds=round(age)),
        *(output[x] for x in _COUNTS),
        output["dropped"]["documents"] if output["dropped"] else 0,
        "; ".join(_states(output)),
    )


def _states(output: Mapping[str, Any]) -> Iterator[str]:
    rejecting, failing = output["rejecting"], output["failing_since"]
    error, failed = output["last_error"], output["last_error_time"]
    attempt = output["attempt_since"]
    calling = [f"a call has been running since {attempt}"] if attempt else []
    if failing is not None:
        what = "stopped" if output["stopped"] else "failing"
        yield f"{'; '.join([f'{what} since {failing}', *calling])}: {error} ({failed})"
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
        yield f"postponed: {output['put_off']:,}, {output['put_off_for']}"
    if failing is None and error is not None:
        yield f"last error {failed}: {error}"


def _inputs(inputs: Mapping[str, Any]) -> Section:
    read = (
        f"inputs: {many(inputs['files'], 'file')};"
        f" {many(inputs['behind_bytes'], 'byte')} behind;"
        f" {many(inputs['lost_bytes'], 'byte')} lost; as of {inputs['time']}"
    )
    lines = [read]
    numbers = inputs.get("warnings", {})
    counted = [f"{many(numbers[x.name], x.noun)} {x.what}" for x in WARNINGS if numbers.get(x.name)]
    if counted:
        lines.append("since the service began: " + ", ".join(counted))
    appliances = Table(
        ("Appliance", "Last line", "Lag", "Bytes/s", "Logins", "Joined", "Open", "State"),
        [_appliance_row(x) for x in inputs.get("appliances", ())],
        ("Last line", "State"),
    )
    sizes = ("size", "behind_bytes", "lost_bytes")
    files = Table(
        ("File", "Appliance", "Size", "Behind", "Lost", "Changed"),
        [
            (x["path"], x["appliance"], *(x[y] for y in sizes), x["modified"] or "gone")
            for x in inputs["named"]
        ],
        ("Appliance", "Changed"),
    )
    sockets = Table(
        ("Socket", *(x.replace("_", " ").capitalize() for x in _SOCKETS)),
        [(x["address"], *(x[y] for y in _SOCKETS)) for x in inputs.get("listeners", ())],
    )
    return Section("Inputs", lines, [x for x in (appliances, files, sockets) if x.rows])


def _appliance_row(counts: Mapping[str, Any]) -> Sequence[object]:
    lag, logins, silent = (counts[x] for x in ("lag_seconds", "logins", "silent_since"))
    return (
        counts["appliance"],
        _iso(counts["last_line"]),
        None if lag is None else f"{lag:,} s",
        counts["bytes_per_second"],
        logins,
        f"{counts['joined'] / logins:.1%}" if logins else None,
        counts["open_connections"],
        "sending" if silent is None else f"silent since {_iso(silent)}",
    )
