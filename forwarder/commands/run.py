"""``esa-forwarder run``: the service."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.commands.config_file import config_option, load_or_end
from forwarder.commands.ending import DONE, FAILED

if TYPE_CHECKING:
    from forwarder.config import Config


@click.command()
@config_option
@click.option("--once", is_flag=True, help="Read to the end, deliver everything, and end.")
def run(path: Path, *, once: bool) -> NoReturn:
    """Follow the logs and deliver the logins, until a signal ends it.

    SIGTERM and SIGINT end it within ten seconds; SIGHUP reads the configuration again.
    """
    import gc  # noqa: PLC0415 - late on purpose
    import signal  # noqa: PLC0415

    # Until the service receives it: the configuration is only just read.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    from forwarder import log  # noqa: PLC0415
    from forwarder.config import load  # noqa: PLC0415
    from forwarder.errors import ForwarderError  # noqa: PLC0415
    from forwarder.memory import GC_THRESHOLDS  # noqa: PLC0415
    from forwarder.plugins import find_outputs  # noqa: PLC0415
    from forwarder.service import Service  # noqa: PLC0415

    def reload() -> "Config":
        return load(path, find_outputs)

    config = load_or_end(path)
    log.configure(config.log.format, config.log.level)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        good = Service(config, reload, once=once).run()
    except ForwarderError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(FAILED)
    sys.exit(DONE if good else FAILED)
