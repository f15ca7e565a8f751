"""``esa-forwarder rewind``: a log, and all that its appliance wrote later, is read again."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.cli.common import BAD_CONFIG, DONE, config_option, fail, load_or_end
from forwarder.text import many, quoted

if TYPE_CHECKING:
    from forwarder.config.load import Config
    from forwarder.inputs.files.rewind import Again
    from forwarder.spool import Spool


@click.command()
@config_option
@click.option(
    "--output",
    metavar="NAME",
    help="For this output alone, such as one that is new; nothing else changes.",
)
@click.option(
    "--settle",
    is_flag=True,
    help="With --output: what was dropped for it is settled, and status names it no more.",
)
@click.option("--yes", is_flag=True, help="Go on without asking where documents may be twice.")
@click.argument("log_path", metavar="[PATH]", required=False)
def rewind(
    path: Path,
    output: str | None,
    settle: bool,  # noqa: FBT001 - click
    yes: bool,  # noqa: FBT001 - click
    log_path: str | None,
) -> NoReturn:
    """Go back to the beginning of the log at PATH, and read again from there.

    PATH and every later log of the same appliance are read again, in their order, and all that is
    remembered of the appliance is forgotten: open connections, sessions, ids. So the documents are
    the same as before, with the same ids: outputs that know ids take them once. Earlier logs are
    not read again, so connections that began in them are not known; to have these too, name the
    log in which they began.

    With --output the logs are read at once, as far as the service has read them, and their
    documents wait for that output alone, in the spool, which needs room for them
    (spool.max_bytes).

    What was dropped for an output because the spool was full is named by status until it is
    settled: with --settle, once the logs of all appliances are read again, or when nobody needs
    them. PATH may be left out then.

    Before anything changes, it is said in which outputs documents may be there twice; without
    --yes you are asked, and where nobody can be asked, it ends with 1.

    The service must not run.
    """
    from forwarder.errors import ForwarderError

    if settle and output is None:
        raise click.UsageError("--settle needs --output.")
    if log_path is None and not settle:
        raise click.UsageError("Missing argument 'PATH'.")
    config = load_or_end(path)
    if output is not None and output not in config.outputs:
        fail(f"there is no output {quoted(output)} in {quoted(str(path))}", BAD_CONFIG)
    try:
        with _opened(config) as spool:
            if log_path is not None:
                _read_again(config, spool, log_path, output, yes=yes)
            if output is not None:
                _say_dropped(spool, output, settle=settle)
    except ForwarderError as error:
        fail(str(error))
    sys.exit(DONE)


def _read_again(
    config: "Config", spool: "Spool", log_path: str, output: str | None, *, yes: bool
) -> None:
    """Find the logs, say what will happen, ask, and do it."""
    import time

    from forwarder.config.load import file_sources
    from forwarder.inputs.files.rewind import obstacles

    logs = _find(config, spool, log_path)
    if not logs:
        fail(
            f"no log is known under {quoted(log_path)}; esa-forwarder status names them."
            " One that was rewound is known again when it is read"
        )
    followed = file_sources(config)
    for line in _report(logs, output):
        click.echo(line, err=True)
    # What is read at once is read however old it is.
    asked = [x for x in logs if output is None or x.file is None]
    for obstacle in obstacles(asked, followed, time.time()):
        click.echo(f"warning: {obstacle}.", err=True)
    _agree(config, spool, output, yes=yes)
    if output is None:
        _forget(spool, logs)
    else:
        number = _backfill(config, spool, output, logs)
        waiting = many(number, "document")
        click.echo(f"{waiting} added to the spool for {quoted(output)}.", err=True)


def _say_dropped(spool: "Spool", output: str, *, settle: bool) -> None:
    """Settle what was dropped for an output, or say how."""
    progress = spool.outputs.get(output)
    number = progress.dropped.documents if progress and progress.dropped else 0
    dropped = f"{many(number, 'document')} dropped for {quoted(output)}"
    if settle and number:
        spool.settle_dropped(output)
        click.echo(f"{dropped}: settled.", err=True)
    elif settle:
        click.echo(f"Nothing is dropped for {quoted(output)}.", err=True)
    elif number:
        click.echo(
            f"status still names {dropped}. When the logs of all appliances are read again:"
            f" esa-forwarder rewind --output {quoted(output)} --settle.",
            err=True,
        )


@contextmanager
def _opened(config: "Config") -> Iterator["Spool"]:
    """Open the spool, which has to be there."""
    from forwarder.app.saved_state import open_spool
    from forwarder.spool.stats import database_path

    database_path(Path(os.path.abspath(config.state)))  # noqa: PTH100 - .. stays
    with closing(open_spool(config)) as spool:
        yield spool


def _find(config: "Config", spool: "Spool", log_path: str) -> list["Again"]:
    from forwarder.config.load import file_sources
    from forwarder.inputs.files.checkpoint import PREFIX
    from forwarder.inputs.files.rewind import rewind as find

    return find(spool.load_state(PREFIX), log_path, file_sources(config))


def _agree(config: "Config", spool: "Spool", only: str | None, *, yes: bool) -> None:
    """Say where documents will be twice, and ask; end if that is not wanted."""
    twice = False
    for name, output in config.outputs.items():
        if only not in {None, name} or not (number := _delivered(spool, name)):
            continue
        what = f"Output {quoted(name)} ({output.plugin.name})"
        if output.plugin.knows_ids:
            click.echo(f"{what} recognises by their ids the documents that it has.", err=True)
        else:
            has = f"{what} has had {many(number, 'document')}"
            click.echo(f"{has}; those of these logs may be in it twice.", err=True)
            twice = True
    if not twice or yes:
        return
    if not sys.stdin.isatty():
        fail("nothing was changed; with --yes the logs are read again all the same")
    if not click.confirm("Read them again?", err=True):
        fail("nothing was changed")


def _delivered(spool: "Spool", output: str) -> int:
    progress = spool.outputs.get(output)
    return progress.delivered if progress else 0


def _forget(spool: "Spool", logs: Sequence["Again"]) -> None:
    """Change the state, so that the service reads again."""
    from forwarder.app.parser_client import PREFIX
    from forwarder.app.saved_state import forget
    from forwarder.reading import appliances_in

    # A relay's file holds lines of several appliances.
    appliances = {x.position.appliance for x in logs}
    appliances.update(*(appliances_in(x.position.resume) for x in logs))
    changes = forget(spool.load_state(PREFIX), appliances)
    spool.commit([], [*((x.key, None) for x in logs), *changes])


def _backfill(config: "Config", spool: "Spool", output: str, logs: Sequence["Again"]) -> int:
    """Read now, for one output; give the number of documents that wait for it."""
    from forwarder.app.parser_client import ParserSettings
    from forwarder.app.parser_worker import read_again

    settings = ParserSettings.of(config.inputs, config.documents)
    return spool.backfill(output, read_again(logs, settings))


def _report(logs: Iterable["Again"], output: str | None) -> Iterator[str]:
    """Say what will be read again; sizes are of what was read, unpacked."""
    only = "" if output is None else f" for {quoted(output)} alone"
    there = [x for x in logs if x.file is not None]
    for appliance, group in groupby(there, key=lambda x: x.position.appliance):
        own = list(group)
        size = sum(x.position.fingerprint.size for x in own)
        yield (
            f"{many(len(own), 'log')} of {quoted(appliance)} will be read again{only},"
            f" {many(size, 'byte')}:"
        )
        yield from (f"  {quoted(x.path)}: {many(x.position.fingerprint.size, 'byte')}" for x in own)
