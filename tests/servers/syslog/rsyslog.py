"""rsyslog, as Debian installs it.

A single thread works on its queue: several of them change the order of messages.
"""

import os
import shutil
from pathlib import Path

from tests.servers.building import NotToBeHad
from tests.servers.running import Server, accepts, free_ports
from tests.servers.syslog import Targets

_CONFIG = """\
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriverCAFile="{ca}"
  parser.escapeControlCharactersOnReceive="off")
main_queue(queue.workerThreads="1")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}")
"""

_RELAY = """\
if $hostname == "udp" then action(type="omfwd" target="127.0.0.1" port="{targets.udp}"
  protocol="udp" template="RSYSLOG_TraditionalForwardFormat")
if $hostname == "tcp" then action(type="omfwd" target="127.0.0.1" port="{targets.tcp}"
  protocol="tcp" template="RSYSLOG_TraditionalForwardFormat")
if $hostname == "counted" then action(type="omfwd" target="127.0.0.1" port="{targets.tcp}"
  protocol="tcp" tcp_framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")
if $hostname == "tls" then action(type="omfwd" target="127.0.0.1" port="{targets.tls}"
  protocol="tcp" tcp_framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"
  streamDriver="gtls" streamDriverMode="1" streamDriverAuthMode="x509/certvalid")
"""

_FILE = """\
template(name="raw" type="string" string="%rawmsg%\\n")
action(type="omfile" file="{file}" template="raw")
"""


def find() -> str:
    """Find the program.

    Raises:
        NotToBeHad: It is not installed, or not with TLS.
    """
    program = shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise NotToBeHad("there is no rsyslogd (Debian: apt-get install rsyslog)")
    if not any(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")):
        raise NotToBeHad("rsyslog has no TLS (Debian: apt-get install rsyslog-gnutls)")
    return program


class Rsyslog:
    """It listens, and does something with what comes."""

    def __init__(self, program: str, folder: Path, rules: str, ca: Path | None = None) -> None:
        """Prepare; nothing is started yet.

        Args:
            program: Its path.
            folder: For all that it has.
            rules: What it does with messages.
            ca: Certificate of whoever signed those of other servers.
        """
        folder.mkdir(exist_ok=True)
        (self.port,) = free_ports(1)
        config = folder / "rsyslog.conf"
        begin = _CONFIG.format(folder=folder, port=self.port, ca=ca or "")
        config.write_text(begin + rules)
        command = [program, "-n", "-f", str(config), "-i", str(folder / "pid")]
        self.server = Server(command, folder / "output.log", lambda: accepts(self.port))
        self.start, self.close = self.server.start, self.server.stop

    @classmethod
    def relay(cls, folder: Path, targets: Targets) -> "Rsyslog":
        """Send to the program."""
        return cls(find(), folder, _RELAY.format(targets=targets), targets.ca)

    @classmethod
    def writer(cls, folder: Path, file: Path) -> "Rsyslog":
        """Write messages to a file, as they came."""
        return cls(find(), folder, _FILE.format(file=file))
