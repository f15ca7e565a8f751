"""``esa-forwarder rewind``: a log, and all that its appliance wrote later, is read again."""

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.commands.config_file import config_option, load_or_end
from forwarder.commands.ending import DONE, FAILED
from forwarder.visible import many, quoted

if TYPE_CHECKING:
    from forwarder.config import Config
    from forwarder.inputs.rewinding import Again


@click.command()
@config_option
@click.argument("log_path", metavar="PATH")
def rewind(path: Path, log_path: str) -> NoReturn:
    """Go back to the beginning of the log at PATH, and read again from there.

    PATH and every later log of the same appliance are read again, in their order, and all that is
    remembered of the appliance is forgotten: open connections, sessions, ids. So the documents are
    the same as before, with the same ids: outputs that know ids take them once. Earlier logs are
    not read again, so connections that began in them are not known; to have these too, name the
    log in which they began.

    The service must not run.
    """
    import time  # noqa: PLC0415 - late on purpose

    from forwarder.errors import ForwarderError  # noqa: PLC0415
    from forwarder.followed import followed_by  # noqa: PLC0415
    from forwarder.inputs.rewinding import obstacles  # noqa: PLC0415

    config = load_or_end(path)
    try:
        logs = _forget(config, log_path)
    except ForwarderError as error:
        click.echo(f"error: {error}.", err=True)
        sys.exit(FAILED)
    if not logs:
        click.echo(
            f"error: no log is known under {quoted(log_path)}; esa-forwarder status names them. One"
            " that was rewound is known again when it is read.",
            err=True,
        )
        sys.exit(FAILED)
    for line in _report(logs):
        click.echo(line, err=True)
    for obstacle in obstacles(logs, followed_by(config.inputs, config.state), time.time()):
        click.echo(f"warning: {obstacle}.", err=True)
    sys.exit(DONE)


def _forget(config: "Config", log_path: str) -> list["Again"]:
    """Change the state; give the logs that are forgotten."""
    import os  # noqa: PLC0415 - late on purpose

    from forwarder.core_settings import PREFIX as CORE_PREFIX  # noqa: PLC0415
    from forwarder.core_settings import forget  # noqa: PLC0415
    from forwarder.followed import followed_by  # noqa: PLC0415
    from forwarder.inputs.positions import PREFIX  # noqa: PLC0415
    from forwarder.inputs.rewinding import rewind as find  # noqa: PLC0415
    from forwarder.reading import appliances_in  # noqa: PLC0415
    from forwarder.spool import Spool  # noqa: PLC0415
    from forwarder.spool.visiting import existing  # noqa: PLC0415

    folder = Path(os.path.abspath(config.state))  # noqa: PTH100 - .. stays
    existing(folder)
    spool = Spool.open(
        folder,
        max_bytes=config.spool.max_bytes,
        max_letter_bytes=config.dead_letters.max_bytes,
    )
    try:
        logs = find(spool.load_state(PREFIX), log_path, followed_by(config.inputs, config.state))
        # A relay's file holds lines of several appliances.
        appliances = {x.position.appliance for x in logs}
        appliances.update(*(appliances_in(x.position.resume) for x in logs))
        changes = forget(spool.load_state(CORE_PREFIX), appliances)
        spool.commit([], [*((x.key, None) for x in logs), *changes])
    finally:
        spool.close()
    return logs


def _report(logs: Iterable["Again"]) -> Iterator[str]:
    """Say what will be read again; sizes are of what was read, unpacked."""
    there = [x for x in logs if x.sighting is not None]
    for appliance, group in groupby(there, key=lambda x: x.position.appliance):
        own = list(group)
        size = sum(x.position.fingerprint.size for x in own)
        yield (
            f"{many(len(own), 'log')} of {quoted(appliance)} will be read again,"
            f" {many(size, 'byte')}:"
        )
        yield from (f"  {quoted(x.path)}: {many(x.position.fingerprint.size, 'byte')}" for x in own)
