"""The running service: ``status`` tells how it is doing, ``tap`` shows documents as they pass."""

import os
import re
import select
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.cli.main import (
    BAD_CONFIG,
    DONE,
    config_file,
    fail,
    format_option,
    format_table,
    load_config,
    print_result,
    require_stdout,
)
from forwarder.errors import ConfigError
from forwarder.events import Document
from forwarder.text import escaped, json_text, many, quoted

if TYPE_CHECKING:
    from forwarder.app.status import Status
    from forwarder.ecs.filters import Filter

ATTENTION = 1
NOT_RUNNING = 2
_UNKNOWN = 3
_MAX_SAID = 5  # in a line; Nagios takes 4 KB of one
_LEVELS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""By exit code, for monitors that speak as Nagios does."""

_COMMA_BEFORE_NAME = re.compile(r",(?=\s*\w*\s*=)")  # users may contain others


@click.command()
@config_file
@format_option("table", "json", help_="Lines for people, or one JSON object.")
@click.option(
    "--unparsed",
    is_flag=True,
    help="Show the newest lines that were not understood: file, byte, reason, text.",
)
@click.option(
    "--check", is_flag=True, help="Print one line, with exit codes, for Nagios and the like."
)
def status(path: Path, form: str, *, unparsed: bool, check: bool) -> NoReturn:
    """Show the progress of inputs and outputs, and any problems.

    This works whether or not the service is running, and changes nothing. The exit code is 0 if all
    is well, 1 if something needs attention, and 2 if the service is not running.

    With --check, the line begins with OK (exit code 0), WARNING (1), CRITICAL (2: not running,
    nothing is read, or an output gets nothing) or UNKNOWN (3).
    """
    from forwarder.app.status import describe
    from forwarder.spool.errors import SpoolError
    from forwarder.spool.stats import summarise

    try:
        state = describe(summarise(load_config(path).state), datetime.now(UTC))
    except SpoolError as error:
        if check:
            _end_check(_UNKNOWN, str(error))
        fail(str(error), NOT_RUNNING)
    except ConfigError:
        if check:
            _end_check(_UNKNOWN, "the configuration is not valid; run esa-forwarder check")
        raise
    if check:
        _end_check(*_verdict(state))
    if unparsed and form == "table":  # JSON has them in any case
        from forwarder.cli.parse import format_unparsed

        lines = [format_unparsed(**x) for x in (state["inputs"] or {}).get("unparsed", ())]
        none = "Every line was understood since the service began."
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
    found = state["attention"]
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
    from forwarder.app.status import sections

    process = state["service"]["process"]
    yield "service: not running" if process is None else f"service: running as process {process}"
    for finding in state["attention"]:
        yield f"attention: {escaped(finding.sentence)}."
    for number, section in enumerate(sections(state)):
        if number:
            yield ""
        yield from section.lines
        for table in section.tables:
            yield from format_table(*table)


def _read_filter(_: click.Context, __: click.Parameter, texts: Sequence[str]) -> "Filter | None":
    """Make one rule of all conditions; of one that is there several times, any value will do."""
    if not texts:
        return None
    from pydantic import ValidationError

    from forwarder.config.errors import IssueFormatter
    from forwarder.config.models import RuleSettings
    from forwarder.config.yaml import YamlDocument
    from forwarder.ecs.filters import Filter

    found = defaultdict[str, list[str]](list)
    for part in _COMMA_BEFORE_NAME.split(",".join(texts)):
        name, equals, value = (x.strip() for x in part.partition("="))
        if not (name and equals):
            raise click.BadParameter(f"{quoted(part)} is not NAME=VALUE.")
        found[name].append(value)
    single = {x: y if len(y) > 1 else y[0] for x, y in found.items()}
    try:
        rule = RuleSettings.model_validate(single).rule
    except ValidationError as error:
        document = YamlDocument(single, dict.fromkeys([(x,) for x in single], 1), {})
        issue = next(IssueFormatter(document, RuleSettings).format(error))
        raise click.BadParameter(f"{'.'.join(map(str, issue.loc))} {issue.text}") from error
    return Filter(keep=(rule,))


@click.command()
@config_file
@click.option("--output", metavar="NAME", help="Only documents that this output has accepted.")
@click.option(
    "--filter",
    "rules",
    metavar="NAME=VALUE,...",
    multiple=True,
    callback=_read_filter,
    help="Only documents that match all of these conditions: user, source (a network), action, "
    "outcome, appliance. If a name is repeated, either value may match. Values are compared whole: "
    "* is not a wildcard.",
)
@format_option("table", "ndjson", help_="A table for people, or one JSON document per line.")
def tap(path: Path, output: str | None, rules: "Filter | None", form: str) -> NoReturn:
    """Show documents of the running service as they pass.

    Without --output, all documents are shown as soon as they are in the spool. Delivery does not
    wait for this command: if it is too slow, it skips documents and reports how many.
    """
    from forwarder.app.taps import listen
    from forwarder.cli.parse import HEADER, row, terminal_line
    from forwarder.ecs.filters import passes

    require_stdout()
    config = load_config(path)
    if output is not None and output not in config.outputs:
        fail(f"there is no output {quoted(output)} in {quoted(str(path))}", BAD_CONFIG)
    show = row if form == "table" else terminal_line if sys.stdout.isatty() else bytes.decode
    is_first = True
    for passed in listen(config.state, output or ""):
        if isinstance(passed, bytes):
            if rules is None or passes(Document("", passed), rules):
                print_result(show(passed))
            continue
        if is_first:
            is_first = False
            threading.Thread(target=_end_with_reader, daemon=True).start()
            click.echo("Showing documents from now on; press Ctrl-C to stop.", err=True)
            if form == "table":
                print_result(HEADER)
        if passed:
            missing = many(passed, "document")
            text = f"warning: {missing} skipped, because they came faster than they were read."
            click.echo(text, err=True)
    fail("the service has ended")


def _end_with_reader() -> None:
    """End the command when the reader of a pipe goes away, also if no document comes any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    poll.poll()
    os._exit(DONE)
