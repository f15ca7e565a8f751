"""``esa-forwarder send``: logs over syslog, to try an input."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from forwarder.cli.common import DONE, fail

if TYPE_CHECKING:
    from forwarder.inputs.syslog.address import Address

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _address(_: click.Context, __: click.Parameter, text: str) -> "Address":
    from forwarder.errors import ForwarderError
    from forwarder.inputs.syslog.address import read_address

    try:
        return read_address(text)
    except ForwarderError as error:
        raise click.BadParameter(f"{text!r} {error}.") from error


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--to",
    required=True,
    metavar="ADDRESS",
    callback=_address,
    help="udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH.",
)
@click.option("--rate", type=click.IntRange(min=1), help="Messages a second. [default: no limit]")
@click.option("--host", metavar="NAME", help="Name of the appliance in the header. [default: none]")
@click.option("--tag", default="mail_logs", show_default=True, help="Name of the log subscription.")
@click.option(
    "--octet-counting", is_flag=True, help="Send the length before each message (tcp, tls)."
)
@click.option("--ca", type=_FILE, help="CA of the receiver's certificate. [default: the system's]")
@click.option("--certificate", type=_FILE, help="The sender's own certificate, in PEM.")
@click.option("--key", type=_FILE, help="Its key, in PEM.")
def send(  # noqa: PLR0913 - one an option
    *,
    paths: tuple[str, ...],
    to: "Address",
    rate: int | None,
    host: str | None,
    tag: str,
    octet_counting: bool,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
) -> NoReturn:
    """Send the lines of mail logs over syslog, as an appliance would.

    PATH is a file, a folder or a pattern, as for parse. This is for trying an input of the type
    syslog: timestamps stay as they are in the log.
    """
    from forwarder.app.send import SendOptions
    from forwarder.app.send import send as send_logs
    from forwarder.errors import ForwarderError

    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key belong together.")
    options = SendOptions(paths, to, rate, host, tag, octet_counting, ca, certificate, key)
    begun = time.monotonic()
    try:
        number = send_logs(options)
    except ForwarderError as error:
        fail(str(error))
    seconds = time.monotonic() - begun
    click.echo(f"{number:,} messages sent to {to.url} in {seconds:.1f} s", err=True)
    sys.exit(DONE)
