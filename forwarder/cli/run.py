"""``esa-forwarder run``, the service, and ``rewind``, which has it read a log again."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.cli.main import (
    BAD_CONFIG,
    DONE,
    FAILED,
    as_configured,
    config_file,
    config_option,
    fail,
    load_config,
)
from forwarder.text import many, quoted

if TYPE_CHECKING:
    from datetime import timedelta

    from forwarder.config.load import Config
    from forwarder.inputs.files.checkpoint import RewoundLog
    from forwarder.spool.spool import Spool


@click.command()
@config_file
@click.option("--once", is_flag=True, help="Read to the end, deliver everything, and exit.")
@click.option(
    "--give-up-after",
    type=as_configured("read_duration"),
    metavar="DURATION",
    help="With --once: exit after this long without progress, such as 30s or 5m.  [default: 5m]",
)
def run(path: Path, *, once: bool, give_up_after: "timedelta | None") -> NoReturn:
    """Follow the logs and deliver logins until stopped by a signal.

    SIGTERM and SIGINT stop the service within ten seconds; SIGHUP reloads the configuration.

    With --once, the service exits with 1 if it makes no progress for --give-up-after: everything is
    read, and no output with waiting documents has accepted any, or the state cannot be opened or
    written. Waiting documents stay in the spool until the next run.
    """
    if give_up_after is not None and not once:
        raise click.UsageError("--give-up-after needs --once: a service does not give up.")
    from forwarder import log
    from forwarder.app.service import GIVE_UP_AFTER, Service
    from forwarder.config.load import load
    from forwarder.config.secret_settings import mask_of
    from forwarder.plugins import find_outputs, stdout_to_stderr

    config = load_config(path)
    log.configure(config.log.format, config.log.level, mask_of(config))
    reload = partial(load, path, find_outputs)
    patience = GIVE_UP_AFTER if give_up_after is None else give_up_after
    with stdout_to_stderr():
        good = Service(config, reload, once=once, give_up_after=patience).run()
    sys.exit(DONE if good else FAILED)


@click.command()
@config_option
@click.option(
    "--output",
    metavar="NAME",
    help="Only for this output, such as a new one; nothing else changes.",
)
@click.option(
    "--settle",
    is_flag=True,
    help="With --output: settle what was dropped for it, so that status no longer lists it.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.argument("log_path", metavar="[PATH]", required=False)
def rewind(
    path: Path,
    output: str | None,
    settle: bool,  # noqa: FBT001 - click
    yes: bool,  # noqa: FBT001 - click
    log_path: str | None,
) -> None:
    """Read a log and all later logs of its appliance again.

    The logs from PATH on are read in order, and everything remembered about the appliance is
    forgotten, so documents get the same ids as before. Lines in earlier logs are not read again,
    even of connections that continue in later ones.

    With --output, the logs are read at once, as far as the service has read them, and their
    documents wait for that output only. Documents that were dropped for it because the spool was
    full are listed by status until you settle them with --settle, which needs no PATH.

    If documents may become duplicates, you are asked for confirmation. The service must not be
    running.
    """
    from forwarder.app.saved_state import open_spool
    from forwarder.spool.stats import database_path

    if settle and output is None:
        raise click.UsageError("--settle needs --output.")
    if log_path is None and not settle:
        raise click.UsageError("Missing argument 'PATH'.")
    config = load_config(path)
    if output is not None and output not in config.outputs:
        fail(f"there is no output {quoted(output)} in {quoted(str(path))}", BAD_CONFIG)
    # A spool has to be there already.
    database_path(Path(os.path.abspath(config.state)))  # noqa: PTH100 - .. stays
    with closing(open_spool(config)) as spool:
        if log_path is not None:
            _read_again(config, spool, log_path, output, yes=yes)
        if settle and output is not None:
            _settle(spool, output)


def _read_again(
    config: "Config", spool: "Spool", log_path: str, output: str | None, *, yes: bool
) -> None:
    from forwarder.app.parser_client import ParserSettings
    from forwarder.app.parser_worker import read_again
    from forwarder.config.load import file_sources
    from forwarder.inputs.files.checkpoint import PREFIX, logs_to_rewind, obstacles

    sources = file_sources(config)
    logs = logs_to_rewind(spool.load_state(PREFIX), log_path, sources)
    if not logs:
        fail(
            f"no log is known under {quoted(log_path)}; esa-forwarder status lists them."
            " One that was rewound is known again when it is read"
        )
    only = "" if output is None else f" for {quoted(output)} alone"
    there = [x for x in logs if x.file is not None]
    for appliance, group in groupby(there, key=lambda x: x.position.appliance):
        sizes = {x.path: x.position.fingerprint.size for x in group}  # uncompressed
        what = f"{many(len(sizes), 'log')} of {quoted(appliance)} will be read again{only}"
        click.echo(f"{what}, {many(sum(sizes.values()), 'byte')}:", err=True)
        for path, size in sizes.items():
            click.echo(f"  {quoted(path)}: {many(size, 'byte')}", err=True)
    # What is read at once is read however old it is.
    later = [x for x in logs if output is None or x.file is None]
    for obstacle in obstacles(later, sources, time.time()):
        click.echo(f"warning: {obstacle}.", err=True)
    _confirm(config, spool, output, yes=yes)
    if output is None:
        _forget(config, spool, logs)
    else:
        settings = ParserSettings.of(config)
        added = many(spool.backfill(output, read_again(logs, settings)), "document")
        click.echo(f"{added} added to the spool for {quoted(output)}.", err=True)


def _confirm(config: "Config", spool: "Spool", only: str | None, *, yes: bool) -> None:
    """Tell where documents may be duplicated, and ask; end if that is not wanted."""
    twice = False
    for name, output in config.outputs.items():
        number = spool.outputs[name].delivered if name in spool.outputs else 0
        if number and only in {None, name} and not output.plugin.knows_ids:
            has = f"Output {quoted(name)} ({output.plugin.name}) has had {many(number, 'document')}"
            click.echo(f"{has}; documents from these logs may be duplicated.", err=True)
            twice = True
    if twice and not yes:
        click.confirm("Read them again (--yes skips this question)?", abort=True, err=True)


def _forget(config: "Config", spool: "Spool", logs: Sequence["RewoundLog"]) -> None:
    from forwarder.app.parser_client import PREFIX
    from forwarder.app.saved_state import appliances_in, forget

    # A relay's file contains lines of several appliances.
    appliances = {x.position.appliance for x in logs}
    appliances.update(*(appliances_in(x.position.resume) for x in logs if x.position.resume))
    appliances |= {config.appliances.name_of(x) for x in appliances}
    changes = forget(spool.load_state(PREFIX), appliances)
    spool.commit([], [*((x.key, None) for x in logs), *changes])


def _settle(spool: "Spool", output: str) -> None:
    progress = spool.outputs[output]
    number = progress.dropped.documents if progress.dropped else 0
    spool.settle_dropped(output)
    click.echo(f"{many(number, 'document')} dropped for {quoted(output)}: settled.", err=True)
