"""syslog-ng, unpacked from Debian's packages: it cannot be installed beside rsyslog."""

import re
import subprocess
from pathlib import Path

from tests.servers.building import HERE, build_once, find_program, run
from tests.servers.running import Server, accepts, free_ports
from tests.servers.syslog import Targets

_PACKAGE = "syslog-ng-core"

_CONFIG = """\
@version: {version}
options {{ keep-hostname(yes); use-dns(no); dns-cache(no); stats-freq(0); log-msg-size(65536); }};
source appliances {{ network(ip("127.0.0.1") port({port}) transport("tcp")); }};
destination udp {{ network("127.0.0.1" port({targets.udp}) transport("udp")); }};
destination tcp {{ network("127.0.0.1" port({targets.tcp}) transport("tcp")); }};
destination counted {{
  syslog("127.0.0.1" port({targets.tcp}) transport("tcp") persist-name("counted"));
}};
destination tls {{
  syslog("127.0.0.1" port({targets.tls}) transport("tls") tls(ca-file("{targets.ca}")));
}};
log {{ source(appliances); filter {{ host("^udp$"); }}; destination(udp); }};
log {{ source(appliances); filter {{ host("^tcp$"); }}; destination(tcp); }};
log {{ source(appliances); filter {{ host("^counted$"); }}; destination(counted); }};
log {{ source(appliances); filter {{ host("^tls$"); }}; destination(tls); }};
"""


def build() -> Path:
    """Unpack it, with the libraries that this system does not have.

    Raises:
        NotToBeHad: This is not Debian, or its packages cannot be fetched.
    """
    return build_once("syslog-ng", HERE / "syslog", _unpack, _PACKAGE)


def _unpack(folder: Path) -> None:
    command = [find_program("apt-get", "apt"), "install", "--simulate", "--no-install-recommends"]
    simulated = subprocess.run(  # noqa: S603 - it only says what it would do
        [*command, _PACKAGE], capture_output=True, text=True, check=False
    ).stdout
    packages = re.findall(r"(?m)^Inst (\S+)", simulated) or [_PACKAGE]
    run(["env", "-C", folder, "apt-get", "download", "-qq", *packages])
    for package in [*folder.glob("*.deb")]:
        run(["dpkg", "-x", package, folder])
        package.unlink()


class SyslogNg:
    """It sends what comes to the program."""

    def __init__(self, home: Path, folder: Path, targets: Targets) -> None:
        """Prepare; nothing is started yet.

        Args:
            home: Where it is unpacked.
            folder: For all that it has.
            targets: Where the program listens.
        """
        folder.mkdir(exist_ok=True)
        (self.port,) = free_ports(1)
        (modules,) = home.glob("usr/lib/syslog-ng/*/")
        config = folder / "syslog-ng.conf"
        config.write_text(_CONFIG.format(version=modules.name, port=self.port, targets=targets))
        libraries = ":".join(sorted({str(x.parent) for x in home.glob("**/*.so.*")}))
        command: list[str | Path] = [
            *("env", f"LD_LIBRARY_PATH={libraries}", home / "usr/sbin/syslog-ng", "--foreground"),
            *("--no-caps", f"--cfgfile={config}", f"--persist-file={folder}/persist"),
            *(f"--pidfile={folder}/pid", f"--control={folder}/control"),
            f"--module-path={modules}",
        ]
        server = Server(command, folder / "output.log", lambda: accepts(self.port))
        self.start, self.close = server.start, server.stop
