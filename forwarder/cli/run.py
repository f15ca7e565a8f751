"""``esa-forwarder run``: the service."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.cli.common import (
    BAD_CONFIG,
    DONE,
    FAILED,
    as_configured,
    config_file,
    fail,
    load_or_end,
)

if TYPE_CHECKING:
    from datetime import timedelta


@click.command()
@config_file
@click.option("--once", is_flag=True, help="Read to the end, deliver everything, and exit.")
@click.option(
    "--give-up-after",
    callback=as_configured("read_duration"),
    metavar="DURATION",
    help="With --once: exit when nothing was delivered for this long, like 30s or 5m."
    "  [default: 5m]",
)
def run(path: Path, *, once: bool, give_up_after: "timedelta | None") -> NoReturn:
    """Follow the logs and deliver the logins, until a signal ends it.

    SIGTERM and SIGINT end it within ten seconds; SIGHUP reloads the configuration.

    With --once, it exits when it makes no progress for --give-up-after: everything is read, and no
    output with waiting documents has accepted any, or the state cannot be opened or written. The
    waiting documents stay in the spool until the next run; the exit code is 1.
    """
    if give_up_after is not None and not once:
        raise click.UsageError("--give-up-after needs --once: a service does not give up.")
    from forwarder import log
    from forwarder.app.service import GIVE_UP_AFTER, Service
    from forwarder.config.load import load
    from forwarder.config.secret_settings import mask_of
    from forwarder.errors import ConfigError, ForwarderError
    from forwarder.plugins import find_outputs, stdout_to_stderr

    config = load_or_end(path)
    log.configure(config.log.format, config.log.level, mask_of(config))
    reload = partial(load, path, find_outputs)
    patience = GIVE_UP_AFTER if give_up_after is None else give_up_after
    try:
        with stdout_to_stderr():
            good = Service(config, reload, once=once, give_up_after=patience).run()
    except ForwarderError as error:
        fail(str(error), BAD_CONFIG if isinstance(error, ConfigError) else FAILED)
    sys.exit(DONE if good else FAILED)
