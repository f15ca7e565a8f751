"""``esa-forwarder run`` and ``esa-forwarder rewind``."""

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


@click.command()
@config_option
@click.argument("log_path", metavar="PATH")
def rewind(path: Path, log_path: str) -> NoReturn:
    """Forget how far the log at PATH was read, so that it is read again.

    The service must not run. Its documents have the same ids as before: outputs that know ids
    take them once.
    """
    import os  # noqa: PLC0415 - late on purpose

    from forwarder.core import PREFIX as CORE_PREFIX  # noqa: PLC0415
    from forwarder.core import forget_ids  # noqa: PLC0415
    from forwarder.errors import ForwarderError  # noqa: PLC0415
    from forwarder.inputs.positions import PREFIX  # noqa: PLC0415
    from forwarder.inputs.rewinding import rewind as forget  # noqa: PLC0415
    from forwarder.spool import Spool  # noqa: PLC0415

    config = load_or_end(path)
    folder = Path(os.path.abspath(config.state))  # noqa: PTH100 - .. stays
    try:
        spool = Spool.open(folder, max_bytes=config.spool.max_bytes)
        try:
            rewound = forget(spool.load_state(PREFIX), log_path)
            ids = forget_ids(spool.load_state(CORE_PREFIX), rewound.appliances)
            spool.commit([], [*rewound.changes, *ids])
        finally:
            spool.close()
    except ForwarderError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(FAILED)
    if not rewound.changes:
        click.echo(
            f"error: no log is known under {log_path!r}; esa-forwarder status names them.", err=True
        )
        sys.exit(FAILED)
    click.echo(f"{log_path} will be read again.", err=True)
    sys.exit(DONE)
