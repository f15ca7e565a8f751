"""``esa-forwarder run``: the service."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.cli.common import DONE, FAILED
from forwarder.cli.config_file import config_file, load_or_end
from forwarder.cli.values import as_configured

if TYPE_CHECKING:
    from datetime import timedelta

    from forwarder.config.load import Config


def _duration(_: click.Context, __: click.Parameter, value: str | None) -> "timedelta | None":
    """Read a duration as in the configuration."""
    from forwarder.config.types import read_duration

    return None if value is None else as_configured(value, read_duration)


@click.command()
@config_file
@click.option("--once", is_flag=True, help="Read to the end, deliver everything, and end.")
@click.option(
    "--give-up-after",
    callback=_duration,
    metavar="DURATION",
    help="With --once: end when for so long nothing could be delivered of what waits, as 30s or 5m."
    "  [default: 5m]",
)
def run(path: Path, *, once: bool, give_up_after: "timedelta | None") -> NoReturn:
    """Follow the logs and deliver the logins, until a signal ends it.

    SIGTERM and SIGINT end it within ten seconds; SIGHUP reads the configuration again.

    With --once, it gives up when everything is read and no output that still has documents
    waiting has taken any for a while, because it fails or does not come back, or the state could
    not be opened or written for so long. What waits stays in the spool, and goes on with the next
    run; the exit code is 1.
    """
    if give_up_after is not None and not once:
        raise click.UsageError("--give-up-after goes with --once only: a service does not give up.")
    import gc

    from forwarder import log
    from forwarder.app.service import GIVE_UP_AFTER, Service
    from forwarder.cache import GC_THRESHOLDS
    from forwarder.config.load import load, mask_of
    from forwarder.errors import ForwarderError
    from forwarder.plugins import find_outputs, stdout_to_stderr

    def reload() -> "Config":
        config = load(path, find_outputs)
        _refuse_closed_input(config)
        return config

    config = load_or_end(path)
    log.configure(config.log.format, config.log.level, mask_of(config))
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        _refuse_closed_input(config)
        patience = GIVE_UP_AFTER if give_up_after is None else give_up_after
        with stdout_to_stderr():
            good = Service(config, reload, once=once, give_up_after=patience).run()
    except ForwarderError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(FAILED)
    sys.exit(DONE if good else FAILED)


def _refuse_closed_input(config: "Config") -> None:
    """Refuse to read standard input where it is closed.

    Raises:
        ReadError: A configuration asks for it.
    """
    from forwarder.config.models import StdinSettings
    from forwarder.inputs.block_reader import ReadError
    from forwarder.inputs.stdin import CLOSED, is_closed

    for number, settings in enumerate(config.inputs):
        if isinstance(settings, StdinSettings) and is_closed():
            raise ReadError(f"inputs[{number}]: {CLOSED}.")
