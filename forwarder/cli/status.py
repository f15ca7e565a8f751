"""``esa-forwarder status``: how the service is doing, for people and for programs."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.cli.common import (
    DONE,
    config_file,
    fail,
    format_option,
    format_table,
    format_unparsed,
    load_or_end,
    print_result,
)
from forwarder.text import escaped, json_text

if TYPE_CHECKING:
    from forwarder.app.status import Status

ATTENTION = 1
NOT_RUNNING = 2
_UNKNOWN = 3
_MAX_SAID = 5  # in a line; Nagios takes 4 KB of one
_LEVELS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""By exit code, for monitors that speak as Nagios does."""


@click.command()
@config_file
@format_option("table", "json", help_="Lines for people, or one JSON object.")
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
    if unparsed and form == "table":  # JSON has them in any case
        lines = [format_unparsed(**x) for x in (state["inputs"] or {}).get("unparsed", ())]
        none = "The service knows of no line that it did not understand."
        print_result("\n".join(lines) or none)
    else:
        print_result(json_text(state, indent=True) if form == "json" else "\n".join(as_text(state)))
    is_well = DONE if not state["attention"] else ATTENTION
    sys.exit(is_well if state["service"]["running"] else NOT_RUNNING)


def _end_check(code: int, text: str) -> NoReturn:
    print_result(f"{_LEVELS[code]}: {text}")
    sys.exit(code)


def _verdict(state: "Status") -> tuple[int, str]:
    """Return an exit code and a line: what is wrong, and numbers behind a bar, as Nagios reads."""
    from forwarder.app.status import Finding

    found = [Finding(**x) for x in state["attention"]]
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


def as_text(state: "Status") -> Iterator[str]:
    """Yield everything as lines for people."""
    from forwarder.app.status import Finding, sections

    process = state["service"]["process"]
    yield "service: not running" if process is None else f"service: running as process {process}"
    for finding in state["attention"]:
        yield f"attention: {escaped(Finding(**finding).sentence)}."
    for number, section in enumerate(sections(state)):
        if number:
            yield ""
        yield from section.lines
        for table in section.tables:
            yield from format_table(table)
