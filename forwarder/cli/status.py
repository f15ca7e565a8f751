"""``esa-forwarder status``: how the service is doing, for people and for programs."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import orjson

from forwarder.cli.common import (
    DONE,
    config_file,
    fail,
    format_table,
    format_unparsed,
    load_or_end,
    print_result,
)
from forwarder.events import WARNINGS
from forwarder.text import escaped, escaped_json, iso_time, many

if TYPE_CHECKING:
    from forwarder.app.status import Status

ATTENTION = 1
NOT_RUNNING = 2
_UNKNOWN = 3
_MAX_SAID = 5  # in a line; Nagios takes 4 KB of one
_LEVELS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""By exit code, for monitors that speak as Nagios does."""

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
@click.option(
    "--check", is_flag=True, help="One line for a monitor, with the exit codes of Nagios."
)
def status(path: Path, form: str, *, unparsed: bool, check: bool) -> NoReturn:
    """Show how far inputs and outputs are, and what needs attention.

    Works whether the service runs or not, and changes nothing. The exit code is 0 if all is well, 1
    if the service runs and something needs attention, and 2 if it does not run.

    With --check, the line begins with OK (exit code 0), WARNING (1), CRITICAL (2: it does not run,
    nothing is read, or an output gets nothing) or UNKNOWN (3).
    """
    from forwarder.app.status import describe
    from forwarder.spool.errors import SpoolError
    from forwarder.spool.stats import summarise

    try:
        state = describe(summarise(load_or_end(path).state), datetime.now(UTC))
    except SpoolError as error:
        if check:
            _end_check(_UNKNOWN, str(error))
        fail(str(error), NOT_RUNNING)
    except SystemExit:
        if check:
            _end_check(_UNKNOWN, "the configuration is not valid; run esa-forwarder check")
        raise
    if check:
        _end_check(*_verdict(state))
    if unparsed:
        lines = [format_unparsed(**x) for x in (state["inputs"] or {}).get("unparsed", ())]
        none = "The service knows of no line that it did not understand."
        print_result("\n".join(lines) or none)
    else:
        print_result(as_json(state).decode() if form == "json" else "\n".join(as_text(state)))
    is_well = DONE if not state["attention"] else ATTENTION
    sys.exit(is_well if state["service"]["running"] else NOT_RUNNING)


def _end_check(code: int, text: str) -> NoReturn:
    print_result(f"{_LEVELS[code]}: {text}")
    sys.exit(code)


def _verdict(state: "Status") -> tuple[int, str]:
    """Return an exit code and a line: what is wrong, and numbers behind a bar, as Nagios reads."""
    from forwarder.app.attention import Finding

    found = sorted((Finding(**x) for x in state["attention"]), key=lambda x: not x.critical)
    said = [x.sentence for x in found[:_MAX_SAID]] or ["nothing needs attention"]
    code = 2 if any(x.critical for x in found) else 1 if found else 0
    if not state["service"]["running"]:
        code, said = 2, ["the service is not running", *said[: len(found)]]
    if len(found) > _MAX_SAID:
        said.append(f"{len(found) - _MAX_SAID:,} more; see esa-forwarder status")
    outputs, spool = state["outputs"].values(), state["spool"]
    numbers = {
        "waiting": max((x["waiting"] for x in outputs), default=0),
        "oldest": f"{max((x['oldest_seconds'] or 0 for x in outputs), default=0):.0f}s",
        "dead_letters": sum(x["number"] for x in state["dead_letters"].values()),
        "behind": f"{state['inputs']['behind_bytes'] if state['inputs'] else 0}B",
        "spool": f"{spool['bytes']}B;;;0;{spool['max_bytes'] or ''}",
    }
    words = escaped("; ".join(said)).replace("|", "/")
    return code, f"{words} | {' '.join(f'{x}={y}' for x, y in numbers.items())}"


def as_json(state: "Status") -> bytes:
    """Return everything as one JSON object."""
    text = orjson.dumps(state, option=orjson.OPT_INDENT_2).decode()
    return escaped_json(text).encode()


def as_text(state: "Status") -> Iterator[str]:
    """Yield everything as lines for people."""
    from forwarder.app.attention import Finding

    spool = state["spool"]
    process = state["service"]["process"]
    yield "service: not running" if process is None else f"service: running as process {process}"
    for finding in state["attention"]:
        yield f"attention: {escaped(Finding(**finding).sentence)}."
    yield (
        f"spool: {many(spool['documents'], 'document')};"
        f" {_of(spool['bytes'], spool['max_bytes'])} bytes;"
        f" WAL: {many(spool['wal_bytes'], 'byte')};"
        f" free on the disk: {many(spool['disk_free_bytes'], 'byte')}"
    )
    if spool["damaged_rows"]:
        documents = many(spool["damaged_documents"], "document")
        yield f"damaged and deleted: {documents} in {many(spool['damaged_rows'], 'row')}"
    yield f"open connections: {state['connections']['open']:,}"
    if state["outputs"]:
        yield ""
        rows = [_row(x, y) for x, y in state["outputs"].items()]
        yield from format_table(_OUTPUTS, rows, left=(0, len(_OUTPUTS) - 1))
    if state["dead_letters"]:
        yield ""
        letters = [
            (name, f"{x['number']:,}", f"{x['to_replay']:,}", _of(x["bytes"], x["max_bytes"]))
            for name, x in state["dead_letters"].items()
        ]
        yield from format_table(_DEAD_LETTERS, letters, left=(0,))
    if state["inputs"] is not None:
        yield ""
        yield from _inputs(state["inputs"])


def _of(number: int, limit: int | None) -> str:
    return f"{number:,}" + ("" if limit is None else f" of {limit:,}")


def _row(name: str, output: Mapping[str, Any]) -> Sequence[str]:
    age = output["oldest_seconds"]
    dropped = output["dropped"]["documents"] if output["dropped"] else 0
    return (
        name,
        f"{output['waiting']:,}",
        "" if age is None else str(timedelta(seconds=round(age))),
        *(f"{output[x]:,}" for x in _COUNTS[:-1]),
        f"{dropped:,}",
        "; ".join(_states(output)),
    )


def _states(output: Mapping[str, Any]) -> Iterator[str]:
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
        yield f"postponed: {output['put_off']:,}, {output['put_off_for']}"
    if failing is None and error is not None:
        yield f"last error {time}: {error}"


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
